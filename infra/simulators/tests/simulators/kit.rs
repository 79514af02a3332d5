//! A world for one test: the simulators, a clock that stands until told to move, and clients.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use jiff::{SignedDuration, Timestamp};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;
use simulators::{Config, Simulators, StockLine, default_stock};

pub(crate) struct World {
    pub(crate) sims: Simulators,
    pub(crate) crashes: Arc<AtomicUsize>,
    seconds: Arc<AtomicU64>,
    client: reqwest::Client,
}

/// A directory that goes when the test ends.
pub(crate) struct Dir(pub(crate) PathBuf);

/// 1 January 2027, so that no test knows the real date.
const START: i64 = 1_798_761_600;

/// Building a client reads the root certificates, which is slow; a pool must not be shared, since
/// each test has a runtime of its own.
pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().tls_certs_only([]).build().expect("a client")
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn stocked(stock: Vec<StockLine>) -> Self {
        Self::with(|config| config.stock = stock).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let seconds = Arc::new(AtomicU64::new(0));
        let crashes = Arc::new(AtomicUsize::new(0));
        let (ticking, counting) = (seconds.clone(), crashes.clone());
        let mut config = Config {
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            data: None,
            clock: Arc::new(move || {
                let passed = i64::try_from(ticking.load(Ordering::SeqCst)).expect("a time within reach");
                Timestamp::from_second(START + passed).expect("a time within reach")
            }),
            on_crash: Arc::new(move || {
                counting.fetch_add(1, Ordering::SeqCst);
            }),
            seed: 7,
            stock: default_stock(),
        };
        change(&mut config);
        let sims = simulators::start(config).await.expect("the simulators start");
        Self { sims, crashes, seconds, client: client() }
    }

    pub(crate) fn pass(&self, time: SignedDuration) {
        let seconds = time.as_secs().unsigned_abs();
        self.seconds.fetch_add(seconds, Ordering::SeqCst);
    }

    /// A request below the account.
    pub(crate) fn twilio(&self, method: Method, path: &str) -> RequestBuilder {
        let twilio = &self.sims.twilio;
        let url = format!("{}/2010-04-01/Accounts/{}{path}", twilio.url, twilio.account_sid);
        self.client.request(method, url).basic_auth(&twilio.account_sid, Some(&twilio.auth_token))
    }

    pub(crate) async fn twilio_get(&self, path: &str) -> (u16, Value) {
        answer(self.twilio(Method::GET, path)).await
    }

    pub(crate) async fn twilio_post(&self, path: &str, form: &[(&str, &str)]) -> (u16, Value) {
        answer(self.twilio(Method::POST, path).form(form)).await
    }

    pub(crate) async fn buy(&self, form: &[(&str, &str)]) -> (u16, Value) {
        self.twilio_post("/IncomingPhoneNumbers.json", form).await
    }

    /// Answers the sid.
    pub(crate) async fn bought(&self, form: &[(&str, &str)]) -> String {
        let (status, number) = self.buy(form).await;
        assert_eq!(status, 201, "{number}");
        number["sid"].as_str().expect("a sid").to_owned()
    }

    pub(crate) async fn release(&self, sid: &str) -> u16 {
        let path = format!("/IncomingPhoneNumbers/{sid}.json");
        self.twilio(Method::DELETE, &path).send().await.expect("an answer").status().as_u16()
    }

    pub(crate) fn vapi(&self, method: Method, path: &str) -> RequestBuilder {
        let vapi = &self.sims.vapi;
        self.client.request(method, format!("{}{path}", vapi.url)).bearer_auth(&vapi.api_key)
    }

    pub(crate) async fn vapi_get(&self, path: &str) -> (u16, Value) {
        answer(self.vapi(Method::GET, path)).await
    }

    pub(crate) async fn vapi_post(&self, path: &str, body: Value) -> (u16, Value) {
        answer(self.vapi(Method::POST, path).json(&body)).await
    }

    pub(crate) async fn vapi_patch(&self, path: &str, body: Value) -> (u16, Value) {
        answer(self.vapi(Method::PATCH, path).json(&body)).await
    }

    /// Answers the id.
    pub(crate) async fn vapi_created(&self, path: &str, body: Value) -> String {
        let (status, created) = self.vapi_post(path, body).await;
        assert_eq!(status, 201, "{created}");
        created["id"].as_str().expect("an id").to_owned()
    }

    /// A request to the trunking host, below its version.
    pub(crate) fn trunking(&self, method: Method, path: &str) -> RequestBuilder {
        let twilio = &self.sims.twilio;
        let url = format!("{}/v1{path}", twilio.trunking_url);
        self.client.request(method, url).basic_auth(&twilio.account_sid, Some(&twilio.auth_token))
    }

    pub(crate) async fn trunking_get(&self, path: &str) -> (u16, Value) {
        answer(self.trunking(Method::GET, path)).await
    }

    pub(crate) async fn trunking_post(&self, path: &str, form: &[(&str, &str)]) -> (u16, Value) {
        answer(self.trunking(Method::POST, path).form(form)).await
    }

    pub(crate) fn retell(&self, method: Method, path: &str) -> RequestBuilder {
        let retell = &self.sims.retell;
        self.client.request(method, format!("{}{path}", retell.url)).bearer_auth(&retell.api_key)
    }

    pub(crate) async fn retell_get(&self, path: &str) -> (u16, Value) {
        answer(self.retell(Method::GET, path)).await
    }

    pub(crate) async fn retell_post(&self, path: &str, body: Value) -> (u16, Value) {
        answer(self.retell(Method::POST, path).json(&body)).await
    }

    pub(crate) async fn retell_patch(&self, path: &str, body: Value) -> (u16, Value) {
        answer(self.retell(Method::PATCH, path).json(&body)).await
    }

    /// Answers the id.
    pub(crate) async fn retell_agent(&self) -> String {
        let engine = serde_json::json!({ "type": "retell-llm", "llm_id": "llm_1" });
        let body = serde_json::json!({ "response_engine": engine, "voice_id": "11labs-Adrian" });
        let (status, agent) = self.retell_post("/create-agent", body).await;
        assert_eq!(status, 201, "{agent}");
        agent["agent_id"].as_str().expect("an id").to_owned()
    }

    pub(crate) fn eleven(&self, method: Method, path: &str) -> RequestBuilder {
        let eleven = &self.sims.elevenlabs;
        self.client.request(method, format!("{}/v1{path}", eleven.url)).header("xi-api-key", &eleven.api_key)
    }

    pub(crate) async fn eleven_get(&self, path: &str) -> (u16, Value) {
        answer(self.eleven(Method::GET, path)).await
    }

    pub(crate) async fn eleven_post(&self, path: &str, body: Value) -> (u16, Value) {
        answer(self.eleven(Method::POST, path).json(&body)).await
    }

    /// Answers the id, which is all there is to answer.
    pub(crate) async fn eleven_made(&self, path: &str, body: Value) -> String {
        let (status, made) = self.eleven_post(path, body).await;
        assert_eq!((status, made.as_object().map(serde_json::Map::len)), (200, Some(1)), "{made}");
        let ids = ["agent_id", "phone_number_id"].map(|name| made[name].as_str().map(str::to_owned));
        ids.into_iter().flatten().next().expect("an id")
    }

    pub(crate) async fn eleven_agent(&self, name: &str) -> String {
        self.eleven_made("/convai/agents/create", serde_json::json!({ "name": name, "conversation_config": {} })).await
    }

    pub(crate) fn stripe(&self, method: Method, path: &str) -> RequestBuilder {
        let stripe = &self.sims.stripe;
        self.client.request(method, format!("{}{path}", stripe.url)).bearer_auth(&stripe.api_key)
    }

    pub(crate) async fn stripe_get(&self, path: &str) -> (u16, Value) {
        answer(self.stripe(Method::GET, path)).await
    }

    pub(crate) async fn stripe_post(&self, path: &str, form: &[(&str, &str)]) -> (u16, Value) {
        answer(self.stripe(Method::POST, path).form(form)).await
    }

    /// Answers what was made.
    pub(crate) async fn stripe_made(&self, path: &str, form: &[(&str, &str)]) -> Value {
        let (status, made) = self.stripe_post(path, form).await;
        assert_eq!(status, 200, "{made}");
        made
    }

    pub(crate) fn client(&self) -> &reqwest::Client {
        &self.client
    }
}

