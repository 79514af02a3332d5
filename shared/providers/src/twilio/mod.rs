//! Twilio as a carrier: the calls of its REST API (2010-04-01) that sell, show and take back numbers, and what they cost now
//! (Pricing API, v1).
//!
//! Knows nothing of claims, tags' meaning or retries of a purchase. Two habits of Twilio shape the callers: buying a number
//! the account owns already answers 201 and *changes* it, and nothing makes a purchase idempotent. So nobody may call
//! [`Carrier::number_buy`] without having looked, and a failure in doubt is reported as such.
//!
//! `wire` has the JSON; [`signature`] checks Twilio's webhooks, [`twiml`] writes the answers to them.

pub mod signature;
pub mod twiml;
mod wire;

use std::time::Duration;

use async_trait::async_trait;
use domain::Money;
use domain::limits;
use domain::numbering::{CountryCode, E164, NumberKind};
use domain::ports::{
    BuyOrder, Carrier, CarrierNumber, NumberSettings, Offer, Page, ProviderError, ProviderErrorKind, Reason, Sale,
    SearchFilter, SipTrunk, Webhooks,
};
use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;

use crate::http::{self, Answer, Deadline, Http};
use wire::{Available, CallMade, Owned, OwnedPage, Prices, Refusal};

/// Pages read to find one number; the filter is a partial match, and whole numbers are parts of few others.
const FIND_PAGES_MAX: u8 = 3;
/// Owned numbers asked for at once, to find one.
const FIND_PAGE_SIZE: u16 = 100;
/// Owned numbers asked for at once, to see them all: as many as Twilio gives.
const LIST_PAGE_SIZE: u16 = 1_000;

/// Which account to act for, and how to prove it.
#[derive(Debug, Clone)]
pub struct TwilioConfig {
    /// `AC…`; the account that holds the numbers.
    pub account_sid: String,
    /// What proves that we may act for it.
    pub credentials: Credentials,
    /// `https://api.twilio.com`, or where a stand-in listens; no slash at the end.
    pub api_base_url: String,
    /// `https://pricing.twilio.com`, or where a stand-in listens; no slash at the end.
    pub pricing_base_url: String,
}

/// Proof towards Twilio. Only the auth token can also check webhooks, which [`signature`] does with tokens of its own.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// The account's own token.
    AuthToken(SecretString),
    /// An API key.
    ApiKey {
        /// `SK…`
        sid: String,
        /// Shown once, when the key was made.
        secret: SecretString,
    },
}

impl Credentials {
    const fn secret(&self) -> &SecretString {
        match self {
            Self::AuthToken(token) => token,
            Self::ApiKey { secret, .. } => secret,
        }
    }
}

/// A client for one account. Stateless but for its connections; cheap to make anew when the secret has changed.
#[derive(Debug)]
pub struct Twilio {
    config: TwilioConfig,
    http: Http,
}

impl Twilio {
    /// A client; nothing is set up before its first call.
    #[must_use]
    pub fn new(config: TwilioConfig) -> Self {
        Self { config, http: Http::new(limits::PROVIDER_TIMEOUT.unsigned_abs()) }
    }

    /// The same client with less patience, for a peer on the same machine.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { http: Http::new(timeout), ..self }
    }

    /// A request to `resource` of the account.
    fn request(&self, method: Method, resource: &str) -> Result<RequestBuilder, ProviderError> {
        if !http::is_path_safe(&self.config.account_sid) {
            return Err(ProviderError::new(ProviderErrorKind::Misconfigured, "Twilio: not an account SID"));
        }
        self.request_path(method, &format!("/2010-04-01/Accounts/{}/{resource}", self.config.account_sid))
    }

    fn request_path(&self, method: Method, path: &str) -> Result<RequestBuilder, ProviderError> {
        self.request_at(&self.config.api_base_url, method, path)
    }

    /// A request to one of Twilio's hosts; the credentials are the same everywhere.
    fn request_at(&self, base_url: &str, method: Method, path: &str) -> Result<RequestBuilder, ProviderError> {
        let url = format!("{}{path}", base_url.trim_end_matches('/'));
        let user = match &self.config.credentials {
            Credentials::AuthToken(_) => &self.config.account_sid,
            Credentials::ApiKey { sid, .. } => sid,
        };
        let password = self.config.credentials.secret().expose_secret();
        Ok(self.http.client()?.request(method, url).basic_auth(user, Some(password)))
    }

    /// The page Twilio says comes next, relative to the host; anything else would take our credentials elsewhere.
    fn next_page(&self, uri: &str) -> Result<RequestBuilder, ProviderError> {
        match uri.starts_with("/2010-04-01/") {
            true => self.request_path(Method::GET, uri),
            false => Err(ProviderError::new(ProviderErrorKind::Unavailable, "Twilio's next page is elsewhere")),
        }
    }

    /// Sends; whatever is not a success becomes an error that says whether it happened.
    async fn answer(&self, request: RequestBuilder, until: Deadline) -> Result<Answer, ProviderError> {
        let answer = self
            .http
            .send(http::built(request)?, until)
            .await
            .map_err(|error| ProviderError { detail: format!("Twilio: {}", error.detail), ..error })?;
        if answer.status.is_success() { Ok(answer) } else { Err(self.refused(&answer)) }
    }

    fn refused(&self, answer: &Answer) -> ProviderError {
        let refusal = Refusal::read(&answer.body);
        let kind = wire::kind(answer.status, refusal.as_ref(), answer.doubt);
        let status = answer.status.as_u16();
        let said = match refusal {
            Some(Refusal { code: Some(code), message }) => format!("Twilio {status}, {code}: {message}"),
            Some(Refusal { code: None, message }) => format!("Twilio {status}: {message}"),
            None => format!("Twilio {status}, without a readable reason"),
        };
        ProviderError::new(kind, http::detail(&said, &[self.config.credentials.secret()]))
    }
}

