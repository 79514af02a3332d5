//! Hosting on Lambda: five lines of a function's `main` call one of these.

use std::collections::{BTreeMap, BTreeSet};

use axum::Router;
use domain::OperationId;
use domain::operation::OperationStatus;
use lambda_http::request::RequestContext;
use lambda_http::{RequestExt, tower::ServiceBuilder};
use lambda_runtime::{LambdaEvent, service_fn};
use serde::{Deserialize, Serialize};
use store::queue::{ChargeMessage, OperationMessage};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::billing::{self, Report};
use crate::http::Routes;
use crate::http::auth::Claims;
use crate::jobs::Tick;
use crate::use_cases::reconcile_top_ups::reconcile_top_ups;
use crate::{App, boot, jobs, reconcile};

/// Why a process ends.
pub type Error = lambda_runtime::Error;

/// Serves routes behind API Gateway's HTTP API.
///
/// # Errors
/// A bad setting, or the runtime's end.
pub async fn http(routes: Routes) -> Result<(), Error> {
    logs();
    let app = boot::app()?;
    let router = gateway(routes.service(app, boot::claim_names()));
    lambda_http::run(router).await
}

/// A router as it is asked by API Gateway: claims come from its authorizer, and a stage in the path is taken off.
fn gateway(
    router: Router,
) -> impl tower::Service<
    lambda_http::Request,
    Response = axum::response::Response,
    Error = std::convert::Infallible,
    Future: Send,
> + Clone
+ Send {
    ServiceBuilder::new().map_request(from_gateway).service(router)
}

fn from_gateway(mut request: lambda_http::Request) -> axum::extract::Request {
    let (mut claims, mut stage) = (None, None);
    if let Some(RequestContext::ApiGatewayV2(context)) = request.request_context_ref() {
        let jwt = context.authorizer.as_ref().and_then(|authorizer| authorizer.jwt.as_ref());
        claims = jwt.map(|jwt| Claims(jwt.claims.clone().into_iter().collect::<BTreeMap<_, _>>()));
        stage = context.stage.clone().filter(|stage| stage != "$default");
    }
    if let Some(claims) = claims {
        request.extensions_mut().insert(claims);
    }
    if let Some(uri) = stage.and_then(|stage| without_stage(request.uri(), &stage)) {
        *request.uri_mut() = uri;
    }
    request.map(axum::body::Body::new)
}

/// The path without its first segment, if that is the stage.
fn without_stage(uri: &http::Uri, stage: &str) -> Option<http::Uri> {
    let path = uri.path().strip_prefix('/')?.strip_prefix(stage)?;
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    path.starts_with('/').then(|| format!("{path}{query}").parse().ok()).flatten()
}

/// An SQS event, as far as it is needed.
#[derive(Debug, Deserialize)]
pub struct SqsEvent {
    /// The messages.
    #[serde(rename = "Records", default)]
    pub records: Vec<SqsRecord>,
}

/// A message of an SQS event.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SqsRecord {
    /// Which.
    pub message_id: String,
    /// What it says.
    pub body: String,
}

/// The messages of a batch that have to be delivered again.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchResponse {
    /// Them.
    pub batch_item_failures: Vec<BatchItemFailure>,
}

/// A message that has to be delivered again.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchItemFailure {
    /// Which.
    pub item_identifier: String,
}

/// Serves the queue of operations.
///
/// # Errors
/// A bad setting, or the runtime's end.
pub async fn operations_queue() -> Result<(), Error> {
    logs();
    let app = boot::app()?;
    let handle = |event: LambdaEvent<SqsEvent>| async {
        // Boxed: the compiler gives up on computing the size of a future nested this deep.
        Ok::<_, Error>(Box::pin(advance_batch(&app, event.payload)).await.0)
    };
    lambda_runtime::run(service_fn(handle)).await
}

/// Drives every operation of a batch; those whose message has to come again are named in the answer. With it, those that
/// succeeded.
pub async fn advance_batch(app: &App, event: SqsEvent) -> (BatchResponse, BTreeSet<OperationId>) {
    let (mut response, mut succeeded) = (BatchResponse::default(), BTreeSet::new());
    for record in event.records {
        let done = match serde_json::from_str::<OperationMessage>(&record.body) {
            Ok(message) => match jobs::advance(app, &message).await {
                Ok(status) => Ok((message.operation_id, status)),
                Err(error) => Err(error.to_string()),
            },
            Err(error) => Err(error.to_string()),
        };
        match done {
            Ok((id, Some(OperationStatus::Succeeded))) => drop(succeeded.insert(id)),
            Ok((_, _)) => {}
            Err(why) => {
                tracing::error!(message.id = record.message_id, why, "a queued operation could not be driven");
                response.batch_item_failures.push(BatchItemFailure { item_identifier: record.message_id });
            }
        }
    }
    (response, succeeded)
}

/// Serves the queue of wallets to be charged.
///
/// # Errors
/// A bad setting, or the runtime's end.
pub async fn charges_queue() -> Result<(), Error> {
    logs();
    let app = boot::app()?;
    let handle =
        |event: LambdaEvent<SqsEvent>| async { Ok::<_, Error>(Box::pin(charge_batch(&app, event.payload)).await.0) };
    lambda_runtime::run(service_fn(handle)).await
}

