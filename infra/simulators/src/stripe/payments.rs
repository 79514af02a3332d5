//! Payment intents and the charges they lead to: one attempt, one charge.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::account::{Account, instant};
use super::cards::{Card, Decline};
use super::customers::Method;
use super::form::{Form, Params, Type};
use super::money::decimal;
use super::refusal::Refusal;
use super::table::{Head, LIST, Object};
use crate::server::Call;

const FIELDS: Params = &[
    ("amount", Type::Integer),
    ("automatic_payment_methods[allow_redirects]", Type::OneOf(&["always", "never"])),
    ("automatic_payment_methods[enabled]", Type::Flag),
    ("confirm", Type::Flag),
    ("currency", Type::Text),
    ("customer", Type::Text),
    ("description", Type::Text),
    ("error_on_requires_action", Type::Flag),
    ("expand[#]", Type::Text),
    ("metadata[*]", Type::Clearable),
    ("off_session", Type::OneOf(&["true", "false", "one_off", "recurring"])),
    ("payment_method", Type::Text),
    ("receipt_email", Type::Text),
    ("return_url", Type::Text),
    ("setup_future_usage", Type::OneOf(&["off_session", "on_session"])),
    ("statement_descriptor", Type::Text),
    ("statement_descriptor_suffix", Type::Text),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    RequiresPaymentMethod,
    RequiresConfirmation,
    RequiresAction,
    Processing,
    Succeeded,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Intent {
    pub(super) head: Head,
    pub(super) status: Status,
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) customer: Option<String>,
    pub(super) method: Option<String>,
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) description: Option<String>,
    pub(super) setup_future_usage: Option<String>,
    pub(super) latest_charge: Option<String>,
    pub(super) last_error: Option<Value>,
    /// The checkout it came from; Stripe does not show it.
    pub(super) session: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Charge {
    pub(super) head: Head,
    pub(super) intent: String,
    pub(super) amount: i64,
    /// Of all refunds that have not failed.
    pub(super) refunded: i64,
    pub(super) disputed: bool,
    pub(super) currency: String,
    pub(super) customer: Option<String>,
    pub(super) method: Option<String>,
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) description: Option<String>,
    pub(super) failure: Option<(String, String)>,
}

pub(super) fn create(account: &mut Account, call: &Call) -> Result<Value, Refusal> {
    let form = Form::of_body(call, FIELDS)?;
    let (amount, currency) = (form.amount("amount")?, form.currency("currency")?);
    let confirm = form.flag("confirm") == Some(true);
    let off_session = form.text("off_session").is_some_and(|value| value != "false");
    if off_session && !confirm {
        let message = "off_session can only be used together with confirm=true.";
        return Err(Refusal::invalid(message).with("param", "off_session"));
    }
    if let Some(customer) = form.text("customer") {
        account.customers.given(customer, "customer")?;
    }
    if confirm {
        form.required("payment_method")?;
    }
    if let Some(method) = form.text("payment_method") {
        usable(account.methods.given(method, "payment_method")?, form.text("customer"))?;
    }
    let intent = Intent {
        head: account.head::<Intent>(),
        status: if form.text("payment_method").is_some() {
            Status::RequiresConfirmation
        } else {
            Status::RequiresPaymentMethod
        },
        amount,
        currency,
        customer: form.owned("customer"),
        method: form.owned("payment_method"),
        metadata: form.metadata("metadata"),
        description: form.owned("description"),
        setup_future_usage: form.owned("setup_future_usage"),
        latest_charge: None,
        last_error: None,
        session: None,
    };
    let intent = if confirm { account.confirm(intent, off_session)? } else { intent };
    let wire = intent.wire();
    account.intents.keep(&mut account.book, intent);
    account.expanded(wire, &form)
}

pub(super) fn list(account: &Account, call: &Call) -> Result<Value, Refusal> {
    let form = Form::of_query(call, &[LIST, &[("customer", Type::Text)]].concat())?;
    let customer = form.text("customer");
    let of_customer = |intent: &Intent| customer.is_none_or(|id| intent.customer.as_deref() == Some(id));
    account.intents.page(&form, "/v1/payment_intents", of_customer)
}

/// A card is charged again only for the customer it was kept for.
fn usable(method: &Method, customer: Option<&str>) -> Result<(), Refusal> {
    let id = &method.head.id;
    match (&method.customer, customer) {
        (None, _) => {
            let message = format!(
                "The provided PaymentMethod {id} was previously used without being attached to a customer and may \
                 not be used again."
            );
            Err(Refusal::invalid(message).with("param", "payment_method"))
        }
        (Some(owner), Some(given)) if owner == given => Ok(()),
        (Some(_), _) => {
            let message = format!("The payment method {id} does not belong to the customer you supplied.");
            Err(Refusal::invalid(message).with("param", "payment_method"))
        }
    }
}

impl Account {
    /// An attempt with the saved card. A decline is a refusal that leaves the intent behind.
    fn confirm(&mut self, intent: Intent, off_session: bool) -> Result<Intent, Refusal> {
        let card = self.card_of(intent.customer.as_deref());
        if card == Card::AuthenticationRequired && !off_session {
            return Ok(Intent { status: Status::RequiresAction, ..intent });
        }
        match card.decline() {
            None if card == Card::Processing => Ok(self.process(intent)),
            None => Ok(self.succeed(intent)),
            Some(decline) => {
                let method = self.method_wire(&intent);
                let intent = self.fail(intent, &decline);
                let charge = intent.latest_charge.clone().unwrap_or_default();
                Err(Refusal::card(&decline, intent.wire(), method, &charge))
            }
        }
    }

