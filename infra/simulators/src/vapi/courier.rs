//! What an organization's server is told of its calls: signed by the HMAC plan with its defaults, in order, once each.
//!
//! Vapi repeats nothing unless a back-off plan says so, and promises no order. Loss, repetition and disorder have to be
//! asked for here, with [`Deliver`].

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Org, WEBHOOK_SECRET};
use crate::book::{Book, locked};
use crate::collection::Resource;
use crate::post::{Post, Round, tag};
use crate::time::iso_ms;
use crate::twilio::webhook::Routes;

/// How long an assistant talks to whoever is there.
pub(super) const TALK: SignedDuration = SignedDuration::from_secs(30);

#[derive(Debug)]
pub(crate) struct Courier(Post);

/// A message, as it happened.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Message {
    kind: String,
    call: String,
    status: String,
    body: Value,
    sent: Sent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Sent {
    Pending,
    Held,
    /// With what was answered; 0 is nothing.
    Once(u16),
}

/// Messages as they are to be sent, which need not be as they happened.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Deliver {
    /// By their place in the list, in this order.
    messages: Vec<u64>,
    signature: Signature,
    /// The signature's time is that long ago.
    signed_s_ago: i64,
    /// From now on messages are kept back until they are asked for, or are not.
    hold: Option<bool>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Signature {
    #[default]
    Valid,
    /// The same with a time in milliseconds; which of the two Vapi writes is not published.
    Milliseconds,
    /// The secret itself in `X-Vapi-Secret`: the older way, and a bearer plan's.
    Secret,
    /// Made with another secret.
    Forged,
    /// Made over another body.
    Tampered,
    Missing,
}

/// What somebody does who is called by an assistant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Callee {
    #[default]
    Answers,
    Busy,
    NoAnswer,
    /// Cannot be put through.
    Unreachable,
}

impl Callee {
    /// Why the call ended, in Vapi's words.
    fn ended_reason(self) -> &'static str {
        match self {
            Self::Answers => "customer-ended-call",
            Self::Busy => "customer-busy",
            Self::NoAnswer => "customer-did-not-answer",
            Self::Unreachable => "twilio-failed-to-connect-call",
        }
    }
}

impl Courier {
    pub(crate) fn new(routes: Routes, org: &Mutex<Org>) -> Self {
        Self(Post::woken_by(routes, locked(org).told.clone()))
    }

    pub(crate) fn begin(self: &Arc<Self>, org: Arc<Mutex<Org>>) -> Round {
        let courier = self.clone();
        Round::begin(self.0.wanted(), move || {
            let (courier, org) = (courier.clone(), org.clone());
            async move { courier.deliver_pending(&org).await }
        })
    }

    pub(super) fn set_endpoint(&self, url: &str) {
        self.0.set_endpoint(url);
    }

    /// Everything that waits, in its order. Without an endpoint it goes on waiting.
    pub(super) async fn deliver_pending(&self, org: &Mutex<Org>) {
        let _turn = self.0.turn().await;
        while self.0.endpoint().is_some() {
            let Some(seq) = locked(org).next_message() else { return };
            self.send(org, seq, &Deliver::default()).await;
        }
    }

    /// Messages as asked. Answers `{messages:[{seq,type,call,status,answered}]}`.
    pub(super) async fn deliver(&self, org: &Mutex<Org>, request: &Deliver) -> Result<Value, String> {
        if let Some(hold) = request.hold {
            locked(org).hold = hold;
        }
        if let Some(seq) = request.messages.iter().find(|seq| !locked(org).messages.contains_key(seq)) {
            return Err(format!("messages: there is no {seq}"));
        }
        let _turn = self.0.turn().await;
        let mut sent = Vec::new();
        for seq in &request.messages {
            self.send(org, *seq, request).await;
            sent.extend(locked(org).shown_message(*seq));
        }
        Ok(json!({ "messages": sent }))
    }

    async fn send(&self, org: &Mutex<Org>, seq: u64, how: &Deliver) {
        let Some((headers, body)) = locked(org).letter(seq, how) else { return };
        let Some(url) = self.0.endpoint() else { return };
        let answered = self.0.send(&url, headers, body).await;
        locked(org).was_sent(seq, answered);
    }
}

impl Org {
    pub(super) fn messages_of(book: &Book) -> io::Result<BTreeMap<u64, Message>> {
        let rows = book.rows::<Message>("message")?.into_iter();
        rows.map(|(seq, message)| Ok((seq.parse().map_err(io::Error::other)?, message))).collect()
    }

