//! Why a command came to nothing, and the exit code for it.

use std::fmt;

use serde_json::Value;

/// Why not.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// It cannot be meant so; nothing was sent.
    #[error("{0}")]
    Usage(String),
    /// Nobody said yes; nothing was changed.
    #[error("{0}")]
    NotConfirmed(String),
    /// The API said no.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// No answer, or one that cannot be used.
    #[error("{0}")]
    NoAnswer(String),
}

impl Failure {
    pub(crate) fn usage(why: impl Into<String>) -> Self {
        Self::Usage(why.into())
    }

    pub(crate) const fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::NotConfirmed(_) => 2,
            Self::Refused(_) => 3,
            Self::NoAnswer(_) => 4,
        }
    }
}

/// A problem as the API states it.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) detail: String,
    pub(crate) operation_id: Option<String>,
    /// As it came.
    pub(crate) document: Value,
}

impl Refusal {
    /// Reads a problem; what stands before the API (a gateway) only has a message.
    pub(crate) fn read(status: u16, document: Value) -> Self {
        let text = |name: &str| document.get(name).and_then(Value::as_str).map(str::to_owned);
        let detail = text("detail").or_else(|| text("message")).or_else(|| text("title")).unwrap_or_default();
        Self {
            status,
            code: text("code").unwrap_or_else(|| format!("http_{status}")),
            detail,
            operation_id: text("operation_id"),
            document,
        }
    }

    /// Code, and detail where there is one.
    pub(crate) fn brief(&self) -> String {
        match (self.detail.as_str(), &self.operation_id) {
            ("", None) => self.code.clone(),
            ("", Some(operation)) => format!("{} (operation {operation})", self.code),
            (detail, None) => format!("{}: {detail}", self.code),
            (detail, Some(operation)) => format!("{}: {detail} (operation {operation})", self.code),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused: {}", self.brief())
    }
}