/// Status and JSON; null for an empty body.
pub(crate) async fn answer(request: RequestBuilder) -> (u16, Value) {
    let response: Response = request.send().await.expect("an answer");
    let status = response.status().as_u16();
    let body = response.text().await.expect("a whole answer");
    let json = if body.is_empty() { Value::Null } else { serde_json::from_str(&body).expect("JSON") };
    (status, json)
}

/// The values of one field of a list's items.
pub(crate) fn each<'a>(list: &'a Value, field: &str) -> Vec<&'a str> {
    list.as_array().expect("a list").iter().map(|item| item[field].as_str().unwrap_or_default()).collect()
}

pub(crate) fn operations(state: &Value) -> Vec<(String, u64)> {
    let requests = state["requests"].as_array().expect("requests");
    let pair =
        |it: &Value| (it["operation"].as_str().unwrap_or_default().to_owned(), it["status"].as_u64().unwrap_or(999));
    requests.iter().map(pair).collect()
}

static DIRS: LazyLock<AtomicUsize> = LazyLock::new(AtomicUsize::default);

impl Dir {
    pub(crate) fn new() -> Self {
        let count = DIRS.fetch_add(1, Ordering::SeqCst);
        Self(std::env::temp_dir().join(format!("simulators-{}-{count}", std::process::id())))
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}