    /// A call takes its course at once, and the server is told of it. Answers the call as it ended.
    pub(super) fn play(&mut self, call: &Resource, callee: Callee) {
        let started = call.created;
        let talked = callee == Callee::Answers;
        let ended = if talked { started + TALK } else { started };
        if talked {
            let answered = json!({ "status": "in-progress", "startedAt": iso_ms(started) });
            self.change_call(&call.id, &answered);
            self.tell(&call.id, "status-update", started, &json!({ "status": "in-progress" }));
        }
        let reason = callee.ended_reason();
        self.change_call(&call.id, &json!({ "status": "ended", "endedReason": reason, "endedAt": iso_ms(ended) }));
        self.tell(&call.id, "status-update", ended, &json!({ "status": "ended", "endedReason": reason }));
        let mut report = json!({
            "endedReason": reason, "artifact": {}, "analysis": {}, "cost": if talked { 0.03 } else { 0.0 }, "costs": [],
            "endedAt": iso_ms(ended),
        });
        if talked {
            report["startedAt"] = json!(iso_ms(started));
        }
        self.tell(&call.id, "end-of-call-report", ended, &report);
    }

    fn change_call(&mut self, id: &str, changes: &Value) {
        let changes = changes.as_object().cloned().unwrap_or_default();
        self.calls.update(&mut self.book, id, changes);
    }

    fn tell(&mut self, call: &str, kind: &str, at: Timestamp, what: &Value) {
        let Some(call) = self.calls.get(call) else { return };
        let mut message = what.clone();
        message["type"] = json!(kind);
        message["timestamp"] = json!(at.as_millisecond());
        message["call"] = self.wire(call);
        if let Some(number) = call.text("phoneNumberId").and_then(|id| self.numbers.get(id)) {
            message["phoneNumber"] = self.wire(number);
        }
        if let Some(assistant) = call.text("assistantId").and_then(|id| self.assistants.get(id)) {
            message["assistant"] = self.wire(assistant);
        }
        message["customer"] = call.fields.get("customer").cloned().unwrap_or(json!({}));
        let sent = if self.hold { Sent::Held } else { Sent::Pending };
        let status = message["status"].as_str().unwrap_or_default().to_owned();
        let (kind, call) = (kind.to_owned(), call.id.clone());
        let seq = self.book.next("message");
        self.keep_message(seq, Message { kind, call, status, body: json!({ "message": message }), sent });
        self.told.notify_one();
    }

    fn keep_message(&mut self, seq: u64, message: Message) {
        self.book.put("message", format!("{seq:020}"), &message);
        self.messages.insert(seq, message);
    }

    fn next_message(&self) -> Option<u64> {
        self.messages.iter().find(|(_, message)| message.sent == Sent::Pending).map(|(seq, _)| *seq)
    }

    fn was_sent(&mut self, seq: u64, answered: u16) {
        let Some(message) = self.messages.get(&seq).cloned() else { return };
        self.keep_message(seq, Message { sent: Sent::Once(answered), ..message });
        self.book.commit();
    }

    fn letter(&self, seq: u64, how: &Deliver) -> Option<(Vec<(&'static str, String)>, String)> {
        let mut body = self.messages.get(&seq)?.body.to_string();
        let at = self.book.now() - SignedDuration::from_secs(how.signed_s_ago);
        let unit = if how.signature == Signature::Milliseconds { at.as_millisecond() } else { at.as_second() };
        let secret = if how.signature == Signature::Forged { "another secret" } else { WEBHOOK_SECRET };
        let signature = tag(secret, unit, &body);
        let mut headers = Vec::new();
        match how.signature {
            Signature::Valid | Signature::Milliseconds | Signature::Forged => {
                headers.extend([("x-signature", signature), ("x-timestamp", unit.to_string())]);
            }
            Signature::Tampered => {
                body.push('\n');
                headers.extend([("x-signature", signature), ("x-timestamp", unit.to_string())]);
            }
            Signature::Secret => headers.push(("x-vapi-secret", WEBHOOK_SECRET.to_owned())),
            Signature::Missing => {}
        }
        Some((headers, body))
    }

    pub(super) fn shown_messages(&self) -> Vec<Value> {
        self.messages.keys().filter_map(|seq| self.shown_message(*seq)).collect()
    }

    fn shown_message(&self, seq: u64) -> Option<Value> {
        let Message { kind, call, status, sent, body: _ } = self.messages.get(&seq)?;
        let answered = if let Sent::Once(answered) = sent { Some(answered) } else { None };
        Some(json!({ "seq": seq, "type": kind, "call": call, "status": status, "answered": answered }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A value made from the published description of the plan.
    #[test]
    fn a_signature_is_as_the_plan_describes_it() {
        let body = concat!(
            r#"{"message":{"type":"end-of-call-report","endedReason":"customer-ended-call","#,
            r#""call":{"id":"0190c0de-0000-7000-8000-000000000001"},"cost":0.12}}"#,
        );
        let expected = "ec16f4c19bf5f067584e084e25c5ce439b5aacb3bac636091f68f095c4032fbc";
        assert_eq!(tag("vapi_shared_secret", 1_790_000_000, body), expected);
    }
}
