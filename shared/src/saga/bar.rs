//! Bar: let no call of a number through past us any more, since the tenant has not paid for the last ones; or let them through
//! again. The same steps as those of a suspension and its end; the number stays what it is, and is charged as ever.
//!
//! ```text
//! begin   number ours alone, as it was read · operation
//!         route   again until calls come to our webhook, or past us again; undo of the former: past us again
//!    or   unbind, rebind, where nothing of ours is in a call's way
//! commit  number · route in the claim · to bar: the wallet still wants it · operation · event
//! abort   number as it is (the calls were paid for meanwhile) · operation
//! ```

use domain::number::Number;
use domain::operation::{Bar, Operation};
use domain::wallet::WalletRef;
use jiff::Timestamp;
use serde_json::json;
use store::{StoreError, Write};

use crate::App;

/// The transaction that begins it.
///
/// # Errors
/// When an item cannot be encoded.
pub fn begin(op: &Operation, number: &Number) -> Result<Vec<Write>, StoreError> {
    Ok(vec![store::number::open_as_read(number, &op.id)?, store::operation::insert(op)?])
}

pub(super) fn commit(app: &App, op: &Operation, bar: &Bar, now: Timestamp) -> Result<Vec<Write>, StoreError> {
    let Bar { e164, currency, barred, .. } = bar;
    let data = json!({ "number_id": op.number_id, "e164": e164, "operation_id": op.id });
    let mut writes = vec![
        store::number::barred(&op.tenant_id, &op.number_id, &op.id, *barred)?,
        store::claim::bar(e164, &op.number_id, &op.id, *barred)?,
        store::operation::update(op)?,
        super::event(app, op, if *barred { "number.barred" } else { "number.unbarred" }, now, data)?,
    ];
    if *barred {
        let wallet = WalletRef { tenant_id: op.tenant_id.clone(), currency: *currency };
        writes.push(store::wallet::still_barred(&wallet)?);
    }
    Ok(writes)
}
