//! A call to an owned number: the webhooks it causes, the documents that steer it, how it ends.
//!
//! Sound, keys and people are left out; a dialled party does what the caller of the simulator says.

use std::collections::BTreeMap;

use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::account::Account;
use super::number::{Number, formatted};
use super::refusal::Refusal;
use super::twiml::{self, Dial, Link, Stream, Target, Verb};
use super::webhook::{Reply, Webhook, joined};
use super::{ACCOUNT_SID, Handle};
use crate::book::locked;
use crate::elevenlabs::is_at_elevenlabs;
use crate::places::{kind_of, place_of};
use crate::server::{Answer, Call, json};
use crate::sip::{Invite, Outcome};
use crate::time::rfc2822;

/// Twilio ends a call that is redirected in circles; so does this, sooner.
const DOCUMENTS_MAX: usize = 10;
/// How long two parties talk once one has answered.
const TALK_SECONDS: u64 = 30;
const STREAM_NOT_WSS: u32 = 31922;
const NO_ORIGINATION: u32 = 32010;
const ORIGINATION_UNREACHABLE: u32 = 32011;
/// Nobody at the other end took the stream.
const STREAM_REFUSED: u32 = 31920;

/// Somebody dials one of our numbers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallRequest {
    pub to: String,
    pub from: String,
    /// What becomes of the first `<Dial>`; later ones complete.
    #[serde(default)]
    pub answer: Option<DialResult>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DialResult {
    Completed,
    NoAnswer,
    Busy,
    Failed,
}

impl DialResult {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::NoAnswer => "no-answer",
            Self::Busy => "busy",
            Self::Failed => "failed",
        }
    }
}

/// A call as the account remembers it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct CallRecord {
    pub(crate) sid: String,
    pub(super) from: String,
    pub(super) to: String,
    number_sid: String,
    /// In Twilio's words: `inbound` or `outbound-api`.
    #[serde(default = "inbound")]
    direction: String,
    status: String,
    duration_s: u64,
    started: Timestamp,
    ended: Option<Timestamp>,
    documents: usize,
    answered_by: Option<Value>,
    trunk_sid: Option<String>,
    /// Of the first webhook, should it be sent once more.
    idempotency_token: String,
}

fn inbound() -> String {
    "inbound".to_owned()
}

impl CallRecord {
    /// One that begins now.
    pub(super) fn new(sid: String, [from, to]: [&str; 2], number: &Number, now: Timestamp, token: String) -> Self {
        Self {
            sid,
            from: from.to_owned(),
            to: to.to_owned(),
            number_sid: number.sid.clone(),
            direction: inbound(),
            status: "ringing".to_owned(),
            duration_s: 0,
            started: now,
            ended: None,
            documents: 0,
            answered_by: None,
            trunk_sid: Some(number.trunk_sid.clone()).filter(|sid| !sid.is_empty()),
            idempotency_token: token,
        }
    }

    /// One that a request asked for: it waits, and no trunk of the number is in its way.
    pub(super) fn placed(self) -> Self {
        Self { direction: "outbound-api".to_owned(), status: "queued".to_owned(), trunk_sid: None, ..self }
    }

    pub(crate) fn shown(&self) -> Value {
        json!({
            "id": self.sid,
            "from": self.from,
            "to": self.to,
            "direction": self.direction,
            "status": self.status,
            "duration_s": self.duration_s,
            "started_at": self.started.to_string(),
            "documents": self.documents,
            "answered_by": self.answered_by,
            "trunk": self.trunk_sid,
        })
    }

    pub(super) fn wire(&self) -> Value {
        let uri = format!("/2010-04-01/Accounts/{ACCOUNT_SID}/Calls/{}", self.sid);
        json!({
            "sid": self.sid,
            "account_sid": ACCOUNT_SID,
            "api_version": "2010-04-01",
            "parent_call_sid": null,
            "phone_number_sid": self.number_sid,
            "from": self.from,
            "from_formatted": formatted(&self.from),
            "to": self.to,
            "to_formatted": formatted(&self.to),
            "status": self.status,
            "direction": self.direction,
            "date_created": rfc2822(self.started),
            "date_updated": rfc2822(self.ended.unwrap_or(self.started)),
            "start_time": rfc2822(self.started),
            "end_time": self.ended.map(rfc2822),
            "duration": self.ended.map(|_| self.duration_s.to_string()),
            "price": null,
            "price_unit": "USD",
            "answered_by": null,
            "caller_name": "",
            "forwarded_from": null,
            "group_sid": null,
            "queue_time": "0",
            "trunk_sid": self.trunk_sid.clone().unwrap_or_default(),
            "uri": format!("{uri}.json"),
            "subresource_uris": { "recordings": format!("{uri}/Recordings.json") },
        })
    }
}

