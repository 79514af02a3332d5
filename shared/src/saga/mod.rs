//! The saga driver: journals before and after every reaching out, and brackets it all with two transactions.
//!
//! What to do next and what an outcome means is decided in `domain::what_next`; each saga's file says how its steps act,
//! are probed for, and are undone, and what it writes at its beginning, success and failure. The driver may die at any
//! point: the lease runs out, and whoever drives next finds in the record what may have happened.

mod acquire;
pub mod bar;
mod buy;
mod by_hand;
mod connect;
mod give_back;
mod order;
mod route;
mod take_in;

pub mod import;
pub mod link;
pub mod purchase;
pub mod release;
pub mod restore;
pub mod resume;
pub mod suspend;
pub mod unlink;

use domain::number::PlatformRef;
use domain::operation::{Operation, OperationStatus, Saga, Step};
use domain::ports::{ProviderError, ProviderErrorKind};
use domain::tenure::Tenure;
use domain::what_next::{self, Acted, Next, Probed};
use domain::{AgentId, OperationId, TenantId, ids::EventId, limits};
use jiff::Timestamp;
use store::outbox::Event;
use store::queue::OperationMessage;
use store::{Guard, StoreError, TransactError, Write};

use crate::App;

/// How long a driver may go on, on the real clock.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    /// It answers by then.
    pub at: Timestamp,
}

impl Deadline {
    /// As long as a request may keep its caller waiting.
    #[must_use]
    pub fn of_a_request(app: &App) -> Self {
        Self { at: later(app.clock.real_now(), limits::REQUEST_DRIVES_FOR) }
    }

    fn has_time_for_a_step(self, app: &App) -> bool {
        later(app.clock.real_now(), limits::STEP_NEEDS) <= self.at
    }
}

/// Drives an operation this process owns until it is over, has to wait, or the deadline is near, and gives it up in the
/// first two cases. Returns the record as it now stands in the books.
///
/// # Errors
/// When the store does not answer. The operation is then as the journal last had it, and the sweep goes on with it.
pub async fn drive(app: &App, mut op: Operation, deadline: Deadline) -> Result<Operation, StoreError> {
    loop {
        let now = app.clock.now();
        match what_next::what_next(&op, now) {
            Next::Stop | Next::Wait(_) => return hand_over(app, op).await,
            _ if !deadline.has_time_for_a_step(app) => {
                op.due_at = Some(now);
                return hand_over(app, op).await;
            }
            Next::Act(step) => {
                what_next::started(&mut op, step, now);
                if !app.store.operation_journal(&op).await? {
                    return reload(app, op).await;
                }
                let outcome = Box::pin(act(app, &op, step, now)).await;
                note(app, &op, step, failure_of(&outcome));
                what_next::acted(&mut op, step, outcome, app.clock.now());
            }
            Next::Probe(step) => {
                let outcome = Box::pin(probe(app, &op, step)).await;
                if let Probed::Failed(error) = &outcome {
                    note(app, &op, step, Some(error));
                }
                what_next::probed(&mut op, step, outcome, app.clock.now());
            }
            Next::Undo(step) => {
                what_next::undoing(&mut op, step);
                if !app.store.operation_journal(&op).await? {
                    return reload(app, op).await;
                }
                let outcome = Box::pin(undo(app, &op, step)).await;
                note(app, &op, step, outcome.as_ref().err());
                what_next::undone(&mut op, step, outcome, app.clock.now());
            }
            Next::Swap => match purchase::swap(app, &mut op).await {
                Ok(true) => continue,
                Ok(false) => what_next::out_of_offers(&mut op),
                Err(TransactError::Lost(_)) => return reload(app, op).await,
                Err(TransactError::Store(error)) => return Err(error),
            },
            Next::Name => match purchase::name(app, &mut op).await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(TransactError::Lost(_)) => return reload(app, op).await,
                Err(TransactError::Store(error)) => return Err(error),
            },
            Next::Commit => return finish(app, op, OperationStatus::Succeeded, deadline).await,
            Next::Abort => return finish(app, op, OperationStatus::Failed, deadline).await,
        }
        match what_next::what_next(&op, app.clock.now()) {
            // These write the record themselves.
            Next::Stop | Next::Wait(_) | Next::Commit | Next::Abort => {}
            Next::Act(_) | Next::Probe(_) | Next::Undo(_) | Next::Swap | Next::Name => {
                if !app.store.operation_journal(&op).await? {
                    return reload(app, op).await;
                }
            }
        }
    }
}

