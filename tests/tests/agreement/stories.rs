//! One change at a time: what is found, what is done, and what is left alone.

use domain::numbering::CountryCode;
use jiff::Timestamp;
use serde_json::{Value, json};
use shared::reconcile::{self, Wish};
use simulators::NumberType;
use store::reconcile::Phase;

use crate::outside::{World, finding, told};

const NUMBER: &str = "+12125550123";
const OTHER: &str = "+12125550124";
/// A tag of this deployment for an operation nobody has heard of.
const TAG: &str = "local-0192a6b0c5d17e3f8a9b0c1d2e3f4a5b";

#[tokio::test]
async fn books_and_world_that_agree_are_said_to_agree() {
    let world = World::begin(1).await;
    let number = world.bought(NUMBER, true).await;
    world.bought(OTHER, false).await;
    let run = world.reconcile(false).await;
    assert_eq!((&run["compared"], &run["agreeing"], &run["findings"]), (&json!(3), &json!(3), &json!([])));
    let date = run["now"].as_str().unwrap()[..10].to_owned();
    let operator = world.app.operator().await;
    let day = world.app.get(&operator, &format!("/v1/operator/agreement/{date}")).await.expect(200).body;
    let statement = |of: &str, name: &str, compared: u32| json!({ of: name, "compared": compared, "agreeing": compared, "exceptions": 0, "percentage": "100.00", "others": 0 });
    let [vapi, retell, elevenlabs] =
        [("vapi", 1), ("retell", 0), ("elevenlabs", 0)].map(|(name, compared)| statement("platform", name, compared));
    let [twilio, netgsm, mut native] =
        [("twilio", 2), ("netgsm", 0), ("vapi", 0)].map(|(name, compared)| statement("carrier", name, compared));
    // The address that calls are handed over to is the platform's, and no number of the carrier's.
    native["others"] = json!(1);
    assert_eq!(day["statements"], json!([twilio, netgsm, native, vapi, retell, elevenlabs]));
    let latest = world.app.get(&operator, "/v1/operator/reconcile/latest").await.expect(200).body;
    assert_eq!(latest, run);
    let _ = world.app.get(&operator, "/v1/operator/agreement/2020-01-01").await.expect(404);
    let _ = world.app.get(&operator, "/v1/operator/agreement/today").await.expect(400);
    let mine = world.app.get(&world.tenant, &format!("/v1/numbers/{number}/agreement")).await.expect(200).body;
    assert_eq!((&mine["agrees"], &mine["findings"]), (&json!(true), &json!([])));
    world.app.verify().await;
}

#[tokio::test]
async fn a_webhook_that_was_changed_is_put_back_at_once() {
    for (name, value) in [
        ("VoiceUrl", "https://elsewhere.example/voice"),
        ("VoiceUrl", ""),
        ("VoiceMethod", "GET"),
        ("StatusCallback", "https://elsewhere.example/status"),
        ("TrunkSid", ""),
        ("VoiceApplicationSid", "AP0123456789abcdef0123456789abcdef"),
    ] {
        let world = World::begin(1).await;
        let number = world.bought(NUMBER, true).await;
        let before = world.at_carrier(NUMBER).await;
        if name == "VoiceUrl" && value.is_empty() {
            world.set_at_carrier(NUMBER, "VoiceFallbackUrl", "").await;
        }
        let trunk = || world.app.system.simulators.twilio.trunk("theirs", "sip:elsewhere.example");
        let value = if name == "TrunkSid" { trunk() } else { value.to_owned() };
        world.set_at_carrier(NUMBER, name, &value).await;
        let dry = world.reconcile(true).await;
        assert_eq!(told(&dry), [finding("routing_drift", "reported", NUMBER)], "{name}");
        assert_eq!(world.found().await, [finding("routing_drift", "repaired", NUMBER)], "{name}");
        assert_eq!(world.at_carrier(NUMBER).await, before, "{name}");
        assert_eq!(world.found().await, [], "{name}");
        let mine = world.app.get(&world.tenant, &format!("/v1/numbers/{number}/agreement")).await.expect(200).body;
        assert_eq!(mine["agrees"], json!(true));
        world.app.verify().await;
    }
}