pub(super) fn get(account: &Account, call: &Call, sid: &str) -> Result<Answer, Refusal> {
    let record = account.calls.get(sid).ok_or_else(|| Refusal::not_found(&call.path))?;
    Ok(json(StatusCode::OK, &record.wire()))
}

impl Handle {
    /// Lets somebody call a number and plays the call to its end; real webhooks are sent.
    ///
    /// Answers `{call_sid,status,twiml,status_callback}`, and who answered when it was an assistant.
    /// An unusable request, such as one without a number to call, is refused.
    pub async fn call(&self, request: CallRequest) -> Result<Value, String> {
        if request.to.is_empty() || request.from.is_empty() {
            return Err("`to` and `from` must not be empty".to_owned());
        }
        let sid = self.new_sid("CA");
        let number = locked(&self.account).by_e164(&request.to).cloned();
        let Some(number) = number else {
            return Ok(json!({ "call_sid": sid, "status": "failed", "twiml": [], "status_callback": null }));
        };
        let mut course = Course::new(self, sid, number, request);
        course.keep("ringing", None);
        course.run().await;
        Ok(course.end().await)
    }

    /// Sends a status callback for a call that was made, in whatever order and as often as asked:
    /// delivery promises neither order nor once. Answers the HTTP status it was met with.
    pub async fn send_status(&self, call_sid: &str, status: &str, sequence: u64) -> Result<u16, String> {
        let (number, record) = self.called(call_sid)?;
        if number.status_callback.is_empty() {
            return Err(format!("{} has no status callback", number.e164));
        }
        let params = status_params(&record, status, sequence, self.now());
        let sent = self.deliver(&number.status_callback, &number.status_callback_method, params).await;
        match sent {
            Ok(reply) => Ok(reply.status),
            Err(failure) => failure.status.ok_or_else(|| format!("no answer, error {}", failure.code)),
        }
    }

    /// Sends the first webhook of a call once more, the same in every respect: what a retry looks
    /// like when the answer to the first try was lost. Answers the document it was met with.
    pub async fn repeat_voice(&self, call_sid: &str) -> Result<String, String> {
        let (number, record) = self.called(call_sid)?;
        let params = call_params(&record, "ringing");
        let (url, method) = (number.voice.url.clone(), number.voice.method.clone());
        let webhook = Webhook { url, method, params, idempotency_token: record.idempotency_token };
        let sent = self.sender.send(&webhook).await;
        sent.map(|reply| reply.body).map_err(|failure| format!("no document, error {}", failure.code))
    }

    pub(super) fn called(&self, call_sid: &str) -> Result<(Number, CallRecord), String> {
        let account = locked(&self.account);
        let record = account.calls.get(call_sid).ok_or_else(|| format!("no call {call_sid}"))?;
        let number = account.by_sid(&record.number_sid);
        let number = number.ok_or_else(|| format!("{} is not owned any more", record.to))?;
        Ok((number.clone(), record.clone()))
    }

    pub(super) fn new_sid(&self, prefix: &str) -> String {
        let mut account = locked(&self.account);
        let hex = account.book.hex(prefix);
        account.book.commit();
        format!("{prefix}{hex}")
    }

    /// The lock is let go on return, so that it may be asked for in the middle of anything.
    pub(super) fn now(&self) -> Timestamp {
        locked(&self.account).book.now()
    }

    fn new_token(&self) -> String {
        let mut account = locked(&self.account);
        let token = account.book.uuid("idempotency");
        account.book.commit();
        token
    }

    pub(super) async fn deliver(
        &self,
        url: &str,
        method: &str,
        params: Vec<(String, String)>,
    ) -> Result<Reply, super::webhook::Failure> {
        let idempotency_token = self.new_token();
        let webhook = Webhook { url: url.to_owned(), method: method.to_owned(), params, idempotency_token };
        self.sender.send(&webhook).await
    }
}

/// The next document of a call, and what is said when asking for it.
struct Fetch {
    link: Link,
    params: Vec<(String, String)>,
}

