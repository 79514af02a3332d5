//! Vapi as a voice platform: assistants, and the SIP numbers calls are handed over to.
//!
//! A number here is an address `sip:<our tag>@<SIP domain>` with a password, a number of ours at Twilio that Vapi has taken
//! over, or one that a SIP trunk brings the calls of; each is bound to one assistant. Knows nothing of tenants or when to look again. Nothing makes a creation idempotent, so callers look before they create; the tag
//! in name and address is what they find it by.
//!
//! `connect` and `trunk` have the ways to make a number known, `native` the numbers that Vapi is the carrier of, `wire` the JSON; `signature` and `notification` are for what Vapi tells of its own accord.

mod connect;
mod native;
pub mod notification;
pub mod signature;
mod trunk;
mod wire;

use std::time::Duration;

use async_trait::async_trait;
use domain::agent::Method as Way;
use domain::numbering::E164;
use domain::ports::{
    Access, CallOrder, ConnectOrder, HandedOver, Page, PlatformCall, PlatformNumber, ProviderError, ProviderErrorKind,
    VoicePlatform,
};
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use secrecy::SecretString;

use crate::api::{self, Api, Party, collection_not_found, named_not_found};
use crate::http::{Answer, Deadline};
pub use native::VapiNumbers;
use wire::{Assistant, Binding, CallMade, Customer, Made, NewAssistant, NewCall, Number, NumberPage, Refusal};

/// The variant of Vapi's union of numbers that is its own: a SIP address, or a number.
const SIP: &str = "vapi";
/// The variant of Vapi's union of numbers that is one at Twilio.
const AT_TWILIO: &str = "twilio";
/// Numbers asked for at once; a search for a whole tag finds one or two.
const NUMBERS_PAGE_SIZE: u16 = 100;
/// Numbers asked for at once, to see them all: as many as Vapi gives.
const LIST_PAGE_SIZE: u16 = 1_000;
/// Pages of numbers read for one search.
const NUMBERS_PAGES_MAX: u16 = 10;
/// Assistants asked for at once. Vapi gives up to 1 000, but each comes with its prompts, and the whole page is in memory.
const ASSISTANTS_PAGE_SIZE: usize = 500;
/// Pages of assistants read to find one.
const ASSISTANTS_PAGES_MAX: u16 = 20;
const MILLISECOND: SignedDuration = SignedDuration::from_millis(1);

/// Which organisation to act for.
#[derive(Debug, Clone)]
pub struct VapiConfig {
    /// The organisation's private key.
    pub api_key: SecretString,
    /// `https://api.vapi.ai`, `https://api.eu.vapi.ai`, or where a stand-in listens; no slash at the end.
    pub base_url: String,
    /// `sip.vapi.ai` or `sip.eu.vapi.ai`, of the same region as the base URL.
    pub sip_domain: String,
}

/// A client for one organisation. Stateless but for its connections; cheap to make anew when the key has changed.
#[derive(Debug)]
pub struct Vapi {
    api: Api,
    sip_domain: String,
}

static PARTY: Party = Party { name: "Vapi", sign: api::bearer, judge };

fn judge(answer: &Answer) -> (ProviderErrorKind, Option<String>) {
    let refusal = Refusal::read(&answer.body);
    (wire::kind(answer.status, refusal.as_ref(), answer.doubt), refusal.map(|refusal| refusal.message))
}

impl Vapi {
    /// A client; nothing is set up before its first call.
    #[must_use]
    pub fn new(config: VapiConfig) -> Self {
        let VapiConfig { api_key, base_url, sip_domain } = config;
        Self { api: Api::new(&PARTY, base_url, api_key), sip_domain }
    }

