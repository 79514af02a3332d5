//! Checkout sessions: a page on which a customer pays once, until it expires.
//!
//! What the customer does on that page is in `acts`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::account::{Account, instant};
use super::form::{Form, Params, Type, not_positive};
use super::money::decimal;
use super::refusal::Refusal;
use super::table::{Head, ONE, Object};
use crate::server::Call;

const LIFE_S_MIN: i64 = 30 * 60;
const LIFE_S_MAX: i64 = 24 * 60 * 60;

const FIELDS: Params = &[
    ("allow_promotion_codes", Type::Flag),
    ("billing_address_collection", Type::OneOf(&["auto", "required"])),
    ("cancel_url", Type::Text),
    ("client_reference_id", Type::Text),
    ("currency", Type::Text),
    ("customer", Type::Text),
    ("customer_email", Type::Text),
    ("expand[#]", Type::Text),
    ("expires_at", Type::Integer),
    ("line_items[#][metadata][*]", Type::Clearable),
    ("line_items[#][price]", Type::Text),
    ("line_items[#][price_data][currency]", Type::Text),
    ("line_items[#][price_data][product]", Type::Text),
    ("line_items[#][price_data][product_data][description]", Type::Text),
    ("line_items[#][price_data][product_data][metadata][*]", Type::Clearable),
    ("line_items[#][price_data][product_data][name]", Type::Text),
    ("line_items[#][price_data][product_data][tax_code]", Type::Text),
    ("line_items[#][price_data][tax_behavior]", Type::OneOf(&["exclusive", "inclusive", "unspecified"])),
    ("line_items[#][price_data][unit_amount]", Type::Integer),
    ("line_items[#][quantity]", Type::Integer),
    ("locale", Type::Text),
    ("metadata[*]", Type::Clearable),
    ("mode", Type::OneOf(&["payment", "setup", "subscription"])),
    ("payment_intent_data[description]", Type::Text),
    ("payment_intent_data[metadata][*]", Type::Clearable),
    ("payment_intent_data[receipt_email]", Type::Text),
    ("payment_intent_data[setup_future_usage]", Type::OneOf(&["off_session", "on_session"])),
    ("payment_intent_data[statement_descriptor_suffix]", Type::Text),
    ("submit_type", Type::OneOf(&["auto", "book", "donate", "pay", "subscribe"])),
    ("success_url", Type::Text),
    ("ui_mode", Type::OneOf(&["elements", "embedded_page", "form", "hosted_page"])),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    Open,
    Complete,
    Expired,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Session {
    pub(super) head: Head,
    pub(super) status: Status,
    pub(super) paid: bool,
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) customer: Option<String>,
    pub(super) customer_email: Option<String>,
    pub(super) client_reference_id: Option<String>,
    pub(super) metadata: BTreeMap<String, String>,
    /// Null until the customer first tries to pay.
    pub(super) intent: Option<String>,
    pub(super) intent_metadata: BTreeMap<String, String>,
    pub(super) intent_description: Option<String>,
    pub(super) setup_future_usage: Option<String>,
    pub(super) expires_at: i64,
    pub(super) success_url: Option<String>,
    pub(super) cancel_url: Option<String>,
    pub(super) ui_mode: String,
    pub(super) locale: Option<String>,
}

pub(super) fn create(account: &mut Account, call: &Call) -> Result<Value, Refusal> {
    let form = Form::of_body(call, FIELDS)?;
    if form.required("mode")? != "payment" {
        return Err(Refusal::invalid("Only `payment` is simulated.").with("param", "mode"));
    }
    let ui_mode = form.text("ui_mode").unwrap_or("hosted_page");
    if ui_mode == "hosted_page" {
        form.required("success_url")?;
    }
    let (amount, currency) = total(&form)?;
    if let Some(customer) = form.text("customer") {
        account.customers.given(customer, "customer")?;
    }
    let expires_at = expiry(&form, account.book.now().as_second())?;
    let mut head = account.head::<Session>();
    let mode = if head.live { "cs_live_" } else { "cs_test_" };
    head.id = head.id.replacen("cs_", mode, 1);
    let session = Session {
        head,
        status: Status::Open,
        paid: false,
        amount,
        currency,
        customer: form.owned("customer"),
        customer_email: form.owned("customer_email"),
        client_reference_id: form.owned("client_reference_id"),
        metadata: form.metadata("metadata"),
        intent: None,
        intent_metadata: form.metadata("payment_intent_data[metadata]"),
        intent_description: form.owned("payment_intent_data[description]"),
        setup_future_usage: form.owned("payment_intent_data[setup_future_usage]"),
        expires_at,
        success_url: form.owned("success_url"),
        cancel_url: form.owned("cancel_url"),
        ui_mode: ui_mode.to_owned(),
        locale: form.owned("locale"),
    };
    let wire = session.wire();
    account.sessions.keep(&mut account.book, session);
    account.expanded(wire, &form)
}

