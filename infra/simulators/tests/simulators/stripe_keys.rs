//! Idempotency keys at Stripe: what is repeated, what is refused, what is forgotten.

use std::time::Duration;

use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};
use simulators::{Fault, Kind};

use crate::kit::{Dir, World, answer};
use crate::stripe_kit::{Endpoint, SESSION};

const SESSIONS: &str = "/v1/checkout/sessions";

fn keyed(world: &World, path: &str, key: &str, form: &[(&str, &str)]) -> reqwest::RequestBuilder {
    world.stripe(Method::POST, path).header("Idempotency-Key", key).form(form)
}

async fn post(world: &World, key: &str, form: &[(&str, &str)]) -> (u16, Value, bool) {
    let response = keyed(world, SESSIONS, key, form).send().await.expect("an answer");
    let replayed = response.headers().get("idempotent-replayed").is_some_and(|value| value == "true");
    (response.status().as_u16(), response.json().await.expect("JSON"), replayed)
}

fn made(world: &World, what: &str) -> usize {
    world.sims.stripe.state()[what].as_array().expect("a list").len()
}

#[tokio::test]
async fn the_same_key_gives_the_same_answer_until_it_is_forgotten_after_a_day() {
    let world = World::new().await;
    let (status, first, replayed) = post(&world, "k1", &SESSION).await;
    assert_eq!((status, replayed), (200, false));
    world.pass(SignedDuration::from_hours(24) - SignedDuration::from_secs(1));
    assert_eq!(post(&world, "k1", &SESSION).await, (200, first.clone(), true));
    assert_eq!(made(&world, "sessions"), 1);
    world.pass(SignedDuration::from_secs(1));
    let (_, second, replayed) = post(&world, "k1", &SESSION).await;
    assert!(!replayed && second["id"] != first["id"], "a new object");
    assert_ne!(post(&world, "k2", &SESSION).await.1["id"], second["id"]);
}

#[tokio::test]
async fn other_parameters_or_another_path_are_refused_and_the_first_answer_stands() {
    let world = World::new().await;
    let (_, first, _) = post(&world, "k1", &SESSION).await;
    let other = [&SESSION[..], &[("locale", "tr")]].concat();
    let (status, body, _) = post(&world, "k1", &other).await;
    assert_eq!((status, &body["error"]["type"]), (400, &json!("idempotency_error")));
    let (status, body) = answer(keyed(&world, "/v1/customers", "k1", &[])).await;
    assert_eq!((status, &body["error"]["type"]), (400, &json!("idempotency_error")));
    assert_eq!(post(&world, "k1", &SESSION).await.1, first);
    assert_eq!(post(&world, &"k".repeat(256), &SESSION).await.0, 400);
    assert_eq!(made(&world, "sessions"), 1);
}

#[tokio::test]
async fn a_refused_request_leaves_its_key_free() {
    let world = World::new().await;
    assert_eq!(post(&world, "k1", &SESSION[1..]).await.0, 400);
    assert_eq!(post(&world, "k1", &SESSION).await.0, 200);
    for kind in [Kind::RateLimit, Kind::Timeout, Kind::Error] {
        let fault = Fault { status: Some(503), ..Fault::new("stripe", "checkout.create", kind) };
        world.sims.faults.add(fault).expect("a valid fault");
        let first = keyed(&world, SESSIONS, "k2", &SESSION).send().await;
        assert!(first.is_err() || first.is_ok_and(|response| !response.status().is_success()));
        world.sims.faults.clear();
    }
    let (status, _, replayed) = post(&world, "k2", &SESSION).await;
    assert_eq!((status, replayed), (200, false), "nothing had begun");
}

#[tokio::test]
async fn a_decline_and_a_failure_of_stripes_own_are_repeated_too() {
    let world = World::new().await;
    let (customer, card) = world.saved_card().await;
    let form = [
        ("amount", "500"),
        ("currency", "usd"),
        ("customer", &*customer),
        ("payment_method", &*card),
        ("confirm", "true"),
    ];
    let pay = async |key: &str| answer(keyed(&world, "/v1/payment_intents", key, &form)).await;
    world.behave("declined");
    let declined = pay("k1").await;
    world.behave("ok");
    assert_eq!(declined.0, 402);
    assert_eq!(pay("k1").await, declined, "the card would pay now, the key answers what it answered");
    let broken = Fault {
        status: Some(500),
        code: Some("api_error".into()),
        ..Fault::new("stripe", "payments.create", Kind::Error)
    };
    world.sims.faults.add(broken).expect("a valid fault");
    let failed = pay("k2").await;
    assert_eq!(failed.0, 500);
    assert_eq!(pay("k2").await, failed);
    assert_eq!(pay("k3").await.0, 200);
}

#[tokio::test]
async fn an_answer_lost_on_the_way_is_had_by_asking_again() {
    for kind in [Kind::LostReply, Kind::Crash] {
        let dir = Dir::new();
        let open = || World::with(|config| config.data = Some(dir.0.clone()));
        let world = open().await;
        world.sims.faults.add(Fault::new("stripe", "checkout.create", kind)).expect("a valid fault");
        assert!(keyed(&world, SESSIONS, "k1", &SESSION).send().await.is_err());
        let lost = world.sims.stripe.state()["sessions"][0]["id"].clone();
        drop(world);
        let world = open().await;
        let (status, session, replayed) = post(&world, "k1", &SESSION).await;
        assert_eq!((status, &session["id"], replayed), (200, &lost, true), "{kind:?}");
        assert_eq!(made(&world, "sessions"), 1);
    }
}

#[tokio::test]
async fn a_key_is_in_use_while_its_request_is_under_way() {
    let world = World::new().await;
    let slow = Fault { ms: Some(400), ..Fault::new("stripe", "checkout.create", Kind::Delay) };
    world.sims.faults.add(slow).expect("a valid fault");
    let first = post(&world, "k1", &SESSION);
    let second = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        post(&world, "k1", &SESSION).await
    };
    let (first, second) = tokio::join!(first, second);
    assert_eq!((second.0, &second.1["error"]["code"]), (409, &json!("idempotency_key_in_use")));
    assert_eq!(first.0, 200);
    assert_eq!(post(&world, "k1", &SESSION).await, (200, first.1, true), "the conflict was not stored");
}

#[tokio::test]
async fn an_event_names_the_request_that_caused_it_and_its_key() {
    let world = World::new().await;
    let endpoint = Endpoint::start(&world).await;
    let session = world.session(&[]).await;
    let path = format!("{SESSIONS}/{session}/expire");
    let response = keyed(&world, &path, "k1", &[]).send().await.expect("an answer");
    let request = response.headers()["request-id"].to_str().expect("text").to_owned();
    while endpoint.told().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(endpoint.told()[0].event()["request"], json!({ "id": request, "idempotency_key": "k1" }));
}
