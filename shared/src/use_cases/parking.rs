//! Parking: setting a number aside that does not agree with the world, and the operator's decision about it (F63).
//!
//! A parked number keeps serving and is left alone by every job. Each change is one transaction with its line of the audit
//! trail and its event; the line has an id of its own, so that an answer that was lost can be read back. What is next for a
//! number that goes on is decided in `domain::parking`.

use domain::audit::{Action, Actor, Record};
use domain::ids::EventId;
use domain::number::Number;
use domain::operation::{Operation, ReleaseWhy};
use domain::{NumberId, TenantId, limits, parking};
use serde::Deserialize;
use serde_json::json;
use store::outbox::Event;
use store::page::Cursor;
use store::{StoreError, TransactError, Write};

use super::{Paging, audit};
use crate::api::{Listed, NumberAndOperation, ParkedView};
use crate::{App, Error, billing, saga};

/// Sets a number aside: from now on it is neither charged nor dunned nor released, until somebody resolves what is wrong
/// with it. Whether it was this that parked it: one that is parked already stays as it is.
///
/// # Errors
/// [`Error::NotFound`], [`Error::NumberNotActive`] for one that is not held, [`Error::OperationInProgress`] while a saga works
/// on it.
pub async fn park(app: &App, tenant: &TenantId, id: &NumberId, why: &str, actor: &Actor) -> Result<bool, Error> {
    let number = get(app, tenant, id).await?;
    if number.parked {
        return Ok(false);
    }
    parkable(&number)?;
    let detail = format!("{}, {}", number.e164, number.status.as_str());
    let line = line(app, actor, Action::NumberParked, &number, why, detail);
    let data = json!({ "number_id": number.id, "e164": number.e164 });
    let writes = vec![
        store::number::parked(&number, why, line.at)?,
        event(app, tenant, "number.parked", data)?,
        store::audit::append(&line)?,
    ];
    if written(app, writes, &line).await? {
        tracing::error!(alarm = "parked", number.id = %id, tenant.id = %tenant, why, "a number is parked until it is resolved");
        return Ok(true);
    }
    let number = get(app, tenant, id).await?;
    if number.parked {
        return Ok(false);
    }
    parkable(&number)?;
    Err(Error::OperationInProgress(None))
}

/// Lets a parked number go on: what it served meanwhile is charged, what was to become of it becomes of it.
///
/// # Errors
/// [`Error::NotFound`], [`Error::NumberNotParked`], [`Error::OperationInProgress`] when it changed meanwhile.
pub async fn unpark(app: &App, tenant: &TenantId, id: &NumberId, reason: &str, actor: &Actor) -> Result<Number, Error> {
    let number = parked(app, tenant, id).await?;
    let next = parking::next(&number, app.clock.now());
    let detail = match next {
        parking::Next::Renews => "it renews as before".to_owned(),
        parking::Next::Look => "what it served is charged now".to_owned(),
        parking::Next::Ends { at, served_until: None } => format!("it is released at {at}"),
        parking::Next::Ends { served_until: Some(day), .. } => {
            format!("what it served until {day} is charged now, and then it is released, as its tenant asked")
        }
    };
    let line = line(app, actor, Action::NumberUnparked, &number, reason, detail);
    let data = json!({ "number_id": number.id, "e164": number.e164, "decision": "keep" });
    let writes = vec![
        store::number::unparked(&number, &next, line.at)?,
        event(app, tenant, "number.unparked", data)?,
        store::audit::append(&line)?,
    ];
    if !written(app, writes, &line).await? {
        return Err(overtaken(app, tenant, id).await);
    }
    tracing::info!(number.id = %id, tenant.id = %tenant, "a parked number goes on");
    billing::look_again(app, &number).await;
    match next {
        parking::Next::Renews | parking::Next::Ends { served_until: None, .. } => {}
        parking::Next::Look | parking::Next::Ends { served_until: Some(_), .. } => {
            billing::unparked(app, &number).await
        }
    }
    get(app, tenant, id).await
}

/// Gives up a parked number that is gone: it is not charged for what it did not serve, and its release begins.
async fn give_up(
    app: &App,
    tenant: &TenantId,
    id: &NumberId,
    reason: &str,
    actor: &Actor,
) -> Result<(Number, Operation), Error> {
    let number = parked(app, tenant, id).await?;
    if let Some(open) = &number.open_operation_id {
        return Err(Error::OperationInProgress(Some(open.clone())));
    }
    let release = billing::release_of(app, &number, ReleaseWhy::Gone)?;
    let (op, mut writes) = release.ok_or(Error::NumberNotActive)?;
    let detail = format!("{} is given up by {}", number.e164, op.id);
    let line = line(app, actor, Action::NumberReleaseOrdered, &number, reason, detail);
    let data = json!({ "number_id": number.id, "e164": number.e164, "decision": "release" });
    writes.push(event(app, tenant, "number.unparked", data)?);
    writes.push(store::audit::append(&line)?);
    if !written(app, writes, &line).await? {
        return Err(overtaken(app, tenant, id).await);
    }
    tracing::info!(number.id = %id, tenant.id = %tenant, operation.id = %op.id, "a parked number is given up");
    saga::hint(app, &op).await;
    Ok((get(app, tenant, id).await?, op))
}

/// Which number an operator parks, and why.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ParkRequest {
    /// Whose number it is.
    tenant_id: String,
    /// Why, for whoever resolves it.
    reason: String,
}