pub(super) fn expire(account: &mut Account, call: &Call, id: &str) -> Result<Value, Refusal> {
    let form = Form::of_body(call, ONE)?;
    let session = account.sessions.named(id)?.clone();
    if session.status != Status::Open {
        let message = format!(
            "Only Checkout Sessions with a status in [\"open\"] can be expired. This Checkout Session has a status of \
             {}.",
            session.wire()["status"].as_str().unwrap_or_default()
        );
        return Err(Refusal::invalid(message));
    }
    let wire = account.end_session(session);
    account.expanded(wire, &form)
}

impl Account {
    /// Closes the sessions whose time is over.
    pub(super) fn expire_due(&mut self) {
        let now = self.book.now().as_second();
        let is_due = |session: &&Session| session.status == Status::Open && session.expires_at <= now;
        let due: Vec<Session> = self.sessions.iter().filter(is_due).cloned().collect();
        for session in due {
            self.end_session(session);
        }
    }

    fn end_session(&mut self, mut session: Session) -> Value {
        session.status = Status::Expired;
        let wire = session.wire();
        self.sessions.keep(&mut self.book, session);
        self.emit("checkout.session.expired", wire.clone());
        wire
    }
}

fn total(form: &Form) -> Result<(i64, String), Refusal> {
    let places = form.places("line_items");
    let mut total = 0_i64;
    let mut currency = None;
    for place in &places {
        if let Some(price) = form.text(&format!("{place}[price]")) {
            return Err(Refusal::no_such("price", price, Some(&format!("{place}[price]"))));
        }
        let own = form.currency(&format!("{place}[price_data][currency]"))?;
        if form.text(&format!("{place}[price_data][product]")).is_none() {
            form.required(&format!("{place}[price_data][product_data][name]"))?;
        }
        let quantity = form.amount(&format!("{place}[quantity]"))?;
        let unit = form.amount(&format!("{place}[price_data][unit_amount]"))?;
        let sum = unit.checked_mul(quantity).and_then(|sum| total.checked_add(sum));
        total = sum.ok_or_else(|| not_positive(&format!("{place}[quantity]")))?;
        if currency.get_or_insert_with(|| own.clone()) != &own {
            return Err(Refusal::invalid("All line items must be of the same currency.").with("param", place.as_str()));
        }
    }
    currency.map(|currency| (total, currency)).ok_or_else(|| Refusal::missing("line_items"))
}

fn expiry(form: &Form, now: i64) -> Result<i64, Refusal> {
    let expires_at = form.integer("expires_at").unwrap_or(now + LIFE_S_MAX);
    if (LIFE_S_MIN..=LIFE_S_MAX).contains(&(expires_at - now)) {
        return Ok(expires_at);
    }
    let message =
        "The `expires_at` timestamp must be at least 30 minutes and at most 24 hours from Checkout Session creation.";
    Err(Refusal::invalid(message).with("param", "expires_at"))
}

impl Session {
    pub(super) fn shown(&self) -> Value {
        json!({
            "id": self.head.id,
            "status": self.status,
            "payment_status": self.payment_status(),
            "amount": decimal(self.amount, &self.currency),
            "currency": self.currency.to_ascii_uppercase(),
            "customer": self.customer,
            "client_reference_id": self.client_reference_id,
            "payment_intent": self.intent,
            "metadata": self.metadata,
            "setup_future_usage": self.setup_future_usage,
            "success_url": self.success_url,
            "created_at": instant(self.head.created),
            "expires_at": instant(self.expires_at),
        })
    }

    fn payment_status(&self) -> &'static str {
        if self.paid { "paid" } else { "unpaid" }
    }
}

impl Object for Session {
    const NAME: &'static str = "checkout.session";
    const PREFIX: &'static str = "cs";

    fn head(&self) -> &Head {
        &self.head
    }

    fn wire(&self) -> Value {
        let id = &self.head.id;
        let hosted = self.status == Status::Open && self.ui_mode == "hosted_page";
        json!({
            "id": id,
            "object": "checkout.session",
            "amount_subtotal": self.amount,
            "amount_total": self.amount,
            "cancel_url": self.cancel_url,
            "client_reference_id": self.client_reference_id,
            "created": self.head.created,
            "currency": self.currency,
            "customer": self.customer,
            "customer_creation": if self.customer.is_some() { Value::Null } else { json!("if_required") },
            "customer_details": null,
            "customer_email": self.customer_email,
            "expires_at": self.expires_at,
            "livemode": self.head.live,
            "locale": self.locale,
            "metadata": self.metadata,
            "mode": "payment",
            "payment_intent": self.intent,
            "payment_method_types": ["card"],
            "payment_status": self.payment_status(),
            "recovered_from": null,
            "saved_payment_method_options": null,
            "setup_intent": null,
            "status": self.status,
            "subscription": null,
            "success_url": self.success_url,
            "total_details": { "amount_discount": 0, "amount_shipping": 0, "amount_tax": 0 },
            "ui_mode": self.ui_mode,
            "url": hosted.then(|| format!("https://checkout.stripe.com/c/pay/{id}")),
        })
    }
}
