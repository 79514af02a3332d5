//! The hourly pass over what is not finished: top-ups whose notification may never arrive, and notifications that were never
//! delivered. It takes no input and does the same work every time; what it learns is dealt with as if it had been delivered.

use domain::payment::{AfterDecline, CheckoutStatus, Decline, PaymentStatus};
use domain::ports::{ProviderError, ProviderErrorKind};
use domain::top_up::{PaidBy, Report as Told, TopUp, TopUpFailure, TopUpStatus};
use domain::{Currency, TenantId, TopUpId, limits};
use jiff::Timestamp;
use serde::Serialize;
use store::StoreError;
use store::page::Cursor;

use super::payments::{self, NotNow};
use super::top_ups;
use crate::{App, Error};

/// What a pass did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Top-ups and missed notifications looked at.
    pub examined: u64,
    /// Those that were news.
    pub changed: u64,
    /// Those that could not be dealt with; the next pass does.
    pub failed: u64,
}

/// Looks at every top-up that is due for it, then at the notifications that were missed. Bounded in pages a shard; what is
/// left is due at the next pass.
///
/// # Errors
/// When the store does not answer; the next pass begins anew.
pub async fn reconcile_top_ups(app: &App) -> Result<Report, StoreError> {
    let mut report = Report::default();
    let now = app.clock.now();
    for shard in 0..limits::DUE_SHARDS {
        let mut after: Option<Cursor> = None;
        for _ in 0..limits::TOP_UP_PAGES_MAX {
            let due = app.store.top_up_due(shard, now, after.as_ref()).await?;
            for found in &due {
                look(app, &found.tenant_id, &found.top_up_id, &mut report).await?;
            }
            after =
                due.last().filter(|_| due.len() == usize::from(limits::TOP_UP_BATCH)).map(|last| last.cursor.clone());
            if after.is_none() {
                break;
            }
        }
    }
    missed(app, now, &mut report).await?;
    if report.examined > 0 {
        tracing::info!(
            examined = report.examined,
            changed = report.changed,
            failed = report.failed,
            "unfinished top-ups were looked at"
        );
    }
    Ok(report)
}

/// One top-up, read afresh: the index may be behind.
async fn look(app: &App, tenant: &TenantId, id: &TopUpId, report: &mut Report) -> Result<(), StoreError> {
    let now = app.clock.now();
    let before = app.store.top_up_get(tenant, id).await?;
    let Some(before) = before.filter(|top_up| top_up.look_at.is_some_and(|at| at <= now)) else { return Ok(()) };
    report.examined += 1;
    if let Err(error) = learn(app, &before).await {
        report.failed += 1;
        tracing::warn!(top_up.id = %id, %error, "a top-up could not be looked at");
        return Ok(());
    }
    let Some(after) = app.store.top_up_get(tenant, id).await? else { return Ok(()) };
    report.changed += u64::from((after.status, &after.session) != (before.status, &before.session));
    if after.status.unfinished() {
        let later = TopUp { look_at: after.next_look(now), ..after };
        match app.store.transact(vec![store::top_up::update(&later)?]).await {
            // Lost: somebody is at it, and it is due still.
            Ok(()) | Err(store::TransactError::Lost(_)) => {}
            Err(store::TransactError::Store(error)) => return Err(error),
        }
    }
    Ok(())
}

/// Whether money may yet come into a wallet by a top-up that was begun: it is on its way, or has just come in, or the
/// provider cannot be asked. Each one that is not over is asked about; what the provider says is booked.
pub async fn may_still_pay(app: &App, tenant: &TenantId, currency: Currency) -> bool {
    let Ok(unfinished) = app.store.top_up_unfinished(tenant).await else { return true };
    for top_up in unfinished.into_iter().filter(|top_up| top_up.amount.currency == currency) {
        if let Err(error) = learn(app, &top_up).await {
            tracing::warn!(top_up.id = %top_up.id, %error, "a top-up could not be asked about");
            return true;
        }
        let Ok(after) = app.store.top_up_get(tenant, &top_up.id).await else { return true };
        match after.map(|after| after.status) {
            Some(TopUpStatus::Processing | TopUpStatus::Paid) => return true,
            Some(TopUpStatus::Open | TopUpStatus::Failed | TopUpStatus::Expired) | None => {}
        }
    }
    false
}

