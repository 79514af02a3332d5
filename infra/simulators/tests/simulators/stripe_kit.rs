//! Our side of Stripe: an endpoint that remembers what it was told, and the requests most stories
//! begin with.

use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};

use crate::kit::World;

#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

pub(crate) struct Endpoint {
    pub(crate) url: String,
    told: Arc<Mutex<Vec<Told>>>,
    answers: Arc<AtomicU16>,
}

impl Told {
    pub(crate) fn event(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    pub(crate) fn kind(&self) -> String {
        self.event()["type"].as_str().expect("a type").to_owned()
    }

    pub(crate) fn signature(&self) -> &str {
        self.headers.get("stripe-signature").map_or("", |value| value.to_str().expect("text"))
    }
}

impl Endpoint {
    pub(crate) async fn start(world: &World) -> Self {
        let endpoint = Self::unknown().await;
        world.sims.stripe.set_endpoint(endpoint.hook());
        endpoint
    }

    /// One that nobody has been told of.
    pub(crate) async fn unknown() -> Self {
        let (told, answers) = (Arc::default(), Arc::new(AtomicU16::new(200)));
        let app = Router::new().fallback(receive).with_state((Arc::clone(&told), Arc::clone(&answers)));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, told, answers }
    }

    pub(crate) fn hook(&self) -> String {
        format!("{}/webhooks/stripe", self.url)
    }

    /// From now on.
    pub(crate) fn answer(&self, status: u16) {
        self.answers.store(status, Ordering::SeqCst);
    }

    pub(crate) fn told(&self) -> Vec<Told> {
        self.told.lock().expect("what was told").clone()
    }

    /// What was told since the last time, by type.
    pub(crate) fn kinds(&self) -> Vec<String> {
        std::mem::take(&mut *self.told.lock().expect("what was told")).iter().map(Told::kind).collect()
    }

    /// As [`Self::kinds`], once there are that many: requests are answered before events are sent.
    pub(crate) async fn kinds_of(&self, count: usize) -> Vec<String> {
        for _ in 0..500 {
            if self.told().len() >= count {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.kinds()
    }
}

type Ear = (Arc<Mutex<Vec<Told>>>, Arc<AtomicU16>);

async fn receive(State((told, answers)): State<Ear>, uri: Uri, headers: HeaderMap, body: String) -> StatusCode {
    told.lock().expect("what was told").push(Told { path: uri.path().to_owned(), headers, body });
    StatusCode::from_u16(answers.load(Ordering::SeqCst)).expect("a status")
}

/// A session over 25 dollars, as a shop would make it.
pub(crate) const SESSION: [(&str, &str); 8] = [
    ("mode", "payment"),
    ("client_reference_id", "top_1"),
    ("success_url", "https://shop.example/done?sid={CHECKOUT_SESSION_ID}"),
    ("line_items[0][quantity]", "1"),
    ("line_items[0][price_data][currency]", "usd"),
    ("line_items[0][price_data][unit_amount]", "2500"),
    ("line_items[0][price_data][product_data][name]", "Wallet top-up"),
    ("metadata[topup_id]", "top_1"),
];

impl World {
    pub(crate) async fn customer(&self) -> String {
        text(&self.stripe_made("/v1/customers", &[("metadata[tenant_id]", "t1")]).await["id"])
    }

    /// [`SESSION`] and more.
    pub(crate) async fn session(&self, more: &[(&str, &str)]) -> String {
        let session = self.stripe_made("/v1/checkout/sessions", &[&SESSION, more].concat()).await;
        text(&session["id"])
    }

    /// The outside world pays; answers the intent's id.
    pub(crate) async fn paid(&self, session: &str, outcome: &str) -> String {
        let paid = self.sims.stripe.pay(json!({ "session": session, "outcome": outcome })).await;
        text(&paid.expect("a payment")["payment_intent"])
    }

    /// A customer with a saved card, and the card.
    pub(crate) async fn saved_card(&self) -> (String, String) {
        let customer = self.customer().await;
        let keep = [("customer", customer.as_str()), ("payment_intent_data[setup_future_usage]", "off_session")];
        let session = self.session(&keep).await;
        let intent = self.paid(&session, "paid").await;
        let (_, intent) = self.stripe_get(&format!("/v1/payment_intents/{intent}")).await;
        (customer, text(&intent["payment_method"]))
    }

    /// Nobody is there, and the saved card pays.
    pub(crate) async fn off_session(&self, customer: &str, card: &str, more: &[(&str, &str)]) -> (u16, Value) {
        let form = [
            ("amount", "1000"),
            ("currency", "usd"),
            ("customer", customer),
            ("payment_method", card),
            ("off_session", "true"),
            ("confirm", "true"),
        ];
        self.stripe_post("/v1/payment_intents", &[&form, more].concat()).await
    }

    pub(crate) fn behave(&self, card: &str) {
        self.sims.stripe.set_card(&json!({ "card": card })).expect("a known behaviour");
    }
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("text, not {value}")).to_owned()
}
