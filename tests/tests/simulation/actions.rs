//! What can happen in a step. Each action answers one line for the trace and teaches the model what is known by it.

use local::worker::Job;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use reqwest::Method;
use serde_json::{Value, json};
use tests::{Answer, TestApp};

use crate::model::{Adjusted, Held, Known, Model, Sent};

/// A system, what is known of it, and where chance comes from.
#[derive(Debug)]
pub(crate) struct Play {
    pub(crate) app: TestApp,
    pub(crate) model: Model,
    pub(crate) operator: String,
    chance: StdRng,
    world: reqwest::Client,
    /// Offers a search has shown lately.
    offers: Vec<String>,
    names: u32,
    /// Faults that struck and were cleared since.
    pub(crate) happened: u64,
}

const AREAS: [&str; 3] = ["212", "415", "808"];
/// Of tenants' own carriers.
const BROUGHT: [&str; 4] = ["+442079460101", "+442079460102", "+442079460103", "+442079460104"];
const PLATFORMS: [&str; 3] = ["vapi", "retell", "elevenlabs"];
/// Not every platform has every one of them; what it has not is refused.
const METHODS: [&str; 4] = ["hand_over", "trunk", "import", "direct"];
/// What is sold besides by carriers other than Twilio; Turkish numbers for lira.
const TURKISH: [&str; 3] = ["+908505550101", "+908505550102", "+908505550103"];
/// What a tenant has in lira to begin with.
const LIRA: [i64; 4] = [60, 40, 200, 0];
const THIRD_PARTIES: [(&str, &str); 28] = [
    ("twilio", "numbers.search"),
    ("twilio", "numbers.list"),
    ("twilio", "numbers.create"),
    ("twilio", "numbers.get"),
    ("twilio", "numbers.delete"),
    ("twilio", "numbers.update"),
    ("twilio", "trunks.attach"),
    ("twilio", "trunks.detach"),
    ("retell", "numbers.get"),
    ("retell", "numbers.create"),
    ("retell", "numbers.update"),
    ("retell", "numbers.delete"),
    ("elevenlabs", "numbers.list"),
    ("elevenlabs", "numbers.create"),
    ("elevenlabs", "numbers.update"),
    ("elevenlabs", "numbers.delete"),
    ("vapi", "numbers.list"),
    ("vapi", "numbers.create"),
    ("vapi", "numbers.update"),
    ("vapi", "numbers.delete"),
    ("vapi", "credentials.create"),
    ("vapi", "credentials.list"),
    ("vapi", "credentials.delete"),
    ("netgsm", "numbers.search"),
    ("netgsm", "numbers.list"),
    ("netgsm", "numbers.create"),
    ("netgsm", "numbers.get"),
    ("netgsm", "numbers.delete"),
];
const KINDS: [&str; 6] = ["lost_reply", "timeout", "error", "rejected", "rate_limit", "crash"];
const BOOKS: [&str; 5] = ["transact", "put", "get", "update", "query"];
const KINDS_OF_BOOKS: [&str; 4] = ["lost_reply", "timeout", "throttle", "crash"];
const SPANS: [&str; 5] = ["PT1M", "PT2M", "PT10M", "PT1H", "PT7H"];

impl Play {
    pub(crate) async fn begin(seed: u64) -> Self {
        let app = TestApp::seeded(seed).await;
        let _ = app.system.simulators.netgsm.stock(&json!({ "e164": TURKISH })).expect("numbers");
        let mut model = Model::default();
        for ((plan, opening), lira) in [("PRO", 20), ("PRO", 4), ("ENTERPRISE", 60), ("FREE", 10)].into_iter().zip(LIRA)
        {
            let tenant = app.tenant(plan, &opening.to_string()).await;
            if lira > 0 {
                let path = format!("/v1/operator/tenants/{}/adjustments", tenant.id);
                let request = json!({ "amount": lira.to_string(), "currency": "TRY", "reason": "to begin with" });
                let _ = app.post(&app.operator().await, &path, "lira", request).await.expect(201);
            }
            model.tenants.push(Known {
                tenant,
                opening: opening * 1_000_000,
                lira: lira * 1_000_000,
                adjusted: Vec::new(),
                sent: Vec::new(),
                numbers: Vec::new(),
                agents: Vec::new(),
                projects: Vec::new(),
            });
        }
        let operator = app.operator().await.token;
        let chance = StdRng::seed_from_u64(seed);
        let world = reqwest::Client::builder().tls_certs_only([]).no_proxy().build().expect("a client");
        let mut play = Self { app, model, operator, chance, world, offers: Vec::new(), names: 0, happened: 0 };
        for who in 0..play.model.tenants.len() {
            play.make_agent(who).await;
            play.make_project(who).await;
        }
        play.search(0).await;
        play
    }

