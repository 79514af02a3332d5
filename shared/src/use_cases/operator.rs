//! What the operator does: plans, adjustments, operations that do not end by themselves. Each leaves a line in the audit trail.

use std::collections::BTreeMap;

use domain::audit::{Action, Actor, Record};
use domain::ids::{EntryId, EventId};
use domain::operation::{Operation, OperationStatus};
use domain::requirement::{Addresses, BundleFor, BundleSid, OnFile, OnFileError};
use domain::tenant::Tenant;
use domain::wallet::{Account, Entry, EntryKind};
use domain::{AuditId, Currency, Money, OperationId, TenantId, advice, limits, what_next};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::idempotency::{Idempotency, Made};
use store::outbox::Event;
use store::page::Cursor;
use store::{Guard, TransactError};

use super::{Paging, audit, present};
use crate::api::{EntryView, Listed, OperatorOperationView, TenantView};
use crate::http::extract::{hash, hash_request};
use crate::{App, Error, saga};

/// What to change of a tenant; a field that is absent stays.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct TenantRequest {
    /// Name of a plan.
    plan: Option<String>,
    /// Callers hear the suspended message, or reach the fallback number.
    suspended: Option<bool>,
    /// Callers reach the fallback number without the voice platform being asked.
    outage_mode: Option<bool>,
    /// What callers of a suspended number hear.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    suspended_message: Option<Option<String>>,
    /// The sids of its own addresses at the carrier, by country (`{"GB": "AD…"}`). They replace those there are.
    addresses: Option<BTreeMap<String, String>>,
    /// The sids of its regulatory bundles at the carrier, by country and type (`{"GB/local": "BU…"}`). They replace those
    /// there are.
    bundles: Option<BTreeMap<String, String>>,
}

/// Sets a tenant up, or changes it.
///
/// # Errors
/// [`Error::UnknownPlan`], [`Error::Invalid`].
pub async fn tenant_update(app: &App, id: &TenantId, request: &TenantRequest, by: &Actor) -> Result<TenantView, Error> {
    if let Some(plan) = &request.plan
        && app.plans.get(plan).is_none()
    {
        return Err(Error::UnknownPlan(app.plans.names().into_iter().map(str::to_owned).collect()));
    }
    let before = app.store.tenant_get(id).await?;
    let mut tenant = before.clone().unwrap_or_else(|| Tenant {
        id: id.clone(),
        plan: app.plans.default_name().to_owned(),
        suspended: false,
        outage_mode: false,
        suspended_message: None,
        on_file: OnFile::default(),
    });
    if let Some(plan) = &request.plan {
        tenant.plan.clone_from(plan);
    }
    tenant.suspended = request.suspended.unwrap_or(tenant.suspended);
    tenant.outage_mode = request.outage_mode.unwrap_or(tenant.outage_mode);
    if let Some(message) = &request.suspended_message {
        let check = |text: &String| super::check_name("suspended_message", text);
        tenant.suspended_message = message.as_ref().map(check).transpose()?;
    }
    if let Some(addresses) = &request.addresses {
        let pairs = addresses.iter().map(|(country, sid)| (country.as_str(), sid.as_str()));
        let read = Addresses::read(pairs).map_err(|e| Error::invalid("addresses", e.to_string()))?;
        tenant.on_file.addresses = read;
    }
    if let Some(bundles) = &request.bundles {
        let read = bundles.iter().map(|(what, sid)| bundle(app, what, sid)).collect::<Result<_, _>>()?;
        tenant.on_file.bundles = read;
    }
    // What is as it was leaves no line in the trail.
    if before.as_ref() != Some(&tenant) {
        let detail = changes(before.as_ref(), &tenant);
        let line = audit::record(app, by, Action::TenantChanged, Some(id), id.as_str(), None, detail);
        app.store.transact(vec![store::tenant::put(&tenant)?, store::audit::append(&line)?]).await?;
    }
    Ok(tenant.into())
}

/// What is other than before, in words.
fn changes(before: Option<&Tenant>, after: &Tenant) -> String {
    let Some(before) = before else { return format!("set up on {}", after.plan) };
    let message = |tenant: &Tenant| tenant.suspended_message.clone().unwrap_or_else(|| "none".to_owned());
    let papers = |tenant: &Tenant| format!("{:?}", tenant.on_file);
    let all = [
        ("plan", before.plan.clone(), after.plan.clone()),
        ("suspended", before.suspended.to_string(), after.suspended.to_string()),
        ("outage_mode", before.outage_mode.to_string(), after.outage_mode.to_string()),
        ("suspended_message", message(before), message(after)),
        ("papers", papers(before), papers(after)),
    ];
    let changed = all.iter().filter(|(_, before, after)| before != after);
    changed.map(|(what, before, after)| format!("{what}: {before} to {after}")).collect::<Vec<_>>().join("; ")
}

