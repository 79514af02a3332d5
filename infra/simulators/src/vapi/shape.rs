//! Looking a body over, property by property, in the tone of the library behind the real interface:
//! every complaint at once, and nothing unknown let through.

use serde_json::{Map, Value};

use super::refusal::Refusal;
use crate::server::Call;

/// What a property must be. All are optional unless named as required; null counts as absent.
#[derive(Clone, Copy, Debug)]
pub(super) enum Is {
    /// Text with at least and at most so many characters.
    Text(usize, usize),
    Bool,
    Number,
    Object,
    List,
    OneOf(&'static [&'static str]),
    /// Anything at all.
    Any,
}

pub(super) const TEXT: Is = Is::Text(0, usize::MAX);

pub(super) type Property = (&'static str, Is);

pub(super) fn body(call: &Call) -> Result<Map<String, Value>, Refusal> {
    if call.body.is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_slice(&call.body) {
        Ok(Value::Object(body)) if call.media_type() == "application/json" => Ok(body),
        // A body of another type is not parsed, so that everything required is missing from it.
        Ok(_) if call.media_type() != "application/json" => Ok(Map::new()),
        Ok(_) => Err(Refusal::bad_text("The body must be an object")),
        Err(error) => Err(Refusal::bad_text(&format!("The body is no JSON: {error}"))),
    }
}

/// All complaints about `body`, none when it is as it should be. `path` goes before each name.
pub(super) fn complaints(
    body: &Map<String, Value>,
    properties: &[Property],
    required: &[&str],
    path: &str,
) -> Vec<String> {
    let mut complaints = Vec::new();
    for (name, value) in body {
        match properties.iter().find(|(known, _)| known == name) {
            None => complaints.push(format!("{path}property {name} should not exist")),
            Some(_) if value.is_null() => {}
            Some((_, is)) => complaints.extend(complaint(*is, &format!("{path}{name}"), value)),
        }
    }
    for name in required {
        if body.get(*name).is_none_or(Value::is_null) {
            let is = properties.iter().find(|(known, _)| known == name).map_or(Is::Any, |(_, is)| *is);
            complaints.push(missing(is, &format!("{path}{name}")));
        }
    }
    complaints
}

pub(super) fn check(body: &Map<String, Value>, properties: &[Property], required: &[&str]) -> Result<(), Refusal> {
    let complaints = complaints(body, properties, required, "");
    if complaints.is_empty() { Ok(()) } else { Err(Refusal::bad(complaints)) }
}

/// Without its nulls, as it is stored.
pub(super) fn without_nulls(body: Map<String, Value>) -> Map<String, Value> {
    body.into_iter().filter(|(_, value)| !value.is_null()).collect()
}

fn complaint(is: Is, name: &str, value: &Value) -> Option<String> {
    match is {
        Is::Any => None,
        Is::Bool => (!value.is_boolean()).then(|| format!("{name} must be a boolean value")),
        Is::Number => {
            (!value.is_number()).then(|| format!("{name} must be a number conforming to the specified constraints"))
        }
        Is::Object => (!value.is_object()).then(|| format!("{name} must be an object")),
        Is::List => (!value.is_array()).then(|| format!("{name} must be an array")),
        Is::OneOf(words) => {
            let known = value.as_str().is_some_and(|word| words.contains(&word));
            (!known).then(|| format!("{name} must be one of the following values: {}", words.join(", ")))
        }
        Is::Text(min, max) => match value.as_str().map(|text| text.chars().count()) {
            None => Some(format!("{name} must be a string")),
            Some(length) if length < min => Some(format!("{name} must be longer than or equal to {min} characters")),
            Some(length) if length > max => Some(format!("{name} must be shorter than or equal to {max} characters")),
            Some(_) => None,
        },
    }
}

fn missing(is: Is, name: &str) -> String {
    complaint(is, name, &Value::Null).unwrap_or_else(|| format!("{name} should not be empty"))
}
