//! Suspend: put no caller through any more, for want of payment. With calls handed over by our own webhook no third party
//! has a part in it; calls that go past us are brought back to it, and it says to a caller what is the case.
//!
//! ```text
//! begin   number ours alone, past due as it was read · operation
//!         route   again until calls come to our webhook; undo: past us again
//!    or   unbind  again until the platform takes no calls, where nothing of ours is in their way; undo: bind again
//! commit  number suspended, its release announced · callers hear the suspended message · operation · events
//! abort   number as it is (it was paid for meanwhile) · operation
//! ```

use domain::number::{Number, NumberStatus};
use domain::operation::{Operation, Suspend};
use domain::period;
use domain::wallet::WalletRef;
use jiff::Timestamp;
use serde_json::json;
use store::{StoreError, Write};

use crate::App;

/// The transaction that begins a suspension.
///
/// # Errors
/// When an item cannot be encoded.
pub fn begin(op: &Operation, number: &Number) -> Result<Vec<Write>, StoreError> {
    Ok(vec![store::number::open_as_read(number, &op.id)?, store::operation::insert(op)?])
}

pub(super) fn commit(app: &App, op: &Operation, suspend: &Suspend, now: Timestamp) -> Result<Vec<Write>, StoreError> {
    let Suspend { e164, currency, before, after, release_at, .. } = suspend;
    let wallet = WalletRef { tenant_id: op.tenant_id.clone(), currency: *currency };
    let look_at = period::midnight(after.look_on);
    let news = store::number::Suspended { before, after, release_at: *release_at, look_at };
    let told = json!({ "number_id": op.number_id, "day": after.day });
    let data = json!({ "number_id": op.number_id, "e164": e164, "operation_id": op.id, "release_at": release_at });
    Ok(vec![
        store::number::suspended(&wallet, &op.number_id, &op.id, &news)?,
        store::claim::restatus(e164, &op.number_id, &op.id, NumberStatus::Suspended)?,
        store::operation::update(op)?,
        super::event(app, op, "number.dunning_notice", now, told)?,
        super::event(app, op, "number.suspended", now, data)?,
    ])
}

pub(super) fn abort(op: &Operation) -> Result<Vec<Write>, StoreError> {
    Ok(vec![store::number::unchanged(&op.tenant_id, &op.number_id, &op.id)?, store::operation::update(op)?])
}
