//! Twilio's JSON: what it lists, what it sold, how it refuses (REST API 2010-04-01), what it costs (Pricing API, v1).
//!
//! Read leniently, since several fields differ between document and wire: unknown fields are ignored, `""` is none, texts may
//! come as numbers. Turned strictly into domain types; what is missing there is an answer without use.

use domain::number::Capabilities;
use domain::numbering::{CountryCode, NumberKind};
use domain::ports::{
    AddressRequirement, CarrierNumber, NumberSettings, Offer, Page, ProviderErrorKind, Reason, Webhooks,
};
use domain::{Currency, E164, Money};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::StatusCode;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Answer of a search; entries one by one, so that an odd one spoils only itself.
#[derive(Debug, Deserialize)]
pub(super) struct Available {
    available_phone_numbers: Vec<Value>,
}

/// One page of the account's own numbers.
#[derive(Debug, Deserialize)]
pub(super) struct OwnedPage {
    pub(super) incoming_phone_numbers: Vec<Owned>,
    #[serde(default, deserialize_with = "text")]
    pub(super) next_page_uri: Option<String>,
}

/// A number of the account, as far as we read it.
#[derive(Debug, Deserialize)]
pub(super) struct Owned {
    #[serde(default, deserialize_with = "text")]
    sid: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(super) phone_number: Option<String>,
    #[serde(default, deserialize_with = "text")]
    friendly_name: Option<String>,
    #[serde(default, deserialize_with = "text")]
    date_created: Option<String>,
    #[serde(default, deserialize_with = "capabilities")]
    capabilities: Capabilities,
    #[serde(default, deserialize_with = "text")]
    voice_url: Option<String>,
    #[serde(default, deserialize_with = "text")]
    voice_method: Option<String>,
    #[serde(default, deserialize_with = "text")]
    voice_fallback_url: Option<String>,
    #[serde(default, deserialize_with = "text")]
    voice_fallback_method: Option<String>,
    #[serde(default, deserialize_with = "text")]
    status_callback: Option<String>,
    #[serde(default, deserialize_with = "text")]
    status_callback_method: Option<String>,
    #[serde(default, deserialize_with = "text")]
    trunk_sid: Option<String>,
    #[serde(default, deserialize_with = "text")]
    voice_application_sid: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    phone_number: E164,
    #[serde(default, deserialize_with = "text")]
    locality: Option<String>,
    #[serde(default, deserialize_with = "text")]
    region: Option<String>,
    #[serde(default, deserialize_with = "text")]
    address_requirements: Option<String>,
    #[serde(default, deserialize_with = "capabilities")]
    capabilities: Capabilities,
}

impl Available {
    /// The offers that can be read.
    pub(super) fn offers(self) -> Vec<Offer> {
        self.available_phone_numbers
            .into_iter()
            .filter_map(|entry| Entry::deserialize(entry).ok())
            .map(Into::into)
            .collect()
    }
}

impl From<Entry> for Offer {
    fn from(entry: Entry) -> Self {
        Self {
            e164: entry.phone_number,
            locality: entry.locality,
            region: entry.region,
            capabilities: entry.capabilities,
            address_requirement: address_requirement(entry.address_requirements.as_deref()),
        }
    }
}

/// An unknown requirement is still one; only saying nothing asks for nothing.
fn address_requirement(word: Option<&str>) -> AddressRequirement {
    match word {
        None | Some("none") => AddressRequirement::None,
        Some("local") => AddressRequirement::Local,
        Some("foreign") => AddressRequirement::Foreign,
        Some(_) => AddressRequirement::Any,
    }
}

