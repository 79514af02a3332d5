//! ElevenLabs' JSON: what is asked, what is answered, how it refuses.
//!
//! What is written as `agent_id` is read as `assigned_agent`. Of a complaint about a body only the place and the words are
//! taken: it may repeat what was sent, secrets included.

use std::collections::BTreeMap;

use domain::E164;
use domain::ports::{PlatformNumber, ProviderErrorKind, Reason};
use reqwest::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Largest document taken from a registration; Twilio takes no larger one either.
const DOCUMENT_BYTES_MAX: usize = 64 * 1024;
/// Under this name a conversation keeps what it is about, where an agent calls.
pub(super) const CALL: &str = "trunkline_call";
/// And under this one the carrier's id of a call that we hand over.
pub(super) const HANDED_OVER: &str = "trunkline_handed_over";
/// What a telephone line carries. An agent left to itself speaks and hears something else, and a registered call is silent.
const TELEPHONE: &str = "ulaw_8000";
/// A model that speaks every language; the usual one speaks English alone and refuses any other.
const MULTILINGUAL: &str = "eleven_flash_v2_5";

/// Which kind of number it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Provider {
    Twilio,
    SipTrunk,
}

impl Provider {
    /// As ElevenLabs writes it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Twilio => "twilio",
            Self::SipTrunk => "sip_trunk",
        }
    }
}

/// A number of ours at Twilio for ElevenLabs to take over.
#[derive(Serialize)]
pub(super) struct TakenOver<'a> {
    pub(super) provider: &'static str,
    pub(super) phone_number: &'a str,
    pub(super) label: &'a str,
    pub(super) agent_id: &'a str,
    pub(super) sid: &'a str,
    pub(super) token: &'a str,
    /// Left to itself, ElevenLabs takes over messages too.
    pub(super) enable_sms: bool,
}

/// A number whose calls come and go over a trunk.
#[derive(Serialize)]
pub(super) struct Trunked<'a> {
    pub(super) provider: &'static str,
    pub(super) phone_number: &'a str,
    pub(super) label: &'a str,
    pub(super) agent_id: &'a str,
    pub(super) outbound_trunk_config: Outbound<'a>,
}

/// Where a trunk takes calls that agents make.
#[derive(Serialize)]
pub(super) struct Outbound<'a> {
    pub(super) address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) transport: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) credentials: Option<Credentials<'a>>,
}

/// How it is proved there that they may.
#[derive(Serialize)]
pub(super) struct Credentials<'a> {
    pub(super) username: &'a str,
    pub(super) password: &'a str,
}

/// A change of who answers.
#[derive(Debug, Serialize)]
pub(super) struct Binding<'a> {
    /// Null for nobody.
    pub(super) agent_id: Option<&'a str>,
}

/// An agent to make; all that is not said is ElevenLabs' default until the tenant sets it.
#[derive(Debug, Serialize)]
pub(super) struct NewAgent<'a> {
    name: &'a str,
    /// Our reference alone.
    tags: [&'a str; 1],
    conversation_config: Conversation,
}

#[derive(Debug, Serialize)]
struct Conversation {
    asr: Hearing,
    tts: Voice,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<Speaker>,
}

#[derive(Debug, Serialize)]
struct Hearing {
    user_input_audio_format: &'static str,
}

#[derive(Debug, Serialize)]
struct Voice {
    agent_output_audio_format: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    model_id: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct Speaker {
    language: String,
}

impl<'a> NewAgent<'a> {
    pub(super) fn new(name: &'a str, language: Option<&str>, reference: &'a str) -> Self {
        let language = language.and_then(two_letters);
        let model_id = language.as_deref().filter(|language| *language != "en").map(|_| MULTILINGUAL);
        Self {
            name,
            tags: [reference],
            conversation_config: Conversation {
                asr: Hearing { user_input_audio_format: TELEPHONE },
                tts: Voice { agent_output_audio_format: TELEPHONE, model_id },
                agent: language.map(|language| Speaker { language }),
            },
        }
    }
}

/// The language of a BCP 47 tag, if it is one of two letters. ElevenLabs knows no others, and a wish must not become a
/// refusal.
fn two_letters(tag: &str) -> Option<String> {
    let language = tag.split(['-', '_']).next()?;
    let fits = language.len() == 2 && language.bytes().all(|byte| byte.is_ascii_alphabetic());
    fits.then(|| language.to_ascii_lowercase())
}

/// A call for an agent to make.
#[derive(Serialize)]
pub(super) struct NewCall<'a> {
    pub(super) agent_id: &'a str,
    pub(super) agent_phone_number_id: &'a str,
    pub(super) to_number: &'a str,
    pub(super) conversation_initiation_client_data: ClientData<'a>,
}

