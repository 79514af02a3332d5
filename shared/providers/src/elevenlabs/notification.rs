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

pub use crate::webhook::Unreadable;

/// Understands the body of a webhook; none is one that says nothing of how a call stands.
///
/// # Errors
/// [`Unreadable`] when it tells of a call and does not say which, or is no notification at all.
pub fn read(body: &[u8]) -> Result<Option<PlatformReport>, Unreadable> {
    let Kind { kind } = serde_json::from_slice(body).map_err(|_| Unreadable::Field("type"))?;
    match &*kind {
        "post_call_transcription" => data(body).and_then(Talked::report).map(Some),
        "call_initiation_failure" => data(body).and_then(NeverBegan::report).map(Some),
        _ => Ok(None),
    }
}

fn data<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Unreadable> {
    let Told { data } = serde_json::from_slice(body).map_err(|_| Unreadable::Field("data"))?;
    Ok(data)
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
}

#[derive(Default, Deserialize)]
struct About {
    start_time_unix_secs: Option<i64>,
    /// Whole seconds by its description.
    call_duration_secs: Option<f64>,
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
        Ok(PlatformReport {
            call_id: filled(self.conversation_id).ok_or(Unreadable::Field("data.conversation_id"))?,
            platform_agent_id: filled(self.agent_id),
            platform_number_id: filled(phone_call.phone_number_id),
            number: number(phone_call.agent_number),
            other: phone_call.external_number.unwrap_or_default(),
            outgoing: phone_call.direction.as_deref() == Some("outbound"),
            status: if self.status.as_deref() == Some("failed") { CallStatus::Failed } else { CallStatus::Completed },
            started_at: metadata.start_time_unix_secs.and_then(|at| Timestamp::from_second(at).ok()),
            duration_s: metadata.call_duration_secs.and_then(seconds),
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
fn seconds(seconds: f64) -> Option<u32> {
    let begun = seconds.ceil();
    (0.0..=f64::from(u32::MAX)).contains(&begun).then_some(begun as u32)
}
