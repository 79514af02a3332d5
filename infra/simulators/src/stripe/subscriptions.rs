//! Subscriptions: what a customer pays with every period, until it is cancelled.
//!
//! No invoice is made and no card asked: a subscription is active from its first moment, and each
//! period follows the one before it. What it consists of is in `items`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::account::{Account, instant};
use super::form::{Form, Params, Type};
use super::items::{Item, PRORATIONS, Wanted, admit};
use super::refusal::Refusal;
use super::table::{Head, Object};
use crate::server::Call;

/// How a first payment that fails is to be taken; here none fails.
pub(super) const PAYMENT_BEHAVIORS: Type =
    Type::OneOf(&["allow_incomplete", "default_incomplete", "error_if_incomplete", "pending_if_incomplete"]);

const FIELDS: Params = &[
    ("collection_method", Type::OneOf(&["charge_automatically", "send_invoice"])),
    ("customer", Type::Text),
    ("default_payment_method", Type::Text),
    ("description", Type::Text),
    ("expand[#]", Type::Text),
    ("items[#][metadata][*]", Type::Clearable),
    ("items[#][price]", Type::Text),
    ("items[#][quantity]", Type::Integer),
    ("metadata", Type::Clearable),
    ("metadata[*]", Type::Clearable),
    ("off_session", Type::Flag),
    ("payment_behavior", PAYMENT_BEHAVIORS),
    ("proration_behavior", PRORATIONS),
];
const CANCEL: Params = &[
    ("cancellation_details[comment]", Type::Clearable),
    (
        "cancellation_details[feedback]",
        Type::OneOf(&[
            "customer_service",
            "low_quality",
            "missing_features",
            "other",
            "switched_service",
            "too_complex",
            "too_expensive",
            "unused",
        ]),
    ),
    ("expand[#]", Type::Text),
    ("invoice_now", Type::Flag),
    ("prorate", Type::Flag),
];

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Subscription {
    pub(super) head: Head,
    pub(super) customer: String,
    /// Oldest first.
    pub(super) items: Vec<Item>,
    default_payment_method: Option<String>,
    description: Option<String>,
    metadata: BTreeMap<String, String>,
    canceled: Option<Canceled>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Canceled {
    at: i64,
    comment: Option<String>,
    feedback: Option<String>,
}

pub(super) fn create(account: &mut Account, call: &Call) -> Result<Value, Refusal> {
    let form = Form::of_body(call, FIELDS)?;
    let customer = form.required("customer")?.to_owned();
    account.customers.given(&customer, "customer")?;
    if form.text("collection_method") == Some("send_invoice") {
        let message = "Only `charge_automatically` is simulated.";
        return Err(Refusal::invalid(message).with("param", "collection_method"));
    }
    if let Some(method) = form.text("default_payment_method") {
        let owner = account.methods.given(method, "default_payment_method")?.customer.as_deref();
        if owner != Some(&*customer) {
            let message = format!("The customer does not have a payment method with the ID {method}.");
            return Err(Refusal::invalid(message).with("param", "default_payment_method"));
        }
    }
    let wanted = wanted(account, &form)?;
    let mut subscription = Subscription {
        head: account.head::<Subscription>(),
        customer,
        items: Vec::new(),
        default_payment_method: form.owned("default_payment_method"),
        description: form.owned("description"),
        metadata: BTreeMap::new(),
        canceled: None,
    };
    form.change_metadata(&mut subscription.metadata);
    for wanted in wanted {
        let item = account.item(&subscription, wanted);
        subscription.items.push(item);
    }
    let wire = account.keep_subscription(subscription, "customer.subscription.created");
    account.expanded(wire, &form)
}

/// At once, and for good: cancelled a second time, it is not there any more.
pub(super) fn cancel(account: &mut Account, call: &Call, id: &str) -> Result<Value, Refusal> {
    let form = Form::of_delete(call, CANCEL)?;
    let mut subscription = account.subscriptions.named(id)?.clone();
    if subscription.canceled.is_some() {
        return Err(Refusal::no_such(Subscription::NAME, id, None));
    }
    subscription.canceled = Some(Canceled {
        at: account.book.now().as_second(),
        comment: form.owned("cancellation_details[comment]"),
        feedback: form.owned("cancellation_details[feedback]"),
    });
    let wire = account.keep_subscription(subscription, "customer.subscription.deleted");
    account.expanded(wire, &form)
}

fn wanted(account: &Account, form: &Form) -> Result<Vec<Wanted>, Refusal> {
    let mut all: Vec<Wanted> = Vec::new();
    for place in form.places("items") {
        let wanted = Wanted::of(account, form, &place)?;
        admit(all.iter().map(|other| &other.price), &wanted.price, &format!("{place}[price]"))?;
        all.push(wanted);
    }
    if all.is_empty() {
        return Err(Refusal::missing("items"));
    }
    Ok(all)
}

impl Account {
    /// Begins the periods whose time has come. However many have passed, it is told once.
    pub(super) fn renew_due(&mut self) {
        let now = self.book.now().as_second();
        let is_due = |subscription: &&Subscription| {
            subscription.is_active() && subscription.items.iter().any(|item| item.period.1 <= now)
        };
        let due: Vec<Subscription> = self.subscriptions.iter().filter(is_due).cloned().collect();
        for mut subscription in due {
            for item in &mut subscription.items {
                item.renew(subscription.head.created, now);
            }
            self.keep_subscription(subscription, "customer.subscription.updated");
        }
    }

    pub(super) fn keep_subscription(&mut self, subscription: Subscription, event: &str) -> Value {
        let wire = subscription.wire();
        self.subscriptions.keep(&mut self.book, subscription);
        self.emit(event, wire.clone());
        wire
    }
}

impl Subscription {
    pub(super) fn is_active(&self) -> bool {
        self.canceled.is_none()
    }

    fn status(&self) -> &'static str {
        if self.is_active() { "active" } else { "canceled" }
    }

    pub(super) fn shown(&self) -> Value {
        json!({
            "id": self.head.id,
            "status": self.status(),
            "customer": self.customer,
            "items": self.items.iter().map(Item::shown).collect::<Vec<_>>(),
            "metadata": self.metadata,
            "created_at": instant(self.head.created),
            "canceled_at": self.canceled.as_ref().map(|canceled| instant(canceled.at)),
        })
    }
}

