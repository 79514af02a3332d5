//! Which request is which, and what every answer has in common.

use http::{HeaderValue, Method, StatusCode};
use serde_json::Value;

use super::account::Account;
use super::events::API_VERSION;
use super::form::Form;
use super::refusal::Refusal;
use super::table::{ONE, Object as _};
use super::{API_KEY, customers, events, idempotency, items, payments, prices, refunds, sessions, subscriptions};
use crate::book::Book;
use crate::gate::ThirdParty;
use crate::server::{self, Answer, Call};

#[derive(Debug, PartialEq, Eq)]
enum Route {
    CustomerCreate,
    CustomerList,
    CustomerGet(String),
    CustomerUpdate(String),
    SessionCreate,
    SessionGet(String),
    SessionExpire(String),
    PaymentCreate,
    PaymentList,
    PaymentGet(String),
    MethodGet(String),
    ChargeGet(String),
    RefundCreate,
    RefundList,
    RefundGet(String),
    DisputeGet(String),
    PriceCreate,
    PriceList,
    PriceGet(String),
    SubscriptionCreate,
    SubscriptionGet(String),
    SubscriptionDelete(String),
    ItemCreate,
    ItemList,
    ItemGet(String),
    ItemUpdate(String),
    ItemDelete(String),
    EventList,
    EventGet(String),
    Unknown,
}

impl ThirdParty for Account {
    const NAME: &'static str = "stripe";

    fn operation(call: &Call) -> &'static str {
        match route(call) {
            Route::CustomerCreate => "customers.create",
            Route::CustomerList => "customers.list",
            Route::CustomerGet(_) => "customers.get",
            Route::CustomerUpdate(_) => "customers.update",
            Route::SessionCreate => "checkout.create",
            Route::SessionGet(_) => "checkout.get",
            Route::SessionExpire(_) => "checkout.expire",
            Route::PaymentCreate => "payments.create",
            Route::PaymentList => "payments.list",
            Route::PaymentGet(_) => "payments.get",
            Route::MethodGet(_) => "methods.get",
            Route::ChargeGet(_) => "charges.get",
            Route::RefundCreate => "refunds.create",
            Route::RefundList => "refunds.list",
            Route::RefundGet(_) => "refunds.get",
            Route::DisputeGet(_) => "disputes.get",
            Route::PriceCreate => "prices.create",
            Route::PriceList => "prices.list",
            Route::PriceGet(_) => "prices.get",
            Route::SubscriptionCreate => "subscriptions.create",
            Route::SubscriptionGet(_) => "subscriptions.get",
            Route::SubscriptionDelete(_) => "subscriptions.delete",
            Route::ItemCreate => "subscription_items.create",
            Route::ItemList => "subscription_items.list",
            Route::ItemGet(_) => "subscription_items.get",
            Route::ItemUpdate(_) => "subscription_items.update",
            Route::ItemDelete(_) => "subscription_items.delete",
            Route::EventList => "events.list",
            Route::EventGet(_) => "events.get",
            Route::Unknown => "unknown",
        }
    }

    fn answer(&mut self, call: &Call) -> Answer {
        self.catch_up();
        let request = self.request_id();
        self.origin = Some((request.clone(), idempotency::key(call)));
        let answer = self.keyed(call).unwrap_or_else(|refusal| refusal.answer());
        self.origin = None;
        with_headers(answer, &request, call)
    }

    fn refusal(status: StatusCode, code: Option<&str>) -> Answer {
        Refusal::injected(status, code).answer()
    }

    fn book(&mut self) -> &mut Book {
        &mut self.book
    }
}

impl Account {
    pub(super) fn request_id(&mut self) -> String {
        let seq = self.book.next("request");
        format!("req_{:014x}", self.book.bits("request", seq) >> 72)
    }

    fn keyed(&mut self, call: &Call) -> Result<Answer, Refusal> {
        if !is_authorized(call) {
            return Err(Refusal::unauthenticated());
        }
        let Some(key) = idempotency::key(call) else {
            return self.dispatch(call).map(|body| server::json(StatusCode::OK, &body));
        };
        if let Some(answer) = self.replayed(&key, call)? {
            return Ok(answer);
        }
        let (status, body) = match self.dispatch(call) {
            Ok(body) => (StatusCode::OK, body),
            Err(refusal) if refusal.had_begun() => (refusal.status, refusal.body()),
            Err(refusal) => return Err(refusal),
        };
        self.remember(&key, call, status, &body);
        Ok(server::json(status, &body))
    }

