//! Projects: a tenant's numbers and agents by business or site.

use domain::ProjectId;
use domain::tenant::Project;
use serde::{Deserialize, Serialize};
use store::idempotency::{Idempotency, Made};
use store::{TransactError, keys};

use super::{Paging, check_name};
use crate::api::{Listed, ProjectView};
use crate::http::auth::Caller;
use crate::http::extract::hash_request;
use crate::{App, Error};

/// How a project is to be called.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = ProjectRequest))]
#[serde(deny_unknown_fields)]
pub struct NameRequest {
    name: String,
}

/// Makes a project. A repeat under the same key answers the project that was made.
///
/// # Errors
/// [`Error::Invalid`], [`Error::IdempotencyKeyReused`], [`Error::Forbidden`] for a caller confined to a project.
pub async fn create(
    app: &App,
    caller: &Caller,
    key_hash: Option<&str>,
    request: &NameRequest,
) -> Result<Project, Error> {
    if caller.project.is_some() {
        return Err(Error::Forbidden);
    }
    let now = app.clock.now();
    let project = Project {
        id: ProjectId::fresh(&*app.ids, now),
        tenant_id: caller.tenant.clone(),
        name: check_name("name", &request.name)?,
        uses: 0,
        created_at: now,
    };
    let mut writes = vec![store::project::insert(&project)?];
    let request_hash = hash_request("POST /v1/projects", request);
    if let Some(key) = key_hash {
        let record = Idempotency {
            request_hash: request_hash.clone(),
            made: Made::Project(project.id.clone()),
            created_at: now,
        };
        writes.push(store::idempotency::insert(&caller.tenant, key, &record)?);
    }
    match (app.store.transact(writes).await, key_hash) {
        (Ok(()), _) => Ok(project),
        (Err(TransactError::Lost(_)), Some(key)) => repeated(app, caller, key, &request_hash).await,
        (Err(error), _) => Err(error.into()),
    }
}

async fn repeated(app: &App, caller: &Caller, key: &str, request_hash: &str) -> Result<Project, Error> {
    let record = app.store.idempotency_get(&caller.tenant, key).await?;
    match record {
        Some(Idempotency { request_hash: before, made: Made::Project(id), .. }) if before == request_hash => {
            app.store.project_get(&caller.tenant, &id).await?.ok_or(Error::NotFound)
        }
        Some(_) => Err(Error::IdempotencyKeyReused),
        None => Err(Error::OperationInProgress(None)),
    }
}

/// Projects the caller sees, oldest first.
///
/// # Errors
/// [`Error::Invalid`] for a bad limit or cursor.
pub async fn list(app: &App, caller: &Caller, paging: &Paging) -> Result<Listed<ProjectView>, Error> {
    let keep = |project: &Project| caller.sees(Some(&project.id));
    let page = app.store.project_list(&caller.tenant, paging.cursor(keys::PROJECTS)?, paging.limit()?, keep).await?;
    Ok(Listed::show(page, ProjectView::from))
}

/// A project the caller sees.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn get(app: &App, caller: &Caller, id: &ProjectId) -> Result<Project, Error> {
    if !caller.sees(Some(id)) {
        return Err(Error::NotFound);
    }
    app.store.project_get(&caller.tenant, id).await?.ok_or(Error::NotFound)
}

/// Renames a project.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Invalid`].
pub async fn update(app: &App, caller: &Caller, id: &ProjectId, request: &NameRequest) -> Result<Project, Error> {
    let project = get(app, caller, id).await?;
    let name = check_name("name", &request.name)?;
    match app.store.project_rename(&caller.tenant, id, &name).await {
        Ok(()) => Ok(Project { name, ..project }),
        Err(TransactError::Lost(_)) => Err(Error::NotFound),
        Err(error) => Err(error.into()),
    }
}

/// Deletes a project nothing is in.
///
/// # Errors
/// [`Error::NotFound`], [`Error::ProjectInUse`].
pub async fn delete(app: &App, caller: &Caller, id: &ProjectId) -> Result<(), Error> {
    get(app, caller, id).await?;
    match app.store.project_delete(&caller.tenant, id).await {
        Ok(()) => Ok(()),
        Err(TransactError::Lost(_)) => match app.store.project_get(&caller.tenant, id).await? {
            Some(_) => Err(Error::ProjectInUse),
            None => Ok(()),
        },
        Err(error) => Err(error.into()),
    }
}
