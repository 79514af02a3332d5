//! Reading a body: what is known of it must be of its type, what is unknown is passed over in silence.

use serde_json::{Map, Value};

use super::refusal::Refusal;
use crate::server::Call;

/// What a property must be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Is {
    Text,
    Bool,
    Number,
    Object,
    Texts,
    OneOf(&'static [&'static str]),
    /// Agents with the chance of each to be drawn.
    Agents,
    Any,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Property {
    pub(super) name: &'static str,
    pub(super) is: Is,
    pub(super) nullable: bool,
}

pub(super) const fn plain(name: &'static str, is: Is) -> Property {
    Property { name, is, nullable: false }
}

pub(super) const fn nullable(name: &'static str, is: Is) -> Property {
    Property { name, is, nullable: true }
}

/// The known properties of a JSON body.
pub(super) fn body(call: &Call, known: &[Property], required: &[&str]) -> Result<Map<String, Value>, Refusal> {
    let Ok(Value::Object(mut body)) = serde_json::from_slice(&call.body) else {
        return Err(Refusal::bad("The body is no JSON object"));
    };
    if call.media_type() != "application/json" {
        return Err(Refusal::bad("The body must be of type application/json"));
    }
    body.retain(|name, _| known.iter().any(|property| property.name == name));
    for property in known {
        let Some(value) = body.get(property.name) else { continue };
        if !(property.nullable && value.is_null()) {
            check(property.is, property.name, value)?;
        }
    }
    match required.iter().find(|name| !body.contains_key(**name)) {
        Some(missing) => Err(Refusal::bad(format!("{missing} is required"))),
        None => Ok(body),
    }
}

fn check(is: Is, name: &str, value: &Value) -> Result<(), Refusal> {
    let right = match is {
        Is::Any => true,
        Is::Text => value.is_string(),
        Is::Bool => value.is_boolean(),
        Is::Number => value.is_number(),
        Is::Object => value.is_object(),
        Is::Texts => value.as_array().is_some_and(|texts| texts.iter().all(Value::is_string)),
        Is::OneOf(words) => value.as_str().is_some_and(|word| words.contains(&word)),
        Is::Agents => return agents(name, value),
    };
    if right { Ok(()) } else { Err(Refusal::bad(format!("{name} is not valid"))) }
}

/// An empty list is no list; the weights of any other add up to 1.
fn agents(name: &str, value: &Value) -> Result<(), Refusal> {
    let list = value.as_array().ok_or_else(|| Refusal::bad(format!("{name} must be a list")))?;
    let mut sum = 0.0;
    for agent in list {
        let (true, Some(weight)) = (agent["agent_id"].is_string(), agent["weight"].as_f64()) else {
            return Err(Refusal::bad(format!("{name} needs an agent_id and a weight for each agent")));
        };
        sum += weight;
    }
    if list.is_empty() || (sum - 1.0_f64).abs() < 1e-6 {
        return Ok(());
    }
    Err(Refusal::bad(format!("The total weights of {name} must add up to 1")))
}
