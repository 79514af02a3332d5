//! The system under test: everything real, in memory, on a clock that stands still and ids that replay from a seed.
//!
//! A crash here is the death of whoever was working: the fault's commit is durable, the answer never comes, who works by
//! [`TestApp::mortal`] never takes another step, and the leases of the dead are ended as a restart would
//! ([`TestApp::restart_workers`]).

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use domain::Clock;
use http_body_util::BodyExt;
use jiff::Timestamp;
use local::system::{self, Config, System};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use shared::http::auth::ClaimNames;
use tokio::task::AbortHandle;
use tower::ServiceExt;

use crate::unseen;

/// Where every test's clock begins.
pub const BEGINNING: &str = "2027-01-15T10:00:00Z";

/// The system and a client.
#[derive(Debug)]
pub struct TestApp {
    /// The system itself.
    pub system: System,
    /// How often a `crash` fault struck.
    pub crashes: tokio::sync::watch::Receiver<u64>,
    pub(crate) client: reqwest::Client,
    mortals: Arc<Mutex<Vec<AbortHandle>>>,
}

/// A tenant and its owner's token.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// Its id.
    pub id: String,
    /// A token of the role `owner`.
    pub token: String,
}

/// An answer, read.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: http::HeaderMap,
    /// Body; null when there is none, a string when it is not JSON.
    pub body: Value,
}

impl Answer {
    /// The problem's code, or an empty string.
    #[must_use]
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// A text in the body, by JSON pointer; empty when there is none.
    #[must_use]
    pub fn text(&self, pointer: &str) -> String {
        self.body.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// This answer, which must have this status.
    ///
    /// # Panics
    /// When it has another.
    #[must_use]
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self
    }
}

