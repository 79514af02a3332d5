//! Retell as a voice platform: agents, the numbers they take and make calls with, and calls registered to be dialled.
//!
//! A number here is its digits, brought by a SIP trunk of ours, bound to one agent. The number is the id, and there is one
//! of it in the workspace, so whoever looks finds it; our tag is its nickname. A number on no trunk is handed over call by
//! call: each is registered, and dialled at an address of its own. Knows nothing of tenants or when to look again.
//!
//! `wire` has the JSON, `signature` and `notification` what Retell tells of calls.

pub mod notification;
pub mod signature;
mod wire;

use std::time::Duration;

use async_trait::async_trait;
use domain::numbering::E164;
use domain::ports::{
    Access, CallOrder, ConnectOrder, HandedOver, Page, PlatformCall, PlatformNumber, ProviderError, ProviderErrorKind,
    Reason, VoicePlatform,
};
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::api::{self, Api, Party, collection_not_found};
use crate::http::{self, Answer, Deadline};
use wire::{
    Agent, Binding, Call, Everything, Import, Listed, Metadata, NewAgent, NewCall, Number, Refusal, Registration,
};

/// Where registered calls are dialled, and calls of trunks go.
const SIP_DOMAIN: &str = "sip.retellai.com";
/// Pages of agents read to find one. How many agents a page has is Retell's choice: no limit of it is published.
const AGENTS_PAGES_MAX: u16 = 100;

/// Which workspace to act for.
#[derive(Debug, Clone)]
pub struct RetellConfig {
    /// The workspace's key.
    pub api_key: SecretString,
    /// `https://api.retellai.com`, or where a stand-in listens; no slash at the end.
    pub base_url: String,
    /// What new agents are made of; without it none can be made, only those there are be used.
    pub agent: Option<AgentTemplate>,
}

/// What a new agent is made of: Retell makes none without a mind and a voice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentTemplate {
    /// The id of a response engine of Retell's own kind.
    pub llm_id: String,
    /// The id of a voice.
    pub voice_id: String,
}

/// A client for one workspace. Stateless but for its connections; cheap to make anew when the key has changed.
#[derive(Debug)]
pub struct Retell {
    api: Api,
    agent: Option<AgentTemplate>,
}

static PARTY: Party = Party { name: "Retell", sign: api::bearer, judge };

fn judge(answer: &Answer) -> (ProviderErrorKind, Option<String>) {
    let refusal = Refusal::read(&answer.body);
    (wire::kind(answer.status, refusal.as_ref(), answer.doubt), refusal.map(|refusal| refusal.message))
}

impl Retell {
    /// A client; nothing is set up before its first call.
    #[must_use]
    pub fn new(config: RetellConfig) -> Self {
        let RetellConfig { api_key, base_url, agent } = config;
        Self { api: Api::new(&PARTY, base_url, api_key), agent }
    }

