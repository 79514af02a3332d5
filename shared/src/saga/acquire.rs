//! What a purchase and an import have in common: a tenant comes to hold a number. The three transactions that hold the
//! price and the claim, charge the first period, or give both up; how the number is had in between is the sagas' own.

use domain::catalog::Plan;
use domain::claim::{Claim, ClaimState};
use domain::number::{CarrierRef, Link, LinkStatus, Number, NumberStatus, PlatformRef};
use domain::operation::{AgentBinding, Operation, Slot};
use domain::wallet::{Account, Entry, EntryKind, Hold, HoldState, WalletRef};
use domain::{E164, Money, OperationId, TenantId, ids::EntryId, period};
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::json;
use store::idempotency::Idempotency;
use store::number::Bought;
use store::{Guard, StoreError, Write};

use crate::App;

/// A purchase or an import, as far as they are the same.
#[derive(Debug)]
pub(super) struct Acquisition<'a> {
    pub(super) e164: &'a E164,
    /// The place in the carrier's pool that is claimed besides.
    pub(super) slot: Option<&'a Slot>,
    /// What is held, and charged for the first period.
    pub(super) cost: Money,
    /// One of the numbers the plan includes.
    pub(super) included: bool,
    /// Whether the carrier may yet do what it was asked for.
    pub(super) doubt: bool,
    pub(super) previous_claim: Option<&'a Claim>,
    pub(super) agent: Option<&'a AgentBinding>,
    /// The carrier's handle, once it is ours.
    pub(super) carrier: Option<&'a CarrierRef>,
    pub(super) connected: Option<&'a PlatformRef>,
    pub(super) link_refused: Option<&'a str>,
    /// What its end is told as.
    pub(super) news: News,
}

/// Names of the events.
#[derive(Debug, Clone, Copy)]
pub(super) struct News {
    pub(super) done: &'static str,
    pub(super) failed: &'static str,
}

/// What the beginning is about, besides the acquisition itself.
#[derive(Debug)]
pub(super) struct Beginning<'a> {
    pub(super) number: &'a Number,
    pub(super) op: &'a Operation,
    pub(super) plan: Plan,
    pub(super) idempotency: Option<(&'a str, &'a Idempotency)>,
    /// Only if it is the agent's first number.
    pub(super) first: bool,
}

/// The transaction that begins it.
pub(super) fn begin(beginning: &Beginning<'_>, what: &Acquisition<'_>) -> Result<Vec<Write>, StoreError> {
    let Beginning { number, op, plan, idempotency, first } = beginning;
    let tenant = &op.tenant_id;
    let hold = Hold { cause: op.id.to_string(), amount: what.cost, state: HoldState::Held };
    let claim = claim(tenant, &op.id, number, what.e164);
    let mut writes = Vec::new();
    if hold.amount.micros > 0 {
        writes.extend(store::wallet::hold(tenant, &hold)?);
    }
    let place = what.included.then_some(plan.included);
    writes.push(store::tenant::hold_one_more(tenant, plan.numbers, place));
    writes.push(store::claim::take(Guard::Claim, &claim, what.previous_claim)?);
    if let Some(slot) = what.slot {
        let claim = self::claim(tenant, &op.id, number, &slot.e164);
        writes.push(store::claim::take(Guard::Slot, &claim, slot.previous_claim.as_ref())?);
    }
    writes.push(store::number::insert(number)?);
    writes.push(store::operation::insert(op)?);
    if let Some((key_hash, record)) = idempotency {
        writes.push(store::idempotency::insert(tenant, key_hash, record)?);
    }
    if let Some(agent) = what.agent {
        let link = if *first { store::agent::link_first } else { store::agent::link };
        writes.push(link(tenant, &agent.agent_id)?);
    }
    writes.extend(number.project_id.as_ref().map(|project| store::project::join(tenant, project)));
    Ok(writes)
}

/// A claim for this number; what stands for digits is called by nobody.
pub(super) fn claim(tenant: &TenantId, rev: &OperationId, number: &Number, e164: &E164) -> Claim {
    Claim {
        e164: e164.clone(),
        state: ClaimState::Held,
        tenant_id: tenant.clone(),
        number_id: number.id.clone(),
        rev: rev.clone(),
        until: None,
        route: e164.known().map(|_| number.route()),
    }
}

