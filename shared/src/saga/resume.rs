//! Resume: put callers of a suspended number through again, once it owes nothing.
//!
//! ```text
//! begin   number ours alone, suspended and paid for · operation
//!         route   again until calls go past us, if the number is linked that way
//!    or   rebind  again until the platform takes its calls, if it took none meanwhile
//! commit  number active · callers reach it · wallet · operation · event
//! ```

use domain::number::{Number, NumberStatus};
use domain::operation::{Operation, Resume};
use domain::wallet::WalletRef;
use jiff::Timestamp;
use serde_json::json;
use store::{StoreError, Write};

use crate::App;

/// The transaction that begins the end of a suspension.
///
/// # Errors
/// When an item cannot be encoded.
pub fn begin(op: &Operation, number: &Number) -> Result<Vec<Write>, StoreError> {
    Ok(vec![store::number::open_as_read(number, &op.id)?, store::operation::insert(op)?])
}

pub(super) fn commit(app: &App, op: &Operation, resume: &Resume, now: Timestamp) -> Result<Vec<Write>, StoreError> {
    let wallet = WalletRef { tenant_id: op.tenant_id.clone(), currency: resume.currency };
    let data = json!({ "number_id": op.number_id, "e164": resume.e164, "operation_id": op.id });
    Ok(vec![
        store::wallet::overdue(&wallet, -1)?,
        store::number::resumed(&op.tenant_id, &op.number_id, &op.id)?,
        store::claim::restatus(&resume.e164, &op.number_id, &op.id, NumberStatus::Active)?,
        store::operation::update(op)?,
        super::event(app, op, "number.resumed", now, data)?,
    ])
}
