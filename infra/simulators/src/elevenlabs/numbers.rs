//! Phone numbers: taken over at Twilio, or reached over a SIP trunk.
//!
//! The field that binds an agent is called `agent_id` where it is written and `assigned_agent` where
//! it is read. The creation answers nothing but an id.

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::body::Body;
use super::refusal::{Refusal, complaint};
use super::rows::{Head, Row};
use super::trunks::{Inbound, Outbound};
use super::{PUBLIC_BASE, Workspace};
use crate::book::locked;
use crate::server::{Answer, Call, json};
use crate::stock::is_e164;
use crate::twilio::{ACCOUNT_SID, AUTH_TOKEN, Hooks};

const PROVIDERS: &[&str] = &["twilio", "sip_trunk", "exotel"];
const STACKS: &[&str] = &["standard", "static"];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Provider {
    Twilio,
    SipTrunk,
}

impl Provider {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Twilio => "twilio",
            Self::SipTrunk => "sip_trunk",
        }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Number {
    pub(super) head: Head,
    pub(super) provider: Provider,
    pub(super) phone_number: String,
    label: String,
    pub(super) agent_id: Option<String>,
    pub(super) inbound: Option<Inbound>,
    pub(super) outbound: Option<Outbound>,
    livekit_stack: String,
    store_sip_messages: bool,
}

impl Row for Number {
    const KIND: &'static str = "number";
    const PREFIX: &'static str = "phnum";

    fn head(&self) -> &Head {
        &self.head
    }
}

impl Number {
    pub(super) fn shown(&self) -> Value {
        json!({
            "id": self.head.id,
            "e164": Some(&self.phone_number).filter(|number| is_e164(number)),
            "name": self.label,
            "agent": self.agent_id,
            "provider": self.provider.word(),
            "created_at": self.head.created.to_string(),
        })
    }
}

pub(super) fn create(workspace: &mut Workspace, call: &Call) -> Result<Answer, Refusal> {
    let mut body = Body::of(call)?;
    let (phone_number, label) = (body.needed_text("phone_number"), body.needed_text("label"));
    let agent_id = body.text("agent_id");
    // Without a word for it, it is the first that its fields would do for.
    let provider = match body.word("provider", PROVIDERS).as_deref() {
        Some("twilio") => Provider::Twilio,
        Some("exotel") => return Err(Refusal::bad("exotel_error", "Exotel did not accept the credentials.")),
        None if body.names("sid") && body.names("token") => Provider::Twilio,
        Some(_) | None => Provider::SipTrunk,
    };
    let (mut inbound, mut outbound, mut import) = (None, None, None);
    match provider {
        Provider::Twilio => import = Some(Import::read(&mut body)),
        Provider::SipTrunk => {
            inbound = body.within("inbound_trunk_config", |body| Inbound::read(body, None));
            outbound = body.within("outbound_trunk_config", |body| Outbound::read(body, None));
        }
    }
    body.done()?;
    if !is_e164(&phone_number) {
        return Err(Refusal::bad("invalid_phone_number", format!("{phone_number} is not a phone number.")));
    }
    if let Some(id) = agent_id.as_deref().filter(|id| workspace.agents.get(id).is_none()) {
        return Err(Refusal::no_agent(id));
    }
    if workspace.numbers.iter().any(|number| number.phone_number == phone_number) {
        let message = format!("Phone number {phone_number} already exists in this workspace.");
        return Err(Refusal::bad("phone_number_already_exists", message));
    }
    if let Some(import) = import {
        import.take_over(workspace, &phone_number)?;
    }
    let number = Number {
        head: Head::next::<Number>(&mut workspace.book),
        provider,
        phone_number,
        label,
        agent_id,
        inbound,
        outbound,
        livekit_stack: "standard".to_owned(),
        store_sip_messages: true,
    };
    let made = json!({ "phone_number_id": number.head.id });
    workspace.numbers.keep(&mut workspace.book, number);
    Ok(json(StatusCode::OK, &made))
}

pub(super) fn list(workspace: &Workspace, call: &Call) -> Result<Answer, Refusal> {
    let pairs = call.query_pairs();
    let given = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let provider = given("provider");
    if provider.is_some_and(|provider| !PROVIDERS.contains(&provider)) {
        let message = "Input should be 'twilio', 'sip_trunk' or 'exotel'";
        return Err(Refusal::invalid(vec![complaint(&["query", "provider"], "enum", message)]));
    }
    let admitted = workspace.numbers.iter().filter(|number| {
        provider.is_none_or(|provider| number.provider.word() == provider)
            && given("agent_id").is_none_or(|agent| number.agent_id.as_deref() == Some(agent))
            // Nothing here is on a branch.
            && given("branch_id").is_none()
    });
    // Nothing promises an order; the newest first is at least not the one a reader would like best.
    let numbers: Vec<Value> = admitted.rev().map(|number| workspace.number_wire(number)).collect();
    Ok(json(StatusCode::OK, &Value::Array(numbers)))
}