#[tokio::test]
async fn a_number_that_was_renamed_is_told_and_not_touched() {
    let world = World::begin(1).await;
    let number = world.bought(NUMBER, false).await;
    world.set_at_carrier(NUMBER, "FriendlyName", "mine now").await;
    world.set_at_carrier(NUMBER, "VoiceUrl", "https://elsewhere.example/voice").await;
    let before = world.at_carrier(NUMBER).await;
    for _ in 0..2 {
        assert_eq!(world.found().await, [finding("routing_drift", "reported", NUMBER)]);
        assert_eq!(world.at_carrier(NUMBER).await, before);
    }
    let mine = world.app.get(&world.tenant, &format!("/v1/numbers/{number}/agreement")).await.expect(200).body;
    let told = json!([{ "kind": "routing_drift", "action": "reported" }]);
    assert_eq!((&mine["agrees"], &mine["findings"]), (&json!(false), &told));
}

#[tokio::test]
async fn a_number_the_carrier_has_no_more_is_parked_once() {
    let world = World::begin(1).await;
    let number = world.bought(NUMBER, true).await;
    world.delete_at_carrier(NUMBER).await;
    assert_eq!(world.found().await, [finding("missing_at_carrier", "parked", NUMBER)]);
    assert_eq!(world.number(&number).await["parked"], json!(true));
    assert_eq!(world.found().await, [finding("missing_at_carrier", "reported", NUMBER)]);
    let refused = world.app.delete(&world.tenant, &format!("/v1/numbers/{number}")).await.expect(409);
    assert_eq!(refused.code(), "number_parked");
}

#[tokio::test]
async fn a_number_without_our_tag_is_the_operators_own() {
    let world = World::begin(1).await;
    world.buy_at_carrier(NUMBER, "Switchboard").await;
    world.buy_at_carrier(OTHER, "other-0192a6b0c5d17e3f8a9b0c1d2e3f4a5b").await;
    world.make_at_platform("somebody-elses").await;
    let before = (world.app.state("twilio").await["numbers"].clone(), world.app.state("vapi").await["numbers"].clone());
    let expected = [finding("orphan_untagged", "reported", NUMBER), finding("orphan_untagged", "reported", OTHER)];
    for wait in ["PT0S", "P2D"] {
        world.app.advance(wait).await;
        assert_eq!(world.found().await, expected);
    }
    let after = (world.app.state("twilio").await["numbers"].clone(), world.app.state("vapi").await["numbers"].clone());
    assert_eq!(before, after);
    world.app.verify().await;
}

#[tokio::test]
async fn what_has_our_tag_and_nobody_knows_is_given_back_after_a_day() {
    let world = World::begin(1).await;
    world.buy_at_carrier(NUMBER, TAG).await;
    let known = world.make_at_platform(TAG).await;
    let left = [finding("orphan_at_platform", "reported", &known), finding("orphan_tagged", "reported", NUMBER)];
    assert_eq!(told(&world.reconcile(true).await), left);
    // A dry run is no sighting.
    world.outage("P2D").await;
    assert_eq!(world.found().await, left);
    world.outage("PT23H").await;
    assert_eq!(world.found().await, left);
    assert_eq!(world.violations().await.len(), 2);
    world.outage("PT1H").await;
    assert_eq!(
        world.found().await,
        [finding("orphan_at_platform", "released", &known), finding("orphan_tagged", "released", NUMBER)]
    );
    assert_eq!(world.found().await, []);
    assert_eq!(world.at_carrier(NUMBER).await, None);
    world.app.verify().await;
}

#[tokio::test]
async fn an_orphan_that_went_and_came_again_begins_its_day_anew() {
    let world = World::begin(1).await;
    world.buy_at_carrier(NUMBER, TAG).await;
    assert_eq!(world.found().await, [finding("orphan_tagged", "reported", NUMBER)]);
    world.set_at_carrier(NUMBER, "FriendlyName", "Switchboard").await;
    world.outage("PT12H").await;
    assert_eq!(world.found().await, [finding("orphan_untagged", "reported", NUMBER)]);
    world.set_at_carrier(NUMBER, "FriendlyName", TAG).await;
    world.outage("PT13H").await;
    assert_eq!(world.found().await, [finding("orphan_tagged", "reported", NUMBER)]);
}

