//! Which request is which: paths and methods of Twilio's four hosts, and who may ask.
//!
//! The trunking host has trunks, the numbers host bundles, the pricing host what numbers cost.

use http::{Method, StatusCode};

use super::account::Account;
use super::form::Form;
use super::refusal::Refusal;
use super::search::SUBRESOURCES;
use super::{
    ACCOUNT_SID, AUTH_TOKEN, TEST_ACCOUNT_SID, TEST_AUTH_TOKEN, addresses, bundles, call, magic, numbers, outgoing,
    prices, search, trunks,
};
use crate::book::Book;
use crate::gate::ThirdParty;
use crate::server::{Answer, Call};
use crate::stock::NumberType;

/// A request of v2010, below the account.
#[derive(Debug, PartialEq, Eq)]
enum Route {
    Countries,
    Country(String),
    Search(String, NumberType),
    List(Option<NumberType>),
    Create(Option<NumberType>),
    Get(String),
    Update(String),
    Delete(String),
    AddressList,
    AddressCreate,
    AddressGet(String),
    BundleCreate,
    BundleGet(String),
    BundleUpdate(String),
    CallCreate,
    CallGet(String),
    AccountGet,
    Prices(String),
    TrunkList,
    TrunkCreate,
    TrunkGet(String),
    UrlList(String),
    UrlAdd(String),
    TrunkNumbers(String),
    TrunkAttach(String),
    TrunkDetach(String, String),
    WrongMethod,
    Unknown,
}

impl ThirdParty for Account {
    const NAME: &'static str = "twilio";

    fn operation(call: &Call) -> &'static str {
        match route(call).1 {
            Route::Countries | Route::Country(_) | Route::Search(..) => "numbers.search",
            Route::List(_) => "numbers.list",
            Route::Create(_) => "numbers.create",
            Route::Get(_) => "numbers.get",
            Route::Update(_) => updated(call),
            Route::Delete(_) => "numbers.delete",
            Route::AddressList => "addresses.list",
            Route::AddressCreate => "addresses.create",
            Route::AddressGet(_) => "addresses.get",
            Route::BundleCreate => "bundles.create",
            Route::BundleGet(_) => "bundles.get",
            Route::BundleUpdate(_) => "bundles.update",
            Route::CallCreate => "calls.create",
            Route::CallGet(_) => "calls.get",
            Route::AccountGet => "accounts.get",
            Route::Prices(_) => "prices.get",
            Route::TrunkList => "trunks.list",
            Route::TrunkCreate => "trunks.create",
            Route::TrunkGet(_) => "trunks.get",
            Route::UrlList(_) | Route::UrlAdd(_) => "trunks.urls",
            Route::TrunkNumbers(_) => "trunks.numbers",
            Route::TrunkAttach(_) => "trunks.attach",
            Route::TrunkDetach(..) => "trunks.detach",
            Route::WrongMethod | Route::Unknown => "unknown",
        }
    }

    fn answer(&mut self, call: &Call) -> Answer {
        match self.dispatch(call) {
            Ok(answer) => answer,
            Err(refusal) if call.host == "api" && !call.path.ends_with(".json") => refusal.xml(),
            Err(refusal) => refusal.answer(),
        }
    }

    fn refusal(status: StatusCode, code: Option<&str>) -> Answer {
        Refusal::injected(status, code).answer()
    }

    fn book(&mut self) -> &mut Book {
        &mut self.book
    }
}

impl Account {
    fn dispatch(&mut self, call: &Call) -> Result<Answer, Refusal> {
        let test = is_test(call)?;
        let (account, route) = route(call);
        let own = if test { TEST_ACCOUNT_SID } else { ACCOUNT_SID };
        // Another account is as invisible as one that does not exist.
        if account.is_some_and(|account| account != own) {
            return Err(Refusal::not_found(&call.path));
        }
        if test {
            return match route {
                Route::Create(_) => magic::create(call, self.book.now()),
                _ => Err(magic::forbidden()),
            };
        }
        match route {
            Route::Countries => Ok(search::countries(self)),
            Route::Country(code) => search::country(self, call, &code),
            Route::Search(code, kind) => search::search(self, call, &code, kind),
            Route::List(kind) => numbers::list(self, call, kind),
            Route::Create(kind) => numbers::create(self, call, kind),
            Route::Get(sid) => numbers::get(self, call, &sid),
            Route::Update(sid) => numbers::update(self, call, &sid),
            Route::Delete(sid) => numbers::delete(self, call, &sid),
            Route::AddressList => addresses::list(self, call),
            Route::AddressCreate => addresses::create(self, call),
            Route::AddressGet(sid) => addresses::get(self, call, &sid),
            Route::BundleCreate => bundles::create(self, call),
            Route::BundleGet(sid) => bundles::get(self, call, &sid),
            Route::BundleUpdate(sid) => bundles::update(self, call, &sid),
            Route::CallCreate => outgoing::create(self, call),
            Route::CallGet(sid) => call::get(self, call, &sid),
            Route::AccountGet => Ok(self.wire()),
            Route::Prices(code) => prices::country(self, call, &code),
            Route::TrunkList => trunks::list(self, call),
            Route::TrunkCreate => trunks::create(self, call),
            Route::TrunkGet(sid) => trunks::get(self, call, &sid),
            Route::UrlList(sid) => trunks::list_urls(self, call, &sid),
            Route::UrlAdd(sid) => trunks::add_url(self, call, &sid),
            Route::TrunkNumbers(sid) => trunks::list_numbers(self, call, &sid),
            Route::TrunkAttach(sid) => trunks::attach(self, call, &sid),
            Route::TrunkDetach(sid, number) => trunks::detach(self, call, &sid, &number),
            Route::WrongMethod => Err(Refusal::new(20004, "Method not allowed")),
            Route::Unknown => Err(Refusal::not_found(&call.path)),
        }
    }
}

