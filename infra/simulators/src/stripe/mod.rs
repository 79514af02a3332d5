//! Stripe: customers, checkout sessions, payments with saved cards, refunds, disputes, prices,
//! subscriptions and their items, and the events that tell of them.
//!
//! Reading order: `front` and `routes` (the way of a request), `form` (how it is read),
//! `idempotency`, one file for each kind of object, `acts` (what the outside world does), `courier`
//! (how we are told).

mod account;
mod acts;
mod cards;
mod courier;
mod customers;
mod disputes;
mod events;
mod form;
mod front;
mod idempotency;
mod items;
mod money;
mod payments;
mod prices;
mod refunds;
mod refusal;
mod routes;
mod sessions;
mod subscriptions;
mod table;

use std::fmt;
use std::sync::{Arc, Mutex};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::task::JoinSet;

pub(crate) use account::Account;
pub(crate) use courier::Courier;
pub(crate) use front::Front;

use crate::book::locked;
use courier::Parcel;
use events::Event;

/// Obvious fakes, so that no scanner of leaked secrets takes them for real ones.
pub const API_KEY: &str = "sk_test_simulated";
pub const WEBHOOK_SECRET: &str = "whsec_simulated";

/// The simulator's address and credentials, and the hand that moves the outside world.
#[derive(Clone)]
pub struct Handle {
    pub url: String,
    pub api_key: String,
    pub webhook_secret: String,
    account: Arc<Mutex<Account>>,
    courier: Arc<Courier>,
}

/// Which events to send again, how, and how often.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Deliver {
    /// By id, in this order; none is all that have not been delivered.
    #[serde(default)]
    events: Vec<String>,
    #[serde(default = "once")]
    times: usize,
    /// All at the same moment.
    #[serde(default)]
    together: bool,
    #[serde(default)]
    how: Parcel,
    /// From now on events are kept back until they are asked for, or are not.
    hold: Option<bool>,
}

impl Handle {
    pub(crate) fn new(url: &str, account: Arc<Mutex<Account>>, courier: Arc<Courier>) -> Self {
        Self {
            url: url.to_owned(),
            api_key: API_KEY.to_owned(),
            webhook_secret: WEBHOOK_SECRET.to_owned(),
            account,
            courier,
        }
    }

    /// `{payments:[{id,amount,currency,status,customer,metadata,…}],sessions:[…],customers:[…],
    /// refunds:[…],disputes:[…],subscriptions:[{id,status,customer,items:[{id,price,quantity,…}],…}],
    /// events:[{id,type,delivery,status,…}],requests:[{operation,status,at}]}`
    pub fn state(&self) -> Value {
        let state = locked(&self.account).shown();
        self.courier.wake();
        state
    }

    /// Where events are sent from now on, those that wait included.
    pub fn set_endpoint(&self, url: impl AsRef<str>) {
        self.courier.set_endpoint(url.as_ref());
    }

    /// Objects made from now on are of live mode, or of test mode.
    pub fn set_live(&self, live: bool) {
        let mut account = locked(&self.account);
        account.set_live(live);
        account.book.commit();
    }

    /// `{customer?,card:"ok"|"declined"|"insufficient_funds"|"lost_card"|"authentication_required"|
    /// "processing"}`: what payments with a saved card meet from now on; without a customer, of
    /// everybody whose own was not set.
    pub fn set_card(&self, request: &Value) -> Result<Value, String> {
        let request = parsed(request)?;
        let mut account = locked(&self.account);
        let set = account.card(&request);
        account.book.commit();
        set.map(|()| json!({}))
    }

    /// `{session,outcome:"paid"|"declined"|"async"}`: the customer on the checkout page. One that was
    /// `async` is ended by a second call, as is a payment that is processing, named by its own id.
    /// Answers `{payment_intent,events:[{id,type,status}]}`.
    pub async fn pay(&self, request: Value) -> Result<Value, String> {
        let request = parsed(&request)?;
        let (intent, seqs) = self.act(|account| account.pay(&request))?;
        Ok(json!({ "payment_intent": intent, "events": self.told(&seqs).await }))
    }

    /// `{payment_intent,amount?,outcome?:"succeeded"|"failed"|"pending"}`: somebody at the dashboard,
    /// and the bank. A pending one is ended by a second call without an amount.
    pub async fn refund(&self, request: Value) -> Result<Value, String> {
        let request = parsed(&request)?;
        let ((), seqs) = self.act(|account| account.refund_from_outside(&request))?;
        Ok(json!({ "events": self.told(&seqs).await }))
    }

