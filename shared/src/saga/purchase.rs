//! Purchase: hold the price, buy the exact number, make it known to its agent's platform, charge the first period.
//!
//! ```text
//! begin   idempotency · claim · number pending · hold · wallet · count < limit · operation
//!         buy       undo: give back        probe: what does the carrier say we own for exactly this number?
//!         connect   undo: remove           probe: what does the platform know under our tag?
//! commit  hold captured · wallet · first period's entry · number active · route in the claim · operation · event
//! abort   hold voided · wallet · claim as before, or blocked after doubt · number failed · count − 1 · operation · event
//! ```

use domain::catalog::Plan;
use domain::claim::{Claim, ClaimState};
use domain::number::{Link, LinkStatus, Number, NumberStatus};
use domain::operation::{Operation, Purchase, Saga, Step, StepState};
use domain::wallet::{Account, Entry, EntryKind, Hold, HoldState, WalletRef};
use domain::{OperationId, TenantId, ids::EntryId, period};
use jiff::Timestamp;
use serde_json::json;
use store::idempotency::Idempotency;
use store::number::Bought;
use store::{Guard, StoreError, TransactError, Write};

use crate::App;

/// What the beginning of a purchase writes.
#[derive(Debug)]
pub struct Beginning<'a> {
    /// The number as it begins: pending.
    pub number: &'a Number,
    /// The operation as it begins.
    pub op: &'a Operation,
    /// Its parameters.
    pub purchase: &'a Purchase,
    /// What the plan allows.
    pub plan: Plan,
    /// The client's key and what it stands for.
    pub idempotency: Option<(&'a str, &'a Idempotency)>,
}

/// The transaction that begins a purchase.
///
/// # Errors
/// When an item cannot be encoded.
pub fn begin(beginning: &Beginning<'_>) -> Result<Vec<Write>, StoreError> {
    let Beginning { number, op, purchase, plan, idempotency } = beginning;
    let tenant = &op.tenant_id;
    let hold = Hold { cause: op.id.to_string(), amount: purchase.cost(), state: HoldState::Held };
    let claim = claim(tenant, &op.id, number, &purchase.e164);
    let mut writes = Vec::new();
    if hold.amount.micros > 0 {
        writes.extend(store::wallet::hold(tenant, &hold)?);
    }
    let place = purchase.included.then_some(plan.included);
    writes.push(store::tenant::hold_one_more(tenant, plan.numbers, place));
    writes.push(store::claim::take(&claim, purchase.previous_claim.as_ref())?);
    writes.push(store::number::insert(number)?);
    writes.push(store::operation::insert(op)?);
    if let Some((key_hash, record)) = idempotency {
        writes.push(store::idempotency::insert(tenant, key_hash, record)?);
    }
    if let Some(agent) = &purchase.agent {
        writes.push(store::agent::link(tenant, &agent.agent_id)?);
    }
    writes.extend(number.project_id.as_ref().map(|project| store::project::join(tenant, project)));
    Ok(writes)
}

fn claim(tenant: &TenantId, rev: &OperationId, number: &Number, e164: &domain::E164) -> Claim {
    Claim {
        e164: e164.clone(),
        state: ClaimState::Held,
        tenant_id: tenant.clone(),
        number_id: number.id.clone(),
        rev: rev.clone(),
        until: None,
        route: Some(number.route()),
    }
}

/// The transaction of a purchase that succeeded.
pub(super) fn commit(app: &App, op: &Operation, purchase: &Purchase, now: Timestamp) -> Result<Vec<Write>, StoreError> {
    let corrupt = |what: &str| StoreError::Corrupt(format!("a purchase is to be committed without {what}"));
    let carrier = purchase.bought.as_ref().ok_or_else(|| corrupt("a number"))?;
    let anchor = period::date_of(purchase.sold_at.ok_or_else(|| corrupt("a date of sale"))?);
    let first = period::nth(anchor, 0).ok_or_else(|| corrupt("a period"))?;
    let entry = Entry {
        id: EntryId::fresh(&*app.ids, now),
        kind: EntryKind::NumberCharge,
        currency: purchase.price.currency,
        postings: Entry::postings(purchase.cost().negated(), Account::Revenue),
        number_id: Some(op.number_id.clone()),
        period: Some(first),
        operation_id: Some(op.id.clone()),
        effective_at: now,
        created_at: now,
        explain: format!("{} from {} to {}, first period{}", purchase.e164, first.start, first.end, of_plan(purchase)),
        lines: Vec::new(),
    };
    let agent = purchase.agent.as_ref().filter(|_| purchase.connected.is_some());
    let link = link_of(purchase);
    let done = Bought {
        carrier,
        platform: purchase.connected.as_ref(),
        agent: agent.map(|agent| &agent.agent_id),
        link: link.as_ref(),
        anchor,
        paid_through: first.end,
        due_at: (first.end <= period::date_of(now)).then_some(now),
    };
    let wallet = WalletRef { tenant_id: op.tenant_id.clone(), currency: purchase.price.currency };
    let mut writes = match purchase.cost().micros {
        0 => Vec::from(store::wallet::charge(&wallet, &entry, 0)?),
        _ => Vec::from(store::wallet::capture(&op.tenant_id, &op.id, purchase.cost(), &entry)?),
    };
    writes.push(store::number::bought(&wallet, &op.number_id, &op.id, &done)?);
    writes.push(store::claim::reroute(
        &purchase.e164,
        &op.number_id,
        &op.id,
        Some(NumberStatus::Active),
        done.agent,
        done.platform,
    )?);
    writes.push(store::operation::update(op)?);
    if let (Some(unlinked), None) = (&purchase.agent, agent) {
        writes.push(store::agent::unlink(&op.tenant_id, &unlinked.agent_id));
    }
    let (id, amount) = (&op.number_id, purchase.cost());
    let data = json!({ "number_id": id, "e164": purchase.e164, "operation_id": op.id, "amount": amount });
    writes.push(super::event(app, op, "number.purchased", now, data)?);
    Ok(writes)
}

