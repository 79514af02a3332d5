//! Buying, changing, listing and releasing numbers.
//!
//! The one to know: buying a number the account already owns answers 201 and changes it.

use http::StatusCode;
use serde_json::Value;

use super::ACCOUNT_SID;
use super::account::Account;
use super::form::Form;
use super::number::Number;
use super::pages::{Page, page};
use super::refusal::Refusal;
use super::{bundles, trunks};
use crate::server::{Answer, Call, json, no_content};
use crate::stock::{AddressRequirement, NumberType, Offer, Pattern, Wanted, is_e164};

const PAGE: Page = Page { key: "incoming_phone_numbers", token: "PAPN" };

/// `kind` is the sub-resource bought through, which limits what may be bought.
pub(super) fn create(account: &mut Account, call: &Call, kind: Option<NumberType>) -> Result<Answer, Refusal> {
    let form = Form::of_body(call)?;
    let e164 = match (form.filled("PhoneNumber"), form.filled("AreaCode")) {
        (Some(e164), _) => checked(e164)?.to_owned(),
        (None, Some(_)) if kind.is_some() => return Err(Refusal::new(21457, "AreaCode is not allowed here")),
        (None, Some(area)) => any_in(account, area)?,
        (None, None) => return Err(Refusal::new(21421, "PhoneNumber or AreaCode is required")),
    };
    if let Some(owned) = account.by_e164(&e164).cloned() {
        refuse_other_type(kind, owned.number_type)?;
        let changed = change(account, owned, &form)?;
        return Ok(json(StatusCode::CREATED, &changed));
    }
    let offer = account.offer(&e164).ok_or_else(|| Refusal::new(21422, format!("{e164} is not available.")))?;
    refuse_other_type(kind, offer.number_type)?;
    if account.trial && !account.numbers.is_empty() {
        return Err(Refusal::new(21404, "Trial accounts are allowed one phone number"));
    }
    let mut number = account.draft(&offer);
    number.set(&form)?;
    trunks::check(account, &number.trunk_sid)?;
    check_papers(account, &offer, &number)?;
    let wire = number.wire(ACCOUNT_SID);
    account.keep(number);
    Ok(json(StatusCode::CREATED, &wire))
}

pub(super) fn get(account: &Account, call: &Call, sid: &str) -> Result<Answer, Refusal> {
    let number = account.owned(sid).ok_or_else(|| Refusal::not_found(&call.path))?;
    Ok(json(StatusCode::OK, &number.wire(ACCOUNT_SID)))
}

pub(super) fn update(account: &mut Account, call: &Call, sid: &str) -> Result<Answer, Refusal> {
    let number = account.by_sid(sid).cloned().ok_or_else(|| Refusal::not_found(&call.path))?;
    let form = Form::of_body(call)?;
    if form.filled("AccountSid").is_some_and(|other| other != ACCOUNT_SID) {
        return Err(Refusal::new(21473, "The accounts are unrelated"));
    }
    let changed = change(account, number, &form)?;
    Ok(json(StatusCode::OK, &changed))
}

pub(super) fn delete(account: &mut Account, call: &Call, sid: &str) -> Result<Answer, Refusal> {
    let number = account.by_sid(sid).ok_or_else(|| Refusal::not_found(&call.path))?;
    if number.emergency_active {
        return Err(Refusal::without_code("Remove the emergency address before releasing this number"));
    }
    let seq = number.seq;
    account.release(seq);
    Ok(no_content())
}

pub(super) fn list(account: &Account, call: &Call, kind: Option<NumberType>) -> Result<Answer, Refusal> {
    let form = Form::of_query(call);
    let hosted = form.filled("Origin") == Some("hosted") || form.flag("Beta") == Some(true);
    let name = form.filled("FriendlyName");
    let phone = form.filled("PhoneNumber");
    let pattern = phone.map(Pattern::parse);
    let wanted = |number: &Number| {
        !hosted
            && kind.is_none_or(|kind| number.number_type == kind)
            && name.is_none_or(|name| number.friendly_name == name)
            // A pattern that is none, such as one whose plus sign became a space, matches nothing.
            && pattern.as_ref().is_none_or(|pattern| pattern.as_ref().is_some_and(|it| it.matches(&number.e164)))
    };
    // The question every careful buyer asks, answered without looking at each number.
    if let Some(e164) = phone.filter(|phone| is_e164(phone)) {
        let exact = account.by_e164(e164).filter(|number| wanted(number));
        if let Some(number) = exact {
            return page(call, &form, PAGE, |_| std::iter::once((number.seq, number.wire(ACCOUNT_SID))));
        }
    }
    page(call, &form, PAGE, |place| {
        let rows = account.below(place).filter(|(_, number)| wanted(number));
        rows.map(|(place, number)| (place, number.wire(ACCOUNT_SID)))
    })
}

