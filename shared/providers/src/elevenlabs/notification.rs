//! What a webhook of ElevenLabs says of a call.
//!
//! Its signature has been checked by [`super::signature`] on the same bytes. One webhook tells of everything in a workspace,
//! so most types are nothing to us and a conversation need not be a call on one of our numbers; that is judged by who keeps
//! the calls. A notification has no id of its own: its type and the conversation tell it from every other, and since each
//! type that is read here is one end of a call, so do a report's status and call.
//!
//! A body may carry a whole recording: it is read where it lies, and what is not needed is passed over.

use std::borrow::Cow;

use domain::E164;
use domain::call::{CallStatus, PlatformReport};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Number, Value};

use super::wire;
use crate::Unreadable;

/// Understands the body of a webhook; none is one that says nothing of how a call stands.
///
/// # Errors
/// [`Unreadable`] when it tells of a call and does not say which, or is no notification at all.
pub fn read(body: &[u8]) -> Result<Option<PlatformReport>, Unreadable> {
    let Kind { kind } = parsed(body, "type")?;
    match &*kind {
        "post_call_transcription" => data(body).and_then(Talked::report).map(Some),
        "call_initiation_failure" => data(body).and_then(NeverBegan::report).map(Some),
        _ => Ok(None),
    }
}

fn data<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Unreadable> {
    let Told { data } = parsed(body, "data")?;
    Ok(data)
}

/// Reads an object of which this field is what matters.
fn parsed<'a, T: Deserialize<'a>>(body: &'a [u8], field: &'static str) -> Result<T, Unreadable> {
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(Unreadable::Json);
    }
    let unreadable =
        |error: serde_json::Error| if error.is_data() { Unreadable::Field(field) } else { Unreadable::Json };
    serde_json::from_slice(body).map_err(unreadable)
}

#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Told<T> {
    data: T,
}

/// A conversation that took place.
#[derive(Deserialize)]
struct Talked {
    agent_id: Option<String>,
    conversation_id: Option<String>,
    status: Option<String>,
    metadata: Option<About>,
    #[serde(default)]
    conversation_initiation_client_data: Value,
}

#[derive(Default, Deserialize)]
struct About {
    start_time_unix_secs: Option<i64>,
    /// Whole seconds by its description.
    call_duration_secs: Option<Number>,
    phone_call: Option<PhoneCall>,
}

#[derive(Default, Deserialize)]
struct PhoneCall {
    direction: Option<String>,
    phone_number_id: Option<String>,
    agent_number: Option<String>,
    external_number: Option<String>,
}

impl Talked {
    fn report(self) -> Result<PlatformReport, Unreadable> {
        let metadata = self.metadata.unwrap_or_default();
        let phone_call = metadata.phone_call.unwrap_or_default();
        let given = self.conversation_initiation_client_data.get("dynamic_variables");
        Ok(PlatformReport {
            call_id: filled(self.conversation_id).ok_or(Unreadable::Field("data.conversation_id"))?,
            platform_agent_id: filled(self.agent_id),
            platform_number_id: filled(phone_call.phone_number_id),
            number: number(phone_call.agent_number),
            other: phone_call.external_number.unwrap_or_default(),
            outgoing: phone_call.direction.as_deref() == Some("outbound"),
            status: if self.status.as_deref() == Some("failed") { CallStatus::Failed } else { CallStatus::Completed },
            started_at: metadata.start_time_unix_secs.and_then(|at| Timestamp::from_second(at).ok()),
            duration_s: metadata.call_duration_secs.as_ref().and_then(seconds),
            handed_over: given.is_some_and(|given| given.get(wire::HANDED_OVER).is_some()),
        })
    }
}

/// A call that an agent was to make and that came to nothing.
#[derive(Deserialize)]
struct NeverBegan {
    agent_id: Option<String>,
    conversation_id: Option<String>,
    failure_reason: Option<String>,
    metadata: Option<Attempt>,
}

#[derive(Default, Deserialize)]
struct Attempt {
    body: Option<Carriers>,
}

/// The carrier's words, which depend on the carrier: those of a trunk, or Twilio's.
#[derive(Default, Deserialize)]
struct Carriers {
    from_number: Option<String>,
    to_number: Option<String>,
    #[serde(rename = "From")]
    from: Option<String>,
    #[serde(rename = "To")]
    to: Option<String>,
    #[serde(rename = "Direction")]
    direction: Option<String>,
}