/// Asks the provider how a top-up stands, making what was not made while its key is known, and books the answer.
async fn learn(app: &App, top_up: &TopUp) -> Result<(), NotNow> {
    let payments = app.providers.payments().await?;
    let now = app.clock.now();
    if let Some(session) = &top_up.session {
        let checkout = payments.checkout_get(session).await?;
        // The page does not say which card was kept, nor that a delayed payment did not come.
        let Some(payment) = &checkout.payment else { return payments::checkout_told(app, &checkout, false).await };
        let payment = payments.payment_get(payment).await?;
        let nothing = matches!(payment.status, PaymentStatus::Declined(_) | PaymentStatus::Canceled);
        payments::checkout_told(app, &checkout, checkout.status == CheckoutStatus::Processing && nothing).await?;
        return payments::payment_told(app, &payment, now).await;
    }
    if let Some(payment) = &top_up.payment {
        let payment = payments.payment_get(payment).await?;
        if payment.status == PaymentStatus::Open && !top_up.repeatable(now) {
            // It waits for somebody who was never there.
            let decline = Decline { then: AfterDecline::Authenticate, code: "authentication_required".into() };
            return payments::change(app, top_up.clone(), &Told::Declined(decline), Some(&payment.id)).await;
        }
        return payments::payment_told(app, &payment, now).await;
    }
    if top_up.repeatable(now) {
        return match &top_up.by {
            PaidBy::Auto { .. } => top_ups::charge(app, top_up).await,
            PaidBy::Checkout { .. } => match top_ups::go_on(app, top_up.clone()).await {
                Ok(_) | Err(Error::TopUpFailed(_)) => Ok(()),
                Err(Error::Store(error)) => Err(error.into()),
                Err(Error::Payments(error)) => Err(error.into()),
                Err(_) => Err(NotNow::Contended),
            },
        };
    }
    // The key is forgotten, so nothing is made any more: either there is a payment, or there will be none.
    if let Some(payer) = app.store.payer_get(&top_up.tenant_id).await?
        && let Some(payment) = payments.payment_find(&payer.customer, &top_up.id).await?
    {
        return payments::payment_told(app, &payment, now).await;
    }
    let failure = TopUpFailure { code: "not_made".into(), detail: "It could not be made in time.".into() };
    top_ups::never_made(app, top_up.clone(), &failure, None).await
}

/// Notifications that never reached us, from where the last pass stopped.
async fn missed(app: &App, now: Timestamp, report: &mut Report) -> Result<(), StoreError> {
    let payments = match app.providers.payments().await {
        Ok(payments) => payments,
        // A deployment that takes no payments misses none.
        Err(error) if error.kind == ProviderErrorKind::Misconfigured => return Ok(()),
        Err(error) => return failed(report, &error),
    };
    let back = |from: Timestamp, by| from.checked_sub(by).unwrap_or(from);
    let kept = app.store.notifications_since().await?;
    let since = kept.unwrap_or_else(|| back(now, limits::NOTIFICATIONS_FIRST_LOOK));
    let missed = match payments.notifications_missed(since).await {
        Ok(missed) => missed,
        Err(error) => return failed(report, &error),
    };
    let mut next = back(now, limits::NOTIFICATIONS_OVERLAP);
    for notification in &missed {
        report.examined += 1;
        match payments::notified(app, notification).await {
            Ok(()) => report.changed += 1,
            Err(error) => {
                report.failed += 1;
                next = next.min(notification.at);
                tracing::warn!(event.id = notification.id, %error, "a missed notification could not be dealt with");
            }
        }
    }
    app.store.notifications_looked(next.max(since)).await
}

fn failed(report: &mut Report, error: &ProviderError) -> Result<(), StoreError> {
    report.failed += 1;
    tracing::warn!(%error, "missed notifications could not be asked for");
    Ok(())
}
