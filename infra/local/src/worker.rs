//! In place of event sources and schedules: takes messages from the queue and lets the jobs tick, by hand or along with
//! the clock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use domain::operation::OperationStatus;
use domain::{Clock, OperationId, limits, period};
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use serde::Serialize;
use shared::billing::{self, Failed, JobError, Report};
use shared::reconcile::{self, Refused, Wish};
use shared::serve::{SqsEvent, SqsRecord};
use shared::store::reconcile::{Phase, Run};
use shared::store::{self, StoreError, keys};
use shared::use_cases::reconcile_top_ups::reconcile_top_ups;
use shared::{App, jobs, serve};
use simulators::Simulators;

use crate::clock::MovableClock;
use crate::system::TABLE;

/// Times a message is received before it goes to the dead letters; as in the template.
pub const RECEIVES_MAX: u32 = 5;

/// The queues, and everything that is due.
#[derive(Debug)]
pub struct Worker {
    /// What the jobs work on; subject to faults.
    pub app: App,
    /// The same books, for looking without being disturbed.
    pub undisturbed: App,
    /// The table, for the same.
    pub table: aws_sdk_dynamodb::Client,
    /// The queues' client.
    pub sqs: aws_sdk_sqs::Client,
    /// The queue of operations.
    pub operations_url: String,
    /// The queue of wallets to be charged.
    pub charges_url: String,
    /// The clock that ticks follow.
    pub clock: std::sync::Arc<MovableClock>,
    /// What the books are reconciled with.
    pub simulators: std::sync::Arc<Simulators>,
    /// What the simulators had counted of changes when the last run was over.
    pub reconciled: AtomicU64,
    /// One at a time: ticks and drains would count each other's work.
    pub busy: tokio::sync::Mutex<()>,
}

/// A job with a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Job {
    /// Finds operations nobody is working on, every minute.
    Sweep,
    /// Charges what begins, every hour.
    Renew,
    /// Goes on with overdue numbers, every hour.
    Dun,
    /// Releases numbers at the end of what is paid for, every hour.
    Release,
    /// Looks at unfinished top-ups and missed notifications, every hour.
    TopUps,
    /// Holds the books against carriers and platforms, every hour.
    Reconcile,
}

impl Job {
    /// All of them, in the order in which they tick at one instant.
    pub const ALL: [Self; 6] = [Self::Sweep, Self::TopUps, Self::Renew, Self::Dun, Self::Release, Self::Reconcile];

    /// As the control surface calls it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sweep => "sweep",
            Self::Renew => "renew",
            Self::Dun => "dun",
            Self::Release => "release",
            Self::TopUps => "top_ups",
            Self::Reconcile => "reconcile",
        }
    }

    /// Seconds between two ticks.
    const fn every(self) -> i64 {
        match self {
            Self::Sweep => 60,
            Self::Renew | Self::Dun | Self::Release | Self::TopUps | Self::Reconcile => 3_600,
        }
    }

    /// The first tick at or after an instant.
    fn tick_from(self, at: Timestamp) -> Timestamp {
        let whole = at.as_second().div_euclid(self.every()) * self.every();
        let floor = Timestamp::from_second(whole).unwrap_or(at);
        if floor == at { at } else { floor.saturating_add(self.every().seconds()).unwrap_or(Timestamp::MAX) }
    }
}

/// A tick that found something to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fired {
    /// Which job.
    pub job: &'static str,
    /// When.
    pub at: Timestamp,
}

/// What work came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Worked {
    /// Messages worked off.
    pub messages: u64,
    /// Messages that failed and were left for another delivery.
    pub failed: u64,
    /// What was charged and what was not.
    pub report: Report,
    /// Operations that were worked off to their end.
    pub succeeded: BTreeSet<OperationId>,
    /// The run of reconciliation, for that job.
    pub run: Option<Run>,
}

