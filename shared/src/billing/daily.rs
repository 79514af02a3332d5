//! The two daily jobs: find the wallets something is due for, note and send one message for each, and tell when a day is
//! complete. They run every hour: once a day is complete, a tick costs one read.

use std::collections::{BTreeMap, BTreeSet};

use domain::wallet::WalletRef;
use domain::{limits, period};
use jiff::Timestamp;
use jiff::civil::Date;
use store::StoreError;
use store::job::{Job, JobState, Reached, Work};
use store::keys::NumberDue;
use store::queue::{ChargeCause, ChargeMessage};
use tokio::task::JoinSet;

use super::{JobError, tick_time};
use crate::App;

/// Sends out what begins: every wallet that pays for a number whose anchor falls on a day since the last complete one.
/// Answers how many messages it sent.
///
/// # Errors
/// [`JobError`]. What was sent before stays sent and harms nobody; the next tick begins anew.
pub async fn renew(app: &App, tick: Option<Timestamp>) -> Result<u64, JobError> {
    let today = period::date_of(tick_time(app, tick)?);
    let Some(state) = to_do(app, Job::Renewals, today).await? else { return Ok(0) };
    let mut wallets: BTreeMap<WalletRef, Vec<i8>> = BTreeMap::new();
    for day in anchor_days(since(&state), today) {
        for wallet in anchored(app, day).await? {
            wallets.entry(wallet).or_default().push(day);
        }
    }
    let work = wallets.into_iter().map(|(wallet, days)| Work { wallet, date: today, days });
    send_all(app, Job::Renewals, today, state.reached, work.collect()).await
}

