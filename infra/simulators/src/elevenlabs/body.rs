//! Looking a body over, field by field, in the tone of the library behind the real interface: every
//! complaint at once, what is unknown passed over, and null as good as absent.

use serde_json::{Map, Value};

use super::refusal::{Refusal, complaint};
use crate::server::Call;

#[derive(Debug)]
pub(super) struct Body {
    fields: Map<String, Value>,
    place: Vec<String>,
    complaints: Vec<Value>,
}

impl Body {
    pub(super) fn of(call: &Call) -> Result<Self, Refusal> {
        let place = || vec!["body".to_owned()];
        let missing = || Refusal::invalid(vec![complaint(&["body"], "missing", "Field required")]);
        if call.body.is_empty() {
            return Err(missing());
        }
        match serde_json::from_slice(&call.body) {
            Ok(Value::Object(fields)) if call.media_type() == "application/json" => {
                Ok(Self { fields, place: place(), complaints: Vec::new() })
            }
            Ok(_) => {
                let message = "Input should be a valid dictionary or object to extract fields from";
                Err(Refusal::invalid(vec![complaint(&["body"], "model_attributes_type", message)]))
            }
            Err(_) => Err(Refusal::invalid(vec![complaint(&["body"], "json_invalid", "JSON decode error")])),
        }
    }

    /// Whether the field is there at all, be it null.
    pub(super) fn names(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    fn given(&self, name: &str) -> Option<&Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn complain(&mut self, name: &str, kind: &str, message: &str) {
        let place: Vec<&str> = self.place.iter().map(String::as_str).chain([name]).collect();
        self.complaints.push(complaint(&place, kind, message));
    }

    /// A text, if it is there and is one.
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        let value = self.given(name)?.as_str().map(str::to_owned);
        if value.is_none() {
            self.complain(name, "string_type", "Input should be a valid string");
        }
        value
    }

    /// A text that must be there. What cannot be read becomes an empty one, and a complaint.
    pub(super) fn needed_text(&mut self, name: &str) -> String {
        if self.given(name).is_none() {
            self.complain(name, "missing", "Field required");
        }
        self.text(name).unwrap_or_default()
    }

    pub(super) fn flag(&mut self, name: &str) -> Option<bool> {
        let value = self.given(name)?.as_bool();
        if value.is_none() {
            self.complain(name, "bool_type", "Input should be a valid boolean");
        }
        value
    }

    pub(super) fn word(&mut self, name: &str, words: &[&str]) -> Option<String> {
        let value = self.given(name)?.as_str().filter(|word| words.contains(word)).map(str::to_owned);
        if value.is_none() {
            let listed: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
            self.complain(name, "enum", &format!("Input should be {}", listed.join(" or ")));
        }
        value
    }

    pub(super) fn texts(&mut self, name: &str) -> Option<Vec<String>> {
        let listed = self.given(name)?.as_array();
        let texts = listed.and_then(|items| items.iter().map(|item| item.as_str().map(str::to_owned)).collect());
        if texts.is_none() {
            self.complain(name, "list_type", "Input should be a valid list of strings");
        }
        texts
    }

    pub(super) fn object(&mut self, name: &str) -> Option<Map<String, Value>> {
        let value = self.given(name)?.as_object().cloned();
        if value.is_none() {
            self.complain(name, "dict_type", "Input should be a valid dictionary");
        }
        value
    }

    pub(super) fn needed_object(&mut self, name: &str) -> Map<String, Value> {
        if self.given(name).is_none() {
            self.complain(name, "missing", "Field required");
        }
        self.object(name).unwrap_or_default()
    }

    /// An object that is looked over itself. Its complaints are this body's.
    pub(super) fn within<T>(&mut self, name: &str, read: impl FnOnce(&mut Self) -> T) -> Option<T> {
        let fields = self.object(name)?;
        let place = self.place.iter().cloned().chain([name.to_owned()]).collect();
        let mut inner = Self { fields, place, complaints: Vec::new() };
        let value = read(&mut inner);
        self.complaints.append(&mut inner.complaints);
        Some(value)
    }

    /// Refuses when there were complaints.
    pub(super) fn done(self) -> Result<(), Refusal> {
        if self.complaints.is_empty() { Ok(()) } else { Err(Refusal::invalid(self.complaints)) }
    }
}
