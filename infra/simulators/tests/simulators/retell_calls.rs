//! Calls at Retell, and what is told of them.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use jiff::SignedDuration;
use serde_json::{Value, json};
use simulators::twilio::CallRequest;

use crate::kit::{World, each};

const E164: &str = "+12125550100";
const CALLER: &str = "+14155550123";

/// The signature and the body of each notification.
type Hits = Arc<Mutex<Vec<(String, String)>>>;

/// An endpoint that answers so often with 500 before it takes anything.
async fn endpoint(failures: usize) -> (String, Hits) {
    let hits = Hits::default();
    let app = Router::new().fallback(post(receive)).with_state((hits.clone(), failures));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/retell", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, hits)
}

async fn receive(State((hits, failures)): State<(Hits, usize)>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let signature = headers["x-retell-signature"].to_str().expect("text").to_owned();
    let mut hits = hits.lock().expect("the hits");
    hits.push((signature, String::from_utf8(body.to_vec()).expect("text")));
    if hits.len() > failures { StatusCode::NO_CONTENT } else { StatusCode::INTERNAL_SERVER_ERROR }
}

fn told(hits: &Hits) -> Vec<(String, String)> {
    hits.lock().expect("the hits").clone()
}

/// The rule once more, from the published description and not from the sender.
fn is_signed(signature: &str, body: &str) -> bool {
    let (time, digest) = signature.strip_prefix("v=").and_then(|it| it.split_once(",d=")).expect("two parts");
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, simulators::retell::WEBHOOK_KEY.as_bytes());
    let tag = aws_lc_rs::hmac::sign(&key, format!("{body}{time}").as_bytes());
    digest == tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>()
}

async fn number(world: &World, agent: &str) {
    let agents = json!([{ "agent_id": agent, "weight": 1 }]);
    let body = json!({
        "phone_number": E164, "termination_uri": "t.pstn.twilio.com", "inbound_agents": agents, "outbound_agents": agents,
    });
    let (status, number) = world.retell_post("/import-phone-number", body).await;
    assert_eq!(status, 201, "{number}");
}

async fn make(world: &World, change: &[(&str, Value)]) -> (u16, Value) {
    let mut body = json!({ "from_number": E164, "to_number": CALLER, "metadata": { "ours": "1" } });
    for (name, value) in change {
        body[*name] = value.clone();
    }
    world.retell_post("/v2/create-phone-call", body).await
}

/// Registers a call and answers its id.
async fn registered(world: &World, agent: &str) -> String {
    let body = json!({ "agent_id": agent, "direction": "inbound", "from_number": CALLER, "to_number": E164 });
    let (status, call) = world.retell_post("/v2/register-phone-call", body).await;
    assert_eq!((status, &call["call_status"], &call["direction"]), (201, &json!("registered"), &json!("inbound")));
    call["call_id"].as_str().expect("an id").to_owned()
}

/// Somebody calls a number whose webhook dials this address.
async fn dial(world: &World, address: &str) -> Value {
    let document = format!("<Response><Dial answerOnBridge=\"true\"><Sip>{address}</Sip></Dial></Response>");
    let app = Router::new().fallback(move || async move { ([("content-type", "text/xml")], document) });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/voice", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, app).await });
    world.bought(&[("PhoneNumber", "+12125550101"), ("VoiceUrl", &url)]).await;
    let request = CallRequest { to: "+12125550101".to_owned(), from: CALLER.to_owned(), answer: None };
    world.sims.twilio.call(request).await.expect("a call")
}

#[tokio::test]
async fn a_call_is_made_from_a_number_that_is_known() {
    let world = World::new().await;
    let (agent, other) = (world.retell_agent().await, world.retell_agent().await);
    assert_eq!(make(&world, &[]).await.0, 422, "no such number");
    number(&world, &agent).await;
    assert_eq!(make(&world, &[("to_number", json!("0212"))]).await.0, 400);
    assert_eq!(make(&world, &[("override_agent_id", json!("agent_none"))]).await.0, 422);
    let (status, call) = make(&world, &[]).await;
    assert_eq!((status, &call["call_status"], &call["agent_id"]), (201, &json!("registered"), &json!(agent)));
    assert_eq!((&call["direction"], &call["metadata"]), (&json!("outbound"), &json!({ "ours": "1" })));
    let (_, later) = world.retell_get(&format!("/v2/get-call/{}", call["call_id"].as_str().expect("an id"))).await;
    assert_eq!((&later["call_status"], &later["duration_ms"]), (&json!("ended"), &json!(30_000)));
    let (_, call) = make(&world, &[("override_agent_id", json!(other))]).await;
    assert_eq!(call["agent_id"], json!(other));
    assert_eq!(world.retell_get("/v2/get-call/call_none").await.0, 422);

    let path = format!("/update-phone-number/{}", E164.replace('+', "%2B"));
    world.retell_patch(&path, json!({ "outbound_agents": null })).await;
    assert_eq!(make(&world, &[]).await.0, 400, "nobody to talk");
    world.retell_patch(&path, json!({ "termination_uri": "sip:t.pstn.twilio.com" })).await;
    let (_, lost) = make(&world, &[("override_agent_id", json!(agent))]).await;
    let (_, lost) = world.retell_get(&format!("/v2/get-call/{}", lost["call_id"].as_str().expect("an id"))).await;
    assert_eq!(lost["call_status"], "not_connected", "a wrong host is not noticed before");
    assert_eq!((&lost["disconnection_reason"], lost.get("duration_ms")), (&json!("sip_routing_error"), None));
}

