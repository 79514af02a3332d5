//! Looking for numbers to buy. An answer is a sample, not a page: asking again shows others.

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::ACCOUNT_SID;
use super::account::Account;
use super::form::Form;
use super::number::{Capabilities, formatted};
use super::pages::page_size;
use super::refusal::Refusal;
use crate::places::{COUNTRIES, Country, country_of, place_of};
use crate::server::{Answer, Call, json};
use crate::stock::{AddressRequirement, NumberType, Offer, Pattern, Wanted};

/// Shorter patterns are refused by the real search.
const CONTAINS_CHARS_MIN: usize = 2;
/// A place filter looks at more offers than it shows.
const PLACE_SAMPLE: usize = 20_000;

pub(super) const SUBRESOURCES: [(NumberType, &str, &str); 4] = [
    (NumberType::Local, "Local", "local"),
    (NumberType::TollFree, "TollFree", "toll_free"),
    (NumberType::Mobile, "Mobile", "mobile"),
    (NumberType::National, "National", "national"),
];

pub(super) fn countries(account: &Account) -> Answer {
    let listed = COUNTRIES.iter().filter(|country| is_sold(account, country)).map(wire_country);
    let uri = format!("/2010-04-01/Accounts/{ACCOUNT_SID}/AvailablePhoneNumbers.json");
    json(StatusCode::OK, &json!({ "countries": listed.collect::<Vec<_>>(), "uri": uri }))
}

pub(super) fn country(account: &Account, call: &Call, code: &str) -> Result<Answer, Refusal> {
    let country = country_of(code).filter(|country| is_sold(account, country));
    let country = country.ok_or_else(|| Refusal::not_found(&call.path))?;
    Ok(json(StatusCode::OK, &wire_country(country)))
}

pub(super) fn search(account: &mut Account, call: &Call, code: &str, kind: NumberType) -> Result<Answer, Refusal> {
    let country = country_of(code).ok_or_else(|| Refusal::not_found(&call.path))?;
    if !country.types.iter().any(|(sold, _)| *sold == kind) {
        return Err(Refusal::not_found(&call.path));
    }
    let form = Form::of_query(call);
    let north_american = country.calling == "1";
    let area = form.filled("AreaCode").map(str::to_owned);
    if area.as_ref().is_some_and(|area| area.len() != 3 || area.parse::<u16>().is_err()) && north_american {
        return Err(Refusal::new(21451, "Invalid area code"));
    }
    let pattern = form.filled("Contains").map(contains).transpose()?;
    let limit = page_size(&form)?;
    let count = account.book.next("sample");
    let shuffle = account.book.bits("sample", count);
    // Area codes and places mean something in North America only; elsewhere they are passed over.
    let area = area.as_deref().filter(|_| north_american);
    let wanted = Wanted { country: country.code, number_type: kind, area, pattern };
    let in_place = |offer: &Offer| !north_american || is_in_place(&form, offer);
    let sampled = if north_american && asks_for_place(&form) { PLACE_SAMPLE } else { limit };
    let offers = account.shelf.sample(&wanted, shuffle, sampled, |e164| account.is_free(e164));
    let admitted = offers.iter().filter(|offer| admits(&form, offer) && in_place(offer));
    let shown: Vec<Value> = admitted.take(limit).map(wire_offer).collect();
    Ok(json(StatusCode::OK, &json!({ "available_phone_numbers": shown, "uri": uri(country, kind) })))
}

/// Listed when anything of it was ever stocked.
fn is_sold(account: &Account, country: &Country) -> bool {
    account.shelf.sells_in(country.code)
}

fn contains(text: &str) -> Result<Pattern, Refusal> {
    let pattern = Pattern::parse(text).filter(|_| text.chars().count() >= CONTAINS_CHARS_MIN);
    pattern.ok_or_else(|| Refusal::without_code(format!("Invalid Pattern Provided {text}")))
}

fn admits(form: &Form, offer: &Offer) -> bool {
    let able = Capabilities::of(&offer.country, offer.number_type);
    let has = |name, able: bool| form.flag(name).is_none_or(|wanted| wanted == able);
    let requirement = offer.address_requirement;
    let spared = |name, kind| form.flag(name) != Some(true) || requirement != kind;
    let all_spared = form.flag("ExcludeAllAddressRequired") != Some(true) || requirement == AddressRequirement::None;
    has("VoiceEnabled", able.voice)
        && has("SmsEnabled", able.sms)
        && has("MmsEnabled", able.mms)
        && has("FaxEnabled", false)
        && all_spared
        && spared("ExcludeLocalAddressRequired", AddressRequirement::Local)
        && spared("ExcludeForeignAddressRequired", AddressRequirement::Foreign)
}

const PLACE_FILTERS: [&str; 5] = ["InLocality", "InRegion", "InPostalCode", "InRateCenter", "InLata"];

fn asks_for_place(form: &Form) -> bool {
    PLACE_FILTERS.iter().any(|name| form.filled(name).is_some()) || form.filled("NearNumber").is_some()
}

fn is_in_place(form: &Form, offer: &Offer) -> bool {
    let place = place_of(&offer.country, &offer.area);
    let values = place.map_or([""; 5], |it| [it.locality, it.region, it.postal_code, it.rate_center, it.lata]);
    let given = PLACE_FILTERS.iter().zip(values);
    let all = given.into_iter().all(|(name, is)| form.filled(name).is_none_or(|asked| asked.eq_ignore_ascii_case(is)));
    let near = form.filled("NearNumber").and_then(|number| number.get(2..5));
    all && near.is_none_or(|area| area == offer.area)
}

fn wire_offer(offer: &Offer) -> Value {
    let place = place_of(&offer.country, &offer.area).filter(|_| offer.number_type == NumberType::Local);
    let able = Capabilities::of(&offer.country, offer.number_type);
    json!({
        "friendly_name": formatted(&offer.e164),
        "phone_number": offer.e164,
        "lata": place.map(|place| place.lata),
        "locality": place.map(|place| place.locality),
        "rate_center": place.map(|place| place.rate_center),
        "latitude": place.map(|place| place.latitude),
        "longitude": place.map(|place| place.longitude),
        "region": place.map(|place| place.region),
        "postal_code": place.map(|place| place.postal_code),
        "iso_country": offer.country,
        "address_requirements": offer.address_requirement,
        "beta": false,
        "capabilities": { "voice": able.voice, "sms": able.sms, "mms": able.mms },
    })
}

fn wire_country(country: &Country) -> Value {
    let sold = SUBRESOURCES.iter().filter(|(kind, _, _)| country.types.iter().any(|(sold, _)| sold == kind));
    let uris: Map<String, Value> = sold.map(|(kind, _, key)| ((*key).to_owned(), json!(uri(country, *kind)))).collect();
    json!({
        "country_code": country.code,
        "country": country.name,
        "beta": false,
        "uri": format!("/2010-04-01/Accounts/{ACCOUNT_SID}/AvailablePhoneNumbers/{}.json", country.code),
        "subresource_uris": uris,
    })
}

fn uri(country: &Country, kind: NumberType) -> String {
    let name = SUBRESOURCES.iter().find(|(listed, _, _)| *listed == kind).map_or("Local", |(_, name, _)| name);
    format!("/2010-04-01/Accounts/{ACCOUNT_SID}/AvailablePhoneNumbers/{}/{name}.json", country.code)
}