/// Takes an operation over, if it is due and nobody drives it, and drives it. `None` when there is nothing to do.
///
/// # Errors
/// When the store does not answer.
pub async fn take_over(
    app: &App,
    tenant: &TenantId,
    id: &OperationId,
    deadline: Deadline,
) -> Result<Option<Operation>, StoreError> {
    let Some(mut op) = app.store.operation_get(tenant, id).await? else { return Ok(None) };
    let (now, real_now) = (app.clock.now(), app.clock.real_now());
    let owned = op.lease_until.is_some_and(|until| until > real_now);
    let idle = matches!(what_next::what_next(&op, now), Next::Stop | Next::Wait(_));
    if owned || idle || !app.store.operation_lease(&mut op, real_now).await? {
        return Ok(None);
    }
    // Boxed: a saga's future is large and deeply nested, and would be part of every caller's.
    Box::pin(drive(app, op, deadline)).await.map(Some)
}

/// Asks the queue to go on with an operation; if that fails the sweep does.
pub async fn hint(app: &App, op: &Operation) {
    let message = OperationMessage { tenant_id: op.tenant_id.clone(), operation_id: op.id.clone() };
    if let Err(error) = app.queue.send(&message).await {
        tracing::warn!(operation.id = %op.id, %error, "an operation could not be queued; the sweep will find it");
    }
}

async fn act(app: &App, op: &Operation, step: Step, started_at: Timestamp) -> Acted {
    match (&op.saga, step) {
        (Saga::Purchase(purchase), Step::Buy) if purchase.by_hand => Acted::Waiting(by_hand::ORDER.into()),
        (Saga::Purchase(purchase), Step::Buy) if op.carrier.sells_by_area() => order::act(app, op, purchase).await,
        (Saga::Purchase(purchase), Step::Buy) => buy::act(app, op, purchase, started_at).await,
        (Saga::Import(import), Step::ImportAtCarrier) => take_in::act(app, op, import).await,
        (Saga::Purchase(_) | Saga::Import(_) | Saga::Link(_), Step::Connect) => connect::act(app, op).await,
        (Saga::Link(link), Step::Rebind) => connect::rebind(app, link).await,
        (Saga::Suspend(suspend), Step::Unbind) => connect::unbind(app, suspend.platform.as_ref()).await,
        (Saga::Bar(bar), Step::Unbind) => connect::unbind(app, Some(&bar.platform)).await,
        (Saga::Resume(resume), Step::Rebind) => connect::bind_again(app, resume.platform.as_ref()).await,
        (Saga::Bar(bar), Step::Rebind) => connect::bind_again(app, Some(&bar.platform)).await,
        (Saga::Link(_) | Saga::Unlink(_) | Saga::Release(_), Step::Disconnect) => connect::disconnect(app, op).await,
        (Saga::Release(_), Step::ReleaseAtCarrier) => give_back::act(app, op).await,
        (Saga::Restore(_), Step::Configure) | (_, Step::Route) => route::act(app, op).await,
        (saga, step) => Acted::Suspicious(not_a_step(saga, step)),
    }
}

