//! Releases numbers their tenants let go at the end of what is paid for, two hours before it.

use domain::number::Number;
use domain::operation::ReleaseWhy;
use domain::wallet::WalletRef;
use domain::{NumberId, limits, period};
use jiff::Timestamp;
use serde_json::json;
use store::keys::NumberDue;
use store::queue::{ChargeCause, ChargeMessage};
use store::{StoreError, TransactError};

use super::{Failed, JobError, Report, begin_release, event, tick_time};
use crate::App;

/// Begins every release that is due. One that cannot begin (locked since, worked on, parked) is kept or tried again.
///
/// # Errors
/// [`JobError`]; the next tick goes on.
pub async fn release_ended(app: &App, tick: Option<Timestamp>) -> Result<Report, JobError> {
    let tick = tick_time(app, tick)?;
    let mut report = Report::default();
    for shard in 0..limits::DUE_SHARDS {
        let mut after: Option<String> = None;
        loop {
            let due = app.store.due_numbers(NumberDue::PeriodEnd, shard, tick, after.as_deref()).await?;
            for (tenant, id, _) in &due {
                let number = app.store.number_get(tenant, id).await?;
                let ends = |number: &Number| number.release_at.is_some_and(|at| at <= tick);
                if let Some(number) = number.filter(Number::ends_with_its_period).filter(ends) {
                    release(app, &number, &mut report).await?;
                }
            }
            let full = due.len() == usize::from(limits::DUE_PAGE);
            after = due.into_iter().last().filter(|_| full).map(|(_, _, position)| position);
            if after.is_none() {
                break;
            }
        }
    }
    Ok(report)
}

async fn release(app: &App, number: &Number, report: &mut Report) -> Result<(), StoreError> {
    report.examined += 1;
    if number.served_until.is_some() && !number.parked {
        // Charged first; whoever does that releases it.
        app.charges.send(&unparked(app, number)).await?;
        report.skipped += 1;
        return Ok(());
    }
    let_go(app, number, report).await
}

/// What a number served while it was parked was charged as far as the money went; one that was let go meanwhile goes now.
pub(super) async fn settled(
    app: &App,
    wallet: &WalletRef,
    id: &NumberId,
    report: &mut Report,
) -> Result<(), StoreError> {
    let number = app.store.number_get(&wallet.tenant_id, id).await?;
    let ends = |number: &Number| number.release_at.is_some_and(|at| at <= app.clock.now());
    let Some(number) = number.filter(Number::ends_with_its_period).filter(ends) else { return Ok(()) };
    if let Some(served_until) = number.served_until {
        tracing::warn!(number.id = %number.id, %served_until, "a number goes that served longer than its tenant could pay");
    }
    let_go(app, &number, report).await
}

/// Asks for what a number served while it was parked to be charged, and (if it was let go) for its release after that.
pub(crate) fn unparked(app: &App, number: &Number) -> ChargeMessage {
    let cause = ChargeCause::Unparked { number_id: number.id.clone() };
    ChargeMessage { wallet: number.wallet(), date: period::date_of(app.clock.now()), cause }
}

async fn let_go(app: &App, number: &Number, report: &mut Report) -> Result<(), StoreError> {
    if number.parked || number.open_operation_id.is_some() {
        report.skipped += 1;
        return Ok(());
    }
    if number.primary || number.locked {
        keep(app, number).await?;
        report.skipped += 1;
        return Ok(());
    }
    match begin_release(app, number, ReleaseWhy::PeriodEnd).await? {
        Some(op) => drop(report.begun.insert(op.id)),
        None => report.failed.push(Failed { id: number.id.to_string(), code: "operation_in_progress" }),
    }
    Ok(())
}

/// A number that was locked or made primary after it was let go is kept: the later wish counts.
async fn keep(app: &App, number: &Number) -> Result<(), StoreError> {
    let data =
        json!({ "number_id": number.id, "why": if number.primary { "primary_number" } else { "number_locked" } });
    let writes = vec![
        store::number::release_unscheduled(number, app.clock.now())?,
        event(app, &number.tenant_id, "number.release_undone", data)?,
    ];
    match app.store.transact(writes).await {
        Ok(()) | Err(TransactError::Lost(_)) => Ok(()),
        Err(TransactError::Store(error)) => Err(error),
    }
}
