//! Minutes of calls: charged once a call, after it ended, by what the plan includes and then from what is available. A call
//! the wallet does not cover stays in the index of unpaid calls and is charged when money comes in.

use domain::agent::Method;
use domain::call::Call;
use domain::catalog::Plan;
use domain::ids::{EntryId, EventId};
use domain::wallet::{Account, Entry, EntryKind, Wallet, WalletRef};
use domain::{Money, NumberId, TenantId, limits};
use jiff::Timestamp;
use serde_json::json;
use store::outbox::Event;
use store::{Guard, StoreError, TransactError, Write};

use crate::App;
use crate::use_cases::recovery;

/// Charges a call that has just ended, as [`charge`] does. Where that is not covered, whoever has the message sees to the
/// others: nobody asks us before a call that goes past us.
///
/// # Errors
/// As [`charge`].
pub async fn ended(app: &App, call: &Call) -> Result<(), StoreError> {
    let owes = charge(app, call).await? == Charged::NotCovered;
    if let Some(cost) = call.cost.filter(|_| owes) {
        recovery::after_credit(app, &call.tenant_id, cost.currency).await;
    }
    Ok(())
}

/// What became of charging a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charged {
    /// It is paid for, now or before.
    Paid,
    /// The wallet does not cover it.
    NotCovered,
}

/// What a call costs its tenant that got to its agent in this way; nothing for one that never connected.
#[must_use]
pub fn price(app: &App, call: &Call, method: Method) -> Option<Money> {
    let price = app.price_book.minutes_by(method).price_of(call.duration_s?);
    (price.micros > 0).then_some(price)
}

/// Charges a call that has a price and is not paid for: first by the minutes that the plan includes in the month in which it
/// began, and what is left of it from the wallet.
///
/// # Errors
/// When the store does not answer. The call is in the index of unpaid calls, and dunning charges it.
pub async fn charge(app: &App, call: &Call) -> Result<Charged, StoreError> {
    let mut read = Some(call.clone());
    // Each time it is lost, somebody else has paid for it, or the plan for some of it.
    for _ in 0..limits::CALL_TRIES {
        let Some(call) = read.filter(|call| call.cost.is_some() && !call.paid) else { return Ok(Charged::Paid) };
        let (number_id, included) = tokio::try_join!(number_of(app, &call), include(app, &call))?;
        let Some(call) = included else { return Ok(Charged::NotCovered) };
        let Some(cost) = call.cost.filter(|_| !call.paid) else { return Ok(Charged::Paid) };
        let wallet = WalletRef { tenant_id: call.tenant_id.clone(), currency: cost.currency };
        match app.store.transact(from_wallet(app, &wallet, &call, cost, number_id)?).await {
            Ok(()) => {
                recovery::spent(app, &wallet).await;
                return Ok(Charged::Paid);
            }
            Err(error) if error.lost(Guard::Call) => read = app.store.call_get(&call.call_sid).await?,
            Err(TransactError::Lost(_)) => return Ok(Charged::NotCovered),
            Err(TransactError::Store(error)) => return Err(error),
        }
    }
    Ok(Charged::NotCovered)
}

/// What a call costs is taken from the wallet: call, wallet and entry, and what is told of it.
fn from_wallet(
    app: &App,
    wallet: &WalletRef,
    call: &Call,
    cost: Money,
    number_id: Option<NumberId>,
) -> Result<Vec<Write>, StoreError> {
    let now = app.clock.now();
    let entry = Entry {
        id: EntryId::fresh(&*app.ids, now),
        kind: EntryKind::UsageCharge,
        currency: cost.currency,
        postings: Entry::postings(cost.negated(), Account::Revenue),
        number_id,
        period: None,
        operation_id: None,
        effective_at: now,
        created_at: now,
        explain: explain(call),
        lines: Vec::new(),
    };
    let data = json!({ "entry_id": entry.id, "amount": cost, "call_sid": call.call_sid });
    let event = Event { id: EventId::fresh(&*app.ids, now), kind: "wallet.charged".into(), at: now, data };
    let mut writes = Vec::from(store::wallet::charge(wallet, &entry, 0)?);
    writes.push(store::call::paid(call)?);
    writes.push(store::outbox::insert(&wallet.tenant_id, &event)?);
    Ok(writes)
}