    pub(super) fn succeed(&mut self, intent: Intent) -> Intent {
        let charge = self.charge(&intent, None);
        let latest_charge = Some(charge.head.id.clone());
        let intent = Intent { status: Status::Succeeded, latest_charge, last_error: None, ..intent };
        self.emit("charge.succeeded", charge.wire());
        self.kept_and_told(intent, "payment_intent.succeeded")
    }

    /// The card is gone from an intent that failed: the next attempt has to bring one.
    pub(super) fn fail(&mut self, intent: Intent, decline: &Decline) -> Intent {
        let charge = self.charge(&intent, Some(decline));
        let error = decline.remembered(&charge.head.id, &self.method_wire(&intent));
        let intent = Intent {
            status: Status::RequiresPaymentMethod,
            method: None,
            latest_charge: Some(charge.head.id.clone()),
            last_error: Some(error),
            ..intent
        };
        self.emit("charge.failed", charge.wire());
        self.kept_and_told(intent, "payment_intent.payment_failed")
    }

    pub(super) fn process(&mut self, intent: Intent) -> Intent {
        let intent = Intent { status: Status::Processing, ..intent };
        self.kept_and_told(intent, "payment_intent.processing")
    }

    fn kept_and_told(&mut self, intent: Intent, event: &'static str) -> Intent {
        self.intents.keep(&mut self.book, intent.clone());
        self.emit(event, intent.wire());
        intent
    }

    fn charge(&mut self, intent: &Intent, decline: Option<&Decline>) -> Charge {
        let charge = Charge {
            head: self.head::<Charge>(),
            intent: intent.head.id.clone(),
            amount: intent.amount,
            refunded: 0,
            disputed: false,
            currency: intent.currency.clone(),
            customer: intent.customer.clone(),
            method: intent.method.clone(),
            metadata: intent.metadata.clone(),
            description: intent.description.clone(),
            failure: decline.map(|decline| (decline.code.to_owned(), decline.message.to_owned())),
        };
        self.charges.keep(&mut self.book, charge.clone());
        charge
    }

    fn method_wire(&self, intent: &Intent) -> Value {
        let method = intent.method.as_deref().and_then(|id| self.methods.get(id));
        method.map_or(Value::Null, Method::wire)
    }
}

impl Intent {
    fn received(&self) -> i64 {
        if self.status == Status::Succeeded { self.amount } else { 0 }
    }

    pub(super) fn shown(&self, charge: Option<&Charge>) -> Value {
        let money = |minor| decimal(minor, &self.currency);
        json!({
            "id": self.head.id,
            "amount": money(self.amount),
            "amount_received": money(self.received()),
            "amount_refunded": money(charge.map_or(0, |charge| charge.refunded)),
            "currency": self.currency.to_ascii_uppercase(),
            "status": self.status,
            "customer": self.customer,
            "payment_method": self.method,
            "disputed": charge.is_some_and(|charge| charge.disputed),
            "session": self.session,
            "metadata": self.metadata,
            "error": self.last_error.as_ref().map(|error| &error["code"]),
            "created_at": instant(self.head.created),
        })
    }
}

impl Object for Intent {
    const NAME: &'static str = "payment_intent";
    const PREFIX: &'static str = "pi";

    fn head(&self) -> &Head {
        &self.head
    }

    fn wire(&self) -> Value {
        json!({
            "id": self.head.id,
            "object": "payment_intent",
            "amount": self.amount,
            "amount_capturable": 0,
            "amount_received": self.received(),
            "automatic_payment_methods": { "allow_redirects": "always", "enabled": true },
            "canceled_at": null,
            "cancellation_reason": null,
            "capture_method": "automatic_async",
            "client_secret": format!("{}_secret_simulated", self.head.id),
            "confirmation_method": "automatic",
            "created": self.head.created,
            "currency": self.currency,
            "customer": self.customer,
            "description": self.description,
            "last_payment_error": self.last_error,
            "latest_charge": self.latest_charge,
            "livemode": self.head.live,
            "metadata": self.metadata,
            "next_action": (self.status == Status::RequiresAction).then(|| json!({ "type": "use_stripe_sdk" })),
            "payment_method": self.method,
            "payment_method_types": ["card"],
            "receipt_email": null,
            "setup_future_usage": self.setup_future_usage,
            "statement_descriptor": null,
            "status": self.status,
        })
    }
}

impl Object for Charge {
    const NAME: &'static str = "charge";
    const PREFIX: &'static str = "ch";

    fn head(&self) -> &Head {
        &self.head
    }

    fn wire(&self) -> Value {
        let paid = self.failure.is_none();
        let (code, message) = self.failure.clone().unzip();
        json!({
            "id": self.head.id,
            "object": "charge",
            "amount": self.amount,
            "amount_captured": if paid { self.amount } else { 0 },
            "amount_refunded": self.refunded,
            "balance_transaction": null,
            "captured": paid,
            "created": self.head.created,
            "currency": self.currency,
            "customer": self.customer,
            "description": self.description,
            "disputed": self.disputed,
            "failure_code": code,
            "failure_message": message,
            "livemode": self.head.live,
            "metadata": self.metadata,
            "outcome": null,
            "paid": paid,
            "payment_intent": self.intent,
            "payment_method": self.method,
            "receipt_url": null,
            "refunded": self.refunded == self.amount,
            "status": if paid { "succeeded" } else { "failed" },
        })
    }
}
