//! What an operator asks of reconciliation, and a tenant of one number.

use domain::NumberId;
use domain::reconcile::Action;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Deserialize;
use store::reconcile::{Phase, Run};

use super::numbers;
use crate::api::{AgreementView, NumberAgreementView, ReconciliationView};
use crate::http::auth::Caller;
use crate::reconcile::{self, Refused, Wish};
use crate::{App, Error};

/// How to run.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ReconcileRequest {
    /// Only say what would be done.
    #[serde(default)]
    dry_run: bool,
}

/// Runs reconciliation for as long as a request has time; the schedule goes on with what is left.
///
/// # Errors
/// [`Error::OperationInProgress`] while another run goes on.
pub async fn start(app: &App, request: &ReconcileRequest) -> Result<ReconciliationView, Error> {
    let deadline = app.clock.real_now().saturating_add(domain::limits::REQUEST_DRIVES_FOR);
    let wish = Wish { dry_run: request.dry_run, books_too: true };
    let run = reconcile::run(app, wish, deadline.unwrap_or(Timestamp::MAX)).await.map_err(|refused| match refused {
        Refused::GoingOn => Error::OperationInProgress(None),
        Refused::Store(error) => Error::Store(error),
    })?;
    shown(app, &run).await
}

/// A run, over or going on.
async fn shown(app: &App, run: &Run) -> Result<ReconciliationView, Error> {
    if run.phase != Phase::Over {
        return Ok(ReconciliationView::running(run, app.clock.now()));
    }
    let report = app.store.report_get(&run.id).await?.ok_or(Error::NotFound)?;
    Ok((&report).into())
}

/// A run by its id, or (`latest`) the last one that is over.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn get(app: &App, id: &str) -> Result<ReconciliationView, Error> {
    if id == "latest" {
        return Ok((&app.store.report_latest(false).await?.ok_or(Error::NotFound)?).into());
    }
    match app.store.run_get().await? {
        Some(run) if run.id == id => shown(app, &run).await,
        Some(_) | None => Ok((&app.store.report_get(id).await?.ok_or(Error::NotFound)?).into()),
    }
}

/// A day's statement of agreement.
///
/// # Errors
/// [`Error::NotFound`] for a day on which no run ended, [`Error::Invalid`].
pub async fn agreement(app: &App, date: &str) -> Result<AgreementView, Error> {
    let date: Date = date.parse().map_err(|_| Error::invalid("date", "a date such as 2027-01-31"))?;
    Ok(AgreementView::of(date, &app.store.agreement_get(date).await?.ok_or(Error::NotFound)?))
}

/// Whether a number is at its carrier and platform as the books have it.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn of_number(app: &App, caller: &Caller, id: &NumberId) -> Result<NumberAgreementView, Error> {
    let number = numbers::get(app, caller, id).await?;
    let compared = app.store.report_latest(true).await?.filter(|report| report.began_at >= number.created_at);
    let number_id = id.to_string();
    let Some(report) = compared else {
        return Ok(NumberAgreementView { number_id, as_of: None, agrees: None, findings: Vec::new() });
    };
    let said = app.store.said_get(&caller.tenant, id).await?.filter(|said| said.run_id == report.run_id);
    let findings = said.map_or_else(Vec::new, |said| said.findings);
    let agrees = findings.iter().map(|finding| finding.action).all(Action::resolves);
    Ok(NumberAgreementView {
        number_id,
        as_of: Some(report.ended_at),
        agrees: Some(agrees),
        findings: findings.iter().map(Into::into).collect(),
    })
}
