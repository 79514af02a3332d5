//! A call that a request asks for: it waits, rings somebody, and whoever answers gets a document.
//!
//! What becomes of a document is `call`'s business.

use std::collections::BTreeMap;
use std::io;

use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::Handle;
use super::account::Account;
use super::call::{CallRecord, Course, DialResult};
use super::form::Form;
use super::number::Number;
use super::refusal::Refusal;
use super::twiml::Link;
use crate::book::{Book, locked};
use crate::post::Round;
use crate::server::{Answer, Call, json};
use crate::stock::is_e164;

const TWIML_CHARS_MAX: usize = 4_000;
/// What a status callback is told of when nothing else was asked for.
const END: &str = "completed";

/// What a call that waits is to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Placed {
    call_sid: String,
    document: Document,
    status_callback: Link,
    events: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Document {
    Given(String),
    At(Link),
}

/// Accepts a call, which begins when its turn comes.
pub(super) fn create(account: &mut Account, call: &Call) -> Result<Answer, Refusal> {
    let form = Form::of_body(call)?;
    let to = form.filled("To").ok_or_else(|| Refusal::new(21201, "No 'To' number is specified"))?;
    let from = form.filled("From").ok_or_else(|| Refusal::new(21213, "No 'From' number is specified"))?;
    if !is_e164(to) {
        return Err(Refusal::new(21211, format!("The phone number you are attempting to call, {to}, is not valid.")));
    }
    if !is_e164(from) {
        return Err(Refusal::new(21212, format!("The source phone number provided, {from}, is not valid.")));
    }
    let not_ours = || Refusal::new(21210, format!("The source phone number provided, {from}, is not yours."));
    let number = account.by_e164(from).cloned().ok_or_else(not_ours)?;
    let document = document(&form)?;
    let status_callback = link(&form, "StatusCallback", "StatusCallbackMethod");
    if !status_callback.url.is_empty() && !is_url(&status_callback.url) {
        return Err(Refusal::new(21609, format!("The StatusCallback URL {} is not a valid URL.", status_callback.url)));
    }
    let events = form.pairs().filter(|(name, value)| *name == "StatusCallbackEvent" && !value.is_empty());
    let mut events: Vec<String> = events.map(|(_, event)| event.to_owned()).collect();
    if events.is_empty() {
        events.push(END.to_owned());
    }
    let sid = format!("CA{}", account.book.hex("CA"));
    let token = account.book.uuid("idempotency");
    let record = CallRecord::new(sid.clone(), [from, to], &number, account.book.now(), token).placed();
    let answer = json(StatusCode::CREATED, &record.wire());
    account.keep_call(record);
    account.place(Placed { call_sid: sid, document, status_callback, events });
    Ok(answer)
}

/// Of a URL and a document the URL counts, as the interface's description says.
fn document(form: &Form) -> Result<Document, Refusal> {
    let url = link(form, "Url", "Method");
    match (url.url.as_str(), form.filled("Twiml")) {
        ("", None) => Err(Refusal::new(21205, "Url parameter is required.")),
        ("", Some(twiml)) if twiml.chars().count() > TWIML_CHARS_MAX => {
            Err(Refusal::without_code(format!("Twiml must not be longer than {TWIML_CHARS_MAX} characters.")))
        }
        ("", Some(twiml)) => Ok(Document::Given(twiml.to_owned())),
        (given, _) if is_url(given) => Ok(Document::At(url)),
        (given, _) => Err(Refusal::new(21205, format!("Url is not a valid URL: {given}"))),
    }
}

fn link(form: &Form, url: &str, method: &str) -> Link {
    let method = if form.get(method).is_some_and(|it| it.eq_ignore_ascii_case("GET")) { "GET" } else { "POST" };
    Link { url: form.get(url).unwrap_or_default().to_owned(), method: method.to_owned() }
}

fn is_url(text: &str) -> bool {
    reqwest::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// What a killed process left.
pub(super) fn waiting(book: &Book) -> io::Result<BTreeMap<u64, Placed>> {
    let rows = book.rows::<Placed>("placed")?.into_iter();
    rows.map(|(place, placed)| Ok((place.parse().map_err(io::Error::other)?, placed))).collect()
}

impl Account {
    fn place(&mut self, placed: Placed) {
        let place = self.book.next("placed");
        self.book.put("placed", format!("{place:020}"), &placed);
        self.placed.insert(place, placed);
        self.call_placed.notify_one();
    }

    fn was_played(&mut self, place: u64) {
        self.placed.remove(&place);
        self.book.remove("placed", format!("{place:020}"));
        self.book.commit();
    }
}

impl Handle {
    /// From now on whoever is called from here picks up, or does not.
    pub fn set_answer(&self, answer: DialResult) {
        let mut account = locked(&self.account);
        account.answer = answer;
        account.book.put("answer", String::new(), &answer);
        account.book.commit();
    }

    /// Plays all calls that wait to their end; without being asked they begin a moment after they were accepted.
    pub async fn play_calls(&self) {
        let _turn = self.turn.lock().await;
        loop {
            let next = locked(&self.account).placed.first_key_value().map(|(place, placed)| (*place, placed.clone()));
            let Some((place, placed)) = next else { return };
            self.play(&placed).await;
            locked(&self.account).was_played(place);
        }
    }

    /// Those that a killed process left waiting come first.
    pub(crate) fn begin(&self) -> Round {
        let wanted = locked(&self.account).call_placed.clone();
        wanted.notify_one();
        let handle = self.clone();
        Round::begin(wanted, move || {
            let handle = handle.clone();
            async move { handle.play_calls().await }
        })
    }

    async fn play(&self, placed: &Placed) {
        let Ok((number, record)) = self.called(&placed.call_sid) else { return };
        let answer = locked(&self.account).answer;
        let mut course = Course::of(self, placed.in_place_of(number), record);
        for (event, status) in [("initiated", "initiated"), ("ringing", "ringing")] {
            course.keep("ringing", None);
            self.tell(placed, &mut course, event, status).await;
        }
        if answer == DialResult::Completed {
            course.picked_up = true;
            course.keep("in-progress", None);
            self.tell(placed, &mut course, "answered", "in-progress").await;
            match placed.document.clone() {
                Document::Given(document) => course.begin_with(document).await,
                Document::At(link) => course.begin(link).await,
            }
        } else {
            course.rejected = Some(answer.word());
        }
        if !placed.tells(END) {
            course.number.status_callback.clear();
        }
        course.end().await;
    }

    async fn tell(&self, placed: &Placed, course: &mut Course<'_>, event: &str, status: &str) {
        if placed.tells(event) {
            course.report(status, self.now()).await;
        }
    }
}

impl Placed {
    fn tells(&self, event: &str) -> bool {
        self.events.iter().any(|it| it == event)
    }

    /// The number as such a call sees it: with the request's settings and none of its own.
    fn in_place_of(&self, mut number: Number) -> Number {
        number.voice = super::number::Hook::default();
        number.status_callback.clone_from(&self.status_callback.url);
        number.status_callback_method.clone_from(&self.status_callback.method);
        number
    }
}
