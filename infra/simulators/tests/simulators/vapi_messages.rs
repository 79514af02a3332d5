//! What Vapi tells an organization's server of its calls.

use axum::http::Method;
use axum::response::IntoResponse as _;
use serde_json::{Value, json};
use simulators::twilio::CallRequest;
use simulators::vapi::{Callee as Called, WEBHOOK_SECRET};

use crate::kit::{Dir, World};
use crate::webhooks::{Callee, Hit, xml};

const NUMBER: &str = "/phone-number";

/// The rule once more, from the published description and not from the sender.
fn signed(secret: &str, hit: &Hit) -> String {
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
    let text = [hit.header("x-timestamp").as_bytes(), b".", &hit.body].concat();
    aws_lc_rs::hmac::sign(&key, &text).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn message(hit: &Hit) -> Value {
    let body: Value = serde_json::from_slice(&hit.body).expect("JSON");
    body["message"].clone()
}

/// An assistant with a number, and a server that is told.
async fn world() -> (World, Callee, Value) {
    let world = World::new().await;
    let server = Callee::start(|_| ().into_response()).await;
    let assistant = world.vapi_created("/assistant", json!({})).await;
    let body = json!({ "provider": "vapi", "sipUri": "sip:a@sip.vapi.ai", "assistantId": assistant });
    let number = world.vapi_created(NUMBER, body).await;
    let call = json!({ "assistantId": assistant, "phoneNumberId": number, "customer": { "number": "+14155550100" } });
    (world, server, call)
}

#[tokio::test]
async fn a_call_of_an_assistant_is_told_from_beginning_to_end() {
    let (world, server, call) = world().await;
    world.sims.vapi.set_endpoint(format!("{}/vapi", server.url));
    let (_, made) = world.vapi_post("/call", call.clone()).await;
    assert_eq!(made["status"], "queued");
    world.sims.vapi.tick().await;
    let hits = server.hits();
    let told: Vec<_> = hits.iter().map(message).collect();
    let kinds: Vec<_> = told.iter().map(|it| (it["type"].clone(), it["status"].clone())).collect();
    let expected = [("status-update", "in-progress"), ("status-update", "ended")]
        .map(|(kind, status)| (json!(kind), json!(status)));
    assert_eq!(kinds[..2], expected);
    assert_eq!(kinds[2], (json!("end-of-call-report"), Value::Null));
    for (hit, told) in hits.iter().zip(&told) {
        assert_eq!((&hit.method, hit.target.as_str()), (&Method::POST, "/vapi"));
        assert_eq!(hit.header("x-signature"), signed(WEBHOOK_SECRET, hit));
        assert_eq!((&told["call"]["id"], &told["call"]["type"]), (&made["id"], &json!("outboundPhoneCall")));
        assert_eq!(told["phoneNumber"]["id"], call["phoneNumberId"]);
        assert_eq!(told["customer"]["number"], "+14155550100");
    }
    let report = &told[2];
    assert_eq!(report["endedReason"], "customer-ended-call");
    assert_eq!(
        (&report["startedAt"], &report["endedAt"]),
        (&json!("2027-01-01T00:00:00.000Z"), &json!("2027-01-01T00:00:30.000Z"))
    );
    let path = format!("/call/{}", made["id"].as_str().expect("an id"));
    assert_eq!(world.vapi_get(&path).await.1["status"], "ended");
}

#[tokio::test]
async fn who_is_called_may_not_answer() {
    let (world, server, call) = world().await;
    world.sims.vapi.set_endpoint(&server.url);
    for (called, reason) in [
        (Called::Busy, "customer-busy"),
        (Called::NoAnswer, "customer-did-not-answer"),
        (Called::Unreachable, "twilio-failed-to-connect-call"),
    ] {
        world.sims.vapi.set_callee(called);
        world.vapi_post("/call", call.clone()).await;
        world.sims.vapi.tick().await;
        let hits = server.hits();
        let [update, report] = hits[hits.len() - 2..].iter().map(message).collect::<Vec<_>>().try_into().expect("two");
        assert_eq!((&update["status"], &update["endedReason"]), (&json!("ended"), &json!(reason)));
        assert_eq!((&report["endedReason"], &report["startedAt"]), (&json!(reason), &Value::Null));
    }
    assert_eq!(server.hits().len(), 6);
}

#[tokio::test]
async fn a_call_that_arrives_is_told_and_waits_for_a_server() {
    let (world, server, _) = world().await;
    let voice = Callee::start(|_| xml("<Dial><Sip>sip:a@sip.vapi.ai</Sip></Dial>")).await;
    world.bought(&[("PhoneNumber", "+12125550100"), ("VoiceUrl", &voice.url)]).await;
    let request = CallRequest { to: "+12125550100".to_owned(), from: "+14155550123".to_owned(), answer: None };
    world.sims.twilio.call(request).await.expect("a call");
    world.sims.vapi.tick().await;
    assert_eq!(server.hits().len(), 0);
    world.sims.vapi.set_endpoint(&server.url);
    world.sims.vapi.tick().await;
    let told: Vec<_> = server.hits().iter().map(message).collect();
    assert_eq!(told.len(), 3);
    assert_eq!(
        (&told[0]["call"]["type"], &told[0]["customer"]["number"]),
        (&json!("inboundPhoneCall"), &json!("+14155550123"))
    );
}

#[tokio::test]
async fn what_was_not_told_yet_survives_a_restart_and_what_was_told_is_told_once() {
    let dir = Dir::new();
    let open = || World::with(|config| config.data = Some(dir.0.clone()));
    let world = open().await;
    world.sims.vapi.set_callee(Called::Busy);
    let assistant = world.vapi_created("/assistant", json!({})).await;
    world.vapi_post("/call", json!({ "assistantId": assistant })).await;
    let state = world.sims.vapi.state();
    drop(world);
    for told in [2, 0] {
        let server = Callee::start(|_| ().into_response()).await;
        let world = open().await;
        if told > 0 {
            assert_eq!(world.sims.vapi.state(), state);
        }
        world.sims.vapi.set_endpoint(&server.url);
        world.sims.vapi.tick().await;
        assert_eq!(server.hits().len(), told);
    }
    let world = open().await;
    world.vapi_post("/call", json!({ "assistantId": assistant })).await;
    let messages = world.sims.vapi.state()["messages"].clone();
    let statuses = messages.as_array().map(|all| all.iter().filter(|it| it["status"] == "in-progress").count());
    assert_eq!((statuses, &messages[3]["answered"]), (Some(0), &Value::Null), "still busy");
}

#[tokio::test]
async fn messages_are_lost_repeated_and_disordered_on_demand() {
    let (world, server, call) = world().await;
    let vapi = &world.sims.vapi;
    vapi.set_endpoint(&server.url);
    vapi.deliver(&json!({ "hold": true })).await.expect("held");
    world.vapi_post("/call", call).await;
    vapi.tick().await;
    assert_eq!(server.hits().len(), 0, "lost until asked for");
    let sent = vapi.deliver(&json!({ "messages": [3, 1, 1] })).await.expect("sent");
    assert_eq!(sent["messages"][0]["type"], "end-of-call-report");
    let kinds: Vec<_> = server.hits().iter().map(|hit| message(hit)["type"].clone()).collect();
    assert_eq!(kinds, ["end-of-call-report", "status-update", "status-update"]);
    assert!(vapi.deliver(&json!({ "messages": [4] })).await.is_err());
    assert!(vapi.deliver(&json!({ "message": [1] })).await.is_err());
}

#[tokio::test]
async fn a_signature_can_be_other_than_right() {
    let (world, server, call) = world().await;
    let vapi = &world.sims.vapi;
    vapi.deliver(&json!({ "hold": true })).await.expect("held");
    vapi.set_endpoint(&server.url);
    world.vapi_post("/call", call).await;
    for (how, genuine) in
        [("valid", true), ("milliseconds", true), ("forged", false), ("tampered", false), ("missing", false)]
    {
        vapi.deliver(&json!({ "messages": [1], "signature": how, "signed_s_ago": 600 })).await.expect("sent");
        let hit = server.hits().pop().expect("a message");
        assert_eq!(hit.header("x-signature") == signed(WEBHOOK_SECRET, &hit), genuine, "{how}");
        if genuine {
            let unit = if how == "valid" { "1798761000" } else { "1798761000000" };
            assert_eq!(hit.header("x-timestamp"), unit);
        }
    }
    vapi.deliver(&json!({ "messages": [1], "signature": "secret" })).await.expect("sent");
    let hit = server.hits().pop().expect("a message");
    assert_eq!((hit.header("x-vapi-secret"), hit.header("x-signature")), (WEBHOOK_SECRET, ""));
}
