//! Which request is which, and who may ask how often.

use http::{Method, StatusCode};
use jiff::SignedDuration;
use serde_json::{Map, Value};

use super::speech::{self, Said};
use super::{Manner, PASSWORD, Subscriber, USERCODE};
use crate::book::Book;
use crate::gate::ThirdParty;
use crate::server::{self, Answer, Call};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    ForSale,
    Owned,
    Buy,
    Status,
    Sip,
    Cancel,
    Balance,
    Unknown,
}

impl Route {
    fn operation(self) -> &'static str {
        match self {
            Self::ForSale => "numbers.search",
            Self::Owned => "numbers.list",
            Self::Buy => "numbers.create",
            Self::Status => "numbers.get",
            Self::Sip => "credentials.create",
            Self::Cancel => "numbers.delete",
            Self::Balance => "balance.get",
            Self::Unknown => "unknown",
        }
    }
}

impl ThirdParty for Subscriber {
    const NAME: &'static str = "netgsm";

    fn operation(call: &Call) -> &'static str {
        route(call).operation()
    }

    fn answer(&mut self, call: &Call) -> Answer {
        let route = route(call);
        if route == Route::Unknown {
            return server::answer(StatusCode::NOT_FOUND, "text/html", "<h1>404</h1>".to_owned());
        }
        let said = self.dispatch(route, call).unwrap_or_else(Said::Refused);
        said.answer(self.manner)
    }

    /// Netgsm itself has no status but 200; one that was asked for without a code is something in between.
    fn refusal(status: StatusCode, code: Option<&str>) -> Answer {
        match code {
            Some(code) => speech::refused(code, Manner::default()),
            None if status == StatusCode::TOO_MANY_REQUESTS => speech::refused(speech::TOO_OFTEN, Manner::default()),
            None => server::answer(status, "text/html", format!("<h1>{status}</h1>")),
        }
    }

    fn book(&mut self) -> &mut Book {
        &mut self.book
    }
}

impl Subscriber {
    fn dispatch(&mut self, route: Route, call: &Call) -> Result<Said, &'static str> {
        if route == Route::Balance {
            self.admit(route, &xml_fields(call)?)?;
            return Ok(Said::Bare(format!("{} {}", speech::DONE, speech::lira(self.balance_kurus))));
        }
        let body = body(call).ok_or(speech::WRONG)?;
        self.admit(route, &body)?;
        let text = |name: &str| body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        match route {
            Route::ForSale => Ok(self.for_sale(text("tip").ok_or(speech::WRONG)?, number(&body, "adet"))),
            Route::Owned => Ok(self.owned(number(&body, "sayfa"), number(&body, "adet"))),
            Route::Buy => self.buy(text("numara_id").ok_or(speech::WRONG)?, text("referans").unwrap_or_default()),
            Route::Status => match (text("numara_id"), text("referans")) {
                (Some(id), _) => self.status_of_number(id),
                (None, Some(referans)) => self.status_of_order(referans),
                (None, None) => Err(speech::WRONG),
            },
            Route::Sip => self.sip(text("numara_id").ok_or(speech::WRONG)?),
            Route::Cancel => self.cancel(text("numara_id").ok_or(speech::WRONG)?),
            Route::Balance | Route::Unknown => Err(speech::WRONG),
        }
    }

    /// The same code for a wrong password, a missing right and a wrong address. Who is let in may still ask too often.
    fn admit(&mut self, route: Route, fields: &Map<String, Value>) -> Result<(), &'static str> {
        let given = |name: &str| fields.get(name).and_then(Value::as_str);
        if self.manner.elsewhere || given("usercode") != Some(USERCODE) || given("password") != Some(PASSWORD) {
            return Err(speech::STRANGER);
        }
        let Some(per_minute) = self.manner.per_minute else { return Ok(()) };
        let now = self.book.now();
        let asked = self.asked.entry(route.operation()).or_default();
        asked.retain(|at| now.duration_since(*at) < SignedDuration::from_mins(1));
        if asked.len() >= per_minute {
            return Err(speech::TOO_OFTEN);
        }
        asked.push_back(now);
        Ok(())
    }
}

fn number(body: &Map<String, Value>, name: &str) -> Option<usize> {
    body.get(name).and_then(Value::as_u64).and_then(|number| usize::try_from(number).ok())
}

/// Credentials count in the body alone.
fn body(call: &Call) -> Option<Map<String, Value>> {
    serde_json::from_slice(&call.body).ok()
}

fn xml_fields(call: &Call) -> Result<Map<String, Value>, &'static str> {
    let text = std::str::from_utf8(&call.body).map_err(|_| speech::WRONG)?;
    let document = roxmltree::Document::parse(text).map_err(|_| speech::WRONG)?;
    let header = document.descendants().find(|node| node.has_tag_name("header")).ok_or(speech::WRONG)?;
    let named = |name: &str| {
        let node = header.children().find(|node| node.has_tag_name(name));
        node.and_then(|node| node.text()).map(|text| (name.to_owned(), Value::from(text.trim())))
    };
    // 1 asks for packages, of which there are none here.
    named("stip").filter(|(_, stip)| stip == "2").ok_or(speech::WRONG)?;
    Ok(["usercode", "password"].into_iter().filter_map(named).collect())
}

fn route(call: &Call) -> Route {
    if call.method != Method::POST {
        return Route::Unknown;
    }
    match call.path.as_str() {
        "/santral/numara/liste" => {
            let owned = body(call).is_some_and(|body| body.get("kapsam").and_then(Value::as_str) == Some("sahip"));
            if owned { Route::Owned } else { Route::ForSale }
        }
        "/santral/numara/satin-al" => Route::Buy,
        "/santral/numara/durum" => Route::Status,
        "/santral/numara/sip-bilgileri" => Route::Sip,
        "/santral/numara/iptal" => Route::Cancel,
        "/balance/list/xml" => Route::Balance,
        _ => Route::Unknown,
    }
}
