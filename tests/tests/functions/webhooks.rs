//! What a gateway may make of a webhook (a stage in the path, a body in base64 or not), and what is never let in.

use serde_json::{Value, json};
use tests::lambda::Outcome;
use tests::lambda::function::PUBLIC_BASE_URL;
use tests::twilio::sign;

use crate::world::{self, Stage};

const FORM: [(&str, &str); 5] = [
    ("CallSid", "CA00000000000000000000000000000001"),
    ("CallStatus", "ringing"),
    ("Direction", "inbound"),
    ("From", "+14155550199"),
    ("To", world::E164),
];
const URL: &str = "/webhooks/twilio/voice?tenant=demo";

/// The incoming call's event with this form, as plain text, and this signature.
fn call(signature: &str) -> Value {
    let mut event = world::event("incoming-call");
    let encode = |text: &str| text.replace('+', "%2B");
    let form: Vec<String> = FORM.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
    event["body"] = json!(form.join("&"));
    event["isBase64Encoded"] = json!(false);
    event["headers"]["x-twilio-signature"] = json!(signature);
    event
}

fn good() -> String {
    sign(world::AUTH_TOKEN, &format!("{PUBLIC_BASE_URL}{URL}"), &FORM)
}

fn changed(mut event: Value, change: impl Fn(&mut Value)) -> Value {
    change(&mut event);
    event
}

/// Every way in which an event may come, and the status it gets.
fn rows() -> Vec<(&'static str, Value, u16)> {
    let staged = |event: &mut Value| {
        event["rawPath"] = json!("/prod/webhooks/twilio/voice");
        event["requestContext"]["stage"] = json!("prod");
        event["requestContext"]["http"]["path"] = json!("/prod/webhooks/twilio/voice");
    };
    let other_host = |event: &mut Value| {
        event["headers"]["host"] = json!("a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com");
        event["headers"]["x-forwarded-proto"] = json!("http");
    };
    vec![
        ("a body in base64", world::event("incoming-call"), 200),
        ("a body in plain text", call(&good()), 200),
        ("a stage in the path", changed(call(&good()), staged), 200),
        ("a stage in the path, a body in base64", changed(world::event("incoming-call"), staged), 200),
        ("a host and a scheme that are not the configured ones", changed(call(&good()), other_host), 200),
        (
            "another tenant in the address",
            changed(call(&good()), |event| event["rawQueryString"] = json!("tenant=other")),
            403,
        ),
        ("no tenant in the address", changed(call(&good()), |event| event["rawQueryString"] = json!("")), 403),
        (
            "another caller in the form",
            changed(call(&good()), |event| {
                let body = event["body"].as_str().unwrap().replace("4155550199", "4155550198");
                event["body"] = json!(body);
            }),
            403,
        ),
        (
            "a signature of somebody else's",
            call(&sign("another token", &format!("{PUBLIC_BASE_URL}{URL}"), &FORM)),
            403,
        ),
        ("a signature that is none", call("not base64 at all"), 403),
        ("an empty signature", call(""), 403),
        (
            "no signature",
            changed(call(&good()), |event| {
                event["headers"].as_object_mut().unwrap().remove("x-twilio-signature");
            }),
            403,
        ),
        ("a path of another function", changed(call(&good()), |event| event["rawPath"] = json!("/v1/numbers")), 404),
        (
            "another method",
            changed(call(&good()), |event| event["requestContext"]["http"]["method"] = json!("GET")),
            405,
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_is_let_in_by_its_signature_whatever_the_gateway_made_of_it() {
    let app = world::at(Stage::Linked).await;
    let mut function = world::function(&app, "incoming-call").await;
    for (what, event, status) in rows() {
        app.system.aws.dynamodb.reset_counts();
        let outcome = function.invoke(&event).await;
        let Outcome::Answer(answer) = outcome else { panic!("{what}: {outcome:?}") };
        assert_eq!(answer["statusCode"], status, "{what}: {answer}");
        let body = answer["body"].as_str().unwrap_or_default();
        match status {
            200 => assert!(body.contains("<Sip "), "{what}: {body}"),
            403 => assert_eq!(body, "", "{what}"),
            _ => assert!(body.contains("\"code\""), "{what}: {body}"),
        }
        let asked = app.system.aws.dynamodb.requests();
        assert_eq!(asked.is_empty(), status != 200, "{what}: what is not let in asks nothing of the table: {asked:?}");
    }
    world::end(&app, function).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_is_none_fails_by_itself_and_alone() {
    let app = world::at(Stage::Linked).await;
    let mut function = world::function(&app, "incoming-call").await;
    let malformed = [json!({}), json!([]), json!("text"), json!({ "version": "2.0" }), json!({ "Records": [] })];
    for event in &malformed {
        let outcome = function.invoke(event).await;
        assert!(matches!(outcome, Outcome::Error(..)), "{event}: {outcome:?}");
        let next = function.invoke(&call(&good())).await;
        assert!(matches!(&next, Outcome::Answer(answer) if answer["statusCode"] == 200), "{event}, then {next:?}");
    }
    world::end(&app, function).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_is_one_failed_invocation() {
    let app = world::at(Stage::Linked).await;
    let mut function = world::function(&app, "incoming-call").await;
    // Reading the event panics here, in the library that does it, before anything of ours is asked. No gateway sends this.
    let broken = changed(world::event("incoming-call"), |event| event["body"] = json!("%%%"));
    let outcome = function.invoke(&broken).await;
    assert!(matches!(outcome, Outcome::Error(..)), "{outcome:?}");
    let next = function.invoke(&world::event("incoming-call")).await;
    assert!(matches!(&next, Outcome::Answer(answer) if answer["statusCode"] == 200), "{next:?}");
}

/// HMAC-SHA256 in hex.
fn hmac(key: &str, text: &str) -> String {
    use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
    sign(&Key::new(HMAC_SHA256, key.as_bytes()), text.as_bytes())
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_platform_is_let_in_by_what_it_signed_just_now() {
    let app = world::at(Stage::Linked).await;
    let (retell, elevenlabs) = (&app.system.simulators.retell, &app.system.simulators.elevenlabs);
    let now = jiff::Timestamp::now();
    let (ms, s) = (now.as_millisecond(), now.as_second());
    type Sign<'a> = Box<dyn Fn(&str) -> String + 'a>;
    let by_retell: Sign<'_> =
        Box::new(|body| format!("v={ms},d={}", hmac(&retell.webhook_key, &format!("{body}{ms}"))));
    let by_elevenlabs: Sign<'_> =
        Box::new(|body| format!("t={s},v0={}", hmac(&elevenlabs.webhook_secret, &format!("{s}.{body}"))));
    for (name, header, signed) in [
        ("retell-webhook", "x-retell-signature", by_retell),
        ("elevenlabs-webhook", "elevenlabs-signature", by_elevenlabs),
    ] {
        let mut function = world::function(&app, name).await;
        let event = world::event(name);
        let body = event["body"].as_str().expect("a body").to_owned();
        let with = |signature: String| changed(event.clone(), |event| event["headers"][header] = json!(signature));
        for (what, event, status) in [
            ("signed now", with(signed(&body)), 200),
            ("signed for another body", with(signed(&format!("{body} "))), 403),
            ("signed long ago", event.clone(), 403),
        ] {
            let outcome = function.invoke(&event).await;
            let Outcome::Answer(answer) = outcome else { panic!("{name}, {what}: {outcome:?}") };
            assert_eq!(answer["statusCode"], status, "{name}, {what}: {answer}");
        }
        world::end(&app, function).await;
    }
}
