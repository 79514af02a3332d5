//! A run may fail at every call to the books and to a third party, and may be left anywhere: the next one comes to the same
//! end, and no repair is made twice.

use serde_json::{Value, json};

use crate::outside::{World, finding, told};

/// A world in which something of every sort has happened; what the numbers are.
async fn disturbed(seed: u64) -> (World, Vec<String>) {
    let world = World::begin(seed).await;
    let mut ids = Vec::new();
    for index in 0..4 {
        ids.push(world.bought(&e164(index), true).await);
    }
    world.set_at_carrier(&e164(0), "VoiceUrl", "https://elsewhere.example/voice").await;
    world.delete_at_platform(&ids[1]).await;
    let other = world.another_assistant().await;
    world.set_at_platform(&ids[2], json!({ "assistantId": other })).await;
    world.delete_at_carrier(&e164(3)).await;
    world.buy_at_carrier(&e164(4), "local-0192a6b0c5d17e3f8a9b0c1d2e3f4a5b").await;
    world.buy_at_carrier(&e164(5), "Switchboard").await;
    (world, ids)
}

fn e164(index: usize) -> String {
    format!("+1212555010{index}")
}

/// Runs to its end, however often it has to be gone on with.
async fn to_the_end(world: &World) -> Value {
    let operator = world.app.operator().await;
    for _ in 0..20 {
        world.app.restart_workers().await;
        let run = world.app.post(&operator, "/v1/operator/reconcile", "", json!({})).await;
        if run.status == 200 {
            return run.body;
        }
        world.app.no_faults();
        world.outage("PT3M").await;
        let _ = world.app.drain().await;
    }
    panic!("the run does not come to an end");
}

/// One failure, at the n-th call of a sort.
async fn survives(fault: Value) -> bool {
    let (world, ids) = disturbed(1).await;
    world.app.fault(fault.clone()).await;
    to_the_end(&world).await;
    let fired = world.app.local("faults", None).await.expect(200).body["items"][0]["fired"] != json!(0);
    world.app.no_faults();
    // Repairs that were under way when it failed end by themselves.
    world.outage("PT20M").await;
    let _ = world.app.drain().await;
    world.outage("PT20M").await;
    let _ = world.app.drain().await;
    to_the_end(&world).await;
    let left = told(&to_the_end(&world).await);
    let expected = [
        finding("missing_at_carrier", "reported", &e164(3)),
        finding("orphan_tagged", "reported", &e164(4)),
        finding("orphan_untagged", "reported", &e164(5)),
    ];
    assert_eq!(left, expected, "{fault}");
    assert_eq!(world.number(&ids[3]).await["parked"], json!(true), "{fault}");
    for id in &ids[..3] {
        assert!(world.at_platform(id).await.is_some(), "{fault}");
    }
    let violations = world.violations().await;
    // The one that is left to the next day.
    let left: Vec<&Value> = violations.iter().map(|violation| &violation["invariant"]).collect();
    assert_eq!(left, [&json!("I2")], "{fault}: {violations:?}");
    fired
}

/// Failures at the first, second … call of a sort, until there are no more calls, at most so many.
async fn everywhere(fault: Value, step: u64, most: u64) -> u64 {
    for index in 0..most {
        let mut fault = fault.clone();
        fault["after"] = json!(index * step);
        if !survives(fault).await {
            return index;
        }
    }
    most
}

fn full() -> bool {
    std::env::var("TRUNKLINE_MATRIX").is_ok_and(|text| text == "full")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_third_party_may_fail_at_any_call() {
    let mut played = 0;
    let operations = [
        ("twilio", "numbers.list"),
        ("twilio", "numbers.get"),
        ("twilio", "numbers.update"),
        ("twilio", "prices.get"),
        ("vapi", "numbers.list"),
        ("vapi", "numbers.get"),
        ("vapi", "numbers.create"),
        ("vapi", "numbers.update"),
    ];
    for (provider, operation) in operations {
        let reads = matches!(operation, "numbers.list" | "numbers.get" | "prices.get");
        let kinds: &[&str] = if full() || !reads { &["lost_reply", "timeout"] } else { &["timeout"] };
        for kind in kinds {
            // A read that fails once is read again by the client: it takes two.
            let fault = json!({ "provider": provider, "operation": operation, "kind": kind, "times": if reads { 2 } else { 1 } });
            played += everywhere(fault, 1, if full() { 30 } else { 2 }).await;
        }
    }
    eprintln!("{played} failures of third parties");
    assert!(played >= 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_books_may_fail_at_any_call() {
    let mut played = 0;
    for (operation, kind) in [
        ("transact", "lost_reply"),
        ("transact", "error"),
        ("put", "error"),
        ("get", "error"),
        ("query", "error"),
        ("batch_get", "error"),
        ("scan", "error"),
    ] {
        let fault = json!({ "provider": "dynamodb", "operation": operation, "kind": kind, "status": 500, "times": 8 });
        let (step, most) = if full() { (1, 60) } else { (7, 3) };
        played += everywhere(fault, step, most).await;
    }
    eprintln!("{played} failures of the books");
    assert!(played >= 8);
}
