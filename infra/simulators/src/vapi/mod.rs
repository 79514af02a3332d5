//! Vapi: assistants, and the phone numbers and SIP addresses they answer.
//!
//! Reading order: `routes` (which request is which), `numbers`, `others` (assistants, credentials,
//! calls), `query` (what a list asks for), `pool` (what is sold), `invite` (a SIP call arrives), `courier` (what a
//! server is told).

mod courier;
mod invite;
mod numbers;
mod others;
mod pool;
mod query;
mod refusal;
mod routes;
mod shape;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Notify;

pub use courier::Callee;
pub(crate) use courier::Courier;

use crate::book::{Book, locked};
use crate::collection::{Collection, Resource};
use crate::stock::{Delivery, StockLine};
use crate::time::iso_ms;
use crate::twilio::Account;
use courier::{Deliver, Message};
use pool::Pool;

/// Where Twilio is told to bring the calls of numbers that are taken over.
pub(crate) const PUBLIC_BASE: &str = "https://api.vapi.ai";
/// An obvious fake.
pub const API_KEY: &str = "vapi-local-fake-key";
pub const WEBHOOK_SECRET: &str = "vapi-local-fake-secret";

/// One organization and all it has.
pub(crate) struct Org {
    pub(crate) book: Book,
    id: String,
    numbers: Collection,
    assistants: Collection,
    credentials: Collection,
    calls: Collection,
    pool: Pool,
    /// What the server is to be told, by its order, and the sign that there is more of it.
    messages: BTreeMap<u64, Message>,
    told: Arc<Notify>,
    /// Messages that happen now are kept back.
    hold: bool,
    /// What somebody does who is called by an assistant.
    callee: Callee,
    manner: Manner,
    /// Importing a number reaches over and rewrites its webhooks. Locked after the organization,
    /// never before it.
    twilio: Arc<Mutex<Account>>,
}

/// How numbers of its own are sold, as nobody outside knows it for sure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Manner {
    /// So many an organization may hold.
    pub most: usize,
    /// How long a new one takes to be usable.
    pub activation_s: i64,
    /// When it is told which number it is.
    pub tells: Tells,
}

/// When it is told which number a new one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tells {
    /// In the answer to the order.
    AtOnce,
    /// To whoever asks after that.
    Afterwards,
    /// Once it is usable.
    WhenActive,
}

impl Default for Manner {
    fn default() -> Self {
        Self { most: 5, activation_s: 120, tells: Tells::Afterwards }
    }
}

/// The simulator's address and credential.
#[derive(Clone)]
pub struct Handle {
    pub url: String,
    pub api_key: String,
    /// Of the HMAC plan, and of the older header.
    pub webhook_secret: String,
    org: Arc<Mutex<Org>>,
    courier: Arc<Courier>,
}

impl Org {
    pub(crate) fn open(mut book: Book, stock: &[StockLine], twilio: Arc<Mutex<Account>>) -> io::Result<Self> {
        let id = uuid::Builder::from_random_bytes(book.bits("org", 0).to_be_bytes()).into_uuid().to_string();
        let pool = Pool::open(&mut book, stock)?;
        book.commit();
        Ok(Self {
            id,
            numbers: Collection::open(&book, "number")?,
            assistants: Collection::open(&book, "assistant")?,
            credentials: Collection::open(&book, "credential")?,
            calls: Collection::open(&book, "call")?,
            pool,
            messages: Self::messages_of(&book)?,
            told: Arc::default(),
            hold: false,
            manner: book.rows("manner")?.into_iter().map(|(_, manner)| manner).next().unwrap_or_default(),
            callee: book.rows("callee")?.into_iter().map(|(_, callee)| callee).next().unwrap_or_default(),
            twilio,
            book,
        })
    }