    /// Something happens; the line says what, and what came of it.
    pub(crate) async fn step(&mut self) -> String {
        let who = self.chance.random_range(0..self.model.tenants.len());
        match self.chance.random_range(0..100) {
            0..6 => self.search(who).await,
            6..20 => self.buy(who).await,
            20..25 => self.buy_elsewhere(who).await,
            25..28 => self.bring(who).await,
            28..33 => self.repeat(who).await,
            33..42 => self.link(who).await,
            42..47 => self.unlink(who).await,
            47..54 => self.release(who).await,
            54..59 => self.edit(who).await,
            59..61 => self.adjust(who).await,
            61..64 => self.make_agent(who).await,
            64..66 => self.delete_agent(who).await,
            66..67 => self.make_project(who).await,
            67..69 => self.delete_project(who).await,
            69..71 => self.pry(who).await,
            71..73 => self.call(who).await,
            73..75 => self.sold_elsewhere(),
            75..77 => self.bought_by_hand().await,
            77..93 => self.fault().await,
            _ => self.time_passes().await,
        }
    }

    /// One invocation, on behalf of this tenant.
    pub(crate) async fn ask(
        &self,
        who: usize,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: Option<Value>,
    ) -> Option<Answer> {
        let token = self.model.tenants[who].tenant.token.clone();
        self.ask_as(&token, method, path, key, body).await
    }

    async fn ask_as(
        &self,
        token: &str,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: Option<Value>,
    ) -> Option<Answer> {
        let headers: Vec<(&str, &str)> = key.map(|key| ("Idempotency-Key", key)).into_iter().collect();
        let answer = self.app.invoke(method, path, token, &headers, body).await;
        if answer.is_none() {
            self.app.restart_workers().await;
        }
        answer
    }

    fn name(&mut self, of: &str) -> String {
        self.names += 1;
        format!("{of} {}", self.names)
    }

    fn flip(&mut self, percent: u32) -> bool {
        self.chance.random_range(0..100) < percent
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> Option<T> {
        from.choose(&mut self.chance).cloned()
    }

    async fn search(&mut self, who: usize) -> String {
        let area = self.pick(&AREAS).unwrap_or_default();
        let path = format!("/v1/available-numbers?country=US&area_code={area}&limit=5");
        let found = self.ask(who, Method::GET, &path, None, None).await;
        if let Some(items) = found.as_ref().and_then(|found| found.body["items"].as_array()) {
            self.offers = items.iter().filter_map(|offer| offer["e164"].as_str().map(str::to_owned)).collect();
        }
        shown(who, "searches", &found)
    }

    async fn buy(&mut self, who: usize) -> String {
        let offers = self.offers.clone();
        let exact = if self.flip(50) { self.pick(&offers) } else { None };
        let mut body = match exact {
            Some(e164) => json!({ "e164": e164 }),
            None => json!({ "country": "US", "area_code": self.pick(&AREAS) }),
        };
        let (agents, projects) = (self.model.tenants[who].agents.clone(), self.model.tenants[who].projects.clone());
        if self.flip(50)
            && let Some(agent) = self.pick(&agents)
        {
            (body["agent_id"], body["all_or_nothing"]) = (json!(agent), json!(self.flip(40)));
            if let Some(method) = self.method() {
                body["method"] = json!(method);
            }
        }
        if self.flip(20)
            && let Some(project) = self.pick(&projects)
        {
            body["project_id"] = json!(project);
        }
        self.send_first(who, "purchase", body).await
    }

    /// Buys a Turkish number, or orders one of Vapi's own.
    async fn buy_elsewhere(&mut self, who: usize) -> String {
        let mut body = match self.chance.random_range(0..3) {
            0 => json!({ "e164": self.pick(&TURKISH) }),
            1 => json!({ "country": "TR", "type": "national" }),
            _ => json!({ "carrier": "vapi", "country": "US", "area_code": self.pick(&AREAS) }),
        };
        let agents = self.model.tenants[who].agents.clone();
        if self.flip(60)
            && let Some(agent) = self.pick(&agents)
        {
            (body["agent_id"], body["all_or_nothing"]) = (json!(agent), json!(self.flip(40)));
        }
        self.send_first(who, "purchase elsewhere", body).await
    }

    /// Takes in a number of a carrier of its own.
    async fn bring(&mut self, who: usize) -> String {
        let sip = json!({ "host": "sip.example.com", "signalling_cidrs": ["203.0.113.0/28"] });
        let mut body = json!({ "carrier": "custom", "e164": self.pick(&BROUGHT), "sip": sip });
        let agents = self.model.tenants[who].agents.clone();
        if self.flip(60)
            && let Some(agent) = self.pick(&agents)
        {
            (body["agent_id"], body["all_or_nothing"]) = (json!(agent), json!(self.flip(40)));
        }
        self.send_first(who, "import", body).await
    }

    async fn send_first(&mut self, who: usize, what: &str, body: Value) -> String {
        let key = self.name(what);
        self.model.tenants[who].sent.push(Sent { key, body, outcome: None, operation: None });
        let nth = self.model.tenants[who].sent.len() - 1;
        self.send(who, nth).await.unwrap_or_else(|broken| broken)
    }

    /// How calls are to get to an agent; mostly as its platform has it.
    fn method(&mut self) -> Option<&'static str> {
        if self.flip(50) { self.pick(&METHODS) } else { None }
    }

