//! Link, unlink and release: the sagas a tenant begins on a number it has.

use domain::number::{Number, NumberStatus};
use domain::operation::{Link, Operation, OperationStatus, Release, ReleaseWhy, Saga, Unlink};
use domain::{NumberId, OperationId, ids::EventId, limits, period};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use store::outbox::Event;
use store::{Guard, TransactError, Write};

use crate::api::{NumberAndOperation, NumberView};
use crate::http::auth::Caller;
use crate::saga;
use crate::use_cases::linking::Answers;
use crate::use_cases::{custom, numbers, purchase};
use crate::{App, Error};

/// Who is to answer.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct LinkRequest {
    agent_id: String,
    /// How calls get there: `hand_over`, `trunk`, `import`, `direct` or `native`; as the platform is usually reached by default.
    method: Option<String>,
}

/// Lets an agent answer a number.
///
/// # Errors
/// [`Error::NotFound`], [`Error::NumberNotActive`], [`Error::OperationInProgress`], [`Error::PlatformUnsupported`], or
/// [`Error::Operation`] when the platform refused and the number is as before.
pub async fn link(
    app: &App,
    caller: &Caller,
    id: &NumberId,
    request: &LinkRequest,
    respond_async: bool,
) -> Result<NumberAndOperation, Error> {
    let number = numbers::get(app, caller, id).await?;
    let answers = Answers::read(Some(&request.agent_id), request.method.as_deref())?.ok_or(Error::NotFound)?;
    let agent = answers.binding(app, caller, number.carrier).await?;
    serving(&number)?;
    if number.barred {
        return Err(Error::NumberNotActive);
    }
    custom::suits(agent.platform, number.sip.as_ref().is_some_and(|trunk| trunk.register))?;
    let previous = number.platform_ref.clone();
    // The platform has the number once: it could not be told of it in another way before it has forgotten the first.
    let twice = previous.as_ref().is_some_and(|previous| {
        let ways = (previous.reach.method(), agent.method);
        previous.platform == agent.platform && ways.0 != ways.1 && ways.0.past_us() && ways.1.past_us()
    });
    if twice {
        return Err(Error::invalid("method", "unlink the number first: its platform knows it in another way"));
    }
    let (e164, previous_agent) = (number.e164.clone(), number.agent_id.clone());
    let saga = Link { e164, agent, previous_agent, previous, connected: None, since: None };
    begin(app, number, Saga::Link(Box::new(saga)), respond_async).await
}

/// Lets no agent answer a number; one that nobody answers stays so.
///
/// # Errors
/// [`Error::NotFound`], [`Error::NumberNotActive`], [`Error::OperationInProgress`].
pub async fn unlink(
    app: &App,
    caller: &Caller,
    id: &NumberId,
    respond_async: bool,
) -> Result<NumberAndOperation, Error> {
    let number = numbers::get(app, caller, id).await?;
    serving(&number)?;
    let saga =
        Unlink { e164: number.e164.clone(), agent_id: number.agent_id.clone(), platform: number.platform_ref.clone() };
    begin(app, number, Saga::Unlink(Box::new(saga)), respond_async).await
}

/// When to give a number back.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
pub struct ReleaseRequest {
    /// `now` (the default), or `period_end`: at the end of what is paid for, two hours before it.
    when: Option<String>,
}

/// Gives a number back, now or at the end of what is paid for. Released again is success: the answer is the release that
/// was.
///
/// # Errors
/// [`Error::NotFound`], [`Error::PrimaryNumber`], [`Error::NumberLocked`], [`Error::NumberParked`],
/// [`Error::NumberNotActive`] for a number that was never bought, [`Error::OperationInProgress`].
pub async fn release(
    app: &App,
    caller: &Caller,
    id: &NumberId,
    request: &ReleaseRequest,
    respond_async: bool,
) -> Result<NumberAndOperation, Error> {
    let at_period_end = match request.when.as_deref() {
        None | Some("now") => false,
        Some("period_end") => true,
        Some(_) => return Err(Error::invalid("when", "`now` or `period_end`")),
    };
    let number = numbers::get(app, caller, id).await?;
    if let NumberStatus::Releasing | NumberStatus::Released = number.status {
        return released(app, caller, number).await;
    }
    releasable(&number)?;
    // What is past due or suspended has no paid period whose end could be waited for.
    if at_period_end && number.status == NumberStatus::Active {
        return schedule(app, caller, number).await;
    }
    if number.carrier_ref.is_none() {
        return Err(Error::NumberNotActive);
    }
    let saga = Release {
        e164: number.e164.clone(),
        agent_id: number.agent_id.clone(),
        platform: number.platform_ref.clone(),
        why: ReleaseWhy::Asked,
        included: number.included,
        slot: number.slot.clone(),
    };
    begin(app, number, Saga::Release(Box::new(saga)), respond_async).await
}

