//! Assistants, credentials and calls, as far as a phone number refers to them.

use std::net::Ipv4Addr;

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::Org;
use super::query::Query;
use super::refusal::Refusal;
use super::shape::{self, Is, Property, TEXT, check, complaints, without_nulls};
use crate::collection::Resource;
use crate::server::{Answer, Call, json};
use crate::stock::is_e164;

const GATEWAY_REFUSED: &str = "Couldn't validate SIP trunk credential. SIP gateway creation failed.";

const ASSISTANT: &[Property] = &[
    ("name", Is::Text(0, 40)),
    ("transcriber", Is::Object),
    ("model", Is::Object),
    ("voice", Is::Object),
    ("firstMessage", TEXT),
    ("firstMessageInterruptionsEnabled", Is::Bool),
    ("firstMessageMode", TEXT),
    ("voicemailDetection", Is::Any),
    ("clientMessages", Is::Any),
    ("serverMessages", Is::Any),
    ("maxDurationSeconds", Is::Number),
    ("backgroundSound", TEXT),
    ("modelOutputInMessagesEnabled", Is::Bool),
    ("transportConfigurations", Is::List),
    ("observabilityPlan", Is::Object),
    ("credentials", Is::List),
    ("hooks", Is::List),
    ("voicemailMessage", TEXT),
    ("endCallMessage", TEXT),
    ("endCallPhrases", Is::List),
    ("compliancePlan", Is::Object),
    ("metadata", Is::Object),
    ("backgroundSpeechDenoisingPlan", Is::Object),
    ("analysisPlan", Is::Object),
    ("artifactPlan", Is::Object),
    ("startSpeakingPlan", Is::Object),
    ("stopSpeakingPlan", Is::Object),
    ("monitorPlan", Is::Object),
    ("credentialIds", Is::List),
    ("server", Is::Object),
    ("keypadInputPlan", Is::Object),
];

const CALL: &[Property] = &[
    ("assistantVersion", Is::Any),
    ("transport", Is::Object),
    ("customers", Is::List),
    ("name", Is::Text(0, 40)),
    ("schedulePlan", Is::Object),
    ("assistantId", TEXT),
    ("assistant", Is::Object),
    ("assistantOverrides", Is::Object),
    ("squadId", TEXT),
    ("squad", Is::Object),
    ("squadOverrides", Is::Object),
    ("workflowId", TEXT),
    ("workflow", Is::Object),
    ("workflowOverrides", Is::Object),
    ("phoneNumberId", TEXT),
    ("phoneNumber", Is::Object),
    ("customerId", TEXT),
    ("customer", Is::Object),
    ("phoneCallProviderBypassEnabled", Is::Bool),
];

const TRUNK: &[Property] = &[
    ("provider", TEXT),
    ("name", Is::Text(1, 40)),
    ("gateways", Is::List),
    ("outboundAuthenticationPlan", Is::Object),
    ("outboundLeadingPlusEnabled", Is::Bool),
    ("techPrefix", TEXT),
    ("sipDiversionHeader", TEXT),
];

const WEBHOOK: &[Property] = &[("provider", TEXT), ("name", Is::Text(1, 40)), ("authenticationPlan", Is::Object)];

const GATEWAY: &[Property] = &[
    ("ip", TEXT),
    ("port", Is::Number),
    ("netmask", Is::Number),
    ("inboundEnabled", Is::Bool),
    ("outboundEnabled", Is::Bool),
    ("outboundProtocol", Is::OneOf(&["tls/srtp", "tcp", "tls", "udp"])),
    ("optionsPingEnabled", Is::Bool),
];

pub(super) fn create_assistant(org: &mut Org, call: &Call) -> Result<Answer, Refusal> {
    let body = shape::body(call)?;
    check(&body, ASSISTANT, &[])?;
    let created = org.assistants.create(&mut org.book, without_nulls(body)).clone();
    Ok(json(StatusCode::CREATED, &org.wire(&created)))
}

