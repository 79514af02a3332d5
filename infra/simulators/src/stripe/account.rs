//! What one Stripe account holds, and how it is kept.
//!
//! What happens to an object is told beside it: `customers`, `sessions`, `payments`, `refunds`,
//! `disputes`, `prices`, `subscriptions`, `items`, `events`.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::cards::Card;
use super::customers::{Customer, Method};
use super::disputes::Dispute;
use super::events::{Delivery, Event};
use super::form::Form;
use super::idempotency::Stored;
use super::payments::{Charge, Intent};
use super::prices::Price;
use super::refunds::Refund;
use super::refusal::Refusal;
use super::sessions::Session;
use super::subscriptions::Subscription;
use super::table::{Head, Object, Table};
use crate::book::Book;

/// Whose card behaves so when nothing is said of a customer's own.
const EVERYBODY: &str = "";

const EXPAND_DEPTH_MAX: usize = 4;

pub(crate) struct Account {
    pub(crate) book: Book,
    pub(super) customers: Table<Customer>,
    pub(super) methods: Table<Method>,
    pub(super) sessions: Table<Session>,
    pub(super) intents: Table<Intent>,
    pub(super) charges: Table<Charge>,
    pub(super) refunds: Table<Refund>,
    pub(super) disputes: Table<Dispute>,
    pub(super) prices: Table<Price>,
    pub(super) subscriptions: Table<Subscription>,
    pub(super) events: Table<Event>,
    /// Of the events, those that wait to be sent.
    pub(super) pending: BTreeSet<u64>,
    /// Answers given before, by their key.
    pub(super) answers: BTreeMap<String, Stored>,
    cards: BTreeMap<String, Card>,
    live: bool,
    /// Events to come are kept back.
    pub(super) hold: bool,
    /// The request being answered and its key; none while the outside world acts.
    pub(super) origin: Option<(String, Option<String>)>,
}

impl Account {
    pub(crate) fn open(book: Book) -> io::Result<Self> {
        let events: Table<Event> = Table::open(&book)?;
        let waits = |event: &&Event| event.delivery == Delivery::Pending;
        Ok(Self {
            customers: Table::open(&book)?,
            methods: Table::open(&book)?,
            sessions: Table::open(&book)?,
            intents: Table::open(&book)?,
            charges: Table::open(&book)?,
            refunds: Table::open(&book)?,
            disputes: Table::open(&book)?,
            prices: Table::open(&book)?,
            subscriptions: Table::open(&book)?,
            pending: events.iter().filter(waits).map(|event| event.head.seq).collect(),
            events,
            answers: book.rows("answer")?.into_iter().collect(),
            cards: book.rows("card")?.into_iter().collect(),
            live: book.rows::<bool>("live")?.into_iter().any(|(_, live)| live),
            hold: false,
            origin: None,
            book,
        })
    }

    pub(super) fn head<T: Object>(&mut self) -> Head {
        Head::next::<T>(&mut self.book, self.live)
    }

    /// What time alone has brought about since the last time somebody asked.
    pub(super) fn catch_up(&mut self) {
        self.expire_due();
        self.renew_due();
    }

    /// As [`Self::catch_up`], when no request is there to commit it.
    pub(super) fn come_due(&mut self) {
        self.catch_up();
        self.book.commit();
    }

    pub(super) fn set_live(&mut self, live: bool) {
        self.live = live;
        self.book.put("live", String::new(), &live);
    }

    /// Of one customer, or of everybody whose own was not set.
    pub(super) fn set_card(&mut self, customer: Option<&str>, card: Card) -> Result<(), String> {
        if let Some(id) = customer.filter(|id| self.customers.get(id).is_none()) {
            return Err(format!("customer: there is no {id}"));
        }
        let owner = customer.unwrap_or(EVERYBODY).to_owned();
        self.book.put("card", owner.clone(), &card);
        self.cards.insert(owner, card);
        Ok(())
    }

    pub(super) fn card_of(&self, customer: Option<&str>) -> Card {
        let own = customer.and_then(|id| self.cards.get(id));
        own.or_else(|| self.cards.get(EVERYBODY)).copied().unwrap_or_default()
    }

    /// An answer with the objects in place of the ids that `expand` names; paths that lead nowhere
    /// are refused.
    pub(super) fn expanded(&self, mut wire: Value, form: &Form) -> Result<Value, Refusal> {
        for path in form.each("expand") {
            let mut place = &mut wire;
            for field in path.split('.').take(EXPAND_DEPTH_MAX) {
                place = place.get_mut(field).ok_or_else(|| {
                    let message = format!("This property cannot be expanded ({path}).");
                    Refusal::invalid(message).with("param", "expand")
                })?;
                if let Some(object) = place.as_str().and_then(|id| self.object(id)) {
                    *place = object;
                }
            }
        }
        Ok(wire)
    }

    fn object(&self, id: &str) -> Option<Value> {
        match id.split('_').next().unwrap_or_default() {
            Customer::PREFIX => self.customers.get(id).map(Object::wire),
            Method::PREFIX => self.methods.get(id).map(Object::wire),
            Intent::PREFIX => self.intents.get(id).map(Object::wire),
            Charge::PREFIX => self.charges.get(id).map(Object::wire),
            _ => None,
        }
    }

    /// As the control surface shows it; oldest first.
    pub(super) fn shown(&mut self) -> Value {
        self.come_due();
        let charge = |intent: &Intent| intent.latest_charge.as_deref().and_then(|id| self.charges.get(id));
        let method = |method: &Method| json!({ "id": method.head.id, "customer": method.customer });
        json!({
            "payments": self.intents.iter().map(|it| it.shown(charge(it))).collect::<Vec<_>>(),
            "sessions": self.sessions.iter().map(Session::shown).collect::<Vec<_>>(),
            "customers": self.customers.iter().map(Customer::shown).collect::<Vec<_>>(),
            "payment_methods": self.methods.iter().map(method).collect::<Vec<_>>(),
            "refunds": self.refunds.iter().map(Refund::shown).collect::<Vec<_>>(),
            "disputes": self.disputes.iter().map(Dispute::shown).collect::<Vec<_>>(),
            "subscriptions": self.subscriptions.iter().map(Subscription::shown).collect::<Vec<_>>(),
            "events": self.events.iter().map(Event::shown).collect::<Vec<_>>(),
            "requests": self.book.shown_requests(),
        })
    }
}

/// Unix seconds as the control surface writes an instant.
pub(super) fn instant(seconds: i64) -> String {
    Timestamp::from_second(seconds).unwrap_or_default().to_string()
}
