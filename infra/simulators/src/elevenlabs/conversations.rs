//! What is kept of a call, whoever began it, and what is told of it when it is over.

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Workspace;
use super::courier::Event;
use super::refusal::Refusal;
use super::rows::{Head, Row};
use crate::server::{Answer, json};

/// How long two parties talk once one has answered.
const TALK_SECONDS: u64 = 30;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Status {
    /// Registered or dialled, and nobody talks yet.
    Initiated,
    Done,
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line {
    Twilio,
    SipTrunking,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Conversation {
    pub(super) head: Head,
    pub(super) agent_id: String,
    pub(super) status: Status,
    pub(super) line: Line,
    /// Whether the agent called.
    pub(super) outgoing: bool,
    /// None of a call that was registered: the number need not be known here.
    pub(super) number_id: Option<String>,
    pub(super) agent_number: String,
    pub(super) external_number: String,
    pub(super) call_sid: String,
    pub(super) client_data: Value,
    pub(super) duration_s: u64,
    pub(super) failure: Option<String>,
}

impl Row for Conversation {
    const KIND: &'static str = "conversation";
    const PREFIX: &'static str = "conv";

    fn head(&self) -> &Head {
        &self.head
    }
}

impl Conversation {
    pub(super) fn shown(&self) -> Value {
        json!({
            "id": self.head.id,
            "status": self.status,
            "agent": self.agent_id,
            "number": self.number_id,
            "direction": self.direction(),
            "agent_number": self.agent_number,
            "external_number": self.external_number,
            "call_sid": self.call_sid,
            "duration_s": self.duration_s,
            "client_data": self.client_data,
            "failure": self.failure,
            "created_at": self.head.created.to_string(),
        })
    }

    fn direction(&self) -> &'static str {
        if self.outgoing { "outbound" } else { "inbound" }
    }

    fn wire(&self, agent_name: Option<&str>) -> Value {
        let mut phone_call = json!({
            "type": self.line,
            "direction": self.direction(),
            "phone_number_id": self.number_id.as_deref().unwrap_or_default(),
            "agent_number": self.agent_number,
            "external_number": self.external_number,
            "call_sid": self.call_sid,
        });
        match self.line {
            Line::Twilio => phone_call["stream_sid"] = json!(format!("MZ{}", self.call_sid.trim_start_matches("CA"))),
            Line::SipTrunking => phone_call["call_id"] = json!(self.call_sid),
        }
        let began = self.head.created.as_second();
        let done = self.status == Status::Done;
        let transcript = json!([{ "role": "agent", "message": "Hello, how can I help?", "time_in_call_secs": 1 }]);
        json!({
            "agent_id": self.agent_id,
            "agent_name": agent_name,
            "conversation_id": self.head.id,
            "status": self.status,
            "user_id": null,
            "transcript": if done { transcript } else { json!([]) },
            "metadata": {
                "start_time_unix_secs": began,
                "accepted_time_unix_secs": done.then_some(began),
                "call_duration_secs": self.duration_s,
                "cost": if done { json!(self.duration_s * 8) } else { Value::Null },
                "phone_call": phone_call,
                "termination_reason": self.failure.as_deref().unwrap_or_default(),
            },
            "analysis": done.then(|| json!({ "call_successful": "success", "transcript_summary": "A greeting." })),
            "conversation_initiation_client_data": self.client_data,
            "has_audio": done,
            "has_user_audio": done,
            "has_response_audio": done,
            "has_auxiliary_audio": false,
        })
    }

    /// The details of a call that never began, which are the carrier's words.
    fn failure_wire(&self, reason: &str) -> Value {
        let (from, to) = (&self.agent_number, &self.external_number);
        let metadata = match self.line {
            Line::Twilio => json!({
                "type": "twilio",
                "body": {
                    "CallSid": self.call_sid, "From": from, "To": to, "Caller": from, "Called": to,
                    "Direction": "outbound-api", "CallStatus": reason, "CallDuration": "0",
                },
            }),
            Line::SipTrunking => json!({
                "type": "sip",
                "body": {
                    "call_sid": self.call_sid, "from_number": from, "to_number": to,
                    "sip_status_code": if reason == "busy" { 486 } else { 480 }, "error_reason": reason,
                },
            }),
        };
        json!({
            "agent_id": self.agent_id,
            "conversation_id": self.head.id,
            "failure_reason": reason,
            "metadata": metadata,
        })
    }
}

pub(super) fn get(workspace: &Workspace, id: &str) -> Result<Answer, Refusal> {
    let conversation = workspace.conversations.get(id);
    let conversation = conversation.ok_or_else(|| Refusal::not_found("conversation_not_found", "Conversation", id))?;
    Ok(json(StatusCode::OK, &conversation.wire(workspace.agent_name(&conversation.agent_id))))
}

impl Workspace {
    fn agent_name(&self, id: &str) -> Option<&str> {
        self.agents.get(id).map(|agent| agent.name.as_str())
    }

    /// They talked, and hung up.
    pub(super) fn talked(&mut self, mut conversation: Conversation) {
        conversation.status = Status::Done;
        conversation.duration_s = TALK_SECONDS;
        let told = conversation.wire(self.agent_name(&conversation.agent_id));
        self.tell("post_call_transcription", &conversation.head.id, &told);
        self.conversations.keep(&mut self.book, conversation);
    }

    /// Nobody came to the telephone.
    pub(super) fn never_began(&mut self, mut conversation: Conversation, reason: &str) {
        conversation.status = Status::Failed;
        conversation.failure = Some(reason.to_owned());
        self.tell("call_initiation_failure", &conversation.head.id, &conversation.failure_wire(reason));
        self.conversations.keep(&mut self.book, conversation);
    }

    fn tell(&mut self, kind: &str, conversation: &str, data: &Value) {
        let body = json!({ "type": kind, "event_timestamp": self.book.now().as_second(), "data": data });
        let event = Event::pending(Head::next::<Event>(&mut self.book), kind, conversation, body.to_string());
        self.events.keep(&mut self.book, event);
        self.courier.wake();
    }
}
