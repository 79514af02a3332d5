//! Months pass: numbers are bought, let go, kept after all; money comes and runs out; ticks come late, twice, or die in the
//! middle. After each stretch, and a few days of peace, every period must have been charged once or be in dunning by the
//! rules.

use std::collections::BTreeMap;

use domain::Clock;
use jiff::Timestamp;
use local::worker::Job;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use reqwest::Method;
use serde_json::{Value, json};
use tests::{Answer, Tenant, TestApp};

use crate::play::Played;

/// Stretches of a life.
const STRETCHES: usize = 8;
const JOBS: [Job; 4] = [Job::Sweep, Job::Renew, Job::Dun, Job::Release];
const BOOKS: [&str; 5] = ["transact", "put", "get", "update", "query"];
const KINDS: [&str; 5] = ["lost_reply", "timeout", "throttle", "crash", "conflict"];

struct Life {
    app: TestApp,
    tenants: Vec<Tenant>,
    /// An agent of each, to whom calls go past us.
    agents: Vec<String>,
    chance: StdRng,
    trace: Vec<String>,
    names: u32,
    happened: u64,
}

/// Lives through one seed.
pub(crate) async fn live(seed: u64) -> Played {
    let app = TestApp::seeded(seed).await;
    let (mut tenants, mut agents) = (Vec::new(), Vec::new());
    for (plan, funds) in [("PRO", "8.00"), ("BUNDLE", "5.00"), ("ENTERPRISE", "12.00")] {
        let tenant = app.tenant(plan, funds).await;
        let wish = json!({ "name": "Past us", "platform": "retell", "number": false });
        agents.push(app.post(&tenant, "/v1/agents", "past us", wish).await.expect(201).text("/agent/id"));
        tenants.push(tenant);
    }
    let chance = StdRng::seed_from_u64(seed);
    let mut life = Life { app, tenants, agents, chance, trace: Vec::new(), names: 0, happened: 0 };
    let mut broken = None;
    for who in [0, 0, 1, 1, 1, 2, 2, 2] {
        life.buy(who).await;
        let days = life.chance.random_range(0..6);
        life.pass(&format!("PT{}H", 24 * days)).await;
    }
    for _ in 0..STRETCHES {
        for _ in 0..life.chance.random_range(1..5) {
            life.something().await;
        }
        life.days().await;
        if let Err(why) = life.peace().await {
            broken = Some(why);
            break;
        }
    }
    Played { trace: life.trace, happened: life.happened, broken }
}

impl Life {
    fn pick<T: Clone>(&mut self, from: &[T]) -> Option<T> {
        from.choose(&mut self.chance).cloned()
    }

    fn name(&mut self, of: &str) -> String {
        self.names += 1;
        format!("{of} {}", self.names)
    }

    /// A tenant or the operator does something, or something is about to go wrong.
    async fn something(&mut self) {
        let who = self.chance.random_range(0..self.tenants.len());
        let numbers = self.numbers(who).await;
        let number = self.pick(&numbers).map(|number| number["id"].as_str().unwrap_or_default().to_owned());
        let at = number.as_deref().unwrap_or("num_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b").to_owned();
        let key = self.name("key");
        let line = match self.chance.random_range(0..100) {
            0..12 => return self.buy(who).await,
            12..28 => {
                if self.chance.random_bool(0.7) {
                    self.is_left_a_cent(who).await;
                }
                return self.call(who, &numbers).await;
            }
            28..42 => {
                let usd = format!("{}.50", self.chance.random_range(1..9));
                let path = format!("/v1/operator/tenants/{}/adjustments", self.tenants[who].id);
                let body = json!({ "amount": usd, "currency": "USD", "reason": key });
                let operator = self.app.operator().await;
                let answer = self.app.post(&operator, &path, &key, body).await;
                format!("{who} gets {usd}: {}", answer.status.as_u16())
            }
            42..46 => {
                let path = format!("/v1/numbers/{at}?when=period_end");
                self.ask(who, Method::DELETE, &path, &key, None).await
            }
            46..49 => self.ask(who, Method::POST, &format!("/v1/numbers/{at}/undo-release"), &key, None).await,
            49..51 => self.ask(who, Method::DELETE, &format!("/v1/numbers/{at}"), &key, None).await,
            51..56 => {
                let (field, on) = (self.pick(&["primary", "locked"]).unwrap_or_default(), self.chance.random_bool(0.5));
                let path = format!("/v1/numbers/{at}");
                self.ask(who, Method::PATCH, &path, &key, Some(json!({ field: on }))).await
            }
            _ => {
                let (operation, kind) = (self.pick(&BOOKS), self.pick(&KINDS));
                // A conflict is told of transactions only.
                let operation = if kind == Some("conflict") { Some("transact") } else { operation };
                let (after, times) = (self.chance.random_range(0..25), self.chance.random_range(1..5));
                let fault = json!({
                    "provider": "dynamodb", "operation": operation, "kind": kind, "after": after, "times": times,
                });
                self.app.fault(fault.clone()).await;
                format!("a fault is to come: {fault}")
            }
        };
        self.trace.push(line);
    }

