//! What the stories share: a tenant in a fresh system, the hands of the outside world, and all consequences of a story as
//! one text, in which every id is a number in the order of its appearance.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::LazyLock;

use reqwest::Method;
use serde_json::{Value, json};
use tests::{Answer, Tenant, TestApp};

/// The number most stories are about.
pub(crate) const NUMBER: &str = "+12125550123";
/// Where callers go when the agent does not answer.
pub(crate) const FALLBACK: &str = "+14155550100";
/// Whoever calls.
pub(crate) const CALLER: &str = "+13125550199";

/// A tenant in a system of its own.
pub(crate) struct Story {
    pub(crate) app: TestApp,
    pub(crate) tenant: Tenant,
}

impl Story {
    /// A tenant on this plan with so many USD.
    pub(crate) async fn begin(plan: &str, usd: &str) -> Self {
        let app = TestApp::start().await;
        let tenant = app.tenant(plan, usd).await;
        Self { app, tenant }
    }

    /// A tenant with ten dollars, and [`NUMBER`] on offer.
    pub(crate) async fn with_an_offer() -> Self {
        let story = Self::begin("PRO", "10.00").await;
        story.stock(&[NUMBER]).await;
        story
    }

    /// A tenant that holds [`NUMBER`], whose id comes with it.
    pub(crate) async fn with_a_number() -> (Self, String) {
        let story = Self::with_an_offer().await;
        let number = story.bought(NUMBER).await;
        (story, number)
    }

    /// A tenant whose [`NUMBER`] an agent answers; ids of both.
    pub(crate) async fn with_a_linked_number() -> (Self, String, String) {
        let story = Self::with_an_offer().await;
        let agent = story.app.agent(&story.tenant, "Front desk").await;
        let bought = story.buy("first", json!({ "e164": NUMBER, "agent_id": agent })).await.expect(201);
        (story, bought.text("/number/id"), agent)
    }

    /// A tenant in a system that goes on with what is kept in this folder.
    pub(crate) async fn kept_in(folder: &Path, seed: u64) -> Self {
        let app = TestApp::kept_in(folder, seed).await;
        let tenant = app.tenant("PRO", "10.00").await;
        Self { app, tenant }
    }

    /// The carrier has these on offer, and shows them first.
    pub(crate) async fn stock(&self, e164: &[&str]) {
        let _ = self.app.local("simulators/twilio/stock", Some(json!({ "e164": e164 }))).await.expect(200);
    }

    /// POST /v1/numbers.
    pub(crate) async fn buy(&self, key: &str, request: Value) -> Answer {
        self.app.post(&self.tenant, "/v1/numbers", key, request).await
    }

    /// Buys an exact number under a key of its own; its id.
    pub(crate) async fn bought(&self, e164: &str) -> String {
        self.buy(e164, json!({ "e164": e164 })).await.expect(201).text("/number/id")
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.app.get(&self.tenant, path).await
    }

    pub(crate) async fn number(&self, id: &str) -> Value {
        self.get(&format!("/v1/numbers/{id}")).await.expect(200).body
    }

    pub(crate) async fn edit(&self, number: &str, changes: Value) -> Answer {
        self.app.patch(&self.tenant, &format!("/v1/numbers/{number}"), changes).await
    }

    pub(crate) async fn link(&self, number: &str, agent: &str) -> Answer {
        self.app.put(&self.tenant, &format!("/v1/numbers/{number}/agent"), json!({ "agent_id": agent })).await
    }

    pub(crate) async fn unlink(&self, number: &str) -> Answer {
        self.app.delete(&self.tenant, &format!("/v1/numbers/{number}/agent")).await
    }

    pub(crate) async fn release(&self, number: &str) -> Answer {
        self.app.delete(&self.tenant, &format!("/v1/numbers/{number}")).await
    }

    /// What the operator sets on the tenant.
    pub(crate) async fn operator_sets(&self, changes: Value) -> Answer {
        let path = format!("/v1/operator/tenants/{}", self.tenant.id);
        self.app.put(&self.app.operator().await, &path, changes).await
    }

    /// An operator's adjustment.
    pub(crate) async fn adjust(&self, key: &str, amount: &str, reason: &str) -> Answer {
        let path = format!("/v1/operator/tenants/{}/adjustments", self.tenant.id);
        let request = json!({ "amount": amount, "currency": "USD", "reason": reason });
        self.app.post(&self.app.operator().await, &path, key, request).await
    }

    /// The next calls of this sort go wrong in this way.
    pub(crate) async fn fault(&self, provider: &str, operation: &str, kind: &str, times: u64) {
        let fault = json!({ "provider": provider, "operation": operation, "kind": kind, "times": times });
        self.app.fault(fault).await;
    }

    /// The next call of this sort is answered with this error.
    pub(crate) async fn refusal(&self, provider: &str, operation: &str, status: u16, code: Option<u32>) {
        let fault =
            json!({ "provider": provider, "operation": operation, "kind": "error", "status": status, "code": code });
        self.app.fault(fault).await;
    }

