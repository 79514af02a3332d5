//! Which request is which.

use http::{Method, StatusCode};

use super::refusal::Refusal;
use super::{API_KEY, Org, invite, numbers, others};
use crate::book::Book;
use crate::gate::ThirdParty;
use crate::server::{Answer, Call};

#[derive(Debug, PartialEq, Eq)]
enum Route {
    NumberCreate,
    NumberList,
    NumberSearch,
    NumberGet(String),
    NumberUpdate(String),
    NumberDelete(String),
    AssistantCreate,
    AssistantList,
    AssistantGet(String),
    AssistantUpdate(String),
    AssistantDelete(String),
    CredentialCreate,
    CredentialList,
    CredentialGet(String),
    CredentialDelete(String),
    CallCreate,
    CallList,
    CallGet(String),
    CallFromTwilio,
    Unknown,
}

impl ThirdParty for Org {
    const NAME: &'static str = "vapi";

    fn operation(call: &Call) -> &'static str {
        match route(call) {
            Route::NumberCreate => "numbers.create",
            Route::NumberList | Route::NumberSearch => "numbers.list",
            Route::NumberGet(_) => "numbers.get",
            Route::NumberUpdate(_) => "numbers.update",
            Route::NumberDelete(_) => "numbers.delete",
            Route::AssistantCreate => "agents.create",
            Route::AssistantList => "agents.list",
            Route::AssistantGet(_) => "agents.get",
            Route::AssistantUpdate(_) => "agents.update",
            Route::AssistantDelete(_) => "agents.delete",
            Route::CredentialCreate => "credentials.create",
            Route::CredentialList => "credentials.list",
            Route::CredentialGet(_) => "credentials.get",
            Route::CredentialDelete(_) => "credentials.delete",
            Route::CallCreate => "calls.create",
            Route::CallList => "calls.list",
            Route::CallGet(_) => "calls.get",
            Route::CallFromTwilio => "calls.arrive",
            Route::Unknown => "unknown",
        }
    }

    fn answer(&mut self, call: &Call) -> Answer {
        self.dispatch(call).unwrap_or_else(|refusal| refusal.answer())
    }

    fn refusal(status: StatusCode, code: Option<&str>) -> Answer {
        Refusal::new(status, code.or(status.canonical_reason()).unwrap_or("Error")).answer()
    }

    fn book(&mut self) -> &mut Book {
        &mut self.book
    }
}

impl Org {
    fn dispatch(&mut self, call: &Call) -> Result<Answer, Refusal> {
        let route = route(call);
        if route != Route::CallFromTwilio && call.bearer() != Some(API_KEY) {
            return Err(Refusal::unauthenticated());
        }
        match route {
            Route::NumberCreate => numbers::create(self, call),
            Route::NumberList => numbers::list(self, call),
            Route::NumberSearch => numbers::search(self, call),
            Route::NumberGet(id) => numbers::get(self, &id),
            Route::NumberUpdate(id) => numbers::update(self, call, &id),
            Route::NumberDelete(id) => numbers::delete(self, &id),
            Route::AssistantCreate => others::create_assistant(self, call),
            Route::AssistantList => others::list_assistants(self, call),
            Route::AssistantGet(id) => others::get_assistant(self, &id),
            Route::AssistantUpdate(id) => others::update_assistant(self, call, &id),
            Route::AssistantDelete(id) => others::delete_assistant(self, &id),
            Route::CredentialCreate => others::create_credential(self, call),
            Route::CredentialList => others::list_credentials(self, call),
            Route::CredentialGet(id) => others::get_credential(self, &id),
            Route::CredentialDelete(id) => others::delete_credential(self, &id),
            Route::CallCreate => others::create_call(self, call),
            Route::CallList => others::list_calls(self, call),
            Route::CallGet(id) => others::get_call(self, &id),
            Route::CallFromTwilio => invite::from_twilio(self, call),
            Route::Unknown => {
                let message = format!("Cannot {} {}", call.method, call.path);
                Err(Refusal::new(StatusCode::NOT_FOUND, &message))
            }
        }
    }
}

fn route(call: &Call) -> Route {
    let segments = call.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match (&call.method, segments.as_slice()) {
        (&Method::POST, ["phone-number"]) => Route::NumberCreate,
        (&Method::GET, ["phone-number"]) => Route::NumberList,
        (&Method::GET, ["v2", "phone-number"]) => Route::NumberSearch,
        (&Method::GET, ["phone-number", id]) => Route::NumberGet((*id).to_owned()),
        (&Method::PATCH, ["phone-number", id]) => Route::NumberUpdate((*id).to_owned()),
        (&Method::DELETE, ["phone-number", id]) => Route::NumberDelete((*id).to_owned()),
        (&Method::POST, ["assistant"]) => Route::AssistantCreate,
        (&Method::GET, ["assistant"]) => Route::AssistantList,
        (&Method::GET, ["assistant", id]) => Route::AssistantGet((*id).to_owned()),
        (&Method::PATCH, ["assistant", id]) => Route::AssistantUpdate((*id).to_owned()),
        (&Method::DELETE, ["assistant", id]) => Route::AssistantDelete((*id).to_owned()),
        (&Method::POST, ["credential"]) => Route::CredentialCreate,
        (&Method::GET, ["credential"]) => Route::CredentialList,
        (&Method::GET, ["credential", id]) => Route::CredentialGet((*id).to_owned()),
        (&Method::DELETE, ["credential", id]) => Route::CredentialDelete((*id).to_owned()),
        (&Method::POST, ["call"]) => Route::CallCreate,
        (&Method::GET, ["call"]) => Route::CallList,
        (&Method::GET, ["call", id]) => Route::CallGet((*id).to_owned()),
        (&Method::POST, ["twilio", "inbound_call"]) => Route::CallFromTwilio,
        _ => Route::Unknown,
    }
}
