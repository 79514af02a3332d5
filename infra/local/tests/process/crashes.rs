//! The program dies in the middle of a purchase, right after a third party or the books have committed. Whatever the place:
//! started again, the number is bought once, and the same key gives the same answer.

use local::child::Answer;
use serde_json::{Value, json};

use crate::fixture::{Data, Running};

/// A bound for "each": a purchase has far fewer writes than this.
const PLACES_MAX: u64 = 20;

fn crash(provider: &str, operation: &str, after: u64) -> Value {
    json!({ "provider": provider, "operation": operation, "kind": "crash", "after": after })
}

/// Buys with this fault to come; whether the program died of it.
async fn dies_and_comes_out_right(fault: &Value) -> bool {
    let data = Data::new();
    let running = data.start_without_schedules().await;
    running.local("faults", Some(fault.clone())).await;
    let wish = json!({ "e164": running.offer().await, "agent_id": running.agent().await });
    if let Ok(answer) = running.buy("key", &wish).await {
        assert_eq!(answer.status, 201, "{fault}: {}", answer.body);
        return false;
    }
    let status = running.child.ended().await.expect("it dies");
    assert!(!status.success(), "{fault}: {status}");

    let running = data.start_without_schedules().await;
    running.local("drain", Some(json!({}))).await;
    let answer = settled(&running, &wish).await;
    assert_eq!(answer.status, 201, "{fault}: {}", answer.body);
    assert_eq!(answer.body["number"]["e164"], wish["e164"], "{fault}");
    assert_eq!(answer.text("/number/link/status"), "linked", "{fault}");
    for party in ["twilio", "vapi"] {
        let numbers = running.numbers_at(party).await;
        assert_eq!(numbers.as_array().map(Vec::len), Some(1), "{fault}: {party} has {numbers}");
    }
    assert_eq!(running.wallet().await, ("48.50".into(), "0.00".into()), "{fault}");
    assert_eq!(running.get("/v1/numbers").await.list("/items").len(), 1, "{fault}");
    let again = running.buy("key", &wish).await.expect("an answer");
    assert_eq!((again.status, &again.body), (answer.status, &answer.body), "{fault}");
    running.verify().await;
    true
}

/// The answer once the operation is over. What may have happened is looked for for a few minutes of the clock.
async fn settled(running: &Running, wish: &Value) -> Answer {
    let answer = running.buy("key", wish).await.expect("an answer");
    if answer.status != 202 {
        return answer;
    }
    running.local("clock", Some(json!({ "advance": "PT15M" }))).await;
    running.buy("key", wish).await.expect("an answer")
}

async fn each(faults: &[Value]) {
    for fault in faults {
        assert!(dies_and_comes_out_right(fault).await, "{fault} never struck");
    }
}

#[tokio::test]
async fn a_death_at_the_carrier_buys_the_number_once() {
    each(&[crash("twilio", "numbers.list", 0), crash("twilio", "numbers.create", 0)]).await;
}

#[tokio::test]
async fn a_death_at_the_platform_links_the_number_once() {
    each(&[crash("vapi", "numbers.list", 0), crash("vapi", "numbers.create", 0)]).await;
}

#[tokio::test]
async fn a_death_after_either_transaction_leaves_a_whole_purchase() {
    each(&[crash("dynamodb", "transact", 0), crash("dynamodb", "transact", 1)]).await;
}

#[tokio::test]
async fn a_death_after_any_write_of_the_journal_is_gone_on_from() {
    let mut struck = 0;
    while dies_and_comes_out_right(&crash("dynamodb", "put", struck)).await {
        struck += 1;
        assert!(struck < PLACES_MAX, "a purchase with more writes than it should have");
    }
    // Before and after each of two steps.
    assert!(struck >= 3, "only {struck} writes");
}