    async fn repeat(&mut self, who: usize) -> String {
        let all: Vec<usize> = (0..self.model.tenants[who].sent.len()).collect();
        match self.pick(&all) {
            Some(nth) => self.send(who, nth).await.unwrap_or_else(|broken| broken),
            None => format!("{who} repeats nothing"),
        }
    }

    /// Sends a purchase or an import, for the first time or again. An answer that contradicts an earlier one is an error.
    pub(crate) async fn send(&mut self, who: usize, nth: usize) -> Result<String, String> {
        let Sent { key, body, .. } = self.model.tenants[who].sent[nth].clone();
        let path = if body.get("sip").is_some() { "/v1/numbers/import" } else { "/v1/numbers" };
        let answer = self.ask(who, Method::POST, path, Some(&key), Some(body.clone())).await;
        let line = shown(who, &format!("asks {path} under {key:?} {body}"), &answer);
        let Some(answer) = answer else { return Ok(line) };
        let known = &mut self.model.tenants[who];
        let (outcome, operation) = match answer.status.as_u16() {
            201 => {
                known.note(&answer.body["number"]);
                (Some((201, answer.text("/number/id"))), Some(answer.text("/operation/id")))
            }
            202 => (None, Some(answer.text("/operation/id"))),
            status if !answer.text("/operation_id").is_empty() => {
                (Some((status, answer.text("/operation_id"))), Some(answer.text("/operation_id")))
            }
            // Refused before it began, or not known to have: the key may be free.
            _ => (None, None),
        };
        let sent = &mut known.sent[nth];
        let contradicts = |before: &Option<_>, now: &Option<_>| before.is_some() && now.is_some() && before != now;
        let after_all = sent.outcome.is_some() && outcome.is_none() && answer.status.as_u16() != 503;
        if contradicts(&sent.outcome, &outcome)
            || (sent.operation.is_some() && operation.is_some() && sent.operation != operation)
            || after_all
        {
            return Err(format!("BROKEN: {sent:?} was answered before, and now: {line}"));
        }
        sent.outcome = sent.outcome.clone().or(outcome);
        sent.operation = sent.operation.clone().or(operation);
        Ok(line)
    }

    fn some_number(&mut self, who: usize) -> Option<usize> {
        let all: Vec<usize> = (0..self.model.tenants[who].numbers.len()).collect();
        self.pick(&all)
    }