/// Wallets that pay for numbers of an anchor day.
async fn anchored(app: &App, day: i8) -> Result<BTreeSet<WalletRef>, StoreError> {
    let mut wallets = BTreeSet::new();
    for shard in 0..limits::ANCHOR_SHARDS {
        let mut after = None;
        loop {
            let page = app.store.anchored_wallets(day, shard, after.as_deref()).await?;
            wallets.extend(page.wallets);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(wallets)
}

/// Sends out every wallet with numbers whose dunning is to go on, or calls that are not paid for. Answers how many messages
/// it sent.
///
/// # Errors
/// [`JobError`]. What was sent before stays sent and harms nobody; the next tick begins anew.
pub async fn dun(app: &App, tick: Option<Timestamp>) -> Result<u64, JobError> {
    let tick = tick_time(app, tick)?;
    let today = period::date_of(tick);
    let Some(state) = to_do(app, Job::Dunning, today).await? else { return Ok(0) };
    let mut wallets = BTreeSet::new();
    for shard in 0..limits::DUE_SHARDS {
        for unpaid in [false, true] {
            let mut after = None;
            loop {
                let page = match unpaid {
                    false => app.store.due_wallets(NumberDue::Dunning, shard, tick, after.as_deref()).await?,
                    true => app.store.unpaid_wallets(shard, after.as_deref()).await?,
                };
                wallets.extend(page.wallets);
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
    }
    let work = wallets.into_iter().map(|wallet| Work { wallet, date: today, days: Vec::new() });
    send_all(app, Job::Dunning, today, state.reached, work.collect()).await
}

/// Sends a day's work out, in the order of the wallets, some at once, from where an earlier tick of the day ended. Answers
/// how many messages it sent.
async fn send_all(
    app: &App,
    job: Job,
    today: Date,
    reached: Option<Reached>,
    work: Vec<Work>,
) -> Result<u64, JobError> {
    let before = reached.filter(|reached| reached.date == today).map(|reached| reached.wallet);
    let work: Vec<Work> =
        work.into_iter().filter(|work| before.as_ref().is_none_or(|before| work.wallet > *before)).collect();
    // One after the other while there are few, so that a seeded run replays exactly.
    let at_once = if work.len() > limits::SENDS_NOTED_AFTER { limits::SENDS_AT_ONCE } else { 1 };
    for some in work.chunks(limits::SENDS_NOTED_AFTER) {
        for few in some.chunks(at_once) {
            let mut sending = JoinSet::new();
            for work in few.iter().cloned() {
                let app = app.clone();
                sending.spawn(async move { send(&app, job, work).await });
            }
            while let Some(sent) = sending.join_next().await {
                sent.map_err(|error| StoreError::Unavailable(error.to_string()))??;
            }
        }
        if some.len() == limits::SENDS_NOTED_AFTER
            && let Some(last) = some.last()
        {
            app.store.job_reached(job, &Reached { date: today, wallet: last.wallet.clone() }).await?;
        }
    }
    sent(app, job, today).await?;
    Ok(u64::try_from(work.len()).unwrap_or(u64::MAX))
}

/// Wallets for which something would be due on a day, were it today: of numbers whose anchors come up to then, and of
/// those that are overdue now.
///
/// # Errors
/// When the store does not answer.
pub async fn wallets_due(app: &App, date: Date) -> Result<BTreeSet<WalletRef>, StoreError> {
    let mut wallets = BTreeSet::new();
    for day in anchor_days(since(&app.store.job_get(Job::Renewals).await?), date) {
        wallets.extend(anchored(app, day).await?);
    }
    for shard in 0..limits::DUE_SHARDS {
        let mut after = None;
        loop {
            let page = app.store.due_wallets(NumberDue::Dunning, shard, Timestamp::MAX, after.as_deref()).await?;
            wallets.extend(page.wallets);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(wallets)
}

/// First day that is not complete; none when no day ever was.
fn since(state: &JobState) -> Option<Date> {
    state.completed.last().and_then(|last| last.tomorrow().ok())
}

/// Days of the month whose anchors fall on a day from `since` to `today`.
fn anchor_days(since: Option<Date>, today: Date) -> BTreeSet<i8> {
    let month_ago = today.checked_sub(jiff::Span::new().days(31)).unwrap_or(Date::MIN);
    match since.filter(|since| *since > month_ago) {
        None => (1..=31).collect(),
        Some(since) => {
            let days = since.series(jiff::Span::new().days(1)).take_while(|day| *day <= today);
            days.flat_map(period::anchor_days).collect()
        }
    }
}

/// The job's state when it has something to send on this day; none when the day was sent already. Then what is not known to
/// be worked off is sent again.
async fn to_do(app: &App, job: Job, today: Date) -> Result<Option<JobState>, StoreError> {
    let state = complete_if_done(app, job).await?;
    let complete = state.completed.last().is_some_and(|last| *last >= today);
    if complete {
        return Ok(None);
    }
    if state.sent.is_some_and(|sent| sent >= today) {
        for work in app.store.job_work_list(job, limits::PAGE_MAX).await?.items {
            send(app, job, work).await?;
        }
        return Ok(None);
    }
    Ok(Some(state))
}

/// Notes work and asks for it.
async fn send(app: &App, job: Job, work: Work) -> Result<(), StoreError> {
    app.store.job_work_put(job, &work).await?;
    let cause = match job {
        Job::Renewals => ChargeCause::Renewal { days: work.days },
        Job::Dunning => ChargeCause::Dunning,
    };
    app.charges.send(&ChargeMessage { wallet: work.wallet, date: work.date, cause }).await
}

async fn sent(app: &App, job: Job, today: Date) -> Result<(), StoreError> {
    app.store.job_sent(job, today).await?;
    complete_if_done(app, job).await.map(|_| ())
}

/// Notes that a wallet's work of a day is done, and with the last of them that the day is complete.
pub(super) async fn done(app: &App, job: Job, wallet: &WalletRef, date: Date) -> Result<(), StoreError> {
    app.store.job_work_done(job, wallet, date).await?;
    complete_if_done(app, job).await.map(|_| ())
}

/// The job's state, in which the day that was sent is complete if nothing of it is left.
async fn complete_if_done(app: &App, job: Job) -> Result<JobState, StoreError> {
    let mut state = app.store.job_get(job).await?;
    let Some(sent) = state.sent.filter(|sent| !state.completed.contains(sent)) else { return Ok(state) };
    if !app.store.job_work_list(job, 1).await?.items.is_empty() {
        return Ok(state);
    }
    let too_many = (state.completed.len() + 1).saturating_sub(limits::COMPLETED_DAYS_MAX);
    let forget: Vec<Date> = state.completed.iter().take(too_many).copied().collect();
    app.store.job_completed(job, sent, &forget).await?;
    state.completed.insert(sent);
    Ok(state)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_tick_looks_at_every_anchor_since_the_last_complete_day() {
        let check = |since: Option<Date>, today: Date, days: &[i8]| {
            assert_eq!(anchor_days(since, today).into_iter().collect::<Vec<_>>(), days, "{since:?} {today}");
        };
        let all: Vec<i8> = (1..=31).collect();
        check(None, date(2027, 1, 15), &all);
        check(Some(date(2027, 1, 15)), date(2027, 1, 15), &[15]);
        check(Some(date(2027, 1, 30)), date(2027, 2, 1), &[1, 30, 31]);
        check(Some(date(2027, 2, 28)), date(2027, 2, 28), &[28, 29, 30, 31]);
        check(Some(date(2027, 2, 27)), date(2027, 3, 1), &[1, 27, 28, 29, 30, 31]);
        check(Some(date(2026, 12, 1)), date(2027, 1, 15), &all);
        check(Some(date(2027, 1, 16)), date(2027, 1, 15), &[]);
    }
}
