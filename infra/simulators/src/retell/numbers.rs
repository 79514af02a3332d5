//! Phone numbers, brought here from a carrier by its SIP trunk. The number itself is the id.

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::Workspace;
use super::pages::page;
use super::refusal::Refusal;
use super::shape::{self, Is, Property, nullable, plain};
use crate::collection::Resource;
use crate::server::{Answer, Call, json, no_content};
use crate::stock::is_e164;

/// Lists of agents a number can have.
const LISTS: [&str; 4] = ["inbound_agents", "outbound_agents", "inbound_sms_agents", "outbound_sms_agents"];
const TRANSPORTS: &[&str] = &["TLS", "TCP", "UDP"];
/// How calls the agents make leave, in the words of the answers.
const TRUNK: [&str; 4] = ["termination_uri", "auth_username", "transport", "codecs"];

/// The single agents of former days are in neither and passed over.
const IMPORT: &[Property] = &[
    plain("phone_number", Is::Text),
    plain("termination_uri", Is::Text),
    plain("sip_trunk_auth_username", Is::Text),
    plain("sip_trunk_auth_password", Is::Text),
    nullable("inbound_agents", Is::Agents),
    nullable("outbound_agents", Is::Agents),
    plain("nickname", Is::Text),
    nullable("inbound_webhook_url", Is::Text),
    nullable("allowed_inbound_country_list", Is::Texts),
    nullable("allowed_outbound_country_list", Is::Texts),
    nullable("transport", Is::OneOf(TRANSPORTS)),
    plain("ignore_e164_validation", Is::Bool),
    plain("codecs", Is::Texts),
];

/// The same things have other names here than in an import.
const UPDATE: &[Property] = &[
    plain("termination_uri", Is::Text),
    plain("auth_username", Is::Text),
    plain("auth_password", Is::Text),
    nullable("inbound_agents", Is::Agents),
    nullable("outbound_agents", Is::Agents),
    nullable("inbound_sms_agents", Is::Agents),
    nullable("outbound_sms_agents", Is::Agents),
    nullable("nickname", Is::Text),
    nullable("inbound_webhook_url", Is::Text),
    nullable("inbound_sms_webhook_url", Is::Text),
    nullable("allowed_inbound_country_list", Is::Texts),
    nullable("allowed_outbound_country_list", Is::Texts),
    nullable("fallback_number", Is::Text),
    nullable("transport", Is::OneOf(TRANSPORTS)),
    plain("codecs", Is::Texts),
];

pub(super) fn import(workspace: &mut Workspace, call: &Call) -> Result<Answer, Refusal> {
    let mut body = shape::body(call, IMPORT, &["phone_number", "termination_uri"])?;
    let checked = body.remove("ignore_e164_validation") == Some(json!(false));
    let number = body.remove("phone_number").and_then(|number| number.as_str().map(str::to_owned)).unwrap_or_default();
    if number.is_empty() || (checked && !is_e164(&number)) {
        return Err(Refusal::bad("phone_number is not in E.164 format"));
    }
    if workspace.numbers.get(&number).is_some() {
        return Err(Refusal::bad("Phone number is imported already."));
    }
    // No status is listed for an agent that is not there; this one is.
    workspace.check_agents(&body).map_err(|_| Refusal::usual(StatusCode::BAD_REQUEST))?;
    for (imported, kept) in [("sip_trunk_auth_username", "auth_username"), ("sip_trunk_auth_password", "auth_password")]
    {
        if let Some(value) = body.remove(imported) {
            body.insert(kept.to_owned(), value);
        }
    }
    let kept = without_nothing(body);
    let imported = workspace.numbers.create_as(&mut workspace.book, number, kept).clone();
    Ok(json(StatusCode::CREATED, &wire(&imported)))
}

pub(super) fn get(workspace: &Workspace, number: &str) -> Result<Answer, Refusal> {
    let number = workspace.numbers.get(number).ok_or_else(Refusal::not_found)?;
    Ok(json(StatusCode::OK, &wire(number)))
}