/// A call while it lasts.
pub(super) struct Course<'a> {
    handle: &'a Handle,
    pub(super) number: Number,
    record: CallRecord,
    answer: Option<DialResult>,
    dials: u32,
    pub(super) picked_up: bool,
    pub(super) rejected: Option<&'static str>,
    last_dial: Option<DialResult>,
    broken: Option<u32>,
    documents: Vec<String>,
    stream: Option<Stream>,
    /// Status callbacks sent so far.
    told: u64,
}

impl<'a> Course<'a> {
    fn new(handle: &'a Handle, sid: String, number: Number, request: CallRequest) -> Self {
        let parties = [request.from.as_str(), &request.to];
        let record = CallRecord::new(sid, parties, &number, handle.now(), handle.new_token());
        Self { answer: request.answer, ..Self::of(handle, number, record) }
    }

    pub(super) fn of(handle: &'a Handle, number: Number, record: CallRecord) -> Self {
        Self {
            handle,
            number,
            record,
            answer: None,
            dials: 0,
            picked_up: false,
            rejected: None,
            last_dial: None,
            broken: None,
            documents: Vec::new(),
            stream: None,
            told: 0,
        }
    }

    async fn run(&mut self) {
        if let Some(trunk) = self.record.trunk_sid.clone() {
            self.originate(&trunk);
            return;
        }
        // Under an application, or without a URL, there is no document to ask for.
        if !self.number.voice.application_sid.is_empty() || self.number.voice.url.is_empty() {
            self.broken = Some(0);
            return;
        }
        let link = Link { url: self.number.voice.url.clone(), method: self.number.voice.method.clone() };
        self.begin(link).await;
    }

    /// Follows a document, and those that take over from it, to the end.
    pub(super) async fn begin(&mut self, link: Link) {
        self.obey(Some(Fetch { link, params: Vec::new() })).await;
    }

    /// The same with a document that need not be asked for.
    pub(super) async fn begin_with(&mut self, document: String) {
        let url = String::new();
        let reply = Reply { status: 200, content_type: "text/xml".to_owned(), body: document, url };
        match twiml::parse(&reply) {
            Ok(verbs) => {
                self.documents.push(reply.body);
                let next = self.follow(verbs, &reply.url);
                self.obey(next).await;
            }
            Err(code) => self.broken = Some(code),
        }
    }

    async fn obey(&mut self, mut next: Option<Fetch>) {
        while let Some(fetch) = next {
            if self.documents.len() >= DOCUMENTS_MAX {
                return;
            }
            let Some((verbs, base)) = self.document(fetch).await else { return };
            next = self.follow(verbs, &base);
        }
    }

    /// One document, from the fallback URL if the first try has none to give.
    async fn document(&mut self, fetch: Fetch) -> Option<(Vec<Verb>, String)> {
        let code = match self.ask(&fetch.link, fetch.params).await {
            Ok(document) => return Some(document),
            Err(code) => code,
        };
        let fallback =
            Link { url: self.number.voice.fallback_url.clone(), method: self.number.voice.fallback_method.clone() };
        if fallback.url.is_empty() {
            self.broken = Some(code);
            return None;
        }
        let why = vec![pair("ErrorCode", code), pair("ErrorUrl", fetch.link.url)];
        match self.ask(&fallback, why).await {
            Ok(document) => Some(document),
            Err(code) => {
                self.broken = Some(code);
                None
            }
        }
    }

    async fn ask(&mut self, link: &Link, extra: Vec<(String, String)>) -> Result<(Vec<Verb>, String), u32> {
        let status = if self.picked_up { "in-progress" } else { "ringing" };
        let mut params = call_params(&self.record, status);
        params.extend(extra);
        let first = link.url == self.number.voice.url && self.documents.is_empty();
        let idempotency_token = if first { self.record.idempotency_token.clone() } else { self.handle.new_token() };
        let webhook = Webhook { url: link.url.clone(), method: link.method.clone(), params, idempotency_token };
        let reply = self.handle.sender.send(&webhook).await.map_err(|failure| failure.code)?;
        let verbs = twiml::parse(&reply)?;
        self.documents.push(reply.body);
        Ok((verbs, reply.url))
    }

