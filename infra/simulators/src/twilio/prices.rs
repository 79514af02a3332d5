//! What numbers cost a month (Pricing API, v1): the list price, and what this account pays now.

use http::StatusCode;
use serde_json::{Value, json};

use super::account::Account;
use super::refusal::Refusal;
use crate::places::{Country, country_of};
use crate::server::{Answer, Call, json};
use crate::stock::NumberType;

use NumberType::{Local, Mobile, National, TollFree};

/// List prices in dollars. What is sold and not listed here has none that is known.
const LISTED: &[(&str, NumberType, &str)] = &[
    ("US", Local, "1.15"),
    ("US", TollFree, "2.15"),
    ("CA", Local, "1.00"),
    ("CA", TollFree, "2.15"),
    ("GB", Local, "1.15"),
    ("GB", TollFree, "2.15"),
    ("GB", Mobile, "1.15"),
    ("GB", National, "1.15"),
];

impl Account {
    pub(super) fn set_price(&mut self, country: &str, number_type: NumberType, price: &str) {
        let of = key(country, number_type);
        self.book.put("price", of.clone(), &price);
        self.prices.insert(of, price.to_owned());
        self.book.commit();
    }
}

pub(super) fn country(account: &Account, call: &Call, code: &str) -> Result<Answer, Refusal> {
    let country = country_of(code).ok_or_else(|| Refusal::not_found(&call.path))?;
    let prices: Vec<Value> = country.types.iter().map(|(sold, _)| price(account, country, *sold)).collect();
    let body = json!({
        "country": country.name,
        "iso_country": country.code,
        "price_unit": "USD",
        "phone_number_prices": prices,
        "url": format!("https://pricing.twilio.com/v1/PhoneNumbers/Countries/{}", country.code),
    });
    Ok(json(StatusCode::OK, &body))
}

fn price(account: &Account, country: &Country, number_type: NumberType) -> Value {
    let listed = LISTED.iter().find(|(code, of, _)| (*code, *of) == (country.code, number_type));
    let base = listed.map(|(_, _, price)| *price);
    let current = account.prices.get(&key(country.code, number_type)).map(String::as_str).or(base);
    json!({ "number_type": name(number_type), "base_price": base, "current_price": current })
}

fn key(country: &str, number_type: NumberType) -> String {
    format!("{country}/{}", name(number_type))
}

const fn name(number_type: NumberType) -> &'static str {
    match number_type {
        Local => "local",
        TollFree => "toll free",
        Mobile => "mobile",
        National => "national",
    }
}
