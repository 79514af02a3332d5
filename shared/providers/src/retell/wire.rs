//! Retell's JSON: what is asked, what is answered, how it refuses.
//!
//! Lists of agents with weights say who takes a number's calls and who makes them. The single agents of former days are
//! neither sent nor read.

use std::collections::BTreeMap;

use domain::call::CallStatus;
use domain::numbering::E164;
use domain::ports::{PlatformNumber, ProviderErrorKind, Reason};
use reqwest::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What Retell says of a thing that is not there, with 422. Nothing else with 422 says that.
const NOT_FOUND: &str = "Cannot find requested asset under given api key.";
/// Characters of an agent's name before our reference. No limit is published.
const NAME_CHARS_MAX: usize = 100;
/// The languages an agent can speak.
const LANGUAGES: [&str; 63] = [
    "en-US", "en-IN", "en-GB", "en-AU", "en-NZ", "de-DE", "es-ES", "es-419", "hi-IN", "fr-FR", "fr-CA", "ja-JP",
    "pt-PT", "pt-BR", "zh-CN", "ru-RU", "it-IT", "ko-KR", "nl-NL", "nl-BE", "pl-PL", "tr-TR", "vi-VN", "ro-RO",
    "bg-BG", "ca-ES", "th-TH", "da-DK", "fi-FI", "el-GR", "hu-HU", "id-ID", "no-NO", "sk-SK", "sv-SE", "lt-LT",
    "lv-LV", "cs-CZ", "ms-MY", "af-ZA", "ar-SA", "az-AZ", "bs-BA", "cy-GB", "fa-IR", "fil-PH", "gl-ES", "he-IL",
    "hr-HR", "hy-AM", "is-IS", "kk-KZ", "kn-IN", "mk-MK", "mr-IN", "ne-NP", "sl-SI", "sr-RS", "sw-KE", "ta-IN",
    "ur-IN", "yue-CN", "uk-UA",
];

/// One that may take or make a call, and how likely it is the one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Chance {
    agent_id: String,
    weight: serde_json::Number,
}

/// This agent and no other.
pub(super) fn only(agent_id: &str) -> [Chance; 1] {
    [Chance { agent_id: agent_id.to_owned(), weight: 1.into() }]
}

/// A number to make known.
#[derive(Serialize)]
pub(super) struct Import<'a> {
    pub(super) phone_number: &'a str,
    /// A host, without a scheme.
    pub(super) termination_uri: String,
    /// `TLS`, `TCP` or `UDP`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) transport: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sip_trunk_auth_username: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sip_trunk_auth_password: Option<&'a str>,
    pub(super) nickname: &'a str,
    pub(super) inbound_agents: [Chance; 1],
    pub(super) outbound_agents: [Chance; 1],
}

/// A change of who takes and makes calls.
#[derive(Debug, Serialize)]
pub(super) struct Binding {
    /// Null for nobody.
    pub(super) inbound_agents: Option<[Chance; 1]>,
    pub(super) outbound_agents: Option<[Chance; 1]>,
}

/// An agent to make.
#[derive(Debug, Serialize)]
pub(super) struct NewAgent<'a> {
    agent_name: String,
    response_engine: Engine<'a>,
    voice_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct Engine<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    llm_id: &'a str,
}

impl<'a> NewAgent<'a> {
    pub(super) fn new(name: &str, language: Option<&str>, reference: &str, llm_id: &'a str, voice_id: &'a str) -> Self {
        let name: String = name.chars().take(NAME_CHARS_MAX).collect();
        Self {
            agent_name: format!("{name}{}", suffix(reference)),
            response_engine: Engine { kind: "retell-llm", llm_id },
            voice_id,
            language: language.and_then(spoken),
        }
    }
}

/// Lists of agents show nothing that is ours but the name.
fn suffix(reference: &str) -> String {
    format!(" [{reference}]")
}

/// The language that is meant, or the first that is spoken alike. One that Retell does not know would turn a wish into a
/// refusal.
fn spoken(language: &str) -> Option<&'static str> {
    let alike = |known: &&&str| {
        let (wanted, known) = (language.split(['-', '_']).next(), known.split('-').next());
        wanted.zip(known).is_some_and(|(wanted, known)| wanted.eq_ignore_ascii_case(known))
    };
    let exact = LANGUAGES.iter().find(|known| known.eq_ignore_ascii_case(language));
    exact.or_else(|| LANGUAGES.iter().find(alike)).copied()
}

