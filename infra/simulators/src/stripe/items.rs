//! Subscription items: a price, and how many of it, in a subscription. At most twenty of them, and
//! no price twice: a second number of the same price is a quantity of two.
//!
//! The wording of the refusals is not known for certain, except where it says "the same plan".

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::account::{Account, instant};
use super::form::{Form, Params, Type};
use super::money::decimal;
use super::prices::Price;
use super::refusal::Refusal;
use super::subscriptions::{PAYMENT_BEHAVIORS, Subscription};
use super::table::{Head, Object, PAGE, Table};
use crate::server::Call;

pub(super) const PRORATIONS: Type = Type::OneOf(&["always_invoice", "create_prorations", "none"]);

const ITEMS_MAX: usize = 20;

const CREATE: Params = &[
    ("expand[#]", Type::Text),
    ("metadata[*]", Type::Clearable),
    ("payment_behavior", PAYMENT_BEHAVIORS),
    ("price", Type::Text),
    ("proration_behavior", PRORATIONS),
    ("quantity", Type::Integer),
    ("subscription", Type::Text),
];
const UPDATE: Params = &[
    ("expand[#]", Type::Text),
    ("metadata", Type::Clearable),
    ("metadata[*]", Type::Clearable),
    ("off_session", Type::Flag),
    ("payment_behavior", PAYMENT_BEHAVIORS),
    ("proration_behavior", PRORATIONS),
    ("quantity", Type::Integer),
];
const DELETE: Params =
    &[("clear_usage", Type::Flag), ("payment_behavior", PAYMENT_BEHAVIORS), ("proration_behavior", PRORATIONS)];

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Item {
    head: Head,
    subscription: String,
    pub(super) price: Price,
    quantity: i64,
    metadata: BTreeMap<String, String>,
    /// What the last change asked for; without invoices nothing else comes of it.
    proration: String,
    /// From, and until just before.
    pub(super) period: (i64, i64),
}

/// One as a request describes it.
pub(super) struct Wanted {
    pub(super) price: Price,
    quantity: i64,
    metadata: BTreeMap<String, String>,
    proration: String,
}

pub(super) fn create(account: &mut Account, call: &Call) -> Result<Value, Refusal> {
    let form = Form::of_body(call, CREATE)?;
    let id = form.required("subscription")?;
    let mut subscription = account.subscriptions.given(id, "subscription")?.clone();
    refuse_canceled(&subscription)?;
    let wanted = Wanted::of(account, &form, "")?;
    admit(subscription.items.iter().map(|item| &item.price), &wanted.price, "price")?;
    let item = account.item(&subscription, wanted);
    let wire = item.wire();
    subscription.items.push(item);
    account.keep_subscription(subscription, "customer.subscription.updated");
    account.expanded(wire, &form)
}

pub(super) fn update(account: &mut Account, call: &Call, id: &str) -> Result<Value, Refusal> {
    let form = Form::of_body(call, UPDATE)?;
    let (mut subscription, place) = account.with_item(id)?;
    refuse_canceled(&subscription)?;
    let item = &mut subscription.items[place];
    let before = item.wire();
    item.quantity = form.count("quantity")?.unwrap_or(item.quantity);
    form.change_metadata(&mut item.metadata);
    item.proration = proration(&form);
    let wire = item.wire();
    if wire == before {
        account.subscriptions.keep(&mut account.book, subscription);
    } else {
        account.keep_subscription(subscription, "customer.subscription.updated");
    }
    account.expanded(wire, &form)
}

/// The last one stays: historically so, and whether it is so today is not verified. Who wants to be
/// rid of it cancels the subscription.
pub(super) fn delete(account: &mut Account, call: &Call, id: &str) -> Result<Value, Refusal> {
    Form::of_delete(call, DELETE)?;
    let (mut subscription, place) = account.with_item(id)?;
    refuse_canceled(&subscription)?;
    if subscription.items.len() == 1 {
        let message = "A subscription must have at least one active plan. To cancel it, delete the subscription.";
        return Err(Refusal::invalid(message));
    }
    subscription.items.remove(place);
    account.keep_subscription(subscription, "customer.subscription.updated");
    Ok(json!({ "id": id, "object": Item::NAME, "deleted": true }))
}

pub(super) fn get(account: &Account, id: &str) -> Result<Value, Refusal> {
    account.with_item(id).map(|(subscription, place)| subscription.items[place].wire())
}

pub(super) fn list(account: &Account, call: &Call) -> Result<Value, Refusal> {
    let form = Form::of_query(call, &[PAGE, &[("subscription", Type::Text)]].concat())?;
    let id = form.required("subscription")?;
    let items: Table<Item> = account.subscriptions.given(id, "subscription")?.items.iter().cloned().collect();
    items.page(&form, "/v1/subscription_items", |_| true)
}