    /// Carries out the verbs; answers the document that takes over, if one does.
    fn follow(&mut self, verbs: Vec<Verb>, base: &str) -> Option<Fetch> {
        for (place, verb) in verbs.into_iter().enumerate() {
            match verb {
                // Once something was heard the call has been answered and cannot be refused any more.
                Verb::Reject { busy } if place == 0 && !self.picked_up => {
                    self.rejected = Some(if busy { "busy" } else { "no-answer" });
                    return None;
                }
                Verb::Reject { .. } | Verb::Hangup => return None,
                Verb::Sound { seconds } => self.hear(seconds),
                Verb::Redirect(link) => return self.linked(base, link, Vec::new()),
                Verb::Dial(dial) => {
                    let params = self.dial(&dial);
                    if let Some(action) = dial.action {
                        return self.linked(base, action, params);
                    }
                }
                Verb::Connect { stream, action } => {
                    self.connect(stream)?;
                    if let Some(action) = action {
                        return self.linked(base, action, Vec::new());
                    }
                }
                Verb::Message { .. } => {}
            }
        }
        None
    }

    fn linked(&self, base: &str, link: Link, params: Vec<(String, String)>) -> Option<Fetch> {
        let url = joined(base, &link.url)?;
        Some(Fetch { link: Link { url, method: link.method }, params })
    }

    fn hear(&mut self, seconds: u64) {
        self.picked_up = true;
        self.record.duration_s += seconds;
    }

    /// Answers what the dial's action is told.
    fn dial(&mut self, dial: &Dial) -> Vec<(String, String)> {
        let wanted = if self.dials == 0 { self.answer.unwrap_or(DialResult::Completed) } else { DialResult::Completed };
        self.dials += 1;
        if !dial.answer_on_bridge {
            self.picked_up = true;
        }
        // Nobody rings for long in a test; the first target able to answer does.
        let result = match wanted {
            DialResult::Completed if dial.targets.iter().any(|target| self.reaches(target)) => DialResult::Completed,
            DialResult::Completed => DialResult::Failed,
            other => other,
        };
        self.last_dial = Some(result);
        let mut params = vec![pair("DialCallSid", self.handle.new_sid("CA")), pair("DialCallStatus", result.word())];
        if result == DialResult::Completed {
            self.hear(TALK_SECONDS);
            params.push(pair("DialCallDuration", TALK_SECONDS));
            params.push(pair("DialBridged", "true"));
        }
        params
    }

    /// On a trunk no document is asked for: the call goes to the first address that takes it.
    fn originate(&mut self, trunk: &str) {
        let wanted = self.answer.unwrap_or(DialResult::Completed);
        if wanted != DialResult::Completed {
            self.last_dial = Some(wanted);
            return;
        }
        let addresses = locked(&self.handle.account).originations(trunk, &self.number.e164);
        if addresses.is_empty() {
            self.broken = Some(NO_ORIGINATION);
        } else if addresses.iter().any(|uri| matches!(self.invite(uri, "", ""), Outcome::Answered(_))) {
            self.hear(TALK_SECONDS);
        } else {
            self.broken = Some(ORIGINATION_UNREACHABLE);
        }
    }

    fn reaches(&mut self, target: &Target) -> bool {
        let Target::Sip { uri, username, password } = target else { return true };
        match self.invite(uri, username, password) {
            Outcome::Answered(_) | Outcome::Elsewhere => true,
            Outcome::Refused => false,
        }
    }

    fn invite(&mut self, uri: &str, username: &str, password: &str) -> Outcome {
        let invite = Invite { uri, username, password, caller: &self.record.from, call_sid: &self.record.sid };
        let outcome = self.handle.exchange.invite(&invite);
        if let Outcome::Answered(agent) = &outcome {
            self.record.answered_by = Some(agent.clone());
        }
        outcome
    }

    /// `None` ends the call.
    fn connect(&mut self, stream: Option<Stream>) -> Option<()> {
        self.picked_up = true;
        let stream = stream?;
        if !stream.url.starts_with("wss://") {
            self.broken = Some(STREAM_NOT_WSS);
            return None;
        }
        if is_at_elevenlabs(&stream.url) {
            let conversation = stream.parameter("conversation_id").unwrap_or_default();
            let answered = locked(&self.handle.elevenlabs).answer_stream(conversation, &self.record.sid);
            if answered.is_none() {
                self.broken = Some(STREAM_REFUSED);
                self.rejected = Some("failed");
                return None;
            }
            self.record.answered_by = answered;
        }
        self.stream = Some(stream);
        self.hear(TALK_SECONDS);
        Some(())
    }