#[tokio::test]
async fn one_key_makes_one_call_for_an_hour() {
    let world = World::new().await;
    number(&world, &world.retell_agent().await).await;
    let once = async || make(&world, &[("idempotency_key", json!("k"))]).await.1["call_id"].clone();
    let first = once().await;
    assert_eq!(once().await, first);
    assert_ne!(make(&world, &[("idempotency_key", json!("other"))]).await.1["call_id"], first);
    world.pass(SignedDuration::from_hours(1));
    assert_ne!(once().await, first);
}

#[tokio::test]
async fn a_registered_call_is_answered_once_and_in_time() {
    let world = World::new().await;
    let agent = world.retell_agent().await;
    let none = json!({ "agent_id": "agent_none" });
    assert_eq!(world.retell_post("/v2/register-phone-call", none).await.0, 422);
    assert_eq!(world.retell_post("/v2/register-phone-call", json!({})).await.0, 400);

    let id = registered(&world, &agent).await;
    let address = format!("sip:{id}@sip.retellai.com");
    let result = dial(&world, &address).await;
    assert_eq!(
        (&result["status"], &result["answered_by"]),
        (&json!("completed"), &json!({ "call_id": id, "agent_id": agent }))
    );
    let call = world.sims.retell.state()["calls"][0].clone();
    assert_eq!((&call["status"], &call["to"], &call["from"]), (&json!("ended"), &json!(E164), &json!(CALLER)));
    assert_eq!(dial(&world, &address).await["status"], "failed", "a second time");

    let id = registered(&world, &agent).await;
    world.pass(SignedDuration::from_mins(5));
    assert_eq!(dial(&world, &format!("sip:{id}@sip.retellai.com;transport=tcp")).await["status"], "completed");
    let id = registered(&world, &agent).await;
    world.pass(SignedDuration::from_secs(301));
    assert_eq!(dial(&world, &format!("sip:{id}@sip.retellai.com")).await["status"], "failed", "too late");
    let (_, late) = world.retell_get(&format!("/v2/get-call/{id}")).await;
    assert_eq!(
        (&late["call_status"], &late["disconnection_reason"]),
        (&json!("error"), &json!("registered_call_timeout"))
    );
    assert_eq!(dial(&world, "sip:call_none@sip.retellai.com").await["status"], "failed");
}

#[tokio::test]
async fn a_call_that_was_stopped_or_lost_its_agent_is_not_answered() {
    let world = World::new().await;
    let agent = world.retell_agent().await;
    let id = registered(&world, &agent).await;
    let stopped = world.retell_post(&format!("/v2/stop-call/{id}"), json!({})).await;
    assert_eq!(stopped, (204, Value::Null));
    assert_eq!(dial(&world, &format!("sip:{id}@sip.retellai.com")).await["status"], "failed");
    let id = registered(&world, &agent).await;
    world.retell(reqwest::Method::DELETE, &format!("/delete-agent/{agent}")).send().await.expect("an answer");
    assert_eq!(dial(&world, &format!("sip:{id}@sip.retellai.com")).await["status"], "failed");
    assert_eq!(world.retell_post("/v2/stop-call/call_none", json!({})).await.0, 422);
}

#[tokio::test]
async fn agents_are_drawn_by_their_weights() {
    let world = World::new().await;
    let (often, never) = (world.retell_agent().await, world.retell_agent().await);
    let agents = json!([{ "agent_id": often, "weight": 1 }, { "agent_id": never, "weight": 0 }]);
    let body = json!({ "phone_number": E164, "termination_uri": "t.pstn.twilio.com", "outbound_agents": agents });
    world.retell_post("/import-phone-number", body).await;
    for _ in 0..20 {
        assert_eq!(make(&world, &[]).await.1["agent_id"], json!(often));
    }
    let agents = json!([{ "agent_id": often, "weight": 0.5 }, { "agent_id": never, "weight": 0.5 }]);
    world.retell_patch("/update-phone-number/%2B12125550100", json!({ "outbound_agents": agents })).await;
    let mut drawn = Vec::new();
    for _ in 0..20 {
        drawn.push(make(&world, &[]).await.1["agent_id"].clone());
    }
    assert!(drawn.contains(&json!(often)) && drawn.contains(&json!(never)), "{drawn:?}");
}