/// Why work stopped.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// The books did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The queue did not answer.
    #[error("the queue did not answer: {0}")]
    Queue(String),
    /// A job would not run.
    #[error(transparent)]
    Job(#[from] JobError),
    /// Reconciliation would not run.
    #[error(transparent)]
    Reconcile(#[from] Refused),
    /// The clock's offset could not be kept.
    #[error(transparent)]
    Clock(#[from] std::io::Error),
}

impl Worker {
    /// Works off what third parties have to tell, what is queued and what is runnable, until nothing is left or the time is
    /// up. Answers what is left.
    ///
    /// # Errors
    /// [`WorkError`].
    pub async fn drain(&self, timeout: Duration) -> Result<BTreeMap<&'static str, u64>, WorkError> {
        let _busy = self.busy.lock().await;
        let until = Instant::now() + timeout;
        loop {
            self.simulators.tell().await;
            self.work_off(until).await?;
            let (runnable, owned) = self.runnable().await?;
            if runnable == 0 && owned == 0 {
                return Ok(BTreeMap::new());
            }
            if Instant::now() >= until {
                return Ok(BTreeMap::from([("runnable_operations", runnable), ("driven_operations", owned)]));
            }
            if runnable > 0 {
                jobs::sweep(&self.app).await?;
            } else {
                // Somebody is driving it; there is no event to wait for but its end.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }

    /// Works off what is queued now, unless somebody else is at it.
    ///
    /// # Errors
    /// When the queue does not answer.
    pub async fn poll(&self) -> Result<(), WorkError> {
        let Ok(_busy) = self.busy.try_lock() else { return Ok(()) };
        self.work_off(Instant::now() + Duration::from_secs(30)).await.map(|_| ())
    }

    /// Works off visible messages, a failed one at once again until it is a dead letter.
    async fn work_off(&self, until: Instant) -> Result<Worked, WorkError> {
        let mut worked = Worked::default();
        while Instant::now() < until {
            let before = worked.messages + worked.failed;
            for url in [&self.charges_url, &self.operations_url] {
                self.batch(url, &mut worked).await?;
            }
            if worked.messages + worked.failed == before {
                break;
            }
        }
        Ok(worked)
    }

    /// Takes one batch of a queue as the event source mapping would, and works it off.
    async fn batch(&self, url: &str, worked: &mut Worked) -> Result<(), WorkError> {
        let queue = |error: String| WorkError::Queue(error);
        let received = self.sqs.receive_message().queue_url(url).max_number_of_messages(10).send().await;
        let messages = received.map_err(|error| queue(format!("{error:?}")))?.messages.unwrap_or_default();
        let records = messages.iter().map(|message| SqsRecord {
            message_id: message.message_id.clone().unwrap_or_default(),
            body: message.body.clone().unwrap_or_default(),
        });
        let event = SqsEvent { records: records.collect() };
        let answer = if url == self.charges_url {
            let (answer, report) = Box::pin(serve::charge_batch(&self.app, event)).await;
            worked.report.add(report);
            answer
        } else {
            let (answer, succeeded) = Box::pin(serve::advance_batch(&self.app, event)).await;
            worked.succeeded.extend(succeeded);
            answer
        };
        for message in messages {
            let id = message.message_id.as_deref().unwrap_or_default();
            let handle = message.receipt_handle.unwrap_or_default();
            if answer.batch_item_failures.iter().any(|failure| failure.item_identifier == id) {
                worked.failed += 1;
                let again = self.sqs.change_message_visibility().queue_url(url).receipt_handle(handle);
                again.visibility_timeout(0).send().await.map_err(|error| queue(format!("{error:?}")))?;
            } else {
                worked.messages += 1;
                let done = self.sqs.delete_message().queue_url(url).receipt_handle(handle);
                done.send().await.map_err(|error| queue(format!("{error:?}")))?;
            }
        }
        Ok(())
    }

    /// Running operations that are due: so many nobody drives, so many somebody does.
    async fn runnable(&self) -> Result<(u64, u64), StoreError> {
        let (mut free, mut owned) = (0, 0);
        let (now, real_now) = (self.clock.now(), self.clock.real_now());
        for shard in 0..limits::DUE_SHARDS {
            for due in self.undisturbed.store.operation_due(shard, now, None).await? {
                let op = self.undisturbed.store.operation_get(&due.tenant_id, &due.operation_id).await?;
                let Some(op) = op.filter(|op| op.status == OperationStatus::Running) else { continue };
                match op.lease_until.is_some_and(|until| until > real_now) {
                    true => owned += 1,
                    false => free += 1,
                }
            }
        }
        Ok((free, owned))
    }

    /// One tick of a job, now, and everything it queued.
    ///
    /// # Errors
    /// [`WorkError`].
    pub async fn tick(&self, job: Job) -> Result<Worked, WorkError> {
        let _busy = self.busy.lock().await;
        let mut worked = Worked::default();
        match job {
            Job::Sweep => {
                let swept = jobs::sweep(&self.app).await?;
                worked.report.examined = swept.examined;
            }
            Job::Renew => {
                billing::renew(&self.app, Some(self.clock.now())).await?;
            }
            Job::Dun => {
                billing::dun(&self.app, Some(self.clock.now())).await?;
            }
            Job::TopUps => {
                let looked = Box::pin(reconcile_top_ups(&self.app)).await?;
                let failed = (0..looked.failed).map(|_| Failed { id: String::new(), code: "payments_unavailable" });
                worked.report = Report {
                    examined: looked.examined,
                    changed: looked.changed,
                    begun: BTreeSet::new(),
                    skipped: looked.examined.saturating_sub(looked.changed + looked.failed),
                    failed: failed.collect(),
                };
            }
            Job::Release => worked.report = billing::release_ended(&self.app, Some(self.clock.now())).await?,
            Job::Reconcile => {
                // While somebody else drives a run there is none to make.
                if let Some(run) = self.reconcile().await? {
                    worked.report = reconciled(&run);
                    worked.run = Some(run);
                }
            }
        }
        let off = self.work_off(Instant::now() + TICK_WORKS_FOR).await?;
        if job == Job::Sweep {
            worked.report.changed = off.messages;
            worked.report.skipped = worked.report.examined.saturating_sub(off.messages);
        }
        worked.report.add(off.report);
        worked.report.ended(&off.succeeded);
        (worked.messages, worked.failed) = (off.messages, off.failed);
        Ok(worked)
    }

    /// A whole run, whenever the last one was, after what was left of it. `None` while somebody else drives one.
    async fn reconcile(&self) -> Result<Option<Run>, WorkError> {
        let deadline = jiff::SignedDuration::try_from(TICK_WORKS_FOR).unwrap_or(jiff::SignedDuration::MAX);
        let deadline = self.clock.real_now().saturating_add(deadline).unwrap_or(Timestamp::MAX);
        let before = self.simulators.numbers_changed();
        let left = self.app.store.run_get().await?.filter(|run| run.phase != Phase::Over && run.dry_run);
        if let Some(left) = left {
            let wish = Wish { dry_run: true, books_too: left.books_too };
            match Box::pin(reconcile::run(&self.app, wish, deadline)).await {
                Ok(dry) if dry.phase == Phase::Over => {}
                Ok(dry) => return Ok(Some(dry)),
                Err(Refused::GoingOn) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
        let wish = Wish { dry_run: false, books_too: true };
        let run = match Box::pin(reconcile::run(&self.app, wish, deadline)).await {
            Err(Refused::GoingOn) => return Ok(None),
            run => run?,
        };
        if run.phase == Phase::Over {
            // What the run itself changed is as it should be; what came beside it is for the next one to see.
            let after = self.simulators.numbers_changed();
            let seen = if run.findings.is_empty() { before } else { after };
            self.reconciled.store(seen, Ordering::Relaxed);
        }
        Ok(Some(run))
    }

    /// Ticks every job whose time has come since it ticked last, as the schedules would.
    pub async fn tick_what_is_due(&self, ticked: &mut BTreeMap<Job, Timestamp>) {
        for job in Job::ALL {
            let now = self.clock.now();
            let next =
                ticked.get(&job).map(|last| job.tick_from(last.saturating_add(1.nanoseconds()).unwrap_or(*last)));
            if next.is_some_and(|next| next > now) {
                continue;
            }
            ticked.insert(job, now);
            if let Err(error) = self.tick(job).await {
                tracing::warn!(job = job.name(), %error, "a tick failed");
            }
        }
    }

    /// Moves the clock to `target`, tick by tick if jobs are to run. A tick at which nothing is due is skipped.
    ///
    /// # Errors
    /// [`WorkError`].
    pub async fn advance(&self, target: Timestamp, run_jobs: bool) -> Result<Vec<Fired>, WorkError> {
        let mut fired = Vec::new();
        if run_jobs {
            self.drain(TICK_WORKS_FOR).await?;
            let mut done: BTreeMap<Job, Timestamp> = BTreeMap::new();
            while let Some((at, job)) = self.next_tick(target, &done).await? {
                self.clock.move_to(at)?;
                self.tick(job).await?;
                self.drain(TICK_WORKS_FOR).await?;
                done.insert(job, at);
                fired.push(Fired { job: job.name(), at });
            }
        }
        self.clock.move_to(target)?;
        Ok(fired)
    }

    /// The next tick up to `target` at which something is due, later than the job's last one.
    async fn next_tick(
        &self,
        target: Timestamp,
        done: &BTreeMap<Job, Timestamp>,
    ) -> Result<Option<(Timestamp, Job)>, WorkError> {
        let due = self.due().await?;
        let mut next: Option<(Timestamp, Job)> = None;
        for job in Job::ALL {
            let at = match job {
                Job::Sweep => due.operations,
                Job::Renew => self.renewal_due(&due.anchors, target).await?,
                Job::Dun => self.dunning_due(due.dunning).await?,
                Job::Release => due.period_end,
                Job::TopUps => due.top_ups,
                Job::Reconcile => self.reconciliation_due().await?,
            };
            let Some(at) = at else { continue };
            let after = done.get(&job).map(|at| at.saturating_add(1.nanoseconds()).unwrap_or(Timestamp::MAX));
            let at = job.tick_from(at.max(self.clock.now()).max(after.unwrap_or(Timestamp::MIN)));
            if at <= target && next.is_none_or(|(before, _)| at < before) {
                next = Some((at, job));
            }
        }
        Ok(next)
    }

    /// The first of each kind in the indexes of what is due. They are small, and reading them whole is one request.
    async fn due(&self) -> Result<Due, WorkError> {
        let mut due = Due::default();
        let earlier = |before: Option<Timestamp>, sk: &str| {
            let at = sk.split_once('#').and_then(|(at, _)| at.parse().ok());
            at.into_iter().chain(before).min()
        };
        for (pk, sk) in self.index(keys::DUE_INDEX, keys::DUE_PK, keys::DUE_SK).await? {
            match pk.split_once('#').map_or(pk.as_str(), |(kind, _)| kind) {
                "DUE" | keys::WAITING => due.operations = earlier(due.operations, &sk),
                "DUNNING" => due.dunning = earlier(due.dunning, &sk),
                "TOPUPS" => due.top_ups = earlier(due.top_ups, &sk),
                "PERIOD-END" => due.period_end = earlier(due.period_end, &sk),
                "UNPAID-CALLS" => due.dunning = due.dunning.or(Some(Timestamp::MIN)),
                _ => {}
            }
        }
        for (pk, _) in self.index(keys::ANCHOR_INDEX, keys::ANCHOR_PK, keys::ANCHOR_SK).await? {
            due.anchors.extend(pk.split('#').nth(1).and_then(|day| day.parse::<i8>().ok()));
        }
        Ok(due)
    }

    /// All keys of an index.
    async fn index(&self, index: &str, pk: &str, sk: &str) -> Result<Vec<(String, String)>, WorkError> {
        let (mut keys, mut start) = (Vec::new(), None);
        loop {
            let page =
                self.table.scan().table_name(TABLE).index_name(index).set_exclusive_start_key(start).send().await;
            let page = page.map_err(|error| StoreError::Unavailable(format!("{error:?}")))?;
            let text = |item: &store::Item, name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned();
            let items = page.items.unwrap_or_default();
            keys.extend(items.iter().filter_map(|item| Some((text(item, pk)?, text(item, sk)?))));
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(keys);
            }
        }
    }

    /// When dunning has something to do: once a day, from the day after the last complete one.
    async fn dunning_due(&self, due: Option<Timestamp>) -> Result<Option<Timestamp>, StoreError> {
        let state = self.undisturbed.store.job_get(store::job::Job::Dunning).await?;
        let from = state.completed.last().and_then(|last| last.tomorrow().ok()).map(period::midnight);
        Ok(due.map(|due| from.map_or(due, |from| due.max(from))))
    }

    /// Reconciliation has something to do when a number changed at a third party since the last run, or when what one saw
    /// may be taken away.
    async fn reconciliation_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let changed = self.simulators.numbers_changed();
        if changed != self.reconciled.load(Ordering::Relaxed) {
            return Ok(Some(self.clock.now()));
        }
        let seen = self.undisturbed.store.sighting_list(None, limits::PAGE_MAX).await?.items;
        let ripe = seen.iter().filter_map(|sighting| sighting.first_at.checked_add(limits::SIGHTINGS_APART).ok());
        Ok(ripe.min())
    }

    /// When the first number's anchor comes after the last complete day.
    async fn renewal_due(&self, days: &BTreeSet<i8>, target: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        if days.is_empty() {
            return Ok(None);
        }
        let state = self.undisturbed.store.job_get(store::job::Job::Renewals).await?;
        let Some(from) = state.completed.last().and_then(|last| last.tomorrow().ok()) else {
            return Ok(Some(self.clock.now()));
        };
        let dates = from.series(jiff::Span::new().days(1)).take_while(|date| period::midnight(*date) <= target);
        let due = |date: &Date| days.iter().any(|day| period::anchor_days(*date).contains(day));
        Ok(dates.filter(due).map(period::midnight).next())
    }
}

/// A run in the words of a job's report.
fn reconciled(run: &Run) -> Report {
    let resolved = run.findings.iter().filter(|finding| finding.action.resolves()).count();
    let compared = run.places.iter().map(|(_, tally)| tally.compared).sum();
    let changed = u64::try_from(resolved).unwrap_or(u64::MAX);
    let trouble = run.trouble.iter().map(|_| Failed { id: run.id.clone(), code: "carrier_unavailable" });
    Report { examined: compared, changed, begun: BTreeSet::new(), skipped: 0, failed: trouble.collect() }
}

/// When the first of each kind is due.
#[derive(Debug, Default)]
struct Due {
    operations: Option<Timestamp>,
    dunning: Option<Timestamp>,
    period_end: Option<Timestamp>,
    top_ups: Option<Timestamp>,
    /// Days of the month on which numbers renew.
    anchors: BTreeSet<i8>,
}

/// How long a tick and what it queued may take, in real time.
const TICK_WORKS_FOR: Duration = Duration::from_secs(300);