/// Charges every wallet of a batch; those whose message has to come again are named in the answer.
pub async fn charge_batch(app: &App, event: SqsEvent) -> (BatchResponse, Report) {
    let (mut response, mut report) = (BatchResponse::default(), Report::default());
    for record in event.records {
        let done = match serde_json::from_str::<ChargeMessage>(&record.body) {
            Ok(message) => Box::pin(billing::charge(app, &message)).await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match done {
            Ok(done) => report.add(done),
            Err(why) => {
                tracing::error!(message.id = record.message_id, why, "a wallet could not be charged");
                response.batch_item_failures.push(BatchItemFailure { item_identifier: record.message_id });
            }
        }
    }
    (response, report)
}

/// A schedule that has work of its own to do at a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schedule {
    /// Charges what begins.
    Renewals,
    /// Goes on with overdue numbers.
    Dunning,
    /// Releases numbers at the end of what is paid for.
    PeriodEnd,
}

/// Serves one of the schedules of money.
///
/// # Errors
/// A bad setting, or the runtime's end.
pub async fn schedule(which: Schedule) -> Result<(), Error> {
    logs();
    let app = boot::app()?;
    let handle = |event: LambdaEvent<Tick>| async { Box::pin(scheduled(&app, which, event.payload)).await };
    lambda_runtime::run(service_fn(handle)).await
}

/// One tick of a schedule of money.
///
/// # Errors
/// A tick that is not a time or not believed, or the store's silence.
pub async fn scheduled(app: &App, which: Schedule, tick: Tick) -> Result<Report, Error> {
    let tick = tick.time.as_deref().map(str::parse).transpose()?;
    let sent = |changed: u64| Report { changed, ..Report::default() };
    Ok(match which {
        Schedule::Renewals => sent(billing::renew(app, tick).await?),
        Schedule::Dunning => sent(billing::dun(app, tick).await?),
        Schedule::PeriodEnd => billing::release_ended(app, tick).await?,
    })
}

/// Serves the schedule of the sweep.
///
/// # Errors
/// A bad setting, or the runtime's end.
pub async fn sweep_schedule() -> Result<(), Error> {
    logs();
    let app = boot::app()?;
    let handle = |_: LambdaEvent<serde_json::Value>| async {
        // Boxed, as above.
        Box::pin(jobs::sweep(&app)).await.map_err(Error::from)
    };
    lambda_runtime::run(service_fn(handle)).await
}

/// Serves the schedule of the pass over unfinished top-ups.
///
/// # Errors
/// A bad setting, or the runtime's end.
pub async fn top_ups_schedule() -> Result<(), Error> {
    logs();
    let app = boot::app()?;
    let handle = |_: LambdaEvent<serde_json::Value>| async {
        // Boxed, as above.
        Box::pin(reconcile_top_ups(&app)).await.map_err(Error::from)
    };
    lambda_runtime::run(service_fn(handle)).await
}

/// Serves the schedule of reconciliation. A run that outlasts an invocation is gone on with by the next tick.
///
/// # Errors
/// A bad setting, or the runtime's end.
pub async fn reconcile_schedule() -> Result<(), Error> {
    logs();
    let app = boot::app()?;
    let handle = |_: LambdaEvent<serde_json::Value>| async {
        let deadline = app.clock.real_now().saturating_add(RECONCILES_FOR).unwrap_or(jiff::Timestamp::MAX);
        match Box::pin(reconcile::tick(&app, deadline)).await {
            Ok(run) => Ok(serde_json::json!({ "run_id": run.map(|run| run.id) })),
            Err(reconcile::Refused::GoingOn) => Ok(serde_json::json!({ "run_id": null })),
            Err(error) => Err(Error::from(error)),
        }
    };
    lambda_runtime::run(service_fn(handle)).await
}

/// How long one invocation goes on with a run; its function's timeout is a quarter of an hour.
const RECONCILES_FOR: jiff::SignedDuration = jiff::SignedDuration::from_mins(13);

/// One JSON line an event, as CloudWatch likes it; `RUST_LOG` says how much (`info,store=debug`).
fn logs() {
    let filter = boot::log_filter().unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO));
    let lines = tracing_subscriber::fmt::layer().json().with_target(false).without_time();
    tracing_subscriber::registry().with(lines).with(filter).init();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_is_taken_off_the_path_once() {
        let check = |uri: &str, stage: &str, expected: Option<&str>| {
            let got = without_stage(&uri.parse().unwrap(), stage);
            assert_eq!(got.map(|uri| uri.to_string()).as_deref(), expected, "{uri}");
        };
        check("/prod/webhooks/twilio/voice?tenant=a%2Bb", "prod", Some("/webhooks/twilio/voice?tenant=a%2Bb"));
        check("/webhooks/twilio/voice", "prod", None);
        check("/production/x", "prod", None);
        check("/prod", "prod", None);
    }
}
