//! What a webhook of Vapi says of a call: a server message turned into a [`PlatformReport`].
//!
//! Who sent it has been checked by [`super::signature`]. Vapi gives messages no id, may send one twice and promises no order:
//! [`key`] is what makes two of them the same, and how far along a call is decides which counts. What else it tells
//! (transcripts, tool calls, secrets of the number) is never taken out.

use domain::call::{CallStatus, PlatformReport};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::wire;
use crate::webhook::Unreadable;

const STATUS: &str = "status-update";
const REPORT: &str = "end-of-call-report";
/// Kinds of calls that no number has a part in.
const WITHOUT_NUMBERS: [&str; 2] = ["webCall", "vapi.websocketCall"];

/// Understands the body of a webhook; none for what tells nothing of a phone call's course.
///
/// # Errors
/// [`Unreadable`] when it might tell that and cannot be read.
pub fn read(body: &[u8]) -> Result<Option<PlatformReport>, Unreadable> {
    let Some(message) = Message::of(body)? else { return Ok(None) };
    let call = message.call.as_ref().ok_or(Unreadable::Field("call"))?;
    if call.kind.as_deref().is_some_and(|kind| WITHOUT_NUMBERS.contains(&kind)) {
        return Ok(None);
    }
    let Some(status) = message.status()? else { return Ok(None) };
    let over = status.rank() >= CallStatus::Completed.rank();
    let started_at = message.started_at.as_deref().or(call.started_at.as_deref()).and_then(time);
    let ended_at = message.ended_at.as_deref().or(call.ended_at.as_deref()).and_then(time);
    let duration_s = started_at.zip(ended_at).filter(|_| over).map(|(from, to)| seconds(from, to));
    let number = message.phone_number.as_ref().or(call.phone_number.as_ref());
    let other = message.customer.as_ref().or(call.customer.as_ref()).and_then(|customer| customer.number.clone());
    Ok(Some(PlatformReport {
        call_id: call.id()?.to_owned(),
        platform_agent_id: call.assistant_id.clone().or_else(|| message.assistant.as_ref().and_then(Named::id)),
        platform_number_id: number.and_then(Named::id).or_else(|| call.phone_number_id.clone()),
        number: number.and_then(|number| number.number.as_deref()).and_then(|number| number.parse().ok()),
        other: other.unwrap_or_default(),
        outgoing: call.kind.as_deref() == Some("outboundPhoneCall"),
        status,
        started_at,
        duration_s,
        // What we hand over comes to an address, which is no number.
        handed_over: false,
    }))
}

