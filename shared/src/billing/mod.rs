//! Money over time: renewals, dunning, releases, usage. What is due and what it costs is decided in `domain::billing` and
//! `domain::dunning`; here it is found, written, and sent on.
//!
//! ```text
//! renew   (hourly)   anchors of the days since the last complete one ─┐ one message a wallet
//! dun     (hourly)   numbers whose dunning is to go on today ─────────┤ and day
//! credit             money came in, or did not suffice for a call ────┘
//!                                    └─► charge: everything the wallet owes, oldest first, in batches
//!                                         ├─► dunning: notices, suspend, release, resume
//!                                         └─► calls past us: barred while some are unpaid
//! period end (hourly) numbers let go at the end of what is paid for ──► release saga
//! unparked            a number goes on ──► charge: what it served ──► release saga, if it was let go meanwhile
//! ```
//!
//! A tick decides dates by its own time; what is due is read afresh. Whoever works may die anywhere: a charge moves a
//! number's `paid_through` in the transaction that takes the money, work that was sent is on record until it is done, and
//! everything else stands in the index of what is due until it is written.

mod bar;
mod charge;
mod daily;
mod dun;
mod period_end;
mod plan;
mod resume;
pub mod usage;

pub use bar::look_again;
pub use charge::charge;
pub use daily::{dun, renew, wallets_due};
pub use dun::{Foreseen, foresee};
pub use period_end::release_ended;
pub use plan::{Preview, preview};

use std::collections::BTreeSet;

use domain::dunning::Dunning;
use domain::ids::EventId;
use domain::number::Number;
use domain::operation::{Operation, OperationStatus, Release, ReleaseWhy, Resume, Saga, Suspend};
use domain::wallet::WalletRef;
use domain::{NumberId, OperationId, TenantId, limits, period};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use store::outbox::Event;
use store::queue::{ChargeCause, ChargeMessage};
use store::{StoreError, TransactError, Write};

use crate::App;
use crate::saga;

/// What a job did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Numbers (or calls) that were looked at.
    pub examined: u64,
    /// Of these, changed.
    pub changed: u64,
    /// Operations that were begun on some of these and left to the queue: what becomes of them is not known yet. Shown as a
    /// count.
    #[serde(serialize_with = "how_many")]
    pub begun: BTreeSet<OperationId>,
    /// Of these, left as they are for now.
    pub skipped: u64,
    /// Of these, such as could not be charged or released.
    pub failed: Vec<Failed>,
}

/// What could not be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failed {
    /// To which number or call.
    pub id: String,
    /// Why: one of the API's codes.
    pub code: &'static str,
}

impl Report {
    /// Takes another one in.
    pub fn add(&mut self, other: Self) {
        self.examined += other.examined;
        self.changed += other.changed;
        self.begun.extend(other.begun);
        self.skipped += other.skipped;
        self.failed.extend(other.failed);
    }

    /// Some of the operations that were begun have succeeded: what they were begun for is changed.
    pub fn ended(&mut self, succeeded: &BTreeSet<OperationId>) {
        let before = self.begun.len();
        self.begun.retain(|id| !succeeded.contains(id));
        self.changed += count(before - self.begun.len());
    }

    fn took(&mut self, brought: Brought) {
        match brought {
            Brought::Nowhere => {}
            Brought::Begun(id) => drop(self.begun.insert(id)),
            Brought::ToItsEnd => self.changed += 1,
        }
    }
}

fn how_many<S: serde::Serializer>(begun: &BTreeSet<OperationId>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(count(begun.len()))
}

pub(crate) fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// How far an operation was brought.
#[derive(Debug)]
enum Brought {
    /// It did not begin: its number is not as it was read any more.
    Nowhere,
    /// It began, and whoever comes first goes on with it.
    Begun(OperationId),
    /// It succeeded.
    ToItsEnd,
}

/// A tick that is not believed.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// Its time is further ahead of the clock than clocks differ.
    #[error("a tick of {0} is ahead of the clock")]
    Ahead(Timestamp),
    /// The books or the queue did not answer; the next tick begins anew.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The instant a tick stands for: its own, or now.
fn tick_time(app: &App, tick: Option<Timestamp>) -> Result<Timestamp, JobError> {
    let now = app.clock.now();
    let latest = now.saturating_add(limits::TICK_AHEAD_MAX).unwrap_or(Timestamp::MAX);
    match tick {
        Some(tick) if tick > latest => Err(JobError::Ahead(tick)),
        Some(tick) => Ok(tick),
        None => Ok(now),
    }
}

/// Money came in, or did not suffice for a call: what the wallet owes is charged, what was suspended for it resumed, and calls
/// past us are barred or not, by whoever has the message. If it is lost, dunning finds the same tomorrow.
pub async fn credited(app: &App, tenant: &TenantId, currency: domain::Currency) {
    let wallet = WalletRef { tenant_id: tenant.clone(), currency };
    let message = ChargeMessage { wallet, date: period::date_of(app.clock.now()), cause: ChargeCause::Credit };
    if let Err(error) = app.charges.send(&message).await {
        tracing::warn!(tenant.id = %tenant, %error, "a recovery could not be queued; dunning will do it tomorrow");
    }
}

