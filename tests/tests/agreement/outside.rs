//! The hands of the world: whoever has the carrier's or the platform's console, acting on it as it pleases.

use domain::number::Carrier;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use simulators::vapi::{Manner, Tells};
use tests::{Tenant, TestApp};

/// What one thing is, as a run tells it: kind, action, and which number (digits) or thing (id) it is about.
pub(crate) type Told = (String, String, String);

/// A tenant in a system, with the consoles of carrier and platform open.
pub(crate) struct World {
    pub(crate) app: TestApp,
    pub(crate) tenant: Tenant,
    pub(crate) agent: String,
    client: Client,
}

impl World {
    /// A tenant with money and an agent.
    pub(crate) async fn begin(seed: u64) -> Self {
        Self::of(TestApp::seeded(seed).await).await
    }

    pub(crate) async fn of(app: TestApp) -> Self {
        let tenant = app.tenant("PRO", "100.00").await;
        let agent = app.agent(&tenant, "Front desk").await;
        Self { app, tenant, agent, client: Client::new() }
    }

    /// Buys a number, answered by the agent if `linked`; its id.
    pub(crate) async fn bought(&self, e164: &str, linked: bool) -> String {
        let _ = self.app.local("simulators/twilio/stock", Some(json!({ "e164": [e164] }))).await.expect(200);
        let agent = linked.then_some(&self.agent);
        let request = json!({ "e164": e164, "agent_id": agent });
        self.app.post(&self.tenant, "/v1/numbers", e164, request).await.expect(201).text("/number/id")
    }

    pub(crate) async fn number(&self, id: &str) -> Value {
        self.app.get(&self.tenant, &format!("/v1/numbers/{id}")).await.expect(200).body
    }

    /// POST /v1/operator/reconcile, to the end.
    pub(crate) async fn reconcile(&self, dry_run: bool) -> Value {
        let operator = self.app.operator().await;
        let path = "/v1/operator/reconcile";
        let run = self.app.post(&operator, path, "", json!({ "dry_run": dry_run })).await.expect(200);
        assert_eq!(run.text("/status"), "finished");
        run.body
    }

    /// What a run tells, in order of its words.
    pub(crate) async fn found(&self) -> Vec<Told> {
        told(&self.reconcile(false).await)
    }

    async fn carrier(&self, method: Method, resource: &str, form: &[(&str, &str)]) -> Value {
        let twilio = &self.app.system.simulators.twilio;
        let url = format!("{}/2010-04-01/Accounts/{}/{resource}.json", twilio.url, twilio.account_sid);
        let request = self.client.request(method, url).basic_auth(&twilio.account_sid, Some(&twilio.auth_token));
        let answer = request.form(form).send().await.expect("the carrier answers");
        assert!(answer.status().is_success(), "{}", answer.status());
        serde_json::from_str(&answer.text().await.expect("a whole answer")).unwrap_or_default()
    }

    /// The carrier's record of a number.
    pub(crate) async fn at_carrier(&self, e164: &str) -> Option<Value> {
        things(&self.app.state("twilio").await).into_iter().find(|number| number["e164"] == e164)
    }

    /// How often the carrier was asked for prices and said something, if only no.
    pub(crate) async fn prices_told(&self) -> usize {
        let state = self.app.state("twilio").await;
        let requests = state["requests"].as_array().expect("a list");
        requests.iter().filter(|request| request["operation"] == "prices.get").count()
    }

    /// Changes a number at the carrier.
    pub(crate) async fn set_at_carrier(&self, e164: &str, name: &str, value: &str) {
        let id = self.at_carrier(e164).await.expect("a number")["id"].as_str().expect("an id").to_owned();
        self.carrier(Method::POST, &format!("IncomingPhoneNumbers/{id}"), &[(name, value)]).await;
    }

    /// Gives a number back at the carrier.
    pub(crate) async fn delete_at_carrier(&self, e164: &str) {
        let id = self.at_carrier(e164).await.expect("a number")["id"].as_str().expect("an id").to_owned();
        self.carrier(Method::DELETE, &format!("IncomingPhoneNumbers/{id}"), &[]).await;
    }

    /// Buys a number at the carrier, by another way than ours, under this name (the carrier's own if empty).
    pub(crate) async fn buy_at_carrier(&self, e164: &str, name: &str) {
        let _ = self.app.local("simulators/twilio/stock", Some(json!({ "e164": [e164] }))).await.expect(200);
        self.carrier(Method::POST, "IncomingPhoneNumbers", &[("PhoneNumber", e164), ("FriendlyName", name)]).await;
    }

    /// Vapi, as whoever has its key.
    async fn platform(&self, method: Method, path: &str, body: Value) -> Value {
        self.at("vapi", method, path, body).await
    }

