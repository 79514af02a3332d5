//! Which request is which. The paths are verbs, some of a second version, some not.

use http::{Method, StatusCode};

use super::refusal::Refusal;
use super::{API_KEY, Workspace, agents, calls, numbers};
use crate::book::Book;
use crate::gate::ThirdParty;
use crate::server::{Answer, Call};

#[derive(Debug, PartialEq, Eq)]
enum Route {
    NumberImport,
    NumberGet(String),
    NumberList,
    NumberListAll,
    NumberUpdate(String),
    NumberDelete(String),
    AgentCreate,
    AgentGet(String),
    AgentList,
    AgentUpdate(String),
    AgentDelete(String),
    CallCreate,
    CallRegister,
    CallGet(String),
    CallStop(String),
    Unknown,
}

impl ThirdParty for Workspace {
    const NAME: &'static str = "retell";

    fn operation(call: &Call) -> &'static str {
        match route(call) {
            Route::NumberImport => "numbers.create",
            Route::NumberGet(_) => "numbers.get",
            Route::NumberList | Route::NumberListAll => "numbers.list",
            Route::NumberUpdate(_) => "numbers.update",
            Route::NumberDelete(_) => "numbers.delete",
            Route::AgentCreate => "agents.create",
            Route::AgentGet(_) => "agents.get",
            Route::AgentList => "agents.list",
            Route::AgentUpdate(_) => "agents.update",
            Route::AgentDelete(_) => "agents.delete",
            Route::CallCreate => "calls.create",
            Route::CallRegister => "calls.register",
            Route::CallGet(_) => "calls.get",
            Route::CallStop(_) => "calls.stop",
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
        if call.bearer() != Some(API_KEY) {
            return Err(Refusal::usual(StatusCode::UNAUTHORIZED));
        }
        match route(call) {
            Route::NumberImport => numbers::import(self, call),
            Route::NumberGet(number) => numbers::get(self, &number),
            Route::NumberList => numbers::list(self, call),
            Route::NumberListAll => Ok(numbers::list_all(self)),
            Route::NumberUpdate(number) => numbers::update(self, call, &number),
            Route::NumberDelete(number) => numbers::delete(self, &number),
            Route::AgentCreate => agents::create(self, call),
            Route::AgentGet(id) => agents::get(self, &id),
            Route::AgentList => agents::list(self, call),
            Route::AgentUpdate(id) => agents::update(self, call, &id),
            Route::AgentDelete(id) => agents::delete(self, &id),
            Route::CallCreate => calls::create(self, call),
            Route::CallRegister => calls::register(self, call),
            Route::CallGet(id) => calls::get(self, &id),
            Route::CallStop(id) => calls::stop(self, &id),
            Route::Unknown => Err(Refusal::usual(StatusCode::NOT_FOUND)),
        }
    }
}

fn route(call: &Call) -> Route {
    // A plus sign in a path has to be escaped: unescaped it arrives as a space, and names nothing.
    let path = Call { path: call.path.replace('+', "%20"), ..call.clone() };
    let segments = path.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match (&call.method, segments.as_slice()) {
        (&Method::POST, ["import-phone-number"]) => Route::NumberImport,
        (&Method::GET, ["get-phone-number", number]) => Route::NumberGet((*number).to_owned()),
        (&Method::GET, ["v2", "list-phone-numbers"]) => Route::NumberList,
        (&Method::GET, ["list-phone-numbers"]) => Route::NumberListAll,
        (&Method::PATCH, ["update-phone-number", number]) => Route::NumberUpdate((*number).to_owned()),
        (&Method::DELETE, ["delete-phone-number", number]) => Route::NumberDelete((*number).to_owned()),
        (&Method::POST, ["create-agent"]) => Route::AgentCreate,
        (&Method::GET, ["get-agent", id]) => Route::AgentGet((*id).to_owned()),
        (&Method::POST, ["v2", "list-agents"]) => Route::AgentList,
        (&Method::PATCH, ["update-agent", id]) => Route::AgentUpdate((*id).to_owned()),
        (&Method::DELETE, ["delete-agent", id]) => Route::AgentDelete((*id).to_owned()),
        (&Method::POST, ["v2", "create-phone-call"]) => Route::CallCreate,
        (&Method::POST, ["v2", "register-phone-call"]) => Route::CallRegister,
        (&Method::GET, ["v2", "get-call", id]) => Route::CallGet((*id).to_owned()),
        (&Method::POST, ["v2", "stop-call", id]) => Route::CallStop((*id).to_owned()),
        _ => Route::Unknown,
    }
}
