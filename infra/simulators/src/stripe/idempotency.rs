//! Keys: the first answer to a request is the answer to all its repetitions, for a day.

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::account::Account;
use super::refusal::Refusal;
use crate::server::{self, Answer, Call};

const HEADER: &str = "idempotency-key";
const KEY_CHARS_MAX: usize = 255;
/// Stripe may forget a key from then on; here it does.
const KEPT: SignedDuration = SignedDuration::from_hours(24);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Stored {
    /// Path and body as sent. Whether Stripe minds another order of parameters is not known; the
    /// harsher reading is taken.
    request: String,
    status: u16,
    body: Value,
    at: Timestamp,
}

/// Of a POST alone: other methods need none.
pub(super) fn key(call: &Call) -> Option<String> {
    let sent = call.headers.get(HEADER).filter(|_| call.method == Method::POST)?;
    Some(String::from_utf8_lossy(sent.as_bytes()).into_owned())
}

impl Account {
    /// The answer given before, if there is one.
    pub(super) fn replayed(&mut self, key: &str, call: &Call) -> Result<Option<Answer>, Refusal> {
        if key.is_empty() || key.chars().count() > KEY_CHARS_MAX {
            let message = format!("Idempotency keys are of 1 to {KEY_CHARS_MAX} characters.");
            return Err(Refusal::invalid(message));
        }
        let now = self.book.now();
        let Some(stored) = self.answers.get(key).filter(|stored| now < stored.at + KEPT) else { return Ok(None) };
        if stored.request != request(call) {
            return Err(Refusal::other_parameters(key));
        }
        let status = StatusCode::from_u16(stored.status).unwrap_or_default();
        let mut answer = server::json(status, &stored.body);
        answer.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
        Ok(Some(answer))
    }

    pub(super) fn remember(&mut self, key: &str, call: &Call, status: StatusCode, body: &Value) {
        let now = self.book.now();
        let stored = Stored { request: request(call), status: status.as_u16(), body: body.clone(), at: now };
        self.book.put("answer", key.to_owned(), &stored);
        self.answers.insert(key.to_owned(), stored);
    }

    /// An error that struck after work had begun is the key's answer as well.
    pub(super) fn remember_failure(&mut self, key: &str, request: &Call, status: StatusCode, body: &Bytes) {
        let begun = status.is_server_error() || status == StatusCode::PAYMENT_REQUIRED;
        let known = matches!(self.replayed(key, request), Ok(Some(_)) | Err(_));
        // A page of HTML is a load balancer's: Stripe never saw that request.
        if let (true, false, Ok(body)) = (begun, known, serde_json::from_slice(body)) {
            self.remember(key, request, status, &body);
            self.book.commit();
        }
    }
}

fn request(call: &Call) -> String {
    format!("{}\n{}", call.path, String::from_utf8_lossy(&call.body))
}
