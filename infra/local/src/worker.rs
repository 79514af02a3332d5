//! In place of event sources and schedules: takes messages from the queue and lets the jobs tick, by hand or along with
//! the clock.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use domain::operation::OperationStatus;
use domain::{Clock, limits};
use jiff::{Timestamp, ToSpan};
use serde::Serialize;
use shared::serve::{SqsEvent, SqsRecord};
use shared::store::StoreError;
use shared::{App, jobs, serve};

use crate::clock::MovableClock;

/// Times a message is received before it goes to the dead letters; as in the template.
pub const RECEIVES_MAX: u32 = 5;

/// The queue of operations, and everything that is due.
#[derive(Debug)]
pub struct Worker {
    /// What the jobs work on; subject to faults.
    pub app: App,
    /// The same books, for looking without being disturbed.
    pub undisturbed: App,
    /// The queue's client.
    pub sqs: aws_sdk_sqs::Client,
    /// The queue.
    pub queue_url: String,
    /// The clock that ticks follow.
    pub clock: std::sync::Arc<MovableClock>,
    /// One at a time: ticks and drains would count each other's work.
    pub busy: tokio::sync::Mutex<()>,
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Worked {
    /// Messages worked off.
    pub messages: u64,
    /// Messages that failed and were left for another delivery.
    pub failed: u64,
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
    /// The clock's offset could not be kept.
    #[error(transparent)]
    Clock(#[from] std::io::Error),
}

impl Worker {
    /// Works off what is queued and what is runnable, until nothing is left or the time is up. Answers what is left.
    ///
    /// # Errors
    /// [`WorkError`].
    pub async fn drain(&self, timeout: Duration) -> Result<BTreeMap<&'static str, u64>, WorkError> {
        let _busy = self.busy.lock().await;
        let until = Instant::now() + timeout;
        loop {
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
            let some = self.batch().await?;
            if some.messages + some.failed == 0 {
                break;
            }
            worked.messages += some.messages;
            worked.failed += some.failed;
        }
        Ok(worked)
    }

    /// Takes one batch as the event source mapping would, and works it off.
    async fn batch(&self) -> Result<Worked, WorkError> {
        let queue = |error: String| WorkError::Queue(error);
        let received = self
            .sqs
            .receive_message()
            .queue_url(&self.queue_url)
            .max_number_of_messages(10)
            .send()
            .await
            .map_err(|error| queue(format!("{error:?}")))?;
        let messages = received.messages.unwrap_or_default();
        let records = messages.iter().map(|message| SqsRecord {
            message_id: message.message_id.clone().unwrap_or_default(),
            body: message.body.clone().unwrap_or_default(),
        });
        let answer = Box::pin(serve::advance_batch(&self.app, SqsEvent { records: records.collect() })).await;
        let mut worked = Worked::default();
        for message in messages {
            let id = message.message_id.as_deref().unwrap_or_default();
            let handle = message.receipt_handle.unwrap_or_default();
            if answer.batch_item_failures.iter().any(|failure| failure.item_identifier == id) {
                worked.failed += 1;
                let again = self.sqs.change_message_visibility().queue_url(&self.queue_url).receipt_handle(handle);
                again.visibility_timeout(0).send().await.map_err(|error| queue(format!("{error:?}")))?;
            } else {
                worked.messages += 1;
                let done = self.sqs.delete_message().queue_url(&self.queue_url).receipt_handle(handle);
                done.send().await.map_err(|error| queue(format!("{error:?}")))?;
            }
        }
        Ok(worked)
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

    /// One sweep, and everything it queued.
    ///
    /// # Errors
    /// [`WorkError`].
    pub async fn sweep(&self) -> Result<(jobs::Swept, Worked), WorkError> {
        let _busy = self.busy.lock().await;
        let swept = jobs::sweep(&self.app).await?;
        let worked = self.work_off(Instant::now() + Duration::from_secs(60)).await?;
        Ok((swept, worked))
    }

    /// Moves the clock to `target`, tick by tick if jobs are to run. A tick at which nothing is due is skipped.
    ///
    /// # Errors
    /// [`WorkError`].
    pub async fn advance(&self, target: Timestamp, run_jobs: bool) -> Result<Vec<Fired>, WorkError> {
        let mut fired = Vec::new();
        if run_jobs {
            self.drain(Duration::from_secs(30)).await?;
            loop {
                let (sweep, hour) = (self.next_tick(target).await?, self.next_hour(target).await?);
                let Some(at) = [sweep, hour].into_iter().flatten().min() else { break };
                self.clock.move_to(at)?;
                if sweep == Some(at) {
                    self.sweep().await?;
                    self.drain(Duration::from_secs(30)).await?;
                    fired.push(Fired { job: "sweep", at });
                }
                if hour == Some(at) {
                    self.top_ups().await?;
                    fired.push(Fired { job: "top_ups", at });
                }
            }
        }
        self.clock.move_to(target)?;
        Ok(fired)
    }

    /// The next full minute up to `target` at which an operation is due.
    async fn next_tick(&self, target: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let mut next: Option<Timestamp> = None;
        for shard in 0..limits::DUE_SHARDS {
            for due in self.undisturbed.store.operation_due(shard, target, None).await? {
                let op = self.undisturbed.store.operation_get(&due.tenant_id, &due.operation_id).await?;
                let at = op.filter(|op| op.status == OperationStatus::Running).and_then(|op| op.due_at);
                next = match (next, at) {
                    (Some(next), Some(at)) => Some(next.min(at)),
                    (next, at) => next.or(at),
                };
            }
        }
        let from = next.map(|next| next.max(self.clock.now()));
        Ok(from.map(minute_after).filter(|at| *at <= target))
    }
}

/// The first full minute after an instant.
fn minute_after(at: Timestamp) -> Timestamp {
    let minutes = at.as_second().div_euclid(60);
    let floor = Timestamp::from_second(minutes * 60).unwrap_or(at);
    floor.saturating_add(1.minute()).unwrap_or(Timestamp::MAX)
}
