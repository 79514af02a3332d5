//! Calls of ElevenLabs' agents, those they make and those they take, and what is told of them.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use reqwest::Method;
use serde_json::{Value, json};
use simulators::elevenlabs::WEBHOOK_SECRET;
use simulators::twilio::CallRequest;

use crate::kit::{World, answer, each};

const TO: &str = "+12125550100";
const FROM: &str = "+14155550123";
const PUBLIC: &str = "https://trunk.example";
const REGISTER: &str = "/convai/twilio/register-call";

/// Whoever is asked and told: a document for a call, a status for news, and the news that came.
#[derive(Clone)]
struct Callee {
    document: Arc<Mutex<String>>,
    status: Arc<Mutex<StatusCode>>,
    told: Arc<Mutex<Vec<(String, String)>>>,
}

impl Callee {
    /// Under [`PUBLIC`] in this world.
    async fn start(world: &World) -> Self {
        let callee = Self { document: Arc::default(), status: Arc::default(), told: Arc::default() };
        let app = Router::new().fallback(receive).with_state(callee.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        world.sims.route_public(PUBLIC, &format!("http://{}", listener.local_addr().expect("an address")));
        tokio::spawn(async move { axum::serve(listener, app).await });
        callee
    }

    fn gives(&self, document: &str) {
        document.clone_into(&mut self.document.lock().expect("the document"));
    }

    fn answers(&self, status: StatusCode) {
        *self.status.lock().expect("the status") = status;
    }

    /// Signatures and bodies, each with a signature of the body that came.
    fn told(&self) -> Vec<Value> {
        let told = self.told.lock().expect("what was told");
        told.iter()
            .map(|(signature, body)| {
                let at = signature.strip_prefix("t=").and_then(|rest| rest.split_once(',')).expect("a time").0;
                let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, WEBHOOK_SECRET.as_bytes());
                let tag = aws_lc_rs::hmac::sign(&key, format!("{at}.{body}").as_bytes());
                let tag: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
                assert_eq!(signature, &format!("t={at},v0={tag}"));
                serde_json::from_str(body).expect("JSON")
            })
            .collect()
    }
}

async fn receive(State(callee): State<Callee>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    if uri.path() == "/voice" {
        let document = callee.document.lock().expect("the document").clone();
        return ([(header::CONTENT_TYPE, "text/xml")], document).into_response();
    }
    let signature = headers.get("elevenlabs-signature").and_then(|it| it.to_str().ok()).unwrap_or_default();
    let news = (signature.to_owned(), String::from_utf8_lossy(&body).into_owned());
    callee.told.lock().expect("what was told").push(news);
    callee.status.lock().expect("the status").into_response()
}

async fn call(world: &World) -> Value {
    let request = CallRequest { to: TO.to_owned(), from: FROM.to_owned(), answer: None };
    world.sims.twilio.call(request).await.expect("a call")
}

/// Its status, content type and body.
async fn registered(world: &World, body: &Value) -> (u16, String, String) {
    let response = world.eleven(Method::POST, REGISTER).json(body).send().await.expect("an answer");
    let content_type = response.headers()[header::CONTENT_TYPE.as_str()].to_str().expect("a text").to_owned();
    (response.status().as_u16(), content_type, response.text().await.expect("a body"))
}

async fn trunked(world: &World, agent: &str, extra: Value) -> String {
    let mut body = json!({ "provider": "sip_trunk", "phone_number": TO, "label": "t", "agent_id": agent });
    for (name, value) in extra.as_object().expect("an object") {
        body[name] = value.clone();
    }
    world.eleven_made("/convai/phone-numbers", body).await
}

async fn imported(world: &World, agent: &str) -> String {
    let twilio = &world.sims.twilio;
    let body = json!({
        "provider": "twilio", "phone_number": TO, "label": "t", "agent_id": agent,
        "sid": twilio.account_sid, "token": twilio.auth_token,
    });
    world.eleven_made("/convai/phone-numbers", body).await
}