/// A call that is about to be handed over.
#[derive(Serialize)]
pub(super) struct Registration<'a> {
    pub(super) agent_id: &'a str,
    pub(super) from_number: &'a str,
    pub(super) to_number: &'a str,
    pub(super) direction: &'static str,
    pub(super) conversation_initiation_client_data: ClientData<'a>,
}

/// What is kept with a conversation.
#[derive(Serialize)]
pub(super) struct ClientData<'a> {
    dynamic_variables: BTreeMap<&'static str, &'a str>,
}

impl<'a> ClientData<'a> {
    pub(super) fn new(name: &'static str, reference: &'a str) -> Self {
        Self { dynamic_variables: BTreeMap::from([(name, reference)]) }
    }
}

/// What became of a call that was to be made: refused, too, with a status of success.
#[derive(Debug, Deserialize)]
pub(super) struct CallMade {
    pub(super) success: bool,
    #[serde(default)]
    pub(super) message: String,
    pub(super) conversation_id: Option<String>,
}

/// A number that was made, of which nothing else is told.
#[derive(Debug, Deserialize)]
pub(super) struct NumberMade {
    pub(super) phone_number_id: String,
}

/// An agent, where only the id matters.
#[derive(Debug, Deserialize)]
pub(super) struct AgentMade {
    pub(super) agent_id: String,
}

/// A number of any provider, as far as we read it.
#[derive(Debug, Deserialize)]
pub(super) struct Number {
    phone_number_id: Option<String>,
    phone_number: Option<String>,
    label: Option<String>,
    provider: Option<String>,
    assigned_agent: Option<Assigned>,
}

#[derive(Debug, Deserialize)]
struct Assigned {
    agent_id: Option<String>,
}

impl Number {
    /// Whether it is this number, under exactly this label.
    pub(super) fn is(&self, e164: &E164, tag: &str) -> bool {
        // A number that was written with blanks or without its plus is the same number.
        let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
        let same = self.phone_number.as_deref().is_some_and(|number| digits(number) == digits(e164.as_str()));
        same && self.label.as_deref() == Some(tag)
    }

    /// Which kind it is; none of a kind whose calls we do not make.
    pub(super) fn provider(&self) -> Option<Provider> {
        [Provider::Twilio, Provider::SipTrunk].into_iter().find(|it| self.provider.as_deref() == Some(it.as_str()))
    }

    /// The number, or the name of the field that makes it useless.
    pub(super) fn number(self) -> Result<PlatformNumber, &'static str> {
        Ok(PlatformNumber {
            id: self.phone_number_id.filter(|id| !id.is_empty()).ok_or("phone_number_id")?,
            tag: self.label.unwrap_or_default(),
            e164: self.phone_number.and_then(|number| number.parse().ok()),
            sip_uri: None,
            platform_agent_id: self.assigned_agent.and_then(|agent| agent.agent_id).filter(|id| !id.is_empty()),
            created_at: None,
        })
    }
}

/// One page of agents.
#[derive(Debug, Deserialize)]
pub(super) struct AgentPage {
    pub(super) agents: Vec<Agent>,
    next_cursor: Option<String>,
    has_more: bool,
}

/// An agent, as a list shows it.
#[derive(Debug, Deserialize)]
pub(super) struct Agent {
    pub(super) agent_id: String,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    pub(super) created_at_unix_secs: i64,
}