/// Reads a success. One that cannot be read is no proof of anything, so it leaves the doubt of its request.
fn read<T: DeserializeOwned>(answer: &Answer) -> Result<T, ProviderError> {
    serde_json::from_slice(&answer.body).map_err(|_| {
        ProviderError::new(
            answer.doubt,
            format!("Twilio {}, with an answer that cannot be read", answer.status.as_u16()),
        )
    })
}

fn number(owned: Owned, doubt: ProviderErrorKind) -> Result<CarrierNumber, ProviderError> {
    owned
        .number()
        .map_err(|field| ProviderError::new(doubt, format!("Twilio described a number without a usable {field}")))
}

/// A list or the buying of numbers exists in every account, so what is not found there is the account itself.
fn account_not_found(error: ProviderError) -> ProviderError {
    match error.kind {
        ProviderErrorKind::NotFound => ProviderError { kind: ProviderErrorKind::Misconfigured, ..error },
        ProviderErrorKind::Rejected(_)
        | ProviderErrorKind::RateLimited
        | ProviderErrorKind::Unavailable
        | ProviderErrorKind::Unknown
        | ProviderErrorKind::Misconfigured => error,
    }
}

/// The resource of one number.
fn number_resource(id: &str) -> Result<String, ProviderError> {
    if http::is_path_safe(id) {
        Ok(format!("IncomingPhoneNumbers/{id}.json"))
    } else {
        Err(ProviderError::new(ProviderErrorKind::Rejected(Reason::Other), "Twilio: not an id of a number"))
    }
}

/// A number's URLs and methods. One that is empty is cleared.
fn webhook_fields(webhooks: &Webhooks) -> [(&'static str, &str); 6] {
    let [(voice_method, voice), (fallback_method, fallback), (status_method, status)] =
        [&webhooks.voice, &webhooks.voice_fallback, &webhooks.status].map(|hook| wire::method_and_url(hook));
    [
        ("VoiceUrl", voice),
        ("VoiceMethod", voice_method),
        ("VoiceFallbackUrl", fallback),
        ("VoiceFallbackMethod", fallback_method),
        ("StatusCallback", status),
        ("StatusCallbackMethod", status_method),
    ]
}

/// The sub-resource a kind of number is searched under, where Twilio has one.
const fn search_resource(kind: NumberKind) -> Option<&'static str> {
    match kind {
        NumberKind::Local => Some("Local"),
        NumberKind::TollFree => Some("TollFree"),
        NumberKind::Mobile => Some("Mobile"),
        NumberKind::National => Some("National"),
        NumberKind::Vanity | NumberKind::International => None,
    }
}

fn search_query(filter: &SearchFilter) -> Vec<(&'static str, String)> {
    let flag = |wanted: Option<bool>| wanted.map(|wanted| wanted.to_string());
    let wishes = [
        ("AreaCode", filter.area_code.clone()),
        ("Contains", filter.contains.clone()),
        ("InLocality", filter.locality.clone()),
        ("InRegion", filter.region.clone()),
        ("VoiceEnabled", flag(filter.voice)),
        ("SmsEnabled", flag(filter.sms)),
        ("MmsEnabled", flag(filter.mms)),
        ("PageSize", Some(filter.limit.clamp(1, limits::SEARCH_OFFERS_MAX).to_string())),
    ];
    wishes.into_iter().filter_map(|(name, wish)| Some((name, wish?))).collect()
}

