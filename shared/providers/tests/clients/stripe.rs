//! The Stripe client against a server that answers as told: what is repeated, with which key, and what is believed.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Json, Response};
use domain::payment::{AfterDecline, News, Payment, PaymentStatus, Subject};
use domain::ports::{CheckoutOrder, PaymentOrder, Payments, ProviderErrorKind, Reason};
use domain::{Money, TenantId, TopUpId};
use providers::stripe::VERSION;
use providers::{Stripe, StripeConfig};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use ProviderErrorKind::{Misconfigured, NotFound, RateLimited, Rejected, Unavailable, Unknown};

const TOP: &str = "top_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b";
const OTHER_TOP: &str = "top_ffffffffffffffffffffffffffffffff";

/// What the server does with a request.
#[derive(Debug, Clone)]
enum Reply {
    Json(u16, Value),
    /// With a header.
    With(u16, &'static str, &'static str, Value),
    /// Something in between answers.
    Text(u16, &'static str),
    /// Taken on, and the connection breaks.
    Lost,
    /// Taken on, and never answered.
    Silent,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    method: Method,
    path: String,
    query: String,
    key: Option<String>,
    version: Option<String>,
    authorization: Option<String>,
    body: String,
}

type Script = Arc<(Mutex<Vec<Reply>>, Mutex<Vec<Seen>>)>;

struct Server {
    url: String,
    script: Script,
}

impl Server {
    async fn start(mut replies: Vec<Reply>) -> Self {
        replies.reverse();
        let script = Script::new((Mutex::new(replies), Mutex::default()));
        let router = Router::new().fallback(answer).with_state(script.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, script }
    }

    fn client(&self) -> Stripe {
        let api_key = SecretString::from("sk_test_the_key");
        Stripe::new(StripeConfig { api_key, base_url: self.url.clone() })
    }

