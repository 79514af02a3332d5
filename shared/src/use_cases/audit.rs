//! The audit trail: lines for what operators and jobs do to others' numbers and money, and the list of them.

use domain::audit::{Action, Actor, Record};
use domain::{AuditId, TenantId, period};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use store::keys;

use super::Paging;
use crate::api::{AuditView, Listed};
use crate::{App, Error};

/// How far back a list goes that does not say from when.
const LOOKS_BACK: SignedDuration = SignedDuration::from_hours(365 * 24);

/// A line of the trail, as of now.
#[must_use]
pub fn record(
    app: &App,
    actor: &Actor,
    action: Action,
    tenant: Option<&TenantId>,
    subject: &str,
    reason: Option<&str>,
    detail: String,
) -> Record {
    let at = app.clock.now();
    Record {
        id: AuditId::fresh(&*app.ids, at),
        at,
        actor: actor.clone(),
        action,
        tenant_id: tenant.cloned(),
        subject: subject.to_owned(),
        reason: reason.map(str::to_owned),
        detail,
    }
}

/// Which lines to list.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
pub struct ListRequest {
    /// A UTC date or an instant; a year before `to` by default.
    from: Option<String>,
    /// A UTC date (all of it) or an instant (exclusive); now by default.
    to: Option<String>,
    /// 1 to 100, 50 by default.
    limit: Option<u16>,
    /// From `next_cursor`.
    cursor: Option<String>,
}

/// Lines of the trail, newest first.
///
/// # Errors
/// [`Error::Invalid`] for what is no date, an end before the beginning, a bad limit or cursor.
pub async fn list(app: &App, request: &ListRequest) -> Result<Listed<AuditView>, Error> {
    let paging = Paging { limit: request.limit, cursor: request.cursor.clone() };
    let (limit, after) = (paging.limit()?, paging.cursor(keys::AUDIT)?);
    let next_instant = app.clock.now().saturating_add(SignedDuration::from_nanos(1)).unwrap_or(Timestamp::MAX);
    let to = match &request.to {
        Some(text) => instant("to", text, |date| date.tomorrow().unwrap_or(Date::MAX))?,
        None => next_instant,
    };
    let from = match &request.from {
        Some(text) => instant("from", text, |date| date)?,
        None => to.saturating_sub(LOOKS_BACK).unwrap_or(Timestamp::MIN),
    };
    if from > to {
        return Err(Error::invalid("from", "not after `to`"));
    }
    let page = app.store.audit_list(from, to.min(next_instant), after, limit).await?;
    Ok(Listed::show(page, AuditView::from))
}

/// An instant, or the midnight of a date.
fn instant(field: &'static str, text: &str, of_date: impl Fn(Date) -> Date) -> Result<Timestamp, Error> {
    let bad = || Error::invalid(field, "a date such as 2027-01-31, or an instant such as 2027-01-31T12:00:00Z");
    match text.parse::<Timestamp>() {
        Ok(at) => Ok(at),
        // A date and time without a zone would be read as its date.
        Err(_) if text.len() != 10 => Err(bad()),
        Err(_) => text.parse::<Date>().map(|date| period::midnight(of_date(date))).map_err(|_| bad()),
    }
}
