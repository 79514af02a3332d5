//! Lambda's runtime API (version 2018-06-01) for one function: hands out events one by one and takes in what came of
//! them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// What came of an event.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The function's answer.
    Answer(Value),
    /// It failed, with this type and report.
    Error(String, Value),
    /// It could not start, with this report.
    InitError(Value),
}

/// The runtime API of one function. Dropping it closes the door.
#[derive(Debug)]
pub(super) struct RuntimeApi {
    /// For `AWS_LAMBDA_RUNTIME_API`.
    pub(super) address: String,
    events: mpsc::Sender<Invocation>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Invocation {
    event: Value,
    time_left: Duration,
    outcome: oneshot::Sender<Outcome>,
}

#[derive(Debug)]
struct Shared {
    function: String,
    events: tokio::sync::Mutex<mpsc::Receiver<Invocation>>,
    running: Mutex<BTreeMap<String, oneshot::Sender<Outcome>>>,
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl RuntimeApi {
    pub(super) async fn start(function: &str) -> Self {
        let (events, taken) = mpsc::channel(16);
        let shared = Arc::new(Shared {
            function: function.to_owned(),
            events: tokio::sync::Mutex::new(taken),
            running: Mutex::default(),
        });
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(init_error))
            .with_state(shared);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let task = tokio::spawn(async move { axum::serve(listener, router).await.expect("serves") });
        Self { address, events, task }
    }

    /// Queues an event; what comes of it arrives at the receiver, which fails when the door is closed.
    pub(super) async fn invoke(&self, event: &Value, time_left: Duration) -> oneshot::Receiver<Outcome> {
        let (outcome, arrives) = oneshot::channel();
        let invocation = Invocation { event: event.clone(), time_left, outcome };
        self.events.send(invocation).await.expect("the runtime API runs");
        arrives
    }
}

/// Waits for an event, however long that takes, as Lambda lets a function wait.
async fn next(State(shared): State<Arc<Shared>>) -> Response {
    let Some(invocation) = shared.events.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    let id = format!("8476a536-e9f4-11e8-9739-{:012x}", since_1970.as_nanos() & 0xffff_ffff_ffff);
    let headers = [
        ("lambda-runtime-aws-request-id", id.clone()),
        ("lambda-runtime-deadline-ms", (since_1970 + invocation.time_left).as_millis().to_string()),
        (
            "lambda-runtime-invoked-function-arn",
            format!("arn:aws:lambda:us-east-1:000000000000:function:{}", shared.function),
        ),
        ("lambda-runtime-trace-id", "Root=1-6b018f20-0192a6b0c5d17e3f8a9b0c1d;Sampled=0".to_owned()),
        ("content-type", "application/json".to_owned()),
    ];
    running(&shared).insert(id, invocation.outcome);
    (headers.map(|(name, value)| (axum::http::HeaderName::from_static(name), value)), invocation.event.to_string())
        .into_response()
}

async fn response(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: Bytes) -> Response {
    match serde_json::from_slice(&body) {
        Ok(answer) => over(&shared, &id, Outcome::Answer(answer)),
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}

async fn error(State(shared): State<Arc<Shared>>, Path(id): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let kind = headers.get("lambda-runtime-function-error-type").and_then(|kind| kind.to_str().ok());
    let report = serde_json::from_slice(&body).unwrap_or_default();
    over(&shared, &id, Outcome::Error(kind.unwrap_or_default().to_owned(), report))
}

async fn init_error(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    let report: Value = serde_json::from_slice(&body).unwrap_or_default();
    if let Some(invocation) = shared.events.lock().await.recv().await {
        // Nobody waits for it any more when this fails.
        let _ = invocation.outcome.send(Outcome::InitError(report));
    }
    accepted()
}

fn over(shared: &Shared, id: &str, outcome: Outcome) -> Response {
    match running(shared).remove(id) {
        Some(waiting) => {
            // Nobody waits for it any more when this fails.
            let _ = waiting.send(outcome);
            accepted()
        }
        None => StatusCode::BAD_REQUEST.into_response(),
    }
}

fn accepted() -> Response {
    (StatusCode::ACCEPTED, axum::Json(json!({ "status": "OK" }))).into_response()
}

fn running(shared: &Shared) -> std::sync::MutexGuard<'_, BTreeMap<String, oneshot::Sender<Outcome>>> {
    shared.running.lock().unwrap_or_else(PoisonError::into_inner)
}