    /// Somebody calls; `answer` is what becomes of the first dial.
    pub(crate) async fn call(&self, to: &str, answer: &str) -> Value {
        let call = json!({ "to": to, "from": CALLER, "answer": answer });
        self.app.local("simulators/twilio/call", Some(call)).await.expect(200).body
    }

    /// The operator at the carrier's own console: a form to the account's API.
    pub(crate) async fn at_the_carrier(&self, resource: &str, form: &[(&str, &str)]) -> Value {
        let twilio = &self.app.system.simulators.twilio;
        let url = format!("{}/2010-04-01/Accounts/{}/{resource}.json", twilio.url, twilio.account_sid);
        let request = client().post(url).basic_auth(&twilio.account_sid, Some(&twilio.auth_token));
        let answer = request.form(form).send().await.expect("the carrier answers");
        assert!(answer.status().is_success(), "{}", answer.status());
        answer.json().await.expect("JSON")
    }

    /// Every invariant holds, and this is how everything stands.
    pub(crate) async fn told(&self) -> String {
        self.app.verify().await;
        let mut text = String::new();
        self.books(&mut text).await;
        self.carrier(&mut text).await;
        self.platform(&mut text).await;
        self.events(&mut text).await;
        self.redacted(&text)
    }

    async fn items(&self, path: &str) -> Vec<Value> {
        list(&self.get(path).await.expect(200).body, "items")
    }

    async fn books(&self, text: &mut String) {
        for number in self.items("/v1/numbers").await {
            say(text, "number", &number_line(&number));
        }
        // What begins within a millisecond has no order, so the kinds are in that of the alphabet.
        let mut operations = self.items("/v1/operations").await;
        operations.sort_by_key(|op| (word(op, "/created_at"), word(op, "/kind")));
        for op in operations {
            say(text, "operation", &operation_line(&op));
        }
        for wallet in list(&self.get("/v1/wallet").await.expect(200).body, "wallets") {
            let lasts = word(&wallet, "/funds_last_until");
            let [balance, held] = ["balance", "held"].map(|part| word(&wallet, &format!("/{part}/amount")));
            let available = word(&wallet, "/available/amount");
            say(text, "wallet", &format!("{balance}, held {held}, available {available}, lasts until {lasts}"));
        }
        for entry in self.items("/v1/wallet/entries").await {
            let [kind, amount] = ["/kind", "/amount/amount"].map(|part| word(&entry, part));
            let [after, why] = ["/balance_after/amount", "/explain"].map(|part| word(&entry, part));
            say(text, "ledger", &format!("{kind} {amount}, then {after}: {why}"));
        }
    }

    async fn carrier(&self, text: &mut String) {
        let state = self.app.state("twilio").await;
        for number in list(&state, "numbers") {
            let [e164, name, voice] = ["/e164", "/name", "/voice_url"].map(|part| word(&number, part));
            say(text, "twilio", &format!("{e164} is {name}, calls go to {voice}"));
        }
        say(text, "asked", &asked(&state));
    }

    async fn platform(&self, text: &mut String) {
        let state = self.app.state("vapi").await;
        for number in list(&state, "numbers") {
            let [uri, name, agent] = ["/sip_uri", "/name", "/agent"].map(|part| word(&number, part));
            say(text, "vapi", &format!("{uri} is {name}, answered by {agent}"));
        }
        for assistant in list(&state, "assistants") {
            say(text, "vapi", &format!("assistant {} is {}", word(&assistant, "/id"), word(&assistant, "/name")));
        }
        say(text, "asked", &asked(&state));
    }

    async fn events(&self, text: &mut String) {
        let path = format!("events?tenant={}", self.tenant.id);
        let mut events = list(&self.app.local(&path, None).await.expect(200).body, "items");
        events.sort_by_key(|event| (word(event, "/at"), word(event, "/type")));
        for event in events {
            say(text, "event", &format!("{} {}", word(&event, "/type"), event["data"]));
        }
    }

    /// Ids as numbers, our address as a name.
    pub(crate) fn redacted(&self, text: &str) -> String {
        redacted(&text.replace(&self.app.system.url, "https://us"))
    }

    /// An answer in a line: status, and what it says.
    pub(crate) fn line(&self, answer: &Answer) -> String {
        let body = &answer.body;
        let said = if body["code"].is_string() {
            format!("{}: {}", answer.code(), word(body, "/detail"))
        } else if body["operation"].is_object() {
            let number = body.get("number").map(|number| format!("{} and ", number_line(number)));
            format!("{}{}", number.unwrap_or_default(), operation_line(&body["operation"]))
        } else {
            body.to_string()
        };
        self.redacted(&format!("{} {said}", answer.status.as_u16()))
    }
}

