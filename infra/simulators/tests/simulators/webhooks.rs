//! Calls and messages, as whoever is called sees them.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use simulators::twilio::{CallRequest, DialResult, SmsRequest};
use simulators::{Fault, Kind};

use crate::kit::World;

const TO: &str = "+12125550100";
const FROM: &str = "+14155550123";
pub(crate) const PUBLIC: &str = "https://trunk.example";

#[derive(Clone, Debug)]
pub(crate) struct Hit {
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) params: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

impl Hit {
    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

pub(crate) type Script = fn(&str) -> Response;

/// Whoever is called: answers by a script and remembers what it was asked.
pub(crate) struct Callee {
    pub(crate) url: String,
    hits: Arc<Mutex<Vec<Hit>>>,
}

impl Callee {
    pub(crate) async fn start(script: Script) -> Self {
        let hits = Arc::new(Mutex::new(Vec::new()));
        let app = Router::new().fallback(receive).with_state((hits.clone(), script));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, hits }
    }

    pub(crate) fn hits(&self) -> Vec<Hit> {
        self.hits.lock().expect("the hits").clone()
    }

    pub(crate) fn targets(&self) -> Vec<String> {
        self.hits().into_iter().map(|hit| hit.target).collect()
    }
}

async fn receive(
    State((hits, script)): State<(Arc<Mutex<Vec<Hit>>>, Script)>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let params = form_urlencoded::parse(&body).into_owned().collect();
    let target = uri.to_string();
    hits.lock().expect("the hits").push(Hit { method, target, headers, params, body });
    script(uri.path())
}

pub(crate) fn xml(document: &str) -> Response {
    ([(header::CONTENT_TYPE, "text/xml")], format!("<Response>{document}</Response>")).into_response()
}

/// The rule once more, from the published description and not from the sender.
pub(crate) fn signed(url: &str, params: &[(String, String)]) -> String {
    let mut params = params.to_vec();
    params.sort();
    let data = params.iter().fold(url.to_owned(), |data, (name, value)| data + name + value);
    let key = aws_lc_rs::hmac::Key::new(
        aws_lc_rs::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        simulators::twilio::AUTH_TOKEN.as_bytes(),
    );
    STANDARD.encode(aws_lc_rs::hmac::sign(&key, data.as_bytes()))
}

fn request(answer: Option<DialResult>) -> CallRequest {
    CallRequest { to: TO.to_owned(), from: FROM.to_owned(), answer }
}

/// A world whose number points at a callee under its public name.
async fn world(script: Script, extra: &[(&str, &str)]) -> (World, Callee) {
    let world = World::new().await;
    let callee = Callee::start(script).await;
    world.sims.route_public(PUBLIC, &callee.url);
    let voice = format!("{PUBLIC}/voice?tenant=t%201");
    world.bought(&[&[("PhoneNumber", TO), ("VoiceUrl", &voice)], extra].concat()).await;
    (world, callee)
}

async fn call(world: &World, answer: Option<DialResult>) -> Value {
    world.sims.twilio.call(request(answer)).await.expect("a call")
}

#[tokio::test]
async fn a_call_is_announced_signed_and_reported() {
    let (world, callee) =
        world(|_| xml("<Say>Hello</Say><Hangup/>"), &[("StatusCallback", "https://trunk.example/status#rc=1")]).await;
    let result = call(&world, None).await;
    assert_eq!((&result["status"], &result["status_callback"]), (&json!("completed"), &json!(200)));
    assert_eq!(result["twiml"], json!(["<Response><Say>Hello</Say><Hangup/></Response>"]));
    let [voice, status] = callee.hits().try_into().expect("two webhooks");
    assert_eq!((&voice.method, voice.target.as_str()), (&Method::POST, "/voice?tenant=t%201"));
    assert_eq!(voice.header("content-type"), "application/x-www-form-urlencoded; charset=utf-8");
    let url = format!("{PUBLIC}/voice?tenant=t%201");
    assert_eq!(voice.header("x-twilio-signature"), signed(&url, &voice.params), "signed as configured");
    assert!(!voice.header("i-twilio-idempotency-token").is_empty());
    let expected = [
        ("From", FROM),
        ("Caller", FROM),
        ("To", TO),
        ("Called", TO),
        ("CallStatus", "ringing"),
        ("Direction", "inbound"),
        ("ApiVersion", "2010-04-01"),
        ("FromCity", "SAN FRANCISCO"),
        ("ToState", "NY"),
        ("CalledCountry", "US"),
        ("StirVerstat", "TN-Validation-Passed-A"),
    ];
    for (name, value) in expected {
        assert_eq!(voice.param(name), Some(value), "{name}");
    }
    assert_eq!(voice.param("CallSid"), result["call_sid"].as_str());

    assert_eq!(status.target, "/status", "a fragment is not sent");
    assert_eq!(status.header("x-twilio-signature"), signed("https://trunk.example/status", &status.params));
    let expected = [
        ("CallStatus", "completed"),
        ("CallDuration", "1"),
        ("Duration", "1"),
        ("SequenceNumber", "0"),
        ("Timestamp", "Fri, 01 Jan 2027 00:00:00 +0000"),
        ("CallbackSource", "call-progress-events"),
    ];
    for (name, value) in expected {
        assert_eq!(status.param(name), Some(value), "{name}");
    }
    let sid = result["call_sid"].as_str().expect("a sid");
    let (_, record) = world.twilio_get(&format!("/Calls/{sid}.json")).await;
    assert_eq!((&record["status"], &record["duration"]), (&json!("completed"), &json!("1")));
    assert_eq!(world.sims.twilio.state()["calls"][0]["id"], json!(sid));

    let sent = world.sims.twilio.send_status(sid, "in-progress", 2).await;
    assert_eq!(sent, Ok(200));
    let late = callee.hits().pop().expect("a callback");
    assert_eq!((late.param("CallStatus"), late.param("SequenceNumber")), (Some("in-progress"), Some("2")));
    assert_eq!(late.param("CallDuration"), None, "durations come at the end");
}

