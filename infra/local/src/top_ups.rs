//! The schedule of the pass over unfinished top-ups: on the hour, when one is due.

use domain::{Clock, limits};
use jiff::{Timestamp, ToSpan};
use shared::store::StoreError;
use shared::use_cases::reconcile_top_ups::{Report, reconcile_top_ups};

use crate::worker::Worker;

impl Worker {
    /// One pass over unfinished top-ups and missed notifications.
    ///
    /// # Errors
    /// When the books do not answer.
    pub async fn top_ups(&self) -> Result<Report, StoreError> {
        let _busy = self.busy.lock().await;
        Box::pin(reconcile_top_ups(&self.app)).await
    }

    /// The next full hour up to `target` at which a top-up is due to be looked at.
    ///
    /// # Errors
    /// When the books do not answer.
    pub async fn next_hour(&self, target: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let store = &self.undisturbed.store;
        let mut next: Option<Timestamp> = None;
        for shard in 0..limits::DUE_SHARDS {
            // The first of a shard is the earliest.
            let Some(due) = store.top_up_due(shard, target, None).await?.into_iter().next() else { continue };
            let top_up = store.top_up_get(&due.tenant_id, &due.top_up_id).await?;
            let at = top_up.and_then(|top_up| top_up.look_at);
            next = at.map(|at| next.map_or(at, |next| next.min(at))).or(next);
        }
        let from = next.map(|next| next.max(self.clock.now()));
        Ok(from.map(hour_after).filter(|at| *at <= target))
    }
}

/// The first full hour after an instant.
fn hour_after(at: Timestamp) -> Timestamp {
    let hours = at.as_second().div_euclid(3600);
    let floor = Timestamp::from_second(hours * 3600).unwrap_or(at);
    floor.saturating_add(1.hour()).unwrap_or(Timestamp::MAX)
}