    async fn link(&mut self, who: usize) -> String {
        let agents = self.model.tenants[who].agents.clone();
        let (Some(nth), Some(agent)) = (self.some_number(who), self.pick(&agents)) else {
            return format!("{who} has nothing to link");
        };
        let id = self.model.tenants[who].numbers[nth].id.clone();
        let mut body = json!({ "agent_id": agent });
        if let Some(method) = self.method() {
            body["method"] = json!(method);
        }
        let answer = self.ask(who, Method::PUT, &format!("/v1/numbers/{id}/agent"), None, Some(body)).await;
        changed(&mut self.model.tenants[who].numbers[nth], &answer, &[("agent_id", json!(agent))]);
        shown(who, &format!("links {id} to {agent}"), &answer)
    }

    async fn unlink(&mut self, who: usize) -> String {
        let Some(nth) = self.some_number(who) else { return format!("{who} has nothing to unlink") };
        let id = self.model.tenants[who].numbers[nth].id.clone();
        let answer = self.ask(who, Method::DELETE, &format!("/v1/numbers/{id}/agent"), None, None).await;
        changed(&mut self.model.tenants[who].numbers[nth], &answer, &[("agent_id", Value::Null)]);
        shown(who, &format!("unlinks {id}"), &answer)
    }

    async fn release(&mut self, who: usize) -> String {
        let Some(nth) = self.some_number(who) else { return format!("{who} has nothing to release") };
        let id = self.model.tenants[who].numbers[nth].id.clone();
        let answer = self.ask(who, Method::DELETE, &format!("/v1/numbers/{id}"), None, None).await;
        let number = &mut self.model.tenants[who].numbers[nth];
        let locked = number.surely("locked", &json!(true)) && number.surely("status", &json!("active"));
        changed(number, &answer, &[("status", json!("released")), ("agent_id", Value::Null)]);
        let line = shown(who, &format!("releases {id}"), &answer);
        let gone = answer.is_some_and(|answer| answer.status.is_success());
        if locked && gone { format!("BROKEN: a locked number was released: {line}") } else { line }
    }

    async fn edit(&mut self, who: usize) -> String {
        let Some(nth) = self.some_number(who) else { return format!("{who} has nothing to edit") };
        let id = self.model.tenants[who].numbers[nth].id.clone();
        let projects = self.model.tenants[who].projects.clone();
        let (field, value) = match self.chance.random_range(0..5) {
            0 => ("name", json!(self.name("line"))),
            1 => ("fallback", json!("+13125550100")),
            2 => ("locked", json!(self.flip(50))),
            3 => ("project_id", json!(self.pick(&projects))),
            _ => ("primary", json!(self.flip(50))),
        };
        let body = json!({ field: value });
        let answer = self.ask(who, Method::PATCH, &format!("/v1/numbers/{id}"), None, Some(body.clone())).await;
        if field != "primary" {
            changed(&mut self.model.tenants[who].numbers[nth], &answer, &[(field, value)]);
        }
        shown(who, &format!("edits {id} {body}"), &answer)
    }

    async fn adjust(&mut self, who: usize) -> String {
        let units = self.chance.random_range(-3..8);
        let adjusted = Adjusted {
            key: self.name("adjustment"),
            amount: format!("{units}.25"),
            micros: units * 1_000_000 + if units < 0 { -250_000 } else { 250_000 },
            sure: false,
        };
        self.model.tenants[who].adjusted.push(adjusted);
        let nth = self.model.tenants[who].adjusted.len() - 1;
        self.book(who, nth).await
    }

    /// Books an adjustment, for the first time or again; a refusal takes it back.
    pub(crate) async fn book(&mut self, who: usize, nth: usize) -> String {
        let Adjusted { key, amount, .. } = self.model.tenants[who].adjusted[nth].clone();
        let path = format!("/v1/operator/tenants/{}/adjustments", self.model.tenants[who].tenant.id);
        let body = json!({ "amount": amount, "currency": "USD", "reason": key });
        let answer = self.ask_as(&self.operator.clone(), Method::POST, &path, Some(&key), Some(body)).await;
        let line = shown(who, &format!("gets {amount} under {key:?}"), &answer);
        let adjusted = &mut self.model.tenants[who].adjusted[nth];
        match answer.map(|answer| answer.status.as_u16()) {
            Some(200 | 201) => adjusted.sure = true,
            Some(503) | None => {}
            Some(_) => (adjusted.sure, adjusted.micros) = (true, 0),
        }
        line
    }