#[tokio::test]
async fn a_repeated_webhook_is_the_same_in_every_respect() {
    let (world, callee) = world(|_| xml("<Hangup/>"), &[]).await;
    let result = call(&world, None).await;
    let sid = result["call_sid"].as_str().expect("a sid");
    let document = world.sims.twilio.repeat_voice(sid).await;
    assert_eq!(document.as_deref(), Ok("<Response><Hangup/></Response>"));
    let [first, second] = callee.hits().try_into().expect("two webhooks");
    assert_eq!((&first.target, &first.params), (&second.target, &second.params));
    for name in ["i-twilio-idempotency-token", "x-twilio-signature"] {
        assert_eq!(first.header(name), second.header(name), "{name}");
    }
    call(&world, None).await;
    let third = callee.hits().pop().expect("a webhook");
    assert_ne!(third.header("i-twilio-idempotency-token"), first.header("i-twilio-idempotency-token"));
}

#[tokio::test]
async fn the_form_escapes_plus_signs_and_spaces_as_twilio_does() {
    let (world, _) = world(|_| xml(""), &[]).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    world.sims.route_public(PUBLIC, &format!("http://{}", listener.local_addr().expect("an address")));
    let raw = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a connection");
        let mut seen = Vec::new();
        // The form is the last thing sent; nothing is answered.
        while !String::from_utf8_lossy(&seen).contains("CallToken") {
            stream.readable().await.expect("bytes");
            let mut part = [0; 4096];
            if let Ok(length) = stream.try_read(&mut part) {
                seen.extend_from_slice(&part[..length]);
            }
        }
        String::from_utf8_lossy(&seen).into_owned()
    });
    call(&world, None).await;
    let raw = raw.await.expect("a request");
    assert!(raw.contains("From=%2B14155550123&") && raw.contains("FromCity=SAN+FRANCISCO&"), "{raw}");
}

#[tokio::test]
async fn a_number_nobody_owns_fails_without_a_webhook() {
    let world = World::new().await;
    let result = call(&world, None).await;
    assert_eq!((&result["status"], &result["twiml"]), (&json!("failed"), &json!([])));
}

#[tokio::test]
async fn a_get_webhook_carries_its_parameters_in_the_signed_url() {
    let (world, callee) = world(|_| xml(""), &[("VoiceMethod", "GET")]).await;
    assert_eq!(call(&world, None).await["status"], "completed");
    let [hit] = callee.hits().try_into().expect("one webhook");
    assert_eq!(hit.method, Method::GET);
    assert!(hit.target.starts_with("/voice?tenant=t%201&CallSid=CA"));
    assert_eq!(hit.header("x-twilio-signature"), signed(&format!("{PUBLIC}{}", hit.target), &[]));
}

