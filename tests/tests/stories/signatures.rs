//! Webhooks prove who sent them: what is not signed, or signed for something else, does nothing.

use std::collections::BTreeMap;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde_json::Value;
use simulators::twilio::AUTH_TOKEN;
use tests::{Answer, TestApp};

use crate::kit::{CALLER, NUMBER, Story, list, raw, word};

const FORM: &str = "application/x-www-form-urlencoded";
const CALL_SID: &str = "CA00000000000000000000000000000001";

/// What Twilio signs: the URL, then every parameter by name.
fn signature(token: &str, url: &str, parameters: &BTreeMap<&str, &str>) -> String {
    let signed: String = parameters.iter().map(|(name, value)| format!("{name}{value}")).collect();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.as_bytes());
    STANDARD.encode(hmac::sign(&key, format!("{url}{signed}").as_bytes()))
}

fn form(parameters: &BTreeMap<&str, &str>) -> Vec<u8> {
    let encoded = parameters.iter().map(|(name, value)| format!("{name}={}", value.replace('+', "%2B")));
    encoded.collect::<Vec<_>>().join("&").into_bytes()
}

fn ringing() -> BTreeMap<&'static str, &'static str> {
    BTreeMap::from([("CallSid", CALL_SID), ("From", CALLER), ("To", NUMBER), ("CallStatus", "ringing")])
}

async fn send(app: &TestApp, path: &str, signature: Option<&str>, body: Vec<u8>) -> Answer {
    let mut headers = vec![("Content-Type", FORM)];
    headers.extend(signature.map(|signature| ("X-Twilio-Signature", signature)));
    raw(app, Method::POST, path, "", &headers, body).await
}

async fn calls(story: &Story, number: &str) -> Vec<Value> {
    list(&story.get(&format!("/v1/numbers/{number}/calls")).await.expect(200).body, "items")
}

#[tokio::test]
async fn only_what_is_signed_for_exactly_this_is_taken_in() {
    let (story, number, _) = Story::with_a_linked_number().await;
    let (app, parameters) = (&story.app, ringing());
    let url = |path: &str| format!("{}{path}", app.system.url);
    for path in ["voice", "voice/dial-result", "voice/fallback", "status"] {
        let path = format!("/webhooks/twilio/{path}?tenant={}", story.tenant.id);
        let good = signature(AUTH_TOKEN, &url(&path), &parameters);
        let altered = parameters.clone().into_iter().chain([("To", "+12125550124")]).collect();
        let more = parameters.clone().into_iter().chain([("Digits", "1")]).collect();
        let other = format!("{path}x");
        let refused = [
            send(app, &path, None, form(&parameters)).await,
            send(app, &path, Some(""), form(&parameters)).await,
            send(app, &path, Some("bm9uZQ=="), form(&parameters)).await,
            send(app, &path, Some("not base64!"), form(&parameters)).await,
            send(app, &path, Some(&signature("another token", &url(&path), &parameters)), form(&parameters)).await,
            send(
                app,
                &path,
                Some(&signature(AUTH_TOKEN, &format!("https://elsewhere.example{path}"), &parameters)),
                form(&parameters),
            )
            .await,
            send(app, &path, Some(&good), form(&altered)).await,
            send(app, &path, Some(&good), form(&more)).await,
            send(app, &path, Some(&good), form(&parameters).split_off(1)).await,
            send(app, &path, Some(&good), Vec::new()).await,
            send(app, &other, Some(&good), form(&parameters)).await,
            send(app, "/webhooks/twilio/voice", Some(&good), form(&parameters)).await,
        ];
        for (n, answer) in refused.iter().enumerate() {
            assert_eq!((answer.status.as_u16(), &answer.body), (403, &Value::Null), "{path} {n}");
        }
    }
    assert_eq!(calls(&story, &number).await, Vec::<Value>::new());
}

#[tokio::test]
async fn what_is_signed_rightly_is_taken_in() {
    let (story, number, _) = Story::with_a_linked_number().await;
    let path = format!("/webhooks/twilio/voice?tenant={}", story.tenant.id);
    let good = signature(AUTH_TOKEN, &format!("{}{path}", story.app.system.url), &ringing());
    let answer = send(&story.app, &path, Some(&good), form(&ringing())).await.expect(200);
    assert_eq!(answer.headers["content-type"], "text/xml");
    assert_eq!(word(&calls(&story, &number).await[0], "/call_sid"), CALL_SID);
}

#[tokio::test]
async fn a_signed_webhook_for_a_tenant_that_is_none_is_refused() {
    let story = Story::begin("PRO", "0").await;
    for path in ["/webhooks/twilio/voice", "/webhooks/twilio/voice?tenant=", "/webhooks/twilio/voice?tenant=a%23b"] {
        let good = signature(AUTH_TOKEN, &format!("{}{path}", story.app.system.url), &ringing());
        assert_eq!(send(&story.app, path, Some(&good), form(&ringing())).await.status.as_u16(), 403, "{path}");
    }
}

#[tokio::test]
async fn a_signed_webhook_without_a_usable_call_is_rejected_and_not_kept() {
    let (story, number, _) = Story::with_a_linked_number().await;
    let path = format!("/webhooks/twilio/voice?tenant={}", story.tenant.id);
    for (name, value) in [("CallSid", "CA#1"), ("CallSid", ""), ("To", "sip:x@y"), ("To", "")] {
        let parameters = ringing().into_iter().chain([(name, value)]).collect();
        let good = signature(AUTH_TOKEN, &format!("{}{path}", story.app.system.url), &parameters);
        let answer = send(&story.app, &path, Some(&good), form(&parameters)).await.expect(200);
        assert!(answer.body.as_str().is_some_and(|document| document.contains("<Reject")), "{}", answer.body);
    }
    assert_eq!(calls(&story, &number).await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_number_configured_with_our_former_address_still_gets_through() {
    let folder = std::env::temp_dir().join(format!("trunkline-stories-{}", std::process::id()));
    let before = Story::kept_in(&folder, 1).await;
    before.stock(&[NUMBER]).await;
    let number = before.bought(NUMBER).await;
    let (former, tenant) = (before.app.system.url.clone(), before.tenant.clone());
    drop(before);
    let story = Story { tenant, ..Story::kept_in(&folder, 2).await };
    assert_ne!(story.app.system.url, former, "it moved");
    let voice = word(&story.app.state("twilio").await, "/numbers/0/voice_url");
    assert!(voice.starts_with(&former), "{voice}");
    let call = story.call(NUMBER, "completed").await;
    assert_eq!((word(&call, "/status"), call["status_callback"].clone()), ("completed".to_owned(), 200.into()));
    assert_eq!(calls(&story, &number).await.len(), 1);
    drop(story);
    std::fs::remove_dir_all(&folder).expect("the folder goes");
}
