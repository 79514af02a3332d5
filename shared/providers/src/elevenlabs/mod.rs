//! ElevenLabs as a voice platform: agents, and the numbers they answer.
//!
//! A call gets there in one of three ways: it is registered, and the carrier is given the document that is answered; it comes
//! over a SIP trunk to `sip:<number>@sip.rtc.elevenlabs.io`; or ElevenLabs takes the number over at Twilio. Knows nothing of
//! tenants or when to look again. Nothing makes a creation idempotent, so callers look before they create; our tag is a
//! number's `label`.
//!
//! `wire` has the JSON; [`signature`] checks ElevenLabs' webhooks, [`notification`] understands them.

pub mod notification;
pub mod signature;
mod wire;

use std::time::Duration;

use async_trait::async_trait;
use domain::call::CallStatus;
use domain::numbering::E164;
use domain::ports::{
    Access, CallOrder, ConnectOrder, HandedOver, Page, PlatformCall, PlatformNumber, ProviderError, ProviderErrorKind,
    Reason, Transport, VoicePlatform,
};
use reqwest::header::HeaderValue;
use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};

use crate::api::{Api, Party, collection_not_found, named_not_found};
use crate::http::{Answer, Deadline};
use wire::{
    AgentMade, AgentPage, Binding, CallMade, ClientData, Credentials, NewAgent, NewCall, Number, NumberMade, Outbound,
    Provider, Refusal, Registration, TakenOver, Trunked,
};

const NUMBERS: &str = "/v1/convai/phone-numbers";
const AGENTS: &str = "/v1/convai/agents";
/// Agents asked for at once: as many as ElevenLabs gives.
const AGENTS_PAGE_SIZE: usize = 100;
/// Pages of agents read to find one.
const AGENTS_PAGES_MAX: u16 = 50;

/// Which workspace to act for.
#[derive(Debug, Clone)]
pub struct ElevenLabsConfig {
    /// The workspace's key.
    pub api_key: SecretString,
    /// `https://api.elevenlabs.io`, that of a region, or where a stand-in listens; no slash at the end.
    pub base_url: String,
}

/// A client for one workspace. Stateless but for its connections; cheap to make anew when the key has changed.
#[derive(Debug)]
pub struct ElevenLabs {
    api: Api,
}

static PARTY: Party = Party { name: "ElevenLabs", sign, judge };

fn sign(request: RequestBuilder, key: &SecretString) -> Result<RequestBuilder, ProviderError> {
    let mut key = HeaderValue::from_str(key.expose_secret()).map_err(|_| {
        ProviderError::new(ProviderErrorKind::Misconfigured, "ElevenLabs: the key cannot be sent as it is")
    })?;
    key.set_sensitive(true);
    Ok(request.header("xi-api-key", key))
}

fn judge(answer: &Answer) -> (ProviderErrorKind, Option<String>) {
    let refusal = Refusal::read(&answer.body);
    (wire::kind(answer.status, refusal.as_ref(), answer.doubt), refusal.map(|refusal| refusal.message))
}

impl ElevenLabs {
    /// A client; nothing is set up before its first call.
    #[must_use]
    pub fn new(config: ElevenLabsConfig) -> Self {
        Self { api: Api::new(&PARTY, config.base_url, config.api_key) }
    }

