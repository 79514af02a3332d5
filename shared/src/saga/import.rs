//! Import: make a number the operator owns already a tenant's. Held, claimed and charged like one that is bought; at the
//! carrier it only gets our tag and our webhooks, and at its end it is put back to what it was, unless the operator wants it
//! released.
//!
//! ```text
//! begin   idempotency · claim (and the pool's slot, if one is free) · number pending · hold · wallet · count < limit · operation
//!         import_at_carrier   undo: put back   probe: has the number our tag?
//!         connect             undo: remove     probe: what does the platform know under our tag?
//!         route               again until calls go past us, if the number is linked that way
//! commit  hold captured · wallet · first period's entry · number active · route in the claim · operation · event
//! abort   hold voided · wallet · claim as before, or blocked after doubt · number failed · count − 1 · operation · event
//! ```

use domain::catalog::Plan;
use domain::number::Number;
use domain::operation::{Import, Operation};
use domain::period;
use jiff::Timestamp;
use store::idempotency::Idempotency;
use store::{StoreError, Write};

use super::acquire::{self, Acquisition, News};
use crate::App;

/// What the beginning of an import writes.
#[derive(Debug)]
pub struct Beginning<'a> {
    /// The number as it begins: pending.
    pub number: &'a Number,
    /// The operation as it begins.
    pub op: &'a Operation,
    /// Its parameters.
    pub import: &'a Import,
    /// What the plan allows.
    pub plan: Plan,
    /// The operator's key and what it stands for.
    pub idempotency: (&'a str, &'a Idempotency),
}

/// The transaction that begins an import.
///
/// # Errors
/// When an item cannot be encoded.
pub fn begin(beginning: &Beginning<'_>) -> Result<Vec<Write>, StoreError> {
    let Beginning { number, op, import, plan, idempotency } = *beginning;
    let idempotency = Some(idempotency);
    acquire::begin(&acquire::Beginning { number, op, plan, idempotency, first: false }, &acquisition(import))
}

fn acquisition(import: &Import) -> Acquisition<'_> {
    Acquisition {
        e164: &import.e164,
        slot: import.slot.as_ref(),
        cost: import.cost(),
        included: import.included,
        doubt: import.doubt,
        previous_claim: import.previous_claim.as_ref(),
        agent: import.agent.as_ref(),
        carrier: import.imported.as_ref(),
        connected: import.connected.as_ref(),
        link_refused: import.link_refused.as_deref(),
        news: News { done: "number.imported", failed: "number.import_failed" },
    }
}

/// The transaction of an import that succeeded. Its periods count from this day: the tenant holds the number from now on,
/// and whenever the carrier sold it to the operator, the months before were the operator's own.
pub(super) fn commit(app: &App, op: &Operation, import: &Import, now: Timestamp) -> Result<Vec<Write>, StoreError> {
    acquire::commit(app, op, &acquisition(import), period::date_of(now), now)
}

/// The transaction of an import that was undone.
pub(super) fn abort(app: &App, op: &Operation, import: &Import, now: Timestamp) -> Result<Vec<Write>, StoreError> {
    acquire::abort(app, op, &acquisition(import), now)
}
