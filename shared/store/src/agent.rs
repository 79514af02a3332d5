//! Agents.

use domain::agent::{Agent, AgentStatus};
use domain::{AgentId, TenantId};

use crate::item::{StoreError, encode, whole, with_key};
use crate::keys;
use crate::page::{Cursor, Listing, Page};
use crate::transact::{Guard, TransactError, Write};
use crate::update::Update;
use crate::{Item, Store};

impl Store {
    /// An agent.
    pub async fn agent_get(&self, tenant: &TenantId, id: &AgentId) -> Result<Option<Agent>, StoreError> {
        self.get(&keys::agent(tenant, id)).await
    }

    /// Agents, oldest first.
    pub async fn agent_list(
        &self,
        tenant: &TenantId,
        after: Option<Cursor>,
        limit: u16,
        keep: impl Fn(&Agent) -> bool,
    ) -> Result<Page<Agent>, StoreError> {
        let pk = keys::tenant_partition(tenant);
        self.list(Listing { pk, prefix: keys::AGENTS, forward: true, after, limit }, keep).await
    }

    /// Notes the platform's id of an agent that was being made.
    ///
    /// # Errors
    /// [`TransactError::Lost`] when it is not being made any more.
    pub async fn agent_created(&self, agent: &Agent, platform_agent_id: &str) -> Result<(), TransactError> {
        let update = Update::of(keys::agent(&agent.tenant_id, &agent.id))
            .set("platform_agent_id", &platform_agent_id)?
            .set("status", &AgentStatus::Active)?
            .when_is("status", &AgentStatus::Creating)?;
        self.transact(vec![update.write(Guard::Agent)]).await
    }
}

/// Makes an agent's record.
pub fn insert(agent: &Agent) -> Result<Write, StoreError> {
    Ok(Write::insert(Guard::Agent, with_key(encode(agent)?, &keys::agent(&agent.tenant_id, &agent.id))))
}

/// Deletes an agent's record, while nothing is linked to it.
pub fn delete_unlinked(tenant: &TenantId, id: &AgentId) -> Write {
    let values = Item::from([(":none".to_owned(), whole(0))]);
    Write::delete_when(Guard::Agent, &keys::agent(tenant, id), "attribute_exists(pk) AND links = :none", values)
}

/// One number more is linked, or being linked, to an agent that answers.
pub fn link(tenant: &TenantId, id: &AgentId) -> Result<Write, StoreError> {
    let update = Update::of(keys::agent(tenant, id)).add("links", 1);
    Ok(update.when_is("status", &AgentStatus::Active)?.write(Guard::Agent))
}

/// The same for an agent that answers no number, and is given none by anybody else at the same time.
pub fn link_first(tenant: &TenantId, id: &AgentId) -> Result<Write, StoreError> {
    let update = Update::of(keys::agent(tenant, id)).add("links", 1).when_is("links", &0)?;
    Ok(update.when_is("status", &AgentStatus::Active)?.write(Guard::Agent))
}

/// One number less.
pub fn unlink(tenant: &TenantId, id: &AgentId) -> Write {
    Update::of(keys::agent(tenant, id)).add("links", -1).when_at_least("links", 1).write(Guard::PreviousAgent)
}
