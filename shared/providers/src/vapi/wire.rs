//! Vapi's JSON: what is asked, what is answered, how it refuses.
//!
//! Answers list secrets in the clear (SIP passwords, carrier tokens). Only the fields named here are ever taken out of them.

mod native;

use std::collections::BTreeMap;

use domain::call::CallStatus;
use domain::numbering::E164;
use domain::ports::{PlatformNumber, ProviderErrorKind, Reason};
use jiff::Timestamp;
use reqwest::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(super) use native::{Answerer, NewNative, SetNative};

/// Characters of a name at Vapi.
const NAME_CHARS_MAX: usize = 40;
/// Where an assistant's metadata keeps our reference.
const REFERENCE: &str = "trunkline_agent";
/// Where an assistant's metadata keeps the language it was asked to speak.
const LANGUAGE: &str = "trunkline_language";

/// A SIP number to make.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewNumber<'a> {
    pub(super) provider: &'static str,
    pub(super) sip_uri: &'a str,
    pub(super) name: &'a str,
    pub(super) assistant_id: &'a str,
    pub(super) authentication: NewAuthentication<'a>,
}

/// A number of ours at Twilio for Vapi to take over.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TakenOver<'a> {
    pub(super) provider: &'static str,
    pub(super) number: &'a str,
    pub(super) twilio_account_sid: &'a str,
    pub(super) twilio_auth_token: &'a str,
    pub(super) name: &'a str,
    pub(super) assistant_id: &'a str,
    /// Left to itself, Vapi takes over messages too.
    pub(super) sms_enabled: bool,
}

/// A number that a trunk brings the calls of.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OwnNumber<'a> {
    pub(super) provider: &'static str,
    pub(super) number: &'a str,
    pub(super) credential_id: &'a str,
    pub(super) name: &'a str,
    pub(super) assistant_id: &'a str,
}

/// A trunk to make known.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewTrunk<'a> {
    pub(super) provider: &'static str,
    pub(super) name: &'a str,
    pub(super) gateways: &'a [Gateway],
    pub(super) outbound_leading_plus_enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) outbound_authentication_plan: Option<Authentication<'a>>,
}

/// Where a trunk takes calls, or where they come from.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Gateway {
    pub(super) ip: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) netmask: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) port: Option<u16>,
    pub(super) inbound_enabled: bool,
    pub(super) outbound_enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) outbound_protocol: Option<&'static str>,
}

/// How a trunk is told who calls.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Authentication<'a> {
    pub(super) auth_username: &'a str,
    pub(super) auth_password: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sip_register_plan: Option<Registration<'a>>,
}

/// With whom Vapi registers; without it, it does not.
#[derive(Serialize)]
pub(super) struct Registration<'a> {
    pub(super) domain: &'a str,
    pub(super) username: &'a str,
}

/// A credential, as far as we read it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Credential {
    pub(super) id: String,
    pub(super) created_at: Option<Timestamp>,
    provider: Option<String>,
    name: Option<String>,
}

impl Credential {
    pub(super) fn is(&self, provider: &str, name: &str) -> bool {
        self.provider.as_deref() == Some(provider) && self.name.as_deref() == Some(name)
    }
}

/// A call for an assistant to make.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewCall<'a> {
    pub(super) assistant_id: &'a str,
    pub(super) phone_number_id: &'a str,
    pub(super) customer: Customer<'a>,
    /// Our reference: of what may be sent with a call, the only place for one.
    pub(super) name: String,
}

/// Whom it calls.
#[derive(Serialize)]
pub(super) struct Customer<'a> {
    pub(super) number: &'a str,
}

/// A call, as far as we read it.
#[derive(Deserialize)]
pub(super) struct CallMade {
    pub(super) id: String,
    status: Option<String>,
}

impl CallMade {
    /// One with an unknown word has only begun.
    pub(super) fn status(&self) -> CallStatus {
        self.status.as_deref().and_then(call_status).unwrap_or(CallStatus::Queued)
    }
}

/// Vapi's words for how a call stands; none for any other.
pub(super) fn call_status(word: &str) -> Option<CallStatus> {
    match word {
        "scheduled" | "queued" => Some(CallStatus::Queued),
        "ringing" => Some(CallStatus::Ringing),
        "in-progress" | "forwarding" => Some(CallStatus::InProgress),
        "ended" => Some(CallStatus::Completed),
        "not-found" | "deletion-failed" => Some(CallStatus::Failed),
        _ => None,
    }
}