/// A bundle for numbers that are sold here.
fn bundle(app: &App, what: &str, sid: &str) -> Result<(BundleFor, BundleSid), Error> {
    let bad = |error: OnFileError| Error::invalid("bundles", error.to_string());
    let what: BundleFor = what.parse().map_err(bad)?;
    if app.price_book.line(what.country, what.kind).is_none() {
        return Err(Error::invalid("bundles", format!("{} numbers are not sold here", String::from(what))));
    }
    Ok((what, sid.parse().map_err(bad)?))
}

/// Money to put into a wallet, or (negative) to take out of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AdjustmentRequest {
    /// A decimal number; negative takes out.
    pub amount: String,
    /// ISO 4217.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub currency: String,
    /// Why, for the tenant to read.
    pub reason: String,
}

/// Books an adjustment: a ledger entry, and the wallet with it. A repeat under the same key answers the same entry.
///
/// # Errors
/// [`Error::Invalid`], [`Error::InsufficientBalance`] when more is to be taken out than is available,
/// [`Error::IdempotencyKeyReused`].
pub async fn adjust(
    app: &App,
    tenant: &TenantId,
    key_hash: Option<&str>,
    request: &AdjustmentRequest,
    by: &Actor,
) -> Result<EntryView, Error> {
    let currency: Currency = request.currency.parse().map_err(|e| Error::invalid("currency", format!("{e}")))?;
    let amount = Money::parse(&request.amount, currency).map_err(|e| Error::invalid("amount", format!("{e}")))?;
    let max = limits::ADJUSTMENT_UNITS_MAX * 1_000_000;
    if amount.micros == 0 || amount.micros.abs() > max {
        let most = limits::ADJUSTMENT_UNITS_MAX;
        return Err(Error::invalid("amount", format!("not zero, and at most {most} in either direction")));
    }
    let now = app.clock.now();
    let entry = Entry {
        id: EntryId::fresh(&*app.ids, now),
        kind: EntryKind::Adjustment,
        currency,
        postings: Entry::postings(amount, Account::Adjustments),
        number_id: None,
        period: None,
        operation_id: None,
        effective_at: now,
        created_at: now,
        explain: super::check_name("reason", &request.reason)?,
        lines: Vec::new(),
    };
    // The operator's keys are its own: one that the tenant used as well is another key.
    let key_hash = key_hash.map(|key| hash(format!("operator {key}").as_bytes()));
    let key_hash = key_hash.as_deref();
    let request_hash = hash_request(&format!("POST /v1/operator/tenants/{tenant}/adjustments"), request);
    let mut writes = Vec::from(store::wallet::adjust(tenant, &entry, entry.id.as_str())?);
    if let Some(key) = key_hash {
        let made = Made::Adjustment(entry.id.clone());
        let record = Idempotency { request_hash: request_hash.clone(), made, created_at: now };
        writes.push(store::idempotency::insert(tenant, key, &record)?);
    }
    let data = json!({ "entry_id": entry.id, "amount": amount });
    let event = Event { id: EventId::fresh(&*app.ids, now), kind: "wallet.adjusted".into(), at: now, data };
    writes.push(store::outbox::insert(tenant, &event)?);
    let line = Record {
        id: AuditId::beside(&entry.id),
        at: now,
        actor: by.clone(),
        action: Action::WalletAdjusted,
        tenant_id: Some(tenant.clone()),
        subject: entry.id.to_string(),
        reason: Some(entry.explain.clone()),
        detail: format!("{amount}, {}", entry.id),
    };
    writes.push(store::audit::append(&line)?);
    match app.store.transact(writes).await {
        Ok(()) => {
            if amount.micros > 0 {
                super::recovery::after_credit(app, tenant, currency).await;
            }
            shown(app, tenant, currency, &entry.id).await
        }
        Err(error) if error.lost(Guard::Idempotency) => {
            let record = app.store.idempotency_get(tenant, key_hash.unwrap_or_default()).await?;
            match record {
                Some(Idempotency { request_hash: before, made: Made::Adjustment(id), .. })
                    if before == request_hash =>
                {
                    shown(app, tenant, currency, &id).await
                }
                Some(_) | None => Err(Error::IdempotencyKeyReused),
            }
        }
        Err(error) if error.lost(Guard::Wallet) => {
            let wallet = app.store.wallet_get(tenant, currency).await?;
            let available = Money::from_micros(wallet.map_or(0, |wallet| wallet.available), currency);
            Err(Error::InsufficientBalance { required: amount.negated(), available })
        }
        Err(TransactError::Lost(_)) => Err(Error::OperationInProgress(None)),
        Err(TransactError::Store(error)) => Err(error.into()),
    }
}

