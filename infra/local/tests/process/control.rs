//! What the control surface says to requests without meaning.

use reqwest::Method;
use serde_json::{Value, json};

use crate::fixture::Data;

#[tokio::test]
async fn requests_without_meaning_are_refused_and_change_nothing() {
    let fault = |provider: &str, operation: &str, kind: &str| json!({ "provider": provider, "operation": operation, "kind": kind });
    let wallet = |currency: &str, amount: &str| json!({ "id": "acme", "plan": "PRO", "wallet": { "currency": currency, "amount": amount } });
    let cases: Vec<(&str, &str, Value, u16)> = vec![
        ("POST", "clock", json!({}), 400),
        ("POST", "clock", json!([]), 400),
        ("POST", "clock", json!({ "to": "2001-01-01T00:00:00Z" }), 400),
        ("POST", "clock", json!({ "to": "tomorrow" }), 400),
        ("POST", "clock", json!({ "advance": "-P1D" }), 400),
        ("POST", "clock", json!({ "advance": "P19000Y" }), 400),
        ("POST", "clock", json!({ "advance": "a month" }), 400),
        ("POST", "clock", json!({ "to": "9999-12-30T00:00:00Z" }), 400),
        ("POST", "clock", json!({ "advance": "P1D", "to": "2999-01-01T00:00:00Z" }), 400),
        ("POST", "clock", json!({ "advance": "P1D", "backwards": true }), 400),
        ("POST", "jobs/nonsense", json!({}), 404),
        ("GET", "jobs/sweep", Value::Null, 405),
        ("POST", "drain", json!({ "timeout_ms": -1 }), 400),
        ("POST", "drain", json!({ "timeout": 1 }), 400),
        ("POST", "faults", json!({}), 400),
        ("POST", "faults", json!("all"), 400),
        ("POST", "faults", fault("telnyx", "numbers.create", "crash"), 400),
        ("POST", "faults", fault("twilio", "numbers.melt", "crash"), 400),
        ("POST", "faults", fault("twilio", "numbers.create", "melt"), 400),
        ("POST", "faults", fault("twilio", "numbers.create", "stale_index"), 400),
        ("POST", "faults", fault("dynamodb", "get", "conflict"), 400),
        ("POST", "faults", fault("dynamodb", "transact", "rate_limit"), 400),
        ("POST", "token", json!({}), 400),
        ("POST", "token", json!({ "tenant": "acme", "role": "emperor" }), 400),
        ("POST", "token", json!({ "tenant": "a b" }), 400),
        ("POST", "tenants", json!({ "id": "", "plan": "PRO" }), 400),
        ("POST", "tenants", json!({ "plan": "GOLD" }), 400),
        ("POST", "tenants", wallet("USD", "much"), 400),
        ("POST", "tenants", wallet("USD", "1e9"), 400),
        ("POST", "tenants", wallet("dollars", "1.00"), 400),
        ("POST", "tenants", wallet("USD", "99999999999999999999"), 400),
        ("POST", "tenants", wallet("USD", "-5.00"), 400),
        ("GET", "simulators/nobody/state", Value::Null, 404),
        ("POST", "simulators/nobody/stock", json!({}), 404),
        ("POST", "simulators/twilio/stock", json!({}), 400),
        ("POST", "simulators/twilio/stock", json!({ "e164": ["12"] }), 400),
        ("POST", "simulators/twilio/call", json!({}), 400),
        ("POST", "simulators/twilio/call", json!({ "to": "", "from": "" }), 400),
        ("POST", "simulators/twilio/call", json!({ "to": "+1", "from": "+1", "answer": "perhaps" }), 400),
        ("POST", "simulators/twilio/sms", json!({ "to": "+12125550100" }), 400),
        ("GET", "events", Value::Null, 400),
        ("GET", "events?tenant=a%20b", Value::Null, 400),
        ("GET", "nowhere", Value::Null, 404),
    ];
    let data = Data::new();
    let running = data.start().await;
    let before = running.local("clock", None).await.text("/now").to_owned();
    for (method, path, body, status) in cases {
        let (method, url) = (method.parse::<Method>().expect("a method"), format!("/_local/{path}"));
        let answer = running.child.send(method, &url, "", "", Some(&body).filter(|body| !body.is_null())).await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.status, status, "{path} {body}: {}", answer.body);
    }
    let now = running.local("clock", None).await.text("/now").to_owned();
    assert_eq!(now.get(..10), before.get(..10), "the clock was moved");
    assert_eq!(running.local("faults", None).await.body, json!({ "items": [] }));
    let acme = running.local("token", Some(json!({ "tenant": "acme" }))).await;
    let wallets =
        running.child.send(Method::GET, "/v1/wallet", acme.text("/token"), "", None).await.expect("an answer");
    assert_eq!(wallets.list("/wallets").len(), 0, "{}", wallets.body);
    let empty = running.local("tenants", Some(wallet("USD", "0.00"))).await;
    assert_eq!((empty.status, empty.text("/tenant_id")), (201, "acme"));
    running.verify().await;
}

#[tokio::test]
async fn a_body_that_is_no_json_is_refused() {
    let data = Data::new();
    let running = data.start().await;
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().expect("a client");
    for path in ["clock", "faults", "token", "tenants", "drain", "simulators/twilio/call", "simulators/twilio/stock"] {
        let url = format!("{}/_local/{path}", running.child.url);
        let answer = client.post(url).body("{\"to\":").send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), 400, "{path}");
    }
}