/// A number is not parked any more, and something of it may be due: whoever has the message sees to it. If it is lost, the
/// daily jobs find the same.
pub async fn unparked(app: &App, number: &Number) {
    if let Err(error) = app.charges.send(&period_end::unparked(app, number)).await {
        tracing::warn!(number.id = %number.id, %error, "a charge could not be queued; the daily jobs will find it");
    }
}

/// Begins the release of a number for this reason. `None` when the number is not as it was read any more, or is not to be
/// released by now (locked, parked, worked on).
///
/// # Errors
/// When the store does not answer.
async fn begin_release(app: &App, number: &Number, why: ReleaseWhy) -> Result<Option<Operation>, StoreError> {
    let Some((op, writes)) = release_of(app, number, why)? else { return Ok(None) };
    if !begun(app, writes).await? {
        return Ok(None);
    }
    saga::hint(app, &op).await;
    Ok(Some(op))
}

/// A release that the queue has next, and what begins it. `None` for a number that was never bought.
pub(crate) fn release_of(
    app: &App,
    number: &Number,
    why: ReleaseWhy,
) -> Result<Option<(Operation, Vec<Write>)>, StoreError> {
    if number.carrier_ref.is_none() {
        return Ok(None);
    }
    let release = Release {
        e164: number.e164.clone(),
        agent_id: number.agent_id.clone(),
        platform: number.platform_ref.clone(),
        why,
        included: number.included,
        slot: number.slot.clone(),
    };
    let mut op = operation(app, number, Saga::Release(Box::new(release.clone())));
    // Whoever begins many releases does not wait for each.
    (op.lease_until, op.due_at) = (None, Some(app.clock.now()));
    let writes = saga::release::begin(&op, &release, number)?;
    Ok(Some((op, writes)))
}

/// Suspends a number that is past due: now, or where third parties have a part in it, soon.
async fn suspend(app: &App, number: &Number, after: Dunning, release_on: Date) -> Result<Brought, StoreError> {
    let Some(before) = number.dunning else { return Ok(Brought::Nowhere) };
    let release_at = period::midnight(release_on);
    let currency = number.price.currency;
    let suspend = Suspend {
        e164: number.e164.clone(),
        currency,
        before,
        after,
        release_at,
        // Barred calls do not go past us as it is.
        platform: number.platform_ref.clone().filter(|_| !number.barred),
    };
    let op = left_to_the_queue(app, operation(app, number, Saga::Suspend(Box::new(suspend))));
    if !begun(app, saga::suspend::begin(&op, number)?).await? {
        return Ok(Brought::Nowhere);
    }
    drive(app, op).await
}

/// Resumes a suspended number that owes nothing: now, or where third parties have a part in it, soon. What was charged for it
/// is in the report already.
async fn resume(app: &App, number: &Number) -> Result<(), StoreError> {
    let (currency, platform) = (number.price.currency, number.platform_ref.clone());
    let op = operation(app, number, Saga::Resume(Box::new(Resume { e164: number.e164.clone(), currency, platform })));
    let op = left_to_the_queue(app, op);
    if !begun(app, saga::resume::begin(&op, number)?).await? {
        return Ok(());
    }
    drive(app, op).await.map(drop)
}

fn operation(app: &App, number: &Number, saga: Saga) -> Operation {
    let id = OperationId::fresh(&*app.ids, app.clock.now());
    Operation::begin(id, number, saga, &*app.clock)
}

/// Whether a beginning was written. When that is unknown it counts as not: the sweep finds it if it was.
async fn begun(app: &App, writes: Vec<Write>) -> Result<bool, StoreError> {
    match app.store.transact(writes).await {
        Ok(()) => Ok(true),
        Err(TransactError::Lost(_)) => Ok(false),
        Err(TransactError::Store(error)) => Err(error),
    }
}

/// Where third parties have a part in it, it belongs to whoever comes first.
fn left_to_the_queue(app: &App, mut op: Operation) -> Operation {
    if !op.steps.is_empty() {
        (op.lease_until, op.due_at) = (None, Some(app.clock.now()));
    }
    op
}

/// Drives it, or leaves it to the queue where third parties have a part in it: a tick does not wait for them.
async fn drive(app: &App, op: Operation) -> Result<Brought, StoreError> {
    if !op.steps.is_empty() {
        saga::hint(app, &op).await;
        return Ok(Brought::Begun(op.id));
    }
    let deadline = saga::Deadline::of_a_request(app);
    let op = Box::pin(saga::drive(app, op, deadline)).await?;
    Ok(if op.status == OperationStatus::Succeeded { Brought::ToItsEnd } else { Brought::Begun(op.id) })
}

/// An event of a number.
fn event(app: &App, tenant: &TenantId, kind: &str, data: serde_json::Value) -> Result<Write, StoreError> {
    let now = app.clock.now();
    let event = Event { id: EventId::fresh(&*app.ids, now), kind: kind.to_owned(), at: now, data };
    store::outbox::insert(tenant, &event)
}

/// The event that tells a tenant of a stage.
fn notice(app: &App, tenant: &TenantId, number: &NumberId, day: u16) -> Result<Write, StoreError> {
    event(app, tenant, "number.dunning_notice", serde_json::json!({ "number_id": number, "day": day }))
}
