//! Which request is which.

use http::{Method, StatusCode};

use super::numbers::Provider;
use super::refusal::Refusal;
use super::{API_KEY, Workspace, agents, arrivals, calls, conversations, numbers, webhooks};
use crate::book::Book;
use crate::gate::ThirdParty;
use crate::server::{Answer, Call};

#[derive(Debug, PartialEq, Eq)]
enum Route {
    NumberCreate,
    NumberList,
    NumberGet(String),
    NumberUpdate(String),
    NumberDelete(String),
    AgentCreate,
    AgentList,
    AgentGet(String),
    AgentUpdate(String),
    AgentDelete(String),
    CallCreate(Provider),
    CallRegister,
    CallFromTwilio,
    ConversationGet(String),
    WebhookCreate,
    WebhookList,
    WebhookUpdate(String),
    WebhookDelete(String),
    Unknown,
}

impl ThirdParty for Workspace {
    const NAME: &'static str = "elevenlabs";

    fn operation(call: &Call) -> &'static str {
        match route(call) {
            Route::NumberCreate => "numbers.create",
            Route::NumberList => "numbers.list",
            Route::NumberGet(_) => "numbers.get",
            Route::NumberUpdate(_) => "numbers.update",
            Route::NumberDelete(_) => "numbers.delete",
            Route::AgentCreate => "agents.create",
            Route::AgentList => "agents.list",
            Route::AgentGet(_) => "agents.get",
            Route::AgentUpdate(_) => "agents.update",
            Route::AgentDelete(_) => "agents.delete",
            Route::CallCreate(_) => "calls.create",
            Route::CallRegister => "calls.register",
            Route::CallFromTwilio => "calls.arrive",
            Route::ConversationGet(_) => "calls.get",
            Route::WebhookCreate => "webhooks.create",
            Route::WebhookList => "webhooks.list",
            Route::WebhookUpdate(_) => "webhooks.update",
            Route::WebhookDelete(_) => "webhooks.delete",
            Route::Unknown => "unknown",
        }
    }

    fn answer(&mut self, call: &Call) -> Answer {
        self.dispatch(call).unwrap_or_else(|refusal| refusal.answer())
    }

    fn refusal(status: StatusCode, code: Option<&str>) -> Answer {
        Refusal::injected(status, code).answer()
    }

    fn book(&mut self) -> &mut Book {
        &mut self.book
    }
}

impl Workspace {
    fn dispatch(&mut self, call: &Call) -> Result<Answer, Refusal> {
        let route = route(call);
        // Twilio knows no key of ours.
        let keyless = matches!(route, Route::CallFromTwilio | Route::Unknown);
        if !keyless && call.headers.get("xi-api-key").is_none_or(|key| key != API_KEY) {
            return Err(Refusal::unauthenticated());
        }
        match route {
            Route::NumberCreate => numbers::create(self, call),
            Route::NumberList => numbers::list(self, call),
            Route::NumberGet(id) => numbers::get(self, &id),
            Route::NumberUpdate(id) => numbers::update(self, call, &id),
            Route::NumberDelete(id) => numbers::delete(self, &id),
            Route::AgentCreate => agents::create(self, call),
            Route::AgentList => agents::list(self, call),
            Route::AgentGet(id) => agents::get(self, &id),
            Route::AgentUpdate(id) => agents::update(self, call, &id),
            Route::AgentDelete(id) => agents::delete(self, &id),
            Route::CallCreate(provider) => calls::create(self, call, provider),
            Route::CallRegister => calls::register(self, call),
            Route::CallFromTwilio => arrivals::from_twilio(self, call),
            Route::ConversationGet(id) => conversations::get(self, &id),
            Route::WebhookCreate => webhooks::create(self, call),
            Route::WebhookList => Ok(webhooks::list(self)),
            Route::WebhookUpdate(id) => webhooks::update(self, call, &id),
            Route::WebhookDelete(id) => webhooks::delete(self, &id),
            Route::Unknown => Err(Refusal::no_route()),
        }
    }
}

fn route(call: &Call) -> Route {
    let segments = call.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let id = |id: &str| id.to_owned();
    match (&call.method, segments.as_slice()) {
        (&Method::POST, ["v1", "convai", "phone-numbers"]) => Route::NumberCreate,
        (&Method::GET, ["v1", "convai", "phone-numbers"]) => Route::NumberList,
        (&Method::GET, ["v1", "convai", "phone-numbers", it]) => Route::NumberGet(id(it)),
        (&Method::PATCH, ["v1", "convai", "phone-numbers", it]) => Route::NumberUpdate(id(it)),
        (&Method::DELETE, ["v1", "convai", "phone-numbers", it]) => Route::NumberDelete(id(it)),
        (&Method::POST, ["v1", "convai", "agents", "create"]) => Route::AgentCreate,
        (&Method::GET, ["v1", "convai", "agents"]) => Route::AgentList,
        (&Method::GET, ["v1", "convai", "agents", it]) => Route::AgentGet(id(it)),
        (&Method::PATCH, ["v1", "convai", "agents", it]) => Route::AgentUpdate(id(it)),
        (&Method::DELETE, ["v1", "convai", "agents", it]) => Route::AgentDelete(id(it)),
        (&Method::POST, ["v1", "convai", "twilio", "outbound-call"]) => Route::CallCreate(Provider::Twilio),
        (&Method::POST, ["v1", "convai", "sip-trunk", "outbound-call"]) => Route::CallCreate(Provider::SipTrunk),
        (&Method::POST, ["v1", "convai", "twilio", "register-call"]) => Route::CallRegister,
        (&Method::POST, ["twilio", "inbound_call"]) => Route::CallFromTwilio,
        (&Method::GET, ["v1", "convai", "conversations", it]) => Route::ConversationGet(id(it)),
        (&Method::POST, ["v1", "workspace", "webhooks"]) => Route::WebhookCreate,
        (&Method::GET, ["v1", "workspace", "webhooks"]) => Route::WebhookList,
        (&Method::PATCH, ["v1", "workspace", "webhooks", it]) => Route::WebhookUpdate(id(it)),
        (&Method::DELETE, ["v1", "workspace", "webhooks", it]) => Route::WebhookDelete(id(it)),
        _ => Route::Unknown,
    }
}
