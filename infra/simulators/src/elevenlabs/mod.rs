//! ElevenLabs: agents, the phone numbers they answer, their calls, and the webhook that tells how a
//! call went.
//!
//! Reading order: `routes` (which request is which), `numbers` and `trunks`, `agents`, `calls` (those
//! that are made or registered), `arrivals` (those that come in), `conversations` (what is kept of
//! either), `webhooks` and `courier` (how we are told), `rows` and `body` (how things are kept and
//! read).

mod agents;
mod arrivals;
mod body;
mod calls;
mod conversations;
mod courier;
mod numbers;
mod refusal;
mod routes;
mod rows;
mod trunks;
mod webhooks;

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

pub(crate) use arrivals::is_at_elevenlabs;
pub(crate) use courier::Courier;

use crate::book::{Book, locked};
use crate::twilio::Account;
use agents::Agent;
use conversations::Conversation;
use courier::Event;
use numbers::Number;
use rows::Rows;
use webhooks::Webhook;

/// Obvious fakes, so that no scanner of leaked secrets takes them for real ones.
pub const API_KEY: &str = "sk_elevenlabs_simulated";
pub const WEBHOOK_SECRET: &str = "wsec_simulated";

/// Where the real one takes calls of numbers it has taken over at Twilio.
pub(crate) const PUBLIC_BASE: &str = "https://api.us.elevenlabs.io";

/// One workspace and all it has.
pub(crate) struct Workspace {
    pub(crate) book: Book,
    numbers: Rows<Number>,
    agents: Rows<Agent>,
    conversations: Rows<Conversation>,
    webhooks: Rows<Webhook>,
    events: Rows<Event>,
    courier: Arc<Courier>,
    /// Importing a number reaches over and rewrites its webhooks. Locked after the workspace, never
    /// before it.
    twilio: Arc<Mutex<Account>>,
}

/// The simulator's address and credentials, and the hand that moves the outside world.
#[derive(Clone)]
pub struct Handle {
    pub url: String,
    pub api_key: String,
    /// Of the webhook that [`Self::set_endpoint`] sets.
    pub webhook_secret: String,
    workspace: Arc<Mutex<Workspace>>,
    courier: Arc<Courier>,
}

impl Workspace {
    pub(crate) fn open(book: Book, courier: Arc<Courier>, twilio: Arc<Mutex<Account>>) -> io::Result<Self> {
        Ok(Self {
            numbers: Rows::open(&book)?,
            agents: Rows::open(&book)?,
            conversations: Rows::open(&book)?,
            webhooks: Rows::open(&book)?,
            events: Rows::open(&book)?,
            courier,
            twilio,
            book,
        })
    }

    fn shown(&self) -> Value {
        json!({
            "numbers": self.numbers.iter().map(Number::shown).collect::<Vec<_>>(),
            "agents": self.agents.iter().map(Agent::shown).collect::<Vec<_>>(),
            "calls": self.conversations.iter().map(Conversation::shown).collect::<Vec<_>>(),
            "events": self.events.iter().map(Event::shown).collect::<Vec<_>>(),
            "requests": self.book.shown_requests(),
        })
    }
}

impl Handle {
    pub(crate) fn new(url: &str, workspace: Arc<Mutex<Workspace>>, courier: Arc<Courier>) -> Self {
        Self {
            url: url.to_owned(),
            api_key: API_KEY.to_owned(),
            webhook_secret: WEBHOOK_SECRET.to_owned(),
            workspace,
            courier,
        }
    }

    /// How often a number came, changed or went since the start.
    pub fn numbers_changed(&self) -> u64 {
        locked(&self.workspace).book.numbers_changed()
    }

    /// `{numbers:[{id,e164,name,agent,provider,created_at}],agents:[{id,name,created_at}],
    /// calls:[{id,status,agent,number,direction,created_at,…}],events:[{type,call,delivery,status}],
    /// requests:[{operation,status,at}]}`
    pub fn state(&self) -> Value {
        locked(&self.workspace).shown()
    }

    /// Where the workspace's webhook sends what becomes of calls from now on, what waits included.
    pub fn set_endpoint(&self, url: impl AsRef<str>) {
        let mut workspace = locked(&self.workspace);
        webhooks::set_endpoint(&mut workspace, url.as_ref());
        workspace.book.commit();
        self.courier.wake();
    }

    /// Sends everything that waits, in its order, and answers `{events:[{type,call,delivery,status}]}`:
    /// all there have been.
    pub async fn deliver(&self) -> Value {
        self.courier.deliver_pending(&self.workspace).await;
        let workspace = locked(&self.workspace);
        json!({ "events": workspace.events.iter().map(Event::shown).collect::<Vec<_>>() })
    }

    /// Sends what was last told of a call once more, with a new time: delivery does not promise once.
    /// Answers the HTTP status it was met with, 0 for none.
    pub async fn repeat(&self, conversation: &str) -> Result<u16, String> {
        self.courier.repeat(&self.workspace, conversation).await
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Handle").field("url", &self.url).finish_non_exhaustive()
    }
}
