//! Calls that a request places at Twilio.

use axum::http::Method;
use serde_json::{Value, json};
use simulators::twilio::DialResult;

use crate::kit::{Dir, World};
use crate::webhooks::{Callee, PUBLIC, signed, xml};

const FROM: &str = "+12125550100";
const TO: &str = "+14155550123";
const DOCUMENT: &str = "<Response><Say>Hello, this is a call.</Say><Hangup/></Response>";

async fn world() -> (World, Callee) {
    let world = World::new().await;
    let callee = Callee::start(|_| xml("<Say>Hi</Say>")).await;
    world.sims.route_public(PUBLIC, &callee.url);
    // The number's own webhooks have no part in a call that is placed.
    world.bought(&[("PhoneNumber", FROM), ("VoiceUrl", "https://x.example/"), ("StatusCallback", PUBLIC)]).await;
    (world, callee)
}

async fn place(world: &World, extra: &[(&str, &str)]) -> (u16, Value) {
    world.twilio_post("/Calls.json", &[&[("From", FROM), ("To", TO)], extra].concat()).await
}

async fn shown(world: &World) -> Value {
    world.sims.twilio.play_calls().await;
    world.sims.twilio.state()["calls"][0].clone()
}

#[tokio::test]
async fn a_placed_call_waits_rings_and_does_as_the_document_says() {
    let (world, callee) = world().await;
    let status = format!("{PUBLIC}/status?n=1");
    let (code, call) = place(&world, &[("Twiml", DOCUMENT), ("StatusCallback", &status)]).await;
    assert_eq!((code, &call["status"], &call["direction"]), (201, &json!("queued"), &json!("outbound-api")), "{call}");
    assert_eq!((&call["from"], &call["to"]), (&json!(FROM), &json!(TO)));
    let shown = shown(&world).await;
    assert_eq!((&shown["status"], &shown["documents"], &shown["id"]), (&json!("completed"), &json!(1), &call["sid"]));
    let [hit] = callee.hits().try_into().expect("the end alone is told");
    assert_eq!((&hit.method, hit.target.as_str()), (&Method::POST, "/status?n=1"));
    assert_eq!(hit.header("x-twilio-signature"), signed(&status, &hit.params));
    let told = ["CallSid", "CallStatus", "Direction", "From", "To"].map(|name| hit.param(name).unwrap_or_default());
    assert_eq!(told, [call["sid"].as_str().expect("a sid"), "completed", "outbound-api", FROM, TO]);
    assert_eq!(hit.param("CallDuration"), Some("2"), "two seconds of words");
    let path = format!("/Calls/{}.json", call["sid"].as_str().expect("a sid"));
    assert_eq!(world.twilio_get(&path).await.1["status"], "completed");
}

#[tokio::test]
async fn every_event_is_told_to_who_asks_for_it() {
    let (world, callee) = world().await;
    let events = ["initiated", "ringing", "answered", "completed"].map(|event| ("StatusCallbackEvent", event));
    let own = [("Url", "https://trunk.example/doc"), ("StatusCallback", "https://trunk.example/s")];
    place(&world, &[&own[..], &events].concat()).await;
    assert_eq!(shown(&world).await["status"], "completed");
    let hits = callee.hits();
    let told = hits.iter().map(|hit| (hit.target.as_str(), hit.param("CallStatus"), hit.param("SequenceNumber")));
    let expected = [
        ("/s", Some("initiated"), Some("0")),
        ("/s", Some("ringing"), Some("1")),
        ("/s", Some("in-progress"), Some("2")),
        ("/doc", Some("in-progress"), None),
        ("/s", Some("completed"), Some("3")),
    ];
    assert_eq!(told.collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn who_does_not_pick_up_gets_no_document() {
    let cases = [(DialResult::NoAnswer, "no-answer"), (DialResult::Busy, "busy"), (DialResult::Failed, "failed")];
    for (answer, word) in cases {
        let (world, callee) = world().await;
        world.sims.twilio.set_answer(answer);
        place(&world, &[("Url", "https://trunk.example/doc"), ("StatusCallback", "https://trunk.example/s")]).await;
        let shown = shown(&world).await;
        assert_eq!((&shown["status"], &shown["documents"]), (&json!(word), &json!(0)));
        assert_eq!(callee.targets(), ["/s"]);
        assert_eq!(callee.hits()[0].param("CallStatus"), Some(word));
    }
}

#[tokio::test]
async fn a_call_needs_a_number_of_ours_somebody_to_call_and_a_document() {
    let (world, _) = world().await;
    let long = "x".repeat(4_001);
    let ours = ("From", FROM);
    let document = ("Twiml", DOCUMENT);
    let cases: [(&[(&str, &str)], Value); 9] = [
        (&[ours, document], json!(21201)),
        (&[("To", TO), document], json!(21213)),
        (&[ours, ("To", "4155550123"), document], json!(21211)),
        (&[("From", "us"), ("To", TO), document], json!(21212)),
        (&[("From", "+12125550101"), ("To", TO), document], json!(21210)),
        (&[ours, ("To", TO)], json!(21205)),
        (&[ours, ("To", TO), ("Url", "doc.xml")], json!(21205)),
        (&[ours, ("To", TO), document, ("StatusCallback", "nowhere")], json!(21609)),
        (&[ours, ("To", TO), ("Twiml", &long)], Value::Null),
    ];
    for (form, code) in cases {
        let (status, refused) = world.twilio_post("/Calls.json", form).await;
        assert_eq!((status, &refused["code"]), (400, &code), "{form:?}");
    }
    assert_eq!(world.sims.twilio.state()["calls"], json!([]));
}

#[tokio::test]
async fn a_call_that_waits_survives_a_restart() {
    let dir = Dir::new();
    let open = || World::with(|config| config.data = Some(dir.0.clone()));
    let world = open().await;
    world.bought(&[("PhoneNumber", FROM)]).await;
    place(&world, &[("Twiml", DOCUMENT)]).await;
    drop(world);
    let world = open().await;
    assert_eq!(shown(&world).await["status"], "completed");
    world.sims.twilio.set_answer(DialResult::Busy);
    drop(world);
    let world = open().await;
    assert_eq!(shown(&world).await["status"], "completed", "played once");
}
