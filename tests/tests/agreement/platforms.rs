//! One change at a time on every platform and by every way past our webhook: each is found as what it is, and put right or
//! told, as for a number at Vapi.

use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};
use shared::reconcile;

use crate::outside::{World, finding};

const NUMBER: &str = "+12125550123";

/// A platform, and how calls get there.
const WAYS: [(&str, &str); 4] =
    [("retell", "trunk"), ("elevenlabs", "trunk"), ("elevenlabs", "import"), ("vapi", "import")];

/// A world with a number linked in this way; its id, and the platform's of its agent.
async fn linked(platform: &str, method: &str) -> (World, String, String) {
    let world = World::begin(1).await;
    let (agent, bound) = world.agent_on(platform, "Reception").await;
    let number = world.bought_by(NUMBER, &agent, method).await;
    assert_eq!(world.found().await, [], "{platform}, {method}");
    (world, number, bound)
}

/// Somebody calls, and the last call the platform took went to this agent.
async fn answered(world: &World, platform: &str, agent: &str) {
    let call = json!({ "to": NUMBER, "from": "+13125550199", "answer": "completed" });
    let called = world.app.local("simulators/twilio/call", Some(call)).await.expect(200);
    assert_eq!(called.text("/status"), "completed", "{platform}: {}", called.body);
    let state = world.app.state(platform).await;
    let last = state["calls"].as_array().and_then(|calls| calls.last()).cloned().unwrap_or_default();
    assert_eq!(last["agent"], json!(agent), "{platform}: {last}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_the_platform_forgot_is_made_known_again() {
    for (platform, method) in WAYS {
        let (world, number, bound) = linked(platform, method).await;
        let before = world.at_platform(&number).await.unwrap();
        world.delete_at_platform(&number).await;
        let dry = crate::outside::told(&world.reconcile(true).await);
        assert_eq!(dry, [finding("missing_at_platform", "reported", NUMBER)], "{platform}, {method}");
        assert_eq!(world.at_platform(&number).await, None);
        assert_eq!(world.found().await, [finding("missing_at_platform", "repaired", NUMBER)], "{platform}, {method}");
        let after = world.at_platform(&number).await.unwrap();
        assert_ne!(after["name"], before["name"], "{platform}, {method}");
        assert_eq!(after["agent"], json!(bound), "{platform}, {method}");
        assert_eq!(world.found().await, [], "{platform}, {method}");
        answered(&world, platform, &bound).await;
        world.app.verify().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_bound_to_another_agent_is_bound_to_its_own_again() {
    for (platform, method) in WAYS {
        let (world, number, bound) = linked(platform, method).await;
        let (_, other) = world.agent_on(platform, "Somebody else").await;
        for agent in [Some(other.as_str()), None] {
            world.bind_at_platform(&number, agent).await;
            assert_eq!(world.found().await, [finding("binding_drift", "repaired", NUMBER)], "{platform}, {method}");
            assert_eq!(world.at_platform(&number).await.unwrap()["agent"], json!(bound), "{platform}, {method}");
        }
        assert_eq!(world.found().await, [], "{platform}, {method}");
        answered(&world, platform, &bound).await;
        world.app.verify().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_that_was_renamed_at_its_platform_is_told_and_not_touched() {
    for (platform, method) in WAYS {
        let (world, number, _) = linked(platform, method).await;
        let (_, other) = world.agent_on(platform, "Somebody else").await;
        world.rename_at_platform(&number, "theirs").await;
        world.bind_at_platform(&number, Some(&other)).await;
        let before = world.at_platform(&number).await.unwrap();
        for _ in 0..2 {
            assert_eq!(world.found().await, [finding("binding_drift", "reported", NUMBER)], "{platform}, {method}");
            assert_eq!(world.at_platform(&number).await.unwrap(), before, "{platform}, {method}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_were_sent_elsewhere_at_the_carrier_go_to_the_platform_again() {
    for (platform, method) in WAYS {
        let (world, _, bound) = linked(platform, method).await;
        let before = world.at_carrier(NUMBER).await.unwrap();
        let theirs = world.app.system.simulators.twilio.trunk("theirs", "sip:elsewhere.example");
        let voice = ("VoiceUrl", "https://elsewhere.example/voice");
        // A trunk is detached behind our back; calls of a number that was taken over come to one, or to our webhook.
        let changes: &[(&str, &str)] = match method {
            "trunk" => &[("TrunkSid", ""), ("TrunkSid", &theirs), voice],
            _ => &[("TrunkSid", &theirs), voice],
        };
        for (name, value) in changes {
            world.set_at_carrier(NUMBER, name, value).await;
            assert_ne!(world.at_carrier(NUMBER).await.unwrap(), before, "{platform}, {method}, {name}");
            let found = world.found().await;
            assert_eq!(found, [finding("routing_drift", "repaired", NUMBER)], "{platform}, {method}, {name}");
            assert_eq!(world.at_carrier(NUMBER).await.unwrap(), before, "{platform}, {method}, {name}");
        }
        assert_eq!(world.found().await, [], "{platform}, {method}");
        answered(&world, platform, &bound).await;
        world.app.verify().await;
    }
}

#[tokio::test]
async fn a_registered_number_needs_nothing_but_our_webhook() {
    let world = World::begin(1).await;
    let (agent, bound) = world.agent_on("elevenlabs", "Reception").await;
    let number = world.bought_by(NUMBER, &agent, "hand_over").await;
    let before = world.at_carrier(NUMBER).await;
    assert_eq!(world.at_platform(&number).await, None);
    assert_eq!(world.found().await, []);
    let theirs = world.app.system.simulators.twilio.trunk("theirs", "sip:elsewhere.example");
    world.set_at_carrier(NUMBER, "TrunkSid", &theirs).await;
    assert_eq!(world.found().await, [finding("routing_drift", "repaired", NUMBER)]);
    assert_eq!(world.at_carrier(NUMBER).await, before);
    answered(&world, "elevenlabs", &bound).await;
    world.app.verify().await;
}

/// What whoever has the platform's key makes of the number: theirs, by their trunk.
async fn by_hand(world: &World, platform: &str, agent: &str) {
    let trunk = "theirs.pstn.twilio.com";
    let (path, body) = match platform {
        "retell" => {
            let agents = json!([{ "agent_id": agent, "weight": 1 }]);
            let body = json!({ "phone_number": NUMBER, "termination_uri": trunk, "nickname": "theirs", "inbound_agents": agents });
            ("/import-phone-number", body)
        }
        _ => {
            let body = json!({ "provider": "sip_trunk", "phone_number": NUMBER, "label": "theirs", "agent_id": agent });
            ("/v1/convai/phone-numbers", body)
        }
    };
    world.at(platform, Method::POST, path, body).await;
}

#[tokio::test]
async fn a_number_that_was_brought_there_again_by_hand_is_told_and_not_touched() {
    // Retell knows a number by its digits: it is the same one, under another name. ElevenLabs makes a new one, and does not
    // take ours beside it.
    for (platform, method, kind) in [
        ("retell", "trunk", "binding_drift"),
        ("elevenlabs", "trunk", "missing_at_platform"),
        ("elevenlabs", "import", "missing_at_platform"),
    ] {
        let (world, number, bound) = linked(platform, method).await;
        world.delete_at_platform(&number).await;
        by_hand(&world, platform, &bound).await;
        let theirs = |state: Value| state["numbers"].clone();
        let before = (theirs(world.app.state(platform).await), world.at_carrier(NUMBER).await);
        for _ in 0..2 {
            assert_eq!(world.found().await, [finding(kind, "reported", NUMBER)], "{platform}, {method}");
            let after = (theirs(world.app.state(platform).await), world.at_carrier(NUMBER).await);
            assert_eq!(after, before, "{platform}, {method}");
        }
        assert_eq!(world.number(&number).await["link"]["status"], json!("linked"), "{platform}, {method}");
    }
}

#[tokio::test]
async fn dry_runs_do_not_keep_the_schedule_from_putting_things_right() {
    let world = World::begin(1).await;
    world.bought(NUMBER, true).await;
    let app = &world.app.system.undisturbed;
    let tick = async || reconcile::tick(app, Timestamp::MAX).await.expect("no other run goes on");
    assert!(tick().await.is_some_and(|run| !run.dry_run && run.books_too));
    world.set_at_carrier(NUMBER, "VoiceUrl", "https://elsewhere.example/voice").await;
    for _ in 0..5 {
        world.outage("PT10M").await;
        assert_eq!(world.reconcile(true).await["findings"][0]["action"], json!("reported"));
        assert_eq!(tick().await, None);
    }
    world.outage("PT10M").await;
    let _ = world.reconcile(true).await;
    let run = tick().await.expect("the last real run began an hour ago");
    assert_eq!((run.dry_run, run.books_too, run.findings.len()), (false, false, 1));
    assert_eq!(run.findings[0].action.as_str(), "repaired");
    assert_eq!(world.found().await, []);
    // However many dry runs a new day begins with, its first real one holds the books against themselves.
    world.outage("P1D").await;
    let _ = world.reconcile(true).await;
    assert!(tick().await.is_some_and(|run| !run.dry_run && run.books_too));
}