    /// The same client with less patience, for a call that waits or a peer on the same machine.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { api: self.api.with_timeout(timeout) }
    }

    /// One number, as ElevenLabs describes it.
    async fn number(&self, id: &str, until: Deadline) -> Result<(Number, Answer), ProviderError> {
        let answer = self.api.answer(self.api.request(Method::GET, &self.api.one(NUMBERS, id)?)?, until).await?;
        Ok((self.api.read(&answer)?, answer))
    }

    /// All numbers there are: the list has no pages.
    async fn numbers(&self, until: Deadline) -> Result<(Vec<Number>, Answer), ProviderError> {
        let answer =
            self.api.answer(self.api.request(Method::GET, NUMBERS)?, until).await.map_err(collection_not_found)?;
        Ok((self.api.read(&answer)?, answer))
    }

    async fn known_as(&self, e164: &E164, tag: &str, until: Deadline) -> Result<Vec<PlatformNumber>, ProviderError> {
        let (numbers, answer) = self.numbers(until).await?;
        let ours = numbers.into_iter().filter(|found| found.is(e164, tag));
        ours.map(|found| number(found, answer.doubt)).collect()
    }

    /// The request that makes a number known, and what of it is secret.
    fn connection<'a>(
        &self,
        order: &'a ConnectOrder,
    ) -> Result<(RequestBuilder, Option<&'a SecretString>), ProviderError> {
        let request = self.api.request(Method::POST, NUMBERS)?;
        let (phone_number, label, agent_id) = (order.e164.as_str(), &*order.tag, &*order.platform_agent_id);
        Ok(match &order.access {
            Access::Carrier { account_sid: sid, auth_token } => {
                let provider = Provider::Twilio.as_str();
                let token = auth_token.expose_secret();
                let body = TakenOver { provider, phone_number, label, agent_id, sid, token, enable_sms: false };
                (request.json(&body), Some(auth_token))
            }
            Access::Trunk(trunk) => {
                let provider = Provider::SipTrunk.as_str();
                let credentials = trunk
                    .credentials
                    .as_ref()
                    .map(|(username, password)| Credentials { username, password: password.expose_secret() });
                let (address, transport) = (trunk.address(), trunk.transport.map(Transport::as_str));
                let outbound_trunk_config = Outbound { address, transport, credentials };
                let body = Trunked { provider, phone_number, label, agent_id, outbound_trunk_config };
                (request.json(&body), trunk.credentials.as_ref().map(|(_, password)| password))
            }
            Access::Dial(_) => return Err(self.api.rejected("a number has no address to dial")),
        })
    }
}

fn number(found: Number, doubt: ProviderErrorKind) -> Result<PlatformNumber, ProviderError> {
    found.number().map_err(|field| without(field, doubt))
}

fn without(field: &str, doubt: ProviderErrorKind) -> ProviderError {
    ProviderError::new(doubt, format!("ElevenLabs answered without a usable {field}"))
}

#[async_trait]
impl VoicePlatform for ElevenLabs {
    async fn agent_create(&self, name: &str, language: Option<&str>, reference: &str) -> Result<String, ProviderError> {
        let request = self.api.request(Method::POST, "/v1/convai/agents/create")?;
        let request = request.json(&NewAgent::new(name, language, reference));
        let answer = self.api.answer(request, self.api.deadline()).await.map_err(collection_not_found)?;
        let made: AgentMade = self.api.read(&answer)?;
        if made.agent_id.is_empty() { Err(without("agent_id", answer.doubt)) } else { Ok(made.agent_id) }
    }

    /// ElevenLabs searches names only, so the agents' tags are looked through, from the newest back.
    async fn agent_find(&self, reference: &str) -> Result<Option<String>, ProviderError> {
        let until = self.api.deadline();
        let mut cursor: Option<String> = None;
        for _ in 0..AGENTS_PAGES_MAX {
            let mut query = vec![
                ("page_size", AGENTS_PAGE_SIZE.to_string()),
                ("sort_by", "created_at".to_owned()),
                ("sort_direction", "desc".to_owned()),
            ];
            query.extend(cursor.take().map(|cursor| ("cursor", cursor)));
            let request = self.api.request(Method::GET, AGENTS)?.query(&query);
            let answer = self.api.answer(request, until).await.map_err(collection_not_found)?;
            let page: AgentPage = self.api.read(&answer)?;
            // Made in one second, the last is the oldest.
            let ours = page.agents.iter().rev().filter(|agent| agent.has_reference(reference));
            if let Some(found) = ours.min_by_key(|agent| agent.created_at_unix_secs) {
                return Ok(Some(found.agent_id.clone()));
            }
            match page.next().map_err(|field| without(field, answer.doubt))? {
                Some(next) => cursor = Some(next.to_owned()),
                None => return Ok(None),
            }
        }
        Err(self.api.too_many("agents"))
    }

    async fn agent_exists(&self, id: &str) -> Result<bool, ProviderError> {
        // The id is a tenant's word. One that cannot be an id, by our rule or by ElevenLabs', names nothing.
        let Ok(path) = self.api.one(AGENTS, id) else {
            return Ok(false);
        };
        let found: Option<AgentMade> = self.api.there(&path).await?;
        Ok(found.is_some_and(|found| found.agent_id == id))
    }

