//! Restore: set a number up at its carrier as it should be, when somebody has changed it there.
//!
//! ```text
//! begin   number ours alone, held · operation
//!         configure   name and webhooks as they should be; a number that is gone is none to set up
//! commit  number as it was · operation · event
//! abort   number as it was · operation
//! ```
//!
//! The number is the operation's alone meanwhile: a release (or the end of an import) that ran beside it could otherwise be
//! followed by our webhooks on a number that is not ours any more.

use domain::operation::{Operation, Restore};
use jiff::Timestamp;
use serde_json::json;
use store::{StoreError, Write};

use crate::App;

/// The transaction that begins the restoring of a number as it was read.
///
/// # Errors
/// When an item cannot be encoded.
pub fn begin(op: &Operation, number: &domain::number::Number) -> Result<Vec<Write>, StoreError> {
    Ok(vec![store::number::open_restore(number, &op.id)?, store::operation::insert(op)?])
}

pub(super) fn commit(app: &App, op: &Operation, restore: &Restore, now: Timestamp) -> Result<Vec<Write>, StoreError> {
    let data = json!({ "number_id": op.number_id, "e164": restore.e164, "operation_id": op.id });
    Ok(vec![
        store::number::unchanged(&op.tenant_id, &op.number_id, &op.id)?,
        store::operation::update(op)?,
        super::event(app, op, "number.restored", now, data)?,
    ])
}

pub(super) fn abort(op: &Operation) -> Result<Vec<Write>, StoreError> {
    Ok(vec![store::number::unchanged(&op.tenant_id, &op.number_id, &op.id)?, store::operation::update(op)?])
}
