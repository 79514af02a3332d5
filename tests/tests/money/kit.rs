//! What these stories share: a tenant with numbers bought on given days, and its ledger as a table.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::civil::Date;
use local::system::TABLE;
use serde_json::{Value, json};
use tests::{Answer, Tenant, TestApp};

/// Every sum is another one, though it be the same.
static FUNDED: AtomicU64 = AtomicU64::new(0);

/// An item of the table.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// A tenant in a system of its own.
pub(crate) struct Story {
    pub(crate) app: TestApp,
    pub(crate) tenant: Tenant,
}

impl Story {
    /// A tenant on this plan with so many USD, at noon of a day.
    pub(crate) async fn on(date: &str, plan: &str, usd: &str) -> Self {
        let app = TestApp::start().await;
        Self::of(app, date, plan, usd).await
    }

    /// The same in a system that goes on with what is kept in a folder.
    pub(crate) async fn kept_in(folder: &Path, date: &str, plan: &str, usd: &str) -> Self {
        let app = TestApp::kept_in(folder, 1).await;
        Self::of(app, date, plan, usd).await
    }

    async fn of(app: TestApp, date: &str, plan: &str, usd: &str) -> Self {
        let tenant = app.tenant(plan, usd).await;
        let story = Self { app, tenant };
        story.to(&format!("{date}T12:00:00Z")).await;
        story
    }

    /// Moves the clock, jobs running.
    pub(crate) async fn to(&self, instant: &str) -> Vec<(String, String)> {
        let moved = self.app.local("clock", Some(json!({ "to": instant }))).await.expect(200);
        let fired = moved.body["fired"].as_array().cloned().unwrap_or_default();
        fired.iter().map(|fired| (text(fired, "/job"), text(fired, "/at"))).collect()
    }

    /// Time passes and nothing fires.
    pub(crate) async fn outage_until(&self, instant: &str) {
        let _ = self.app.local("clock", Some(json!({ "to": instant, "run_jobs": false }))).await.expect(200);
    }

    /// Buys any number; its id.
    pub(crate) async fn bought(&self, key: &str) -> String {
        let request = json!({ "country": "US", "area_code": "212" });
        self.app.post(&self.tenant, "/v1/numbers", key, request).await.expect(201).text("/number/id")
    }

    /// Buys a number that an agent answers; its id.
    pub(crate) async fn bought_with_an_agent(&self, key: &str) -> String {
        let agent = self.app.agent(&self.tenant, "Front desk").await;
        let request = json!({ "country": "US", "area_code": "212", "agent_id": agent });
        self.app.post(&self.tenant, "/v1/numbers", key, request).await.expect(201).text("/number/id")
    }

    /// Lets an agent at Retell answer a number, whose calls go past us from now on.
    pub(crate) async fn linked_by_trunk(&self, number: &str) {
        let wish = json!({ "name": "Past us", "platform": "retell", "number": false });
        let agent = self.app.post(&self.tenant, "/v1/agents", "past us", wish).await.expect(201).text("/agent/id");
        let link = json!({ "agent_id": agent, "method": "trunk" });
        let linked = self.app.put(&self.tenant, &format!("/v1/numbers/{number}/agent"), link).await.expect(200);
        assert_eq!(linked.text("/number/link/method"), "trunk");
    }

    /// GET, which must be answered.
    pub(crate) async fn get(&self, path: &str) -> Value {
        self.app.get(&self.tenant, path).await.expect(200).body
    }

    /// A number as its tenant sees it.
    pub(crate) async fn number(&self, id: &str) -> Value {
        self.get(&format!("/v1/numbers/{id}")).await
    }

    /// A number's status.
    pub(crate) async fn status(&self, id: &str) -> String {
        text(&self.number(id).await, "/status")
    }

    /// These numbers' statuses.
    pub(crate) async fn statuses(&self, ids: &[&String]) -> Vec<String> {
        let mut statuses = Vec::new();
        for id in ids {
            statuses.push(self.status(id).await);
        }
        statuses
    }

    /// The end of what is paid for of a number, as a date.
    pub(crate) async fn paid_through(&self, id: &str) -> String {
        text(&self.number(id).await, "/paid_through").chars().take(10).collect()
    }

    /// PATCH of a number, which must succeed.
    pub(crate) async fn edit(&self, id: &str, changes: Value) {
        let _ = self.app.patch(&self.tenant, &format!("/v1/numbers/{id}"), changes).await.expect(200);
    }

    /// DELETE of a number, now.
    pub(crate) async fn release(&self, id: &str) -> Answer {
        self.app.delete(&self.tenant, &format!("/v1/numbers/{id}")).await
    }

    /// First days of the periods a number was charged for, oldest first, with what was charged.
    pub(crate) async fn charged(&self, id: &str) -> Vec<(Date, String)> {
        let entries = self.entries(&format!("&number_id={id}")).await;
        let charges = entries.iter().rev().filter(|entry| entry["kind"] == "number_charge");
        charges.map(|entry| (start(entry), text(entry, "/amount/amount"))).collect()
    }

    /// All entries of a query, newest first.
    pub(crate) async fn entries(&self, query: &str) -> Vec<Value> {
        self.entries_by(100, query).await
    }

