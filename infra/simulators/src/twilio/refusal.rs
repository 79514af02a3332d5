//! How Twilio says no: a code, a message, a link to the code's page.

use http::{HeaderValue, StatusCode, header};
use serde_json::json;

use crate::server::{self, Answer};

#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    /// Twilio leaves it out where it has none.
    code: Option<u32>,
    message: String,
}

impl Refusal {
    /// 400 unless the code is one of the few with a status of its own.
    pub(crate) fn new(code: u32, message: impl Into<String>) -> Self {
        let status = match code {
            20003 => StatusCode::UNAUTHORIZED,
            20004 => StatusCode::METHOD_NOT_ALLOWED,
            20006 | 20008 => StatusCode::FORBIDDEN,
            20404 => StatusCode::NOT_FOUND,
            20409 => StatusCode::CONFLICT,
            20429 => StatusCode::TOO_MANY_REQUESTS,
            20500 => StatusCode::INTERNAL_SERVER_ERROR,
            20503 => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        };
        Self { status, code: Some(code), message: message.into() }
    }

    pub(crate) fn without_code(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code: None, message: message.into() }
    }

    /// One asked for by name: the status given, and the code or the status's usual one.
    pub(crate) fn injected(status: StatusCode, code: Option<&str>) -> Self {
        let usual = match status.as_u16() {
            401 => Some(20003),
            403 => Some(20006),
            404 => Some(20404),
            405 => Some(20004),
            409 => Some(20409),
            429 => Some(20429),
            500 => Some(20500),
            503 => Some(20503),
            _ => None,
        };
        let code = code.and_then(|code| code.parse().ok()).or(usual);
        let message = match code {
            Some(20003) => "Authenticate",
            Some(20429) => "Too Many Requests",
            _ => status.canonical_reason().unwrap_or("Error"),
        };
        Self { status, code, message: message.to_owned() }
    }

    pub(crate) fn not_found(path: &str) -> Self {
        Self::new(20404, format!("The requested resource {path} was not found"))
    }

    pub(crate) fn unauthenticated() -> Self {
        Self::new(20003, "Authenticate")
    }

    pub(crate) fn answer(&self) -> Answer {
        let mut body = json!({ "message": self.message, "status": self.status.as_u16() });
        if let Some(code) = self.code {
            body["code"] = json!(code);
            body["more_info"] = json!(format!("https://www.twilio.com/docs/errors/{code}"));
        }
        let mut answer = server::json(self.status, &body);
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Basic realm=\"Twilio API\"");
            answer.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        answer
    }

    /// v2010 speaks XML to whoever leaves `.json` out.
    pub(crate) fn xml(&self) -> Answer {
        let code = self.code.map(|code| format!("<Code>{code}</Code>")).unwrap_or_default();
        let body = format!(
            "<?xml version='1.0' encoding='UTF-8'?>\n<TwilioResponse><RestException>{code}<Message>{}</Message>\
             <Status>{}</Status></RestException></TwilioResponse>",
            self.message.replace('&', "&amp;").replace('<', "&lt;"),
            self.status.as_u16()
        );
        server::answer(self.status, "application/xml", body)
    }
}
