//! Goes on with a wallet's overdue numbers: notices, suspension, release, one stage a day.
//!
//! Everything due was charged (or tried) before; what comes here still owes. A number is looked at once a day, and that it
//! was is written to it, so a message that is delivered again goes on where it stopped.

use domain::dunning::{self, Dunning, Stage};
use domain::number::{Number, NumberStatus};
use domain::operation::ReleaseWhy;
use domain::wallet::WalletRef;
use domain::{NumberId, limits, period};
use jiff::Timestamp;
use jiff::civil::Date;
use store::job::{Job, JobState};
use store::{StoreError, TransactError};

use super::{Failed, Report, begin_release, notice, suspend};
use crate::App;

/// Goes on with every number of a wallet that still owes. `false` when there was not enough time.
pub(super) async fn go_on(
    app: &App,
    wallet: &WalletRef,
    date: Date,
    until: Timestamp,
    report: &mut Report,
) -> Result<bool, StoreError> {
    let state = app.store.job_get(Job::Dunning).await?;
    let (mut after, mut may_pay) = (None, None);
    loop {
        let owes = |number: &Number| {
            let due = number.dunning.is_some_and(|dunning| dunning.look_on <= date);
            due && !number.parked && number.price.currency == wallet.currency
        };
        let page = app.store.number_list(&wallet.tenant_id, after, limits::PAGE_MAX, owes).await?;
        for number in &page.items {
            if app.clock.real_now() >= until {
                return Ok(false);
            }
            if number.open_operation_id.is_some() {
                report.skipped += 1;
                continue;
            }
            one(app, wallet, number, date, &state, &mut may_pay, report).await?;
        }
        after = page.next;
        if after.is_none() {
            return Ok(true);
        }
    }
}

/// Goes on with one number.
async fn one(
    app: &App,
    wallet: &WalletRef,
    number: &Number,
    date: Date,
    state: &JobState,
    may_pay: &mut Option<bool>,
    report: &mut Report,
) -> Result<(), StoreError> {
    let Some(before) = number.dunning else { return Ok(()) };
    let tomorrow = date.tomorrow().unwrap_or(Date::MAX);
    let completed: Vec<Date> = state.completed.iter().copied().collect();
    let counted = dunning::counted(&completed, before.on, date);
    let recorded = |day: u16| Dunning { day, on: date, look_on: tomorrow, ..before };
    match app.dunning.reached(&before, counted) {
        Some((day, Stage::Notice)) => told(app, number, recorded(day)).await,
        Some((day, Stage::Suspend)) if number.status == NumberStatus::PastDue => {
            let after = Dunning { suspended_on: Some(date), ..recorded(day) };
            report.took(suspend(app, number, after, app.dunning.release_on(&after, 0, date)).await?);
            Ok(())
        }
        Some((_, Stage::Release)) if announced(number, date) && !may_still_pay(app, wallet, may_pay).await => {
            match begin_release(app, number, ReleaseWhy::Unpaid).await? {
                Some(op) => drop(report.begun.insert(op.id)),
                None => report.failed.push(Failed { id: number.id.to_string(), code: "operation_in_progress" }),
            }
            Ok(())
        }
        // A release that is reached waits for money that may be on its way, by a day at a time.
        Some((_, Stage::Release)) => wait(app, number, before, tomorrow, tomorrow).await,
        Some((_, Stage::Suspend)) | None => {
            let release_on = app.dunning.release_on(&before, counted, date);
            wait(app, number, before, tomorrow, release_on).await
        }
    }
}

/// What dunning would do with a number today, if it could not be charged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreseen {
    /// Which number.
    pub number_id: NumberId,
    /// The stage that is reached, with its day in the policy; none while it only waits.
    pub stage: Option<(u16, Stage)>,
    /// The day of the stage that was recorded last.
    pub day: u16,
    /// Days that counted since.
    pub counted: u16,
    /// When it is released at the earliest, once that was announced.
    pub release_at: Option<Timestamp>,
}

/// What dunning would do with each overdue number of a wallet today. Moves nothing.
///
/// # Errors
/// When the store does not answer.
pub async fn foresee(app: &App, wallet: &WalletRef, date: Date) -> Result<Vec<Foreseen>, StoreError> {
    let completed: Vec<Date> = app.store.job_get(Job::Dunning).await?.completed.into_iter().collect();
    let (mut foreseen, mut after) = (Vec::new(), None);
    loop {
        let owes = |number: &Number| number.dunning.is_some() && number.price.currency == wallet.currency;
        let page = app.store.number_list(&wallet.tenant_id, after, limits::PAGE_MAX, owes).await?;
        for (number, dunning) in page.items.iter().filter_map(|number| Some((number, number.dunning?))) {
            let counted = dunning::counted(&completed, dunning.on, date);
            let stage = app.dunning.reached(&dunning, counted);
            let (day, release_at) = (dunning.day, number.release_at);
            foreseen.push(Foreseen { number_id: number.id.clone(), stage, day, counted, release_at });
        }
        after = page.next;
        if after.is_none() {
            return Ok(foreseen);
        }
    }
}

/// Whether the date that was announced has come.
fn announced(number: &Number, date: Date) -> bool {
    number.release_at.is_some_and(|release_at| release_at <= period::midnight(date))
}

/// Asked once a message: whether money may yet come in that the payment provider knows of, or cannot be asked about.
async fn may_still_pay(app: &App, wallet: &WalletRef, asked: &mut Option<bool>) -> bool {
    match asked {
        Some(asked) => *asked,
        None => *asked.insert(crate::use_cases::recovery::may_still_pay(app, wallet).await),
    }
}

/// Records a notice and tells the tenant.
async fn told(app: &App, number: &Number, after: Dunning) -> Result<(), StoreError> {
    let at = period::midnight(after.look_on);
    let writes = vec![
        store::number::dunned(number, &after, number.release_at, at)?,
        notice(app, &number.tenant_id, &number.id, after.day)?,
    ];
    unless_changed(app.store.transact(writes).await)
}

/// Looks again tomorrow. A release only ever moves later.
async fn wait(app: &App, number: &Number, before: Dunning, tomorrow: Date, release_on: Date) -> Result<(), StoreError> {
    let after = Dunning { look_on: tomorrow, ..before };
    let release_at = number.release_at.map(|announced| announced.max(period::midnight(release_on)));
    let mut writes = vec![store::number::dunned(number, &after, release_at, period::midnight(tomorrow))?];
    if release_at != number.release_at {
        let data = serde_json::json!({ "number_id": number.id, "release_at": release_at });
        writes.push(super::event(app, &number.tenant_id, "number.release_postponed", data)?);
    }
    unless_changed(app.store.transact(writes).await)
}

/// A number that changed meanwhile (it was paid for, or is being released) has nothing to be told.
fn unless_changed(outcome: Result<(), TransactError>) -> Result<(), StoreError> {
    match outcome {
        Ok(()) | Err(TransactError::Lost(_)) => Ok(()),
        Err(TransactError::Store(error)) => Err(error),
    }
}