/// A call to register.
#[derive(Serialize)]
pub(super) struct Registration<'a> {
    pub(super) agent_id: &'a str,
    pub(super) direction: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) from_number: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) to_number: Option<&'a str>,
    pub(super) metadata: Metadata<'a>,
}

/// A call for an agent to make.
#[derive(Serialize)]
pub(super) struct NewCall<'a> {
    pub(super) from_number: &'a str,
    pub(super) to_number: &'a str,
    pub(super) override_agent_id: &'a str,
    /// For an hour it makes no second call.
    pub(super) idempotency_key: &'a str,
    pub(super) metadata: Metadata<'a>,
}

/// What is kept with a call, and told with it.
pub(super) type Metadata<'a> = BTreeMap<&'static str, &'a str>;
/// What a call is about that an agent makes.
pub(super) const CALL: &str = "trunkline_call";
/// The carrier's id of a call that we hand over.
pub(super) const HANDED_OVER: &str = "trunkline_handed_over";

/// A call, as far as we read it.
#[derive(Deserialize)]
pub(super) struct Call {
    pub(super) call_id: String,
    call_status: Option<String>,
    disconnection_reason: Option<String>,
    start_timestamp: Option<i64>,
}

impl Call {
    /// How it stands; one with an unknown word has only begun.
    pub(super) fn status(&self) -> CallStatus {
        match self.call_status.as_deref() {
            Some("ongoing") => CallStatus::InProgress,
            Some(word @ ("ended" | "not_connected" | "error")) => {
                ended(word, self.disconnection_reason.as_deref(), self.start_timestamp.is_some())
            }
            Some(_) | None => CallStatus::Queued,
        }
    }
}

/// How a call that is over ended, by its status and reason. What went wrong after it was answered does not unmake it.
pub(super) fn ended(status: &str, reason: Option<&str>, was_answered: bool) -> CallStatus {
    match (status, reason) {
        ("not_connected", Some("dial_busy" | "user_declined")) => CallStatus::Busy,
        ("not_connected", Some("dial_no_answer")) => CallStatus::NoAnswer,
        ("not_connected", _) => CallStatus::Failed,
        ("error", _) if !was_answered => CallStatus::Failed,
        _ => CallStatus::Completed,
    }
}

/// A number, as far as we read it.
#[derive(Debug, Deserialize)]
pub(super) struct Number {
    phone_number: Option<String>,
    nickname: Option<String>,
    inbound_agents: Option<Vec<Chance>>,
}

impl Number {
    /// The number, or the name of the field that makes it useless. One that several agents share is bound to none. Retell
    /// does not tell when it was made known, only when it last changed.
    pub(super) fn number(self) -> Result<PlatformNumber, &'static str> {
        let id = self.phone_number.filter(|number| !number.is_empty()).ok_or("phone_number")?;
        let mut agents = self.inbound_agents.unwrap_or_default();
        let agent = agents.pop().filter(|agent| agents.is_empty() && !agent.agent_id.is_empty());
        Ok(PlatformNumber {
            e164: id.parse::<E164>().ok(),
            id,
            tag: self.nickname.unwrap_or_default(),
            sip_uri: None,
            platform_agent_id: agent.map(|agent| agent.agent_id),
            created_at: None,
        })
    }
}

/// One page of a list.
#[derive(Debug, Deserialize)]
pub(super) struct Listed<T> {
    pub(super) items: Vec<T>,
    has_more: bool,
    pagination_key: Option<String>,
}

impl<T> Listed<T> {
    /// Where the next page begins, none after the last; or that it does not say.
    pub(super) fn next(&mut self) -> Result<Option<String>, &'static str> {
        match self.pagination_key.take().filter(|key| !key.is_empty()) {
            _ if !self.has_more => Ok(None),
            Some(key) => Ok(Some(key)),
            None => Err("pagination_key"),
        }
    }
}

/// The body that asks for a list of agents: no filter.
#[derive(Serialize)]
pub(super) struct Everything {}

/// An agent of a list.
#[derive(Debug, Deserialize)]
pub(super) struct Agent {
    pub(super) agent_id: String,
    #[serde(default)]
    agent_name: Option<String>,
}