    async fn agent_delete(&self, id: &str) -> Result<(), ProviderError> {
        self.api.delete(&self.api.one(AGENTS, id)?).await
    }

    /// By number and label. ElevenLabs does not say when a number was made known, so "oldest first" cannot be had: they are
    /// in the order of their ids, which at least is the same every time.
    async fn number_find(&self, e164: &E164, tag: &str) -> Result<Vec<PlatformNumber>, ProviderError> {
        let mut found = self.known_as(e164, tag, self.api.deadline()).await?;
        found.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(found)
    }

    /// Nothing is made besides the number.
    async fn number_clear(&self, _: domain::agent::Method, _: &str) -> Result<(), ProviderError> {
        Ok(())
    }

    async fn number_get(&self, id: &str) -> Result<PlatformNumber, ProviderError> {
        let (found, answer) = self.number(id, self.api.deadline()).await?;
        number(found, answer.doubt)
    }

    /// All of them are one page, however many there are; a list too large to be read is an error.
    async fn number_list(&self, after: Option<&str>) -> Result<Page<PlatformNumber>, ProviderError> {
        if after.is_some() {
            return Err(self.api.rejected("not a page of numbers"));
        }
        let (numbers, _) = self.numbers(self.api.deadline()).await?;
        let all = numbers.len();
        let items: Vec<_> = numbers.into_iter().filter_map(|found| found.number().ok()).collect();
        Ok(Page { others: all - items.len(), items, next: None })
    }

    /// The creation answers an id and nothing else. Once it is known the number exists, so what cannot be read of it after
    /// that is taken from the order: a success stays one.
    async fn number_connect(&self, order: &ConnectOrder) -> Result<PlatformNumber, ProviderError> {
        let until = self.api.deadline();
        let (request, secret) = self.connection(order)?;
        let answer = self.api.exchange(request, until).await?;
        if answer.status.is_success() {
            let made: NumberMade = self.api.read(&answer)?;
            let id = made.phone_number_id;
            if id.is_empty() {
                return Err(without("phone_number_id", answer.doubt));
            }
            let found = self.number(&id, until).await.and_then(|(found, answer)| number(found, answer.doubt));
            return Ok(found.ok().filter(|found| found.id == id).unwrap_or_else(|| PlatformNumber {
                id,
                tag: order.tag.clone(),
                e164: Some(order.e164.clone()),
                sip_uri: None,
                platform_agent_id: Some(order.platform_agent_id.clone()),
                created_at: None,
            }));
        }
        let secrets: Vec<&SecretString> = secret.into_iter().collect();
        let refused = named_not_found(self.api.refused(&answer, &secrets));
        let ProviderErrorKind::Rejected(_) = refused.kind else {
            return Err(refused);
        };
        // How a number that is known already is refused is not published. Nobody else uses our label, so a number that has
        // it was most likely made by an earlier attempt whose answer was lost. In doubt the caller looks for it and adopts
        // it; "rejected" would leave it behind.
        let known = self.known_as(&order.e164, &order.tag, until).await;
        let doubtful = known.map_or(true, |found| !found.is_empty());
        Err(if doubtful { ProviderError { kind: answer.doubt, ..refused } } else { refused })
    }

    async fn number_bind(
        &self,
        id: &str,
        _: domain::agent::Method,
        platform_agent_id: Option<&str>,
    ) -> Result<PlatformNumber, ProviderError> {
        let until = self.api.deadline();
        let request = self
            .api
            .request(Method::PATCH, &self.api.one(NUMBERS, id)?)?
            .json(&Binding { agent_id: platform_agent_id });
        let answer = match self.api.answer(request, until).await {
            Ok(answer) => answer,
            // Number or agent; only the number's absence is what the caller is to hear of as such.
            Err(error) if error.kind == ProviderErrorKind::NotFound => {
                return Err(self.number(id, until).await.map_or_else(|gone| gone, |_| named_not_found(error)));
            }
            Err(error) => return Err(error),
        };
        let bound = number(self.api.read(&answer)?, answer.doubt)?;
        if bound.platform_agent_id.as_deref() == platform_agent_id {
            Ok(bound)
        } else {
            Err(ProviderError::new(answer.doubt, "ElevenLabs answered a binding with another agent"))
        }
    }

