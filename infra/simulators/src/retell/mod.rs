//! Retell: agents, the phone numbers they take and make calls with, and calls.
//!
//! Reading order: `routes` (which request is which), `shape` (how a body is read), `numbers`, `agents`, `calls` (those that
//! arrive by SIP included), `pages`, `events` and `courier` (how we are told of calls).

mod agents;
mod calls;
mod courier;
mod events;
mod numbers;
mod pages;
mod refusal;
mod routes;
mod shape;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

pub(crate) use courier::Courier;

use crate::book::{Book, locked};
use crate::collection::{Collection, Resource};
use events::Event;

/// Obvious fakes.
pub const API_KEY: &str = "retell-local-fake-key";
/// The key that signs, which need not be the one that calls.
pub const WEBHOOK_KEY: &str = "retell-local-fake-webhook-key";

/// One workspace and all it has.
pub(crate) struct Workspace {
    pub(crate) book: Book,
    numbers: Collection,
    agents: Collection,
    calls: Collection,
    /// By their order.
    events: BTreeMap<u64, Event>,
    courier: Arc<Courier>,
}

/// The simulator's address and credentials.
#[derive(Clone)]
pub struct Handle {
    pub url: String,
    pub api_key: String,
    pub webhook_key: String,
    workspace: Arc<Mutex<Workspace>>,
    courier: Arc<Courier>,
}

impl Workspace {
    pub(crate) fn open(book: Book, courier: Arc<Courier>) -> io::Result<Self> {
        Ok(Self {
            numbers: Collection::open(&book, "number")?,
            agents: Collection::open(&book, "agent")?,
            calls: Collection::open(&book, "call")?,
            events: book.rows::<Event>("event")?.into_iter().map(|(_, event)| (event.seq, event)).collect(),
            courier,
            book,
        })
    }

    fn shown(&self) -> Value {
        let agent =
            |it: &Resource| json!({ "id": it.id, "name": it.text("agent_name"), "created_at": it.created.to_string() });
        json!({
            "numbers": self.numbers.iter().map(numbers::shown).collect::<Vec<_>>(),
            "agents": self.agents.iter().map(agent).collect::<Vec<_>>(),
            "calls": self.calls.iter().map(|call| self.shown_call(call)).collect::<Vec<_>>(),
            "events": self.events.values().map(Event::shown).collect::<Vec<_>>(),
            "requests": self.book.shown_requests(),
        })
    }
}

impl Handle {
    pub(crate) fn new(url: &str, workspace: Arc<Mutex<Workspace>>, courier: Arc<Courier>) -> Self {
        Self {
            url: url.to_owned(),
            api_key: API_KEY.to_owned(),
            webhook_key: WEBHOOK_KEY.to_owned(),
            workspace,
            courier,
        }
    }

    /// How often a number came, changed or went since the start.
    pub fn numbers_changed(&self) -> u64 {
        locked(&self.workspace).book.numbers_changed()
    }

    /// `{numbers:[{id,e164,name,agent,created_at,…}],agents:[{id,name,created_at}],calls:[{id,status,agent,…}],
    /// events:[{id,type,call,delivery,status,tries}],requests:[{operation,status,at}]}`
    pub fn state(&self) -> Value {
        locked(&self.workspace).shown()
    }

    /// Where the account's events are sent from now on, those that wait included.
    pub fn set_endpoint(&self, url: impl AsRef<str>) {
        self.courier.set_endpoint(url.as_ref());
    }

    /// Everything that waits is delivered.
    pub async fn tick(&self) {
        self.courier.deliver_pending(&self.workspace).await;
    }

    /// Sends an event of a call once more, with the same body and a new signature: what a retry looks like when the answer
    /// to the first try was lost. Answers the HTTP status it was met with, 0 for none.
    pub async fn repeat(&self, call_id: &str, event: &str) -> Result<u16, String> {
        let message = locked(&self.workspace).message_of(call_id, event);
        let message = message.ok_or_else(|| format!("no {event} of {call_id}"))?;
        self.courier.deliver(message).await.ok_or_else(|| "there is no endpoint".to_owned())
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Handle").field("url", &self.url).finish_non_exhaustive()
    }
}