#[tokio::test]
async fn the_clock_finds_and_gives_back_by_itself() {
    let world = World::begin(1).await;
    world.buy_at_carrier(NUMBER, TAG).await;
    world.app.advance("P2D").await;
    assert_eq!(world.at_carrier(NUMBER).await, None);
    world.app.verify().await;
}

#[tokio::test]
async fn a_linked_number_the_platform_forgot_is_made_known_again() {
    let world = World::begin(1).await;
    let number = world.bought(NUMBER, true).await;
    let before = world.at_platform(&number).await.unwrap();
    world.delete_at_platform(&number).await;
    assert_eq!(world.found().await, [finding("missing_at_platform", "repaired", NUMBER)]);
    let after = world.at_platform(&number).await.unwrap();
    assert_ne!(after["id"], before["id"]);
    assert_eq!(after["agent"], before["agent"]);
    assert_eq!(world.found().await, []);
    let call = json!({ "to": NUMBER, "from": "+13125550199", "answer": "completed" });
    let called = world.app.local("simulators/twilio/call", Some(call)).await.expect(200);
    assert_eq!(called.text("/status"), "completed");
    world.app.verify().await;
}

#[tokio::test]
async fn a_number_bound_to_another_assistant_is_bound_to_its_own_again() {
    let world = World::begin(1).await;
    let number = world.bought(NUMBER, true).await;
    let before = world.at_platform(&number).await.unwrap();
    let other = world.another_assistant().await;
    for bound in [json!(other), Value::Null] {
        world.set_at_platform(&number, json!({ "assistantId": bound })).await;
        assert_eq!(world.found().await, [finding("binding_drift", "repaired", NUMBER)]);
        assert_eq!(world.at_platform(&number).await.unwrap()["agent"], before["agent"]);
    }
    world.set_at_platform(&number, json!({ "name": "theirs", "assistantId": other })).await;
    for _ in 0..2 {
        assert_eq!(world.found().await, [finding("binding_drift", "reported", NUMBER)]);
        assert_eq!(world.at_platform(&number).await.unwrap()["agent"], json!(other));
    }
}

#[tokio::test]
async fn the_same_number_under_another_id_of_the_carrier_is_taken_over() {
    let world = World::begin(1).await;
    let number = world.bought(NUMBER, true).await;
    let before = world.at_carrier(NUMBER).await.unwrap();
    world.delete_at_carrier(NUMBER).await;
    world.buy_at_carrier(NUMBER, before["name"].as_str().unwrap()).await;
    assert_eq!(world.found().await, [finding("orphan_tagged", "adopted", NUMBER)]);
    // It came back without our webhooks.
    assert_eq!(world.found().await, [finding("routing_drift", "repaired", NUMBER)]);
    assert_eq!(world.found().await, []);
    world.app.verify().await;
    let released = world.app.delete(&world.tenant, &format!("/v1/numbers/{number}")).await.expect(200);
    assert_eq!(released.text("/number/status"), "released");
    assert_eq!(world.at_carrier(NUMBER).await, None);
    world.app.verify().await;
}

#[tokio::test]
async fn books_that_contradict_themselves_are_told_to_a_person() {
    let world = World::begin(1).await;
    let number = world.bought(NUMBER, false).await;
    let table = &world.app.system.table;
    let tamper = async |sk: &str, expression: &str| {
        let key = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.to_owned());
        let update = table.update_item().table_name(local::system::TABLE);
        let update = update.key("pk", key(&format!("TEN#{}", world.tenant.id))).key("sk", key(sk));
        let one = aws_sdk_dynamodb::types::AttributeValue::N("1".to_owned());
        let update = update.update_expression(expression).expression_attribute_values(":one", one);
        update
            .expression_attribute_names("#a", if sk == "COUNT" { "numbers" } else { "balance" })
            .send()
            .await
            .unwrap();
    };
    assert_eq!(world.found().await, []);
    tamper("WALLET#USD", "SET #a = #a + :one").await;
    tamper("COUNT", "SET #a = #a + :one").await;
    let found = world.found().await;
    let kinds: Vec<_> = found.iter().map(|(kind, action, _)| (kind.as_str(), action.as_str())).collect();
    assert_eq!(kinds, [("ledger_drift", "reported"), ("ledger_drift", "reported")]);
    assert_eq!(world.number(&number).await["status"], json!("active"));
}

