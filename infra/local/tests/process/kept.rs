//! What outlives a kill: everything.

use std::net::TcpListener;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::fixture::{Data, Running};

async fn bought(running: &Running, key: &str) -> Value {
    let wish = json!({ "e164": running.offer().await, "agent_id": running.agent().await });
    let bought = running.buy(key, &wish).await.expect("an answer");
    assert_eq!(bought.status, 201, "{}", bought.body);
    bought.body["number"].clone()
}

/// What there is to be found again.
async fn all(running: &Running) -> Value {
    let mut found = json!({ "wallet": running.wallet().await });
    for path in ["/v1/numbers", "/v1/operations", "/v1/wallet/entries", "/v1/agents", "/v1/projects"] {
        found[path] = running.get(path).await.body;
    }
    for party in ["twilio", "vapi"] {
        found[party] = running.local(&format!("simulators/{party}/state"), None).await.body;
    }
    found["events"] = running.local("events?tenant=demo", None).await.body;
    found
}

async fn now(running: &Running) -> String {
    running.local("clock", None).await.text("/now").to_owned()
}

#[tokio::test]
async fn a_kill_loses_nothing() {
    let data = Data::new();
    let running = data.start_without_schedules().await;
    let number = bought(&running, "kept").await;
    running.local("clock", Some(json!({ "advance": "P3D" }))).await;
    let (before, then) = (all(&running).await, now(&running).await);
    let token = running.token.clone();
    running.killed().await;

    let mut running = data.start_without_schedules().await;
    assert!(now(&running).await >= then, "time went backwards");
    running.token = token;
    assert_eq!(all(&running).await, before);
    let again = running.get(&format!("/v1/numbers/{}", number["id"].as_str().unwrap_or_default())).await;
    assert_eq!(again.body, number);
    running.verify().await;
}

#[tokio::test]
async fn what_fell_due_while_nothing_ran_is_made_up_for_at_the_start() {
    let data = Data::new();
    let running = data.start_without_schedules().await;
    bought(&running, "renewed").await;
    running.local("clock", Some(json!({ "advance": "P40D", "run_jobs": false }))).await;
    assert_eq!(running.wallet().await.0, "48.50");
    running.killed().await;

    let running = data.start().await;
    let charged = async {
        // Nothing announces the schedules' first ticks; the charge is their sign.
        while running.wallet().await.0 != "47.00" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), charged).await.expect("a renewal at the start");
    running.verify().await;
}

#[tokio::test]
async fn a_kill_while_the_carrier_is_being_waited_for_buys_the_number_once() {
    let data = Data::new();
    let running = data.start().await;
    let fault = json!({ "provider": "twilio", "operation": "numbers.create", "kind": "delay", "ms": 60_000 });
    running.local("faults", Some(fault)).await;
    let wish = json!({ "e164": running.offer().await });
    let killed_at_the_carrier = async {
        // The control surface has no event for it; the fault's count is the sign that the order is out.
        while running.local("faults", None).await.body["items"][0]["fired"] != 1 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        answer = running.buy("kill", &wish) => panic!("it answered before the carrier did: {answer:?}"),
        () = killed_at_the_carrier => {}
    }
    running.killed().await;

    let running = data.start().await;
    running.local("clock", Some(json!({ "advance": "PT30M" }))).await;
    let bought = running.buy("kill", &wish).await.expect("an answer");
    assert_eq!((bought.status, bought.text("/number/e164")), (201, wish["e164"].as_str().unwrap_or_default()));
    assert_eq!(running.numbers_at("twilio").await.as_array().map(Vec::len), Some(1));
    assert_eq!(running.wallet().await, ("48.50".into(), "0.00".into()));
    running.verify().await;
}

#[tokio::test]
async fn calls_still_arrive_after_a_restart_at_another_address() {
    let data = Data::new();
    let running = data.start().await;
    let number = bought(&running, "calls").await;
    let former = running.child.url.clone();
    running.killed().await;

    // Somebody else has the former port now, and never answers.
    let _taken = TcpListener::bind(former.trim_start_matches("http://")).expect("the former port");
    let running = data.start().await;
    assert_ne!(running.child.url, former);
    let configured = running.numbers_at("twilio").await;
    assert!(configured[0]["voice_url"].as_str().is_some_and(|url| url.starts_with(&former)), "{configured}");
    let call = json!({ "to": number["e164"], "from": "+14155550100" });
    let answer = running.local("simulators/twilio/call", Some(call)).await;
    assert_eq!((answer.text("/status"), &answer.body["status_callback"]), ("completed", &json!(200)));
    let agents = running.get("/v1/agents").await;
    assert_eq!(answer.text("/answered_by/assistant_id"), agents.text("/items/0/platform_agent_id"));
    let calls = running.get(&format!("/v1/numbers/{}/calls", number["id"].as_str().unwrap_or_default())).await;
    assert_eq!(calls.text("/items/0/status"), "completed");

    let path = format!("/v1/numbers/{}", number["id"].as_str().unwrap_or_default());
    let gone = running.child.send(Method::DELETE, &path, &running.token, "", None).await.expect("an answer");
    assert_eq!((gone.status, gone.text("/number/status")), (200, "released"));
    running.verify().await;
}