    fn outcome(&self) -> &'static str {
        match (self.rejected, self.last_dial) {
            (Some(word), _) => word,
            (None, _) if self.picked_up => "completed",
            (None, _) if self.broken.is_some() => "failed",
            (None, Some(result)) => result.word(),
            // An empty document answers and hangs up.
            (None, None) => "completed",
        }
    }

    pub(super) async fn end(mut self) -> Value {
        let status = self.outcome();
        let now = self.handle.now();
        if status != "completed" {
            self.record.duration_s = 0;
        }
        self.keep(status, Some(now));
        let callback = self.report(status, now).await;
        let mut reply = json!({
            "call_sid": self.record.sid,
            "status": status,
            "twiml": self.documents,
            "status_callback": callback,
        });
        if let Some(answered_by) = self.record.answered_by {
            reply["answered_by"] = answered_by;
        }
        if let Some(stream) = self.stream {
            let parameters: BTreeMap<String, String> = stream.parameters.into_iter().collect();
            reply["stream"] = json!({ "url": stream.url, "parameters": parameters });
        }
        if let Some(code) = self.broken.filter(|code| *code != 0) {
            reply["error_code"] = json!(code);
        }
        if let Some(trunk) = self.record.trunk_sid {
            reply["trunk"] = json!(trunk);
        }
        reply
    }

    /// The number's status callback, which hears of the end only. A call on a trunk causes none.
    pub(super) async fn report(&mut self, status: &str, now: Timestamp) -> Option<u16> {
        if self.number.status_callback.is_empty() || self.record.trunk_sid.is_some() {
            return None;
        }
        let params = status_params(&self.record, status, self.told, now);
        self.told += 1;
        let callback = (&self.number.status_callback, &self.number.status_callback_method);
        match self.handle.deliver(callback.0, callback.1, params).await {
            Ok(reply) => Some(reply.status),
            Err(failure) => failure.status,
        }
    }

    pub(super) fn keep(&mut self, status: &str, ended: Option<Timestamp>) {
        self.record.status = status.to_owned();
        self.record.ended = ended;
        self.record.documents = self.documents.len();
        let mut account = locked(&self.handle.account);
        account.keep_call(self.record.clone());
        account.book.commit();
    }
}

fn call_params(record: &CallRecord, status: &str) -> Vec<(String, String)> {
    let mut params = vec![
        pair("CallSid", &record.sid),
        pair("AccountSid", ACCOUNT_SID),
        pair("From", &record.from),
        pair("To", &record.to),
        pair("Caller", &record.from),
        pair("Called", &record.to),
        pair("CallStatus", status),
        pair("ApiVersion", "2010-04-01"),
        pair("Direction", &record.direction),
    ];
    params.extend(places(&record.from, &["From", "Caller"]));
    params.extend(places(&record.to, &["To", "Called"]));
    if record.direction != "inbound" {
        return params;
    }
    if record.from.starts_with("+1") {
        params.push(pair("StirVerstat", "TN-Validation-Passed-A"));
    }
    params.push(pair("CallToken", "%7B%22parentCallInfoToken%22%3A%22fake%22%7D"));
    params
}

fn status_params(record: &CallRecord, status: &str, sequence: u64, now: Timestamp) -> Vec<(String, String)> {
    let mut params = call_params(record, status);
    params.push(pair("Timestamp", rfc2822(now)));
    params.push(pair("CallbackSource", "call-progress-events"));
    params.push(pair("SequenceNumber", sequence));
    if matches!(status, "completed" | "busy" | "failed" | "no-answer" | "canceled") {
        // Seconds, and minutes begun.
        params.push(pair("CallDuration", record.duration_s));
        params.push(pair("Duration", record.duration_s.div_ceil(60)));
    }
    params
}

/// Town, state, postal code and country of a number under each of its names; empty where unknown.
pub(super) fn places(e164: &str, names: &[&str]) -> Vec<(String, String)> {
    let country = kind_of(e164).map(|(country, _)| country.code);
    let place = country.and_then(|country| place_of(country, e164.get(2..5).unwrap_or_default()));
    let values = [
        ("City", place.map(|place| place.locality.to_uppercase()).unwrap_or_default()),
        ("State", place.map(|place| place.region.to_owned()).unwrap_or_default()),
        ("Zip", place.map(|place| place.postal_code.to_owned()).unwrap_or_default()),
        ("Country", country.unwrap_or_default().to_owned()),
    ];
    names
        .iter()
        .flat_map(|name| values.iter().map(move |(part, value)| pair(&format!("{name}{part}"), value)))
        .collect()
}

pub(super) fn pair(name: &str, value: impl ToString) -> (String, String) {
    (name.to_owned(), value.to_string())
}
