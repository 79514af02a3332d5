//! Projects: groups of a tenant's numbers and agents.

use domain::tenant::Project;
use domain::{ProjectId, TenantId};

use crate::item::{StoreError, encode, with_key};
use crate::keys;
use crate::page::{Cursor, Listing, Page};
use crate::transact::{Guard, TransactError, Write};
use crate::update::Update;
use crate::{Item, Store};

impl Store {
    /// A project.
    pub async fn project_get(&self, tenant: &TenantId, id: &ProjectId) -> Result<Option<Project>, StoreError> {
        self.get(&keys::project(tenant, id)).await
    }

    /// Projects, oldest first.
    pub async fn project_list(
        &self,
        tenant: &TenantId,
        after: Option<Cursor>,
        limit: u16,
        keep: impl Fn(&Project) -> bool,
    ) -> Result<Page<Project>, StoreError> {
        let pk = keys::tenant_partition(tenant);
        self.list(Listing { pk, prefix: keys::PROJECTS, forward: true, after, limit }, keep).await
    }

    /// Renames a project.
    ///
    /// # Errors
    /// [`TransactError::Lost`] when there is none.
    pub async fn project_rename(&self, tenant: &TenantId, id: &ProjectId, name: &str) -> Result<(), TransactError> {
        let update = Update::of(keys::project(tenant, id)).set("name", &name)?.when_exists();
        self.transact(vec![update.write(Guard::Project)]).await
    }

    /// Deletes a project nothing is in.
    ///
    /// # Errors
    /// [`TransactError::Lost`] when something is in it, or there is none.
    pub async fn project_delete(&self, tenant: &TenantId, id: &ProjectId) -> Result<(), TransactError> {
        let values = Item::from([(":none".to_owned(), crate::item::whole(0))]);
        let condition = "attribute_exists(pk) AND uses = :none";
        let delete = Write::delete_when(Guard::Project, &keys::project(tenant, id), condition, values);
        self.transact(vec![delete]).await
    }
}

/// Makes a project.
pub fn insert(project: &Project) -> Result<Write, StoreError> {
    let key = keys::project(&project.tenant_id, &project.id);
    Ok(Write::insert(Guard::Project, with_key(encode(project)?, &key)))
}

/// One thing more in a project.
pub fn join(tenant: &TenantId, id: &ProjectId) -> Write {
    Update::of(keys::project(tenant, id)).add("uses", 1).when_exists().write(Guard::Project)
}

/// One thing less in a project.
pub fn leave(tenant: &TenantId, id: &ProjectId) -> Write {
    Update::of(keys::project(tenant, id)).add("uses", -1).when_at_least("uses", 1).write(Guard::PreviousProject)
}