/// Lets a number go at the end of what is paid for. Until then it serves and the wish can be undone; charged it is no more.
async fn schedule(app: &App, caller: &Caller, number: Number) -> Result<NumberAndOperation, Error> {
    if number.ends_with_its_period() {
        return Ok(NumberAndOperation { number: Some(number.into()), operation: None });
    }
    let end = period::midnight(number.paid_through.ok_or(Error::NumberNotActive)?);
    let at = end.saturating_sub(limits::PERIOD_END_RELEASES_BEFORE).unwrap_or(Timestamp::MIN);
    let data = json!({ "number_id": number.id, "e164": number.e164, "release_at": at });
    let event = outbox_event(app, "number.release_scheduled", data);
    let writes =
        vec![store::number::release_scheduled(&number, at)?, store::outbox::insert(&number.tenant_id, &event)?];
    match app.store.transact(writes).await {
        Ok(()) => {}
        Err(TransactError::Lost(_)) => {
            let now = numbers::get(app, caller, &number.id).await?;
            if !now.ends_with_its_period() {
                releasable(&now)?;
                return Err(Error::OperationInProgress(now.open_operation_id));
            }
        }
        Err(TransactError::Store(error)) => return Err(error.into()),
    }
    let number = numbers::get(app, caller, &number.id).await?;
    Ok(NumberAndOperation { number: Some(number.into()), operation: None })
}

/// Keeps a number that was to be released at the end of what is paid for.
///
/// # Errors
/// [`Error::NotFound`], [`Error::ReleaseStarted`], [`Error::NothingToUndo`].
pub async fn undo_release(app: &App, caller: &Caller, id: &NumberId) -> Result<Number, Error> {
    let number = numbers::get(app, caller, id).await?;
    match number.status {
        NumberStatus::Releasing | NumberStatus::Released => return Err(Error::ReleaseStarted),
        NumberStatus::Active if number.ends_with_its_period() => {}
        NumberStatus::Pending
        | NumberStatus::Active
        | NumberStatus::PastDue
        | NumberStatus::Suspended
        | NumberStatus::Failed => return Err(Error::NothingToUndo),
    }
    let event = outbox_event(app, "number.release_undone", json!({ "number_id": number.id, "why": "asked" }));
    let writes = vec![
        store::number::release_unscheduled(&number, app.clock.now())?,
        store::outbox::insert(&number.tenant_id, &event)?,
    ];
    match app.store.transact(writes).await {
        Ok(()) => numbers::get(app, caller, id).await,
        Err(TransactError::Lost(_)) => match numbers::get(app, caller, id).await? {
            number if matches!(number.status, NumberStatus::Releasing | NumberStatus::Released) => {
                Err(Error::ReleaseStarted)
            }
            number if number.ends_with_its_period() => Err(Error::OperationInProgress(number.open_operation_id)),
            number => Ok(number),
        },
        Err(TransactError::Store(error)) => Err(error.into()),
    }
}

fn outbox_event(app: &App, kind: &str, data: serde_json::Value) -> Event {
    let now = app.clock.now();
    Event { id: EventId::fresh(&*app.ids, now), kind: kind.to_owned(), at: now, data }
}

/// The release that is running, or was.
async fn released(app: &App, caller: &Caller, number: Number) -> Result<NumberAndOperation, Error> {
    let mut after = None;
    loop {
        let is = |op: &Operation| op.number_id == number.id && matches!(op.saga, Saga::Release(_));
        let page = app.store.operation_list(&caller.tenant, after, 1, is).await?;
        if let Some(op) = page.items.into_iter().next() {
            let number = (op.status == OperationStatus::Succeeded).then(|| NumberView::from(number));
            return Ok(NumberAndOperation { number, operation: Some(op.into()) });
        }
        after = Some(page.next.ok_or(Error::NotFound)?);
    }
}

