//! How Vapi says no. A complaint is one text, or a list of them when a body was looked over.

use http::StatusCode;
use serde_json::{Value, json};

use crate::server::{self, Answer};

#[derive(Clone, Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    message: Value,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, message: &str) -> Self {
        Self { status, message: json!(message) }
    }

    pub(super) fn bad(complaints: Vec<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, message: json!(complaints) }
    }

    pub(super) fn bad_text(complaint: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, complaint)
    }

    pub(super) fn not_found(what: &str, id: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, &format!("Couldn't find {what} with id {id}."))
    }

    pub(super) fn unauthenticated() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Invalid Key. It may be a public key where a private one is expected.")
    }

    pub(super) fn answer(&self) -> Answer {
        let error = self.status.canonical_reason().unwrap_or("Error");
        let body = json!({ "message": self.message, "error": error, "statusCode": self.status.as_u16() });
        server::json(self.status, &body)
    }
}