    /// A platform, as whoever has its key.
    pub(crate) async fn at(&self, platform: &str, method: Method, path: &str, body: Value) -> Value {
        let simulators = &self.app.system.simulators;
        let (url, key) = match platform {
            "retell" => (&simulators.retell.url, &simulators.retell.api_key),
            "elevenlabs" => (&simulators.elevenlabs.url, &simulators.elevenlabs.api_key),
            _ => (&simulators.vapi.url, &simulators.vapi.api_key),
        };
        let request = self.client.request(method, format!("{url}{path}"));
        let request =
            if platform == "elevenlabs" { request.header("xi-api-key", key) } else { request.bearer_auth(key) };
        let answer = request.json(&body).send().await.expect("the platform answers");
        assert!(answer.status().is_success(), "{}", answer.status());
        serde_json::from_str(&answer.text().await.expect("a whole answer")).unwrap_or_default()
    }

    /// On which platform a number is linked; an empty word when it is not.
    pub(crate) async fn platform_of(&self, number: &str) -> String {
        self.number_item(number).await["platform_ref"]["platform"].as_str().unwrap_or_default().to_owned()
    }

    /// The platform's record of what was made for a number: its tag is that of the number at the carrier, or of a later link.
    pub(crate) async fn at_platform(&self, number: &str) -> Option<Value> {
        let item = self.number_item(number).await;
        // Of a number that it is the carrier of, the platform has one record.
        let native = item["carrier"] == "vapi";
        let id = item[if native { "carrier_ref" } else { "platform_ref" }]["id"].as_str()?.to_owned();
        let platform = self.platform_of(number).await;
        things(&self.app.state(&platform).await).into_iter().find(|known| known["id"] == id.as_str())
    }

    async fn number_item(&self, number: &str) -> Value {
        let (tenant, id) = (self.tenant.id.parse().expect("a tenant"), number.parse().expect("a number"));
        let number = self.app.system.undisturbed.store.number_get(&tenant, &id).await.expect("the books answer");
        serde_json::to_value(number).expect("JSON")
    }

    /// Changes what the platform knows of a number.
    pub(crate) async fn set_at_platform(&self, number: &str, changes: Value) {
        let platform = self.platform_of(number).await;
        let path = self.path(number, &platform, "update").await;
        self.at(&platform, Method::PATCH, &path, changes).await;
    }

    /// Removes what the platform knows of a number.
    pub(crate) async fn delete_at_platform(&self, number: &str) {
        let platform = self.platform_of(number).await;
        let path = self.path(number, &platform, "delete").await;
        self.at(&platform, Method::DELETE, &path, json!({})).await;
    }

    /// Where the platform has what it knows of a number.
    async fn path(&self, number: &str, platform: &str, verb: &str) -> String {
        let known = self.at_platform(number).await.expect("a number");
        let id = known["id"].as_str().expect("an id");
        match platform {
            "retell" => format!("/{verb}-phone-number/{}", id.replace('+', "%2B")),
            "elevenlabs" => format!("/v1/convai/phone-numbers/{id}"),
            _ => format!("/phone-number/{id}"),
        }
    }

    /// The platform calls a number otherwise.
    pub(crate) async fn rename_at_platform(&self, number: &str, name: &str) {
        let field = match self.platform_of(number).await.as_str() {
            "retell" => "nickname",
            "elevenlabs" => "label",
            _ => "name",
        };
        self.set_at_platform(number, json!({ field: name })).await;
    }

    /// The platform lets this agent answer a number, by the platform's id; or none.
    pub(crate) async fn bind_at_platform(&self, number: &str, agent: Option<&str>) {
        let changes = match self.platform_of(number).await.as_str() {
            "retell" => {
                let agents = agent.map(|id| json!([{ "agent_id": id, "weight": 1 }]));
                json!({ "inbound_agents": agents, "outbound_agents": agents })
            }
            "elevenlabs" => json!({ "agent_id": agent }),
            _ => json!({ "assistantId": agent }),
        };
        self.set_at_platform(number, changes).await;
    }

    /// An agent of the tenant on this platform: our id of it, and the platform's.
    pub(crate) async fn agent_on(&self, platform: &str, name: &str) -> (String, String) {
        let wish = json!({ "name": name, "platform": platform, "number": false });
        let key = format!("{name} on {platform}");
        let id = self.app.post(&self.tenant, "/v1/agents", &key, wish).await.expect(201).text("/agent/id");
        let known = self.app.get(&self.tenant, &format!("/v1/agents/{id}")).await.expect(200);
        (id, known.text("/platform_agent_id"))
    }