    fn wire(&self, resource: &Resource) -> Value {
        let mut wire = resource.fields.clone();
        wire.insert("id".to_owned(), json!(resource.id));
        wire.insert("orgId".to_owned(), json!(self.id));
        wire.insert("createdAt".to_owned(), json!(iso_ms(resource.created)));
        wire.insert("updatedAt".to_owned(), json!(iso_ms(resource.updated)));
        Value::Object(wire)
    }

    fn shown(&self) -> Value {
        let numbers = self.numbers.iter().map(|number| self.shown_number(number));
        let named =
            |it: &Resource| json!({ "id": it.id, "name": it.text("name"), "created_at": it.created.to_string() });
        let call = |it: &Resource| {
            json!({
                "id": it.id,
                "type": it.text("type"),
                "status": it.text("status"),
                "agent": it.text("assistantId"),
                "number": it.text("phoneNumberId"),
                "created_at": it.created.to_string(),
            })
        };
        json!({
            "numbers": numbers.collect::<Vec<_>>(),
            "assistants": self.assistants.iter().map(named).collect::<Vec<_>>(),
            "credentials": self.credentials.iter().map(named).collect::<Vec<_>>(),
            "calls": self.calls.iter().map(call).collect::<Vec<_>>(),
            "messages": self.shown_messages(),
            "requests": self.book.shown_requests(),
        })
    }
}

impl Handle {
    pub(crate) fn new(url: &str, org: Arc<Mutex<Org>>, courier: Arc<Courier>) -> Self {
        let (api_key, webhook_secret) = (API_KEY.to_owned(), WEBHOOK_SECRET.to_owned());
        Self { url: url.to_owned(), api_key, webhook_secret, org, courier }
    }

    /// Where messages about calls are sent from now on, those that wait included.
    pub fn set_endpoint(&self, url: impl AsRef<str>) {
        self.courier.set_endpoint(url.as_ref());
    }

    /// From now on whoever is called by an assistant does this.
    pub fn set_callee(&self, callee: Callee) {
        let mut org = locked(&self.org);
        org.callee = callee;
        org.book.put("callee", String::new(), &callee);
        org.book.commit();
    }

    /// From now on numbers of its own are sold in this way.
    pub fn set_manner(&self, manner: Manner) {
        let mut org = locked(&self.org);
        org.manner = manner;
        org.book.put("manner", String::new(), &manner);
        org.book.commit();
    }

    /// Somebody calls a number of its own, or a carrier brings a call to one by the trunk it was made known with; answers the
    /// assistant that took it.
    pub fn ring(&self, e164: &str, caller: &str) -> Option<String> {
        locked(&self.org).ring(e164, caller)
    }

    /// Everything that waits is delivered.
    pub async fn tick(&self) {
        self.courier.deliver_pending(&self.org).await;
    }

    /// Sends messages as asked: `{messages?:[seq…],signature?:"valid"|"milliseconds"|"secret"|"forged"|"tampered"|
    /// "missing",signed_s_ago?,hold?}`. `hold` keeps messages to come back, until this sends them.
    pub async fn deliver(&self, request: &Value) -> Result<Value, String> {
        let request = Deliver::deserialize(request).map_err(|error| error.to_string())?;
        self.courier.deliver(&self.org, &request).await
    }

    /// How often a number came, changed or went since the start.
    pub fn numbers_changed(&self) -> u64 {
        locked(&self.org).book.numbers_changed()
    }

    /// `{numbers:[{id,e164,name,agent,created_at,…}],requests:[{operation,status,at}],…}`; a SIP
    /// number has `e164: null` and `sip_uri`.
    pub fn state(&self) -> Value {
        locked(&self.org).shown()
    }

    /// Numbers for Vapi to sell itself: `{e164:[…]}` or `{country:"US",type:"local",area_code,count}`.
    pub fn stock(&self, request: &Value) -> Result<Value, String> {
        let delivery = Delivery::parse(request)?;
        let mut org = locked(&self.org);
        let Org { book, pool, .. } = &mut *org;
        let stocked = pool.stock(book, delivery);
        book.commit();
        stocked
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Handle").field("url", &self.url).finish_non_exhaustive()
    }
}