#[tokio::test]
async fn a_webhook_that_fails_is_followed_by_the_fallback_which_is_told_why() {
    let cases: [(Script, &str); 5] = [
        (|path| if path == "/voice" { StatusCode::BAD_GATEWAY.into_response() } else { xml("<Hangup/>") }, "11200"),
        (|path| if path == "/voice" { "plain".into_response() } else { xml("<Hangup/>") }, "12300"),
        (
            |path| match path {
                "/voice" => ([(header::CONTENT_TYPE, "text/xml")], "<Response>").into_response(),
                _ => xml("<Hangup/>"),
            },
            "12100",
        ),
        (
            |path| match path {
                "/voice" => ([(header::CONTENT_TYPE, "text/xml")], "<Answer/>").into_response(),
                _ => xml("<Hangup/>"),
            },
            "12102",
        ),
        (
            |path| match path {
                "/voice" => ([(header::CONTENT_TYPE, "text/xml")], "x".repeat(65 * 1024)).into_response(),
                _ => xml("<Hangup/>"),
            },
            "11750",
        ),
    ];
    for (script, code) in cases {
        let (world, callee) = world(script, &[("VoiceFallbackUrl", "https://trunk.example/fallback")]).await;
        let result = call(&world, None).await;
        assert_eq!(result["status"], "completed", "{code}");
        assert_eq!(result["twiml"], json!(["<Response><Hangup/></Response>"]));
        let [_, fallback] = callee.hits().try_into().expect("two webhooks");
        assert_eq!(fallback.param("ErrorCode"), Some(code));
        assert_eq!(fallback.param("ErrorUrl"), Some("https://trunk.example/voice?tenant=t%201"));
        assert_eq!(fallback.header("x-twilio-signature"), signed("https://trunk.example/fallback", &fallback.params));
    }
}

#[tokio::test]
async fn without_a_fallback_the_call_fails() {
    let (world, _) = world(|_| StatusCode::FORBIDDEN.into_response(), &[]).await;
    let result = call(&world, None).await;
    assert_eq!((&result["status"], &result["error_code"]), (&json!("failed"), &json!(11200)));
}

#[tokio::test]
async fn a_refused_connection_is_tried_again_with_the_same_token_and_5xx_only_on_request() {
    let (plain, callee) = world(|_| StatusCode::SERVICE_UNAVAILABLE.into_response(), &[]).await;
    call(&plain, None).await;
    assert_eq!(callee.hits().len(), 1);
    let retrying = ("VoiceUrl", "https://trunk.example/voice#rc=2&rp=5xx");
    let (world, callee) = world(|_| StatusCode::SERVICE_UNAVAILABLE.into_response(), &[retrying]).await;
    call(&world, None).await;
    let tokens: Vec<String> =
        callee.hits().iter().map(|hit| hit.header("i-twilio-idempotency-token").to_owned()).collect();
    assert_eq!(tokens.len(), 3);
    assert!(tokens.iter().all(|token| *token == tokens[0]));
}

#[tokio::test]
async fn a_reading_time_over_the_fragments_limit_is_a_failure() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent = format!("http://{}/voice#rt=100&rc=0", listener.local_addr().expect("an address"));
    let (world, _) = world(|_| xml(""), &[("VoiceUrl", &silent)]).await;
    let result = call(&world, None).await;
    assert_eq!((&result["status"], &result["error_code"]), (&json!("failed"), &json!(11205)));
}

#[tokio::test]
async fn a_redirect_of_http_loses_the_form() {
    let script: Script = |path| match path {
        "/voice" => (StatusCode::FOUND, [(header::LOCATION, "/moved")]).into_response(),
        _ => xml("<Reject reason=\"busy\"/>"),
    };
    let (world, callee) = world(script, &[]).await;
    assert_eq!(call(&world, None).await["status"], "busy");
    let [_, moved] = callee.hits().try_into().expect("two requests");
    assert_eq!((moved.method, moved.target.as_str(), moved.params.len()), (Method::GET, "/moved", 0));
}

#[tokio::test]
async fn documents_lead_to_documents_ten_at_most() {
    let (world, callee) = world(|_| xml("<Pause/><Redirect>again?x=1</Redirect>"), &[]).await;
    let result = call(&world, None).await;
    assert_eq!(result["twiml"].as_array().map(Vec::len), Some(10));
    let targets = callee.targets();
    assert_eq!((targets.len(), targets[1].as_str()), (10, "/again?x=1"));
    let second = &callee.hits()[1];
    assert_eq!(second.header("x-twilio-signature"), signed("https://trunk.example/again?x=1", &second.params));
    assert_eq!(second.param("CallStatus"), Some("in-progress"));
}

#[tokio::test]
async fn a_dial_tells_its_action_how_it_went() {
    let script: Script = |path| match path {
        "/voice" => xml("<Dial answerOnBridge=\"true\" action=\"/done\"><Number>+14155550199</Number></Dial>"),
        _ => xml("<Dial>+14155550198</Dial>"),
    };
    let results = [
        (None, "completed", "completed"),
        (Some(DialResult::NoAnswer), "no-answer", "completed"),
        (Some(DialResult::Busy), "busy", "completed"),
        (Some(DialResult::Failed), "failed", "completed"),
    ];
    for (answer, dialled, status) in results {
        let (world, callee) = world(script, &[]).await;
        assert_eq!(call(&world, answer).await["status"], status, "later dials complete");
        let [_, done] = callee.hits().try_into().expect("two webhooks");
        assert_eq!(done.target, "/done");
        assert_eq!(done.param("DialCallStatus"), Some(dialled));
        assert_eq!(done.param("DialCallDuration").is_some(), dialled == "completed");
        assert!(done.param("DialCallSid").is_some_and(|sid| sid.starts_with("CA")));
    }
    let (world, _) = world(|_| xml("<Dial answerOnBridge=\"true\"><Number>+14155550199</Number></Dial>"), &[]).await;
    assert_eq!(call(&world, Some(DialResult::NoAnswer)).await["status"], "no-answer");
}