async fn probe(app: &App, op: &Operation, step: Step) -> Probed {
    match (&op.saga, step) {
        (Saga::Purchase(purchase), Step::Buy) if purchase.by_hand => Probed::Waiting(by_hand::ORDER.into()),
        (Saga::Purchase(_), Step::Buy) if op.carrier.sells_by_area() => order::probe(app, op).await,
        (Saga::Release(_), Step::ReleaseAtCarrier) if op.by_hand().is_some() => Probed::Waiting(by_hand::CANCEL.into()),
        (Saga::Purchase(purchase), Step::Buy) => buy::probe(app, op, purchase).await,
        (Saga::Import(import), Step::ImportAtCarrier) => take_in::probe(app, op, import).await,
        (Saga::Purchase(_) | Saga::Import(_) | Saga::Link(_), Step::Connect) => connect::probe(app, op).await,
        (Saga::Link(link), Step::Rebind) => connect::probe_rebind(app, link).await,
        // A removal is probed by removing again: what is gone is done. So are settings, by setting them again.
        (Saga::Link(_) | Saga::Unlink(_) | Saga::Release(_), Step::Disconnect)
        | (Saga::Release(_), Step::ReleaseAtCarrier)
        | (Saga::Restore(_), Step::Configure)
        | (_, Step::Route) => Probed::Absent,
        (Saga::Suspend(suspend), Step::Unbind) => connect::probe_binding(app, suspend.platform.as_ref(), None).await,
        (Saga::Bar(bar), Step::Unbind) => connect::probe_binding(app, Some(&bar.platform), None).await,
        (Saga::Bar(bar), Step::Rebind) => {
            connect::probe_binding(app, Some(&bar.platform), Some(&bar.platform.platform_agent_id)).await
        }
        (Saga::Resume(resume), Step::Rebind) => {
            let agent = resume.platform.as_ref().map(|known| known.platform_agent_id.as_str());
            connect::probe_binding(app, resume.platform.as_ref(), agent).await
        }
        (saga, step) => Probed::Suspicious(not_a_step(saga, step)),
    }
}

async fn undo(app: &App, op: &Operation, step: Step) -> Result<(), ProviderError> {
    match (&op.saga, step) {
        (Saga::Purchase(purchase), Step::Buy) if purchase.by_hand => by_hand::undo(purchase),
        (Saga::Purchase(purchase), Step::Buy) if op.carrier.sells_by_area() => order::undo(app, op, purchase).await,
        (Saga::Purchase(purchase), Step::Buy) => buy::undo(app, op, purchase).await,
        (Saga::Import(import), Step::ImportAtCarrier) => take_in::undo(app, op, import).await,
        (Saga::Purchase(_) | Saga::Import(_) | Saga::Link(_), Step::Connect) => connect::undo(app, op).await,
        (Saga::Link(link), Step::Rebind) => connect::undo_rebind(app, link).await,
        (Saga::Suspend(suspend), Step::Unbind) => connect::undo_unbind(app, suspend.platform.as_ref()).await,
        (Saga::Bar(bar), Step::Unbind) => connect::undo_unbind(app, Some(&bar.platform)).await,
        (_, Step::Route) => route::undo(app, op).await,
        // Settings as they should be are nothing to undo.
        (Saga::Restore(_), Step::Configure) => Ok(()),
        (saga, step) => {
            Err(ProviderError::new(ProviderErrorKind::Rejected(domain::ports::Reason::Other), not_a_step(saga, step)))
        }
    }
}

fn not_a_step(saga: &Saga, step: Step) -> String {
    format!("{} is not a step of {}", step.as_str(), saga.kind())
}

fn failure_of(outcome: &Acted) -> Option<&ProviderError> {
    match outcome {
        Acted::Failed(error) => Some(error),
        Acted::Done(_) | Acted::Waiting(_) | Acted::Outdated(_) | Acted::Suspicious(_) => None,
    }
}

/// Logs what a third party would not do, once, and drops credentials it refused.
fn note(app: &App, op: &Operation, step: Step, error: Option<&ProviderError>) {
    let Some(error) = error else { return };
    let (step, kind, detail) = (step.as_str(), error.kind, error.detail.as_str());
    if kind == ProviderErrorKind::Misconfigured {
        app.providers.credentials_refused();
        tracing::error!(alarm = "misconfigured", operation.id = %op.id, step, detail, "our credentials were refused");
    } else {
        tracing::warn!(operation.id = %op.id, step, ?kind, detail, "a third party did not do a step");
    }
}