fn of_plan(purchase: &Purchase) -> &'static str {
    if purchase.included { ", included in the plan" } else { "" }
}

fn link_of(purchase: &Purchase) -> Option<Link> {
    let linked = purchase.connected.as_ref().map(|_| Link { status: LinkStatus::Linked, reason: None });
    let refused = purchase.link_refused.clone();
    linked.or_else(|| refused.map(|reason| Link { status: LinkStatus::Failed, reason: Some(reason) }))
}

/// The transaction of a purchase that was undone.
pub(super) fn abort(app: &App, op: &Operation, purchase: &Purchase, now: Timestamp) -> Result<Vec<Write>, StoreError> {
    let tenant = &op.tenant_id;
    let mut writes = Vec::new();
    if purchase.cost().micros > 0 {
        writes.extend(store::wallet::void(tenant, &op.id, purchase.cost())?);
    }
    writes.push(store::tenant::hold_one_less(tenant, purchase.included));
    writes.push(give_up_claim(op, purchase, Guard::Claim, now)?);
    writes.push(store::number::failed(tenant, &op.number_id, &op.id)?);
    writes.push(store::operation::update(op)?);
    writes.extend(purchase.agent.as_ref().map(|agent| store::agent::unlink(tenant, &agent.agent_id)));
    writes.extend(op.project_id.as_ref().map(|project| store::project::leave(tenant, project)));
    let code = op.failure.as_ref().map(|failure| failure.code.as_str());
    let data = json!({ "number_id": op.number_id, "e164": purchase.e164, "operation_id": op.id, "code": code });
    writes.push(super::event(app, op, "number.purchase_failed", now, data)?);
    Ok(writes)
}

fn give_up_claim(op: &Operation, purchase: &Purchase, guard: Guard, now: Timestamp) -> Result<Write, StoreError> {
    let ours = Claim {
        e164: purchase.e164.clone(),
        state: ClaimState::Held,
        tenant_id: op.tenant_id.clone(),
        number_id: op.number_id.clone(),
        rev: op.id.clone(),
        until: None,
        route: None,
    };
    let after = ours.after_abort(purchase.previous_claim.clone(), purchase.doubt, now);
    store::claim::replace(guard, &purchase.e164, &op.number_id, after.as_ref())
}

/// Moves a purchase to its next offer under the same hold: claims, number and record change in one transaction. `false`
/// when no offer is left.
pub(super) async fn swap(app: &App, op: &mut Operation) -> Result<bool, TransactError> {
    loop {
        let now = app.clock.now();
        let Saga::Purchase(purchase) = &op.saga else { return Ok(false) };
        let (mut next, before) = (purchase.clone(), purchase.clone());
        if next.candidates.is_empty() {
            return Ok(false);
        }
        next.e164 = next.candidates.remove(0);
        next.previous_claim = app.store.claim_get(&next.e164).await.map_err(TransactError::Store)?;
        let Some(number) = app.store.number_get(&op.tenant_id, &op.number_id).await.map_err(TransactError::Store)?
        else {
            return Ok(false);
        };
        if !Claim::may_take(next.previous_claim.as_ref(), &op.tenant_id, now) {
            op.saga = Saga::Purchase(Box::new(Purchase { candidates: next.candidates.clone(), ..*before }));
            continue;
        }
        (next.attempt, next.doubt, next.bought, next.sold_at) = (next.attempt + 1, false, None, None);
        let mut moved = op.clone();
        for record in &mut moved.steps {
            if record.step == Step::Buy {
                record.state = StepState::Pending;
            }
        }
        let claim = claim(&op.tenant_id, &op.id, &number, &next.e164);
        let writes = vec![
            give_up_claim(op, &before, Guard::PreviousClaim, now)?,
            store::claim::take(&claim, next.previous_claim.as_ref())?,
            store::number::swapped(&op.tenant_id, &op.number_id, &op.id, &next.e164)?,
            {
                moved.saga = Saga::Purchase(next.clone());
                store::operation::update(&moved)?
            },
        ];
        match app.store.transact(writes).await {
            Ok(()) => {
                *op = moved;
                return Ok(true);
            }
            Err(error) if error.lost(Guard::Operation) || !error.lost(Guard::Claim) => return Err(error),
            // Somebody else claimed it between our read and our write: the next one, then.
            Err(_) => op.saga = Saga::Purchase(Box::new(Purchase { candidates: next.candidates, ..*before })),
        }
    }
}