    async fn make_agent(&mut self, who: usize) -> String {
        let name = self.name("agent");
        let body = json!({ "name": name, "platform": self.pick(&PLATFORMS), "number": false });
        let answer = self.ask(who, Method::POST, "/v1/agents", Some(&name), Some(body)).await;
        let made = answer.as_ref().map(|answer| answer.text("/agent/id")).filter(|id| !id.is_empty());
        self.model.tenants[who].agents.extend(made);
        shown(who, "makes an agent", &answer)
    }

    async fn delete_agent(&mut self, who: usize) -> String {
        let agents = self.model.tenants[who].agents.clone();
        let Some(id) = self.pick(&agents) else { return format!("{who} has no agent to delete") };
        let used = self.model.tenants[who].numbers.iter().any(|number| number.surely("agent_id", &json!(id)));
        let answer = self.ask(who, Method::DELETE, &format!("/v1/agents/{id}"), None, None).await;
        let line = shown(who, &format!("deletes {id}"), &answer);
        let gone = answer.is_some_and(|answer| answer.status.is_success());
        if gone && used { format!("BROKEN: an agent in use was deleted: {line}") } else { line }
    }

    async fn make_project(&mut self, who: usize) -> String {
        let body = json!({ "name": self.name("project") });
        let answer = self.ask(who, Method::POST, "/v1/projects", None, Some(body)).await;
        let made = answer.as_ref().map(|answer| answer.text("/id")).filter(|id| !id.is_empty());
        self.model.tenants[who].projects.extend(made);
        shown(who, "makes a project", &answer)
    }

    async fn delete_project(&mut self, who: usize) -> String {
        let projects = self.model.tenants[who].projects.clone();
        let Some(id) = self.pick(&projects) else { return format!("{who} has no project to delete") };
        let answer = self.ask(who, Method::DELETE, &format!("/v1/projects/{id}"), None, None).await;
        shown(who, &format!("deletes {id}"), &answer)
    }

    /// Somebody tries another tenant's number.
    async fn pry(&mut self, who: usize) -> String {
        let other = (who + 1) % self.model.tenants.len();
        let Some(nth) = self.some_number(other) else { return format!("{who} finds nothing to pry into") };
        let id = self.model.tenants[other].numbers[nth].id.clone();
        let method = self.pick(&[Method::GET, Method::DELETE, Method::PATCH]).unwrap_or_default();
        let body = (method == Method::PATCH).then(|| json!({ "name": "mine" }));
        let answer = self.ask(who, method.clone(), &format!("/v1/numbers/{id}"), None, body).await;
        let line = shown(who, &format!("tries {method} on {id}, which is another's"), &answer);
        match answer.map(|answer| answer.status.as_u16()) {
            Some(404 | 503) | None => line,
            Some(_) => format!("BROKEN: {line}"),
        }
    }

    async fn call(&mut self, who: usize) -> String {
        let Some(nth) = self.some_number(who) else { return format!("nobody can call {who}") };
        let to = self.model.tenants[who].numbers[nth].e164.clone();
        let answer = self.pick(&["completed", "no-answer", "busy", "failed"]).unwrap_or_default();
        let request = json!({ "to": to, "from": "+14155550123", "answer": answer });
        let simulators = &self.app.system.simulators;
        let called = simulators.twilio.call(serde_json::from_value(request).expect("a call")).await;
        // What no carrier of ours brings may be a number of the platform's, or come to it by a trunk.
        let past_us = called.is_err().then(|| simulators.vapi.ring(&to, "+14155550123")).flatten();
        // What platforms tell of it comes at once, so that a seed replays.
        simulators.tell().await;
        match (called, past_us) {
            (Ok(called), _) => format!("a call to {to} of {who}: {} {}", called["call_sid"], called["status"]),
            (Err(_), Some(agent)) => format!("a call to {to} of {who}: {agent} answers"),
            (Err(why), None) => format!("a call to {to} of {who}: {why}"),
        }
    }

    fn sold_elsewhere(&mut self) -> String {
        let offers = self.offers.clone();
        let Some(e164) = self.pick(&offers) else { return "nothing is sold elsewhere".to_owned() };
        self.app.system.simulators.twilio.sold_elsewhere(&e164);
        format!("{e164} is sold elsewhere")
    }

