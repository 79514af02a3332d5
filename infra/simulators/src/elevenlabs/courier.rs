//! Sending what becomes of calls to the workspace's webhook: signed with its secret, in their order,
//! once. What is not taken is not sent again.

use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Workspace;
use super::rows::{Head, Row};
use crate::book::locked;
use crate::post::{Post, Round, tag};
use crate::twilio::webhook::Routes;

#[derive(Debug)]
pub(crate) struct Courier(Arc<Post>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Delivery {
    Pending,
    Delivered,
    Failed,
}

/// Something to be told, with the very bytes that tell it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Event {
    head: Head,
    kind: String,
    conversation: String,
    body: String,
    delivery: Delivery,
    status: u16,
}

impl Row for Event {
    const KIND: &'static str = "event";
    const PREFIX: &'static str = "evt";

    fn head(&self) -> &Head {
        &self.head
    }
}

impl Event {
    pub(super) fn pending(head: Head, kind: &str, conversation: &str, body: String) -> Self {
        let (kind, conversation) = (kind.to_owned(), conversation.to_owned());
        Self { head, kind, conversation, body, delivery: Delivery::Pending, status: 0 }
    }

    pub(super) fn shown(&self) -> Value {
        json!({ "type": self.kind, "call": self.conversation, "delivery": self.delivery, "status": self.status })
    }
}

/// A request to the endpoint.
struct Message {
    event: String,
    url: String,
    signature: String,
    body: String,
}

impl Courier {
    pub(crate) fn new(routes: Routes) -> Self {
        Self(Arc::new(Post::new(routes)))
    }

    /// Delivers what calls cause, for as long as the answer is kept.
    pub(crate) fn begin(self: &Arc<Self>, workspace: Arc<Mutex<Workspace>>) -> Round {
        let courier = self.clone();
        Round::begin(self.0.wanted(), move || {
            let (courier, workspace) = (courier.clone(), workspace.clone());
            async move { courier.deliver_pending(&workspace).await }
        })
    }

    pub(super) fn wake(&self) {
        self.0.wake();
    }

    /// Everything that waits. Without an endpoint it goes on waiting.
    pub(super) async fn deliver_pending(&self, workspace: &Mutex<Workspace>) {
        let _turn = self.0.turn().await;
        loop {
            let Some(message) = locked(workspace).next_message() else { return };
            let event = message.event.clone();
            let status = self.send(message).await;
            locked(workspace).was_sent(&event, status);
        }
    }

    pub(super) async fn repeat(&self, workspace: &Mutex<Workspace>, conversation: &str) -> Result<u16, String> {
        let _turn = self.0.turn().await;
        let message = {
            let workspace = locked(workspace);
            let last = workspace.events.iter().rev().find(|event| event.conversation == conversation);
            let last = last.ok_or_else(|| format!("nothing was told of {conversation}"))?;
            workspace.message(last).ok_or("there is no endpoint")?
        };
        Ok(self.send(message).await)
    }

    async fn send(&self, message: Message) -> u16 {
        let headers = vec![("User-Agent", "ElevenLabs".to_owned()), ("ElevenLabs-Signature", message.signature)];
        self.0.send(&message.url, headers, message.body).await
    }
}

impl Workspace {
    fn next_message(&self) -> Option<Message> {
        self.message(self.events.iter().find(|event| event.delivery == Delivery::Pending)?)
    }

    fn message(&self, event: &Event) -> Option<Message> {
        let endpoint = self.endpoint()?;
        let at = self.book.now().as_second();
        Some(Message {
            event: event.head.id.clone(),
            url: endpoint.url.clone(),
            signature: format!("t={at},v0={}", tag(&endpoint.secret, at, &event.body)),
            body: event.body.clone(),
        })
    }

    fn was_sent(&mut self, event: &str, status: u16) {
        let Some(event) = self.events.get(event).cloned() else { return };
        let delivery = if status == 200 { Delivery::Delivered } else { Delivery::Failed };
        self.events.keep(&mut self.book, Event { delivery, status, ..event });
        self.endpoint_answered(status);
        self.book.commit();
    }
}
