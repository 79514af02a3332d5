//! What these stories share: a tenant with numbers bought on given days, and its ledger as a table.

use jiff::civil::Date;
use serde_json::{Value, json};
use tests::{Tenant, TestApp};

/// A tenant in a system of its own.
pub(crate) struct Story {
    pub(crate) app: TestApp,
    pub(crate) tenant: Tenant,
}

impl Story {
    /// A tenant on this plan with so many USD, at noon of a day.
    pub(crate) async fn on(date: &str, plan: &str, usd: &str) -> Self {
        let app = TestApp::start().await;
        let tenant = app.tenant(plan, usd).await;
        let story = Self { app, tenant };
        story.to(&format!("{date}T12:00:00Z")).await;
        story
    }

    /// Moves the clock, jobs running.
    pub(crate) async fn to(&self, instant: &str) -> Vec<(String, String)> {
        let moved = self.app.local("clock", Some(json!({ "to": instant }))).await.expect(200);
        let fired = moved.body["fired"].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        fired.iter().map(|fired| (text(&fired["job"]), text(&fired["at"]))).collect()
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

    /// A number as its tenant sees it.
    pub(crate) async fn number(&self, id: &str) -> Value {
        self.app.get(&self.tenant, &format!("/v1/numbers/{id}")).await.expect(200).body
    }

    /// A number's status.
    pub(crate) async fn status(&self, id: &str) -> String {
        self.number(id).await["status"].as_str().unwrap_or_default().to_owned()
    }

    /// First days of the periods a number was charged for, oldest first, with what was charged.
    pub(crate) async fn charged(&self, id: &str) -> Vec<(Date, String)> {
        let mut charged = Vec::new();
        let mut cursor = String::new();
        loop {
            let path = format!("/v1/wallet/entries?limit=100&number_id={id}{cursor}");
            let page = self.app.get(&self.tenant, &path).await.expect(200);
            for entry in page.body["items"].as_array().into_iter().flatten() {
                let start = entry["period"]["start"].as_str().unwrap_or_default().get(..10).unwrap_or_default();
                charged.push((start.parse().expect("a date"), entry["amount"]["amount"].to_string().replace('"', "")));
            }
            match page.body["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        charged.reverse();
        charged
    }

    /// What the outbox says happened, of one type.
    pub(crate) async fn events(&self, kind: &str) -> Vec<Value> {
        let path = format!("events?tenant={}", self.tenant.id);
        let all = self.app.local(&path, None).await.expect(200);
        let all = all.body["items"].as_array().cloned().unwrap_or_default();
        all.into_iter().filter(|event| event["type"] == kind).map(|event| event["data"].clone()).collect()
    }

    /// The operator puts money in.
    pub(crate) async fn fund(&self, usd: &str) {
        let body = json!({ "amount": usd, "currency": "USD", "reason": "Funds" });
        let path = format!("/v1/operator/tenants/{}/adjustments", self.tenant.id);
        let operator = self.app.operator().await;
        let _ = self.app.post(&operator, &path, &format!("fund {usd} {}", self.now().await), body).await.expect(201);
    }

    pub(crate) async fn now(&self) -> String {
        self.app.local("clock", None).await.expect(200).text("/now")
    }

    pub(crate) async fn job(&self, job: &str) -> Value {
        self.app.local(&format!("jobs/{job}"), Some(json!({}))).await.expect(200).body
    }
}