    /// All entries of a query, so many a page, newest first.
    pub(crate) async fn entries_by(&self, limit: u16, query: &str) -> Vec<Value> {
        let (mut entries, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("/v1/wallet/entries?limit={limit}{query}{cursor}")).await;
            entries.extend(page["items"].as_array().cloned().unwrap_or_default());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return entries,
            }
        }
    }

    /// What the wallet has.
    pub(crate) async fn balance(&self) -> String {
        self.app.wallet(&self.tenant).await.0
    }

    /// What the outbox says happened, of one type.
    pub(crate) async fn events(&self, kind: &str) -> Vec<Value> {
        let all = self.all_events().await;
        all.into_iter().filter(|event| event["type"] == kind).map(|event| event["data"].clone()).collect()
    }

    /// All that the outbox says happened.
    pub(crate) async fn all_events(&self) -> Vec<Value> {
        let path = format!("events?tenant={}", self.tenant.id);
        let all = self.app.local(&path, None).await.expect(200);
        all.body["items"].as_array().cloned().unwrap_or_default()
    }

    /// Of which days the tenant was told about a number, in order.
    pub(crate) async fn told(&self, id: &str) -> Vec<u64> {
        let told = self.events("number.dunning_notice").await;
        let mut days: Vec<u64> =
            told.iter().filter(|told| told["number_id"] == id).filter_map(|told| told["day"].as_u64()).collect();
        days.sort_unstable();
        days
    }

    /// The operator sets a number aside.
    pub(crate) async fn park(&self, id: &str) -> Answer {
        let body = json!({ "tenant_id": self.tenant.id, "reason": "The carrier does not know it" });
        let path = format!("/v1/operator/numbers/{id}/park");
        self.app.post(&self.app.operator().await, &path, "park", body).await
    }

    /// The operator decides about a parked number.
    pub(crate) async fn resolve(&self, id: &str, decision: &str) -> Answer {
        let body = json!({ "tenant_id": self.tenant.id, "decision": decision, "reason": "It was looked into" });
        let path = format!("/v1/operator/numbers/{id}/resolve");
        self.app.post(&self.app.operator().await, &path, "resolve", body).await
    }

    /// The operator puts money in; what it is to pay for is queued.
    pub(crate) async fn fund(&self, usd: &str) {
        let body = json!({ "amount": usd, "currency": "USD", "reason": "Funds" });
        let path = format!("/v1/operator/tenants/{}/adjustments", self.tenant.id);
        let operator = self.app.operator().await;
        let nth = FUNDED.fetch_add(1, Ordering::Relaxed);
        let _ = self.app.post(&operator, &path, &format!("fund {nth}"), body).await.expect(201);
    }

    /// The operator puts money in, and what it pays for is paid.
    pub(crate) async fn recover(&self, usd: &str) {
        self.fund(usd).await;
        let _ = self.app.drain().await.expect(200);
    }

    pub(crate) async fn now(&self) -> String {
        self.app.local("clock", None).await.expect(200).text("/now")
    }

    pub(crate) async fn job(&self, job: &str) -> Value {
        self.app.local(&format!("jobs/{job}"), Some(json!({}))).await.expect(200).body
    }

    /// What the operator asks.
    pub(crate) async fn operator_asks(&self, path: &str) -> Value {
        self.app.get(&self.app.operator().await, &format!("/v1/operator/{path}")).await.expect(200).body
    }

    /// Somebody calls a number: the documents the caller's carrier was given.
    pub(crate) async fn call(&self, id: &str, answer: &str) -> Vec<String> {
        let to = text(&self.number(id).await, "/e164");
        let call = json!({ "to": to, "from": "+13125550199", "answer": answer });
        let made = self.app.local("simulators/twilio/call", Some(call)).await.expect(200).body;
        let documents = made["twiml"].as_array().cloned().unwrap_or_default();
        documents.iter().filter_map(|document| document.as_str().map(str::to_owned)).collect()
    }

    /// Moves and removes attributes of an item of the tenant past the product.
    pub(crate) async fn item_by_hand(&self, sk: &str, expression: &str, values: &[(&str, AttributeValue)]) {
        let mut update = self.app.system.table.update_item().table_name(TABLE).update_expression(expression);
        update = update.key("pk", AttributeValue::S(format!("TEN#{}", self.tenant.id)));
        update = update.key("sk", AttributeValue::S(sk.to_owned()));
        for (name, value) in values {
            update = update.expression_attribute_values(*name, value.clone());
        }
        let _ = update.send().await.expect("the books can be written");
    }

    /// Everything in the table, sorted.
    pub(crate) async fn books(&self) -> Vec<Item> {
        let (mut books, mut start) = (Vec::new(), None);
        loop {
            let page = self.app.system.table.scan().table_name(TABLE).set_exclusive_start_key(start).send().await;
            let page = page.expect("the books can be read");
            books.extend(page.items.unwrap_or_default());
            start = page.last_evaluated_key;
            if start.is_none() {
                break;
            }
        }
        books.sort_by_key(|item| ["pk", "sk"].map(|key| item[key].as_s().cloned().unwrap_or_default()));
        books
    }
}

/// A text in JSON, by pointer; empty when there is none.
pub(crate) fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// First day of an entry's period.
fn start(entry: &Value) -> Date {
    text(entry, "/period/start").get(..10).and_then(|date| date.parse().ok()).expect("a date")
}

/// First days of what was charged.
pub(crate) fn dates(charged: &[(Date, String)]) -> Vec<String> {
    charged.iter().map(|(start, _)| start.to_string()).collect()
}