impl Owned {
    /// The number, or the name of the field that makes it useless.
    pub(super) fn number(self) -> Result<CarrierNumber, &'static str> {
        let e164 = self.phone_number.as_deref().and_then(|number| number.parse().ok());
        let created_at = self.date_created.as_deref().and_then(date);
        Ok(CarrierNumber {
            id: self.sid.ok_or("sid")?,
            e164: e164.ok_or("phone_number")?,
            tag: self.friendly_name.unwrap_or_default(),
            created_at: created_at.ok_or("date_created")?,
            capabilities: self.capabilities,
            settings: NumberSettings {
                webhooks: Webhooks {
                    voice: hook(self.voice_url, self.voice_method),
                    voice_fallback: hook(self.voice_fallback_url, self.voice_fallback_method),
                    status: hook(self.status_callback, self.status_callback_method),
                },
                trunk: self.trunk_sid,
                application: self.voice_application_sid,
            },
        })
    }
}

impl OwnedPage {
    /// The numbers that can be read; one that cannot spoils only itself.
    pub(super) fn page(self) -> Page<CarrierNumber> {
        let all = self.incoming_phone_numbers.len();
        let items: Vec<_> = self.incoming_phone_numbers.into_iter().filter_map(|owned| owned.number().ok()).collect();
        Page { others: all - items.len(), items, next: self.next_page_uri }
    }
}

/// What numbers of a country cost a month.
#[derive(Debug, Deserialize)]
pub(super) struct Prices {
    #[serde(default, deserialize_with = "text")]
    iso_country: Option<String>,
    #[serde(default, deserialize_with = "text")]
    price_unit: Option<String>,
    phone_number_prices: Vec<Value>,
}

#[derive(Debug, Deserialize)]
struct Price {
    #[serde(default, deserialize_with = "text")]
    number_type: Option<String>,
    /// What this account pays, other than `base_price`.
    #[serde(default, deserialize_with = "text")]
    current_price: Option<String>,
}

impl Prices {
    /// The prices that can be read, or the name of the field that makes them all useless.
    pub(super) fn of(self, country: CountryCode) -> Result<Vec<(NumberKind, Money)>, &'static str> {
        if self.iso_country.as_deref() != Some(country.as_str()) {
            return Err("iso_country");
        }
        let unit = self.price_unit.and_then(|unit| unit.to_ascii_uppercase().parse::<Currency>().ok());
        let unit = unit.ok_or("price_unit")?;
        let prices = self.phone_number_prices.into_iter().filter_map(|price| Price::deserialize(price).ok());
        Ok(prices.filter_map(|price| price.read(unit)).collect())
    }
}

impl Price {
    fn read(&self, unit: Currency) -> Option<(NumberKind, Money)> {
        let kind = match self.number_type.as_deref()? {
            "local" => NumberKind::Local,
            "toll free" => NumberKind::TollFree,
            "mobile" => NumberKind::Mobile,
            "national" => NumberKind::National,
            // Twilio may sell what we do not.
            _ => return None,
        };
        Some((kind, Money::parse(self.current_price.as_deref()?, unit).ok()?))
    }
}

/// A URL as [`Webhooks`] writes it.
fn hook(url: Option<String>, method: Option<String>) -> String {
    match (url, method.filter(|method| method != "POST")) {
        (Some(url), None) => url,
        (Some(url), Some(method)) => format!("{method} {url}"),
        (None, _) => String::new(),
    }
}

/// Method and URL of a webhook.
pub(super) fn method_and_url(hook: &str) -> (&str, &str) {
    hook.split_once(' ').unwrap_or(("POST", hook))
}

/// `Thu, 30 Jul 2015 23:19:04 +0000`
fn date(text: &str) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(text).ok()
}

/// A text, possibly sent as a number; null and `""` are none.
fn text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::String(text) if !text.is_empty() => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

/// What a number can do. Search results have been seen with `SMS` and `MMS` in capitals, owned numbers in small letters; what
/// is not said is taken for missing.
fn capabilities<'de, D: Deserializer<'de>>(from: D) -> Result<Capabilities, D::Error> {
    let said = Value::deserialize(from)?;
    let can = |names: [&str; 2]| names.into_iter().any(|name| said.get(name) == Some(&Value::Bool(true)));
    Ok(Capabilities { voice: can(["voice", "Voice"]), sms: can(["sms", "SMS"]), mms: can(["mms", "MMS"]) })
}