/// Or takes it off, when `trunk` is empty.
pub(super) fn put_on_trunk(account: &mut Account, number: Number, trunk: &str) -> Result<Number, Refusal> {
    changed(account, number, &Form::of([("TrunkSid", trunk)]))
}

fn change(account: &mut Account, number: Number, form: &Form) -> Result<Value, Refusal> {
    Ok(changed(account, number, form)?.wire(ACCOUNT_SID))
}

fn changed(account: &mut Account, mut number: Number, form: &Form) -> Result<Number, Refusal> {
    number.set(form)?;
    check_address(account, &number)?;
    trunks::check(account, &number.trunk_sid)?;
    if form.filled("BundleSid").is_some() {
        bundles::exists(account, &number.bundle_sid)?.check(&number.country, number.number_type)?;
    }
    number.updated = account.book.now();
    account.keep(number.clone());
    Ok(number)
}

/// A plus sign that was not escaped has become a space by now, and is no E.164.
fn checked(e164: &str) -> Result<&str, Refusal> {
    if is_e164(e164) { Ok(e164) } else { Err(Refusal::new(21421, format!("{e164} is not a valid number"))) }
}

fn any_in(account: &mut Account, area: &str) -> Result<String, Refusal> {
    if area.len() != 3 || !area.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Refusal::new(21451, format!("Invalid area code {area}")));
    }
    let count = account.book.next("sample");
    let shuffle = account.book.bits("sample", count);
    let first = |country| {
        let wanted = Wanted { country, number_type: NumberType::Local, area: Some(area), pattern: None };
        account.shelf.sample(&wanted, shuffle, 1, |e164| account.is_free(e164)).pop()
    };
    let offer = first("US").or_else(|| first("CA"));
    let none = || Refusal::new(21452, format!("No phone numbers found in area code {area}"));
    offer.map(|offer| offer.e164).ok_or_else(none)
}

fn refuse_other_type(asked: Option<NumberType>, is: NumberType) -> Result<(), Refusal> {
    if asked.is_none_or(|asked| asked == is) {
        return Ok(());
    }
    Err(Refusal::new(21458, "The type of the phone number does not match the resource"))
}

fn check_papers(account: &Account, offer: &Offer, number: &Number) -> Result<(), Refusal> {
    check_address(account, number)?;
    let country = account.addresses.get(&number.address_sid).map(|address| address.country.as_str());
    match offer.address_requirement {
        AddressRequirement::None => {}
        AddressRequirement::Any => {
            country.ok_or_else(|| {
                Refusal::new(21631, "Phone Number Requires an Address but the 'AddressSid' parameter was empty.")
            })?;
        }
        AddressRequirement::Local if country == Some(&offer.country) => {}
        AddressRequirement::Local => {
            return Err(Refusal::new(21615, "Phone Number Requires a Local Address. Please supply a local address"));
        }
        AddressRequirement::Foreign if country.is_some_and(|country| country != offer.country) => {}
        AddressRequirement::Foreign => {
            return Err(Refusal::new(21631, "Phone Number Requires a Foreign Address"));
        }
    }
    bundles::check(account, offer, &number.bundle_sid)
}

fn check_address(account: &Account, number: &Number) -> Result<(), Refusal> {
    for sid in [&number.address_sid, &number.emergency_address_sid] {
        if !sid.is_empty() && !account.addresses.contains_key(sid) {
            return Err(Refusal::new(21628, format!("The address {sid} is invalid")));
        }
    }
    Ok(())
}
