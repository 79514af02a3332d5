//! Time and work: the clock, the jobs by hand, draining.

use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use domain::Clock;
use jiff::{Span, Timestamp, tz::TimeZone};
use serde::Deserialize;
use serde_json::{Value, json};

use shared::api::FindingView;

use super::{Refusal, Surface, body};
use crate::worker::Job;

/// The year 9000. Calendars end with 9999, and whatever is begun needs months and years after it.
const LAST: Timestamp = Timestamp::constant(221_845_392_000, 0);

pub(super) fn routes() -> Router<Surface> {
    Router::new()
        .route("/_local/clock", get(tell).post(advance))
        .route("/_local/jobs/{job}", post(job))
        .route("/_local/drain", post(drain))
}

async fn tell(State(surface): State<Surface>) -> Json<Value> {
    Json(json!({ "now": surface.clock.now(), "fired": [] }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockRequest {
    advance: Option<Span>,
    to: Option<Timestamp>,
    run_jobs: Option<bool>,
}

async fn advance(State(surface): State<Surface>, text: String) -> Result<Json<Value>, Refusal> {
    let request: ClockRequest = body(&text)?;
    let now = surface.clock.now();
    let target = match (request.advance, request.to) {
        (Some(span), None) => {
            let moved = now.to_zoned(TimeZone::UTC).checked_add(span);
            moved.map_err(|error| Refusal::bad(format!("advance: {error}")))?.timestamp()
        }
        (None, Some(to)) => to,
        (Some(_), Some(_)) | (None, None) => return Err(Refusal::bad("send either `advance` or `to`")),
    };
    if target < now {
        return Err(Refusal::bad("time does not go backwards"));
    }
    if target > LAST {
        return Err(Refusal::bad(format!("time ends at {LAST}")));
    }
    let fired = surface.worker.advance(target, request.run_jobs.unwrap_or(true)).await?;
    surface.aws.sqs.clock_moved();
    surface.aws.dynamodb.expire()?;
    Ok(Json(json!({ "now": surface.clock.now(), "fired": fired })))
}

async fn job(State(surface): State<Surface>, Path(name): Path<String>) -> Result<Json<Value>, Refusal> {
    let Some(job) = Job::ALL.into_iter().find(|job| job.name() == name) else {
        let jobs = Job::ALL.map(Job::name).join(", ");
        return Err(match name.as_str() {
            "notify" => Refusal(StatusCode::NOT_IMPLEMENTED, format!("{name}: this installation has no such job yet")),
            _ => Refusal(StatusCode::NOT_FOUND, format!("jobs: {jobs}")),
        });
    };
    let before = surface.aws.dynamodb.capacity().write;
    let worked = surface.worker.tick(job).await?;
    let undelivered = (0..worked.failed).map(|_| json!({ "id": null, "code": "delivery_failed" }));
    let failed: Vec<Value> = worked.report.failed.iter().map(|failed| json!(failed)).chain(undelivered).collect();
    let mut shown = json!({
        "job": name,
        "now": surface.clock.now(),
        "examined": worked.report.examined,
        "changed": worked.report.changed,
        "begun": worked.report.begun.len(),
        "skipped": worked.report.skipped,
        "failed": failed,
        "write_units": surface.aws.dynamodb.capacity().write - before,
    });
    if let Some(run) = &worked.run {
        let findings: Vec<FindingView> = run.findings.iter().map(Into::into).collect();
        shown["findings"] = json!(findings);
    }
    Ok(Json(shown))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DrainRequest {
    timeout_ms: Option<u64>,
}

async fn drain(State(surface): State<Surface>, text: String) -> Result<Response, Refusal> {
    let request: DrainRequest = body(&text)?;
    let timeout = Duration::from_millis(request.timeout_ms.unwrap_or(10_000).min(600_000));
    let left = surface.worker.drain(timeout).await?;
    let status = if left.is_empty() { StatusCode::OK } else { StatusCode::GATEWAY_TIMEOUT };
    Ok((status, Json(json!({ "left": left }))).into_response())
}