/// Who may call it. Vapi takes 20 to 40 characters for each of the two.
#[derive(Serialize)]
pub(super) struct NewAuthentication<'a> {
    pub(super) username: &'a str,
    pub(super) password: &'a str,
}

/// A change of who answers; the provider says which variant of the union is meant.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Binding<'a> {
    pub(super) provider: &'static str,
    /// Null for nobody. That Vapi takes null is not published, so the answer is read.
    pub(super) assistant_id: Option<&'a str>,
}

/// An assistant to make; model, voice and transcriber are Vapi's defaults until the tenant sets them.
#[derive(Debug, Serialize)]
pub(super) struct NewAssistant<'a> {
    name: String,
    metadata: BTreeMap<&'static str, &'a str>,
}

impl<'a> NewAssistant<'a> {
    pub(super) fn new(name: &str, language: Option<&'a str>, reference: &'a str) -> Self {
        let mut metadata = BTreeMap::from([(REFERENCE, reference)]);
        // An assistant has no language of its own; its transcriber and voice have, each with a list that depends on the
        // vendor. Guessing one would turn a wish into a refusal.
        metadata.extend(language.map(|language| (LANGUAGE, language)));
        Self { name: self::name(name), metadata }
    }
}

/// As much of a name as Vapi keeps.
pub(super) fn name(text: &str) -> String {
    text.chars().take(NAME_CHARS_MAX).collect()
}

/// A number of any provider, as far as we read it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Number {
    id: Option<String>,
    provider: Option<String>,
    name: Option<String>,
    number: Option<String>,
    sip_uri: Option<String>,
    assistant_id: Option<String>,
    squad_id: Option<String>,
    workflow_id: Option<String>,
    credential_id: Option<String>,
    created_at: Option<String>,
    status: Option<String>,
}

/// One page of numbers.
#[derive(Debug, Deserialize)]
pub(super) struct NumberPage {
    pub(super) results: Vec<Number>,
    pub(super) metadata: PageMeta,
}

/// Where in the list a page stands.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PageMeta {
    total_items: u64,
    has_next_page: Option<bool>,
}

impl NumberPage {
    /// Whether more can follow, when so many have been seen with this page.
    pub(super) fn has_more(&self, seen: usize) -> bool {
        let left = usize::try_from(self.metadata.total_items).unwrap_or(usize::MAX) > seen;
        !self.results.is_empty() && self.metadata.has_next_page.unwrap_or(left)
    }
}

impl Number {
    /// Whether it is the number made with this tag: by its name, or by its address where the name was changed since. Vapi
    /// ignores case in addresses.
    pub(super) fn is(&self, tag: &str, sip_uri: &str) -> bool {
        let same_address = |uri: &String| uri.eq_ignore_ascii_case(sip_uri);
        self.sip_uri.as_ref().is_some_and(same_address) || self.name.as_deref() == Some(tag)
    }

    /// Whether it has exactly these digits.
    pub(super) fn has(&self, e164: &E164) -> bool {
        self.number.as_deref() == Some(e164.as_str())
    }

    /// What it is called.
    pub(super) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The trunk it is reached by.
    pub(super) fn credential_id(&self) -> Option<&str> {
        self.credential_id.as_deref()
    }

    /// Which variant of the union of numbers it is.
    pub(super) fn provider(&self) -> Option<&str> {
        self.provider.as_deref()
    }

    /// The same with this address, if the answer names none.
    pub(super) fn or_sip_uri(mut self, sip_uri: &str) -> Self {
        self.sip_uri.get_or_insert_with(|| sip_uri.to_owned());
        self
    }

    /// The number, or the name of the field that makes it useless.
    pub(super) fn number(self) -> Result<PlatformNumber, &'static str> {
        let created_at = self.created_at.as_deref().and_then(|text| text.parse::<Timestamp>().ok());
        Ok(PlatformNumber {
            id: self.id.filter(|id| !id.is_empty()).ok_or("id")?,
            tag: self.name.unwrap_or_default(),
            e164: self.number.and_then(|number| number.parse().ok()),
            sip_uri: self.sip_uri,
            platform_agent_id: self.assistant_id.filter(|id| !id.is_empty()),
            created_at: Some(created_at.ok_or("createdAt")?),
        })
    }
}

/// An assistant, as far as we read it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Assistant {
    pub(super) id: String,
    pub(super) created_at: Timestamp,
    #[serde(default)]
    metadata: Value,
}

/// The same, where only the id matters.
#[derive(Debug, Deserialize)]
pub(super) struct Made {
    pub(super) id: String,
}

