//! The call log of a number.

use domain::NumberId;
use store::keys;

use super::{Paging, numbers};
use crate::api::{CallView, Listed};
use crate::http::auth::Caller;
use crate::{App, Error};

/// Calls of a number since the tenant has it, newest first.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Invalid`] for a bad limit or cursor.
pub async fn list(app: &App, caller: &Caller, id: &NumberId, paging: &Paging) -> Result<Listed<CallView>, Error> {
    let number = numbers::get(app, caller, id).await?;
    let (after, limit) = (paging.cursor(keys::CALLS)?, paging.limit()?);
    let (since, now) = (number.created_at, app.clock.now());
    let page = app.store.call_list(&caller.tenant, &number.e164, since, now, after, limit).await?;
    Ok(Listed::show(page, |call| CallView::of(id, call)))
}