#[async_trait]
impl Carrier for Twilio {
    async fn number_search(
        &self,
        country: CountryCode,
        kind: NumberKind,
        filter: &SearchFilter,
    ) -> Result<Vec<Offer>, ProviderError> {
        let unsold = || ProviderError::new(ProviderErrorKind::NotFound, "Twilio does not sell numbers of this type");
        let resource = search_resource(kind).ok_or_else(unsold)?;
        let request = self
            .request(Method::GET, &format!("AvailablePhoneNumbers/{country}/{resource}.json"))?
            .query(&search_query(filter));
        let answer = self.answer(request, self.http.deadline()).await?;
        let mut offers = read::<Available>(&answer)?.offers();
        offers.truncate(usize::from(filter.limit));
        Ok(offers)
    }

    async fn number_find(&self, e164: &E164) -> Result<Option<CarrierNumber>, ProviderError> {
        let until = self.http.deadline();
        let page_size = FIND_PAGE_SIZE.to_string();
        let mut request = self
            .request(Method::GET, "IncomingPhoneNumbers.json")?
            .query(&[("PhoneNumber", e164.as_str()), ("PageSize", &page_size)]);
        for _ in 0..FIND_PAGES_MAX {
            let answer = self.answer(request, until).await.map_err(account_not_found)?;
            let page: OwnedPage = read(&answer)?;
            // The filter also matches parts of numbers, so the digits are compared here.
            let exact = |owned: &Owned| owned.phone_number.as_deref() == Some(e164.as_str());
            if let Some(owned) = page.incoming_phone_numbers.into_iter().find(exact) {
                return number(owned, answer.doubt).map(Some);
            }
            match page.next_page_uri {
                None => return Ok(None),
                Some(uri) => request = self.next_page(&uri)?,
            }
        }
        // "Not there" may only be said after the last page: a number bought unseen would be changed instead.
        Err(ProviderError::new(ProviderErrorKind::Unavailable, "Twilio listed more numbers than can be looked through"))
    }

    async fn number_get(&self, id: &str) -> Result<CarrierNumber, ProviderError> {
        let request = self.request(Method::GET, &number_resource(id)?)?;
        let answer = self.answer(request, self.http.deadline()).await?;
        number(read(&answer)?, answer.doubt)
    }

    async fn number_buy(&self, order: &BuyOrder) -> Result<Sale, ProviderError> {
        let mut form = vec![("PhoneNumber", order.e164.as_str()), ("FriendlyName", &order.tag)];
        form.extend(webhook_fields(&order.webhooks));
        form.extend(order.papers.address.iter().map(|address| ("AddressSid", address.as_str())));
        form.extend(order.papers.bundle.iter().map(|bundle| ("BundleSid", bundle.as_str())));
        let request = self.request(Method::POST, "IncomingPhoneNumbers.json")?.form(&form);
        let answer = self.answer(request, self.http.deadline()).await.map_err(account_not_found)?;
        let bought = number(read(&answer)?, answer.doubt)?;
        if bought.e164 == order.e164 {
            Ok(Sale::Sold(bought))
        } else {
            Err(ProviderError::new(answer.doubt, "Twilio answered a purchase with another number"))
        }
    }

    async fn number_list(&self, after: Option<&str>) -> Result<Page<CarrierNumber>, ProviderError> {
        let request = match after {
            None => self
                .request(Method::GET, "IncomingPhoneNumbers.json")?
                .query(&[("PageSize", LIST_PAGE_SIZE.to_string())]),
            Some(uri) => self.next_page(uri)?,
        };
        let answer = self.answer(request, self.http.deadline()).await.map_err(account_not_found)?;
        Ok(read::<OwnedPage>(&answer)?.page())
    }

    async fn number_configure(
        &self,
        id: &str,
        tag: &str,
        settings: &NumberSettings,
    ) -> Result<CarrierNumber, ProviderError> {
        // An empty field clears a setting, which no document says of these two: sent only where there is one to clear.
        let before = self.number_get(id).await?.settings;
        let mut form = vec![("FriendlyName", tag)];
        for (name, is, wanted) in [
            ("VoiceApplicationSid", &before.application, &settings.application),
            ("TrunkSid", &before.trunk, &settings.trunk),
        ] {
            if is != wanted {
                form.push((name, wanted.as_deref().unwrap_or_default()));
            }
        }
        form.extend(webhook_fields(&settings.webhooks));
        let request = self.request(Method::POST, &number_resource(id)?)?.form(&form);
        let answer = self.answer(request, self.http.deadline()).await?;
        let configured = number(read(&answer)?, answer.doubt)?;
        if configured.tag == tag && configured.settings == *settings {
            Ok(configured)
        } else {
            Err(ProviderError::new(answer.doubt, "Twilio answered a change of settings with others"))
        }
    }