    /// The same client with less patience, for a peer on the same machine.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { api: self.api.with_timeout(timeout), ..self }
    }

    /// The numbers that are meant, as what is made of them, oldest first. Vapi searches name, number and address alike, for
    /// parts of them.
    async fn search<T>(
        &self,
        sought: &str,
        meant: impl Fn(&Number) -> bool,
        make: impl Fn(Number, ProviderErrorKind) -> Result<T, ProviderError>,
        until: Deadline,
    ) -> Result<Vec<T>, ProviderError> {
        let (mut found, mut seen) = (Vec::new(), 0);
        for page in 1..=NUMBERS_PAGES_MAX {
            // Oldest first, so that new numbers do not shift the pages.
            let request = self.api.request(Method::GET, "/v2/phone-number")?.query(&[
                ("search", sought),
                ("page", &page.to_string()),
                ("limit", &NUMBERS_PAGE_SIZE.to_string()),
                ("sortBy", "createdAt"),
                ("sortOrder", "ASC"),
            ]);
            let answer = self.api.answer(request, until).await.map_err(collection_not_found)?;
            let page: NumberPage = self.api.read(&answer)?;
            seen += page.results.len();
            let more = page.has_more(seen);
            for wanted in page.results.into_iter().filter(&meant) {
                found.push((wanted.age(), make(wanted, answer.doubt)?));
            }
            if !more {
                found.sort_by(|(a, _), (b, _)| a.cmp(b));
                return Ok(found.into_iter().map(|(_, made)| made).collect());
            }
        }
        Err(self.api.too_many("numbers"))
    }

    /// One page of all numbers there are, and where the next one begins.
    async fn page(&self, after: Option<&str>) -> Result<(Vec<Number>, Option<String>), ProviderError> {
        let here: usize = after.map_or(Ok(1), str::parse).map_err(|_| self.api.rejected("not a page of numbers"))?;
        // Oldest first, so that new numbers do not shift the pages.
        let request = self.api.request(Method::GET, "/v2/phone-number")?.query(&[
            ("page", here.to_string().as_str()),
            ("limit", &LIST_PAGE_SIZE.to_string()),
            ("sortBy", "createdAt"),
            ("sortOrder", "ASC"),
        ]);
        let answer = self.api.answer(request, self.api.deadline()).await.map_err(collection_not_found)?;
        let page: NumberPage = self.api.read(&answer)?;
        let seen = here.saturating_sub(1) * usize::from(LIST_PAGE_SIZE) + page.results.len();
        let next = page.has_more(seen).then(|| (here + 1).to_string());
        Ok((page.results, next))
    }

    fn sip_uri(&self, tag: &str) -> String {
        format!("sip:{tag}@{}", self.sip_domain)
    }

    fn number_path(&self, id: &str) -> Result<String, ProviderError> {
        self.api.one("/phone-number", id)
    }

    fn assistant_path(&self, id: &str) -> Result<String, ProviderError> {
        self.api.one("/assistant", id)
    }
}

fn number(found: Number, doubt: ProviderErrorKind) -> Result<PlatformNumber, ProviderError> {
    found
        .number()
        .map_err(|field| ProviderError::new(doubt, format!("Vapi described a number without a usable {field}")))
}

#[async_trait]
impl VoicePlatform for Vapi {
    async fn agent_create(&self, name: &str, language: Option<&str>, reference: &str) -> Result<String, ProviderError> {
        let request = self.api.request(Method::POST, "/assistant")?.json(&NewAssistant::new(name, language, reference));
        let answer = self.api.answer(request, self.api.deadline()).await.map_err(collection_not_found)?;
        let made: Made = self.api.read(&answer)?;
        Ok(made.id)
    }

    /// Vapi cannot search in metadata, so the assistants are looked through, from the newest back.
    async fn agent_find(&self, reference: &str) -> Result<Option<String>, ProviderError> {
        let until = self.api.deadline();
        let mut before: Option<Timestamp> = None;
        for _ in 0..ASSISTANTS_PAGES_MAX {
            let mut query = vec![("limit", ASSISTANTS_PAGE_SIZE.to_string())];
            query.extend(before.map(|before| ("createdAtLt", before.to_string())));
            let request = self.api.request(Method::GET, "/assistant")?.query(&query);
            let page: Vec<Assistant> =
                self.api.read(&self.api.answer(request, until).await.map_err(collection_not_found)?)?;
            let full = page.len() >= ASSISTANTS_PAGE_SIZE;
            let oldest = page.iter().map(|assistant| assistant.created_at).min();
            let ours = page.into_iter().filter(|assistant| assistant.has_reference(reference));
            if let Some(found) = ours.min_by_key(|assistant| assistant.created_at) {
                return Ok(Some(found.id));
            }
            if !full {
                return Ok(None);
            }
            // Shown in milliseconds but kept finer: the last one shown is asked for again rather than its neighbours missed.
            before = oldest.and_then(|oldest| oldest.checked_add(MILLISECOND).ok());
        }
        Err(self.api.too_many("assistants"))
    }

    async fn agent_exists(&self, id: &str) -> Result<bool, ProviderError> {
        // The id is a tenant's word. One that cannot be an id, by our rule or by Vapi's, names nothing.
        let Ok(path) = self.assistant_path(id) else {
            return Ok(false);
        };
        let found: Option<Made> = self.api.there(&path).await?;
        Ok(found.is_some_and(|found| found.id.eq_ignore_ascii_case(id)))
    }

    async fn agent_delete(&self, id: &str) -> Result<(), ProviderError> {
        self.api.delete(&self.assistant_path(id)?).await
    }

    /// By the tag alone: Vapi's search meets name and address, and a SIP address has no number.
    async fn number_find(&self, _: &E164, tag: &str) -> Result<Vec<PlatformNumber>, ProviderError> {
        let sip_uri = self.sip_uri(tag);
        let meant = |found: &Number| found.is(tag, &sip_uri) && !found.is_native();
        self.search(tag, meant, number, self.api.deadline()).await
    }