/// A call that was placed, as far as we read it.
#[derive(Debug, Deserialize)]
pub(super) struct CallMade {
    pub(super) sid: String,
}

/// A refusal in Twilio's words: the classic object, or the newer one of RFC 9457.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: Option<u32>,
    pub(super) message: String,
}

impl Refusal {
    /// None when the body is not Twilio's: HTML of something in between, or nothing.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(body).ok()?;
        let word = |name: &str| value.get(name).and_then(Value::as_str).filter(|word| !word.is_empty());
        let code = match value.get("code") {
            Some(Value::Number(code)) => code.as_u64().and_then(|code| u32::try_from(code).ok()),
            Some(Value::String(code)) => code.parse().ok(),
            _ => None,
        };
        let said: Vec<&str> = [word("message").or(word("title")), word("detail")].into_iter().flatten().collect();
        (code.is_some() || !said.is_empty()).then(|| Self { code, message: said.join(": ") })
    }
}

/// What a refusal means. By code where Twilio gives one, by status otherwise; never by its words, which change.
pub(super) fn kind(status: StatusCode, refusal: Option<&Refusal>, doubt: ProviderErrorKind) -> ProviderErrorKind {
    use ProviderErrorKind::{Misconfigured, NotFound, RateLimited, Rejected};
    match (status.as_u16(), refusal.and_then(|refusal| refusal.code)) {
        (429, _) | (400..=499, Some(20_429)) => RateLimited,
        (401 | 403, _) | (400..=499, Some(10_001 | 20_003 | 20_005 | 20_006 | 20_008)) => Misconfigured,
        // Without Twilio's own words a 404 may come from something in between; taking it for "gone" would forget a number
        // that is still paid for.
        (404, _) if refusal.is_none() => doubt,
        (404, _) | (400..=499, Some(20_404)) => NotFound,
        // A timeout of something in between: the request may have gone through.
        (408, _) => doubt,
        (400..=499, Some(21_422)) => Rejected(Reason::Taken),
        (400..=499, Some(21_404)) => Rejected(Reason::LimitReached),
        (400..=499, Some(21_613 | 21_615 | 21_628 | 21_629 | 21_631)) => Rejected(Reason::AddressRequired),
        (400..=499, Some(21_649..=21_651)) => Rejected(Reason::BundleRequired),
        (400..=499, _) => Rejected(Reason::Other),
        _ => doubt,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn prices_that_cannot_be_read_spoil_only_themselves() {
        let check = |body: Value, expected: Result<&[(NumberKind, &str)], &str>| {
            let prices: Prices = serde_json::from_value(body.clone()).unwrap();
            let found = prices.of(CountryCode::US);
            let told = found.map(|found| found.into_iter().map(|(kind, price)| (kind, price.to_string())).collect());
            let expected =
                expected.map(|expected| expected.iter().map(|(kind, price)| (*kind, (*price).to_owned())).collect());
            assert_eq!(told, expected as Result<Vec<_>, _>, "{body}");
        };
        let of = |number_type: &str, current: Value| json!({"number_type": number_type, "base_price": "9.00", "current_price": current});
        let all = |prices: Value| json!({"country": "United States", "iso_country": "US", "price_unit": "USD", "phone_number_prices": prices});
        check(all(json!([])), Ok(&[]));
        check(
            all(json!([of("local", json!("1.15")), of("toll free", json!(2.15)), of("mobile", json!("0.0085"))])),
            Ok(&[
                (NumberKind::Local, "1.15 USD"),
                (NumberKind::TollFree, "2.15 USD"),
                (NumberKind::Mobile, "0.0085 USD"),
            ]),
        );
        let odd = json!([
            of("local", json!(null)),
            of("local", json!("")),
            of("toll_free", json!("1")),
            of("satellite", json!("1")),
            of("mobile", json!("free")),
            "local",
            {},
            of("national", json!("3.00"))
        ]);
        check(all(odd), Ok(&[(NumberKind::National, "3.00 USD")]));
        let with = |name: &str, value: Value| {
            let mut body = all(json!([of("local", json!("1.15"))]));
            body[name] = value;
            body
        };
        check(with("price_unit", json!("eur")), Ok(&[(NumberKind::Local, "1.15 EUR")]));
        check(with("price_unit", json!(null)), Err("price_unit"));
        check(with("price_unit", json!("dollars")), Err("price_unit"));
        check(with("iso_country", json!("CA")), Err("iso_country"));
        check(with("iso_country", json!(null)), Err("iso_country"));
    }

    #[test]
    fn codes_say_whether_it_happened() {
        use ProviderErrorKind::{Misconfigured, NotFound, RateLimited, Rejected, Unknown};
        let check = |status: u16, code: Option<u32>, expected: ProviderErrorKind| {
            let refusal = Refusal { code, message: "said".to_owned() };
            let found = kind(StatusCode::from_u16(status).unwrap(), Some(&refusal), Unknown);
            assert_eq!(found, expected, "{status} {code:?}");
        };
        check(400, Some(21_422), Rejected(Reason::Taken));
        check(400, Some(21_421), Rejected(Reason::Other));
        check(400, Some(21_458), Rejected(Reason::Other));
        check(400, Some(21_451), Rejected(Reason::Other));
        check(400, Some(21_452), Rejected(Reason::Other));
        check(400, Some(21_404), Rejected(Reason::LimitReached));
        check(400, Some(21_613), Rejected(Reason::AddressRequired));
        check(400, Some(21_615), Rejected(Reason::AddressRequired));
        check(400, Some(21_628), Rejected(Reason::AddressRequired));
        check(400, Some(21_629), Rejected(Reason::AddressRequired));
        check(400, Some(21_631), Rejected(Reason::AddressRequired));
        check(400, Some(21_649), Rejected(Reason::BundleRequired));
        check(400, Some(21_650), Rejected(Reason::BundleRequired));
        check(400, Some(21_651), Rejected(Reason::BundleRequired));
        check(400, Some(21_402), Rejected(Reason::Other));
        check(400, None, Rejected(Reason::Other));
        check(405, Some(20_004), Rejected(Reason::Other));
        check(409, Some(20_409), Rejected(Reason::Other));
        check(401, Some(20_003), Misconfigured);
        check(401, None, Misconfigured);
        check(403, Some(20_006), Misconfigured);
        check(403, Some(20_008), Misconfigured);
        check(400, Some(20_005), Misconfigured);
        check(400, Some(10_001), Misconfigured);
        check(404, Some(20_404), NotFound);
        check(404, None, NotFound);
        check(429, Some(20_429), RateLimited);
        check(429, None, RateLimited);
        check(408, None, Unknown);
        check(500, Some(20_500), Unknown);
        check(503, Some(20_503), Unknown);
        check(502, None, Unknown);
        check(302, None, Unknown);
        check(200, None, Unknown);
    }

    #[test]
    fn a_status_without_twilios_words_is_believed_only_where_it_is_safe() {
        let check = |status: u16, expected: ProviderErrorKind| {
            let found = kind(StatusCode::from_u16(status).unwrap(), None, ProviderErrorKind::Unknown);
            assert_eq!(found, expected, "{status}");
        };
        check(404, ProviderErrorKind::Unknown);
        check(401, ProviderErrorKind::Misconfigured);
        check(403, ProviderErrorKind::Misconfigured);
        check(429, ProviderErrorKind::RateLimited);
        check(400, ProviderErrorKind::Rejected(Reason::Other));
        check(500, ProviderErrorKind::Unknown);
    }

    #[test]
    fn both_shapes_of_refusal_are_read() {
        let check = |body: &str, expected: Option<(Option<u32>, &str)>| {
            let expected = expected.map(|(code, message)| Refusal { code, message: message.to_owned() });
            assert_eq!(Refusal::read(body.as_bytes()), expected, "{body}");
        };
        check(
            r#"{"code":21422,"message":"No.","more_info":"https://e/21422","status":400}"#,
            Some((Some(21_422), "No.")),
        );
        check(r#"{"message":"No.","status":400}"#, Some((None, "No.")));
        check(r#"{"code":"21422"}"#, Some((Some(21_422), "")));
        check(
            r#"{"type":"about:blank","title":"Not available","status":400,"code":21422,"detail":"sold"}"#,
            Some((Some(21_422), "Not available: sold")),
        );
        check(r#"{"title":"Gone","status":404}"#, Some((None, "Gone")));
        check("<html><h1>502</h1></html>", None);
        check("", None);
        check("null", None);
        check("[]", None);
        check("{}", None);
        check(r#""words""#, None);
    }

    #[test]
    fn odd_offers_are_skipped_and_odd_fields_forgiven() {
        let available: Available = serde_json::from_value(json!({
            "uri": "/2010-04-01/…",
            "available_phone_numbers": [
                {"phone_number": "+18089251571", "locality": "Hilo", "region": "", "latitude": "19.7", "postal_code": 96720,
                 "address_requirements": "none", "capabilities": {"voice": true, "SMS": true, "MMS": false, "fax": true}},
                {"phone_number": " 18089251572", "capabilities": {"voice": true}},
                {"friendly_name": "no number"},
                "not an object",
                {"phone_number": "+442071838750", "locality": null, "address_requirements": "a new word"},
                {"phone_number": "+442071838751", "address_requirements": "local", "capabilities": {"voice": true, "sms": true, "mms": true}}
            ]
        }))
        .unwrap();
        let offers = available.offers();
        let brief: Vec<_> = offers
            .iter()
            .map(|offer| {
                let Capabilities { voice, sms, mms } = offer.capabilities;
                (offer.e164.as_str(), offer.locality.as_deref(), offer.address_requirement.as_str(), [voice, sms, mms])
            })
            .collect();
        let expected = [
            ("+18089251571", Some("Hilo"), "none", [true, true, false]),
            ("+442071838750", None, "any", [false, false, false]),
            ("+442071838751", None, "local", [true, true, true]),
        ];
        assert_eq!(brief, expected);
        assert!(offers.iter().all(|offer| offer.region.is_none()));
    }

    #[test]
    fn an_owned_number_needs_id_digits_and_date() {
        let whole = json!({
            "sid": "PN0123456789abcdef0123456789abcdef", "phone_number": "+14155550123", "friendly_name": "tag-1",
            "date_created": "Thu, 30 Jul 2015 23:19:04 +0000", "voice_url": "", "trunk_sid": null, "beta": false,
            "capabilities": {"voice": true, "sms": true, "mms": false, "fax": false}
        });
        let number = Owned::deserialize(&whole).unwrap().number().unwrap();
        assert_eq!(number.id, "PN0123456789abcdef0123456789abcdef");
        assert_eq!(number.tag, "tag-1");
        assert_eq!(number.created_at, "2015-07-30T23:19:04Z".parse().unwrap());
        assert_eq!(number.capabilities, Capabilities { voice: true, sms: true, mms: false });
        let check = |field: &str, value: Value, expected: Result<(), &str>| {
            let mut changed = whole.clone();
            changed[field] = value;
            let found = Owned::deserialize(&changed).unwrap().number().map(drop);
            assert_eq!(found, expected, "{field}");
        };
        check("sid", json!(""), Err("sid"));
        check("sid", Value::Null, Err("sid"));
        check("phone_number", json!("14155550123"), Err("phone_number"));
        check("date_created", json!("yesterday"), Err("date_created"));
        check("friendly_name", Value::Null, Ok(()));
        check("capabilities", Value::Null, Ok(()));
        check("capabilities", json!({"voice": "yes", "sms": 1}), Ok(()));
    }
}
