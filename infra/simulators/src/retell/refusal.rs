//! How Retell says no: a status and a sentence, never a code.

use http::StatusCode;
use serde_json::json;

use crate::server::{self, Answer};

#[derive(Clone, Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    message: String,
}

impl Refusal {
    /// With the status's usual sentence.
    pub(super) fn usual(status: StatusCode) -> Self {
        Self { status, message: usual(status).to_owned() }
    }

    /// One asked for by name; the sentence given, or the usual one.
    pub(super) fn injected(status: StatusCode, message: Option<&str>) -> Self {
        Self { status, message: message.unwrap_or_else(|| usual(status)).to_owned() }
    }

    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, message: message.into() }
    }

    /// What is not there is 422 here.
    pub(super) fn not_found() -> Self {
        Self::usual(StatusCode::UNPROCESSABLE_ENTITY)
    }

    pub(super) fn answer(&self) -> Answer {
        server::json(self.status, &json!({ "status": "error", "message": self.message }))
    }
}

/// As its document has them.
fn usual(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 => "Invalid request format, please check API reference.",
        401 => "API key is missing or invalid.",
        402 => "Trial has ended, please add payment method.",
        404 => "The requested resource was not found.",
        422 => "Cannot find requested asset under given api key.",
        429 => "Account rate limited, please throttle your requests.",
        500 => "An unexpected server error occurred.",
        _ => status.canonical_reason().unwrap_or("Error"),
    }
}