const VAPI: Script = |path| match path {
    "/voice" => xml("<Dial action=\"/done\"><Sip username=\"u\" password=\"p\">\
         sip:TAG@sip.vapi.ai;transport=tls?X-Caller=%2B14155550123</Sip></Dial>"),
    _ => xml("<Hangup/>"),
};

#[tokio::test]
async fn a_sip_dial_is_answered_by_the_assistant_at_that_address_or_by_nobody() {
    let (world, callee) = world(VAPI, &[]).await;
    let assistant = world.vapi_created("/assistant", json!({})).await;
    let body = json!({
        "provider": "vapi", "sipUri": "sip:tag@sip.vapi.ai", "assistantId": assistant,
        "authentication": { "username": "u", "password": "p" },
    });
    let last_dial = || callee.hits().pop().and_then(|hit| hit.param("DialCallStatus").map(str::to_owned));
    call(&world, None).await;
    assert_eq!(last_dial().as_deref(), Some("failed"), "no such address");

    let id = world.vapi_created("/phone-number", body).await;
    let path = format!("/phone-number/{id}");
    let result = call(&world, None).await;
    assert_eq!(last_dial().as_deref(), Some("completed"));
    assert_eq!(result["answered_by"], json!({ "sip_uri": "sip:tag@sip.vapi.ai", "assistant_id": assistant }));
    let (_, calls) = world.vapi_get(&format!("/call?assistantId={assistant}")).await;
    assert_eq!(calls[0]["assistantOverrides"]["variableValues"]["X-Caller"], FROM);

    let result = call(&world, Some(DialResult::Busy)).await;
    assert_eq!((last_dial().as_deref(), result.get("answered_by")), (Some("busy"), None));
    world.vapi_patch(&path, json!({ "authentication": { "username": "u", "password": "other" } })).await;
    call(&world, None).await;
    assert_eq!(last_dial().as_deref(), Some("failed"), "wrong credentials");
    world.vapi_patch(&path, json!({ "authentication": null, "assistantId": null })).await;
    call(&world, None).await;
    assert_eq!(last_dial().as_deref(), Some("failed"), "nobody there");
}

#[tokio::test]
async fn a_stream_is_opened_to_wss_only() {
    let script: Script = |_| {
        xml("<Connect><Stream url=\"wss://m.example/ws\"><Parameter name=\"tenant\" value=\"t1\"/></Stream></Connect>")
    };
    let (world_one, _) = world(script, &[]).await;
    let result = call(&world_one, None).await;
    assert_eq!(result["stream"], json!({ "url": "wss://m.example/ws", "parameters": { "tenant": "t1" } }));
    let (world_two, _) = world(|_| xml("<Connect><Stream url=\"https://m.example/ws\"/></Connect>"), &[]).await;
    assert_eq!(call(&world_two, None).await["error_code"], 31922);
}

#[tokio::test]
async fn a_message_reaches_the_sms_url_or_its_fallback() {
    let script: Script = |path| match path {
        "/sms" => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        _ => xml("<Message>Thanks</Message>"),
    };
    let hooks = [("SmsUrl", "https://trunk.example/sms"), ("SmsFallbackUrl", "https://trunk.example/sms2")];
    let (world, callee) = world(script, &hooks).await;
    let sms = SmsRequest { to: TO.to_owned(), from: FROM.to_owned(), body: "Hi & bye + more".to_owned() };
    let result = world.sims.twilio.sms(sms).await.expect("a message");
    assert_eq!(result["status"], "received");
    assert_eq!(result["replies"], json!([{ "to": FROM, "body": "Thanks" }]));
    let [first, second] = callee.hits().try_into().expect("two webhooks");
    assert_eq!(first.param("Body"), Some("Hi & bye + more"));
    assert_eq!(first.param("MessageSid"), result["message_sid"].as_str());
    assert_eq!(second.param("ErrorCode"), Some("11200"));
    assert_eq!(second.header("x-twilio-signature"), signed("https://trunk.example/sms2", &second.params));
}

#[tokio::test]
async fn faults_strike_requests_and_not_calls() {
    let (world, _) = world(|_| xml("<Hangup/>"), &[]).await;
    world.sims.faults.add(Fault::new("twilio", "numbers.get", Kind::Timeout)).expect("a valid fault");
    assert_eq!(call(&world, None).await["status"], "completed");
}
