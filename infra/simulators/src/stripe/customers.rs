//! Customers, and the cards kept for them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::account::Account;
use super::form::{Form, Params, Type, set};
use super::refusal::Refusal;
use super::table::{Head, LIST, Object};
use crate::server::Call;

const FIELDS: Params = &[
    ("address", Type::Clearable),
    ("address[city]", Type::Clearable),
    ("address[country]", Type::Clearable),
    ("address[line1]", Type::Clearable),
    ("address[line2]", Type::Clearable),
    ("address[postal_code]", Type::Clearable),
    ("address[state]", Type::Clearable),
    ("description", Type::Clearable),
    ("email", Type::Clearable),
    ("expand[#]", Type::Text),
    ("metadata", Type::Clearable),
    ("metadata[*]", Type::Clearable),
    ("name", Type::Clearable),
    ("phone", Type::Clearable),
];
const TEXTS: [&str; 4] = ["description", "email", "name", "phone"];

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Customer {
    head: Head,
    texts: BTreeMap<String, String>,
    address: BTreeMap<String, String>,
    metadata: BTreeMap<String, String>,
}

/// A card; kept for a customer, or used once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Method {
    pub(super) head: Head,
    pub(super) customer: Option<String>,
}

pub(super) fn create(account: &mut Account, call: &Call) -> Result<Value, Refusal> {
    let form = Form::of_body(call, FIELDS)?;
    let head = account.head::<Customer>();
    let customer =
        Customer { head, texts: BTreeMap::new(), address: BTreeMap::new(), metadata: BTreeMap::new() }.with(&form);
    let wire = customer.wire();
    account.customers.keep(&mut account.book, customer);
    Ok(wire)
}

pub(super) fn update(account: &mut Account, call: &Call, id: &str) -> Result<Value, Refusal> {
    let form = Form::of_body(call, FIELDS)?;
    let customer = account.customers.named(id)?.clone().with(&form);
    let wire = customer.wire();
    account.customers.keep(&mut account.book, customer);
    Ok(wire)
}

pub(super) fn list(account: &Account, call: &Call) -> Result<Value, Refusal> {
    let form = Form::of_query(call, &[LIST, &[("email", Type::Text)]].concat())?;
    let email = form.text("email");
    let has_email =
        |customer: &Customer| email.is_none_or(|email| customer.texts.get("email").is_some_and(|it| it == email));
    account.customers.page(&form, "/v1/customers", has_email)
}

impl Customer {
    fn with(mut self, form: &Form) -> Self {
        for name in TEXTS {
            if let Some(text) = form.text(name) {
                set(&mut self.texts, name, text);
            }
        }
        if form.text("address") == Some("") {
            self.address.clear();
        }
        form.change_metadata(&mut self.metadata);
        for (key, value) in form.metadata("address") {
            set(&mut self.address, &key, &value);
        }
        self
    }

    pub(super) fn shown(&self) -> Value {
        json!({
            "id": self.head.id,
            "name": self.texts.get("name"),
            "email": self.texts.get("email"),
            "metadata": self.metadata,
            "created_at": super::account::instant(self.head.created),
        })
    }
}

impl Object for Customer {
    const NAME: &'static str = "customer";
    const PREFIX: &'static str = "cus";

    fn head(&self) -> &Head {
        &self.head
    }

    fn wire(&self) -> Value {
        let address = ["city", "country", "line1", "line2", "postal_code", "state"]
            .map(|part| (part.to_owned(), json!(self.address.get(part))));
        json!({
            "id": self.head.id,
            "object": "customer",
            "address": if self.address.is_empty() { Value::Null } else { address.into_iter().collect() },
            "balance": 0,
            "created": self.head.created,
            "currency": null,
            "default_source": null,
            "delinquent": false,
            "description": self.texts.get("description"),
            "email": self.texts.get("email"),
            "invoice_settings": {
                "custom_fields": null,
                "default_payment_method": null,
                "footer": null,
                "rendering_options": null,
            },
            "livemode": self.head.live,
            "metadata": self.metadata,
            "name": self.texts.get("name"),
            "phone": self.texts.get("phone"),
        })
    }
}

impl Object for Method {
    const NAME: &'static str = "payment_method";
    const PREFIX: &'static str = "pm";

    fn head(&self) -> &Head {
        &self.head
    }

    fn wire(&self) -> Value {
        json!({
            "id": self.head.id,
            "object": "payment_method",
            "allow_redisplay": "limited",
            "billing_details": { "address": null, "email": null, "name": null, "phone": null, "tax_id": null },
            "card": {
                "brand": "visa",
                "country": "US",
                "display_brand": "visa",
                "exp_month": 12,
                "exp_year": 2034,
                "fingerprint": "simulated",
                "funding": "credit",
                "last4": "4242",
            },
            "created": self.head.created,
            "customer": self.customer,
            "livemode": self.head.live,
            "metadata": {},
            "type": "card",
        })
    }
}
