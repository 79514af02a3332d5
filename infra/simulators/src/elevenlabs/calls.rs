//! Calls that agents make, and calls that are registered before they are handed over.
//!
//! Who is called decides what becomes of it, by numbers that nobody has: those Twilio takes for
//! errors are refused, one is busy, one never answers. Everybody else talks for half a minute, at
//! once.

use http::StatusCode;
use serde_json::{Value, json};

use super::Workspace;
use super::body::Body;
use super::conversations::{Conversation, Line, Status};
use super::numbers::{Number, Provider};
use super::refusal::Refusal;
use super::rows::Head;
use crate::book::locked;
use crate::server::{Answer, Call, answer, json};
use crate::stock::is_e164;

/// Twilio's own test numbers: invalid, without a route, not permitted, blocked.
const NOT_REACHABLE: [&str; 4] = ["+15005550001", "+15005550002", "+15005550003", "+15005550004"];
const BUSY: &str = "+15005550005";
const NO_ANSWER: &str = "+15005550007";
const RINGING_SECONDS: std::ops::RangeInclusive<i64> = 1..=999;
/// Where a registered call's sound goes.
const STREAM: &str = "wss://api.us.elevenlabs.io/v1/convai/twilio/stream";

pub(super) fn create(workspace: &mut Workspace, call: &Call, provider: Provider) -> Result<Answer, Refusal> {
    let mut body = Body::of(call)?;
    let agent_id = body.needed_text("agent_id");
    let number_id = body.needed_text("agent_phone_number_id");
    let to = body.needed_text("to_number");
    let client_data = body.object("conversation_initiation_client_data").unwrap_or_default();
    let config = body.object("telephony_call_config").unwrap_or_default();
    if config.get("ringing_timeout_secs").is_some_and(|it| !it.as_i64().is_some_and(|it| RINGING_SECONDS.contains(&it)))
    {
        body.complain("telephony_call_config", "less_than_equal", "Input should be from 1 to 999");
    }
    body.done()?;
    workspace.agents.get(&agent_id).ok_or_else(|| Refusal::no_agent(&agent_id))?;
    let number = workspace.numbers.get(&number_id).cloned();
    let number = number.ok_or_else(|| Refusal::not_found("phone_number_not_found", "Phone number", &number_id))?;
    if number.provider != provider {
        let message = format!("Phone number {number_id} is not a {} number.", provider.word());
        return Err(Refusal::bad("invalid_phone_number_provider", message));
    }
    if let Some(message) = workspace.cannot_call(&number, &to) {
        return Ok(made(provider, false, message, None));
    }
    let (line, call_sid) = match provider {
        Provider::Twilio => (Line::Twilio, format!("CA{}", workspace.book.hex("CA"))),
        Provider::SipTrunk => (Line::SipTrunking, format!("SCL_{}", workspace.book.hex("SCL"))),
    };
    let conversation = Conversation {
        head: Head::next::<Conversation>(&mut workspace.book),
        agent_id,
        status: Status::Initiated,
        line,
        outgoing: true,
        number_id: Some(number_id),
        agent_number: number.phone_number,
        external_number: to.clone(),
        call_sid,
        client_data: Value::Object(client_data),
        duration_s: 0,
        failure: None,
    };
    let answer = made(provider, true, "Call initiated.", Some(&conversation));
    match to.as_str() {
        BUSY => workspace.never_began(conversation, "busy"),
        NO_ANSWER => workspace.never_began(conversation, "no-answer"),
        _ => workspace.talked(conversation),
    }
    Ok(answer)
}

/// Tells the agent of a call to come, and answers the document that brings it.
pub(super) fn register(workspace: &mut Workspace, call: &Call) -> Result<Answer, Refusal> {
    let mut body = Body::of(call)?;
    let agent_id = body.needed_text("agent_id");
    let (from, to) = (body.needed_text("from_number"), body.needed_text("to_number"));
    let outgoing = body.word("direction", &["inbound", "outbound"]).as_deref() == Some("outbound");
    let client_data = body.object("conversation_initiation_client_data").unwrap_or_default();
    body.done()?;
    let (agent_number, external_number) = if outgoing { (from, to) } else { (to, from) };
    let parties = Parties { agent_number, external_number, outgoing };
    let document = workspace.expect_call(agent_id, None, parties, Value::Object(client_data))?;
    Ok(answer(StatusCode::OK, "text/html; charset=utf-8", document))
}

pub(super) struct Parties {
    pub(super) agent_number: String,
    pub(super) external_number: String,
    pub(super) outgoing: bool,
}

impl Workspace {
    /// A call over Twilio is about to come; the document connects it.
    pub(super) fn expect_call(
        &mut self,
        agent_id: String,
        number_id: Option<String>,
        parties: Parties,
        client_data: Value,
    ) -> Result<String, Refusal> {
        self.agents.get(&agent_id).ok_or_else(|| Refusal::no_agent(&agent_id))?;
        let conversation = Conversation {
            head: Head::next::<Conversation>(&mut self.book),
            agent_id,
            status: Status::Initiated,
            line: Line::Twilio,
            outgoing: parties.outgoing,
            number_id,
            agent_number: parties.agent_number,
            external_number: parties.external_number,
            call_sid: String::new(),
            client_data,
            duration_s: 0,
            failure: None,
        };
        let document = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Connect><Stream url=\"{STREAM}\">\
             <Parameter name=\"conversation_id\" value=\"{}\" /></Stream></Connect></Response>",
            conversation.head.id
        );
        self.conversations.keep(&mut self.book, conversation);
        Ok(document)
    }

    /// What the carrier would say of the attempt, if it would not let it through.
    fn cannot_call(&self, number: &Number, to: &str) -> Option<&'static str> {
        if !is_e164(to) || NOT_REACHABLE.contains(&to) {
            return Some("The number that was called is not valid or cannot be reached.");
        }
        match number.provider {
            Provider::Twilio if !locked(&self.twilio).has(&number.phone_number) => {
                Some("The number is not in the Twilio account any more.")
            }
            Provider::SipTrunk if number.outbound.is_none() => Some("The number has no outbound trunk."),
            Provider::Twilio | Provider::SipTrunk => None,
        }
    }
}

/// One of the names is not like the others.
fn made(provider: Provider, success: bool, message: &str, conversation: Option<&Conversation>) -> Answer {
    let name = match provider {
        Provider::Twilio => "callSid",
        Provider::SipTrunk => "sip_call_id",
    };
    let mut body = json!({
        "success": success,
        "message": message,
        "conversation_id": conversation.map(|it| &it.head.id),
    });
    body[name] = json!(conversation.map(|it| &it.call_sid));
    json(StatusCode::OK, &body)
}