    /// Only a trunk's number has a credential of its own, which is made before it.
    async fn number_clear(&self, method: Way, tag: &str) -> Result<(), ProviderError> {
        match method {
            Way::Trunk | Way::Direct => self.sweep(tag, self.api.deadline()).await,
            Way::HandOver | Way::Import | Way::Native => Ok(()),
        }
    }

    async fn number_get(&self, id: &str) -> Result<PlatformNumber, ProviderError> {
        let request = self.api.request(Method::GET, &self.number_path(id)?)?;
        let answer = self.api.answer(request, self.api.deadline()).await?;
        number(self.api.read(&answer)?, answer.doubt)
    }

    /// Numbers that Vapi is the carrier of are that carrier's.
    async fn number_list(&self, after: Option<&str>) -> Result<Page<PlatformNumber>, ProviderError> {
        let (found, next) = self.page(after).await?;
        let all = found.len();
        let known = found.into_iter().filter(|found| !found.is_native());
        let items: Vec<_> = known.filter_map(|found| found.number().ok()).collect();
        Ok(Page { others: all - items.len(), items, next })
    }

    async fn number_connect(&self, order: &ConnectOrder) -> Result<PlatformNumber, ProviderError> {
        match &order.access {
            Access::Dial(password) => self.make_address(order, password).await,
            Access::Carrier { account_sid, auth_token } => self.take_over(order, account_sid, auth_token).await,
            Access::Trunk(trunk) => self.by_trunk(order, trunk).await,
        }
    }

    async fn number_bind(
        &self,
        id: &str,
        method: Way,
        platform_agent_id: Option<&str>,
    ) -> Result<PlatformNumber, ProviderError> {
        // A change names the variant of the union.
        let provider = match method {
            Way::HandOver | Way::Native => SIP,
            Way::Import => AT_TWILIO,
            Way::Trunk | Way::Direct => trunk::OWN,
        };
        let binding = Binding { provider, assistant_id: platform_agent_id };
        let request = self.api.request(Method::PATCH, &self.number_path(id)?)?.json(&binding);
        let answer = self.api.answer(request, self.api.deadline()).await?;
        let bound = number(self.api.read(&answer)?, answer.doubt)?;
        if bound.platform_agent_id.as_deref() == platform_agent_id {
            Ok(bound)
        } else {
            Err(ProviderError::new(answer.doubt, "Vapi answered a binding with another assistant"))
        }
    }

    async fn call_register(&self, _: &CallOrder) -> Result<HandedOver, ProviderError> {
        Err(self.api.rejected("a call is not registered; its numbers have addresses"))
    }

    async fn call_create(&self, order: &CallOrder) -> Result<PlatformCall, ProviderError> {
        let number = order.platform_number_id.as_deref().ok_or_else(|| self.api.rejected("a call needs a number"))?;
        let request = self.api.request(Method::POST, "/call")?.json(&NewCall {
            assistant_id: &order.platform_agent_id,
            phone_number_id: number,
            customer: Customer { number: &order.to },
            name: wire::name(&order.reference),
        });
        let answer = self.api.answer(request, self.api.deadline()).await.map_err(named_not_found)?;
        let made: CallMade = self.api.read(&answer)?;
        let status = made.status();
        Ok(PlatformCall { id: made.id, status })
    }

    async fn number_remove(&self, id: &str) -> Result<(), ProviderError> {
        self.remove_with_credential(id).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::ports::Reason;

    fn vapi() -> Vapi {
        Vapi::new(VapiConfig {
            api_key: SecretString::from("the-key"),
            base_url: "http://127.0.0.1:9".to_owned(),
            sip_domain: "sip.vapi.ai".to_owned(),
        })
    }

    #[test]
    fn a_refusal_keeps_key_and_password_to_itself() {
        let body = br#"{"message":["password hunter22 is weak","the-key"],"statusCode":400}"#.to_vec();
        let headers = reqwest::header::HeaderMap::new();
        let answer =
            Answer { status: reqwest::StatusCode::BAD_REQUEST, headers, body, doubt: ProviderErrorKind::Unknown };
        let error = vapi().api.refused(&answer, &[&SecretString::from("hunter22")]);
        assert_eq!(error.detail, "Vapi 400: password … is weak; …");
        assert!(!format!("{:?}", vapi()).contains("the-key"));
    }

    #[tokio::test]
    async fn an_id_that_is_none_is_not_asked_for() {
        for id in ["", "..", "a/b", "a?b"] {
            let error = vapi().number_remove(id).await.unwrap_err();
            assert_eq!(error.kind, ProviderErrorKind::Rejected(Reason::Other), "{id}");
            assert_eq!(vapi().agent_exists(id).await, Ok(false), "{id}");
        }
    }
}
