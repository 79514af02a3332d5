//! Release: remove a number at its platform, give it back to its carrier, stop charging. Forward-only.
//!
//! ```text
//! begin   number releasing, not primary, locked or parked · callers rejected · operation · wallet, if it was overdue
//!         disconnect         again until it is gone
//!         release_at_carrier again until it is gone
//! commit  number released · claim quarantined · slot free · count − 1 · agent freed · its tenure, if calls went past us ·
//!         project freed · operation · event
//! ```

use domain::claim::{Claim, ClaimState};
use domain::number::{Number, NumberStatus};
use domain::operation::{Operation, Release};
use jiff::Timestamp;
use serde_json::json;
use store::{Guard, StoreError, Write};

use crate::App;

/// The transaction that begins a release.
///
/// # Errors
/// When an item cannot be encoded.
pub fn begin(op: &Operation, release: &Release, number: &Number) -> Result<Vec<Write>, StoreError> {
    let mut writes = vec![
        store::number::open_release(number, &op.id, release.why)?,
        store::claim::restatus(&release.e164, &op.number_id, &op.id, NumberStatus::Releasing)?,
        store::operation::insert(op)?,
    ];
    if number.status.overdue() {
        writes.push(store::wallet::overdue(&number.wallet(), -1)?);
    }
    if number.primary && release.why.overrules_the_tenant() {
        writes.push(store::tenant::primary_none(&op.tenant_id, &op.number_id)?);
    }
    Ok(writes)
}

pub(super) fn commit(app: &App, op: &Operation, release: &Release, now: Timestamp) -> Result<Vec<Write>, StoreError> {
    let tenant = &op.tenant_id;
    let held = Claim {
        e164: release.e164.clone(),
        state: ClaimState::Held,
        tenant_id: tenant.clone(),
        number_id: op.number_id.clone(),
        rev: op.id.clone(),
        until: None,
        route: None,
    };
    let quarantined = held.after_release(op.id.clone(), now);
    let mut writes = vec![
        store::number::released(tenant, &op.number_id, &op.id, now)?,
        store::claim::replace(Guard::Claim, &release.e164, &op.number_id, Some(&quarantined))?,
        store::tenant::hold_one_less(tenant, release.included),
        store::operation::update(op)?,
    ];
    if let Some(slot) = &release.slot {
        writes.push(store::claim::replace(Guard::Slot, slot, &op.number_id, None)?);
    }
    writes.extend(release.agent_id.as_ref().map(|agent| store::agent::unlink(tenant, agent)));
    writes.extend(super::tenure_ended(op, release.agent_id.as_ref(), release.platform.as_ref(), now)?);
    writes.extend(op.project_id.as_ref().map(|project| store::project::leave(tenant, project)));
    let data = json!({ "number_id": op.number_id, "e164": release.e164, "operation_id": op.id, "why": release.why });
    writes.push(super::event(app, op, "number.released", now, data)?);
    Ok(writes)
}
