//! Operations a tenant can follow.

use domain::OperationId;
use domain::operation::{Operation, OperationStatus};
use serde::Deserialize;
use store::keys;

use super::Paging;
use crate::api::{Listed, OperationView};
use crate::http::auth::Caller;
use crate::{App, Error};

/// Which operations to list.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
pub struct ListRequest {
    /// `running`, `waiting`, `succeeded`, `failed` or `stuck`.
    status: Option<String>,
    /// 1 to 100, 50 by default.
    limit: Option<u16>,
    /// From `next_cursor`.
    cursor: Option<String>,
}

impl ListRequest {
    fn status(&self) -> Result<Option<OperationStatus>, Error> {
        let bad = || Error::invalid("status", "running, waiting, succeeded, failed or stuck");
        self.status.as_deref().map(|text| OperationStatus::from_name(text).ok_or_else(bad)).transpose()
    }

    fn paging(&self) -> Paging {
        Paging { limit: self.limit, cursor: self.cursor.clone() }
    }
}

/// Operations the caller sees, newest first.
///
/// # Errors
/// [`Error::Invalid`] for a status that is none, a bad limit or cursor.
pub async fn list(app: &App, caller: &Caller, request: &ListRequest) -> Result<Listed<OperationView>, Error> {
    let (status, paging) = (request.status()?, request.paging());
    let keep = |op: &Operation| caller.sees(op.project_id.as_ref()) && status.is_none_or(|status| op.status == status);
    let (after, limit) = (paging.cursor(keys::OPERATIONS)?, paging.limit()?);
    let page = app.store.operation_list(&caller.tenant, after, limit, keep).await?;
    Ok(Listed::show(page, OperationView::from))
}

/// An operation the caller sees.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn get(app: &App, caller: &Caller, id: &OperationId) -> Result<Operation, Error> {
    let op = app.store.operation_get(&caller.tenant, id).await?;
    op.filter(|op| caller.sees(op.project_id.as_ref())).ok_or(Error::NotFound)
}