/// Writes the record without an owner, so that anybody may go on when it is due.
async fn hand_over(app: &App, mut op: Operation) -> Result<Operation, StoreError> {
    if op.status == OperationStatus::Stuck {
        let why = op.trouble.as_deref().unwrap_or_default();
        tracing::error!(alarm = "stuck", operation.id = %op.id, why, "an operation is stuck and needs an operator");
    }
    op.lease_until = None;
    if app.store.operation_journal(&op).await? { Ok(op) } else { reload(app, op).await }
}

/// Writes the end of an operation, in one transaction with everything it changes.
async fn finish(
    app: &App,
    mut op: Operation,
    status: OperationStatus,
    deadline: Deadline,
) -> Result<Operation, StoreError> {
    let open = op.clone();
    (op.status, op.lease_until, op.due_at) = (status, None, None);
    let now = app.clock.now();
    let writes = match (&op.saga, status == OperationStatus::Succeeded) {
        (Saga::Purchase(purchase), true) => purchase::commit(app, &op, purchase, now),
        (Saga::Purchase(purchase), false) => purchase::abort(app, &op, purchase, now),
        (Saga::Import(import), true) => import::commit(app, &op, import, now),
        (Saga::Import(import), false) => import::abort(app, &op, import, now),
        (Saga::Link(link), true) => link::commit(app, &op, link, now),
        (Saga::Link(link), false) => link::abort(&op, link),
        (Saga::Unlink(unlink), _) => unlink::commit(app, &op, unlink, now),
        (Saga::Release(release), _) => release::commit(app, &op, release, now),
        (Saga::Suspend(suspend), true) => suspend::commit(app, &op, suspend, now),
        (Saga::Suspend(_) | Saga::Bar(_), false) => suspend::abort(&op),
        (Saga::Bar(bar), true) => bar::commit(app, &op, bar, now),
        (Saga::Resume(resume), _) => resume::commit(app, &op, resume, now),
        (Saga::Restore(restore), true) => restore::commit(app, &op, restore, now),
        (Saga::Restore(_), false) => restore::abort(&op),
    }?;
    match app.store.transact(writes).await {
        Ok(()) => Ok(op),
        Err(error) if error.lost(Guard::Operation) => reload(app, op).await,
        Err(error)
            if (error.lost(Guard::Number) || error.lost(Guard::Wallet))
                && what_next::overtaken(&mut op, open.status) =>
        {
            // What it did is undone, if anything; then it has failed.
            (op.lease_until, op.due_at) = (open.lease_until, open.due_at);
            match app.store.operation_journal(&op).await? {
                true => Box::pin(drive(app, op, deadline)).await,
                false => reload(app, op).await,
            }
        }
        Err(TransactError::Lost(guards)) => {
            let mut stuck = open;
            what_next::contradicted(&mut stuck, format!("the books contradict the operation: {guards:?}"));
            hand_over(app, stuck).await
        }
        Err(TransactError::Store(error)) => Err(error),
    }
}

/// Somebody else drives it, or it is over: what the books say counts.
async fn reload(app: &App, op: Operation) -> Result<Operation, StoreError> {
    Ok(app.store.operation_get(&op.tenant_id, &op.id).await?.unwrap_or(op))
}

/// Notes an agent's time at a number that ends with this operation, if the number's calls went past us.
fn tenure_ended(
    op: &Operation,
    agent: Option<&AgentId>,
    known: Option<&PlatformRef>,
    now: Timestamp,
) -> Result<Option<Write>, StoreError> {
    let tenure = agent.zip(known).and_then(|(agent, known)| Tenure::by(op.saga.e164(), &op.tenant_id, agent, known));
    tenure.map(|tenure| store::tenure::insert(tenure, now, &op.id)).transpose()
}

/// The event of an operation's end.
fn event(app: &App, op: &Operation, kind: &str, now: Timestamp, data: serde_json::Value) -> Result<Write, StoreError> {
    let event = Event { id: EventId::fresh(&*app.ids, now), kind: kind.to_owned(), at: now, data };
    store::outbox::insert(&op.tenant_id, &event)
}

fn later(at: Timestamp, by: jiff::SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}