    async fn call_create(&self, from: &E164, to: &E164, twiml: &str, status: &str) -> Result<String, ProviderError> {
        let form = [("From", from.as_str()), ("To", to.as_str()), ("Twiml", twiml), ("StatusCallback", status)];
        let request = self.request(Method::POST, "Calls.json")?.form(&form);
        let answer = self.answer(request, self.http.deadline()).await.map_err(account_not_found)?;
        Ok(read::<CallMade>(&answer)?.sid)
    }

    async fn sip_trunk(&self, _: &str) -> Result<SipTrunk, ProviderError> {
        let why = "Twilio's numbers are reached by webhooks";
        Err(ProviderError::new(ProviderErrorKind::Rejected(Reason::Other), why))
    }

    async fn prices(&self, country: CountryCode) -> Result<Vec<(NumberKind, Money)>, ProviderError> {
        let path = format!("/v1/PhoneNumbers/Countries/{country}");
        let request = self.request_at(&self.config.pricing_base_url, Method::GET, &path)?;
        let until = self.http.deadline_within(limits::PRICES_WITHIN.unsigned_abs());
        let answer = self.answer(request, until).await?;
        let useless = |field| ProviderError::new(answer.doubt, format!("Twilio named prices without a usable {field}"));
        read::<Prices>(&answer)?.of(country).map_err(useless)
    }

    async fn number_release(&self, id: &str) -> Result<(), ProviderError> {
        let request = self.request(Method::DELETE, &number_resource(id)?)?;
        self.answer(request, self.http.deadline()).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_asks_only_for_what_was_wished() {
        let check = |filter: SearchFilter, expected: &[(&str, &str)]| {
            let query = search_query(&filter);
            let query: Vec<_> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
            assert_eq!(query, expected);
        };
        check(SearchFilter::default(), &[("PageSize", "1")]);
        check(SearchFilter { limit: 5_000, ..SearchFilter::default() }, &[("PageSize", "100")]);
        check(
            SearchFilter {
                area_code: Some("808".to_owned()),
                contains: Some("55".to_owned()),
                locality: Some("Hilo".to_owned()),
                region: Some("HI".to_owned()),
                voice: Some(true),
                sms: Some(false),
                mms: None,
                limit: 20,
            },
            &[
                ("AreaCode", "808"),
                ("Contains", "55"),
                ("InLocality", "Hilo"),
                ("InRegion", "HI"),
                ("VoiceEnabled", "true"),
                ("SmsEnabled", "false"),
                ("PageSize", "20"),
            ],
        );
    }

    #[test]
    fn a_refusal_keeps_the_token_and_the_number_to_itself() {
        let twilio = Twilio::new(TwilioConfig {
            account_sid: "AC1".to_owned(),
            credentials: Credentials::AuthToken(SecretString::from("the-token")),
            api_base_url: "https://api.twilio.com".to_owned(),
            pricing_base_url: "https://pricing.twilio.com".to_owned(),
        });
        let body = br#"{"code":21422,"message":"+15005550000 is not available to the-token."}"#.to_vec();
        let headers = reqwest::header::HeaderMap::new();
        let answer =
            Answer { status: reqwest::StatusCode::BAD_REQUEST, headers, body, doubt: ProviderErrorKind::Unknown };
        let error = twilio.refused(&answer);
        assert_eq!(error.kind, ProviderErrorKind::Rejected(Reason::Taken));
        assert_eq!(error.detail, "Twilio 400, 21422: …0000 is not available to ….");
        assert!(!format!("{twilio:?}").contains("the-token"));
    }

    #[tokio::test]
    async fn an_id_that_is_none_is_not_asked_for() {
        let twilio = Twilio::new(TwilioConfig {
            account_sid: "AC1".to_owned(),
            credentials: Credentials::AuthToken(SecretString::from("t")),
            api_base_url: "http://127.0.0.1:9".to_owned(),
            pricing_base_url: "http://127.0.0.1:9".to_owned(),
        });
        for id in ["", "..", "PN1/../../x", "PN1?x"] {
            let error = twilio.number_release(id).await.unwrap_err();
            assert_eq!(error.kind, ProviderErrorKind::Rejected(Reason::Other), "{id}");
        }
    }
}