#[tokio::test]
async fn what_is_being_worked_on_is_no_drift() {
    let world = World::begin(1).await;
    let number = world.bought(NUMBER, false).await;
    // The platform says nothing of the link, so it stays in doubt.
    world
        .app
        .fault(json!({ "provider": "vapi", "operation": "numbers.create", "kind": "lost_reply", "times": 1 }))
        .await;
    world
        .app
        .fault(json!({ "provider": "vapi", "operation": "numbers.list", "kind": "error", "status": 500, "times": 9 }))
        .await;
    let path = format!("/v1/numbers/{number}/agent");
    let _ = world.app.put(&world.tenant, &path, json!({ "agent_id": world.agent })).await.expect(202);
    world.app.no_faults();
    assert_eq!(world.found().await, []);
    let _ = world.app.advance("PT15M").await;
    assert_eq!(world.number(&number).await["link"]["status"], json!("linked"));
    assert_eq!(world.found().await, []);
    world.app.verify().await;
}

#[tokio::test]
async fn a_carrier_that_does_not_answer_is_waited_for_and_then_left_out() {
    let world = World::begin(1).await;
    world.bought(NUMBER, true).await;
    let silent =
        json!({ "provider": "twilio", "operation": "numbers.list", "kind": "error", "status": 503, "times": 1_000 });
    world.app.fault(silent).await;
    let operator = world.app.operator().await;
    let begin = async || world.app.post(&operator, "/v1/operator/reconcile", "", json!({})).await;
    let run = begin().await.expect(202);
    assert_eq!((run.text("/status"), run.text("/phase")), ("running".into(), "there".into()));
    assert!(run.text("/trouble").contains("503"), "{}", run.body);
    // Another sort of run has to wait for this one.
    let dry = world.app.post(&operator, "/v1/operator/reconcile", "", json!({ "dry_run": true })).await.expect(409);
    assert_eq!(dry.code(), "operation_in_progress");
    world.outage("PT59M").await;
    assert_eq!(begin().await.expect(202).text("/run_id"), run.text("/run_id"));
    world.outage("PT2M").await;
    let over = begin().await.expect(200);
    assert_eq!((over.text("/run_id"), &over.body["compared"]), (run.text("/run_id"), &json!(1)));
    let date = over.text("/now")[..10].to_owned();
    let day = world.app.get(&operator, &format!("/v1/operator/agreement/{date}")).await.expect(200);
    assert!(day.text("/statements/0/incomplete").contains("503"), "{}", day.body);
    world.app.no_faults();
    assert_eq!(world.found().await, []);
    world.app.verify().await;
}

#[tokio::test]
async fn a_price_the_carrier_changed_is_told_every_time_and_changes_nothing() {
    let world = World::begin(1).await;
    let number = world.bought(NUMBER, true).await;
    assert_eq!(world.found().await, []);
    let carrier = &world.app.system.simulators.twilio;
    let all = async || (world.number(&number).await, world.at_carrier(NUMBER).await, world.at_platform(&number).await);
    let before = all().await;
    carrier.set_price("US", NumberType::Local, "1.30");
    for dry_run in [false, false, true] {
        let run = world.reconcile(dry_run).await;
        let told = json!([{
            "kind": "price_drift", "carrier": "twilio", "action": "reported",
            "detail": "US local costs 1.30 USD a month at the carrier and 1.15 USD in the price book",
        }]);
        assert_eq!((&run["compared"], &run["agreeing"], &run["findings"]), (&json!(2), &json!(2), &told));
        assert_eq!(run["totals"], json!({ "price_drift": 1 }));
        assert_eq!(all().await, before);
    }
    let mine = world.app.get(&world.tenant, &format!("/v1/numbers/{number}/agreement")).await.expect(200).body;
    assert_eq!((&mine["agrees"], &mine["findings"]), (&json!(true), &json!([])));
    carrier.set_price("GB", NumberType::Mobile, "1.10");
    let drifts = ["GB", "US"].map(|country| finding("price_drift", "reported", country));
    assert_eq!(world.found().await, drifts);
    // The runs of the other hours of a day do not ask.
    let (app, wish) = (&world.app.system.undisturbed, Wish { dry_run: false, books_too: false });
    let run = reconcile::run(app, wish, Timestamp::MAX).await.expect("no other run goes on");
    assert_eq!((run.phase, run.findings), (Phase::Over, Vec::new()));
    carrier.set_price("US", NumberType::Local, "1.15");
    carrier.set_price("GB", NumberType::Mobile, "1.15");
    assert_eq!(world.found().await, []);
    world.app.verify().await;
}