/// A change of a number is one of its trunk when it says anything about the trunk.
fn updated(call: &Call) -> &'static str {
    match Form::of_body(call).ok().as_ref().and_then(|form| form.get("TrunkSid")) {
        None => "numbers.update",
        Some("") => "trunks.detach",
        Some(_) => "trunks.attach",
    }
}

/// Whether the credentials are the test ones; refused when they are nobody's.
fn is_test(call: &Call) -> Result<bool, Refusal> {
    let (user, password) = call.basic().ok_or_else(Refusal::unauthenticated)?;
    match (user.as_str(), password.as_str()) {
        (ACCOUNT_SID, AUTH_TOKEN) => Ok(false),
        (TEST_ACCOUNT_SID, TEST_AUTH_TOKEN) => Ok(true),
        _ => Err(Refusal::unauthenticated()),
    }
}

/// The account in the path, and what is asked of it.
fn route(call: &Call) -> (Option<String>, Route) {
    let segments = call.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match (call.host, segments.as_slice()) {
        ("api", ["2010-04-01", "Accounts", account]) if account.ends_with(".json") => {
            let account = account.trim_end_matches(".json");
            (Some(account.to_owned()), only(&call.method, &Method::GET, Route::AccountGet))
        }
        ("api", ["2010-04-01", "Accounts", account, rest @ ..]) => {
            (Some((*account).to_owned()), below_account(&call.method, rest))
        }
        ("trunking", ["v1", "Trunks", rest @ ..]) => (None, below_trunks(&call.method, rest)),
        ("numbers", ["v2", "RegulatoryCompliance", "Bundles"]) => {
            (None, only(&call.method, &Method::POST, Route::BundleCreate))
        }
        ("numbers", ["v2", "RegulatoryCompliance", "Bundles", sid]) => {
            let (get, update) = (Route::BundleGet((*sid).to_owned()), Route::BundleUpdate((*sid).to_owned()));
            (None, list_or_create(&call.method, get, update))
        }
        ("pricing", ["v1", "PhoneNumbers", "Countries", code]) => {
            (None, only(&call.method, &Method::GET, Route::Prices((*code).to_owned())))
        }
        _ => (None, Route::Unknown),
    }
}

fn below_trunks(method: &Method, path: &[&str]) -> Route {
    match path {
        [] => list_or_create(method, Route::TrunkList, Route::TrunkCreate),
        [sid] => only(method, &Method::GET, Route::TrunkGet((*sid).to_owned())),
        [sid, "OriginationUrls"] => {
            list_or_create(method, Route::UrlList((*sid).to_owned()), Route::UrlAdd((*sid).to_owned()))
        }
        [sid, "PhoneNumbers"] => {
            list_or_create(method, Route::TrunkNumbers((*sid).to_owned()), Route::TrunkAttach((*sid).to_owned()))
        }
        [sid, "PhoneNumbers", number] => {
            only(method, &Method::DELETE, Route::TrunkDetach((*sid).to_owned(), (*number).to_owned()))
        }
        _ => Route::Unknown,
    }
}

fn below_account(method: &Method, path: &[&str]) -> Route {
    let Some((last, before)) = path.split_last() else { return Route::Unknown };
    let Some(last) = last.strip_suffix(".json") else { return Route::Unknown };
    match (before, last) {
        ([], "AvailablePhoneNumbers") => only(method, &Method::GET, Route::Countries),
        (["AvailablePhoneNumbers"], code) => only(method, &Method::GET, Route::Country(code.to_owned())),
        (["AvailablePhoneNumbers", code], name) => match subresource(name) {
            Some(kind) => only(method, &Method::GET, Route::Search((*code).to_owned(), kind)),
            None => Route::Unknown,
        },
        ([], "IncomingPhoneNumbers") => list_or_create(method, Route::List(None), Route::Create(None)),
        (["IncomingPhoneNumbers"], name) => match subresource(name) {
            Some(kind) => list_or_create(method, Route::List(Some(kind)), Route::Create(Some(kind))),
            None => one_number(method, name),
        },
        ([], "Addresses") => list_or_create(method, Route::AddressList, Route::AddressCreate),
        (["Addresses"], sid) => only(method, &Method::GET, Route::AddressGet(sid.to_owned())),
        ([], "Calls") => only(method, &Method::POST, Route::CallCreate),
        (["Calls"], sid) => only(method, &Method::GET, Route::CallGet(sid.to_owned())),
        _ => Route::Unknown,
    }
}

fn subresource(name: &str) -> Option<NumberType> {
    SUBRESOURCES.iter().find(|(_, listed, _)| *listed == name).map(|(kind, _, _)| *kind)
}

fn one_number(method: &Method, sid: &str) -> Route {
    match *method {
        Method::GET => Route::Get(sid.to_owned()),
        Method::POST => Route::Update(sid.to_owned()),
        Method::DELETE => Route::Delete(sid.to_owned()),
        _ => Route::WrongMethod,
    }
}

fn list_or_create(method: &Method, list: Route, create: Route) -> Route {
    match *method {
        Method::GET => list,
        Method::POST => create,
        _ => Route::WrongMethod,
    }
}

fn only(method: &Method, allowed: &Method, route: Route) -> Route {
    if method == allowed { route } else { Route::WrongMethod }
}