    /// The same client with less patience, for a peer on the same machine.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { api: self.api.with_timeout(timeout), ..self }
    }

    /// The number with this id, or none.
    async fn looked_up(&self, id: &str, until: Deadline) -> Result<Option<PlatformNumber>, ProviderError> {
        let request = self.api.request(Method::GET, &self.number_path("get", id)?)?;
        match self.api.answer(request, until).await {
            Ok(answer) => number(self.api.read(&answer)?, answer.doubt).map(Some),
            Err(error) if error.kind == ProviderErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What an import that was refused means. No word of Retell's says that a number is there already, so it is looked for.
    async fn import_refused(&self, refused: ProviderError, order: &ConnectOrder, until: Deadline) -> ProviderError {
        match refused.kind {
            // The only other thing named in the request is the agent.
            ProviderErrorKind::Rejected(_) | ProviderErrorKind::NotFound => {}
            ProviderErrorKind::RateLimited
            | ProviderErrorKind::Unavailable
            | ProviderErrorKind::Unknown
            | ProviderErrorKind::Misconfigured => return refused,
        }
        let kind = match self.looked_up(order.e164.as_str(), until).await {
            Ok(None) => ProviderErrorKind::Rejected(Reason::Other),
            Ok(Some(there)) => there_already(&there, order).kind,
            // It may be one that an earlier attempt imported.
            Err(_) => ProviderErrorKind::Unknown,
        };
        ProviderError { kind, ..refused }
    }

    /// A number is its own id, with a plus sign that a path needs escaped.
    fn number_path(&self, verb: &str, id: &str) -> Result<String, ProviderError> {
        let digits = id.strip_prefix('+').unwrap_or(id);
        if !http::is_path_safe(digits) {
            return Err(self.api.rejected("not an id of a number"));
        }
        Ok(format!("/{verb}-phone-number/{}", id.replace('+', "%2B")))
    }

    fn agent_path(&self, verb: &str, id: &str) -> Result<String, ProviderError> {
        self.api.one(&format!("/{verb}-agent"), id)
    }
}

fn unusable(what: &str, field: &str, doubt: ProviderErrorKind) -> ProviderError {
    ProviderError::new(doubt, format!("Retell described {what} without a usable {field}"))
}

fn number(found: Number, doubt: ProviderErrorKind) -> Result<PlatformNumber, ProviderError> {
    found.number().map_err(|field| unusable("a number", field, doubt))
}

/// A number that was to be imported and is there: somebody else's, or most likely made by an earlier attempt of ours whose
/// answer was lost. In doubt the caller looks for it and adopts it; "rejected" would leave it behind.
fn there_already(there: &PlatformNumber, order: &ConnectOrder) -> ProviderError {
    if there.tag == order.tag {
        ProviderError::new(ProviderErrorKind::Unknown, "Retell has the number already, under our name")
    } else {
        let kind = ProviderErrorKind::Rejected(Reason::Taken);
        ProviderError::new(kind, "Retell has the number already, under another name")
    }
}

/// A number, or nothing: Retell takes no caller who hides it.
fn digits(party: &str) -> Option<&str> {
    party.parse::<E164>().is_ok().then_some(party)
}

#[async_trait]
impl VoicePlatform for Retell {
    async fn agent_create(&self, name: &str, language: Option<&str>, reference: &str) -> Result<String, ProviderError> {
        let template = self.agent.as_ref().ok_or_else(|| {
            let why = "Retell: what new agents are made of (llm_id, voice_id) is not set; an agent made at Retell can be \
                       registered by its id";
            ProviderError::new(ProviderErrorKind::Misconfigured, why)
        })?;
        let agent = NewAgent::new(name, language, reference, &template.llm_id, &template.voice_id);
        let request = self.api.request(Method::POST, "/create-agent")?.json(&agent);
        let answer = self.api.answer(request, self.api.deadline()).await;
        // All that is named in the request is what the template names, or the base URL is wrong.
        let answer = answer.map_err(collection_not_found)?;
        Ok(self.api.read::<Agent>(&answer)?.agent_id)
    }

    /// Lists show an agent's name and nothing else that is ours: one that was renamed at Retell is not found.
    async fn agent_find(&self, reference: &str) -> Result<Option<String>, ProviderError> {
        let until = self.api.deadline();
        let mut after: Option<String> = None;
        for _ in 0..AGENTS_PAGES_MAX {
            // Oldest first, so that new agents do not shift the pages.
            let mut query = vec![("sort_order", "ascending")];
            query.extend(after.as_deref().map(|key| ("pagination_key", key)));
            let request = self.api.request(Method::POST, "/v2/list-agents")?.query(&query).json(&Everything {});
            let answer = self.api.look(request, until).await.map_err(collection_not_found)?;
            let mut page: Listed<Agent> = self.api.read(&answer)?;
            if let Some(found) = page.items.iter().find(|agent| agent.has_reference(reference)) {
                return Ok(Some(found.agent_id.clone()));
            }
            after = page.next().map_err(|field| unusable("a list of agents", field, answer.doubt))?;
            if after.is_none() {
                return Ok(None);
            }
        }
        Err(self.api.too_many("agents"))
    }

    async fn agent_exists(&self, id: &str) -> Result<bool, ProviderError> {
        // The id is a tenant's word. One that cannot be an id, by our rule or by Retell's, names nothing.
        let Ok(path) = self.agent_path("get", id) else {
            return Ok(false);
        };
        let found: Option<Agent> = self.api.there(&path).await?;
        Ok(found.is_some_and(|found| found.agent_id == id))
    }

    async fn agent_delete(&self, id: &str) -> Result<(), ProviderError> {
        self.api.delete(&self.agent_path("delete", id)?).await
    }

    /// The workspace has one of each number, so there is one or none.
    async fn number_find(&self, e164: &E164, tag: &str) -> Result<Vec<PlatformNumber>, ProviderError> {
        let found = self.looked_up(e164.as_str(), self.api.deadline()).await?;
        Ok(found.into_iter().filter(|number| number.tag == tag).collect())
    }

    /// Nothing is made besides the number.
    async fn number_clear(&self, _: domain::agent::Method, _: &str) -> Result<(), ProviderError> {
        Ok(())
    }

    async fn number_get(&self, id: &str) -> Result<PlatformNumber, ProviderError> {
        let request = self.api.request(Method::GET, &self.number_path("get", id)?)?;
        let answer = self.api.answer(request, self.api.deadline()).await?;
        number(self.api.read(&answer)?, answer.doubt)
    }

    async fn number_list(&self, after: Option<&str>) -> Result<Page<PlatformNumber>, ProviderError> {
        // Oldest first, so that new numbers do not shift the pages.
        let mut query = vec![("sort_order", "ascending")];
        query.extend(after.map(|key| ("pagination_key", key)));
        let request = self.api.request(Method::GET, "/v2/list-phone-numbers")?.query(&query);
        let answer = self.api.answer(request, self.api.deadline()).await.map_err(collection_not_found)?;
        let mut page: Listed<Value> = self.api.read(&answer)?;
        let next = page.next().map_err(|field| unusable("a list of numbers", field, answer.doubt))?;
        let all = page.items.len();
        let readable = |item| serde_json::from_value::<Number>(item).ok()?.number().ok();
        let items: Vec<_> = page.items.into_iter().filter_map(readable).collect();
        Ok(Page { others: all - items.len(), items, next })
    }

    /// By a trunk only. Retell does not touch the carrier: that the number is on the trunk is the caller's affair.
    async fn number_connect(&self, order: &ConnectOrder) -> Result<PlatformNumber, ProviderError> {
        let trunk = match &order.access {
            Access::Trunk(trunk) => trunk,
            Access::Dial(_) => return Err(self.api.rejected("a number has no SIP address of its own")),
            Access::Carrier { .. } => return Err(self.api.rejected("a number is not taken over at its carrier")),
        };
        // A host is all that Retell documents of it.
        if trunk.port.is_some_and(|port| port != 5060) {
            return Err(self.api.rejected("a trunk is reached at port 5060"));
        }
        let until = self.api.deadline();
        if let Some(there) = self.looked_up(order.e164.as_str(), until).await? {
            return Err(there_already(&there, order));
        }
        let (username, password) = trunk.credentials.as_ref().map(|(name, password)| (name.as_str(), password)).unzip();
        let request = self.api.request(Method::POST, "/import-phone-number")?.json(&Import {
            phone_number: order.e164.as_str(),
            termination_uri: trunk.host.clone(),
            transport: trunk.transport.map(|transport| transport.as_str().to_ascii_uppercase()),
            sip_trunk_auth_username: username,
            sip_trunk_auth_password: password.map(ExposeSecret::expose_secret),
            nickname: &order.tag,
            inbound_agents: wire::only(&order.platform_agent_id),
            outbound_agents: wire::only(&order.platform_agent_id),
        });
        let sent = self.api.exchange(request, until).await?;
        let secrets: Vec<&SecretString> = password.into_iter().collect();
        let answer = match self.api.accepted(sent, &secrets) {
            Ok(answer) => answer,
            Err(refused) => return Err(self.import_refused(refused, order, until).await),
        };
        let made = number(self.api.read(&answer)?, answer.doubt)?;
        if made.id == order.e164.as_str() && made.tag == order.tag {
            Ok(made)
        } else {
            Err(ProviderError::new(answer.doubt, "Retell answered an import with another number"))
        }
    }

    async fn number_bind(
        &self,
        id: &str,
        _: domain::agent::Method,
        platform_agent_id: Option<&str>,
    ) -> Result<PlatformNumber, ProviderError> {
        let until = self.api.deadline();
        let agents = platform_agent_id.map(wire::only);
        let binding = Binding { inbound_agents: agents.clone(), outbound_agents: agents };
        let request = self.api.request(Method::PATCH, &self.number_path("update", id)?)?.json(&binding);
        let answer = match self.api.answer(request, until).await {
            // The number or the agent: Retell says the same of both.
            Err(error) if error.kind == ProviderErrorKind::NotFound => {
                let is_there = self.looked_up(id, until).await?.is_some();
                let of_the_agent = ProviderErrorKind::Rejected(Reason::Other);
                let kind = if is_there { of_the_agent } else { ProviderErrorKind::NotFound };
                return Err(ProviderError { kind, ..error });
            }
            answered => answered?,
        };
        let bound = number(self.api.read(&answer)?, answer.doubt)?;
        if bound.id == id && bound.platform_agent_id.as_deref() == platform_agent_id {
            Ok(bound)
        } else {
            Err(ProviderError::new(answer.doubt, "Retell answered a binding with another agent"))
        }
    }

    /// Registered, it waits to be dialled for some minutes.
    async fn call_register(&self, order: &CallOrder) -> Result<HandedOver, ProviderError> {
        let request = self.api.request(Method::POST, "/v2/register-phone-call")?.json(&Registration {
            agent_id: &order.platform_agent_id,
            direction: if order.outgoing { "outbound" } else { "inbound" },
            from_number: digits(&order.from),
            to_number: digits(&order.to),
            metadata: Metadata::from([(wire::HANDED_OVER, order.reference.as_str())]),
        });
        let answer = self.api.answer(request, self.api.deadline()).await?;
        let call: Call = self.api.read(&answer)?;
        if http::is_path_safe(&call.call_id) {
            Ok(HandedOver::Address(format!("sip:{}@{SIP_DOMAIN}", call.call_id)))
        } else {
            Err(unusable("a call", "call_id", answer.doubt))
        }
    }

    async fn call_create(&self, order: &CallOrder) -> Result<PlatformCall, ProviderError> {
        let number = order.platform_number_id.as_deref().ok_or_else(|| self.api.rejected("a call needs a number"))?;
        let request = self.api.request(Method::POST, "/v2/create-phone-call")?.json(&NewCall {
            from_number: number,
            to_number: &order.to,
            override_agent_id: &order.platform_agent_id,
            idempotency_key: &order.reference,
            metadata: Metadata::from([(wire::CALL, order.reference.as_str())]),
        });
        let answer = self.api.answer(request, self.api.deadline()).await?;
        let made: Call = self.api.read(&answer)?;
        let status = made.status();
        if made.call_id.is_empty() {
            return Err(unusable("a call", "call_id", answer.doubt));
        }
        Ok(PlatformCall { id: made.call_id, status })
    }

    async fn number_remove(&self, id: &str) -> Result<(), ProviderError> {
        self.api.delete(&self.number_path("delete", id)?).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retell() -> Retell {
        Retell::new(RetellConfig {
            api_key: SecretString::from("the-key"),
            base_url: "http://127.0.0.1:9".to_owned(),
            agent: None,
        })
    }

    #[test]
    fn a_refusal_keeps_key_and_password_to_itself() {
        let body = br#"{"status":"error","message":"hunter22 and the-key for +14155550123"}"#.to_vec();
        let headers = reqwest::header::HeaderMap::new();
        let answer =
            Answer { status: reqwest::StatusCode::BAD_REQUEST, headers, body, doubt: ProviderErrorKind::Unknown };
        let error = retell().api.refused(&answer, &[&SecretString::from("hunter22")]);
        assert_eq!(error.detail, "Retell 400: … and … for …0123");
        assert!(!format!("{:?}", retell()).contains("the-key"));
    }

    #[test]
    fn a_number_stands_in_a_path_with_its_plus_escaped() {
        let check = |id: &str, expected: Option<&str>| {
            assert_eq!(retell().number_path("get", id).ok().as_deref(), expected, "{id}");
        };
        check("+14155550123", Some("/get-phone-number/%2B14155550123"));
        check("1234", Some("/get-phone-number/1234"));
        for none in ["", "+", "..", "+1/2", "+1?2", "++1", "1+2"] {
            check(none, None);
        }
    }

    #[tokio::test]
    async fn an_id_that_is_none_is_not_asked_for() {
        for id in ["", "..", "a/b", "a?b"] {
            let error = retell().number_remove(id).await.unwrap_err();
            assert_eq!(error.kind, ProviderErrorKind::Rejected(Reason::Other), "{id}");
            assert_eq!(retell().agent_exists(id).await, Ok(false), "{id}");
        }
    }

    #[tokio::test]
    async fn without_a_template_no_agent_is_made() {
        let error = retell().agent_create("A", None, "agt_1").await.unwrap_err();
        assert_eq!(error.kind, ProviderErrorKind::Misconfigured);
        assert!(error.detail.contains("can be registered by its id"), "{error}");
    }
}