#[tokio::test]
async fn a_carrier_that_names_no_prices_is_not_waited_for() {
    let world = World::begin(1).await;
    world.bought(NUMBER, true).await;
    let carrier = &world.app.system.simulators.twilio;
    carrier.set_price("US", NumberType::Local, "1.30");
    let drift = finding("price_drift", "reported", "US");
    let fault = |how: Value| {
        let mut fault = json!({ "provider": "twilio", "operation": "prices.get", "times": 1_000 });
        fault.as_object_mut().expect("fields").extend(how.as_object().cloned().unwrap_or_default());
        fault
    };
    // What goes wrong, how often it does, how often the carrier says something, and what is found all the same. Countries
    // are asked for in the order of their codes (CA, GB, US), and once more after a failure.
    for (fault, struck, answers, found) in [
        (fault(json!({ "kind": "timeout" })), 2, 2, vec![]),
        (fault(json!({ "kind": "delay", "ms": 60_000 })), 1, 0, vec![]),
        (fault(json!({ "kind": "error", "status": 503 })), 2, 2, vec![]),
        (fault(json!({ "kind": "error", "status": 401 })), 1, 1, vec![]),
        (fault(json!({ "kind": "error", "status": 503, "after": 1 })), 2, 3, vec![]),
        (fault(json!({ "kind": "error", "status": 503, "times": 1 })), 1, 4, vec![drift.clone()]),
        (fault(json!({ "kind": "error", "status": 404, "times": 1 })), 1, 3, vec![drift.clone()]),
    ] {
        world.app.fault(fault.clone()).await;
        let before = world.prices_told().await;
        let run = world.reconcile(false).await;
        let faults = world.app.local("faults", None).await.expect(200).body;
        assert_eq!(faults["items"][0]["fired"], json!(struck), "{fault}");
        world.app.no_faults();
        assert_eq!(told(&run), found, "{fault}");
        assert_eq!((&run["compared"], &run["agreeing"]), (&json!(2), &json!(2)), "{fault}");
        assert_eq!(world.prices_told().await - before, answers, "{fault}");
        let operator = world.app.operator().await;
        let date = run["now"].as_str().unwrap()[..10].to_owned();
        let day = world.app.get(&operator, &format!("/v1/operator/agreement/{date}")).await.expect(200).body;
        for statement in day["statements"].as_array().expect("a list") {
            assert_eq!(
                (&statement["percentage"], &statement["incomplete"]),
                (&json!("100.00"), &Value::Null),
                "{fault}"
            );
        }
    }
    assert_eq!(world.found().await, [drift]);
    world.app.verify().await;
}

#[tokio::test]
async fn a_run_that_was_left_among_the_prices_goes_on_there_and_tells_nothing_twice() {
    let world = World::begin(1).await;
    let carrier = &world.app.system.simulators.twilio;
    for (country, number_type) in [("CA", NumberType::Local), ("GB", NumberType::Local), ("US", NumberType::TollFree)] {
        carrier.set_price(country, number_type, "9.99");
    }
    let all = ["CA", "GB", "US"].map(|country| finding("price_drift", "reported", country));
    let before = world.reconcile(false).await;
    assert_eq!((told(&before).as_slice(), world.prices_told().await), (all.as_slice(), 3));
    let store = &world.app.system.undisturbed.store;
    let mut run = store.run_get().await.unwrap().unwrap();
    run.phase = Phase::Prices { place: 0, after: Some(CountryCode::CA) };
    assert!(store.run_note(&mut run).await.unwrap());
    let after = world.reconcile(false).await;
    assert_eq!((&after["run_id"], &after["findings"]), (&before["run_id"], &before["findings"]));
    assert_eq!((&after["totals"], world.prices_told().await), (&json!({ "price_drift": 3 }), 5));
    world.app.verify().await;
}