#[tokio::test]
async fn a_registered_call_is_a_document_that_brings_it_to_the_agent_once() {
    let world = World::new().await;
    let callee = Callee::start(&world).await;
    world.bought(&[("PhoneNumber", TO), ("VoiceUrl", &format!("{PUBLIC}/voice"))]).await;
    let agent = world.eleven_agent("Reception").await;
    let body = json!({
        "agent_id": agent, "from_number": FROM, "to_number": TO, "direction": "inbound",
        "conversation_initiation_client_data": { "dynamic_variables": { "ours": "1" } },
    });
    let (status, content_type, document) = registered(&world, &body).await;
    assert_eq!((status, content_type.starts_with("text/html")), (200, true), "{content_type}");
    let waiting = world.sims.elevenlabs.state()["calls"][0].clone();
    assert_eq!((&waiting["status"], &waiting["duration_s"]), (&json!("initiated"), &json!(0)));

    callee.gives(&document);
    let played = call(&world).await;
    let conversation = waiting["id"].as_str().expect("an id");
    assert_eq!(played["status"], "completed", "{played}");
    assert_eq!(played["answered_by"], json!({ "agent_id": agent, "conversation_id": conversation }));
    let (_, kept) = world.eleven_get(&format!("/convai/conversations/{conversation}")).await;
    assert_eq!((&kept["status"], &kept["metadata"]["call_duration_secs"]), (&json!("done"), &json!(30)));
    let phone_call = &kept["metadata"]["phone_call"];
    assert_eq!((&phone_call["agent_number"], &phone_call["external_number"]), (&json!(TO), &json!(FROM)));
    assert_eq!((&phone_call["type"], &phone_call["call_sid"]), (&json!("twilio"), &played["call_sid"]));
    assert_eq!(kept["conversation_initiation_client_data"]["dynamic_variables"], json!({ "ours": "1" }));

    // It was expected once.
    let again = call(&world).await;
    assert_eq!((&again["status"], &again["error_code"]), (&json!("failed"), &json!(31920)), "{again}");
    assert_eq!(again.get("answered_by"), None);
    callee.gives("<Response><Connect><Stream url=\"wss://api.us.elevenlabs.io/x\"/></Connect></Response>");
    assert_eq!(call(&world).await["status"], "failed");
}

#[tokio::test]
async fn a_registration_names_an_agent_and_both_parties() {
    let world = World::new().await;
    let agent = world.eleven_agent("A").await;
    let (status, refused) = world.eleven_post(REGISTER, json!({ "agent_id": agent, "direction": "up" })).await;
    assert_eq!(status, 422);
    let places: Vec<&str> =
        refused["detail"].as_array().expect("a list").iter().filter_map(|it| it["loc"][1].as_str()).collect();
    assert_eq!(places, ["from_number", "to_number", "direction"]);
    let nobody = json!({ "agent_id": "agent_none", "from_number": FROM, "to_number": TO });
    assert_eq!(world.eleven_post(REGISTER, nobody).await.0, 404);
    let outgoing = json!({ "agent_id": agent, "from_number": TO, "to_number": FROM, "direction": "outbound" });
    registered(&world, &outgoing).await;
    let call = &world.sims.elevenlabs.state()["calls"][0];
    assert_eq!((&call["agent_number"], &call["direction"]), (&json!(TO), &json!("outbound")));
}

#[tokio::test]
async fn a_call_over_a_trunk_is_answered_by_the_numbers_agent_or_by_nobody() {
    let world = World::new().await;
    let callee = Callee::start(&world).await;
    world.bought(&[("PhoneNumber", TO), ("VoiceUrl", &format!("{PUBLIC}/voice"))]).await;
    let dial = async |uri: &str, attributes: &str| {
        callee
            .gives(&format!("<Response><Dial answerOnBridge=\"true\"><Sip{attributes}>{uri}</Sip></Dial></Response>"));
        call(&world).await
    };
    let uri = format!("sip:{TO}@sip.rtc.elevenlabs.io:5060;transport=tcp");
    assert_eq!(dial(&uri, "").await["status"], "failed", "a number that is not known");
    let agent = world.eleven_agent("A").await;
    let id = trunked(&world, &agent, json!({})).await;
    let played = dial(&uri, "").await;
    assert_eq!((&played["status"], &played["answered_by"]["agent_id"]), (&json!("completed"), &json!(agent)));
    let conversation = world.sims.elevenlabs.state()["calls"][0].clone();
    assert_eq!((&conversation["number"], &conversation["external_number"]), (&json!(id), &json!(FROM)));
    for wrong in [
        format!("sip:{TO}@sip.rtc.elevenlabs.io"),
        format!("sip:{TO}@sip.rtc.elevenlabs.io;transport=udp"),
        "sip:+12125550199@sip.rtc.elevenlabs.io;transport=tcp".to_owned(),
    ] {
        assert_eq!(dial(&wrong, "").await["status"], "failed", "{wrong}");
    }
    let secure = format!("sips:{TO}@sip.rtc.elevenlabs.io:5061");
    assert_eq!(dial(&secure, "").await["status"], "completed");

    let path = format!("/convai/phone-numbers/{id}");
    let patch = async |body: Value| assert_eq!(answer(world.eleven(Method::PATCH, &path).json(&body)).await.0, 200);
    patch(json!({ "inbound_trunk_config": { "credentials": { "username": "u", "password": "p" } } })).await;
    assert_eq!(dial(&uri, "").await["status"], "failed");
    assert_eq!(dial(&uri, " username=\"u\" password=\"p\"").await["status"], "completed");
    // A change without a password keeps the one from before.
    patch(json!({ "inbound_trunk_config": { "credentials": { "username": "v" } } })).await;
    assert_eq!(dial(&uri, " username=\"v\" password=\"p\"").await["status"], "completed");
    patch(json!({ "inbound_trunk_config": { "allowed_numbers": ["+14155550199"] } })).await;
    assert_eq!(dial(&uri, "").await["status"], "failed");
    patch(json!({ "inbound_trunk_config": {}, "agent_id": null })).await;
    assert_eq!(dial(&uri, "").await["status"], "failed", "nobody is there to answer");
}