pub(super) fn update_assistant(org: &mut Org, call: &Call, id: &str) -> Result<Answer, Refusal> {
    let body = shape::body(call)?;
    check(&body, ASSISTANT, &[])?;
    let changed = org.assistants.update(&mut org.book, id, body).cloned();
    let changed = changed.ok_or_else(|| Refusal::not_found("assistant", id))?;
    Ok(json(StatusCode::OK, &org.wire(&changed)))
}

pub(super) fn get_assistant(org: &Org, id: &str) -> Result<Answer, Refusal> {
    let assistant = org.assistants.get(id).ok_or_else(|| Refusal::not_found("assistant", id))?;
    Ok(json(StatusCode::OK, &org.wire(assistant)))
}

/// Numbers that refer to it keep referring to nothing.
pub(super) fn delete_assistant(org: &mut Org, id: &str) -> Result<Answer, Refusal> {
    let gone = org.assistants.delete(&mut org.book, id).ok_or_else(|| Refusal::not_found("assistant", id))?;
    Ok(json(StatusCode::OK, &org.wire(&gone)))
}

pub(super) fn list_assistants(org: &Org, call: &Call) -> Result<Answer, Refusal> {
    let query = Query::parse(&call.query_pairs())?;
    let admitted = org.assistants.iter().rev().filter(|it| query.admits(it)).take(query.limit);
    Ok(json(StatusCode::OK, &admitted.map(|it| org.wire(it)).collect()))
}

pub(super) fn create_credential(org: &mut Org, call: &Call) -> Result<Answer, Refusal> {
    let body = shape::body(call)?;
    match body.get("provider").and_then(Value::as_str) {
        Some("byo-sip-trunk") => {
            check(&body, TRUNK, &["gateways"])?;
            check_gateways(&body)?;
        }
        Some("webhook") => check(&body, WEBHOOK, &["authenticationPlan"])?,
        _ => {
            let complaint = "provider must be one of the following values: byo-sip-trunk, webhook";
            return Err(Refusal::bad(vec![complaint.to_owned()]));
        }
    }
    let created = org.credentials.create(&mut org.book, without_nulls(body)).clone();
    Ok(json(StatusCode::CREATED, &credential_wire(org, &created)))
}

pub(super) fn get_credential(org: &Org, id: &str) -> Result<Answer, Refusal> {
    let credential = org.credentials.get(id).ok_or_else(|| Refusal::not_found("credential", id))?;
    Ok(json(StatusCode::OK, &credential_wire(org, credential)))
}

pub(super) fn delete_credential(org: &mut Org, id: &str) -> Result<Answer, Refusal> {
    let gone = org.credentials.delete(&mut org.book, id).ok_or_else(|| Refusal::not_found("credential", id))?;
    Ok(json(StatusCode::OK, &credential_wire(org, &gone)))
}

pub(super) fn list_credentials(org: &Org, call: &Call) -> Result<Answer, Refusal> {
    let query = Query::parse(&call.query_pairs())?;
    let admitted = org.credentials.iter().rev().filter(|it| query.admits(it)).take(query.limit);
    Ok(json(StatusCode::OK, &admitted.map(|it| credential_wire(org, it)).collect()))
}

/// The only secret that is not shown.
fn credential_wire(org: &Org, credential: &Resource) -> Value {
    let mut wire = org.wire(credential);
    if let Some(Value::Object(plan)) = wire.get_mut("outboundAuthenticationPlan") {
        plan.remove("authPassword");
    }
    wire
}

