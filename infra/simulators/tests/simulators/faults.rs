//! What goes wrong when told to, as a client sees it.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use simulators::{Fault, Kind};

use crate::kit::{World, operations};

const NUMBERS: &str = "/IncomingPhoneNumbers.json";
const ONE: (&str, &str) = ("PhoneNumber", "+12125550101");

fn add(world: &World, fault: Fault) {
    world.sims.faults.add(fault).expect("a valid fault");
}

fn fault(kind: Kind) -> Fault {
    Fault::new("twilio", "numbers.create", kind)
}

/// A connection kept alive is where a client might silently try again.
#[tokio::test]
async fn no_answer_fails_at_once_and_is_not_tried_again_behind_our_back() {
    for (kind, numbers) in [(Kind::LostReply, 2), (Kind::Timeout, 1), (Kind::Crash, 2)] {
        let world = World::new().await;
        add(&world, Fault { after: 1, ..fault(kind) });
        world.bought(&[("PhoneNumber", "+12125550100")]).await;
        let started = Instant::now();
        let result = world.twilio(Method::POST, NUMBERS).form(&[ONE]).send().await;
        let error = result.expect_err("no answer");
        assert!(!error.is_connect() && !error.is_timeout(), "{kind:?}: {error:?}");
        assert!(started.elapsed() < Duration::from_secs(1));
        let state = world.sims.twilio.state();
        assert_eq!(state["numbers"].as_array().map(Vec::len), Some(numbers), "{kind:?}");
        let seen = operations(&state);
        assert_eq!(seen, [("numbers.create".to_owned(), 201), ("numbers.create".to_owned(), 0)], "{kind:?}");
        assert_eq!(world.sims.faults.list()["items"][0]["fired"], 1);
        assert_eq!(world.crashes.load(Ordering::SeqCst), usize::from(kind == Kind::Crash));
        assert_eq!(world.buy(&[ONE]).await.0, 201, "the next one is answered");
    }
}

#[tokio::test]
async fn a_body_follows_the_status_and_the_code() {
    let world = World::new().await;
    let cases = [
        (Some(503), None, 503, None),
        (None, None, 500, None),
        (Some(500), Some("20500"), 500, Some(20500)),
        (Some(400), Some("21422"), 400, Some(21422)),
        (None, Some("21422"), 400, Some(21422)),
        (Some(404), None, 404, Some(20404)),
    ];
    for (status, code, expected, shown) in cases {
        add(&world, Fault { status, code: code.map(str::to_owned), ..fault(Kind::Error) });
        let response = world.twilio(Method::POST, NUMBERS).form(&[ONE]).send().await.expect("an answer");
        assert_eq!(response.status().as_u16(), expected);
        let html = response.headers()["content-type"] == "text/html";
        let body = response.text().await.expect("a body");
        assert_eq!(html, shown.is_none());
        match shown {
            None => assert!(body.starts_with("<html>")),
            Some(code) => {
                let body: serde_json::Value = serde_json::from_str(&body).expect("JSON");
                assert_eq!((&body["code"], &body["status"]), (&json!(code), &json!(expected)));
            }
        }
    }
    assert_eq!(world.sims.twilio.state()["numbers"], json!([]), "nothing was done");
}

#[tokio::test]
async fn a_rate_limit_speaks_the_language_of_each_party() {
    let world = World::new().await;
    add(&world, fault(Kind::RateLimit));
    let (status, body) = world.buy(&[ONE]).await;
    assert_eq!((status, &body["code"]), (429, &json!(20429)));
    add(&world, Fault::new("vapi", "numbers.create", Kind::RateLimit));
    let (status, body) = world.vapi_post("/phone-number", json!({ "provider": "vapi" })).await;
    assert_eq!((status, &body["statusCode"], &body["error"]), (429, &json!(429), &json!("Too Many Requests")));
}

#[tokio::test]
async fn a_delay_answers_late() {
    let world = World::new().await;
    add(&world, Fault { ms: Some(60), ..fault(Kind::Delay) });
    let started = Instant::now();
    assert_eq!(world.buy(&[ONE]).await.0, 201);
    assert!(started.elapsed() >= Duration::from_millis(60));
}

#[tokio::test]
async fn reading_one_number_has_two_names() {
    let world = World::new().await;
    let sid = world.bought(&[ONE]).await;
    let path = format!("/IncomingPhoneNumbers/{sid}.json");
    for operation in ["numbers.get", "numbers.fetch"] {
        add(&world, Fault { status: Some(404), ..Fault::new("twilio", operation, Kind::Error) });
        assert_eq!(world.twilio_get(&path).await.0, 404, "{operation}");
        assert_eq!(world.twilio_get(&path).await.0, 200, "{operation}");
    }
}

#[tokio::test]
async fn each_operation_of_vapi_can_be_struck() {
    let world = World::new().await;
    let cases = [
        (Method::POST, "/phone-number", "numbers.create"),
        (Method::GET, "/phone-number", "numbers.list"),
        (Method::GET, "/v2/phone-number", "numbers.list"),
        (Method::GET, "/phone-number/x", "numbers.fetch"),
        (Method::PATCH, "/phone-number/x", "numbers.update"),
        (Method::DELETE, "/phone-number/x", "numbers.delete"),
        (Method::POST, "/assistant", "agents.create"),
        (Method::GET, "/assistant/x", "agents.get"),
        (Method::DELETE, "/assistant/x", "agents.delete"),
        (Method::POST, "/credential", "credentials.create"),
        (Method::POST, "/call", "calls.create"),
    ];
    for (method, path, operation) in cases {
        add(&world, Fault { status: Some(418), ..Fault::new("vapi", operation, Kind::Error) });
        let response = world.vapi(method, path).send().await.expect("an answer");
        assert_eq!(response.status().as_u16(), 418, "{operation}");
    }
}
