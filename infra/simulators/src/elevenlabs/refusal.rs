//! How ElevenLabs says no: `detail` is a list where a body was looked over, an object where a rule was
//! broken, and a text where nothing answers at all.

use http::StatusCode;
use serde_json::{Value, json};

use crate::server::{self, Answer};

#[derive(Clone, Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    detail: Value,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        Self { status, detail: json!({ "status": code, "message": message.into() }) }
    }

    pub(super) fn bad(code: &str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// Every complaint about a body or a query.
    pub(super) fn invalid(complaints: Vec<Value>) -> Self {
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, detail: Value::Array(complaints) }
    }

    pub(super) fn not_found(code: &str, what: &str, id: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, format!("{what} with id {id} was not found."))
    }

    pub(super) fn no_agent(id: &str) -> Self {
        Self::not_found("agent_not_found", "Agent", id)
    }

    pub(super) fn unauthenticated() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "invalid_api_key", "Invalid API key")
    }

    pub(super) fn no_route() -> Self {
        Self { status: StatusCode::NOT_FOUND, detail: json!("Not Found") }
    }

    /// What an injected failure says.
    pub(super) fn injected(status: StatusCode, code: Option<&str>) -> Self {
        match status {
            StatusCode::UNPROCESSABLE_ENTITY => Self::invalid(vec![complaint(&["body"], "value_error", "Value error")]),
            StatusCode::TOO_MANY_REQUESTS => {
                Self::new(status, code.unwrap_or("too_many_concurrent_requests"), "Too many requests. Try again later.")
            }
            _ => {
                let message = status.canonical_reason().unwrap_or("Error");
                Self::new(status, code.unwrap_or("error"), message)
            }
        }
    }

    pub(super) fn answer(&self) -> Answer {
        server::json(self.status, &json!({ "detail": self.detail }))
    }
}

/// One complaint, and where.
pub(super) fn complaint(place: &[&str], kind: &str, message: &str) -> Value {
    json!({ "loc": place, "msg": message, "type": kind })
}