impl AgentPage {
    /// Where the next page begins, if there is one. One that is promised and not named is a fault of the page.
    pub(super) fn next(&self) -> Result<Option<&str>, &'static str> {
        match (self.has_more, self.next_cursor.as_deref()) {
            (false, _) => Ok(None),
            (true, Some(cursor)) if !cursor.is_empty() => Ok(Some(cursor)),
            (true, Some(_) | None) => Err("next_cursor"),
        }
    }
}

impl Agent {
    pub(super) fn has_reference(&self, reference: &str) -> bool {
        self.tags.iter().any(|tag| tag == reference)
    }
}

/// The TwiML document a registration answers, if it is one.
pub(super) fn document(body: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(body).ok().filter(|text| text.len() <= DOCUMENT_BYTES_MAX)?;
    let mut rest = text.trim_start_matches('\u{feff}').trim_start();
    if let Some(declared) = rest.strip_prefix("<?xml") {
        rest = declared.split_once("?>")?.1.trim_start();
    }
    while let Some(comment) = rest.strip_prefix("<!--") {
        rest = comment.split_once("-->")?.1.trim_start();
    }
    let named = rest.strip_prefix("<Response")?;
    let ends = rest.trim_end().ends_with("</Response>") || rest.trim_end().ends_with("/>");
    (named.starts_with(|c: char| c == '>' || c == '/' || c.is_ascii_whitespace()) && ends).then_some(text)
}

/// A refusal in ElevenLabs' words.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// Its word for it, where it has one.
    pub(super) code: Option<String>,
    pub(super) message: String,
}

impl Refusal {
    /// None when the body is not ElevenLabs'. `detail` is a list of complaints, an object or a text.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(body).ok()?;
        let text = |value: &Value, name: &str| value[name].as_str().map(str::to_owned);
        match value.get("detail")? {
            Value::String(message) => Some(Self { code: None, message: message.clone() }),
            Value::Array(complaints) => {
                let said: Vec<String> = complaints.iter().filter_map(complaint).collect();
                Some(Self { code: None, message: said.join("; ") })
            }
            detail @ Value::Object(_) => {
                let code = text(detail, "status").or_else(|| text(detail, "code"));
                let message = text(detail, "message").or_else(|| code.clone()).unwrap_or_default();
                Some(Self { code, message })
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => None,
        }
    }
}

/// One complaint about a body: where, and what.
fn complaint(complaint: &Value) -> Option<String> {
    let message = complaint["msg"].as_str()?;
    let place = complaint["loc"].as_array().map(Vec::as_slice).unwrap_or_default();
    let place: Vec<String> =
        place.iter().map(|part| part.as_str().map_or_else(|| part.to_string(), str::to_owned)).collect();
    Some(format!("{}: {message}", place.join(".")))
}

