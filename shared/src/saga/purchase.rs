//! Purchase: hold the price, buy the exact number, make it known to its agent's platform, charge the first period.
//!
//! ```text
//! begin   idempotency · claim · number pending · hold · wallet · count < limit · operation
//!         buy       undo: give back        probe: what does the carrier say we own for exactly this number (or tag)?
//!         (name     where only the carrier knows which number it is: what it told is claimed, in one transaction)
//!         connect   undo: remove           probe: what does the platform know under our tag?
//!         route     again until calls go past us, if the number is linked that way
//! commit  hold captured · wallet · first period's entry · number active · route in the claim · operation · event
//! abort   hold voided · wallet · claim as before, or blocked after doubt · number failed · count − 1 · operation · event
//! ```

use domain::catalog::Plan;
use domain::claim::{Claim, ClaimState};
use domain::number::Number;
use domain::operation::{Operation, Purchase, Saga, Step, StepState};
use domain::sip::OwnTrunk;
use domain::{limits, period, what_next};
use jiff::Timestamp;
use store::idempotency::Idempotency;
use store::{Guard, StoreError, TransactError, Write};

use super::acquire::{self, Acquisition, News};
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
    /// Only if it is the agent's first number.
    pub first: bool,
}

/// The transaction that begins a purchase.
///
/// # Errors
/// When an item cannot be encoded.
pub fn begin(beginning: &Beginning<'_>) -> Result<Vec<Write>, StoreError> {
    let Beginning { number, op, purchase, plan, idempotency, first } = *beginning;
    acquire::begin(&acquire::Beginning { number, op, plan, idempotency, first }, &acquisition(purchase))
}

fn acquisition(purchase: &Purchase) -> Acquisition<'_> {
    Acquisition {
        e164: &purchase.e164,
        slot: purchase.slot.as_ref(),
        cost: purchase.cost(),
        included: purchase.included,
        doubt: purchase.doubt,
        previous_claim: purchase.previous_claim.as_ref(),
        agent: purchase.agent.as_ref(),
        carrier: purchase.bought.as_ref(),
        connected: purchase.connected.as_ref(),
        link_refused: purchase.link_refused.as_deref(),
        news: News { done: "number.purchased", failed: "number.purchase_failed" },
    }
}

/// The transaction of a purchase that succeeded. Its periods count from the day the carrier sold the number.
pub(super) fn commit(app: &App, op: &Operation, purchase: &Purchase, now: Timestamp) -> Result<Vec<Write>, StoreError> {
    let unsold = || StoreError::Corrupt("a purchase is to be committed without a date of sale".into());
    let anchor = period::date_of(purchase.sold_at.ok_or_else(unsold)?);
    acquire::commit(app, op, &acquisition(purchase), anchor, now)
}

/// The transaction of a purchase that was undone.
pub(super) fn abort(app: &App, op: &Operation, purchase: &Purchase, now: Timestamp) -> Result<Vec<Write>, StoreError> {
    acquire::abort(app, op, &acquisition(purchase), now)
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
        let claim = acquire::claim(&op.tenant_id, &op.id, &number, &next.e164);
        let writes = vec![
            acquire::give_up_claim(op, &acquisition(&before), Guard::PreviousClaim, now)?,
            store::claim::take(Guard::Claim, &claim, next.previous_claim.as_ref())?,
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

/// Moves a purchase, and with these writes its number and claims, to the digits that were told, over which this claim stood.
/// A slot of a pool stays claimed besides, and what stood for the digits otherwise is given up. The record is still to be
/// written with them.
pub(crate) fn name_writes(
    op: &mut Operation,
    number: &Number,
    standing: Option<Claim>,
    sip: Option<&OwnTrunk>,
) -> Result<Vec<Write>, StoreError> {
    let purchase = op.saga.purchase().cloned().zip(what_next::told(op).cloned());
    let (before, told) = purchase.ok_or_else(|| StoreError::Corrupt("nothing was told of a number".into()))?;
    let keeps_slot = number.slot.as_ref() == Some(&before.e164);
    let claim = acquire::claim(&op.tenant_id, &op.id, number, &told);
    let mut writes = vec![
        store::claim::take(Guard::Claim, &claim, standing.as_ref())?,
        store::number::named(number, &op.id, &told, sip)?,
    ];
    if !keeps_slot {
        let previous = before.previous_claim.as_ref();
        writes.push(store::claim::replace(Guard::PreviousClaim, &before.e164, &op.number_id, previous)?);
    }
    what_next::named(op, standing, keeps_slot);
    Ok(writes)
}

/// Claims the digits that the carrier told: claim, number and record change in one transaction. `false` when they cannot
/// be had: what becomes of that is in the record, and not yet in the books.
pub(super) async fn name(app: &App, op: &mut Operation) -> Result<bool, TransactError> {
    let mut tries = 0;
    loop {
        tries += 1;
        let Some(told) = what_next::told(op) else { return Ok(false) };
        let standing = app.store.claim_get(told).await.map_err(TransactError::Store)?;
        if standing.as_ref().is_some_and(|claim| claim.state == ClaimState::Held) {
            let why = format!("the carrier gave a number ({told:?}) that is claimed already");
            what_next::contradicted(op, why);
            return Ok(false);
        }
        if !Claim::may_take(standing.as_ref(), &op.tenant_id, app.clock.now()) {
            what_next::kept_back(op);
            return Ok(false);
        }
        let number = app.store.number_get(&op.tenant_id, &op.number_id).await.map_err(TransactError::Store)?;
        let Some(number) = number else {
            what_next::contradicted(op, "the number is not in the books".into());
            return Ok(false);
        };
        let mut moved = op.clone();
        let mut writes = name_writes(&mut moved, &number, standing, None)?;
        writes.push(store::operation::update(&moved)?);
        match app.store.transact(writes).await {
            Ok(()) => {
                *op = moved;
                return Ok(true);
            }
            // Somebody claimed it, or changed the number, between our read and our write.
            Err(error)
                if tries < limits::NAMING_TRIES_MAX
                    && !error.lost(Guard::Operation)
                    && (error.lost(Guard::Claim) || error.lost(Guard::Number)) => {}
            Err(error) => return Err(error),
        }
    }
}