impl Agent {
    pub(super) fn has_reference(&self, reference: &str) -> bool {
        self.agent_name.as_deref().is_some_and(|name| name.ends_with(&suffix(reference)))
    }
}

/// A refusal in Retell's words.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) message: String,
}

impl Refusal {
    /// None when the body is not Retell's.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(body).ok()?;
        Some(Self { message: value.get("message")?.as_str()?.to_owned() })
    }
}

/// What a refusal means. Retell gives no codes; its words count in one case only.
pub(super) fn kind(status: StatusCode, refusal: Option<&Refusal>, doubt: ProviderErrorKind) -> ProviderErrorKind {
    match status.as_u16() {
        // 402: the account is not paid for.
        401..=403 => ProviderErrorKind::Misconfigured,
        // Without Retell's own words a 404 may come from something in between; taking it for "gone" would lose a number.
        404 if refusal.is_none() => doubt,
        404 => ProviderErrorKind::NotFound,
        // A timeout of something in between: the request may have gone through.
        408 => doubt,
        422 if refusal.is_some_and(|refusal| refusal.message == NOT_FOUND) => ProviderErrorKind::NotFound,
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
        let other = Refusal { message: "said".to_owned() };
        let gone = Refusal { message: NOT_FOUND.to_owned() };
        let check = |status: u16, with_words: ProviderErrorKind, gone_said: ProviderErrorKind, without| {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(kind(status, Some(&other), Unknown), with_words, "{status}");
            assert_eq!(kind(status, Some(&gone), Unknown), gone_said, "{status} and gone");
            assert_eq!(kind(status, None, Unknown), without, "{status} without words");
        };
        let rejected = Rejected(Reason::Other);
        check(400, rejected, rejected, rejected);
        check(401, Misconfigured, Misconfigured, Misconfigured);
        check(402, Misconfigured, Misconfigured, Misconfigured);
        check(404, NotFound, NotFound, Unknown);
        check(408, Unknown, Unknown, Unknown);
        check(409, rejected, rejected, rejected);
        check(422, rejected, NotFound, rejected);
        check(429, RateLimited, RateLimited, RateLimited);
        check(500, Unknown, Unknown, Unknown);
        check(200, Unknown, Unknown, Unknown);
        check(302, Unknown, Unknown, Unknown);
    }

    #[test]
    fn refusals_are_read_where_they_are_retells() {
        let check = |body: &str, expected: Option<&str>| {
            let read = Refusal::read(body.as_bytes()).map(|refusal| refusal.message);
            assert_eq!(read.as_deref(), expected, "{body}");
        };
        check(r#"{"status":"error","message":"no"}"#, Some("no"));
        check(r#"{"message":["no"]}"#, None);
        check("{}", None);
        check("<html>", None);
        check("", None);
    }

    #[test]
    fn a_number_needs_its_digits_and_one_agent() {
        let whole = json!({
            "phone_number": "+14155550123", "phone_number_type": "custom", "last_modification_timestamp": 1_790_000_000_000_i64,
            "nickname": "tag", "inbound_agents": [{"agent_id": "agent_1", "weight": 1, "agent_version": "latest"}],
            "inbound_agent_id": "agent_old", "sip_outbound_trunk_config": {"termination_uri": "t.pstn.twilio.com"}
        });
        let read = |field: &str, value: Value| {
            let mut changed = whole.clone();
            changed[field] = value;
            serde_json::from_value::<Number>(changed).unwrap().number()
        };
        let number = read("area_code", Value::Null).unwrap();
        assert_eq!((number.id.as_str(), number.tag.as_str()), ("+14155550123", "tag"));
        assert_eq!(number.e164.map(|e164| e164.to_string()).as_deref(), Some("+14155550123"));
        assert_eq!(number.platform_agent_id.as_deref(), Some("agent_1"));
        assert_eq!((number.sip_uri, number.created_at), (None, None));
        let agent = |value: Value| read("inbound_agents", value).unwrap().platform_agent_id;
        assert_eq!(agent(Value::Null), None);
        assert_eq!(agent(json!([])), None);
        let half = |id: &str| json!({"agent_id": id, "weight": 0.5});
        assert_eq!(agent(json!([half("agent_1"), half("agent_2")])), None);
        assert_eq!(read("nickname", Value::Null).unwrap().tag, "");
        assert_eq!(read("phone_number", json!("1234")).unwrap().e164, None);
        assert_eq!(read("phone_number", json!("")), Err("phone_number"));
        assert_eq!(read("phone_number", Value::Null), Err("phone_number"));
    }

    #[test]
    fn an_agent_carries_its_reference_in_its_name() {
        let made = serde_json::to_value(NewAgent::new("Ayşe", Some("tr"), "agt_1", "llm_1", "11labs-Adrian")).unwrap();
        let engine = json!({"type": "retell-llm", "llm_id": "llm_1"});
        let expected = json!({
            "agent_name": "Ayşe [agt_1]", "response_engine": engine, "voice_id": "11labs-Adrian", "language": "tr-TR"
        });
        assert_eq!(made, expected);
        let long = NewAgent::new(&"ğ".repeat(300), None, "agt_1", "l", "v");
        assert_eq!(long.agent_name, format!("{} [agt_1]", "ğ".repeat(NAME_CHARS_MAX)));
        let check = |name: Value, expected: bool| {
            let agent: Agent = serde_json::from_value(json!({"agent_id": "a", "agent_name": name})).unwrap();
            assert_eq!(agent.has_reference("agt_1"), expected, "{agent:?}");
        };
        check(json!("Ayşe [agt_1]"), true);
        check(json!("Ayşe [agt_12]"), false);
        check(json!("Ayşe [xagt_1]"), false);
        check(json!("agt_1"), false);
        check(Value::Null, false);
    }

    #[test]
    fn a_language_is_one_that_is_spoken_or_none() {
        let check = |wanted: &str, expected: Option<&str>| assert_eq!(spoken(wanted), expected, "{wanted}");
        check("tr-TR", Some("tr-TR"));
        check("TR-tr", Some("tr-TR"));
        check("en-GB", Some("en-GB"));
        check("en-ZA", Some("en-US"));
        check("pt", Some("pt-PT"));
        check("uk", Some("uk-UA"));
        check("tlh", None);
        check("", None);
    }

    #[test]
    fn an_end_has_a_reason() {
        use CallStatus::{Busy, Completed, Failed, NoAnswer};
        let check = |status: &str, reason: Option<&str>, was_answered: bool, expected: CallStatus| {
            assert_eq!(ended(status, reason, was_answered), expected, "{status} {reason:?} {was_answered}");
        };
        check("ended", Some("user_hangup"), true, Completed);
        check("ended", None, true, Completed);
        check("not_connected", Some("dial_busy"), false, Busy);
        check("not_connected", Some("user_declined"), false, Busy);
        check("not_connected", Some("dial_no_answer"), false, NoAnswer);
        check("not_connected", Some("sip_routing_error"), false, Failed);
        check("not_connected", None, false, Failed);
        check("error", Some("registered_call_timeout"), false, Failed);
        check("error", Some("error_asr"), true, Completed);
    }

    #[test]
    fn a_call_that_was_made_stands_as_told() {
        let check = |status: Value, expected: CallStatus| {
            let call: Call = serde_json::from_value(json!({"call_id": "call_1", "call_status": status})).unwrap();
            assert_eq!(call.status(), expected, "{status}");
        };
        check(json!("registered"), CallStatus::Queued);
        check(json!("ongoing"), CallStatus::InProgress);
        check(json!("ended"), CallStatus::Completed);
        check(json!("not_connected"), CallStatus::Failed);
        check(json!("a new word"), CallStatus::Queued);
        check(Value::Null, CallStatus::Queued);
    }

    #[test]
    fn pages_end_or_say_where_they_go_on() {
        let check = |more: bool, key: Value, expected: Result<Option<&str>, &str>| {
            let page = json!({"items": [], "has_more": more, "pagination_key": key});
            let next = serde_json::from_value::<Listed<Agent>>(page).unwrap().next();
            assert_eq!(next.as_ref().map(Option::as_deref).map_err(|field| *field), expected, "{more} {key}");
        };
        check(true, json!("k"), Ok(Some("k")));
        check(false, json!("k"), Ok(None));
        check(false, Value::Null, Ok(None));
        check(true, Value::Null, Err("pagination_key"));
        check(true, json!(""), Err("pagination_key"));
    }
}
