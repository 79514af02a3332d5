//! A third party that answers as told and remembers what it was asked.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use serde_json::Value;

/// What a client sent.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) method: String,
    pub(crate) path: String,
    /// As on the wire.
    pub(crate) query: String,
    pub(crate) content_type: Option<String>,
    pub(crate) authorization: String,
    /// The key of a third party that has a header of its own for it.
    pub(crate) api_key: String,
    pub(crate) body: Vec<u8>,
}

/// Status and JSON for a method and a path; null is an empty body.
type Answers = fn(&str, &str) -> (u16, Value);
type Seen = Arc<Mutex<Vec<Sent>>>;

pub(crate) struct Recorder {
    pub(crate) url: String,
    seen: Seen,
}

impl Recorder {
    pub(crate) async fn start(answers: Answers) -> Self {
        let seen = Seen::default();
        let router = Router::new().fallback(record).with_state((seen.clone(), answers));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, seen }
    }

    pub(crate) fn requests(&self) -> Vec<Sent> {
        self.seen.lock().unwrap().clone()
    }
}

async fn record(State((seen, answers)): State<(Seen, Answers)>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let header = |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let sent = Sent {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        content_type: header(header::CONTENT_TYPE),
        authorization: header(header::AUTHORIZATION).unwrap_or_default(),
        api_key: parts.headers.get("xi-api-key").and_then(|key| key.to_str().ok()).unwrap_or_default().to_owned(),
        body: axum::body::to_bytes(body, 1 << 20).await.unwrap().to_vec(),
    };
    let (status, answer) = answers(&sent.method, &sent.path);
    seen.lock().unwrap().push(sent);
    let status = StatusCode::from_u16(status).unwrap();
    if answer.is_null() { status.into_response() } else { (status, Json(answer)).into_response() }
}