/// Parks a number for an operator; one that is parked already stays as it is.
///
/// # Errors
/// As [`park`], and [`Error::Invalid`] for a reason that is none.
pub async fn ordered(app: &App, id: &NumberId, request: &ParkRequest, by: &Actor) -> Result<NumberAndOperation, Error> {
    let reason = check_reason(&request.reason)?;
    let tenant = request.tenant_id.parse().map_err(|_| Error::NotFound)?;
    park(app, &tenant, id, &reason, by).await?;
    Ok(NumberAndOperation { number: Some(get(app, &tenant, id).await?.into()), operation: None })
}

/// What an operator decides about a parked number.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ResolveRequest {
    /// Whose number it is.
    tenant_id: String,
    /// `keep`: it goes on, and what it served is charged. `release`: it is gone, and what is left of it is cleared away.
    decision: String,
    /// Why.
    reason: String,
}

/// Carries out an operator's decision about a parked number.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Invalid`], [`Error::NumberNotParked`], [`Error::OperationInProgress`].
pub async fn resolve(
    app: &App,
    id: &NumberId,
    request: &ResolveRequest,
    by: &Actor,
) -> Result<NumberAndOperation, Error> {
    let reason = check_reason(&request.reason)?;
    let keep = match request.decision.as_str() {
        "keep" => true,
        "release" => false,
        _ => return Err(Error::invalid("decision", "`keep` or `release`")),
    };
    let tenant = request.tenant_id.parse().map_err(|_| Error::NotFound)?;
    if keep {
        let number = unpark(app, &tenant, id, &reason, by).await?;
        return Ok(NumberAndOperation { number: Some(number.into()), operation: None });
    }
    let (number, op) = give_up(app, &tenant, id, &reason, by).await?;
    Ok(NumberAndOperation { number: Some(number.into()), operation: Some(op.into()) })
}

/// Which numbers an operator lists.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
pub struct ListRequest {
    /// Must be `true`.
    parked: Option<String>,
    /// 1 to 100, 50 by default.
    limit: Option<u16>,
    /// From `next_cursor`.
    cursor: Option<String>,
}

/// Parked numbers of all tenants, those that wait longest first.
///
/// # Errors
/// [`Error::Invalid`] without `parked=true`, a bad limit or cursor.
pub async fn list(app: &App, request: &ListRequest) -> Result<Listed<ParkedView>, Error> {
    if request.parked.as_deref() != Some("true") {
        return Err(Error::invalid("parked", "only `true` can be listed across tenants"));
    }
    let paging = Paging { limit: request.limit, cursor: request.cursor.clone() };
    let (limit, after) = (paging.limit()?, paging.cursor("")?);
    let found = app.store.number_parked(after.as_ref(), limit).await?;
    let next = found.last().filter(|_| found.len() == usize::from(limit)).map(|(_, _, cursor)| cursor.clone());
    let mut items = Vec::new();
    for (tenant, id, _) in &found {
        let number = app.store.number_get(tenant, id).await?;
        items.extend(number.filter(|number| number.parked).map(ParkedView::from));
    }
    Ok(Listed { items, next_cursor: next.as_ref().map(Cursor::encode) })
}

async fn get(app: &App, tenant: &TenantId, id: &NumberId) -> Result<Number, Error> {
    app.store.number_get(tenant, id).await?.ok_or(Error::NotFound)
}

async fn parked(app: &App, tenant: &TenantId, id: &NumberId) -> Result<Number, Error> {
    let number = get(app, tenant, id).await?;
    if number.parked { Ok(number) } else { Err(Error::NumberNotParked) }
}

fn parkable(number: &Number) -> Result<(), Error> {
    match (&number.open_operation_id, parking::may_be_parked(number)) {
        (Some(open), _) => Err(Error::OperationInProgress(Some(open.clone()))),
        (None, false) => Err(Error::NumberNotActive),
        (None, true) => Ok(()),
    }
}

/// What stood in the way of a decision, read back.
async fn overtaken(app: &App, tenant: &TenantId, id: &NumberId) -> Error {
    match parked(app, tenant, id).await {
        Ok(number) => Error::OperationInProgress(number.open_operation_id),
        Err(error) => error,
    }
}

/// Whether this was written. When the answer was lost, its line of the audit trail says so: no other call writes that one.
async fn written(app: &App, writes: Vec<Write>, line: &Record) -> Result<bool, Error> {
    match app.store.transact(writes).await {
        Ok(()) => Ok(true),
        Err(TransactError::Lost(_)) => Ok(app.store.audit_get(&line.id, line.at).await?.is_some()),
        Err(TransactError::Store(error)) => match app.store.audit_get(&line.id, line.at).await? {
            Some(_) => Ok(true),
            None => Err(error.into()),
        },
    }
}

fn line(app: &App, actor: &Actor, action: Action, number: &Number, reason: &str, detail: String) -> Record {
    let tenant = Some(&number.tenant_id);
    audit::record(app, actor, action, tenant, number.id.as_str(), Some(reason), detail)
}

fn event(app: &App, tenant: &TenantId, kind: &str, data: serde_json::Value) -> Result<Write, StoreError> {
    let now = app.clock.now();
    let event = Event { id: EventId::fresh(&*app.ids, now), kind: kind.to_owned(), at: now, data };
    store::outbox::insert(tenant, &event)
}

fn check_reason(reason: &str) -> Result<String, Error> {
    let (reason, max) = (reason.trim(), limits::REASON_CHARS_MAX);
    if (1..=max).contains(&reason.chars().count()) && !reason.contains(char::is_control) {
        Ok(reason.to_owned())
    } else {
        Err(Error::invalid("reason", format!("1 to {max} characters without control characters")))
    }
}