    /// Buys a number that this agent answers in this way; its id.
    pub(crate) async fn bought_by(&self, e164: &str, agent: &str, method: &str) -> String {
        let _ = self.app.local("simulators/twilio/stock", Some(json!({ "e164": [e164] }))).await.expect(200);
        let wish = json!({ "e164": e164, "agent_id": agent, "method": method });
        let bought = self.app.post(&self.tenant, "/v1/numbers", e164, wish).await.expect(201);
        assert_eq!(bought.text("/number/link/status"), "linked", "{}", bought.body);
        bought.text("/number/id")
    }

    /// Buys what this carrier sells besides Twilio's numbers, for the agent; its digits and its id.
    pub(crate) async fn bought_from(&self, carrier: Carrier) -> (String, String) {
        let simulators = &self.app.system.simulators;
        let (e164, mut wish) = match carrier {
            Carrier::Netgsm => ("+908505550142", json!({ "e164": "+908505550142" })),
            _ => ("+12055550142", json!({ "carrier": "vapi", "country": "US", "area_code": "205" })),
        };
        wish["agent_id"] = json!(self.agent);
        let stock = json!({ "e164": [e164] });
        let stocked =
            if carrier == Carrier::Netgsm { simulators.netgsm.stock(&stock) } else { simulators.vapi.stock(&stock) };
        let _ = stocked.expect("a number");
        let path = format!("/v1/operator/tenants/{}/adjustments", self.tenant.id);
        let paid = json!({ "amount": "100.00", "currency": "TRY", "reason": "paid by transfer" });
        let _ = self.app.post(&self.app.operator().await, &path, "lira", paid).await;
        let bought = self.app.post(&self.tenant, "/v1/numbers", e164, wish).await;
        let _ = self.app.advance("PT5M").await;
        let number = self.number(&bought.text("/operation/number_id")).await;
        assert_eq!((&number["e164"], &number["link"]["status"]), (&json!(e164), &json!("linked")), "{number}");
        (e164.to_owned(), bought.text("/operation/number_id"))
    }

    /// Orders one of Vapi's own numbers, by another way than ours, under this name; it is usable at once.
    pub(crate) async fn order_at_vapi(&self, e164: &str, name: &str) {
        let vapi = &self.app.system.simulators.vapi;
        vapi.set_manner(Manner { most: 20, activation_s: 0, tells: Tells::AtOnce });
        let _ = vapi.stock(&json!({ "e164": [e164] })).expect("a number");
        let order = json!({ "provider": "vapi", "numberDesiredAreaCode": &e164[2..5], "name": name });
        self.platform(Method::POST, "/phone-number", order).await;
    }

    /// Makes a SIP number at the platform, by another way than ours; its id.
    pub(crate) async fn make_at_platform(&self, name: &str) -> String {
        let body = json!({ "provider": "vapi", "sipUri": format!("sip:{name}@sip.vapi.ai"), "name": name });
        self.platform(Method::POST, "/phone-number", body).await["id"].as_str().expect("an id").to_owned()
    }

    /// Another assistant of the organisation.
    pub(crate) async fn another_assistant(&self) -> String {
        self.platform(Method::POST, "/assistant", json!({ "name": "Somebody else" })).await["id"]
            .as_str()
            .expect("an id")
            .to_owned()
    }

    /// What invariants say of the books, without what is at the third parties.
    pub(crate) async fn violations(&self) -> Vec<Value> {
        self.app.violations().await.as_array().cloned().unwrap_or_default()
    }
}

/// The numbers a third party shows.
pub(crate) fn things(state: &Value) -> Vec<Value> {
    state["numbers"].as_array().cloned().unwrap_or_default()
}

/// What a run tells, in order of its words.
pub(crate) fn told(run: &Value) -> Vec<Told> {
    let word = |finding: &Value, field: &str| finding[field].as_str().unwrap_or_default().to_owned();
    let mut all: Vec<Told> = run["findings"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|finding| {
            // What has no number begins with the third party's id of it.
            let detail = word(finding, "detail");
            let subject = match word(finding, "e164") {
                e164 if e164.is_empty() => detail.split_whitespace().next().unwrap_or_default().to_owned(),
                e164 => e164,
            };
            (word(finding, "kind"), word(finding, "action"), subject)
        })
        .collect();
    all.sort();
    all
}

/// As it is expected to be told.
pub(crate) fn finding(kind: &str, action: &str, subject: &str) -> Told {
    (kind.to_owned(), action.to_owned(), subject.to_owned())
}

impl World {
    /// Time passes, and nothing of ours runs.
    pub(crate) async fn outage(&self, span: &str) {
        let _ = self.app.local("clock", Some(json!({ "advance": span, "run_jobs": false }))).await.expect(200);
    }
}