#[tokio::test]
async fn a_call_is_told_of_and_signed() {
    let world = World::new().await;
    let (url, hits) = endpoint(0).await;
    world.sims.route_public("https://trunk.example", &url);
    world.sims.retell.set_endpoint("https://trunk.example");
    let agent = world.retell_agent().await;
    number(&world, &agent).await;
    let (_, call) = make(&world, &[]).await;
    world.sims.retell.tick().await;
    let hits = told(&hits);
    let bodies: Vec<Value> = hits.iter().map(|(_, body)| serde_json::from_str(body).expect("JSON")).collect();
    assert_eq!(each(&json!(bodies), "event"), ["call_started", "call_ended", "call_analyzed"]);
    assert!(hits.iter().all(|(signature, body)| is_signed(signature, body)), "{hits:?}");
    let (begun, ended) = (&bodies[0]["call"], &bodies[1]["call"]);
    assert_eq!((&begun["call_id"], &begun["call_status"]), (&call["call_id"], &json!("ongoing")));
    assert_eq!((begun.get("end_timestamp"), begun.get("duration_ms")), (None, None));
    assert_eq!((&ended["call_status"], &ended["disconnection_reason"]), (&json!("ended"), &json!("agent_hangup")));
    assert_eq!((&ended["start_timestamp"], &ended["duration_ms"]), (&json!(1_798_761_600_000_u64), &json!(30_000)));
    assert_eq!((&ended["end_timestamp"], &ended["metadata"]), (&json!(1_798_761_630_000_u64), &json!({ "ours": "1" })));
    assert_eq!((ended.get("call_analysis"), bodies[2]["call"].get("call_analysis").is_some()), (None, true));
    assert_eq!(
        (&ended["from_number"], &ended["to_number"], &ended["agent_id"]),
        (&json!(E164), &json!(CALLER), &json!(agent))
    );
}

#[tokio::test]
async fn a_failed_delivery_is_tried_three_times_again_with_a_new_signature() {
    for (failures, delivery) in [(3, "delivered"), (4, "failed")] {
        let world = World::with(|config| {
            let ticks = std::sync::atomic::AtomicI64::new(1_798_761_600_000);
            config.clock = Arc::new(move || {
                let ms = ticks.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                jiff::Timestamp::from_millisecond(ms).expect("an instant")
            });
        })
        .await;
        let (url, hits) = endpoint(failures).await;
        let agent = world.retell_agent().await;
        number(&world, &agent).await;
        make(&world, &[]).await;
        world.sims.retell.set_endpoint(&url);
        world.sims.retell.tick().await;
        let hits = told(&hits);
        let first = &hits[..4];
        assert!(first.iter().all(|(signature, body)| *body == first[0].1 && is_signed(signature, body)));
        let mut signatures: Vec<&String> = first.iter().map(|(signature, _)| signature).collect();
        signatures.dedup();
        assert_eq!(signatures.len(), 4, "each try has its own");
        let events = &world.sims.retell.state()["events"];
        assert_eq!((&events[0]["delivery"], &events[0]["tries"]), (&json!(delivery), &json!(4)));
        assert_eq!(each(events, "delivery")[1..], ["delivered"; 2]);

        let call = events[0]["call"].as_str().expect("a call");
        assert_eq!(world.sims.retell.repeat(call, "call_started").await, Ok(204));
        assert!(world.sims.retell.repeat(call, "call_begun").await.is_err());
    }
}

#[tokio::test]
async fn an_agent_with_an_endpoint_of_its_own_is_told_of_there() {
    let world = World::new().await;
    let ((account, ours), (url, theirs)) = (endpoint(0).await, endpoint(0).await);
    world.sims.retell.set_endpoint(account);
    let agent = world.retell_agent().await;
    number(&world, &agent).await;
    world.retell_patch(&format!("/update-agent/{agent}"), json!({ "webhook_url": url })).await;
    make(&world, &[]).await;
    world.sims.retell.tick().await;
    assert_eq!((told(&ours).len(), told(&theirs).len()), (0, 3));
}

#[tokio::test]
async fn a_call_that_never_connects_has_no_beginning() {
    let world = World::new().await;
    let agent = world.retell_agent().await;
    let id = registered(&world, &agent).await;
    world.retell_post(&format!("/v2/stop-call/{id}"), json!({})).await;
    assert_eq!(each(&world.sims.retell.state()["events"], "type"), ["call_ended", "call_analyzed"]);
}