/// An entry that was just written, with what the wallet had after it.
async fn shown(app: &App, tenant: &TenantId, currency: Currency, id: &EntryId) -> Result<EntryView, Error> {
    let mut balance = app.store.wallet_get(tenant, currency).await?.map_or(0, |wallet| wallet.balance);
    let mut after = None;
    loop {
        let page = app.store.entry_list(tenant, currency, after, limits::PAGE_MAX).await?;
        for entry in page.items {
            if entry.id == *id {
                return Ok(EntryView::of(entry, balance));
            }
            balance = balance.saturating_sub(entry.wallet_micros());
        }
        after = Some(page.next.ok_or(Error::NotFound)?);
    }
}

/// Which operations an operator lists.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
pub struct OperationsRequest {
    /// `stuck`: nobody works on them until they are resumed. `waiting`: for a person outside. `running_late`: tried again and
    /// again, or longer at it than they should.
    status: Option<String>,
    /// 1 to 100, 50 by default.
    limit: Option<u16>,
    /// From `next_cursor`.
    cursor: Option<String>,
}

/// Operations of all tenants that do not end by themselves, or not in time: the stuck and the waiting by age, the late by when
/// they are tried next.
///
/// # Errors
/// [`Error::Invalid`] for any other status, a bad limit or cursor.
pub async fn operations(app: &App, request: &OperationsRequest) -> Result<Listed<OperatorOperationView>, Error> {
    let paging = Paging { limit: request.limit, cursor: request.cursor.clone() };
    let (limit, after) = (paging.limit()?, paging.cursor("")?);
    let (due, is): (_, fn(&Operation, Timestamp) -> bool) = match request.status.as_deref() {
        Some("stuck") => {
            (app.store.operation_stuck(after.as_ref(), limit).await?, |op, _| op.status == OperationStatus::Stuck)
        }
        Some("waiting") => {
            (app.store.operation_waiting(after.as_ref(), limit).await?, |op, _| op.status == OperationStatus::Waiting)
        }
        Some("running_late") => (app.store.operation_running(after.as_ref(), limit).await?, advice::runs_late),
        Some(_) | None => {
            return Err(Error::invalid("status", "`stuck`, `waiting` or `running_late` can be listed across tenants"));
        }
    };
    let next = due.last().filter(|_| due.len() == usize::from(limit)).map(|last| last.cursor.clone());
    let mut items = Vec::new();
    for found in &due {
        let op = app.store.operation_get(&found.tenant_id, &found.operation_id).await?;
        items.extend(op.filter(|op| is(op, app.clock.now())).map(OperatorOperationView::from));
    }
    Ok(Listed { items, next_cursor: next.as_ref().map(Cursor::encode) })
}

/// Lets a stuck operation go on from where it is; the queue has it next.
///
/// # Errors
/// [`Error::NotFound`], [`Error::NotStuck`].
pub async fn resume(app: &App, id: &OperationId, by: &Actor) -> Result<OperatorOperationView, Error> {
    let mut after: Option<Cursor> = None;
    let found = loop {
        let due = app.store.operation_stuck(after.as_ref(), limits::PAGE_MAX).await?;
        if let Some(found) = due.iter().find(|found| found.operation_id == *id) {
            break found.clone();
        }
        after = Some(due.last().ok_or(Error::NotFound)?.cursor.clone());
    };
    let op = app.store.operation_get(&found.tenant_id, id).await?;
    let mut op = op.ok_or(Error::NotFound)?;
    if op.status != OperationStatus::Stuck {
        return Err(Error::NotStuck(op.status));
    }
    if !app.store.operation_lease(&mut op, app.clock.real_now()).await? {
        return Err(Error::OperationInProgress(Some(op.id)));
    }
    let trouble = op.trouble.as_deref().unwrap_or("nothing was noted");
    let detail = format!("{} of {}: {trouble}", op.saga.kind(), op.number_id);
    let line = audit::record(app, by, Action::OperationResumed, Some(&op.tenant_id), op.id.as_str(), None, detail);
    what_next::resumed(&mut op, app.clock.now());
    op.lease_until = None;
    match app.store.transact(vec![store::operation::update(&op)?, store::audit::append(&line)?]).await {
        Ok(()) => {}
        Err(TransactError::Lost(_)) => return Err(Error::OperationInProgress(Some(op.id))),
        Err(TransactError::Store(error)) => return Err(error.into()),
    }
    tracing::info!(operation.id = %op.id, "an operator resumed an operation");
    saga::hint(app, &op).await;
    Ok(op.into())
}