impl TestApp {
    /// A fresh system.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start() -> Self {
        Self::seeded(1).await
    }

    /// A fresh system whose ids come from this seed.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn seeded(seed: u64) -> Self {
        let beginning: Timestamp = BEGINNING.parse().expect("an instant");
        Self::replaying(Some((seed, beginning)), None).await
    }

    /// A system that goes on with what is kept in this folder.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn kept_in(folder: &Path, seed: u64) -> Self {
        let beginning: Timestamp = BEGINNING.parse().expect("an instant");
        Self::replaying(Some((seed, beginning)), Some(folder.to_owned())).await
    }

    /// A system that goes on with what is kept in this folder, under this price book.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn kept_in_with_prices(folder: &Path, seed: u64, price_book: String) -> Self {
        let beginning: Timestamp = BEGINNING.parse().expect("an instant");
        let config = Config {
            replay: Some((seed, beginning)),
            data: Some(folder.to_owned()),
            price_book: price_book.into(),
            ..Config::in_memory()
        };
        Self::configured(config).await
    }

    /// A fresh system with this price book, whose operator has business addresses in these countries.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn requiring(price_book: String, addresses: &'static [&'static str]) -> Self {
        let beginning: Timestamp = BEGINNING.parse().expect("an instant");
        let replay = Some((1, beginning));
        Self::configured(Config { replay, price_book: price_book.into(), addresses, ..Config::in_memory() }).await
    }

    /// A fresh system in which numbers of Netgsm are ordered and cancelled by hand.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn by_hand() -> Self {
        let beginning: Timestamp = BEGINNING.parse().expect("an instant");
        Self::configured(Config { replay: Some((1, beginning)), netgsm_by_hand: true, ..Config::in_memory() }).await
    }

    /// A fresh system on the real clock, for functions that run as programs of their own and know no other.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn in_real_time() -> Self {
        Self::replaying(None, None).await
    }

    async fn replaying(replay: Option<(u64, Timestamp)>, data: Option<PathBuf>) -> Self {
        Self::configured(Config { replay, data, ..Config::in_memory() }).await
    }

    async fn configured(config: Config) -> Self {
        let (crashed, crashes) = tokio::sync::watch::channel(0u64);
        let mortals: Arc<Mutex<Vec<AbortHandle>>> = Arc::default();
        let doomed = mortals.clone();
        let config = Config {
            // Aborted before the connection breaks, so the dead learn nothing of it.
            on_crash: Arc::new(move || {
                let doomed = std::mem::take(&mut *doomed.lock().unwrap_or_else(PoisonError::into_inner));
                doomed.iter().for_each(AbortHandle::abort);
                crashed.send_modify(|times| *times += 1);
            }),
            ..config
        };
        unseen::read_the_log();
        let system = system::start(config).await.expect("the system starts");
        Self { system, crashes, client: client(), mortals }
    }

    /// Work that a `crash` fault ends where it stands; `None` when it did.
    ///
    /// # Panics
    /// When the work does.
    pub async fn mortal<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Option<T> {
        let task = {
            let mut mortals = self.mortals.lock().unwrap_or_else(PoisonError::into_inner);
            mortals.retain(|mortal| !mortal.is_finished());
            let task = tokio::spawn(work);
            mortals.push(task.abort_handle());
            task
        };
        match task.await {
            Ok(done) => Some(done),
            Err(error) if error.is_cancelled() => None,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    /// One invocation of the function that serves this request, as [`TestApp::mortal`] work.
    ///
    /// # Panics
    /// When the function does.
    pub async fn invoke(
        &self,
        method: Method,
        path: &str,
        token: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Option<Answer> {
        let functions = local::functions::all().service(self.system.app.clone(), ClaimNames::default());
        let mut request = http::Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if body.is_some() {
            request = request.header("Content-Type", "application/json");
        }
        let text = body.map(|body| body.to_string()).unwrap_or_default();
        let mut request = request.body(text).expect("a request");
        if let Some(claims) = self.system.tokens.check(token, self.system.clock.now()) {
            request.extensions_mut().insert(claims);
        }
        self.mortal(async move {
            let answer = functions.oneshot(request).await.expect("an answer");
            let (status, headers) = (answer.status(), answer.headers().clone());
            let body = answer.into_body().collect().await.expect("a whole answer").to_bytes();
            let text = String::from_utf8_lossy(&body).into_owned();
            unseen::absent_from("an answer", &text);
            Answer { status, headers, body: read(text) }
        })
        .await
    }

    /// A request; `token` may be empty.
    ///
    /// # Panics
    /// When the system does not answer at all.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        token: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Answer {
        let mut request = self.client.request(method, format!("{}{path}", self.system.url));
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.expect("the system answers");
        let (status, headers) = (answer.status(), answer.headers().clone());
        let text = answer.text().await.expect("a whole answer");
        // The control surface shows what third parties have, and their credentials.
        if !path.starts_with("/_local/") || path.starts_with("/_local/events") {
            unseen::absent_from(path, &text);
        }
        let body = read(text);
        Answer { status, headers, body }
    }

    /// GET.
    pub async fn get(&self, tenant: &Tenant, path: &str) -> Answer {
        self.send(Method::GET, path, &tenant.token, &[], None).await
    }

    /// POST with an idempotency key.
    pub async fn post(&self, tenant: &Tenant, path: &str, key: &str, body: Value) -> Answer {
        self.send(Method::POST, path, &tenant.token, &[("Idempotency-Key", key)], Some(body)).await
    }

    /// PUT.
    pub async fn put(&self, tenant: &Tenant, path: &str, body: Value) -> Answer {
        self.send(Method::PUT, path, &tenant.token, &[], Some(body)).await
    }

    /// PATCH.
    pub async fn patch(&self, tenant: &Tenant, path: &str, body: Value) -> Answer {
        self.send(Method::PATCH, path, &tenant.token, &[], Some(body)).await
    }

    /// DELETE.
    pub async fn delete(&self, tenant: &Tenant, path: &str) -> Answer {
        self.send(Method::DELETE, path, &tenant.token, &[], None).await
    }

    /// A call of the control surface: GET without a body, POST with one.
    pub async fn local(&self, path: &str, body: Option<Value>) -> Answer {
        let method = if body.is_some() { Method::POST } else { Method::GET };
        self.send(method, &format!("/_local/{path}"), "", &[], body).await
    }

    /// A tenant on this plan with so many USD.
    pub async fn tenant(&self, plan: &str, usd: &str) -> Tenant {
        let wallet = json!({ "currency": "USD", "amount": usd });
        let request = if usd == "0" { json!({ "plan": plan }) } else { json!({ "plan": plan, "wallet": wallet }) };
        let made = self.local("tenants", Some(request)).await.expect(201);
        Tenant { id: made.text("/tenant_id"), token: made.text("/token") }
    }

    /// A token of this tenant with another role or confined to a project.
    pub async fn token(&self, tenant: &Tenant, role: &str, project: Option<&str>) -> Tenant {
        let request = json!({ "tenant": tenant.id, "role": role, "project": project });
        let made = self.local("token", Some(request)).await.expect(200);
        Tenant { id: tenant.id.clone(), token: made.text("/token") }
    }

    /// The operator's token.
    pub async fn operator(&self) -> Tenant {
        let made = self.local("token", Some(json!({ "role": "operator" }))).await.expect(200);
        Tenant { id: String::new(), token: made.text("/token") }
    }

    /// An agent on Vapi; its id.
    pub async fn agent(&self, tenant: &Tenant, name: &str) -> String {
        let made = self.post(tenant, "/v1/agents", name, json!({ "name": name, "platform": "vapi" })).await;
        made.expect(201).text("/agent/id")
    }

    /// Offers the carrier has in this area code.
    pub async fn offers(&self, tenant: &Tenant, area_code: &str) -> Vec<String> {
        let path = format!("/v1/available-numbers?country=US&area_code={area_code}&limit=20");
        let found = self.get(tenant, &path).await.expect(200);
        let offers = found.body["items"].as_array().cloned().unwrap_or_default();
        offers.iter().filter_map(|offer| offer["e164"].as_str().map(str::to_owned)).collect()
    }

    /// A fault to come (API.md's body).
    pub async fn fault(&self, fault: Value) {
        let _ = self.local("faults", Some(fault)).await.expect(201);
    }

    /// No faults to come.
    pub fn no_faults(&self) {
        self.system.simulators.faults.clear();
    }

    /// Moves the clock with jobs running.
    pub async fn advance(&self, span: &str) -> Answer {
        self.local("clock", Some(json!({ "advance": span }))).await.expect(200)
    }

    /// Works off what can be worked off now.
    pub async fn drain(&self) -> Answer {
        self.local("drain", Some(json!({}))).await
    }

    /// The leases of whoever died are over, as after a restart.
    ///
    /// # Panics
    /// When the books do not answer.
    pub async fn restart_workers(&self) {
        local::control::end_leases(&self.system).await.expect("the books answer");
    }

    /// What must not be: empty when all invariants hold.
    pub async fn violations(&self) -> Value {
        self.local("verify", None).await.expect(200).body["violations"].clone()
    }

    /// All invariants hold, and nothing secret is stored or was logged.
    ///
    /// # Panics
    /// When one does not.
    pub async fn verify(&self) {
        assert_eq!(self.violations().await, json!([]));
        unseen::absent_from_the_table(&self.system.table).await;
        unseen::absent_from_the_log();
    }

    /// What a third party believes.
    pub async fn state(&self, party: &str) -> Value {
        self.local(&format!("simulators/{party}/state"), None).await.expect(200).body
    }

    /// How often a third party was asked to do this.
    pub async fn asked(&self, party: &str, operation: &str) -> usize {
        let state = self.state(party).await;
        let requests = state["requests"].as_array().cloned().unwrap_or_default();
        requests.iter().filter(|request| request["operation"] == operation).count()
    }

    /// Balance, held, available of the USD wallet, as amounts.
    pub async fn wallet(&self, tenant: &Tenant) -> (String, String, String) {
        self.wallet_in(tenant, "USD").await
    }

    /// The same of the wallet of this currency; nothing but empty words when there is none.
    pub async fn wallet_in(&self, tenant: &Tenant, currency: &str) -> (String, String, String) {
        let wallets = self.get(tenant, "/v1/wallet").await.expect(200);
        let all = wallets.body["wallets"].as_array().cloned().unwrap_or_default();
        let found = all.into_iter().find(|wallet| wallet["currency"] == currency).unwrap_or_default();
        let amount = |of: &str| found[of]["amount"].as_str().unwrap_or_default().to_owned();
        (amount("balance"), amount("held"), amount("available"))
    }
}

fn read(text: String) -> Value {
    if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap_or(Value::String(text)) }
}

/// Nothing here speaks TLS, and reading the machine's certificates would take longer than starting the system.
fn client() -> reqwest::Client {
    reqwest::Client::builder().tls_certs_only([]).no_proxy().build().expect("a client")
}
