//! What a webhook of Retell says of a call.
//!
//! Its signature has been checked by [`super::signature`] on the same bytes. Retell sends each event up to four times; what
//! makes it one event is the call's id together with [`kind`]. Transcripts and analyses come along and are not read.

use domain::call::{CallStatus, PlatformReport};
use domain::numbering::E164;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::wire;
use crate::Unreadable;

#[derive(Deserialize)]
struct Envelope {
    event: Option<String>,
    #[serde(default)]
    call: Value,
}

/// A call, as far as it concerns us.
#[derive(Deserialize)]
struct Told {
    call_id: Option<String>,
    agent_id: Option<String>,
    call_status: Option<String>,
    direction: Option<String>,
    from_number: Option<String>,
    to_number: Option<String>,
    start_timestamp: Option<i64>,
    end_timestamp: Option<i64>,
    duration_ms: Option<i64>,
    disconnection_reason: Option<String>,
    #[serde(default)]
    metadata: Value,
}

/// Understands the body of a webhook; none for an event that says nothing of how a call stands.
///
/// # Errors
/// [`Unreadable`] when it says so and cannot be read.
pub fn read(body: &[u8]) -> Result<Option<PlatformReport>, Unreadable> {
    let envelope: Envelope = serde_json::from_slice(body).map_err(|_| Unreadable::Json)?;
    let is_over = match envelope.event.as_deref().ok_or(Unreadable::Field("event"))? {
        "call_started" => false,
        // The analysis follows the end and repeats it, should the news of that have been lost.
        "call_ended" | "call_analyzed" => true,
        _ => return Ok(None),
    };
    let told = Told::deserialize(envelope.call).map_err(|_| Unreadable::Field("call"))?;
    told.report(is_over).map(Some)
}

/// The event's name: with the call's id what makes it one event.
#[must_use]
pub fn kind(body: &[u8]) -> Option<String> {
    serde_json::from_slice::<Envelope>(body).ok()?.event
}

impl Told {
    fn report(self, is_over: bool) -> Result<PlatformReport, Unreadable> {
        let outgoing = match self.direction.as_deref() {
            Some("outbound") => true,
            Some("inbound") => false,
            Some(_) | None => return Err(Unreadable::Field("call.direction")),
        };
        let status = if is_over { self.end() } else { CallStatus::InProgress };
        let duration_s = if is_over { self.seconds()? } else { None };
        let (from, to) = (self.from_number.unwrap_or_default(), self.to_number.unwrap_or_default());
        let (ours, other) = if outgoing { (from, to) } else { (to, from) };
        let number = ours.parse::<E164>().ok();
        let started_at = self.start_timestamp.map(Timestamp::from_millisecond).transpose();
        let handed_over = self.metadata.get(wire::HANDED_OVER).is_some();
        Ok(PlatformReport {
            call_id: self.call_id.filter(|id| !id.is_empty()).ok_or(Unreadable::Field("call.call_id"))?,
            platform_agent_id: self.agent_id.filter(|id| !id.is_empty()),
            platform_number_id: number.as_ref().map(ToString::to_string),
            number,
            other,
            outgoing,
            status,
            started_at: started_at.map_err(|_| Unreadable::Field("call.start_timestamp"))?,
            duration_s,
            handed_over,
        })
    }

    fn end(&self) -> CallStatus {
        let status = self.call_status.as_deref().unwrap_or_default();
        wire::ended(status, self.disconnection_reason.as_deref(), self.start_timestamp.is_some())
    }

