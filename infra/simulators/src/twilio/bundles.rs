//! Regulatory bundles, as far as buying a number asks for one: filed for a country and a type of number, sent in, reviewed.
//!
//! What is in them is not looked at, and the reviewers are quick: what is sent in is approved by the next look.

use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ACCOUNT_SID;
use super::account::Account;
use super::form::Form;
use super::refusal::Refusal;
use crate::server::{Answer, Call, json};
use crate::stock::{NumberType, Offer};

const APPROVED: &str = "twilio-approved";

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Bundle {
    sid: String,
    friendly_name: String,
    email: String,
    country: String,
    number_type: NumberType,
    end_user_type: String,
    status: String,
    created: Timestamp,
    updated: Timestamp,
}

impl Bundle {
    fn wire(&self) -> Value {
        json!({
            "sid": self.sid,
            "account_sid": ACCOUNT_SID,
            "regulation_sid": null,
            "friendly_name": self.friendly_name,
            "status": self.status,
            "email": self.email,
            "status_callback": null,
            "valid_until": null,
            "date_created": self.created.to_string(),
            "date_updated": self.updated.to_string(),
            "url": format!("https://numbers.twilio.com/v2/RegulatoryCompliance/Bundles/{}", self.sid),
        })
    }

    /// As the control surface shows it.
    pub(crate) fn shown(&self) -> Value {
        json!({ "sid": self.sid, "country": self.country, "type": self.number_type, "status": self.status })
    }

    /// Refused in Twilio's words unless it may be used for this number.
    pub(crate) fn check(&self, country: &str, number_type: NumberType) -> Result<(), Refusal> {
        if self.status != APPROVED {
            return Err(Refusal::new(21649, format!("Bundle {} status is not twilio-approved", self.sid)));
        }
        if self.country != country || self.number_type != number_type {
            return Err(Refusal::new(
                21649,
                format!("Bundle {} is not for numbers of this country and type", self.sid),
            ));
        }
        Ok(())
    }
}

pub(super) fn create(account: &mut Account, call: &Call) -> Result<Answer, Refusal> {
    let form = Form::of_body(call)?;
    if let Some(missing) = ["FriendlyName", "Email"].iter().find(|name| form.filled(name).is_none()) {
        return Err(Refusal::without_code(format!("{missing} is required")));
    }
    let (Some(country), Some(kind), Some(end_user)) =
        (form.filled("IsoCountry"), form.filled("NumberType"), form.filled("EndUserType"))
    else {
        return Err(Refusal::new(22202, "No regulation sid or phone number country and type was provided"));
    };
    let kind = type_of(kind).ok_or_else(|| Refusal::new(22201, "No regulation found for the given number group"))?;
    if !matches!(end_user, "individual" | "business") {
        return Err(Refusal::without_code("EndUserType is individual or business"));
    }
    let seq = account.book.next("bundle");
    let now = account.book.now();
    let text = |name| form.get(name).unwrap_or_default().to_owned();
    let bundle = Bundle {
        sid: format!("BU{:032x}", account.book.bits("BU", seq)),
        friendly_name: text("FriendlyName"),
        email: text("Email"),
        country: country.to_owned(),
        number_type: kind,
        end_user_type: end_user.to_owned(),
        status: "draft".to_owned(),
        created: now,
        updated: now,
    };
    let answer = json(StatusCode::CREATED, &bundle.wire());
    keep(account, bundle);
    Ok(answer)
}

pub(super) fn get(account: &Account, call: &Call, sid: &str) -> Result<Answer, Refusal> {
    let bundle = account.bundles.get(sid).ok_or_else(|| Refusal::not_found(&call.path))?;
    Ok(json(StatusCode::OK, &bundle.wire()))
}

pub(super) fn update(account: &mut Account, call: &Call, sid: &str) -> Result<Answer, Refusal> {
    let mut bundle = account.bundles.get(sid).cloned().ok_or_else(|| Refusal::not_found(&call.path))?;
    let form = Form::of_body(call)?;
    let (name, email, status) = (form.filled("FriendlyName"), form.filled("Email"), form.filled("Status"));
    if status.is_some() && (name.is_some() || email.is_some()) {
        return Err(Refusal::new(22204, "Bundle status and properties cannot be updated in the same request"));
    }
    name.unwrap_or(&bundle.friendly_name).to_owned().clone_into(&mut bundle.friendly_name);
    email.unwrap_or(&bundle.email).to_owned().clone_into(&mut bundle.email);
    bundle.updated = account.book.now();
    match status {
        None => {}
        Some(status @ ("draft" | "pending-review")) => status.clone_into(&mut bundle.status),
        Some(_) => return Err(Refusal::new(22203, "Unable to parse bundle status")),
    }
    let answer = json(StatusCode::OK, &bundle.wire());
    if bundle.status == "pending-review" {
        APPROVED.clone_into(&mut bundle.status);
    }
    keep(account, bundle);
    Ok(answer)
}

/// Whether what an offer asks for is there, and what is there may be used.
pub(super) fn check(account: &Account, offer: &Offer, sid: &str) -> Result<(), Refusal> {
    if sid.is_empty() {
        let asked = offer.bundle_required.then(|| Refusal::new(21649, "Bundle required and not provided"));
        return asked.map_or(Ok(()), Err);
    }
    exists(account, sid)?.check(&offer.country, offer.number_type)
}

pub(super) fn exists<'a>(account: &'a Account, sid: &str) -> Result<&'a Bundle, Refusal> {
    account.bundles.get(sid).ok_or_else(|| Refusal::new(21649, format!("Bundle {sid} does not exist")))
}

fn keep(account: &mut Account, bundle: Bundle) {
    account.book.put("bundle", bundle.sid.clone(), &bundle);
    account.bundles.insert(bundle.sid.clone(), bundle);
}

fn type_of(text: &str) -> Option<NumberType> {
    match text {
        "local" => Some(NumberType::Local),
        "toll-free" => Some(NumberType::TollFree),
        "mobile" => Some(NumberType::Mobile),
        "national" => Some(NumberType::National),
        _ => None,
    }
}