fn serving(number: &Number) -> Result<(), Error> {
    if let Some(open) = &number.open_operation_id {
        return Err(Error::OperationInProgress(Some(open.clone())));
    }
    if number.status.serves() { Ok(()) } else { Err(Error::NumberNotActive) }
}

fn releasable(number: &Number) -> Result<(), Error> {
    if let Some(open) = &number.open_operation_id {
        return Err(Error::OperationInProgress(Some(open.clone())));
    }
    match number.status {
        NumberStatus::Active | NumberStatus::PastDue | NumberStatus::Suspended => {}
        NumberStatus::Pending | NumberStatus::Failed | NumberStatus::Releasing | NumberStatus::Released => {
            return Err(Error::NumberNotActive);
        }
    }
    match (number.primary, number.locked, number.parked) {
        (true, _, _) => Err(Error::PrimaryNumber),
        (_, true, _) => Err(Error::NumberLocked),
        (_, _, true) => Err(Error::NumberParked),
        (false, false, false) => Ok(()),
    }
}

/// Begins a saga on a number in one transaction, for this process to drive, or (`respond_async`) for whoever comes.
pub(crate) async fn start(app: &App, number: &Number, saga: Saga, respond_async: bool) -> Result<Operation, Error> {
    let id = OperationId::fresh(&*app.ids, app.clock.now());
    let mut op = Operation::begin(id, number, saga, &*app.clock);
    if respond_async {
        (op.lease_until, op.due_at) = (None, Some(app.clock.now()));
    }
    match app.store.transact(beginning(&op, number)?).await {
        Ok(()) => Ok(op),
        Err(TransactError::Lost(guards)) => Err(refused(app, &op, &guards).await?),
        Err(TransactError::Store(error)) => {
            // It may have been written after all; then it is ours to go on with.
            let begun = app.store.operation_get(&op.tenant_id, &op.id).await?;
            begun.ok_or(Error::Store(error))
        }
    }
}

/// Begins a saga on a number, and drives it for as long as the caller can wait.
async fn begin(app: &App, number: Number, saga: Saga, respond_async: bool) -> Result<NumberAndOperation, Error> {
    let op = start(app, &number, saga, respond_async).await?;
    if respond_async {
        saga::hint(app, &op).await;
        return Ok(NumberAndOperation { number: None, operation: Some(op.into()) });
    }
    let op = purchase::drive(app, op).await;
    match op.status {
        OperationStatus::Running | OperationStatus::Waiting | OperationStatus::Stuck => {
            Ok(NumberAndOperation { number: None, operation: Some(op.into()) })
        }
        OperationStatus::Failed => Err(purchase::failed(op)),
        OperationStatus::Succeeded => {
            let number = app.store.number_get(&op.tenant_id, &op.number_id).await?.ok_or(Error::NotFound)?;
            Ok(NumberAndOperation { number: Some(number.into()), operation: Some(op.into()) })
        }
    }
}

fn beginning(op: &Operation, number: &Number) -> Result<Vec<Write>, store::StoreError> {
    match &op.saga {
        Saga::Link(link) => saga::link::begin(op, link),
        Saga::Unlink(_) => saga::unlink::begin(op),
        Saga::Release(release) => saga::release::begin(op, release, number),
        Saga::Restore(_) => saga::restore::begin(op, number),
        Saga::Purchase(_) | Saga::Import(_) | Saga::Suspend(_) | Saga::Resume(_) | Saga::Bar(_) => {
            Err(store::StoreError::Corrupt(format!("a {} begins elsewhere", op.saga.kind())))
        }
    }
}

/// What stood in the way, read back.
async fn refused(app: &App, op: &Operation, guards: &[Guard]) -> Result<Error, Error> {
    if guards.contains(&Guard::Agent) {
        return Ok(Error::NotFound);
    }
    let number = app.store.number_get(&op.tenant_id, &op.number_id).await?.ok_or(Error::NotFound)?;
    let why = match op.saga {
        Saga::Release(_) => releasable(&number),
        Saga::Purchase(_)
        | Saga::Import(_)
        | Saga::Link(_)
        | Saga::Unlink(_)
        | Saga::Suspend(_)
        | Saga::Resume(_)
        | Saga::Bar(_)
        | Saga::Restore(_) => serving(&number),
    };
    // Whatever it was, it is over by now: the same request may simply be sent again.
    Ok(why.err().unwrap_or(Error::OperationInProgress(None)))
}