/// The transaction of one that succeeded. All periods count from `anchor`.
pub(super) fn commit(
    app: &App,
    op: &Operation,
    what: &Acquisition<'_>,
    anchor: Date,
    now: Timestamp,
) -> Result<Vec<Write>, StoreError> {
    let corrupt = |which: &str| StoreError::Corrupt(format!("a {} is to be committed without {which}", op.saga.kind()));
    let carrier = what.carrier.ok_or_else(|| corrupt("a number"))?;
    let first = period::nth(anchor, 0).ok_or_else(|| corrupt("a period"))?;
    let of_plan = if what.included { ", included in the plan" } else { "" };
    let entry = Entry {
        id: EntryId::fresh(&*app.ids, now),
        kind: EntryKind::NumberCharge,
        currency: what.cost.currency,
        postings: Entry::postings(what.cost.negated(), Account::Revenue),
        number_id: Some(op.number_id.clone()),
        period: Some(first),
        operation_id: Some(op.id.clone()),
        effective_at: now,
        created_at: now,
        explain: format!("{} from {} to {}, first period{of_plan}", what.e164, first.start, first.end),
        lines: Vec::new(),
    };
    let agent = what.agent.filter(|_| what.connected.is_some());
    let link = link_of(what);
    let platform = what.connected.cloned().map(|known| known.linked_since(op.created_at));
    let done = Bought {
        carrier,
        platform: platform.as_ref(),
        agent: agent.map(|agent| &agent.agent_id),
        link: link.as_ref(),
        anchor,
        paid_through: first.end,
        due_at: (first.end <= period::date_of(now)).then_some(now),
    };
    let wallet = WalletRef { tenant_id: op.tenant_id.clone(), currency: what.cost.currency };
    let mut writes = match what.cost.micros {
        0 => Vec::from(store::wallet::charge(&wallet, &entry, 0)?),
        _ => Vec::from(store::wallet::capture(&op.tenant_id, &op.id, what.cost, &entry)?),
    };
    writes.push(store::number::bought(&wallet, &op.number_id, &op.id, &done)?);
    let active = Some(NumberStatus::Active);
    writes.push(store::claim::reroute(what.e164, &op.number_id, &op.id, active, done.agent, done.platform)?);
    writes.push(store::operation::update(op)?);
    if let (Some(unlinked), None) = (what.agent, agent) {
        writes.push(store::agent::unlink(&op.tenant_id, &unlinked.agent_id));
    }
    let data = json!({ "number_id": op.number_id, "e164": what.e164, "operation_id": op.id, "amount": what.cost });
    writes.push(super::event(app, op, what.news.done, now, data)?);
    Ok(writes)
}

fn link_of(what: &Acquisition<'_>) -> Option<Link> {
    let linked = what.connected.map(Link::made);
    let refused = what.link_refused.map(str::to_owned);
    linked.or_else(|| refused.map(|reason| Link { status: LinkStatus::Failed, reason: Some(reason) }))
}

/// The transaction of one that was undone.
pub(super) fn abort(
    app: &App,
    op: &Operation,
    what: &Acquisition<'_>,
    now: Timestamp,
) -> Result<Vec<Write>, StoreError> {
    let tenant = &op.tenant_id;
    let mut writes = Vec::new();
    if what.cost.micros > 0 {
        writes.extend(store::wallet::void(tenant, &op.id, what.cost)?);
    }
    writes.push(store::tenant::hold_one_less(tenant, what.included));
    writes.push(give_up_claim(op, what, Guard::Claim, now)?);
    if let Some(slot) = what.slot {
        writes.push(give_up(op, &slot.e164, slot.previous_claim.clone(), what.doubt, Guard::Slot, now)?);
    }
    writes.push(store::number::failed(tenant, &op.number_id, &op.id)?);
    writes.push(store::operation::update(op)?);
    writes.extend(what.agent.map(|agent| store::agent::unlink(tenant, &agent.agent_id)));
    writes.extend(op.project_id.as_ref().map(|project| store::project::leave(tenant, project)));
    let code = op.failure.as_ref().map(|failure| failure.code.as_str());
    let data = json!({ "number_id": op.number_id, "e164": what.e164.known(), "operation_id": op.id, "code": code });
    writes.push(super::event(app, op, what.news.failed, now, data)?);
    Ok(writes)
}

/// Puts in place of the claim what is to stand there when the number is not had after all.
pub(super) fn give_up_claim(
    op: &Operation,
    what: &Acquisition<'_>,
    guard: Guard,
    now: Timestamp,
) -> Result<Write, StoreError> {
    give_up(op, what.e164, what.previous_claim.cloned(), what.doubt, guard, now)
}

fn give_up(
    op: &Operation,
    e164: &E164,
    before: Option<Claim>,
    doubt: bool,
    guard: Guard,
    now: Timestamp,
) -> Result<Write, StoreError> {
    let ours = Claim {
        e164: e164.clone(),
        state: ClaimState::Held,
        tenant_id: op.tenant_id.clone(),
        number_id: op.number_id.clone(),
        rev: op.id.clone(),
        until: None,
        route: None,
    };
    let after = ours.after_abort(before, doubt, now);
    store::claim::replace(guard, e164, &op.number_id, after.as_ref())
}