#[tokio::test]
async fn a_call_to_an_imported_number_is_answered_by_its_agent() {
    let world = World::new().await;
    world.bought(&[("PhoneNumber", TO), ("VoiceUrl", "https://h.example/v")]).await;
    let agent = world.eleven_agent("A").await;
    let id = imported(&world, &agent).await;
    let played = call(&world).await;
    assert_eq!(
        (&played["status"], &played["answered_by"]["agent_id"]),
        (&json!("completed"), &json!(agent)),
        "{played}"
    );
    assert_eq!(world.sims.elevenlabs.state()["calls"][0]["number"], json!(id));
    let path = format!("/convai/phone-numbers/{id}");
    assert_eq!(answer(world.eleven(Method::DELETE, &path)).await.0, 200);
    assert_eq!(call(&world).await["status"], "failed");
}

#[tokio::test]
async fn a_call_that_an_agent_makes_succeeds_or_fails_with_the_same_status() {
    let world = World::new().await;
    let agent = world.eleven_agent("A").await;
    let sid = world.bought(&[("PhoneNumber", TO)]).await;
    let import = imported(&world, &agent).await;
    let trunk = json!({ "phone_number": "+12125550101", "outbound_trunk_config": { "address": "x.example" } });
    let trunk = trunked(&world, &agent, trunk).await;
    let bare = trunked(&world, &agent, json!({ "phone_number": "+12125550102" })).await;
    let (by_twilio, by_trunk) = ("/convai/twilio/outbound-call", "/convai/sip-trunk/outbound-call");
    let make = async |path: &str, number: &str, to: &str| {
        let body = json!({ "agent_id": agent, "agent_phone_number_id": number, "to_number": to });
        world.eleven_post(path, body).await
    };
    for (path, number, name, other) in
        [(by_twilio, &import, "callSid", "sip_call_id"), (by_trunk, &trunk, "sip_call_id", "callSid")]
    {
        let (status, made) = make(path, number, FROM).await;
        assert_eq!((status, &made["success"]), (200, &json!(true)), "{made}");
        assert!(made[name].is_string() && made["conversation_id"].is_string() && made.get(other).is_none(), "{made}");
        for nowhere in ["+15005550001", "+15005550004", "not a number"] {
            let (status, refused) = make(path, number, nowhere).await;
            assert_eq!((status, &refused["success"]), (200, &json!(false)), "{nowhere}");
            assert!(refused["conversation_id"].is_null() && refused["message"].is_string(), "{refused}");
        }
    }
    assert_eq!(make(by_trunk, &bare, FROM).await.1["success"], json!(false), "nowhere to take it");
    assert_eq!(make(by_trunk, &import, FROM).await.0, 400);
    assert_eq!(make(by_twilio, "phnum_none", FROM).await.0, 404);
    let nobody = json!({ "agent_id": "agent_none", "agent_phone_number_id": import, "to_number": FROM });
    assert_eq!(world.eleven_post(by_twilio, nobody).await.0, 404);
    let endless = json!({
        "agent_id": agent, "agent_phone_number_id": import, "to_number": FROM,
        "telephony_call_config": { "ringing_timeout_secs": 1_000 },
    });
    assert_eq!(world.eleven_post(by_twilio, endless).await.0, 422);
    world.release(&sid).await;
    assert_eq!(make(by_twilio, &import, FROM).await.1["success"], json!(false), "the number is gone at Twilio");
    assert_eq!(world.sims.elevenlabs.state()["calls"].as_array().map(Vec::len), Some(2));
    assert_eq!(world.eleven_get("/convai/conversations/conv_none").await.0, 404);
}