/// What a refusal means.
pub(super) fn kind(status: StatusCode, refusal: Option<&Refusal>, doubt: ProviderErrorKind) -> ProviderErrorKind {
    let code = refusal.and_then(|refusal| refusal.code.as_deref()).unwrap_or_default();
    match (status.as_u16(), code) {
        (400 | 401 | 403, "quota_exceeded") => ProviderErrorKind::Rejected(Reason::LimitReached),
        // 403 is a plan that does not include what was asked for.
        (400, "invalid_api_key") | (401 | 403, _) => ProviderErrorKind::Misconfigured,
        // Without ElevenLabs' own words a 404 may come from something in between; taking it for "gone" would lose a number.
        (404, _) if refusal.is_none() => doubt,
        (404, _) => ProviderErrorKind::NotFound,
        (400, code) if code.ends_with("_not_found") => ProviderErrorKind::NotFound,
        // A timeout of something in between: the request may have gone through.
        (408, _) => doubt,
        (429, _) => ProviderErrorKind::RateLimited,
        (400..=499, _) => ProviderErrorKind::Rejected(Reason::Other),
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
        let check = |status: u16, code: &str, with_words: ProviderErrorKind, without: ProviderErrorKind| {
            let status = StatusCode::from_u16(status).unwrap();
            let refusal = Refusal { code: Some(code.to_owned()), message: "said".to_owned() };
            assert_eq!(kind(status, Some(&refusal), Unknown), with_words, "{status} {code}");
            assert_eq!(kind(status, None, Unknown), without, "{status} without words");
        };
        let rejected = Rejected(Reason::Other);
        check(400, "invalid_agent_config", rejected, rejected);
        check(400, "invalid_api_key", Misconfigured, rejected);
        check(400, "phone_number_not_found", NotFound, rejected);
        check(400, "quota_exceeded", Rejected(Reason::LimitReached), rejected);
        check(401, "quota_exceeded", Rejected(Reason::LimitReached), Misconfigured);
        check(401, "invalid_api_key", Misconfigured, Misconfigured);
        check(402, "", rejected, rejected);
        check(403, "", Misconfigured, Misconfigured);
        check(404, "", NotFound, Unknown);
        check(408, "", Unknown, Unknown);
        check(409, "", rejected, rejected);
        check(422, "", rejected, rejected);
        check(429, "system_busy", RateLimited, RateLimited);
        check(500, "", Unknown, Unknown);
        check(503, "phone_number_not_found", Unknown, Unknown);
        check(200, "", Unknown, Unknown);
        check(301, "", Unknown, Unknown);
    }

    #[test]
    fn refusals_are_read_whatever_their_shape() {
        let check = |body: &str, expected: Option<(Option<&str>, &str)>| {
            let read = Refusal::read(body.as_bytes());
            let read = read.as_ref().map(|refusal| (refusal.code.as_deref(), refusal.message.as_str()));
            assert_eq!(read, expected, "{body}");
        };
        let both = Some((Some("invalid_api_key"), "Invalid API key"));
        check(r#"{"detail":{"status":"invalid_api_key","message":"Invalid API key"}}"#, both);
        check(r#"{"detail":{"code":"c","type":"t","request_id":"r","message":"m"}}"#, Some((Some("c"), "m")));
        check(r#"{"detail":{"status":"busy"}}"#, Some((Some("busy"), "busy")));
        check(r#"{"detail":{}}"#, Some((None, "")));
        check(r#"{"detail":"Not Found"}"#, Some((None, "Not Found")));
        let listed = r#"{"detail":[{"loc":["body","token"],"msg":"Field required","type":"missing","input":"s3cret"},
            {"loc":["body","list",0],"msg":"odd","type":"t"},{"loc":7,"msg":"lost"},{"loc":["x"]}]}"#;
        check(listed, Some((None, "body.token: Field required; body.list.0: odd; : lost")));
        check(r#"{"detail":[]}"#, Some((None, "")));
        check(r#"{"detail":null}"#, None);
        check(r#"{"message":"no"}"#, None);
        check("[]", None);
        check("<html>", None);
        check("", None);
    }

    #[test]
    fn only_twiml_is_a_document() {
        let check = |body: &[u8], expected: bool| {
            let found = document(body).map(str::as_bytes);
            assert_eq!(found, expected.then_some(body), "{}", String::from_utf8_lossy(body));
        };
        check(b"<Response><Connect/></Response>", true);
        check(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response>\n</Response>\n", true);
        check("\u{feff} <!-- a --><!-- b --> <Response x=\"1\"><Hangup/></Response>".as_bytes(), true);
        check(b"<Response/>", true);
        check(b"<Responses></Responses>", false);
        check(b"<Response>cut off", false);
        check(b"<html><Response></Response></html>", false);
        check(b"{\"detail\":\"<Response/>\"}", false);
        check(b"\"<Response></Response>\"", false);
        check(b"<?xml <Response></Response>", false);
        check(b"<!-- <Response></Response>", false);
        check(b"<Response>\xff</Response>", false);
        check(b"", false);
        let padded = |bytes: usize| format!("<Response>{}</Response>", " ".repeat(bytes - 21)).into_bytes();
        check(&padded(DOCUMENT_BYTES_MAX), true);
        check(&padded(DOCUMENT_BYTES_MAX + 1), false);
    }

    #[test]
    fn an_agent_speaks_its_language_on_the_telephone() {
        let check = |language: Option<&str>, speaker: Value, model: Value| {
            let made = serde_json::to_value(NewAgent::new("Ayşe", language, "ref-1")).unwrap();
            assert_eq!((&made["name"], &made["tags"]), (&json!("Ayşe"), &json!(["ref-1"])));
            let config = &made["conversation_config"];
            assert_eq!(config["agent"]["language"], speaker, "{language:?}");
            assert_eq!(config["tts"]["model_id"], model, "{language:?}");
            assert_eq!(config["tts"]["agent_output_audio_format"], "ulaw_8000");
            assert_eq!(config["asr"]["user_input_audio_format"], "ulaw_8000");
        };
        let multilingual = json!("eleven_flash_v2_5");
        check(Some("tr-TR"), json!("tr"), multilingual.clone());
        check(Some("PT_br"), json!("pt"), multilingual);
        check(Some("en"), json!("en"), Value::Null);
        check(Some("fil"), Value::Null, Value::Null);
        check(Some(""), Value::Null, Value::Null);
        check(None, Value::Null, Value::Null);
    }

    fn listed(change: impl FnOnce(&mut Value)) -> Number {
        let mut number = json!({
            "phone_number_id": "phnum_1", "phone_number": "+12025550123", "label": "tl-op1", "provider": "sip_trunk",
            "assigned_agent": {"agent_id": "agent_1", "agent_name": "A"}, "livekit_stack": "standard",
            "outbound_trunk": {"address": "x.pstn.twilio.com", "has_auth_credentials": true, "username": "u"}
        });
        change(&mut number);
        serde_json::from_value(number).unwrap()
    }

    #[test]
    fn our_number_is_known_by_number_and_label() {
        let check = |field: &str, value: Value, expected: bool| {
            let found = listed(|number| number[field] = value.clone());
            assert_eq!(found.is(&"+12025550123".parse().unwrap(), "tl-op1"), expected, "{field} {value}");
        };
        check("provider", json!("exotel"), true);
        check("phone_number", json!("1 202 555-0123"), true);
        check("phone_number", json!("+12025550124"), false);
        check("phone_number", Value::Null, false);
        check("label", json!("tl-op1-2"), false);
        check("label", json!("TL-OP1"), false);
        check("label", Value::Null, false);
    }

    #[test]
    fn a_number_needs_an_id() {
        let number = listed(|_| {}).number().unwrap();
        assert_eq!((number.id.as_str(), number.tag.as_str()), ("phnum_1", "tl-op1"));
        assert_eq!(number.platform_agent_id.as_deref(), Some("agent_1"));
        assert_eq!((number.created_at, number.sip_uri), (None, None));
        let check = |field: &str, value: Value, expected: Result<(), &str>| {
            let found = listed(|number| number[field] = value.clone()).number();
            assert_eq!(found.map(drop), expected, "{field} {value}");
        };
        check("phone_number_id", Value::Null, Err("phone_number_id"));
        check("phone_number_id", json!(""), Err("phone_number_id"));
        check("phone_number", json!("sip:x"), Ok(()));
        check("label", Value::Null, Ok(()));
        for nobody in [Value::Null, json!({}), json!({"agent_id": ""}), json!({"agent_id": null})] {
            let found = listed(|number| number["assigned_agent"] = nobody.clone()).number().unwrap();
            assert_eq!(found.platform_agent_id, None, "{nobody}");
        }
        let provider = |name: &str| listed(|number| number["provider"] = json!(name)).provider();
        assert_eq!(provider("twilio"), Some(Provider::Twilio));
        assert_eq!(provider("sip_trunk"), Some(Provider::SipTrunk));
        assert_eq!(provider("exotel"), None);
    }

    #[test]
    fn pages_end() {
        let check = |page: Value, expected: Result<Option<&str>, &str>| {
            let read: AgentPage = serde_json::from_value(page.clone()).unwrap();
            assert_eq!(read.next(), expected, "{page}");
        };
        check(json!({"agents": [], "has_more": false}), Ok(None));
        check(json!({"agents": [], "has_more": false, "next_cursor": "c"}), Ok(None));
        check(json!({"agents": [], "has_more": true, "next_cursor": "c"}), Ok(Some("c")));
        check(json!({"agents": [], "has_more": true, "next_cursor": null}), Err("next_cursor"));
        check(json!({"agents": [], "has_more": true, "next_cursor": ""}), Err("next_cursor"));
    }
}
