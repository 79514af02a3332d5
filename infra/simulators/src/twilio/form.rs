//! A form as Twilio reads it: decoded once, names case-sensitive, of repeated names the last.

use super::refusal::Refusal;
use crate::server::{Call, pairs};

#[derive(Debug, Default)]
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// A body in any other encoding is refused, even when it would be readable.
    pub(crate) fn of_body(call: &Call) -> Result<Self, Refusal> {
        if !call.body.is_empty() && call.media_type() != "application/x-www-form-urlencoded" {
            let message = format!("A body of type {} where a form is expected", call.media_type());
            return Err(Refusal::without_code(message));
        }
        Ok(Self(pairs(&call.body)))
    }

    pub(crate) fn of<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    pub(crate) fn of_query(call: &Call) -> Self {
        Self(call.query_pairs())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// As [`Self::get`], without empty values.
    pub(crate) fn filled(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        self.get(name).and_then(|value| value.to_ascii_lowercase().parse().ok())
    }

    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}
