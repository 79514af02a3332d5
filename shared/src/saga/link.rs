//! Link: let an agent answer a number. Relinking on the same platform in the same way binds what is known there to the other
//! agent; otherwise the new link is made first, and what was known before is removed once calls go by it.
//!
//! ```text
//! begin   number ours alone · agent in use · operation
//!         connect     undo: remove          probe: what does the platform know under our tag?
//!         route       undo: as before       again until calls go past us, or no longer
//!         disconnect  what was known before; left to reconciliation if the platform will not have it
//!    or   rebind      undo: bind as before  probe: read back
//! commit  number linked · route in the claim · agent before freed · its tenure, if calls went past us · operation · event
//! abort   number as before · agent freed · operation
//! ```

use domain::operation::{Link, Operation};
use jiff::Timestamp;
use serde_json::json;
use store::{StoreError, Write};

use crate::App;

/// The transaction that begins a link.
///
/// # Errors
/// When an item cannot be encoded.
pub fn begin(op: &Operation, link: &Link) -> Result<Vec<Write>, StoreError> {
    Ok(vec![
        store::number::open_unbarred(&op.tenant_id, &op.number_id, &op.id)?,
        store::agent::link(&op.tenant_id, &link.agent.agent_id)?,
        store::operation::insert(op)?,
    ])
}

pub(super) fn commit(app: &App, op: &Operation, link: &Link, now: Timestamp) -> Result<Vec<Write>, StoreError> {
    let corrupt = || StoreError::Corrupt("a link is to be committed without the platform's handle".into());
    let platform = link.made(op.created_at).ok_or_else(corrupt)?;
    let (tenant, agent) = (&op.tenant_id, &link.agent.agent_id);
    let linked = domain::number::Link::made(&platform);
    let mut writes = vec![
        store::number::linked(tenant, &op.number_id, &op.id, agent, &platform, &linked)?,
        store::claim::reroute(&link.e164, &op.number_id, &op.id, None, Some(agent), Some(&platform))?,
        store::operation::update(op)?,
    ];
    writes.extend(link.previous_agent.as_ref().map(|before| store::agent::unlink(tenant, before)));
    writes.extend(super::tenure_ended(op, link.previous_agent.as_ref(), link.previous.as_ref(), now)?);
    let data = json!({ "number_id": op.number_id, "agent_id": agent, "operation_id": op.id });
    writes.push(super::event(app, op, "number.linked", now, data)?);
    Ok(writes)
}

pub(super) fn abort(op: &Operation, link: &Link) -> Result<Vec<Write>, StoreError> {
    Ok(vec![
        store::number::unchanged(&op.tenant_id, &op.number_id, &op.id)?,
        store::agent::unlink(&op.tenant_id, &link.agent.agent_id),
        store::operation::update(op)?,
    ])
}
