//! What we are told of calls: `call_started` of one that was answered, `call_ended` and `call_analyzed` of every one.
//!
//! An agent with an endpoint of its own has them sent there, and not to the account's. How they are sent is in `courier`.

use aws_lc_rs::hmac;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::courier::Message;
use super::{WEBHOOK_KEY, Workspace};

/// Retell tries three times again.
const TRIES_MAX: u32 = 4;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Event {
    pub(super) seq: u64,
    kind: String,
    call_id: String,
    /// An agent's own endpoint.
    url: Option<String>,
    /// The same on every try.
    body: String,
    delivery: Delivery,
    tries: u32,
    /// What was last answered; 0 is nothing.
    status: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Delivery {
    Pending,
    Delivered,
    Failed,
}

impl Event {
    pub(super) fn shown(&self) -> Value {
        json!({
            "id": format!("evt_{}", self.seq), "type": self.kind, "call": self.call_id, "delivery": self.delivery,
            "status": self.status, "tries": self.tries,
        })
    }

    /// Signed anew each time.
    fn message(&self, now_ms: i64) -> Message {
        let signature = signature(WEBHOOK_KEY, now_ms, &self.body);
        Message { url: self.url.clone(), body: self.body.clone(), signature }
    }
}

impl Workspace {
    /// The call as it is now goes to whoever wants to know.
    pub(super) fn tell(&mut self, kind: &str, call_id: &str) {
        let Some(call) = self.calls.get(call_id) else { return };
        let agent = call.text("agent_id").and_then(|id| self.agents.get(id));
        let url = agent.and_then(|agent| agent.text("webhook_url")).map(str::to_owned);
        let body = json!({ "event": kind, "call": self.call_wire(call) }).to_string();
        let (kind, call_id) = (kind.to_owned(), call_id.to_owned());
        let seq = self.book.next("event");
        self.keep_event(Event { seq, kind, call_id, url, body, delivery: Delivery::Pending, tries: 0, status: 0 });
        self.courier.wake();
    }

    pub(super) fn message_of(&self, call_id: &str, kind: &str) -> Option<Message> {
        let event = self.events.values().find(|event| event.call_id == call_id && event.kind == kind)?;
        Some(event.message(self.book.now().as_millisecond()))
    }

    fn keep_event(&mut self, event: Event) {
        self.book.put("event", format!("{:020}", event.seq), &event);
        self.events.insert(event.seq, event);
    }

    /// The first that waits, by its place, as it is to be sent now.
    pub(super) fn next_message(&self) -> Option<(u64, Message)> {
        let event = self.events.values().find(|event| event.delivery == Delivery::Pending)?;
        Some((event.seq, event.message(self.book.now().as_millisecond())))
    }

    /// What the endpoint answered; 0 is nothing.
    pub(super) fn was_sent(&mut self, place: u64, status: u16) {
        let Some(mut event) = self.events.get(&place).cloned() else { return };
        event.tries += 1;
        event.status = status;
        event.delivery = match event.delivery {
            Delivery::Pending if (200..300).contains(&status) => Delivery::Delivered,
            Delivery::Pending if event.tries >= TRIES_MAX => Delivery::Failed,
            as_it_was => as_it_was,
        };
        self.keep_event(event);
        self.book.commit();
    }
}

/// HMAC-SHA256 over the raw body and, right behind it, the time in milliseconds.
fn signature(key: &str, at_ms: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    let tag = hmac::sign(&key, format!("{body}{at_ms}").as_bytes());
    let digest: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("v={at_ms},d={digest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made and checked with the official library.
    #[test]
    fn a_signature_is_that_of_the_official_library() {
        let body = r#"{"event":"call_ended","call":{"call_id":"call_1","agent_id":"agent_1","call_status":"ended","duration_ms":61000}}"#;
        let expected = "v=1790000000123,d=a5e8878997e089df4862c541f18fc5c7e84f1912d71776ccd6c7b687477ea994";
        assert_eq!(signature("key_shared_1", 1_790_000_000_123, body), expected);
    }
}
