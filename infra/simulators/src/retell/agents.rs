//! Agents: who talks. What they say and how they sound is kept and not looked at.

use http::StatusCode;
use serde_json::{Value, json};

use super::Workspace;
use super::pages::page;
use super::refusal::Refusal;
use super::shape::{self, Is, Property, nullable, plain};
use crate::collection::Resource;
use crate::server::{Answer, Call, json, no_content};

const AGENT: &[Property] = &[
    plain("response_engine", Is::Object),
    plain("voice_id", Is::Text),
    nullable("agent_name", Is::Text),
    plain("begin_message_delay_ms", Is::Number),
    plain("end_call_after_silence_ms", Is::Number),
    plain("interruption_sensitivity", Is::Number),
    plain("language", Is::Any),
    plain("max_call_duration_ms", Is::Number),
    plain("ring_duration_ms", Is::Number),
    nullable("version_description", Is::Text),
    nullable("version_title", Is::Text),
    plain("voice_model", Is::Any),
    nullable("webhook_events", Is::Texts),
    plain("webhook_timeout_ms", Is::Number),
    nullable("webhook_url", Is::Text),
];
/// What each kind of engine is known by.
const ENGINES: [(&str, &str); 3] =
    [("retell-llm", "llm_id"), ("custom-llm", "llm_websocket_url"), ("conversation-flow", "conversation_flow_id")];

pub(super) fn create(workspace: &mut Workspace, call: &Call) -> Result<Answer, Refusal> {
    let mut body = shape::body(call, AGENT, &["response_engine", "voice_id"])?;
    check_engine(body.get("response_engine"))?;
    body.entry("language").or_insert(json!("en-US"));
    body.retain(|_, value| !value.is_null());
    let id = format!("agent_{}", workspace.book.hex("agent"));
    let created = workspace.agents.create_as(&mut workspace.book, id, body).clone();
    Ok(json(StatusCode::CREATED, &wire(&created)))
}

pub(super) fn get(workspace: &Workspace, id: &str) -> Result<Answer, Refusal> {
    let agent = workspace.agents.get(id).ok_or_else(Refusal::not_found)?;
    Ok(json(StatusCode::OK, &wire(agent)))
}

pub(super) fn update(workspace: &mut Workspace, call: &Call, id: &str) -> Result<Answer, Refusal> {
    workspace.agents.get(id).ok_or_else(Refusal::not_found)?;
    let body = shape::body(call, AGENT, &[])?;
    if body.contains_key("response_engine") {
        check_engine(body.get("response_engine"))?;
    }
    let changed = workspace.agents.update(&mut workspace.book, id, body).ok_or_else(Refusal::not_found)?;
    Ok(json(StatusCode::OK, &wire(changed)))
}

/// Numbers bound to it stay so, and reach nobody.
pub(super) fn delete(workspace: &mut Workspace, id: &str) -> Result<Answer, Refusal> {
    workspace.agents.delete(&mut workspace.book, id).ok_or_else(Refusal::not_found)?;
    Ok(no_content())
}

/// Asked by POST, with the page in the query. Filters are taken and left aside.
pub(super) fn list(workspace: &Workspace, call: &Call) -> Result<Answer, Refusal> {
    shape::body(call, &[plain("filter_criteria", Is::Object)], &[])?;
    page(call, &workspace.agents, listed)
}

fn check_engine(engine: Option<&Value>) -> Result<(), Refusal> {
    let engine = engine.unwrap_or(&Value::Null);
    let known = ENGINES.iter().any(|(kind, id)| engine["type"] == *kind && engine[*id].is_string());
    if known { Ok(()) } else { Err(Refusal::bad("response_engine is not valid")) }
}

fn wire(agent: &Resource) -> Value {
    let mut wire = agent.fields.clone();
    wire.insert("agent_id".to_owned(), json!(agent.id));
    wire.insert("version".to_owned(), json!(0));
    wire.insert("is_published".to_owned(), json!(false));
    wire.insert("last_modification_timestamp".to_owned(), json!(agent.updated.as_millisecond()));
    Value::Object(wire)
}

/// A list tells little of each.
fn listed(agent: &Resource) -> Value {
    json!({
        "agent_id": agent.id,
        "agent_name": agent.text("agent_name").unwrap_or_default(),
        "channel": "voice",
        "is_suspended": false,
        "is_transfer_agent": false,
        "tags": {},
        "user_modified_timestamp": agent.updated.as_millisecond(),
    })
}