pub(super) fn update(workspace: &mut Workspace, call: &Call, number: &str) -> Result<Answer, Refusal> {
    workspace.numbers.get(number).ok_or_else(Refusal::not_found)?;
    let body = shape::body(call, UPDATE, &[])?;
    workspace.check_agents(&body)?;
    let cleared = |value: Value| if value == json!([]) { Value::Null } else { value };
    let changes = body.into_iter().map(|(name, value)| (name, cleared(value))).collect();
    let changed = workspace.numbers.update(&mut workspace.book, number, changes).ok_or_else(Refusal::not_found)?;
    Ok(json(StatusCode::OK, &wire(changed)))
}

pub(super) fn delete(workspace: &mut Workspace, number: &str) -> Result<Answer, Refusal> {
    workspace.numbers.delete(&mut workspace.book, number).ok_or_else(Refusal::not_found)?;
    Ok(no_content())
}

pub(super) fn list(workspace: &Workspace, call: &Call) -> Result<Answer, Refusal> {
    page(call, &workspace.numbers, wire)
}

/// The first version of the list, which has no pages.
pub(super) fn list_all(workspace: &Workspace) -> Answer {
    json(StatusCode::OK, &workspace.numbers.iter().rev().map(wire).collect())
}

impl Workspace {
    /// The agents a number is bound to must be there.
    fn check_agents(&self, body: &Map<String, Value>) -> Result<(), Refusal> {
        let mut named = LISTS.iter().filter_map(|list| body.get(*list)?.as_array()).flatten();
        let known = named.all(|agent| agent["agent_id"].as_str().is_some_and(|id| self.agents.get(id).is_some()));
        if known { Ok(()) } else { Err(Refusal::not_found()) }
    }

    /// The agent that takes a call, or makes it: one of the list, by their weights.
    pub(super) fn drawn(&mut self, number: &Resource, list: &str) -> Option<String> {
        let agents = number.fields.get(list)?.as_array()?;
        let count = self.book.next("draw");
        // 32 bits are chance enough, and fit a float without loss.
        let bits = u32::try_from(self.book.bits("draw", count) >> 96).unwrap_or_default();
        let chance = f64::from(bits) / f64::from(u32::MAX);
        let mut passed = 0.0;
        let drawn = agents.iter().find(|agent| {
            passed += agent["weight"].as_f64().unwrap_or_default();
            passed >= chance
        });
        drawn.or(agents.last())?["agent_id"].as_str().map(str::to_owned)
    }
}

/// As the control surface shows it.
pub(super) fn shown(number: &Resource) -> Value {
    json!({
        "id": number.id,
        "e164": Some(&number.id).filter(|id| is_e164(id)),
        "name": number.text("nickname"),
        "agent": number.fields.get("inbound_agents").and_then(|agents| agents[0]["agent_id"].as_str()),
        "outbound_agent": number.fields.get("outbound_agents").and_then(|agents| agents[0]["agent_id"].as_str()),
        "termination_uri": number.text("termination_uri"),
        "auth_username": number.text("auth_username"),
        "created_at": number.created.to_string(),
    })
}

/// The password is kept and never shown.
fn wire(number: &Resource) -> Value {
    let mut wire = number.fields.clone();
    wire.remove("auth_password");
    let trunk: Map<String, Value> = TRUNK.iter().filter_map(|name| wire.remove_entry(*name)).collect();
    wire.insert("sip_outbound_trunk_config".to_owned(), Value::Object(trunk));
    wire.insert("phone_number".to_owned(), json!(number.id));
    wire.insert("phone_number_pretty".to_owned(), json!(number.id));
    wire.insert("phone_number_type".to_owned(), json!("custom"));
    wire.insert("last_modification_timestamp".to_owned(), json!(number.updated.as_millisecond()));
    Value::Object(wire)
}

/// Null and an empty list are as if nothing had been said.
fn without_nothing(body: Map<String, Value>) -> Map<String, Value> {
    body.into_iter().filter(|(_, value)| !value.is_null() && *value != json!([])).collect()
}