impl NeverBegan {
    fn report(self) -> Result<PlatformReport, Unreadable> {
        let words = self.metadata.and_then(|metadata| metadata.body).unwrap_or_default();
        let outgoing = !words.direction.is_some_and(|direction| direction.starts_with("inbound"));
        let (from, to) = (words.from_number.or(words.from), words.to_number.or(words.to));
        let (ours, other) = if outgoing { (from, to) } else { (to, from) };
        Ok(PlatformReport {
            call_id: filled(self.conversation_id).ok_or(Unreadable::Field("data.conversation_id"))?,
            platform_agent_id: filled(self.agent_id),
            platform_number_id: None,
            number: number(ours),
            other: other.unwrap_or_default(),
            outgoing,
            status: match self.failure_reason.as_deref() {
                Some("busy") => CallStatus::Busy,
                Some("no-answer") => CallStatus::NoAnswer,
                Some(_) | None => CallStatus::Failed,
            },
            started_at: None,
            duration_s: None,
            // It was an agent's.
            handed_over: false,
        })
    }
}

fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn number(text: Option<String>) -> Option<E164> {
    text.and_then(|text| text.parse().ok())
}

/// Begun seconds, if a call can be that long.
fn seconds(seconds: &Number) -> Option<u32> {
    let text = seconds.to_string();
    let (whole, part) = text.split_once('.').unwrap_or((&text, "0"));
    // With an exponent it is no length of a call.
    if !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let begun = part.bytes().any(|digit| digit != b'0');
    whole.parse::<u32>().ok()?.checked_add(u32::from(begun))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn talked() -> Value {
        json!({
            "type": "post_call_transcription", "event_timestamp": 1_790_000_090,
            "data": {
                "agent_id": "agent_1", "conversation_id": "conv_1", "status": "done", "user_id": null,
                "transcript": [{"role": "user", "message": "Hi", "tool_calls": null}], "analysis": null,
                "metadata": {
                    "start_time_unix_secs": 1_790_000_000, "call_duration_secs": 62, "cost": 500,
                    "phone_call": {
                        "type": "twilio", "direction": "inbound", "phone_number_id": "phnum_1", "stream_sid": "MZ1",
                        "agent_number": "+12025550123", "external_number": "anonymous", "call_sid": "CA1"
                    }
                }
            }
        })
    }

    fn never_began(metadata: Value) -> Value {
        json!({
            "type": "call_initiation_failure", "event_timestamp": 1_790_000_000,
            "data": {"agent_id": "agent_1", "conversation_id": "conv_1", "failure_reason": "busy", "metadata": metadata}
        })
    }

    fn told(notification: &Value) -> Result<Option<PlatformReport>, Unreadable> {
        read(notification.to_string().as_bytes())
    }

    #[test]
    fn a_conversation_is_a_call_that_is_over() {
        let expected = PlatformReport {
            call_id: "conv_1".to_owned(),
            platform_agent_id: Some("agent_1".to_owned()),
            platform_number_id: Some("phnum_1".to_owned()),
            number: Some("+12025550123".parse().unwrap()),
            other: "anonymous".to_owned(),
            outgoing: false,
            status: CallStatus::Completed,
            started_at: Some("2026-09-21T14:13:20Z".parse().unwrap()),
            duration_s: Some(62),
            handed_over: false,
        };
        assert_eq!(told(&talked()), Ok(Some(expected)));
    }

    #[test]
    fn what_is_missing_or_odd_is_left_out() {
        let check = |pointer: &str, value: Value, judge: fn(PlatformReport) -> bool| {
            let mut changed = talked();
            *changed.pointer_mut(pointer).unwrap() = value.clone();
            let report = told(&changed).unwrap().unwrap();
            assert!(judge(report.clone()), "{pointer} {value}: {report:?}");
        };
        check("/data/agent_id", Value::Null, |report| report.platform_agent_id.is_none());
        check("/data/status", json!("failed"), |report| report.status == CallStatus::Failed);
        check("/data/status", json!("processing"), |report| report.status == CallStatus::Completed);
        check("/data/metadata", Value::Null, |report| report.number.is_none() && report.duration_s.is_none());
        check("/data/metadata/phone_call", Value::Null, |report| report.number.is_none() && !report.outgoing);
        check("/data/metadata/phone_call/phone_number_id", json!(""), |report| report.platform_number_id.is_none());
        check("/data/metadata/phone_call/agent_number", json!("sip:x"), |report| report.number.is_none());
        check("/data/metadata/phone_call/direction", json!("outbound"), |report| report.outgoing);
        check("/data/metadata/call_duration_secs", json!(0), |report| report.duration_s == Some(0));
        check("/data/metadata/call_duration_secs", json!(62.0), |report| report.duration_s == Some(62));
        check("/data/metadata/call_duration_secs", json!(61.01), |report| report.duration_s == Some(62));
        check("/data/metadata/call_duration_secs", json!(-2), |report| report.duration_s.is_none());
        check("/data/metadata/call_duration_secs", json!(1.5e300), |report| report.duration_s.is_none());
        check("/data/metadata/start_time_unix_secs", json!(i64::MAX), |report| report.started_at.is_none());
    }

    #[test]
    fn what_we_handed_over_says_so() {
        let check = |given: Value, expected: bool| {
            let mut changed = talked();
            changed["data"]["conversation_initiation_client_data"] = given.clone();
            assert_eq!(told(&changed).unwrap().unwrap().handed_over, expected, "{given}");
        };
        check(json!({"dynamic_variables": {"trunkline_handed_over": "CA1", "system__agent_id": "agent_1"}}), true);
        check(json!({"dynamic_variables": {"trunkline_call": "num_1"}}), false);
        for given in [Value::Null, json!({}), json!({"dynamic_variables": null}), json!("text")] {
            check(given, false);
        }
    }

    #[test]
    fn a_call_that_never_began_failed_for_a_reason() {
        let twilio = json!({
            "type": "twilio",
            "body": {"CallSid": "CA1", "From": "+12025550123", "To": "+14155550100", "Direction": "outbound-api", "CallStatus": "busy"}
        });
        let expected = PlatformReport {
            call_id: "conv_1".to_owned(),
            platform_agent_id: Some("agent_1".to_owned()),
            platform_number_id: None,
            number: Some("+12025550123".parse().unwrap()),
            other: "+14155550100".to_owned(),
            outgoing: true,
            status: CallStatus::Busy,
            started_at: None,
            duration_s: None,
            handed_over: false,
        };
        assert_eq!(told(&never_began(twilio.clone())), Ok(Some(expected.clone())));
        let trunk = json!({"type": "sip", "body": {"from_number": "+12025550123", "to_number": "+14155550100", "sip_status_code": 486}});
        assert_eq!(told(&never_began(trunk)), Ok(Some(expected)));
        let mut incoming = twilio;
        incoming["body"]["Direction"] = json!("inbound");
        let report = told(&never_began(incoming)).unwrap().unwrap();
        assert_eq!((report.outgoing, report.other.as_str()), (false, "+12025550123"));
        assert_eq!(told(&never_began(Value::Null)).unwrap().unwrap().number, None);
        for (reason, status) in
            [("no-answer", CallStatus::NoAnswer), ("unknown", CallStatus::Failed), ("", CallStatus::Failed)]
        {
            let mut failure = never_began(json!({"body": null}));
            failure["data"]["failure_reason"] = json!(reason);
            assert_eq!(told(&failure).unwrap().unwrap().status, status, "{reason}");
        }
    }

    #[test]
    fn what_tells_nothing_of_a_call_is_passed_over_and_what_should_and_does_not_is_unreadable() {
        let check = |body: &str, expected: Result<(), Unreadable>| {
            let read = read(body.as_bytes()).map(|report| assert_eq!(report, None, "{body}"));
            assert_eq!(read, expected, "{body}");
        };
        let audio = json!({"data": {"full_audio": "UklGRg".repeat(100_000), "conversation_id": "conv_1"}, "type": "post_call_audio"});
        check(&audio.to_string(), Ok(()));
        check(r#"{"type":"voice_removal_notice","data":7}"#, Ok(()));
        check(r#"{"type":"post_call_transcription"}"#, Err(Unreadable::Field("data")));
        check(r#"{"type":"post_call_transcription","data":{}}"#, Err(Unreadable::Field("data.conversation_id")));
        check(
            r#"{"type":"call_initiation_failure","data":{"conversation_id":""}}"#,
            Err(Unreadable::Field("data.conversation_id")),
        );
        check(r#"{"type":"call_initiation_failure","data":[]}"#, Err(Unreadable::Field("data")));
        check(r#"{"data":{}}"#, Err(Unreadable::Field("type")));
        check("[]", Err(Unreadable::Json));
        check("<html>", Err(Unreadable::Json));
        check("", Err(Unreadable::Json));
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(text in ".{0,200}", kind in "post_call_transcription|call_initiation_failure|x", data in ".{0,80}") {
            drop(read(text.as_bytes()));
            drop(read(format!(r#"{{"type":"{kind}","data":{data}}}"#).as_bytes()));
        }
    }
}
