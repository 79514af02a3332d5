//! Unlink: let no agent answer a number. Forward-only: what the platform no longer knows is done.
//!
//! ```text
//! begin   number ours alone · operation
//!         route        again until calls come to our webhook, if they went past it
//!         disconnect   again until it is gone, where the platform keeps a number
//! commit  number unlinked · route in the claim · agent freed · its tenure, if calls went past us · operation · event
//! ```

use domain::operation::{Operation, Unlink};
use jiff::Timestamp;
use serde_json::json;
use store::{StoreError, Write};

use crate::App;

/// The transaction that begins an unlink.
///
/// # Errors
/// When an item cannot be encoded.
pub fn begin(op: &Operation) -> Result<Vec<Write>, StoreError> {
    Ok(vec![store::number::open(&op.tenant_id, &op.number_id, &op.id)?, store::operation::insert(op)?])
}

pub(super) fn commit(app: &App, op: &Operation, unlink: &Unlink, now: Timestamp) -> Result<Vec<Write>, StoreError> {
    let tenant = &op.tenant_id;
    let mut writes = vec![
        store::number::unlinked(tenant, &op.number_id, &op.id)?,
        store::claim::reroute(&unlink.e164, &op.number_id, &op.id, None, None, None)?,
        store::operation::update(op)?,
    ];
    writes.extend(unlink.agent_id.as_ref().map(|agent| store::agent::unlink(tenant, agent)));
    writes.extend(super::tenure_ended(op, unlink.agent_id.as_ref(), unlink.platform.as_ref(), now)?);
    let data = json!({ "number_id": op.number_id, "agent_id": unlink.agent_id, "operation_id": op.id });
    writes.push(super::event(app, op, "number.unlinked", now, data)?);
    Ok(writes)
}