/// What two deliveries of the same message have in common: call, type, and status or else time; none for what
/// [`read`] finds nothing in.
#[must_use]
pub fn key(body: &[u8]) -> Option<String> {
    let message = Message::of(body).ok()??;
    let when = message.status.clone().or_else(|| message.timestamp.as_ref().map(Value::to_string))?;
    Some(format!("{}:{}:{when}", message.call.as_ref()?.id().ok()?, message.kind))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    #[serde(rename = "type")]
    kind: String,
    status: Option<String>,
    ended_reason: Option<String>,
    timestamp: Option<Value>,
    started_at: Option<String>,
    ended_at: Option<String>,
    call: Option<Call>,
    phone_number: Option<Named>,
    assistant: Option<Named>,
    customer: Option<Customer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Call {
    id: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    assistant_id: Option<String>,
    phone_number_id: Option<String>,
    phone_number: Option<Named>,
    customer: Option<Customer>,
    ended_reason: Option<String>,
    started_at: Option<String>,
    ended_at: Option<String>,
}

#[derive(Deserialize)]
struct Named {
    id: Option<String>,
    number: Option<String>,
}

#[derive(Deserialize)]
struct Customer {
    number: Option<String>,
}

impl Message {
    /// None for one of another type, of which nothing else is looked at.
    fn of(body: &[u8]) -> Result<Option<Self>, Unreadable> {
        let value: Value = serde_json::from_slice(body).map_err(|_| Unreadable::Json)?;
        let envelope = value.as_object().ok_or(Unreadable::Json)?;
        let message = envelope.get("message").ok_or(Unreadable::Field("message"))?;
        let kind = message["type"].as_str().ok_or(Unreadable::Field("message.type"))?;
        if kind != STATUS && kind != REPORT {
            return Ok(None);
        }
        Self::deserialize(message).map(Some).map_err(|_| Unreadable::Field("message"))
    }

    /// None for a word that is not known; it changes nothing.
    fn status(&self) -> Result<Option<CallStatus>, Unreadable> {
        if self.kind == REPORT {
            return Ok(Some(self.end()));
        }
        let word = self.status.as_deref().ok_or(Unreadable::Field("status"))?;
        let status = wire::call_status(word);
        Ok(if status == Some(CallStatus::Completed) { Some(self.end()) } else { status })
    }

    /// How a call that is over ended. The reasons are hundreds and change; these few say that nobody was talked to.
    fn end(&self) -> CallStatus {
        let of_call = || self.call.as_ref().and_then(|call| call.ended_reason.as_deref());
        match self.ended_reason.as_deref().or_else(of_call).unwrap_or_default() {
            "customer-busy" => CallStatus::Busy,
            "customer-did-not-answer" => CallStatus::NoAnswer,
            reason if reason.ends_with("failed-to-connect-call") => CallStatus::Failed,
            reason if reason.starts_with("call.start.error") => CallStatus::Failed,
            _ => CallStatus::Completed,
        }
    }
}

impl Call {
    fn id(&self) -> Result<&str, Unreadable> {
        self.id.as_deref().filter(|id| !id.is_empty()).ok_or(Unreadable::Field("call.id"))
    }
}

impl Named {
    fn id(&self) -> Option<String> {
        self.id.clone().filter(|id| !id.is_empty())
    }
}

fn time(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

/// Begun seconds; no fewer than none.
fn seconds(from: Timestamp, to: Timestamp) -> u32 {
    let lasted = to.duration_since(from);
    let begun = lasted.as_secs().saturating_add(i64::from(lasted.subsec_nanos() > 0));
    u32::try_from(begun.max(0)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn update(status: &str) -> Value {
        json!({"message": {
            "type": "status-update", "status": status, "timestamp": 1_790_000_000_123_i64,
            "call": {"id": "c-1", "type": "inboundPhoneCall", "assistantId": "a-1", "phoneNumberId": "n-1"},
            "phoneNumber": {"id": "n-1", "number": "+12025550123", "provider": "twilio", "twilioAuthToken": "clear"},
            "customer": {"number": "+14155550100"}
        }})
    }

    fn report() -> Value {
        let mut report = update("ignored");
        report["message"]["type"] = json!("end-of-call-report");
        report["message"]["endedReason"] = json!("customer-ended-call");
        report["message"]["startedAt"] = json!("2026-09-21T14:13:20.000Z");
        report["message"]["endedAt"] = json!("2026-09-21T14:13:50.001Z");
        report
    }

    fn told(body: &Value) -> Result<Option<PlatformReport>, Unreadable> {
        read(body.to_string().as_bytes())
    }

    #[test]
    fn a_report_tells_whose_call_it_was_and_how_long() {
        let expected = PlatformReport {
            call_id: "c-1".to_owned(),
            platform_agent_id: Some("a-1".to_owned()),
            platform_number_id: Some("n-1".to_owned()),
            number: Some("+12025550123".parse().unwrap()),
            other: "+14155550100".to_owned(),
            outgoing: false,
            status: CallStatus::Completed,
            started_at: Some("2026-09-21T14:13:20Z".parse().unwrap()),
            duration_s: Some(31),
            handed_over: false,
        };
        assert_eq!(told(&report()), Ok(Some(expected)));
    }

    #[test]
    fn a_status_is_told_in_our_words() {
        let check = |word: &str, expected: Option<CallStatus>| {
            let report = told(&update(word)).unwrap();
            assert!(report.iter().all(|report| report.duration_s.is_none()), "{word}");
            assert_eq!(report.map(|report| report.status), expected, "{word}");
        };
        check("scheduled", Some(CallStatus::Queued));
        check("queued", Some(CallStatus::Queued));
        check("ringing", Some(CallStatus::Ringing));
        check("in-progress", Some(CallStatus::InProgress));
        check("forwarding", Some(CallStatus::InProgress));
        check("ended", Some(CallStatus::Completed));
        check("not-found", Some(CallStatus::Failed));
        check("deletion-failed", Some(CallStatus::Failed));
        check("exploded", None);
    }

    #[test]
    fn an_end_says_whether_anybody_was_talked_to() {
        let check = |reason: &str, expected: CallStatus| {
            for mut body in [update("ended"), report()] {
                body["message"]["endedReason"] = json!(reason);
                assert_eq!(told(&body).unwrap().unwrap().status, expected, "{reason}");
            }
        };
        check("customer-ended-call", CallStatus::Completed);
        check("customer-busy", CallStatus::Busy);
        check("customer-did-not-answer", CallStatus::NoAnswer);
        check("twilio-failed-to-connect-call", CallStatus::Failed);
        check("call.start.error-get-transport", CallStatus::Failed);
        check("call.in-progress.error-vapifault", CallStatus::Completed);
        check("something new", CallStatus::Completed);
        let mut body = update("ended");
        body["message"]["call"]["endedReason"] = json!("customer-busy");
        assert_eq!(told(&body).unwrap().unwrap().status, CallStatus::Busy);
    }

    #[test]
    fn what_the_message_leaves_out_is_taken_from_the_call() {
        let mut body = report();
        let message = body["message"].as_object_mut().unwrap();
        let moved =
            ["phoneNumber", "customer", "startedAt", "endedAt"].map(|name| (name, message.remove(name).unwrap()));
        assert_eq!(told(&body).unwrap().unwrap().platform_number_id.as_deref(), Some("n-1"));
        assert_eq!(told(&body).unwrap().unwrap().duration_s, None);
        for (name, value) in moved {
            body["message"]["call"][name] = value;
        }
        assert_eq!(told(&body), told(&report()));
        body["message"]["call"]["assistantId"] = Value::Null;
        body["message"]["assistant"] = json!({"id": "a-2"});
        assert_eq!(told(&body).unwrap().unwrap().platform_agent_id.as_deref(), Some("a-2"));
    }

    #[test]
    fn a_call_of_an_agent_is_outgoing_and_need_not_be_between_numbers() {
        let mut body = update("ringing");
        body["message"]["call"]["type"] = json!("outboundPhoneCall");
        body["message"]["phoneNumber"] = json!({"id": "n-1", "sipUri": "sip:x@sip.vapi.ai"});
        body["message"]["customer"] = json!({"sipUri": "sip:y@example.com"});
        let report = told(&body).unwrap().unwrap();
        assert_eq!((report.outgoing, report.number, report.other.as_str()), (true, None, ""));
        body["message"]["phoneNumber"]["number"] = json!("0850 123");
        assert_eq!(told(&body).unwrap().unwrap().number, None);
    }

    #[test]
    fn a_call_that_ends_before_it_begins_lasted_no_time() {
        for (ended, expected) in [("2026-09-21T14:13:19Z", 0), ("2026-09-21T14:13:20Z", 0), ("2026-09-21T14:13:21Z", 1)]
        {
            let mut body = report();
            body["message"]["endedAt"] = json!(ended);
            assert_eq!(told(&body).unwrap().unwrap().duration_s, Some(expected), "{ended}");
        }
    }

    #[test]
    fn what_tells_of_no_phone_call_is_left_alone() {
        for kind in ["tool-calls", "transcript", "hang", "assistant-request", "something-new"] {
            assert_eq!(told(&json!({"message": {"type": kind, "call": 7}})), Ok(None), "{kind}");
        }
        for kind in WITHOUT_NUMBERS {
            let mut body = report();
            body["message"]["call"]["type"] = json!(kind);
            assert_eq!(told(&body), Ok(None), "{kind}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        let check = |body: &[u8], expected: Unreadable| assert_eq!(read(body), Err(expected));
        check(b"", Unreadable::Json);
        check(b"<html>", Unreadable::Json);
        check(b"[]", Unreadable::Json);
        check(b"{}", Unreadable::Field("message"));
        check(b"{\"message\":{}}", Unreadable::Field("message.type"));
        let without = |field: &str, of_call: bool| {
            let mut body = update("ringing");
            let place = if of_call { &mut body["message"]["call"] } else { &mut body["message"] };
            place.as_object_mut().unwrap().remove(field);
            body.to_string().into_bytes()
        };
        check(&without("call", false), Unreadable::Field("call"));
        check(&without("id", true), Unreadable::Field("call.id"));
        check(&without("status", false), Unreadable::Field("status"));
        let mut odd = update("ringing");
        odd["message"]["call"]["id"] = json!(7);
        check(odd.to_string().as_bytes(), Unreadable::Field("message"));
    }

    #[test]
    fn two_deliveries_have_one_key_and_two_messages_have_two() {
        let key = |body: &Value| key(body.to_string().as_bytes());
        assert_eq!(key(&update("ended")).as_deref(), Some("c-1:status-update:ended"));
        let mut later = update("ended");
        later["message"]["timestamp"] = json!(1_790_000_000_999_i64);
        assert_eq!(key(&later), key(&update("ended")));
        assert_ne!(key(&update("ringing")), key(&update("ended")));
        let mut report = report();
        report["message"].as_object_mut().unwrap().remove("status");
        assert_eq!(key(&report).as_deref(), Some("c-1:end-of-call-report:1790000000123"));
        assert_eq!(key(&json!({"message": {"type": "hang", "call": {"id": "c-1"}, "timestamp": 1}})), None);
    }

    proptest! {
        #[test]
        fn no_body_panics(body in prop::collection::vec(any::<u8>(), 0..200), call in ".{0,40}", at in ".{0,30}") {
            drop((read(&body), key(&body)));
            let mut odd = report();
            odd["message"]["call"]["id"] = Value::from(call);
            odd["message"]["endedAt"] = Value::from(at);
            drop((told(&odd), key(odd.to_string().as_bytes())));
        }
    }
}