#[tokio::test]
async fn what_becomes_of_calls_is_told_once_signed_and_in_order() {
    let world = World::new().await;
    let callee = Callee::start(&world).await;
    let agent = world.eleven_agent("A").await;
    let number = trunked(&world, &agent, json!({ "outbound_trunk_config": { "address": "x.example" } })).await;
    let make = async |to: &str| {
        let body = json!({ "agent_id": agent, "agent_phone_number_id": number, "to_number": to });
        let (_, made) = world.eleven_post("/convai/sip-trunk/outbound-call", body).await;
        made["conversation_id"].as_str().expect("a call").to_owned()
    };
    // Without an endpoint it waits.
    let first = make(FROM).await;
    assert_eq!(each(&world.sims.elevenlabs.deliver().await["events"], "delivery"), ["pending"]);
    world.sims.elevenlabs.set_endpoint(format!("{PUBLIC}/news"));
    let busy = make("+15005550005").await;
    let nobody = make("+15005550007").await;
    let events = world.sims.elevenlabs.deliver().await["events"].clone();
    assert_eq!(each(&events, "delivery"), ["delivered"; 3]);
    let told = callee.told();
    assert_eq!(
        each(&json!(told), "type"),
        ["post_call_transcription", "call_initiation_failure", "call_initiation_failure"]
    );
    let calls: Vec<&Value> = told.iter().map(|news| &news["data"]["conversation_id"]).collect();
    assert_eq!(calls, [&json!(first), &json!(busy), &json!(nobody)]);
    let (_, kept) = world.eleven_get(&format!("/convai/conversations/{first}")).await;
    assert_eq!(told[0]["data"], kept);
    let phone_call = &kept["metadata"]["phone_call"];
    assert_eq!((&phone_call["type"], &phone_call["direction"]), (&json!("sip_trunking"), &json!("outbound")));
    let reasons: Vec<&Value> = told.iter().skip(1).map(|news| &news["data"]["failure_reason"]).collect();
    assert_eq!(reasons, [&json!("busy"), &json!("no-answer")]);

    // Nothing is sent again that was not taken, but for the asking.
    callee.answers(StatusCode::INTERNAL_SERVER_ERROR);
    let lost = make(FROM).await;
    for _ in 0..2 {
        let events = world.sims.elevenlabs.deliver().await["events"].clone();
        assert_eq!((&events[3]["delivery"], &events[3]["status"]), (&json!("failed"), &json!(500)));
    }
    assert_eq!(callee.told().len(), 4);
    callee.answers(StatusCode::OK);
    assert_eq!(world.sims.elevenlabs.repeat(&lost).await, Ok(200));
    let told = callee.told();
    assert_eq!((told.len(), &told[3]), (5, &told[4]));
    assert!(world.sims.elevenlabs.repeat("conv_none").await.is_err());
}

#[tokio::test]
async fn an_endpoint_that_never_takes_anything_is_given_up() {
    let world = World::new().await;
    let callee = Callee::start(&world).await;
    callee.answers(StatusCode::BAD_GATEWAY);
    world.sims.elevenlabs.set_endpoint(format!("{PUBLIC}/news"));
    let agent = world.eleven_agent("A").await;
    let number = trunked(&world, &agent, json!({ "outbound_trunk_config": { "address": "x.example" } })).await;
    for _ in 0..11 {
        let body = json!({ "agent_id": agent, "agent_phone_number_id": number, "to_number": FROM });
        world.eleven_post("/convai/sip-trunk/outbound-call", body).await;
        world.sims.elevenlabs.deliver().await;
    }
    assert_eq!(callee.told().len(), 10);
    let webhook = async || world.eleven_get("/workspace/webhooks").await.1["webhooks"][0].clone();
    let given_up = webhook().await;
    assert_eq!(
        (&given_up["is_auto_disabled"], &given_up["most_recent_failure_error_code"]),
        (&json!(true), &json!(502))
    );
    let path = format!("/workspace/webhooks/{}", given_up["webhook_id"].as_str().expect("an id"));
    let enable = json!({ "is_disabled": false, "name": "n" });
    assert_eq!(answer(world.eleven(Method::PATCH, &path).json(&enable)).await.0, 200);
    assert_eq!(webhook().await["is_auto_disabled"], json!(false));
    callee.answers(StatusCode::OK);
    world.sims.elevenlabs.deliver().await;
    assert_eq!(callee.told().len(), 11);
}