/// Whether a price may join those a subscription has.
pub(super) fn admit<'a>(
    others: impl ExactSizeIterator<Item = &'a Price> + Clone,
    price: &Price,
    param: &str,
) -> Result<(), Refusal> {
    if others.clone().any(|other| other.head.id == price.head.id) {
        let message = format!("Cannot add multiple subscription items with the same plan: {}", price.head.id);
        return Err(Refusal::invalid(message));
    }
    if others.len() >= ITEMS_MAX {
        return Err(Refusal::invalid(format!("A subscription can have at most {ITEMS_MAX} items.")));
    }
    if let Some(other) = others.into_iter().find(|other| other.currency != price.currency) {
        let message = format!(
            "The price specified only supports `{}`. This doesn't match the expected currency: `{}`.",
            price.currency, other.currency
        );
        return Err(Refusal::invalid(message).with("param", param));
    }
    Ok(())
}

/// Which status and code Stripe has for it is not known.
fn refuse_canceled(subscription: &Subscription) -> Result<(), Refusal> {
    if subscription.is_active() {
        return Ok(());
    }
    Err(Refusal::invalid("A canceled subscription's items can no longer be changed."))
}

fn proration(form: &Form) -> String {
    form.text("proration_behavior").unwrap_or("create_prorations").to_owned()
}

impl Wanted {
    /// At a place of the form, or in the form itself when the place is empty.
    pub(super) fn of(account: &Account, form: &Form, place: &str) -> Result<Self, Refusal> {
        let name = |field: &str| if place.is_empty() { field.to_owned() } else { format!("{place}[{field}]") };
        let param = name("price");
        let price = account.prices.given(form.required(&param)?, &param)?.clone();
        let refused = |message: &str| Err(Refusal::invalid(message).with("param", param.as_str()));
        if !price.active {
            return refused("The price specified is inactive. This field only accepts active prices.");
        }
        if price.recurring.is_none() {
            return refused(
                "The price specified is set to `type=one_time` but this field only accepts prices with \
                 `type=recurring`.",
            );
        }
        Ok(Self {
            price,
            quantity: form.count(&name("quantity"))?.unwrap_or(1),
            metadata: form.metadata(&name("metadata")),
            proration: proration(form),
        })
    }
}

impl Account {
    /// Its period is the one it would be in had it been there from the start: a number bought in the
    /// middle of a month is renewed with the others.
    pub(super) fn item(&mut self, subscription: &Subscription, wanted: Wanted) -> Item {
        let mut item = Item {
            head: self.head::<Item>(),
            subscription: subscription.head.id.clone(),
            price: wanted.price,
            quantity: wanted.quantity,
            metadata: wanted.metadata,
            proration: wanted.proration,
            period: (0, 0),
        };
        item.renew(subscription.head.created, self.book.now().as_second());
        item
    }

    /// The subscription an item named in a request's path is in, and where in it.
    fn with_item(&self, id: &str) -> Result<(Subscription, usize), Refusal> {
        let place = |subscription: &Subscription| subscription.items.iter().position(|item| item.head.id == id);
        let found = self.subscriptions.iter().find_map(|it| place(it).map(|place| (it.clone(), place)));
        found.ok_or_else(|| Refusal::no_such(Item::NAME, id, None))
    }
}

impl Item {
    pub(super) fn renew(&mut self, anchor: i64, now: i64) {
        if let Some(recurring) = self.price.recurring {
            self.period = recurring.period(anchor, now);
        }
    }

    pub(super) fn shown(&self) -> Value {
        json!({
            "id": self.head.id,
            "price": self.price.head.id,
            "unit_amount": decimal(self.price.unit_amount, &self.price.currency),
            "currency": self.price.currency.to_ascii_uppercase(),
            "quantity": self.quantity,
            "metadata": self.metadata,
            "proration_behavior": self.proration,
            "current_period_start": instant(self.period.0),
            "current_period_end": instant(self.period.1),
        })
    }
}

impl Object for Item {
    const NAME: &'static str = "subscription_item";
    const PREFIX: &'static str = "si";

    fn head(&self) -> &Head {
        &self.head
    }

    fn wire(&self) -> Value {
        json!({
            "id": self.head.id,
            "object": "subscription_item",
            "billing_thresholds": null,
            "created": self.head.created,
            "current_period_end": self.period.1,
            "current_period_start": self.period.0,
            "discounts": [],
            "metadata": self.metadata,
            "price": self.price.wire(),
            "quantity": self.quantity,
            "subscription": self.subscription,
            "tax_rates": [],
        })
    }
}