    fn dispatch(&mut self, call: &Call) -> Result<Value, Refusal> {
        match route(call) {
            Route::CustomerCreate => customers::create(self, call),
            Route::CustomerList => customers::list(self, call),
            Route::CustomerGet(id) => self.got(call, |account| Ok(account.customers.named(&id)?.wire())),
            Route::CustomerUpdate(id) => customers::update(self, call, &id),
            Route::SessionCreate => sessions::create(self, call),
            Route::SessionGet(id) => self.got(call, |account| Ok(account.sessions.named(&id)?.wire())),
            Route::SessionExpire(id) => sessions::expire(self, call, &id),
            Route::PaymentCreate => payments::create(self, call),
            Route::PaymentList => payments::list(self, call),
            Route::PaymentGet(id) => self.got(call, |account| Ok(account.intents.named(&id)?.wire())),
            Route::MethodGet(id) => self.got(call, |account| Ok(account.methods.named(&id)?.wire())),
            Route::ChargeGet(id) => self.got(call, |account| Ok(account.charges.named(&id)?.wire())),
            Route::RefundCreate => refunds::create(self, call),
            Route::RefundList => refunds::list(self, call),
            Route::RefundGet(id) => self.got(call, |account| Ok(account.refunds.named(&id)?.wire())),
            Route::DisputeGet(id) => self.got(call, |account| Ok(account.disputes.named(&id)?.wire())),
            Route::PriceCreate => prices::create(self, call),
            Route::PriceList => prices::list(self, call),
            Route::PriceGet(id) => self.got(call, |account| Ok(account.prices.named(&id)?.wire())),
            Route::SubscriptionCreate => subscriptions::create(self, call),
            Route::SubscriptionGet(id) => self.got(call, |account| Ok(account.subscriptions.named(&id)?.wire())),
            Route::SubscriptionDelete(id) => subscriptions::cancel(self, call, &id),
            Route::ItemCreate => items::create(self, call),
            Route::ItemList => items::list(self, call),
            Route::ItemGet(id) => self.got(call, |account| items::get(account, &id)),
            Route::ItemUpdate(id) => items::update(self, call, &id),
            Route::ItemDelete(id) => items::delete(self, call, &id),
            Route::EventList => events::list(self, call),
            Route::EventGet(id) => self.got(call, |account| events::get(account, &id)),
            Route::Unknown => Err(Refusal::no_route(call.method.as_str(), &call.path)),
        }
    }

    fn got(&self, call: &Call, find: impl Fn(&Self) -> Result<Value, Refusal>) -> Result<Value, Refusal> {
        let form = Form::of_query(call, ONE)?;
        self.expanded(find(self)?, &form)
    }
}

/// The secret key as a bearer token, or as the user of HTTP Basic without a password.
pub(super) fn is_authorized(call: &Call) -> bool {
    let basic = call.basic().filter(|(_, password)| password.is_empty());
    call.bearer() == Some(API_KEY) || basic.is_some_and(|(user, _)| user == API_KEY)
}

/// Any version asked for is answered, in the shapes of the one there is.
pub(super) fn with_headers(mut answer: Answer, request: &str, call: &Call) -> Answer {
    let version = call.headers.get("stripe-version").cloned();
    let headers = answer.headers_mut();
    headers.insert("stripe-version", version.unwrap_or(HeaderValue::from_static(API_VERSION)));
    if let Ok(id) = HeaderValue::from_str(request) {
        headers.insert("request-id", id);
    }
    answer
}

fn route(call: &Call) -> Route {
    let segments = call.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let id = |id: &str| id.to_owned();
    match (&call.method, segments.as_slice()) {
        (&Method::POST, ["v1", "customers"]) => Route::CustomerCreate,
        (&Method::GET, ["v1", "customers"]) => Route::CustomerList,
        (&Method::GET, ["v1", "customers", customer]) => Route::CustomerGet(id(customer)),
        (&Method::POST, ["v1", "customers", customer]) => Route::CustomerUpdate(id(customer)),
        (&Method::POST, ["v1", "checkout", "sessions"]) => Route::SessionCreate,
        (&Method::GET, ["v1", "checkout", "sessions", session]) => Route::SessionGet(id(session)),
        (&Method::POST, ["v1", "checkout", "sessions", session, "expire"]) => Route::SessionExpire(id(session)),
        (&Method::POST, ["v1", "payment_intents"]) => Route::PaymentCreate,
        (&Method::GET, ["v1", "payment_intents"]) => Route::PaymentList,
        (&Method::GET, ["v1", "payment_intents", intent]) => Route::PaymentGet(id(intent)),
        (&Method::GET, ["v1", "payment_methods", method]) => Route::MethodGet(id(method)),
        (&Method::GET, ["v1", "charges", charge]) => Route::ChargeGet(id(charge)),
        (&Method::POST, ["v1", "refunds"]) => Route::RefundCreate,
        (&Method::GET, ["v1", "refunds"]) => Route::RefundList,
        (&Method::GET, ["v1", "refunds", refund]) => Route::RefundGet(id(refund)),
        (&Method::GET, ["v1", "disputes", dispute]) => Route::DisputeGet(id(dispute)),
        (&Method::POST, ["v1", "prices"]) => Route::PriceCreate,
        (&Method::GET, ["v1", "prices"]) => Route::PriceList,
        (&Method::GET, ["v1", "prices", price]) => Route::PriceGet(id(price)),
        (&Method::POST, ["v1", "subscriptions"]) => Route::SubscriptionCreate,
        (&Method::GET, ["v1", "subscriptions", subscription]) => Route::SubscriptionGet(id(subscription)),
        (&Method::DELETE, ["v1", "subscriptions", subscription]) => Route::SubscriptionDelete(id(subscription)),
        (&Method::POST, ["v1", "subscription_items"]) => Route::ItemCreate,
        (&Method::GET, ["v1", "subscription_items"]) => Route::ItemList,
        (&Method::GET, ["v1", "subscription_items", item]) => Route::ItemGet(id(item)),
        (&Method::POST, ["v1", "subscription_items", item]) => Route::ItemUpdate(id(item)),
        (&Method::DELETE, ["v1", "subscription_items", item]) => Route::ItemDelete(id(item)),
        (&Method::GET, ["v1", "events"]) => Route::EventList,
        (&Method::GET, ["v1", "events", event]) => Route::EventGet(id(event)),
        _ => Route::Unknown,
    }
}
