//! Calls that arrive: over a SIP trunk, at a number taken over at Twilio, and as the sound of a call
//! that was expected.

use http::StatusCode;
use serde_json::{Value, json};

use super::Workspace;
use super::calls::Parties;
use super::conversations::{Conversation, Line, Status};
use super::numbers::{Number, Provider};
use super::refusal::Refusal;
use super::rows::Head;
use crate::server::{Answer, Call, answer, pairs};
use crate::sip::{Invite, Platform};

/// UDP is not among them.
const TRANSPORTS: [&str; 2] = ["tcp", "tls"];
/// Hosts that sound is streamed to.
const STREAM_HOSTS: [&str; 3] = ["api.elevenlabs.io", "api.us.elevenlabs.io", "api.eu.residency.elevenlabs.io"];

/// Whether a stream would end here.
pub(crate) fn is_at_elevenlabs(url: &str) -> bool {
    let rest = url.strip_prefix("wss://").unwrap_or_default();
    STREAM_HOSTS.contains(&rest.split(['/', ':', '?']).next().unwrap_or_default())
}

/// Without a word for it, it is UDP.
fn comes_over_tcp(invite: &Invite<'_>) -> bool {
    let uri = invite.uri.trim().to_ascii_lowercase();
    let mut parameters = uri.split(['?', ';']).skip(1);
    let named = parameters.find_map(|parameter| parameter.strip_prefix("transport=").map(str::to_owned));
    uri.starts_with("sips:") || named.is_some_and(|transport| TRANSPORTS.contains(&transport.as_str()))
}

impl Platform for Workspace {
    const HOSTS: &'static [&'static str] = &["sip.rtc.elevenlabs.io"];

    /// A call over a trunk. Who answers, if anyone: the number must be known as one on a trunk, take
    /// this caller, and have an agent.
    fn invited(&mut self, invite: &Invite<'_>) -> Option<Value> {
        let number = self.numbers.iter().find(|number| number.phone_number == invite.user())?.clone();
        let agent_id = number.agent_id.clone().filter(|_| comes_over_tcp(invite) && admits(&number, invite))?;
        self.agents.get(&agent_id)?;
        let conversation = Conversation {
            head: Head::next::<Conversation>(&mut self.book),
            agent_id,
            status: Status::Initiated,
            line: Line::SipTrunking,
            outgoing: false,
            number_id: Some(number.head.id),
            agent_number: number.phone_number,
            external_number: invite.caller.to_owned(),
            call_sid: invite.call_sid.to_owned(),
            client_data: json!({}),
            duration_s: 0,
            failure: None,
        };
        Some(self.answered(conversation))
    }
}

impl Workspace {
    /// The sound of a call that was expected, once.
    pub(crate) fn answer_stream(&mut self, conversation: &str, call_sid: &str) -> Option<Value> {
        let expected = self.conversations.get(conversation).filter(|it| it.status == Status::Initiated)?;
        self.agents.get(&expected.agent_id)?;
        let conversation = Conversation { call_sid: call_sid.to_owned(), ..expected.clone() };
        Some(self.answered(conversation))
    }

    fn answered(&mut self, conversation: Conversation) -> Value {
        let answered = json!({ "agent_id": conversation.agent_id, "conversation_id": conversation.head.id });
        self.talked(conversation);
        self.book.commit();
        answered
    }
}

/// Twilio asks what to do with a call to a number that was taken over.
pub(super) fn from_twilio(workspace: &mut Workspace, call: &Call) -> Result<Answer, Refusal> {
    let form = pairs(&call.body);
    let given = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    let (to, from) = (given("To").unwrap_or_default(), given("From").unwrap_or_default());
    let taken_over = |number: &&Number| number.provider == Provider::Twilio && number.phone_number == to;
    let number = workspace.numbers.iter().find(taken_over);
    let number = number.ok_or_else(|| Refusal::not_found("phone_number_not_found", "Phone number", &to))?;
    let (id, agent_id) = (number.head.id.clone(), number.agent_id.clone());
    let agent_id = agent_id.ok_or_else(|| Refusal::bad("no_agent", format!("Phone number {to} has no agent.")))?;
    let parties = Parties { agent_number: to, external_number: from, outgoing: false };
    let document = workspace.expect_call(agent_id, Some(id), parties, json!({}))?;
    Ok(answer(StatusCode::OK, "text/xml; charset=utf-8", document))
}

/// Where the call comes from is not looked at: everything here has one address.
fn admits(number: &Number, invite: &Invite<'_>) -> bool {
    if number.provider != Provider::SipTrunk {
        return false;
    }
    let Some(inbound) = &number.inbound else { return true };
    let caller = inbound.allowed_numbers.as_ref().is_none_or(|allowed| allowed.iter().any(|it| it == invite.caller));
    let password = |it: &super::trunks::Credentials| it.password.clone().unwrap_or_default();
    let genuine = inbound.credentials.as_ref();
    let genuine = genuine.is_none_or(|it| it.username == invite.username && password(it) == invite.password);
    caller && genuine
}