    fn seen(&self) -> Vec<Seen> {
        self.script.1.lock().unwrap().clone()
    }
}

async fn answer(State(script): State<Script>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let header = |name: &str| Some(headers.get(name)?.to_str().unwrap().to_owned());
    script.1.lock().unwrap().push(Seen {
        method,
        path: uri.path().to_owned(),
        query: uri.query().unwrap_or_default().to_owned(),
        key: header("idempotency-key"),
        version: header("stripe-version"),
        authorization: header("authorization"),
        body: String::from_utf8(body.to_vec()).unwrap(),
    });
    let reply = script.0.lock().unwrap().pop();
    let status = |status| StatusCode::from_u16(status).unwrap();
    match reply.expect("no more was to be asked") {
        Reply::Json(code, body) => (status(code), Json(body)).into_response(),
        Reply::With(code, name, value, body) => (status(code), [(name, value)], Json(body)).into_response(),
        Reply::Text(code, text) => (status(code), text).into_response(),
        // Ends the connection's task without a word, and the connection with it.
        Reply::Lost => std::panic::resume_unwind(Box::new(())),
        Reply::Silent => std::future::pending().await,
    }
}

fn tenant() -> TenantId {
    "acme".parse().unwrap()
}

fn top_up() -> TopUpId {
    TOP.parse().unwrap()
}

fn payment_order() -> PaymentOrder {
    PaymentOrder {
        top_up_id: top_up(),
        tenant_id: tenant(),
        customer: "cus_1".to_owned(),
        payment_method: "pm_1".to_owned(),
        amount: Money::parse("25.00", "USD".parse().unwrap()).unwrap(),
    }
}

fn checkout_order() -> CheckoutOrder {
    CheckoutOrder {
        top_up_id: top_up(),
        tenant_id: tenant(),
        customer: "cus_1".to_owned(),
        amount: Money::parse("25.00", "USD".parse().unwrap()).unwrap(),
        save_card: false,
        success_url: "https://app.example/paid".to_owned(),
        cancel_url: "https://app.example/wallet".to_owned(),
    }
}

fn intent(id: &str, top_up: &str, status: &str) -> Value {
    json!({
        "id": id, "object": "payment_intent", "status": status, "amount": 2_500, "amount_received": 2_500, "currency": "usd",
        "customer": "cus_1", "livemode": false, "metadata": {"topup_id": top_up, "tenant_id": "acme"}
    })
}

fn refusal(kind: &str, code: &str) -> Value {
    json!({"error": {"type": kind, "code": code, "message": "said"}})
}

fn page(entries: &[Value], has_more: bool) -> Value {
    json!({"object": "list", "url": "/v1", "data": entries, "has_more": has_more})
}

/// All of these at once, since most of each is waiting.
async fn all(cases: Vec<(Vec<Reply>, Result<&'static str, ProviderErrorKind>, usize)>) {
    let mut running = JoinSet::new();
    for (script, expected, asked) in cases {
        running.spawn(async move {
            let server = Server::start(script.clone()).await;
            let found = server.client().customer_create(&tenant(), "key-1").await.map_err(|error| error.kind);
            assert_eq!(found, expected.map(str::to_owned), "{script:?}");
            let seen = server.seen();
            assert_eq!(seen.len(), asked, "{script:?}");
            // The same request, key and all, or Stripe would refuse it or do it twice.
            assert!(seen.iter().all(|again| again == &seen[0] && again.key.as_deref() == Some("key-1")), "{seen:?}");
        });
    }
    while let Some(done) = running.join_next().await {
        done.unwrap();
    }
}

#[tokio::test]
async fn a_creation_is_repeated_with_its_key_until_it_is_certain() {
    let made = || Reply::Json(200, json!({"id": "cus_1", "object": "customer"}));
    let failed = || Reply::Json(500, refusal("api_error", ""));
    let limited = || Reply::Json(429, refusal("invalid_request_error", "rate_limit"));
    let in_use = || Reply::Json(409, refusal("invalid_request_error", "idempotency_key_in_use"));
    let invalid = || Reply::Json(400, refusal("invalid_request_error", "parameter_unknown"));
    let locked_out = || Reply::Json(401, refusal("invalid_request_error", ""));
    let should = |status, word| Reply::With(status, "stripe-should-retry", word, refusal("api_error", ""));
    let slow = |seconds| Reply::With(429, "retry-after", seconds, refusal("invalid_request_error", "rate_limit"));
    all(vec![
        (vec![made()], Ok("cus_1"), 1),
        (vec![Reply::Lost, made()], Ok("cus_1"), 2),
        (vec![Reply::Lost, Reply::Lost, made()], Ok("cus_1"), 3),
        (vec![Reply::Lost, Reply::Lost, Reply::Lost], Err(Unknown), 3),
        (vec![failed(), made()], Ok("cus_1"), 2),
        (vec![failed(), failed(), failed()], Err(Unknown), 3),
        (vec![limited(), limited(), made()], Ok("cus_1"), 3),
        (vec![limited(), limited(), limited()], Err(RateLimited), 3),
        (vec![in_use(), made()], Ok("cus_1"), 2),
        (vec![in_use(), in_use(), in_use()], Err(Unknown), 3),
        // Doubt stays until the key itself is answered for.
        (vec![Reply::Lost, limited(), limited()], Err(Unknown), 3),
        (vec![Reply::Lost, locked_out(), locked_out()], Err(Unknown), 3),
        (vec![Reply::Lost, invalid()], Err(Rejected(Reason::Other)), 2),
        (vec![limited(), invalid()], Err(Rejected(Reason::Other)), 2),
        (vec![invalid()], Err(Rejected(Reason::Other)), 1),
        (vec![Reply::Json(400, refusal("idempotency_error", ""))], Err(Rejected(Reason::Other)), 1),
        (vec![Reply::Json(404, refusal("invalid_request_error", "resource_missing"))], Err(NotFound), 1),
        (vec![locked_out()], Err(Misconfigured), 1),
        (vec![Reply::Json(403, refusal("invalid_request_error", ""))], Err(Misconfigured), 1),
        // An answer without use is none.
        (vec![Reply::Text(200, "<html>"), made()], Ok("cus_1"), 2),
        (vec![Reply::Json(200, json!({})), made()], Ok("cus_1"), 2),
        (vec![Reply::Text(502, "Bad gateway"), made()], Ok("cus_1"), 2),
        // Stripe's own word goes first.
        (vec![should(500, "false")], Err(Unknown), 1),
        (vec![should(409, "false")], Err(Unknown), 1),
        (vec![should(429, "false")], Err(RateLimited), 1),
        (vec![should(400, "true"), made()], Ok("cus_1"), 2),
        (vec![should(400, "true"), should(400, "true"), should(400, "true")], Err(Rejected(Reason::Other)), 3),
        (vec![slow("0"), slow("1"), made()], Ok("cus_1"), 3),
        (vec![slow("60")], Err(RateLimited), 1),
    ])
    .await;
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_asked_for_again_within_the_whole_time() {
    let made = Reply::Json(200, json!({"id": "cus_1"}));
    let server = Server::start(vec![Reply::Silent, made]).await;
    let patient = server.client().with_timeout(Duration::from_secs(4));
    assert_eq!(patient.customer_create(&tenant(), "key-1").await, Ok("cus_1".to_owned()));

    let server = Server::start(vec![Reply::Silent, Reply::Silent, Reply::Silent]).await;
    let hasty = server.client().with_timeout(Duration::from_millis(1_200));
    let begun = Instant::now();
    let error = hasty.customer_create(&tenant(), "key-1").await.unwrap_err();
    assert_eq!(error.kind, Unknown);
    assert!(begun.elapsed() < Duration::from_millis(2_400), "{:?}", begun.elapsed());
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn nobody_listening_means_that_nothing_happened() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = StripeConfig { api_key: SecretString::from("k"), base_url: format!("http://127.0.0.1:{port}") };
    let stripe = Stripe::new(config);
    assert_eq!(stripe.payment_create(&payment_order(), "key-1").await.unwrap_err().kind, Unavailable);
    assert_eq!(stripe.payment_get("pi_1").await.unwrap_err().kind, Unavailable);
}

#[tokio::test]
async fn every_request_is_ours_and_only_creations_carry_a_key() {
    let replies = vec![
        Reply::Json(200, json!({"id": "cus_1"})),
        Reply::Json(200, intent("pi_1", TOP, "succeeded")),
        Reply::Json(200, intent("pi_1", TOP, "processing")),
    ];
    let server = Server::start(replies).await;
    server.client().customer_create(&tenant(), "key-1").await.unwrap();
    server.client().payment_create(&payment_order(), "key-2").await.unwrap();
    let payment = server.client().payment_get("pi_1").await.unwrap();
    assert_eq!(payment.status, PaymentStatus::Processing);
    let seen = server.seen();
    assert!(seen.iter().all(|seen| seen.version.as_deref() == Some(VERSION)));
    assert!(seen.iter().all(|seen| seen.authorization.as_deref() == Some("Bearer sk_test_the_key")));
    let keys: Vec<_> = seen.iter().map(|seen| seen.key.as_deref()).collect();
    assert_eq!(keys, [Some("key-1"), Some("key-2"), None]);
}

#[tokio::test]
async fn a_declined_card_is_an_answer() {
    async fn charged(reply: Reply) -> Result<Payment, ProviderErrorKind> {
        let server = Server::start(vec![reply]).await;
        server.client().payment_create(&payment_order(), "key-1").await.map_err(|error| error.kind)
    }
    let declined = |code: &str, decline: &str, status: &str| {
        let error = json!({
            "type": "card_error", "code": code, "decline_code": decline, "message": "No.",
            "payment_intent": intent("pi_1", TOP, status)
        });
        Reply::Json(402, json!({ "error": error }))
    };
    for (code, decline, then) in [
        ("authentication_required", "authentication_required", AfterDecline::Authenticate),
        ("card_declined", "insufficient_funds", AfterDecline::TryLater),
        ("card_declined", "stolen_card", AfterDecline::GiveUp),
    ] {
        let payment = charged(declined(code, decline, "requires_payment_method")).await.unwrap();
        assert_eq!((payment.id.as_str(), payment.top_up_id), ("pi_1", Some(top_up())));
        let PaymentStatus::Declined(decline) = payment.status else { panic!("{:?}", payment.status) };
        assert_eq!(decline.then, then, "{code}");
    }
    let unheard = charged(declined("card_declined", "", "a_new_word")).await.unwrap();
    assert!(matches!(unheard.status, PaymentStatus::Declined(_)), "{:?}", unheard.status);
    // Without a payment there is nothing to answer with.
    assert_eq!(charged(Reply::Json(402, refusal("card_error", "card_declined"))).await, Err(Rejected(Reason::Other)));
    let payment = charged(Reply::Json(200, intent("pi_1", TOP, "a_new_word"))).await.unwrap();
    assert_eq!(payment.status, PaymentStatus::Processing);
}

#[tokio::test]
async fn what_was_made_for_another_top_up_is_not_taken_for_ours() {
    let other = || Reply::Json(200, intent("pi_1", OTHER_TOP, "succeeded"));
    let server = Server::start(vec![other(), other(), other()]).await;
    assert_eq!(server.client().payment_create(&payment_order(), "key-1").await.unwrap_err().kind, Unknown);
    let other = || {
        let session = json!({
            "id": "cs_1", "mode": "payment", "status": "open", "payment_status": "unpaid", "amount_total": 2_500,
            "currency": "usd", "expires_at": 1_790_086_400, "livemode": false, "metadata": {"topup_id": OTHER_TOP}
        });
        Reply::Json(200, session)
    };
    let server = Server::start(vec![other(), other(), other()]).await;
    assert_eq!(server.client().checkout_create(&checkout_order(), "key-1").await.unwrap_err().kind, Unknown);
}

#[tokio::test]
async fn an_amount_stripe_cannot_take_is_not_sent() {
    let server = Server::start(Vec::new()).await;
    for (amount, currency) in [("1.001", "USD"), ("0", "USD"), ("-5", "USD"), ("1.5", "JPY"), ("1.001", "KWD")] {
        let amount = Money::parse(amount, currency.parse().unwrap()).unwrap();
        let error = server.client().payment_create(&PaymentOrder { amount, ..payment_order() }, "k").await.unwrap_err();
        assert_eq!(error.kind, Rejected(Reason::Other), "{amount}");
        let error =
            server.client().checkout_create(&CheckoutOrder { amount, ..checkout_order() }, "k").await.unwrap_err();
        assert_eq!(error.kind, Rejected(Reason::Other), "{amount}");
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_payment_is_looked_for_on_every_page() {
    async fn found(pages: Vec<Value>) -> (Result<Option<String>, ProviderErrorKind>, Vec<String>) {
        let server = Server::start(pages.into_iter().map(|page| Reply::Json(200, page)).collect()).await;
        let found = server.client().payment_find("cus_1", &top_up()).await;
        let queries = server.seen().into_iter().map(|seen| seen.query).collect();
        (found.map(|found| found.map(|payment| payment.id)).map_err(|error| error.kind), queries)
    }
    // Others' payments are not even read.
    let other = |id: &str| json!({"id": id, "amount": "odd", "metadata": {"topup_id": OTHER_TOP}});
    let ours = |id: &str, status: &str| intent(id, TOP, status);

    assert_eq!(found(vec![page(&[], false)]).await, (Ok(None), vec!["customer=cus_1&limit=100".to_owned()]));
    let (result, queries) =
        found(vec![page(&[other("pi_9"), other("pi_8")], true), page(&[ours("pi_7", "processing")], false)]).await;
    assert_eq!(result, Ok(Some("pi_7".to_owned())));
    assert_eq!(queries[1], "customer=cus_1&limit=100&starting_after=pi_8");
    // Two under one mark, when a key was too old: the one with the money counts.
    let both = page(&[ours("pi_9", "canceled"), ours("pi_8", "succeeded"), ours("pi_7", "requires_action")], false);
    assert_eq!(found(vec![both]).await.0, Ok(Some("pi_8".to_owned())));
    let early = page(&[ours("pi_9", "succeeded")], true);
    assert_eq!(found(vec![early]).await.0, Ok(Some("pi_9".to_owned())));
    assert_eq!(
        found(vec![page(&[json!({"id": "pi_1", "metadata": {"topup_id": TOP}})], false)]).await.0,
        Err(Unavailable)
    );
    assert_eq!(found(vec![page(&[], true)]).await.0, Err(Unavailable));

    let (result, queries) = found(vec![page(&[other("pi_9")], true); 10]).await;
    assert_eq!((result, queries.len()), (Err(Unavailable), 10));
}

#[tokio::test]
async fn missed_notifications_come_oldest_first() {
    let event = |id: &str, created: i64, version: &str| {
        json!({
            "id": id, "object": "event", "api_version": version, "created": created, "type": "payment_intent.succeeded",
            "data": {"object": intent("pi_1", TOP, "succeeded")}
        })
    };
    let pages = vec![
        page(&[event("evt_4", 40, VERSION), event("evt_3", 30, VERSION)], true),
        page(&[event("evt_2", 30, "2020-08-27"), event("evt_1", 10, VERSION)], false),
    ];
    let server = Server::start(pages.into_iter().map(|page| Reply::Json(200, page)).collect()).await;
    let missed = server.client().notifications_missed("1970-01-01T00:00:05Z".parse().unwrap()).await.unwrap();
    let ids: Vec<&str> = missed.iter().map(|notification| notification.id.as_str()).collect();
    assert_eq!(ids, ["evt_1", "evt_2", "evt_3", "evt_4"]);
    assert_eq!(missed[1].news, News::OtherVersion(Subject::Payment("pi_1".to_owned())));
    assert!(matches!(missed[3].news, News::Payment(_)));
    let seen = server.seen();
    assert!(seen[0].query.starts_with("delivery_success=false&created%5Bgte%5D=5&limit=100&types%5B%5D="), "{seen:?}");
    assert!(seen[1].query.ends_with("&starting_after=evt_3"), "{seen:?}");

    let server = Server::start(vec![Reply::Json(200, page(&[event("evt_1", 10, VERSION)], true)); 30]).await;
    let error = server.client().notifications_missed("1970-01-01T00:00:05Z".parse().unwrap()).await.unwrap_err();
    assert_eq!((error.kind, server.seen().len()), (Unavailable, 30));
}
