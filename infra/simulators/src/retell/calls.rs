//! Calls: asked for here, registered to be dialled, or arriving by SIP; what is told of each goes to `courier`.
//!
//! Nobody talks. An answered call lasts half a minute, however little time passes here.

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::Workspace;
use super::refusal::Refusal;
use super::shape::{self, Is, Property, plain};
use crate::collection::Resource;
use crate::server::{Answer, Call, json, no_content};
use crate::sip::{Invite, Platform};
use crate::stock::is_e164;

/// How long a registered call waits to be dialled.
const REGISTERED: SignedDuration = SignedDuration::from_mins(5);
/// How long the same call may be asked for again under one key.
const REPEATABLE: SignedDuration = SignedDuration::from_hours(1);
const TALK_MS: i64 = 30_000;
const DIRECTIONS: &[&str] = &["inbound", "outbound"];

const CREATE: &[Property] = &[
    plain("from_number", Is::Text),
    plain("to_number", Is::Text),
    plain("override_agent_id", Is::Text),
    plain("override_agent_version", Is::Any),
    plain("agent_override", Is::Object),
    plain("custom_sip_headers", Is::Object),
    plain("honor_internal_dnc", Is::Bool),
    plain("idempotency_key", Is::Text),
    plain("ignore_e164_validation", Is::Bool),
    plain("metadata", Is::Any),
    plain("retell_llm_dynamic_variables", Is::Object),
];
const REGISTER: &[Property] = &[
    plain("agent_id", Is::Text),
    plain("agent_version", Is::Any),
    plain("agent_override", Is::Object),
    plain("direction", Is::OneOf(DIRECTIONS)),
    plain("from_number", Is::Text),
    plain("to_number", Is::Text),
    plain("metadata", Is::Any),
    plain("retell_llm_dynamic_variables", Is::Object),
];
/// What of a request is kept with the call and shown.
const KEPT: [&str; 3] = ["metadata", "retell_llm_dynamic_variables", "custom_sip_headers"];

/// The one called always answers, unless the trunk cannot be what the number says: then nobody is rung.
pub(super) fn create(workspace: &mut Workspace, call: &Call) -> Result<Answer, Refusal> {
    let body = shape::body(call, CREATE, &["from_number", "to_number"])?;
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let key = text("idempotency_key");
    if let Some(made) = key.and_then(|key| workspace.made_with(key)) {
        return Ok(json(StatusCode::CREATED, &workspace.call_wire(made)));
    }
    let (from, to) = (text("from_number").unwrap_or_default(), text("to_number").unwrap_or_default());
    let number = workspace.numbers.get(from).cloned().ok_or_else(Refusal::not_found)?;
    if !is_e164(to) {
        return Err(Refusal::bad("to_number is not in E.164 format"));
    }
    let agent = match text("override_agent_id") {
        Some(id) => Some(id.to_owned()),
        None => workspace.drawn(&number, "outbound_agents"),
    };
    let agent = agent.ok_or_else(|| Refusal::bad("No outbound agent is set for the number."))?;
    workspace.agents.get(&agent).ok_or_else(Refusal::not_found)?;
    let mut fields = kept(&body);
    fields.extend(key.map(|key| ("idempotency_key".to_owned(), json!(key))));
    let made = workspace.new_call(&agent, "outbound", from, to, fields);
    // The answer comes before anybody is rung.
    let wire = workspace.call_wire(&made);
    let host = number.text("termination_uri").unwrap_or_default();
    if host.contains(':') || !host.contains('.') {
        workspace.end_call(&made.id, "not_connected", "sip_routing_error", None);
    } else {
        workspace.talk(&made.id, "agent_hangup");
    }
    Ok(json(StatusCode::CREATED, &wire))
}

pub(super) fn register(workspace: &mut Workspace, call: &Call) -> Result<Answer, Refusal> {
    let body = shape::body(call, REGISTER, &["agent_id"])?;
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
    let agent = text("agent_id");
    workspace.agents.get(agent).ok_or_else(Refusal::not_found)?;
    let direction = body.get("direction").and_then(Value::as_str).unwrap_or("inbound");
    let made = workspace.new_call(agent, direction, text("from_number"), text("to_number"), kept(&body));
    Ok(json(StatusCode::CREATED, &workspace.call_wire(&made)))
}

pub(super) fn get(workspace: &Workspace, id: &str) -> Result<Answer, Refusal> {
    let call = workspace.calls.get(id).ok_or_else(Refusal::not_found)?;
    Ok(json(StatusCode::OK, &workspace.call_wire(call)))
}

/// A call that is over stays as it ended.
pub(super) fn stop(workspace: &mut Workspace, id: &str) -> Result<Answer, Refusal> {
    let call = workspace.calls.get(id).ok_or_else(Refusal::not_found)?;
    if call.text("call_status") == Some("registered") {
        let id = call.id.clone();
        workspace.end_call(&id, "ended", "manual_stopped", None);
    }
    Ok(no_content())
}