    /// As told, else from beginning and end; none of a call that was not answered.
    fn seconds(&self) -> Result<Option<u32>, Unreadable> {
        let between = self.start_timestamp.zip(self.end_timestamp).map(|(start, end)| end.saturating_sub(start));
        let Some(ms) = self.duration_ms.or(between) else { return Ok(None) };
        let ms = u64::try_from(ms).map_err(|_| Unreadable::Field("call.duration_ms"))?;
        u32::try_from(ms.div_ceil(1_000)).map(Some).map_err(|_| Unreadable::Field("call.duration_ms"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn event(kind: &str, change: &[(&str, Value)]) -> Vec<u8> {
        let mut call = json!({
            "call_id": "call_1", "agent_id": "agent_1", "agent_version": 0, "call_type": "phone_call", "call_status": "ended",
            "direction": "inbound", "from_number": "anonymous", "to_number": "+14155550123",
            "start_timestamp": 1_790_000_000_000_i64, "end_timestamp": 1_790_000_061_000_i64, "duration_ms": 60_001,
            "disconnection_reason": "user_hangup", "metadata": {"trunkline_call": "r"}, "transcript": "Hello"
        });
        for (name, value) in change {
            call[*name] = value.clone();
        }
        json!({"event": kind, "call": call}).to_string().into_bytes()
    }

    fn report(kind: &str, change: &[(&str, Value)]) -> PlatformReport {
        read(&event(kind, change)).unwrap().unwrap()
    }

    #[test]
    fn an_end_is_told_whole() {
        let ended = report("call_ended", &[]);
        let expected = PlatformReport {
            call_id: "call_1".to_owned(),
            platform_agent_id: Some("agent_1".to_owned()),
            platform_number_id: Some("+14155550123".to_owned()),
            number: Some("+14155550123".parse().unwrap()),
            other: "anonymous".to_owned(),
            outgoing: false,
            status: CallStatus::Completed,
            started_at: Some(Timestamp::from_second(1_790_000_000).unwrap()),
            duration_s: Some(61),
            handed_over: false,
        };
        assert_eq!(ended, expected);
        assert_eq!(report("call_analyzed", &[]), expected);
        let out = [
            ("direction", json!("outbound")),
            ("from_number", json!("+14155550123")),
            ("to_number", json!("+905321112233")),
        ];
        let ended = report("call_ended", &out);
        assert_eq!((ended.outgoing, ended.number, ended.other.as_str()), (true, expected.number, "+905321112233"));
    }

    #[test]
    fn what_we_handed_over_says_so() {
        let check = |metadata: Value, expected: bool| {
            assert_eq!(report("call_ended", &[("metadata", metadata.clone())]).handed_over, expected, "{metadata}");
        };
        check(json!({"trunkline_handed_over": "CA1"}), true);
        for metadata in [json!({"trunkline_call": "num_1"}), json!({}), Value::Null, json!("text"), json!([1])] {
            check(metadata, false);
        }
    }

    #[test]
    fn a_beginning_has_no_length() {
        let begun = report("call_started", &[("call_status", json!("ongoing"))]);
        assert_eq!((begun.status, begun.duration_s), (CallStatus::InProgress, None));
        assert!(begun.started_at.is_some());
    }

    #[test]
    fn seconds_are_rounded_up_and_worked_out_where_they_are_not_told() {
        let check = |change: &[(&str, Value)], expected: Option<u32>| {
            assert_eq!(report("call_ended", change).duration_s, expected, "{change:?}");
        };
        check(&[("duration_ms", json!(0))], Some(0));
        check(&[("duration_ms", json!(1))], Some(1));
        check(&[("duration_ms", json!(60_000))], Some(60));
        check(&[("duration_ms", Value::Null)], Some(61));
        check(&[("duration_ms", Value::Null), ("start_timestamp", Value::Null)], None);
    }

    #[test]
    fn a_call_that_never_was_says_so() {
        let change = [
            ("call_status", json!("not_connected")),
            ("disconnection_reason", json!("dial_no_answer")),
            ("start_timestamp", Value::Null),
            ("end_timestamp", Value::Null),
            ("duration_ms", Value::Null),
        ];
        let ended = report("call_ended", &change);
        assert_eq!((ended.status, ended.started_at, ended.duration_s), (CallStatus::NoAnswer, None, None));
    }

    #[test]
    fn what_says_nothing_of_a_calls_state_is_passed_over() {
        for kind in ["transcript_updated", "transfer_started", "transfer_ended", "chat_started", "something new"] {
            assert_eq!(read(&event(kind, &[("call_id", Value::Null)])), Ok(None), "{kind}");
        }
        assert_eq!(super::kind(&event("call_ended", &[])).as_deref(), Some("call_ended"));
        assert_eq!(super::kind(b"{}"), None);
    }

    #[test]
    fn what_cannot_be_read_says_what_is_missing() {
        let check = |body: &[u8], expected: Unreadable| assert_eq!(read(body), Err(expected));
        check(b"", Unreadable::Json);
        check(b"[]", Unreadable::Json);
        check(b"{}", Unreadable::Field("event"));
        check(br#"{"event":"call_ended"}"#, Unreadable::Field("call"));
        let changed = |name: &str, value: Value| event("call_ended", &[(name, value)]);
        check(&changed("call_id", json!("")), Unreadable::Field("call.call_id"));
        check(&changed("call_id", Value::Null), Unreadable::Field("call.call_id"));
        check(&changed("direction", json!("sideways")), Unreadable::Field("call.direction"));
        check(&changed("duration_ms", json!(-1)), Unreadable::Field("call.duration_ms"));
        check(&changed("duration_ms", json!(i64::MAX)), Unreadable::Field("call.duration_ms"));
        check(&changed("duration_ms", json!("long")), Unreadable::Field("call"));
        check(&changed("start_timestamp", json!(i64::MAX)), Unreadable::Field("call.start_timestamp"));
    }

    proptest! {
        #[test]
        fn no_body_panics(body in "\\PC{0,200}", kind in "[a-z_]{0,14}", ms in any::<i64>()) {
            let _any = read(body.as_bytes());
            let _some = read(&event(&kind, &[("duration_ms", json!(ms)), ("end_timestamp", json!(ms))]));
            let _end = read(&event("call_ended", &[("duration_ms", Value::Null), ("end_timestamp", json!(ms))]));
        }
    }
}