    async fn buy(&mut self, who: usize) {
        let (key, mut body) = (self.name("purchase"), json!({ "country": "US", "area_code": "212" }));
        if self.chance.random_bool(0.5) {
            (body["agent_id"], body["method"]) = (json!(self.agents[who]), json!("trunk"));
        }
        let line = self.ask(who, Method::POST, "/v1/numbers", &key, Some(body)).await;
        self.trace.push(line);
    }

    /// Somebody calls a few times, and the platform tells us of those that get through to it.
    async fn call(&mut self, who: usize, numbers: &[Value]) {
        let linked: Vec<_> = numbers.iter().filter(|number| number["link"]["status"] == "linked").collect();
        let Some(number) = self.pick(&linked) else { return };
        let call = json!({ "to": number["e164"], "from": "+14155550123" });
        for _ in 0..3 {
            let called =
                self.app.system.simulators.twilio.call(serde_json::from_value(call.clone()).expect("a call")).await;
            self.app.system.simulators.tell().await;
            self.trace.push(format!(
                "a call to {} of {who}: {:?}",
                number["e164"],
                called.map(|call| call["status"].clone())
            ));
        }
    }

    /// The operator takes back what a tenant has, but for a cent.
    async fn is_left_a_cent(&mut self, who: usize) {
        let micros = self.available(who).await - 10_000;
        if micros > 0 {
            let (path, key) = (format!("/v1/operator/tenants/{}/adjustments", self.tenants[who].id), self.name("key"));
            let amount = domain::Money::from_micros(-micros, domain::Currency::USD).amount();
            let body = json!({ "amount": amount, "currency": "USD", "reason": "a mistake" });
            let answer = self.app.post(&self.app.operator().await, &path, &key, body).await;
            self.trace.push(format!("{who} is left a cent of {micros}: {}", answer.status.as_u16()));
        }
    }

    /// What a tenant has, in micro-dollars.
    async fn available(&self, who: usize) -> i64 {
        let wallet = self.read(who, "/v1/wallet").await;
        let available = wallet.body["wallets"][0]["available"]["amount"].as_str().unwrap_or("0.00").to_owned();
        domain::Money::parse(&available, domain::Currency::USD).map_or(0, |money| money.micros)
    }

    async fn ask(&mut self, who: usize, method: Method, path: &str, key: &str, body: Option<Value>) -> String {
        let token = self.tenants[who].token.clone();
        let shown = format!("{who} {method} {path}");
        let answer: Option<Answer> = self.app.invoke(method, path, &token, &[("Idempotency-Key", key)], body).await;
        match answer {
            Some(answer) if answer.status.as_u16() == 500 => format!("{shown}: BROKEN {}", answer.body),
            Some(answer) => format!("{shown}: {} {}", answer.status.as_u16(), answer.code()),
            None => {
                self.app.restart_workers().await;
                format!("{shown}: whoever was asked has died")
            }
        }
    }

    /// A stretch of days. On some of them jobs tick, late and more than once; on others there is an outage.
    async fn days(&mut self) {
        for _ in 0..self.chance.random_range(2..30) {
            self.pass("PT24H").await;
            if self.chance.random_bool(0.2) {
                continue;
            }
            for job in JOBS {
                if self.chance.random_bool(0.1) {
                    continue;
                }
                self.tick(job).await;
            }
        }
        let now = self.app.system.clock.now();
        self.trace.push(format!("it is {now}"));
    }

    async fn tick(&mut self, job: Job) {
        let worker = self.app.system.worker.clone();
        let worked = self.app.mortal(async move { worker.tick(job).await.is_ok() }).await;
        if worked.is_none() {
            self.trace.push(format!("{} dies", job.name()));
            self.app.restart_workers().await;
        }
    }

    async fn pass(&self, span: &str) {
        let _ = self.app.local("clock", Some(json!({ "advance": span, "run_jobs": false }))).await.expect(200);
    }

