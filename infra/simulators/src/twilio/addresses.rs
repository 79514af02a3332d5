//! Addresses on file, as far as buying a number asks for one.

use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ACCOUNT_SID;
use super::account::Account;
use super::form::Form;
use super::pages::{Page, page};
use super::refusal::Refusal;
use crate::server::{Answer, Call, json};
use crate::time::rfc2822;

const REQUIRED: [&str; 6] = ["CustomerName", "Street", "City", "Region", "PostalCode", "IsoCountry"];

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Address {
    pub(crate) seq: u64,
    sid: String,
    customer_name: String,
    friendly_name: String,
    street: String,
    street_secondary: Option<String>,
    city: String,
    region: String,
    postal_code: String,
    pub(crate) country: String,
    emergency_enabled: bool,
    created: Timestamp,
}

impl Address {
    pub(crate) fn wire(&self) -> Value {
        json!({
            "sid": self.sid,
            "account_sid": ACCOUNT_SID,
            "customer_name": self.customer_name,
            "friendly_name": self.friendly_name,
            "street": self.street,
            "street_secondary": self.street_secondary,
            "city": self.city,
            "region": self.region,
            "postal_code": self.postal_code,
            "iso_country": self.country,
            "emergency_enabled": self.emergency_enabled,
            "validated": true,
            "verified": false,
            "date_created": rfc2822(self.created),
            "date_updated": rfc2822(self.created),
            "uri": format!("/2010-04-01/Accounts/{ACCOUNT_SID}/Addresses/{}.json", self.sid),
        })
    }
}

pub(super) fn create(account: &mut Account, call: &Call) -> Result<Answer, Refusal> {
    let form = Form::of_body(call)?;
    if let Some(missing) = REQUIRED.iter().find(|name| form.filled(name).is_none()) {
        return Err(Refusal::new(21628, format!("{missing} is required")));
    }
    let seq = account.book.next("address");
    let text = |name| form.get(name).unwrap_or_default().to_owned();
    let address = Address {
        seq,
        sid: format!("AD{:032x}", account.book.bits("AD", seq)),
        customer_name: text("CustomerName"),
        friendly_name: text("FriendlyName"),
        street: text("Street"),
        street_secondary: form.filled("StreetSecondary").map(str::to_owned),
        city: text("City"),
        region: text("Region"),
        postal_code: text("PostalCode"),
        country: text("IsoCountry"),
        emergency_enabled: form.flag("EmergencyEnabled").unwrap_or(false),
        created: account.book.now(),
    };
    let answer = json(StatusCode::CREATED, &address.wire());
    account.book.put("address", address.sid.clone(), &address);
    account.addresses.insert(address.sid.clone(), address);
    Ok(answer)
}

pub(super) fn get(account: &Account, call: &Call, sid: &str) -> Result<Answer, Refusal> {
    let address = account.addresses.get(sid).ok_or_else(|| Refusal::not_found(&call.path))?;
    Ok(json(StatusCode::OK, &address.wire()))
}

pub(super) fn list(account: &Account, call: &Call) -> Result<Answer, Refusal> {
    let form = Form::of_query(call);
    let wanted = |address: &&Address| {
        form.filled("IsoCountry").is_none_or(|country| country == address.country)
            && form.filled("FriendlyName").is_none_or(|name| name == address.friendly_name)
            && form.filled("CustomerName").is_none_or(|name| name == address.customer_name)
    };
    let mut rows: Vec<&Address> = account.addresses.values().filter(wanted).collect();
    rows.sort_by_key(|address| std::cmp::Reverse(address.seq));
    page(call, &form, Page { key: "addresses", token: "PAAD" }, |place| {
        let below = rows.into_iter().filter(move |address| place.is_none_or(|place| address.seq < place));
        below.map(|address| (address.seq, address.wire()))
    })
}
