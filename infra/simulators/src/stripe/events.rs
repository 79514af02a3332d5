//! Events: what happened, as it was at that moment, and whether anybody has been told.
//!
//! How they are sent is in `courier`.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::account::{Account, instant};
use super::form::{Form, Type};
use super::refusal::Refusal;
use super::table::{Head, LIST, Object};
use crate::server::Call;

/// The version the endpoint was made with; events are rendered in it, whatever a request asks for.
pub(super) const API_VERSION: &str = "2026-10-28.endive";

/// Older ones are not to be had any more.
const KEPT_S: i64 = 30 * 24 * 60 * 60;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Delivery {
    /// Not sent yet.
    Pending,
    /// Kept back on purpose.
    Held,
    Delivered,
    /// Sent, and not answered with 2xx.
    Failed,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Event {
    pub(super) head: Head,
    pub(super) kind: String,
    pub(super) object: Value,
    /// The request that caused it, and its key.
    pub(super) origin: Option<(String, Option<String>)>,
    pub(super) delivery: Delivery,
    /// What our endpoint last answered; 0 is nothing.
    pub(super) status: u16,
}

pub(super) fn get(account: &Account, id: &str) -> Result<Value, Refusal> {
    let event = account.events.get(id).filter(|event| is_kept(event, account));
    event.map(Event::wire).ok_or_else(|| Refusal::no_such(Event::NAME, id, None))
}

pub(super) fn list(account: &Account, call: &Call) -> Result<Value, Refusal> {
    let own = [("type", Type::Text), ("types[#]", Type::Text), ("delivery_success", Type::Flag)];
    let form = Form::of_query(call, &[LIST, &own].concat())?;
    let types = form.each("types");
    let asked = |event: &Event| {
        is_kept(event, account)
            && form.text("type").is_none_or(|kind| kind == event.kind)
            && (types.is_empty() || types.contains(&event.kind.as_str()))
            && form.flag("delivery_success").is_none_or(|wanted| wanted == event.is_delivered())
    };
    account.events.page(&form, "/v1/events", asked)
}

fn is_kept(event: &Event, account: &Account) -> bool {
    account.book.now().as_second() - event.head.created <= KEPT_S
}

impl Account {
    pub(super) fn emit(&mut self, kind: &str, object: Value) {
        let event = Event {
            head: self.head::<Event>(),
            kind: kind.to_owned(),
            object,
            origin: self.origin.clone(),
            delivery: if self.hold { Delivery::Held } else { Delivery::Pending },
            status: 0,
        };
        self.keep_event(event);
    }

    pub(super) fn keep_event(&mut self, event: Event) {
        match event.delivery {
            Delivery::Pending => self.pending.insert(event.head.seq),
            Delivery::Held | Delivery::Delivered | Delivery::Failed => self.pending.remove(&event.head.seq),
        };
        self.events.keep(&mut self.book, event);
    }
}

impl Event {
    pub(super) fn is_delivered(&self) -> bool {
        self.delivery == Delivery::Delivered
    }

    pub(super) fn shown(&self) -> Value {
        json!({
            "id": self.head.id,
            "type": self.kind,
            "object": self.object["id"],
            "delivery": self.delivery,
            "status": self.status,
            "created_at": instant(self.head.created),
        })
    }
}

impl Object for Event {
    const NAME: &'static str = "event";
    const PREFIX: &'static str = "evt";

    fn head(&self) -> &Head {
        &self.head
    }

    fn wire(&self) -> Value {
        let (request, key) = self.origin.clone().unzip();
        json!({
            "id": self.head.id,
            "object": "event",
            "api_version": API_VERSION,
            "created": self.head.created,
            "type": self.kind,
            "livemode": self.head.live,
            "pending_webhooks": u8::from(!self.is_delivered()),
            "request": { "id": request, "idempotency_key": key.flatten() },
            "data": { "object": self.object },
        })
    }
}