impl Assistant {
    pub(super) fn has_reference(&self, reference: &str) -> bool {
        self.metadata.get(REFERENCE).and_then(Value::as_str) == Some(reference)
    }
}

/// A refusal in Vapi's words.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) message: String,
}

impl Refusal {
    /// None when the body is not Vapi's. `message` is a text or a list of them.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(body).ok()?;
        let message = match value.get("message") {
            Some(Value::String(message)) => message.clone(),
            Some(Value::Array(messages)) => messages.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("; "),
            _ => value.get("error")?.as_str()?.to_owned(),
        };
        Some(Self { message })
    }

    /// Whether it says that the SIP address or the number is in use. Vapi has no code for it, so its words must do.
    pub(super) fn says_taken(&self) -> bool {
        let said = self.message.to_lowercase();
        let missing = ["not exist", "n't exist", "not found"].iter().any(|w| said.contains(w));
        !missing
            && (said.contains("sip") || said.contains("number"))
            && ["already", "taken", "exist", "in use", "duplicate", "unique"].iter().any(|w| said.contains(w))
    }
}

/// What a refusal means. Vapi gives no codes, only the status.
pub(super) fn kind(status: StatusCode, refusal: Option<&Refusal>, doubt: ProviderErrorKind) -> ProviderErrorKind {
    match status.as_u16() {
        401 | 403 => ProviderErrorKind::Misconfigured,
        // Without Vapi's own words a 404 may come from something in between; taking it for "gone" would lose a number.
        404 if refusal.is_none() => doubt,
        404 => ProviderErrorKind::NotFound,
        // A timeout of something in between: the request may have gone through.
        408 => doubt,
        429 => ProviderErrorKind::RateLimited,
        400..=499 => ProviderErrorKind::Rejected(Reason::Other),
        _ => doubt,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn statuses_say_whether_it_happened() {
        use ProviderErrorKind::{Misconfigured, NotFound, RateLimited, Rejected, Unknown};
        let refusal = Refusal { message: "said".to_owned() };
        let check = |status: u16, with_words: ProviderErrorKind, without: ProviderErrorKind| {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(kind(status, Some(&refusal), Unknown), with_words, "{status}");
            assert_eq!(kind(status, None, Unknown), without, "{status} without words");
        };
        let rejected = Rejected(Reason::Other);
        check(400, rejected, rejected);
        check(402, rejected, rejected);
        check(401, Misconfigured, Misconfigured);
        check(403, Misconfigured, Misconfigured);
        check(404, NotFound, Unknown);
        check(408, Unknown, Unknown);
        check(409, rejected, rejected);
        check(422, rejected, rejected);
        check(429, RateLimited, RateLimited);
        check(500, Unknown, Unknown);
        check(503, Unknown, Unknown);
        check(200, Unknown, Unknown);
        check(301, Unknown, Unknown);
    }

    #[test]
    fn refusals_are_read_whatever_their_shape() {
        let check = |body: &str, expected: Option<&str>| {
            let read = Refusal::read(body.as_bytes()).map(|refusal| refusal.message);
            assert_eq!(read.as_deref(), expected, "{body}");
        };
        check(r#"{"message":"no","error":"Bad Request","statusCode":400}"#, Some("no"));
        check(r#"{"message":["a must be b","c"],"error":"Bad Request","statusCode":400}"#, Some("a must be b; c"));
        check(r#"{"error":"Unauthorized","statusCode":401}"#, Some("Unauthorized"));
        check(r#"{"message":[]}"#, Some(""));
        check("{}", None);
        check("<html>", None);
        check("", None);
    }

    #[test]
    fn a_taken_address_is_told_by_its_words() {
        let check = |message: &str, expected: bool| {
            assert_eq!(Refusal { message: message.to_owned() }.says_taken(), expected, "{message}");
        };
        check("SIP URI already in use.", true);
        check("sipUri must be unique", true);
        check("Phone number with this sip uri exists", true);
        check("sipUri must be a valid SIP URI", false);
        check("Phone number +12025550123 has already been imported.", true);
        check("Phone number does not exist in the Twilio account", false);
        check("Couldn't find the number: it doesn't exist", false);
        check("Name already taken", false);
        check("", false);
    }

    #[test]
    fn a_name_is_cut_between_characters() {
        let check = |name: &str, expected: &str| assert_eq!(NewAssistant::new(name, None, "r").name, expected);
        check("short", "short");
        check(&"ğ".repeat(60), &"ğ".repeat(40));
        check("", "");
    }

    #[test]
    fn an_assistant_carries_reference_and_language() {
        let made = serde_json::to_value(NewAssistant::new("Ayşe", Some("tr-TR"), "ref-1")).unwrap();
        let expected = json!({"name": "Ayşe", "metadata": {"trunkline_agent": "ref-1", "trunkline_language": "tr-TR"}});
        assert_eq!(made, expected);
        let listed = |metadata: Value| -> Assistant {
            serde_json::from_value(json!({"id": "a", "createdAt": "2026-01-02T03:04:05.678Z", "metadata": metadata}))
                .unwrap()
        };
        assert!(listed(made["metadata"].clone()).has_reference("ref-1"));
        assert!(!listed(made["metadata"].clone()).has_reference("ref-2"));
        assert!(!listed(json!(null)).has_reference("ref-1"));
        assert!(!listed(json!("ref-1")).has_reference("ref-1"));
        let bare: Assistant = serde_json::from_value(json!({"id": "a", "createdAt": "2026-01-02T03:04:05Z"})).unwrap();
        assert!(!bare.has_reference("ref-1"));
    }

    #[test]
    fn our_number_is_known_by_name_or_address() {
        let check = |name: Value, sip_uri: Value, expected: bool| {
            let number: Number = serde_json::from_value(json!({"id": "n", "name": name, "sipUri": sip_uri})).unwrap();
            assert_eq!(number.is("tl-op1", "sip:tl-op1@sip.vapi.ai"), expected, "{number:?}");
        };
        check(json!("tl-op1"), json!("sip:tl-op1@sip.vapi.ai"), true);
        check(json!("renamed"), json!("SIP:TL-OP1@sip.vapi.ai"), true);
        check(json!("tl-op1"), json!("sip:other@sip.vapi.ai"), true);
        check(json!("tl-op1-2"), json!("sip:tl-op1-2@sip.vapi.ai"), false);
        check(json!("TL-OP1"), json!("sip:other@sip.vapi.ai"), false);
        check(json!("tl-op1"), Value::Null, true);
        check(Value::Null, Value::Null, false);
    }

    #[test]
    fn a_number_needs_id_and_date() {
        let whole = json!({
            "provider": "vapi", "id": "n-1", "orgId": "o", "name": "tag", "sipUri": "sip:tag@sip.vapi.ai", "assistantId": "a-1",
            "createdAt": "2026-01-02T03:04:05.678Z", "authentication": {"username": "tag", "password": "clear"}, "status": "active"
        });
        let number = serde_json::from_value::<Number>(whole.clone()).unwrap();
        assert!(!format!("{number:?}").contains("clear"));
        let number = number.number().unwrap();
        assert_eq!((number.id.as_str(), number.tag.as_str()), ("n-1", "tag"));
        assert_eq!(number.platform_agent_id.as_deref(), Some("a-1"));
        let check = |field: &str, value: Value, expected: Result<(), &str>| {
            let mut changed = whole.clone();
            changed[field] = value;
            assert_eq!(serde_json::from_value::<Number>(changed).unwrap().number().map(drop), expected, "{field}");
        };
        check("id", Value::Null, Err("id"));
        check("id", json!(""), Err("id"));
        check("sipUri", Value::Null, Ok(()));
        check("number", json!("+12125550123"), Ok(()));
        check("createdAt", json!("today"), Err("createdAt"));
        check("assistantId", Value::Null, Ok(()));
        check("name", Value::Null, Ok(()));
    }

    #[test]
    fn pages_end() {
        let check = |count: usize, meta: Value, seen: usize, expected: bool| {
            let results = vec![json!({"id": "n"}); count];
            let page: NumberPage = serde_json::from_value(json!({"results": results, "metadata": meta})).unwrap();
            assert_eq!(page.has_more(seen), expected, "{meta}");
        };
        check(2, json!({"itemsPerPage": 2, "totalItems": 5, "currentPage": 1}), 2, true);
        check(1, json!({"itemsPerPage": 2, "totalItems": 5, "currentPage": 3}), 5, false);
        check(2, json!({"itemsPerPage": 2, "totalItems": 5, "currentPage": 1, "hasNextPage": false}), 2, false);
        check(2, json!({"itemsPerPage": 2, "totalItems": 2, "currentPage": 1, "hasNextPage": true}), 2, true);
        check(0, json!({"itemsPerPage": 2, "totalItems": 9, "currentPage": 4, "hasNextPage": true}), 6, false);
    }
}