    /// `{payment_intent,amount?,outcome?:"won"|"lost"}`: without an outcome a dispute is opened; with
    /// one the open dispute ends, and is opened first when there is none.
    pub async fn dispute(&self, request: Value) -> Result<Value, String> {
        let request = parsed(&request)?;
        let ((), seqs) = self.act(|account| account.dispute_from_outside(&request))?;
        Ok(json!({ "events": self.told(&seqs).await }))
    }

    /// What time alone brings about happens, and everything that waits is delivered.
    pub async fn tick(&self) {
        locked(&self.account).come_due();
        self.courier.deliver_pending(&self.account).await;
    }

    /// Sends everything again that has not been delivered, held back or refused, in its order.
    pub async fn redeliver(&self) -> Value {
        let _turn = self.courier.turn().await;
        let seqs = locked(&self.account).undelivered();
        for seq in &seqs {
            self.courier.deliver(&self.account, *seq, &Parcel::default()).await;
        }
        json!({ "events": locked(&self.account).sent(&seqs) })
    }

    /// Sends events as asked: `{events?:[id…],times?,together?,hold?,how?:{signature?:"valid"|"forged"|
    /// "tampered"|"missing"|"rolled"|"old_scheme",signed_s_ago?,api_version?,livemode?,object?:{…}}}`.
    /// `hold` keeps events to come back, until this or [`Self::redeliver`] sends them.
    pub async fn deliver(&self, request: Value) -> Result<Value, String> {
        let request: Deliver = parsed(&request)?;
        if let Some(hold) = request.hold {
            locked(&self.account).hold = hold;
            if request.events.is_empty() {
                return Ok(json!({ "events": [] }));
            }
        }
        let seqs = locked(&self.account).asked(&request.events)?;
        let _turn = self.courier.turn().await;
        let mut sending = JoinSet::new();
        let mut sent = Vec::new();
        for seq in seqs.iter().cycle().take(seqs.len() * request.times).copied() {
            let (account, courier, how) = (self.account.clone(), self.courier.clone(), request.how.clone());
            sending.spawn(async move { (seq, courier.deliver(&account, seq, &how).await) });
            if !request.together {
                sent.extend(sending.join_next().await.and_then(Result::ok));
            }
        }
        while let Some(done) = sending.join_next().await {
            sent.extend(done.ok());
        }
        let account = locked(&self.account);
        let shown = |(seq, status): &(u64, u16)| account.events.by_seq(*seq).map(|event| told(event, *status));
        Ok(json!({ "events": sent.iter().filter_map(shown).collect::<Vec<_>>() }))
    }

    /// Lets the outside world act, and answers which events came of it.
    fn act<T>(&self, act: impl FnOnce(&mut Account) -> Result<T, String>) -> Result<(T, Vec<u64>), String> {
        let mut account = locked(&self.account);
        account.catch_up();
        let before = account.last_event();
        let done = act(&mut account);
        account.book.commit();
        Ok((done?, account.events_after(before)))
    }

    async fn told(&self, seqs: &[u64]) -> Vec<Value> {
        self.courier.deliver_pending(&self.account).await;
        locked(&self.account).sent(seqs)
    }
}

impl Account {
    fn last_event(&self) -> u64 {
        self.events.iter().next_back().map_or(0, |event| event.head.seq)
    }

    fn events_after(&self, seq: u64) -> Vec<u64> {
        self.events.iter().map(|event| event.head.seq).filter(|it| *it > seq).collect()
    }

    fn undelivered(&self) -> Vec<u64> {
        self.events.iter().filter(|event| !event.is_delivered()).map(|event| event.head.seq).collect()
    }

    fn asked(&self, ids: &[String]) -> Result<Vec<u64>, String> {
        if ids.is_empty() {
            return Ok(self.undelivered());
        }
        let seq = |id: &String| self.events.get(id).map(|event| event.head.seq);
        ids.iter().map(|id| seq(id).ok_or_else(|| format!("events: there is no {id}"))).collect()
    }

    fn sent(&self, seqs: &[u64]) -> Vec<Value> {
        seqs.iter().filter_map(|seq| self.events.by_seq(*seq)).map(|event| told(event, event.status)).collect()
    }
}

fn told(event: &Event, status: u16) -> Value {
    json!({ "id": event.head.id, "type": event.kind, "status": status })
}

fn parsed<T: DeserializeOwned>(request: &Value) -> Result<T, String> {
    T::deserialize(request).map_err(|error| error.to_string())
}

fn once() -> usize {
    1
}

impl fmt::Debug for Handle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Handle").field("url", &self.url).finish_non_exhaustive()
    }
}
