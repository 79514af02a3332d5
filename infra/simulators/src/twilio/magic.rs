//! The account of the test credentials: nothing is remembered, and certain inputs have certain
//! results.

use http::StatusCode;
use jiff::Timestamp;

use super::TEST_ACCOUNT_SID;
use super::form::Form;
use super::number::Number;
use super::refusal::Refusal;
use crate::server::{Answer, Call, json};
use crate::stock::{AddressRequirement, NumberType, Offer};

const SOLD: &str = "+15005550006";

pub(super) fn create(call: &Call, now: Timestamp) -> Result<Answer, Refusal> {
    let form = Form::of_body(call)?;
    match (form.filled("PhoneNumber"), form.filled("AreaCode")) {
        (Some(SOLD), _) | (None, Some("500")) => bought(&form, now),
        (Some(e164 @ "+15005550001"), _) => Err(Refusal::new(21421, format!("{e164} is not a valid number"))),
        (Some(e164), _) => Err(Refusal::new(21422, format!("{e164} is not available."))),
        (None, Some(area)) => Err(Refusal::new(21452, format!("No phone numbers found in area code {area}"))),
        (None, None) => Err(Refusal::new(21421, "PhoneNumber or AreaCode is required")),
    }
}

pub(super) fn forbidden() -> Refusal {
    Refusal::new(20008, "Resource not accessible with Test Account Credentials")
}

/// Everything is echoed and nothing kept.
fn bought(form: &Form, now: Timestamp) -> Result<Answer, Refusal> {
    let offer = Offer {
        e164: SOLD.to_owned(),
        country: "US".to_owned(),
        number_type: NumberType::Local,
        area: "500".to_owned(),
        address_requirement: AddressRequirement::None,
        bundle_required: false,
    };
    let mut number = Number::bought(&offer, 1, format!("PN{:032x}", 1), now);
    number.set(form)?;
    Ok(json(StatusCode::CREATED, &number.wire(TEST_ACCOUNT_SID)))
}
