//! Minutes of calls: charged once a call, after it ended, from what is available. A call the wallet does not cover stays in
//! the index of unpaid calls and is charged when money comes in.

use domain::agent::Method;
use domain::call::Call;
use domain::ids::{EntryId, EventId};
use domain::wallet::{Account, Entry, EntryKind, WalletRef};
use domain::{Money, NumberId};
use jiff::Timestamp;
use serde_json::json;
use store::outbox::Event;
use store::{Guard, StoreError, TransactError};

use crate::App;
use crate::use_cases::recovery;

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

/// Charges a call that has a price and is not paid for.
///
/// # Errors
/// When the store does not answer. The call is in the index of unpaid calls, and dunning charges it.
pub async fn charge(app: &App, call: &Call) -> Result<Charged, StoreError> {
    let Some(cost) = call.cost.filter(|_| !call.paid) else { return Ok(Charged::Paid) };
    let wallet = WalletRef { tenant_id: call.tenant_id.clone(), currency: cost.currency };
    let now = app.clock.now();
    let entry = Entry {
        id: EntryId::fresh(&*app.ids, now),
        kind: EntryKind::UsageCharge,
        currency: cost.currency,
        postings: Entry::postings(cost.negated(), Account::Revenue),
        number_id: number_of(app, call).await?,
        period: None,
        operation_id: None,
        effective_at: now,
        created_at: now,
        explain: explain(call),
        lines: Vec::new(),
    };
    let data = json!({ "entry_id": entry.id, "amount": cost, "call_sid": call.call_sid });
    let event = Event { id: EventId::fresh(&*app.ids, now), kind: "wallet.charged".into(), at: now, data };
    let mut writes = Vec::from(store::wallet::charge(&wallet, &entry, 0)?);
    writes.push(store::call::paid(&call.call_sid)?);
    writes.push(store::outbox::insert(&wallet.tenant_id, &event)?);
    match app.store.transact(writes).await {
        Ok(()) => {
            recovery::spent(app, &wallet).await;
            Ok(Charged::Paid)
        }
        Err(error) if error.lost(Guard::Call) => Ok(Charged::Paid),
        Err(TransactError::Lost(_)) => Ok(Charged::NotCovered),
        Err(TransactError::Store(error)) => Err(error),
    }
}

fn explain(call: &Call) -> String {
    let seconds = call.duration_s.unwrap_or(0);
    match call.direction.as_str() {
        "outbound" => format!("{seconds} seconds of a call from {}", call.e164),
        _ => format!("{seconds} seconds of an incoming call to {}", call.e164),
    }
}

/// Which of the tenant's numbers took the call: the one that holds its digits now.
async fn number_of(app: &App, call: &Call) -> Result<Option<NumberId>, StoreError> {
    let claim = app.store.claim_get(&call.e164).await?;
    Ok(claim.filter(|claim| claim.tenant_id == call.tenant_id).map(|claim| claim.number_id))
}

/// Charges a wallet's unpaid calls, the oldest first, as far as the money goes. `false` when there was not enough time.
pub(super) async fn charge_unpaid(app: &App, wallet: &WalletRef, until: Timestamp) -> Result<bool, StoreError> {
    for sid in app.store.unpaid_calls(wallet).await? {
        if app.clock.real_now() >= until {
            return Ok(false);
        }
        let Some(call) = app.store.call_get(&sid).await? else { continue };
        if charge(app, &call).await? == Charged::NotCovered {
            break;
        }
    }
    Ok(true)
}