    /// No faults to come, and three days on which every job ticks. Then nothing is left to be done.
    async fn peace(&mut self) -> Result<(), String> {
        let faults = self.app.system.simulators.faults.list();
        let fired = |fault: &Value| fault["fired"].as_u64().unwrap_or(0);
        self.happened += faults["items"].as_array().into_iter().flatten().map(fired).sum::<u64>();
        self.app.no_faults();
        self.app.restart_workers().await;
        let _ = self.app.advance("PT72H").await;
        let _ = self.app.drain().await.expect(200);
        let violations = self.app.violations().await;
        if violations != json!([]) {
            return Err(format!("violations: {violations}"));
        }
        if let Some(broken) = self.trace.iter().find(|line| line.contains("BROKEN")) {
            return Err(broken.clone());
        }
        for who in 0..self.tenants.len() {
            self.owes_what_it_cannot_pay(who).await?;
            self.told_once_a_stage(who).await?;
            self.gets_the_calls_it_pays_for(who).await?;
        }
        Ok(())
    }

    /// Whoever serves is paid for or past due, and whoever is past due cannot be paid for.
    async fn owes_what_it_cannot_pay(&mut self, who: usize) -> Result<(), String> {
        let now = self.app.system.clock.now();
        let available = self.available(who).await;
        let numbers = self.numbers(who).await;
        self.trace.push(format!("    {who} has {available} and {}", numbers.len()));
        for number in &numbers {
            let paid: Option<Timestamp> = number["paid_through"].as_str().and_then(|paid| paid.parse().ok());
            let paid = paid.is_some_and(|paid| paid > now);
            let wrong = match number["status"].as_str() {
                Some("active") => !paid,
                Some("past_due" | "suspended") => paid || available >= 1_500_000 * numbers.len() as i64 * 14,
                Some("releasing" | "pending") => true,
                Some(_) | None => false,
            };
            if wrong {
                return Err(format!("tenant {who} with {available} has {number} at {now}"));
            }
        }
        Ok(())
    }

    /// Calls past us are barred as long as one is owed, and not a day longer.
    async fn gets_the_calls_it_pays_for(&mut self, who: usize) -> Result<(), String> {
        let tenant_id = self.tenants[who].id.parse().expect("a tenant");
        let wallet = domain::wallet::WalletRef { tenant_id, currency: domain::Currency::USD };
        let owed = self.app.system.undisturbed.store.unpaid_calls(&wallet).await.expect("the books answer").len();
        let (numbers, mut bars) = (self.numbers(who).await, 0);
        for number in &numbers {
            let active = number["status"] == "active" && number["link"]["method"] == "trunk";
            let barred = number["link"]["reason"].as_str().is_some_and(|reason| reason.contains("not paid for"));
            bars += u64::from(barred);
            if active && barred != (owed > 0) {
                return Err(format!("tenant {who} owes {owed} calls and has {number}"));
            }
        }
        self.trace.push(format!("    {who} owes {owed} calls; {bars} of its numbers are barred"));
        Ok(())
    }

    /// Each stage is told once a cycle, and no stage before the one before it.
    async fn told_once_a_stage(&mut self, who: usize) -> Result<(), String> {
        let events = self.app.local(&format!("events?tenant={}", self.tenants[who].id), None).await.expect(200);
        let mut last: BTreeMap<String, i64> = BTreeMap::new();
        for event in events.body["items"].as_array().into_iter().flatten() {
            let number = event["data"]["number_id"].as_str().unwrap_or_default().to_owned();
            match event["type"].as_str() {
                Some("number.dunning_notice") => {
                    let day = event["data"]["day"].as_i64().unwrap_or(-1);
                    let before = last.insert(number.clone(), day);
                    let follows = match before {
                        None => day == 0,
                        Some(before) => [(0, 3), (3, 6), (6, 7)].contains(&(before, day)),
                    };
                    if !follows {
                        return Err(format!("tenant {who} was told day {day} of {number} after {before:?}"));
                    }
                }
                Some("number.recovered" | "number.resumed") => {
                    last.remove(&number);
                }
                Some(_) | None => {}
            }
        }
        Ok(())
    }

    /// What is there, asked for until a fault that is still to come does not strike.
    async fn read(&self, who: usize, path: &str) -> Answer {
        for _ in 0..10 {
            let answer = self.app.get(&self.tenants[who], path).await;
            if answer.status.as_u16() != 503 {
                return answer.expect(200);
            }
        }
        panic!("{path} is never answered");
    }

    async fn numbers(&self, who: usize) -> Vec<Value> {
        let list = self.read(who, "/v1/numbers?limit=100").await;
        list.body["items"].as_array().cloned().unwrap_or_default()
    }
}
