//! Find numbers a tenant could buy, with the price they would pay; and what is sold where.

use domain::catalog::PriceLine;
use domain::number::Carrier;
use domain::ports::{AddressRequirement, Offer, ProviderErrorKind, SearchFilter};
use domain::requirement::Asked;
use domain::{CountryCode, TenantId, limits, numbering::NumberKind};
use serde::Deserialize;

use crate::api::{CountryView, Items, OfferView, TypeView};
use crate::{App, Error};

/// What to search for.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
pub struct Request {
    /// ISO 3166-1, such as `US`.
    #[cfg_attr(feature = "openapi", param(required = true))]
    country: Option<String>,
    /// `local` by default; which there are says `GET /v1/countries`.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// Three digits; in the US and Canada only.
    area_code: Option<String>,
    /// 2 to 16 digits, letters (as on a keypad) or `*` for any.
    contains: Option<String>,
    /// City.
    locality: Option<String>,
    /// State or province.
    region: Option<String>,
    /// Those that can, or cannot, take calls.
    voice: Option<bool>,
    /// Those that can, or cannot, take text messages.
    sms: Option<bool>,
    /// Those that can, or cannot, take pictures.
    mms: Option<bool>,
    /// 1 to 100, 50 by default.
    limit: Option<u16>,
}

/// Offers of the carrier, live. Reads nothing from the store.
///
/// # Errors
/// [`Error::Invalid`], [`Error::UnsupportedCountry`], [`Error::UnsupportedType`], [`Error::Carrier`].
pub async fn run(app: &App, request: &Request) -> Result<Items<OfferView>, Error> {
    let country = request.country.as_deref().ok_or_else(|| Error::invalid("country", "required, such as `US`"))?;
    let line = line(app, country, request.kind.as_deref())?;
    let limit = request.limit.unwrap_or(limits::PAGE_DEFAULT);
    if !(1..=limits::SEARCH_OFFERS_MAX).contains(&limit) {
        return Err(Error::invalid("limit", format!("a whole number from 1 to {}", limits::SEARCH_OFFERS_MAX)));
    }
    let filter = SearchFilter {
        area_code: request.area_code.as_deref().map(|code| area_code(line.country, code)).transpose()?,
        contains: request.contains.as_deref().map(contains).transpose()?,
        locality: place("locality", request.locality.as_deref())?,
        region: place("region", request.region.as_deref())?,
        voice: request.voice,
        sms: request.sms,
        mms: request.mms,
        limit,
    };
    let offers = offers(app, line, &filter).await?;
    Ok(Items { items: offers.into_iter().map(|offer| OfferView::of(line, offer)).collect() })
}

/// What is sold in each country, what is required there, and whether this tenant has it.
///
/// # Errors
/// [`Error::Store`].
pub async fn countries(app: &App, tenant: &TenantId) -> Result<Items<CountryView>, Error> {
    let on_file = app.store.tenant_get(tenant).await?.map(|tenant| tenant.on_file).unwrap_or_default();
    let mut items: Vec<CountryView> = Vec::new();
    for line in &app.price_book.lines {
        let here =
            |view: &&mut CountryView| view.country == line.country.as_str() && view.carrier == line.carrier.as_str();
        let requires: Vec<&'static str> = line.requires.iter().map(|needed| needed.as_str()).collect();
        let ready = asked(line, AddressRequirement::None).met_by(&on_file, &app.settings.addresses).is_ok();
        let kind = TypeView { kind: line.kind.as_str(), price: line.price, requires: requires.clone(), ready };
        match items.iter_mut().find(here) {
            Some(view) => {
                view.types.push(kind);
                let new: Vec<_> = requires.into_iter().filter(|needed| !view.requires.contains(needed)).collect();
                view.requires.extend(new);
            }
            None => items.push(CountryView {
                country: line.country.into(),
                carrier: line.carrier.as_str(),
                types: vec![kind],
                requires,
            }),
        }
    }
    Ok(Items { items })
}

/// What is asked of whoever buys a number of this line, by the line and by an offer.
pub(crate) fn asked(line: &PriceLine, address: AddressRequirement) -> Asked<'_> {
    Asked { country: line.country, kind: line.kind, address, requires: &line.requires }
}

/// The line of the price book for a country and type as a client writes them; `local` when no type is named.
pub(crate) fn line<'a>(app: &'a App, country: &str, kind: Option<&str>) -> Result<&'a PriceLine, Error> {
    line_of(app, None, country, kind)
}

/// The same of one carrier, if it is named.
pub(crate) fn line_of<'a>(
    app: &'a App,
    carrier: Option<Carrier>,
    country: &str,
    kind: Option<&str>,
) -> Result<&'a PriceLine, Error> {
    let country: CountryCode = country.parse().map_err(|e| Error::invalid("country", format!("{e}")))?;
    let kind: NumberKind =
        kind.map_or(Ok(NumberKind::Local), |kind| kind.parse().map_err(|e| Error::invalid("type", format!("{e}"))))?;
    if !app.price_book.sells_in(country) {
        return Err(Error::UnsupportedCountry);
    }
    let line = match carrier {
        Some(carrier) => app.price_book.line_of(carrier, country, kind),
        None => app.price_book.line(country, kind),
    };
    line.ok_or(Error::UnsupportedType)
}

/// Asks the carrier. A type it does not sell is an empty list: the price book may be ahead of it.
pub(crate) async fn offers(app: &App, line: &PriceLine, filter: &SearchFilter) -> Result<Vec<Offer>, Error> {
    let carrier = app.providers.carrier(line.carrier).await.map_err(Error::Carrier)?;
    match carrier.number_search(line.country, line.kind, filter).await {
        Ok(offers) => Ok(offers),
        Err(error) if error.kind == ProviderErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => {
            if error.kind == ProviderErrorKind::Misconfigured {
                app.providers.credentials_refused();
            }
            Err(Error::Carrier(error))
        }
    }
}

/// An area code: three digits, in North America.
pub(crate) fn area_code(country: CountryCode, code: &str) -> Result<String, Error> {
    let digits = code.len() == 3 && code.bytes().all(|b| b.is_ascii_digit()) && !code.starts_with(['0', '1']);
    let here = country == CountryCode::US || country == CountryCode::CA;
    match (digits, here) {
        (true, true) => Ok(code.to_owned()),
        (false, _) => Err(Error::invalid("area_code", "three digits, the first from 2 to 9")),
        (true, false) => Err(Error::invalid("area_code", "only for US and CA; use `contains` elsewhere")),
    }
}

/// Digits, letters (as on a keypad) and `*` for any; at least two, as the carrier wants.
fn contains(pattern: &str) -> Result<String, Error> {
    let digits = pattern.trim_start_matches('+');
    let fine = digits.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'*');
    if fine && (2..=16).contains(&digits.len()) {
        Ok(pattern.to_owned())
    } else {
        Err(Error::invalid("contains", "2 to 16 digits, letters or `*`"))
    }
}

fn place(field: &'static str, text: Option<&str>) -> Result<Option<String>, Error> {
    text.map(|text| super::check_name(field, text)).transpose()
}