/// Lets the plan pay for as many of a call's minutes as it includes, once a call; answers the call as it is then. `None` when
/// other calls took so many meanwhile that it has to wait with the unpaid ones.
async fn include(app: &App, call: &Call) -> Result<Option<Call>, StoreError> {
    let plan = app.plan(app.store.tenant_get(&call.tenant_id).await?.as_ref());
    if call.included_minutes > 0 {
        return Ok(Some(call.clone()));
    }
    for _ in 0..limits::CALL_TRIES {
        let included = included_left(app, &call.tenant_id, plan, call.started_at).await?.min(call.minutes());
        if included == 0 {
            return Ok(Some(call.clone()));
        }
        let after = call.with_included(included);
        let used = store::minutes::use_up(&call.tenant_id, call.started_at, included, plan.minutes);
        match app.store.transact(vec![store::call::included(&after)?, used]).await {
            Ok(()) => return Ok(Some(after)),
            // Somebody else has paid for it, or for these minutes of it.
            Err(error) if error.lost(Guard::Call) => return app.store.call_get(&call.call_sid).await,
            Err(TransactError::Lost(_)) => {}
            Err(TransactError::Store(error)) => return Err(error),
        }
    }
    Ok(None)
}

/// How many minutes are left of those that a tenant's plan includes in the month of this instant.
async fn included_left(app: &App, tenant: &TenantId, plan: Plan, at: Timestamp) -> Result<u32, StoreError> {
    if plan.minutes == 0 {
        return Ok(0);
    }
    Ok(plan.minutes.saturating_sub(app.store.minutes_used(tenant, at).await?))
}

/// Whether a tenant has anything to pay for a call with that begins now (F32): money, or minutes that its plan includes. How
/// long a call gets is not known before, so the least of either will do.
pub async fn has_means(app: &App, tenant: &TenantId, plan: Plan, wallet: Option<&Wallet>) -> Result<bool, StoreError> {
    let free = app.price_book.minutes.price.micros <= 0;
    let funds = wallet.is_some_and(|wallet| wallet.available > 0);
    Ok(free || funds || included_left(app, tenant, plan, app.clock.now()).await? > 0)
}

fn explain(call: &Call) -> String {
    let seconds = call.duration_s.unwrap_or(0);
    let what = match call.direction.as_str() {
        "outbound" => format!("{seconds} seconds of a call from {}", call.e164),
        _ => format!("{seconds} seconds of an incoming call to {}", call.e164),
    };
    match call.included_minutes {
        0 => what,
        included => format!("{what}; {included} of its {} minutes are included in the plan", call.minutes()),
    }
}

/// Which of the tenant's numbers took the call: the one that holds its digits now.
async fn number_of(app: &App, call: &Call) -> Result<Option<NumberId>, StoreError> {
    let claim = app.store.claim_get(&call.e164).await?;
    Ok(claim.filter(|claim| claim.tenant_id == call.tenant_id).map(|claim| claim.number_id))
}

/// How a wallet stands with its calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Calls {
    /// All are paid for.
    Paid,
    /// It does not cover one of this cost (micro-units).
    Owed(i64),
    /// There are more, or there was not enough time.
    Unknown,
}

/// Charges a wallet's unpaid calls, the oldest first, as far as the money goes.
pub(super) async fn charge_unpaid(app: &App, wallet: &WalletRef, until: Timestamp) -> Result<Calls, StoreError> {
    let unpaid = app.store.unpaid_calls(wallet).await?;
    for sid in &unpaid {
        if app.clock.real_now() >= until {
            return Ok(Calls::Unknown);
        }
        let Some(call) = app.store.call_get(sid).await? else { continue };
        if charge(app, &call).await? == Charged::NotCovered {
            return Ok(Calls::Owed(call.cost.map_or(0, |cost| cost.micros)));
        }
    }
    Ok(if unpaid.len() < usize::from(limits::DUE_PAGE) { Calls::Paid } else { Calls::Unknown })
}