pub(super) fn get(workspace: &Workspace, id: &str) -> Result<Answer, Refusal> {
    let number = workspace.numbers.get(id).ok_or_else(|| not_found(id))?;
    Ok(json(StatusCode::OK, &workspace.number_wire(number)))
}

pub(super) fn update(workspace: &mut Workspace, call: &Call, id: &str) -> Result<Answer, Refusal> {
    let before = workspace.numbers.get(id).ok_or_else(|| not_found(id))?;
    let mut number = before.clone();
    let mut body = Body::of(call)?;
    if body.names("agent_id") {
        number.agent_id = body.text("agent_id");
    }
    number.label = body.text("label").unwrap_or(number.label);
    let trunked = number.provider == Provider::SipTrunk;
    let inbound = body.within("inbound_trunk_config", |body| Inbound::read(body, before.inbound.as_ref()));
    let outbound = body.within("outbound_trunk_config", |body| Outbound::read(body, before.outbound.as_ref()));
    number.inbound = inbound.filter(|_| trunked).or(number.inbound);
    number.outbound = outbound.filter(|_| trunked).or(number.outbound);
    number.livekit_stack = body.word("livekit_stack", STACKS).unwrap_or(number.livekit_stack);
    number.store_sip_messages = body.flag("store_sip_messages").unwrap_or(number.store_sip_messages);
    body.done()?;
    if let Some(id) = number.agent_id.as_deref().filter(|id| workspace.agents.get(id).is_none()) {
        return Err(Refusal::no_agent(id));
    }
    workspace.numbers.keep(&mut workspace.book, number.clone());
    Ok(json(StatusCode::OK, &workspace.number_wire(&number)))
}

/// What an import set at Twilio stays there.
pub(super) fn delete(workspace: &mut Workspace, id: &str) -> Result<Answer, Refusal> {
    workspace.numbers.remove(&mut workspace.book, id).ok_or_else(|| not_found(id))?;
    Ok(json(StatusCode::OK, &json!({})))
}

impl Workspace {
    pub(super) fn number_wire(&self, number: &Number) -> Value {
        let agent = number.agent_id.as_deref().and_then(|id| self.agents.get(id));
        let assigned = agent.map(|agent| {
            json!({ "agent_id": agent.head.id, "agent_name": agent.name, "environment": null, "branch_id": null })
        });
        let mut wire = json!({
            "phone_number_id": number.head.id,
            "phone_number": number.phone_number,
            "label": number.label,
            "supports_inbound": true,
            "supports_outbound": true,
            "provider": number.provider.word(),
            "assigned_agent": assigned,
        });
        if number.provider == Provider::SipTrunk {
            wire["inbound_trunk"] = json!(number.inbound.as_ref().map(Inbound::wire));
            wire["outbound_trunk"] = json!(number.outbound.as_ref().map(Outbound::wire));
            wire["provider_config"] = wire["outbound_trunk"].clone();
            wire["livekit_stack"] = json!(number.livekit_stack);
            wire["store_sip_messages"] = json!(number.store_sip_messages);
        }
        wire
    }
}

/// What it takes to take a number over at Twilio. Its secrets are not kept here.
struct Import {
    sid: String,
    token: String,
    account_auth_token: Option<String>,
    enable_sms: bool,
}

impl Import {
    fn read(body: &mut Body) -> Self {
        let sid = body.needed_text("sid");
        let token = body.needed_text("token");
        let account_auth_token = body.text("account_auth_token");
        if sid.starts_with("SK") && account_auth_token.is_none() {
            let message = "Value error, account_auth_token is required with an API key";
            body.complain("account_auth_token", "value_error", message);
        }
        Self { sid, token, account_auth_token, enable_sms: body.flag("enable_sms").unwrap_or(true) }
    }

    fn take_over(&self, workspace: &Workspace, e164: &str) -> Result<(), Refusal> {
        let genuine = self.sid == ACCOUNT_SID
            && self.token == AUTH_TOKEN
            && self.account_auth_token.as_deref().is_none_or(|token| token == AUTH_TOKEN);
        if !genuine {
            return Err(Refusal::bad("twilio_authentication_failed", "Twilio did not accept the credentials."));
        }
        let (voice, sms) = (format!("{PUBLIC_BASE}/twilio/inbound_call"), format!("{PUBLIC_BASE}/twilio/inbound_sms"));
        let hooks = Hooks { voice: &voice, status: None, sms: Some(sms.as_str()).filter(|_| self.enable_sms) };
        if !locked(&workspace.twilio).hand_over(e164, hooks) {
            let message = format!("Phone number {e164} was not found in the Twilio account.");
            return Err(Refusal::bad("phone_number_not_found_in_twilio", message));
        }
        Ok(())
    }
}

fn not_found(id: &str) -> Refusal {
    Refusal::not_found("phone_number_not_found", "Phone number", id)
}