    /// The operator buys a number in the same account, past the product.
    async fn bought_by_hand(&mut self) -> String {
        let offers = self.offers.clone();
        let Some(e164) = self.pick(&offers) else { return "nothing is bought by hand".to_owned() };
        // Buying what the account owns would change it: a careful operator looks first.
        let owned = self.app.system.simulators.twilio.state();
        if owned["numbers"].as_array().is_some_and(|owned| owned.iter().any(|number| number["e164"] == e164.as_str())) {
            return format!("{e164} is here already");
        }
        let name = self.name("by hand");
        let twilio = &self.app.system.simulators.twilio;
        let url = format!("{}/2010-04-01/Accounts/{}/IncomingPhoneNumbers.json", twilio.url, twilio.account_sid);
        let request = self.world.post(url).basic_auth(&twilio.account_sid, Some(&twilio.auth_token));
        let bought = request.form(&[("PhoneNumber", e164.as_str()), ("FriendlyName", &name)]).send().await;
        let said = bought.map_or_else(|_| "no answer".to_owned(), |answer| answer.status().as_u16().to_string());
        let owned = self.app.system.simulators.twilio.state();
        let ours = owned["numbers"].as_array().into_iter().flatten().find(|number| number["name"] == name.as_str());
        if let Some(id) = ours.and_then(|number| number["id"].as_str()) {
            self.model.untagged.insert(id.to_owned(), (e164.clone(), name));
        }
        format!("{e164} is bought by hand: {said}")
    }

    async fn fault(&mut self) -> String {
        let mut fault = if self.flip(60) {
            let (provider, operation) = self.pick(&THIRD_PARTIES).unwrap_or_default();
            let kind = self.pick(&KINDS).unwrap_or_default();
            match kind {
                "rejected" => json!({ "provider": provider, "operation": operation, "kind": "error", "status": 400 }),
                kind => json!({ "provider": provider, "operation": operation, "kind": kind }),
            }
        } else {
            let (operation, kind) = (self.pick(&BOOKS), self.pick(&KINDS_OF_BOOKS));
            json!({ "provider": "dynamodb", "operation": operation, "kind": kind })
        };
        fault["after"] = json!(self.chance.random_range(0..2));
        fault["times"] = json!(self.chance.random_range(1..5));
        self.app.fault(fault.clone()).await;
        format!("a fault is to come: {fault}")
    }

    /// Time passes, with a sweep now and then, in which a worker may die.
    async fn time_passes(&mut self) -> String {
        let span = self.pick(&SPANS).unwrap_or_default();
        for _ in 0..3 {
            // Whoever had a lease has lost it by now.
            self.app.restart_workers().await;
            let worker = self.app.system.worker.clone();
            let _ = self.app.mortal(async move { worker.tick(Job::Sweep).await.is_ok() }).await;
            self.pass("PT1M").await;
        }
        self.pass(span).await;
        format!("three minutes and {span} pass")
    }

    async fn pass(&self, span: &str) {
        let _ = self.app.local("clock", Some(json!({ "advance": span, "run_jobs": false }))).await.expect(200);
    }

    /// No faults to come any more.
    pub(crate) fn relent(&mut self) {
        let faults = self.app.system.simulators.faults.list();
        let fired = |fault: &Value| fault["fired"].as_u64().unwrap_or(0);
        self.happened += faults["items"].as_array().into_iter().flatten().map(fired).sum::<u64>();
        self.app.no_faults();
    }
}

/// What an answer says about these aspects of a number: so it is, so it may be, or as before.
fn changed(number: &mut Held, answer: &Option<Answer>, to: &[(&'static str, Value)]) {
    let undone = |answer: &Answer| !answer.text("/operation_id").is_empty() && answer.code() != "needs_operator";
    for (aspect, value) in to {
        match answer.as_ref().map(|answer| (answer.status.as_u16(), undone(answer))) {
            Some((200, _)) => number.is(aspect, value.clone()),
            Some((202, _) | (503, false)) | None => number.may_be(aspect, value.clone()),
            Some((_, _)) => {}
        }
    }
}

fn shown(who: usize, what: &str, answer: &Option<Answer>) -> String {
    match answer {
        Some(answer) if answer.status.as_u16() == 500 => {
            format!("BROKEN: {who} {what}: {} {}", answer.status, answer.body)
        }
        Some(answer) => format!("{who} {what}: {} {}", answer.status.as_u16(), answer.body),
        None => format!("{who} {what}: whoever was asked has died"),
    }
}