/// A gateway calls are taken from must be an address; one they are only sent to may be a name.
fn check_gateways(body: &Map<String, Value>) -> Result<(), Refusal> {
    let gateways = body.get("gateways").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut wrong = Vec::new();
    for (place, gateway) in gateways.iter().enumerate() {
        let path = format!("gateways.{place}.");
        match gateway.as_object() {
            Some(gateway) => wrong.extend(complaints(gateway, GATEWAY, &["ip"], &path)),
            None => wrong.push(format!("gateways.{place} must be an object")),
        }
    }
    if !wrong.is_empty() {
        return Err(Refusal::bad(wrong));
    }
    let unusable = |gateway: &Value| {
        let inbound = gateway["inboundEnabled"].as_bool().unwrap_or(true);
        let numeric = gateway["ip"].as_str().is_some_and(|ip| ip.parse::<Ipv4Addr>().is_ok());
        let netmask = gateway["netmask"].as_f64().unwrap_or(32.0);
        (inbound && !numeric) || !(24.0..=32.0).contains(&netmask)
    };
    if gateways.is_empty() || gateways.iter().any(unusable) {
        return Err(Refusal::bad_text(GATEWAY_REFUSED));
    }
    Ok(())
}

/// A call is queued, and takes its course while the answer is on its way. One that is handed back as a document waits for
/// whoever plays that.
pub(super) fn create_call(org: &mut Org, call: &Call) -> Result<Answer, Refusal> {
    let body = shape::body(call)?;
    check(&body, CALL, &[])?;
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let speakers = ["assistantId", "assistant", "squadId", "squad", "workflowId", "workflow"];
    if !speakers.iter().any(|name| body.get(*name).is_some_and(|it| !it.is_null())) {
        return Err(Refusal::bad_text(
            "One of assistantId, assistant, squadId, squad, workflowId, workflow is needed.",
        ));
    }
    if let Some(id) = text("assistantId").filter(|id| org.assistants.get(id).is_none()) {
        return Err(Refusal::bad_text(&format!("Couldn't find assistant with id {id}.")));
    }
    if let Some(id) = text("phoneNumberId").filter(|id| org.numbers.get(id).is_none()) {
        return Err(Refusal::bad_text(&format!("Couldn't find phone number with id {id}.")));
    }
    let customer = body.get("customer").and_then(|it| it["number"].as_str());
    if customer.is_some_and(|number| !is_e164(number)) {
        let complaint = "customer.number must be a valid phone number in the E.164 format";
        return Err(Refusal::bad(vec![complaint.to_owned()]));
    }
    let bypassed = body.get("phoneCallProviderBypassEnabled") == Some(&json!(true));
    let mut fields = without_nulls(body);
    fields.remove("phoneCallProviderBypassEnabled");
    fields.insert("status".to_owned(), json!("queued"));
    fields.insert("type".to_owned(), json!(if bypassed { "inboundPhoneCall" } else { "outboundPhoneCall" }));
    let created = org.calls.create(&mut org.book, fields).clone();
    let mut wire = org.wire(&created);
    if bypassed {
        wire["phoneCallProviderDetails"] = json!({ "twiml": twiml(&created.id) });
    } else {
        org.play(&created, org.callee);
    }
    Ok(json(StatusCode::CREATED, &wire))
}

pub(super) fn get_call(org: &Org, id: &str) -> Result<Answer, Refusal> {
    let call = org.calls.get(id).ok_or_else(|| Refusal::not_found("call", id))?;
    Ok(json(StatusCode::OK, &org.wire(call)))
}

pub(super) fn list_calls(org: &Org, call: &Call) -> Result<Answer, Refusal> {
    let pairs = call.query_pairs();
    let query = Query::parse(&pairs)?;
    let of = |it: &&Resource, name: &str| {
        pairs.iter().filter(|(key, _)| key == name).all(|(_, value)| it.text(name) == Some(value))
    };
    let admitted =
        org.calls.iter().rev().filter(|it| query.admits(it) && of(it, "assistantId") && of(it, "phoneNumberId"));
    Ok(json(StatusCode::OK, &admitted.take(query.limit).map(|it| org.wire(it)).collect()))
}

fn twiml(call_id: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Connect>\
         <Stream url=\"wss://phone-call-websocket.vapi.ai/{call_id}/transport\"/></Connect></Response>"
    )
}