    async fn call_register(&self, order: &CallOrder) -> Result<HandedOver, ProviderError> {
        let request = self.api.request(Method::POST, "/v1/convai/twilio/register-call")?.json(&Registration {
            agent_id: &order.platform_agent_id,
            from_number: &order.from,
            to_number: &order.to,
            direction: if order.outgoing { "outbound" } else { "inbound" },
            conversation_initiation_client_data: ClientData::new(wire::HANDED_OVER, &order.reference),
        });
        let answer = self.api.answer(request, self.api.deadline()).await.map_err(named_not_found)?;
        let document = wire::document(&answer.body).ok_or_else(|| self.api.unreadable(&answer))?;
        Ok(HandedOver::Document(document.to_owned()))
    }

    /// Which way a call goes out depends on the number, so that is looked up first.
    async fn call_create(&self, order: &CallOrder) -> Result<PlatformCall, ProviderError> {
        let until = self.api.deadline();
        let id = order.platform_number_id.as_deref().ok_or_else(|| self.api.rejected("a call needs a number"))?;
        let (known, _) = self.number(id, until).await.map_err(named_not_found)?;
        let path = match known.provider().ok_or_else(|| self.api.rejected("no call comes from such a number"))? {
            Provider::Twilio => "/v1/convai/twilio/outbound-call",
            Provider::SipTrunk => "/v1/convai/sip-trunk/outbound-call",
        };
        let request = self.api.request(Method::POST, path)?.json(&NewCall {
            agent_id: &order.platform_agent_id,
            agent_phone_number_id: id,
            to_number: &order.to,
            conversation_initiation_client_data: ClientData::new(wire::CALL, &order.reference),
        });
        let answer = self.api.answer(request, until).await.map_err(named_not_found)?;
        let made: CallMade = self.api.read(&answer)?;
        if !made.success {
            return Err(self.api.said(ProviderErrorKind::Rejected(Reason::Other), &made.message, &[]));
        }
        let id = made.conversation_id.filter(|id| !id.is_empty());
        let id = id.ok_or_else(|| without("conversation_id", answer.doubt))?;
        Ok(PlatformCall { id, status: CallStatus::Queued })
    }

    async fn number_remove(&self, id: &str) -> Result<(), ProviderError> {
        self.api.delete(&self.api.one(NUMBERS, id)?).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elevenlabs(api_key: &str) -> ElevenLabs {
        ElevenLabs::new(ElevenLabsConfig {
            api_key: SecretString::from(api_key),
            base_url: "http://127.0.0.1:9".to_owned(),
        })
    }

    #[test]
    fn a_refusal_keeps_key_and_token_to_itself() {
        let body = br#"{"detail":{"status":"s","message":"token hunter22 of +12025550123, key the-key"}}"#.to_vec();
        let headers = reqwest::header::HeaderMap::new();
        let answer =
            Answer { status: reqwest::StatusCode::BAD_REQUEST, headers, body, doubt: ProviderErrorKind::Unknown };
        let error = elevenlabs("the-key").api.refused(&answer, &[&SecretString::from("hunter22")]);
        assert_eq!(error.detail, "ElevenLabs 400: token … of …0123, key …");
        let client = elevenlabs("the-key");
        assert!(!format!("{client:?}").contains("the-key"));
        assert!(!format!("{:?}", client.api.request(Method::GET, NUMBERS).unwrap()).contains("the-key"));
    }

    #[tokio::test]
    async fn an_id_that_is_none_is_not_asked_for() {
        let client = elevenlabs("the-key");
        for id in ["", "..", "a/b", "a?b"] {
            let refused =
                |error: ProviderError| assert_eq!(error.kind, ProviderErrorKind::Rejected(Reason::Other), "{id}");
            refused(client.number_get(id).await.unwrap_err());
            refused(client.number_bind(id, domain::agent::Method::Trunk, Some("agent_1")).await.unwrap_err());
            refused(client.number_remove(id).await.unwrap_err());
            refused(client.agent_delete(id).await.unwrap_err());
            assert_eq!(client.agent_exists(id).await, Ok(false), "{id}");
        }
    }

    #[tokio::test]
    async fn a_key_that_cannot_be_sent_is_a_wrong_one() {
        let error = elevenlabs("a\nkey").agent_exists("agent_1").await.unwrap_err();
        assert_eq!(error.kind, ProviderErrorKind::Misconfigured);
    }
}