impl Object for Subscription {
    const NAME: &'static str = "subscription";
    const PREFIX: &'static str = "sub";

    fn head(&self) -> &Head {
        &self.head
    }

    fn wire(&self) -> Value {
        let Head { id, created, live, .. } = &self.head;
        let canceled = self.canceled.as_ref();
        json!({
            "id": id,
            "object": "subscription",
            "application": null,
            "billing_cycle_anchor": created,
            "billing_mode": { "flexible": null, "type": "flexible", "updated_at": null },
            "cancel_at": null,
            "cancel_at_period_end": false,
            "canceled_at": canceled.map(|it| it.at),
            "cancellation_details": {
                "comment": canceled.and_then(|it| it.comment.as_deref()),
                "feedback": canceled.and_then(|it| it.feedback.as_deref()),
                "reason": canceled.map(|_| "cancellation_requested"),
            },
            "collection_method": "charge_automatically",
            "created": created,
            "currency": self.items.first().map(|item| &item.price.currency),
            "customer": self.customer,
            "days_until_due": null,
            "default_payment_method": self.default_payment_method,
            "description": self.description,
            "discounts": [],
            "ended_at": canceled.map(|it| it.at),
            "items": {
                "object": "list",
                "data": self.items.iter().map(Item::wire).collect::<Vec<_>>(),
                "has_more": false,
                "url": format!("/v1/subscription_items?subscription={id}"),
            },
            "latest_invoice": null,
            "livemode": live,
            "metadata": self.metadata,
            "start_date": created,
            "status": self.status(),
            "trial_end": null,
            "trial_start": null,
        })
    }
}
