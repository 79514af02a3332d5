//! How Stripe says no: an error with a type, mostly a code, and the parameter it is about.

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::cards::Decline;
use crate::server::{self, Answer};

#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    error: Map<String, Value>,
}

impl Refusal {
    fn new(status: StatusCode, kind: &str, message: impl Into<String>) -> Self {
        let mut error = Map::new();
        error.insert("type".to_owned(), json!(kind));
        error.insert("message".to_owned(), json!(message.into()));
        Self { status, error }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", message)
    }

    pub(super) fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.error.insert(field.to_owned(), value.into());
        self
    }

    fn coded(self, code: &str) -> Self {
        let page = format!("https://stripe.com/docs/error-codes/{}", code.replace('_', "-"));
        self.with("code", code).with("doc_url", page)
    }

    pub(super) fn of_param(code: &str, param: &str, message: impl Into<String>) -> Self {
        Self::invalid(message).coded(code).with("param", param)
    }

    pub(super) fn missing(param: &str) -> Self {
        Self::of_param("parameter_missing", param, format!("Missing required param: {param}."))
    }

    pub(super) fn unknown(param: &str) -> Self {
        Self::of_param("parameter_unknown", param, format!("Received unknown parameter: {param}"))
    }

    /// One named in the path is not found; one named by a parameter makes a bad request.
    pub(super) fn no_such(what: &str, id: &str, param: Option<&str>) -> Self {
        let status = if param.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::NOT_FOUND };
        let refusal = Self::new(status, "invalid_request_error", format!("No such {what}: '{id}'"));
        refusal.coded("resource_missing").with("param", param.unwrap_or("id"))
    }

    pub(super) fn no_route(method: &str, path: &str) -> Self {
        let message = format!("Unrecognized request URL ({method}: {path}).");
        Self::new(StatusCode::NOT_FOUND, "invalid_request_error", message)
    }

    pub(super) fn unauthenticated() -> Self {
        let message = "Invalid API Key provided.";
        Self::new(StatusCode::UNAUTHORIZED, "invalid_request_error", message)
    }

    pub(super) fn other_parameters(key: &str) -> Self {
        let message = format!(
            "Keys for idempotent requests can only be used with the same parameters they were first used with. \
             Try using a key other than '{key}' if you meant to execute a different request."
        );
        Self::new(StatusCode::BAD_REQUEST, "idempotency_error", message)
    }

    pub(super) fn key_in_use(key: &str) -> Self {
        let message = format!("There is currently another in-progress request using this Idempotent Key: {key}.");
        Self::new(StatusCode::CONFLICT, "invalid_request_error", message).coded("idempotency_key_in_use")
    }

    /// The call failed and yet left an intent behind, which travels along.
    pub(super) fn card(decline: &Decline, intent: Value, method: Value, charge: &str) -> Self {
        Self::declined(decline).with("payment_intent", intent).with("payment_method", method).with("charge", charge)
    }

    fn declined(decline: &Decline) -> Self {
        let refusal = Self::new(StatusCode::PAYMENT_REQUIRED, "card_error", decline.message).coded(decline.code);
        refusal.with("decline_code", decline.decline_code).with("advice_code", decline.advice_code)
    }

    /// One asked for by name: the status given, and the code or the status's usual one.
    pub(super) fn injected(status: StatusCode, code: Option<&str>) -> Self {
        let reason = code.or(status.canonical_reason()).unwrap_or("Error");
        if status == StatusCode::PAYMENT_REQUIRED {
            return Self::declined(&Decline::named(code.unwrap_or("card_declined")));
        }
        if status.is_server_error() {
            let refusal = Self::new(status, "api_error", "An error occurred on our side. Try again.");
            return code.into_iter().filter(|code| *code != "api_error").fold(refusal, Self::coded);
        }
        let usual = match status.as_u16() {
            404 => Some("resource_missing"),
            409 => Some("lock_timeout"),
            429 => Some("rate_limit"),
            _ => None,
        };
        let kind = if code == Some("idempotency_error") { "idempotency_error" } else { "invalid_request_error" };
        code.or(usual).into_iter().fold(Self::new(status, kind, reason), Self::coded)
    }

    /// Parameters were fine and work had begun: what came of it is what the key answers from then on.
    pub(super) fn had_begun(&self) -> bool {
        self.status == StatusCode::PAYMENT_REQUIRED || self.status.is_server_error()
    }

    /// For whoever is not sent the whole of it.
    pub(super) fn message(&self) -> String {
        self.error.get("message").and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    pub(super) fn body(&self) -> Value {
        json!({ "error": self.error })
    }

    pub(super) fn answer(&self) -> Answer {
        server::json(self.status, &self.body())
    }
}