impl Platform for Workspace {
    const HOSTS: &'static [&'static str] = &["sip.retellai.com"];

    /// A call that was registered is its agent's, once and in time; any other is that of the number called, which must be
    /// known here and have an agent. The number's webhook for incoming calls is not asked.
    fn invited(&mut self, invite: &Invite<'_>) -> Option<Value> {
        let user = invite.user().to_owned();
        let answered = match self.calls.get(&user).cloned() {
            Some(call) => {
                let waits = call.text("call_status") == Some("registered") && !self.is_late(&call);
                let agent = call.text("agent_id").filter(|_| waits)?;
                self.agents.get(agent)?;
                call
            }
            None => {
                let number = self.numbers.get(&user).cloned()?;
                let agent = self.drawn(&number, "inbound_agents")?;
                self.agents.get(&agent)?;
                let sid = json!({ "twilio_call_sid": invite.call_sid });
                let fields = Map::from_iter([("telephony_identifier".to_owned(), sid)]);
                self.new_call(&agent, "inbound", invite.caller, &user, fields)
            }
        };
        self.talk(&answered.id, "user_hangup");
        self.book.commit();
        Some(json!({ "call_id": answered.id, "agent_id": answered.text("agent_id") }))
    }
}

impl Workspace {
    fn new_call(&mut self, agent: &str, direction: &str, from: &str, to: &str, rest: Map<String, Value>) -> Resource {
        let id = format!("call_{}", self.book.hex("call"));
        let mut fields = rest;
        let own = [("call_status", "registered"), ("agent_id", agent), ("direction", direction)];
        let own = own.into_iter().chain([("from_number", from), ("to_number", to)]);
        fields.extend(own.map(|(name, value)| (name.to_owned(), json!(value))));
        self.calls.create_as(&mut self.book, id, fields).clone()
    }

    /// It is answered, and ends like that.
    fn talk(&mut self, id: &str, reason: &str) {
        let begun = self.book.now();
        let started = Map::from_iter([
            ("call_status".to_owned(), json!("ongoing")),
            ("start_timestamp".to_owned(), json!(begun.as_millisecond())),
        ]);
        self.calls.update(&mut self.book, id, started);
        self.tell("call_started", id);
        self.end_call(id, "ended", reason, Some(begun));
    }

    fn end_call(&mut self, id: &str, status: &str, reason: &str, begun: Option<Timestamp>) {
        let mut end = Map::from_iter([
            ("call_status".to_owned(), json!(status)),
            ("disconnection_reason".to_owned(), json!(reason)),
        ]);
        if let Some(begun) = begun {
            end.insert("end_timestamp".to_owned(), json!(begun.as_millisecond() + TALK_MS));
            end.insert("duration_ms".to_owned(), json!(TALK_MS));
        }
        self.calls.update(&mut self.book, id, end);
        self.tell("call_ended", id);
        let analysis = json!({ "call_successful": begun.is_some(), "in_voicemail": false });
        self.calls.update(&mut self.book, id, Map::from_iter([("call_analysis".to_owned(), analysis)]));
        self.tell("call_analyzed", id);
    }

    fn is_late(&self, call: &Resource) -> bool {
        self.book.now() > call.created + REGISTERED
    }

    fn made_with(&self, key: &str) -> Option<&Resource> {
        let now = self.book.now();
        let same = |call: &&Resource| call.text("idempotency_key") == Some(key) && now < call.created + REPEATABLE;
        self.calls.iter().find(same)
    }

    pub(super) fn call_wire(&self, call: &Resource) -> Value {
        let mut wire = call.fields.clone();
        wire.remove("idempotency_key");
        if call.text("call_status") == Some("registered") && self.is_late(call) {
            wire.insert("call_status".to_owned(), json!("error"));
            wire.insert("disconnection_reason".to_owned(), json!("registered_call_timeout"));
        }
        wire.insert("call_id".to_owned(), json!(call.id));
        wire.insert("call_type".to_owned(), json!("phone_call"));
        wire.insert("agent_version".to_owned(), json!(0));
        Value::Object(wire)
    }

    /// As the control surface shows it.
    pub(super) fn shown_call(&self, call: &Resource) -> Value {
        let wire = self.call_wire(call);
        json!({
            "id": call.id,
            "status": wire["call_status"],
            "reason": wire["disconnection_reason"],
            "direction": wire["direction"],
            "agent": wire["agent_id"],
            "from": wire["from_number"],
            "to": wire["to_number"],
            "metadata": wire["metadata"],
            "created_at": call.created.to_string(),
        })
    }
}

fn kept(body: &Map<String, Value>) -> Map<String, Value> {
    KEPT.iter().filter_map(|name| Some(((*name).to_owned(), body.get(*name)?.clone()))).collect()
}