/// A client for what is not sent in the usual way. Made once, since that takes longer than a request; without a pool, since a
/// connection lives no longer than the test that opened it.
pub(crate) fn client() -> &'static reqwest::Client {
    static CLIENT: LazyLock<reqwest::Client> = LazyLock::new(|| {
        let unpooled = reqwest::Client::builder().pool_max_idle_per_host(0);
        unpooled.build().expect("a client")
    });
    &CLIENT
}

/// A request that is not JSON, or not in the usual way.
pub(crate) async fn raw(
    app: &TestApp,
    method: Method,
    path: &str,
    token: &str,
    headers: &[(&str, &str)],
    body: Vec<u8>,
) -> Answer {
    let mut request = client().request(method, format!("{}{path}", app.system.url)).body(body);
    if !token.is_empty() {
        request = request.bearer_auth(token);
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.expect("the system answers");
    let (status, headers) = (answer.status(), answer.headers().clone());
    let text = answer.text().await.expect("a whole answer");
    let body = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap_or(Value::String(text)) };
    Answer { status, headers, body }
}

/// A text at this place; `-` when there is none.
pub(crate) fn word(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or("-").to_owned()
}

pub(crate) fn list(value: &Value, name: &str) -> Vec<Value> {
    value[name].as_array().cloned().unwrap_or_default()
}

fn say(text: &mut String, who: &str, what: &str) {
    writeln!(text, "{who:<10}{what}").expect("a text grows");
}

fn number_line(number: &Value) -> String {
    let mut line = format!("{} {} {}", word(number, "/e164"), word(number, "/type"), word(number, "/status"));
    for (name, pointer) in [
        ("named", "/name"),
        ("in", "/project_id"),
        ("answered by", "/agent_id"),
        ("link", "/link/status"),
        ("because", "/link/reason"),
        ("else", "/fallback"),
        ("paid through", "/paid_through"),
        ("open", "/open_operation_id"),
    ] {
        if let Some(value) = number.pointer(pointer).and_then(Value::as_str) {
            let value = value.strip_suffix("T00:00:00Z").unwrap_or(value);
            write!(line, ", {name} {value}").expect("a text grows");
        }
    }
    for flag in ["primary", "locked", "parked"] {
        if number[flag] == true {
            write!(line, ", {flag}").expect("a text grows");
        }
    }
    line
}

fn operation_line(op: &Value) -> String {
    let steps =
        list(op, "steps").into_iter().map(|step| format!("{} {}", word(&step, "/name"), word(&step, "/status")));
    let steps = steps.collect::<Vec<_>>().join(", ");
    let error = op.pointer("/error/code").and_then(Value::as_str).map_or_else(String::new, |code| format!(", {code}"));
    format!("{} {} {} ({steps}){error}", word(op, "/id"), word(op, "/kind"), word(op, "/status"))
}

/// What a third party was asked, by operation.
fn asked(state: &Value) -> String {
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for request in list(state, "requests") {
        *counts.entry(format!("{} {}", word(&request, "/operation"), request["status"])).or_default() += 1;
    }
    let counts: Vec<String> = counts.into_iter().map(|(what, times)| format!("{times} × {what}")).collect();
    counts.join(", ")
}

/// Every run of 32 hexadecimal digits, and every UUID, as `<1>`, `<2>` … in the order of first appearance.
pub(crate) fn redacted(text: &str) -> String {
    let (mut known, mut out, mut rest): (Vec<String>, String, &str) = (Vec::new(), String::new(), text);
    while let Some(first) = rest.chars().next() {
        let length = id_at(rest);
        if length == 0 {
            out.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let bare = rest[..length].replace('-', "");
        let place = known.iter().position(|id| *id == bare).unwrap_or_else(|| {
            known.push(bare);
            known.len() - 1
        });
        write!(out, "<{}>", place + 1).expect("a text grows");
        rest = &rest[length..];
    }
    out
}

/// Length of the id this text begins with; 0 when it begins with none.
fn id_at(text: &str) -> usize {
    let hex = |from: usize, to: usize| {
        text.as_bytes()
            .get(from..to)
            .is_some_and(|part| part.iter().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte)))
    };
    let uuid = [(0, 8), (9, 13), (14, 18), (19, 23), (24, 36)].into_iter().all(|(from, to)| hex(from, to));
    let dashes = [8, 13, 18, 23].into_iter().all(|at| text.as_bytes().get(at) == Some(&b'-'));
    match (uuid && dashes, hex(0, 32)) {
        (true, _) => 36,
        (false, true) => 32,
        (false, false) => 0,
    }
}

#[test]
fn ids_become_numbers_and_keep_their_identity() {
    let id = "0123456789abcdef0123456789abcdef";
    let uuid = "01234567-89ab-cdef-0123-456789abcdee";
    assert_eq!(redacted(&format!("op_{id} local-{id}-2 {uuid} 415")), "op_<1> local-<1>-2 <2> 415");
}
