//! What Stripe tells us of its own accord, as our endpoint hears it.

use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};
use simulators::{Fault, Kind};

use crate::kit::{Dir, World, each};
use crate::stripe_kit::{Endpoint, Told, text};

/// The rule once more, from the published description and not from the sender.
fn expected(secret: &str, at: i64, body: &str) -> String {
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
    let tag = aws_lc_rs::hmac::sign(&key, format!("{at}.{body}").as_bytes());
    tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// As the official library judges: any `v1` over the raw body, not older than five minutes.
fn is_valid(told: &Told, secret: &str, now: i64) -> bool {
    let parts: Vec<(&str, &str)> = told.signature().split(',').filter_map(|part| part.split_once('=')).collect();
    let at = parts.iter().find(|(name, _)| *name == "t").and_then(|(_, value)| value.parse().ok());
    at.is_some_and(|at: i64| {
        let right = expected(secret, at, &told.body);
        at >= now - 300 && parts.iter().any(|(name, value)| *name == "v1" && *value == right)
    })
}

const START: i64 = 1_798_761_600;

fn types(answer: &Value) -> Vec<&str> {
    each(&answer["events"], "type")
}

fn statuses(answer: &Value) -> Vec<u64> {
    answer["events"]
        .as_array()
        .expect("events")
        .iter()
        .map(|event| event["status"].as_u64().expect("a status"))
        .collect()
}

#[tokio::test]
async fn two_events_tell_of_the_same_money() {
    let world = World::new().await;
    let endpoint = Endpoint::start(&world).await;
    let session = world.session(&[("payment_intent_data[metadata][order]", "o1")]).await;
    let paid = world.sims.stripe.pay(json!({ "session": session, "outcome": "paid" })).await.expect("a payment");
    assert_eq!(types(&paid), ["charge.succeeded", "payment_intent.succeeded", "checkout.session.completed"]);
    assert_eq!(statuses(&paid), [200, 200, 200]);
    let told = endpoint.told();
    let (intent, completed) = (told[1].event(), told[2].event());
    assert_eq!(intent["data"]["object"]["id"], completed["data"]["object"]["payment_intent"]);
    assert_eq!(intent["data"]["object"]["id"], paid["payment_intent"]);
    assert_eq!(
        (&intent["data"]["object"]["amount_received"], &completed["data"]["object"]["amount_total"]),
        (&json!(2500), &json!(2500))
    );
    assert_eq!(intent["data"]["object"]["metadata"], json!({ "order": "o1" }));
    for told in &told {
        let event = told.event();
        assert!(is_valid(told, &world.sims.stripe.webhook_secret, START), "{}", told.signature());
        assert_eq!((&event["object"], &event["api_version"]), (&json!("event"), &json!("2026-10-28.endive")));
        assert_eq!((&event["livemode"], &event["created"]), (&json!(false), &json!(START)));
        assert_eq!(event["request"], json!({ "id": null, "idempotency_key": null }));
        assert!(text(&event["id"]).starts_with("evt_"));
        assert_eq!(told.path, "/webhooks/stripe");
    }
}

#[tokio::test]
async fn a_delayed_payment_completes_unpaid_and_ends_later() {
    for (outcome, ends) in [
        ("async", ["charge.succeeded", "payment_intent.succeeded", "checkout.session.async_payment_succeeded"]),
        ("paid", ["charge.succeeded", "payment_intent.succeeded", "checkout.session.async_payment_succeeded"]),
        ("declined", ["charge.failed", "payment_intent.payment_failed", "checkout.session.async_payment_failed"]),
    ] {
        let world = World::new().await;
        let endpoint = Endpoint::start(&world).await;
        let session = world.session(&[]).await;
        let pay = async |outcome: &str| world.sims.stripe.pay(json!({ "session": session, "outcome": outcome })).await;
        assert_eq!(
            types(&pay("async").await.expect("a start")),
            ["payment_intent.processing", "checkout.session.completed"]
        );
        assert_eq!(endpoint.told()[1].event()["data"]["object"]["payment_status"], "unpaid");
        assert_eq!(types(&pay(outcome).await.expect("an end")), ends, "{outcome}");
        let last = endpoint.told().last().expect("an event").event();
        assert_eq!(last["data"]["object"]["payment_status"] == "paid", outcome != "declined");
        assert!(pay("paid").await.is_err(), "it has ended");
    }
}

#[tokio::test]
async fn requests_cause_events_after_their_answer() {
    let world = World::new().await;
    let endpoint = Endpoint::start(&world).await;
    let (customer, card) = world.saved_card().await;
    endpoint.kinds();
    for (card_is, told) in [
        ("ok", &["charge.succeeded", "payment_intent.succeeded"][..]),
        ("insufficient_funds", &["charge.failed", "payment_intent.payment_failed"]),
        ("processing", &["payment_intent.processing"]),
    ] {
        world.behave(card_is);
        world.off_session(&customer, &card, &[]).await;
        assert_eq!(endpoint.kinds_of(told.len()).await, told, "{card_is}");
    }
    let paid = text(&world.sims.stripe.state()["payments"][0]["id"]);
    world.stripe_made("/v1/refunds", &[("payment_intent", &paid), ("amount", "1")]).await;
    assert_eq!(endpoint.kinds_of(2).await, ["refund.created", "charge.refunded"]);
    let lost = Fault::new("stripe", "payments.create", Kind::LostReply);
    world.sims.faults.add(lost).expect("a valid fault");
    world.behave("ok");
    let form =
        [("amount", "5"), ("currency", "usd"), ("customer", &customer), ("payment_method", &card), ("confirm", "true")];
    assert!(world.stripe(Method::POST, "/v1/payment_intents").form(&form).send().await.is_err());
    assert_eq!(endpoint.kinds_of(2).await, ["charge.succeeded", "payment_intent.succeeded"], "unanswered and yet told");
}

#[tokio::test]
async fn an_expired_session_is_told_at_the_next_tick() {
    let world = World::new().await;
    let endpoint = Endpoint::start(&world).await;
    let session = world.session(&[]).await;
    world.sims.stripe.tick().await;
    world.pass(SignedDuration::from_hours(24));
    assert_eq!(endpoint.kinds(), [""; 0]);
    world.sims.stripe.tick().await;
    assert_eq!(endpoint.told()[0].event()["data"]["object"]["id"], json!(session));
    world.sims.stripe.tick().await;
    assert_eq!(endpoint.kinds(), ["checkout.session.expired"], "once");
}

#[tokio::test]
async fn refunds_come_in_parts_and_may_fail() {
    let world = World::new().await;
    let endpoint = Endpoint::start(&world).await;
    let intent = world.paid(&world.session(&[]).await, "paid").await;
    let refund = async |more: Value| {
        let mut request = json!({ "payment_intent": intent });
        for (name, value) in more.as_object().expect("fields") {
            request[name] = value.clone();
        }
        world.sims.stripe.refund(request).await
    };
    endpoint.kinds();
    let part = refund(json!({ "amount": { "amount": "10.00", "currency": "USD" } })).await.expect("a refund");
    assert_eq!(types(&part), ["refund.created", "charge.refunded"]);
    refund(json!({ "amount": "5" })).await.expect("a refund");
    let told = endpoint.told();
    let charges: Vec<Value> =
        [&told[1], &told[3]].map(|told| told.event()["data"]["object"]["amount_refunded"].clone()).into();
    assert_eq!(charges, [json!(1000), json!(1500)], "the charge tells the sum of all refunds");
    assert_eq!(told[2].event()["data"]["object"]["amount"], 500, "the refund tells its own part");
    let failed = refund(json!({ "outcome": "failed" })).await.expect("a refund");
    assert_eq!(types(&failed), ["refund.created", "charge.refunded", "refund.failed"]);
    let last = endpoint.told().last().expect("an event").event();
    assert_eq!(
        (&last["data"]["object"]["status"], &last["data"]["object"]["amount"]),
        (&json!("failed"), &json!(1000))
    );
    let pending = refund(json!({ "outcome": "pending", "amount": "1.00" })).await.expect("a refund");
    assert_eq!(types(&pending), ["refund.created", "charge.refunded"]);
    assert_eq!(types(&refund(json!({})).await.expect("its end")), ["refund.updated"]);
    let state = world.sims.stripe.state();
    assert_eq!(each(&state["refunds"], "status"), ["succeeded", "succeeded", "failed", "succeeded"]);
    assert_eq!(state["payments"][0]["amount_refunded"], "16.00", "what failed does not count");
    for wrong in [
        json!({ "amount": "9.01" }),
        json!({ "amount": { "amount": "1.00", "currency": "EUR" } }),
        json!({ "outcome": "won" }),
    ] {
        assert!(refund(wrong.clone()).await.is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn a_dispute_is_opened_and_won_or_lost() {
    let world = World::new().await;
    let endpoint = Endpoint::start(&world).await;
    let intent = world.paid(&world.session(&[]).await, "paid").await;
    let dispute = async |outcome: Option<&str>, amount: Option<&str>| {
        let request = json!({ "payment_intent": intent, "outcome": outcome, "amount": amount });
        world.sims.stripe.dispute(request).await
    };
    endpoint.kinds();
    let opened = dispute(None, Some("7.50")).await.expect("a dispute");
    assert_eq!(types(&opened), ["charge.dispute.created", "charge.dispute.funds_withdrawn"]);
    let told = endpoint.told()[0].event()["data"]["object"].clone();
    assert_eq!(
        (&told["amount"], &told["payment_intent"], &told["status"]),
        (&json!(750), &json!(intent), &json!("needs_response"))
    );
    let path = format!("/v1/disputes/{}", text(&told["id"]));
    assert_eq!(world.stripe_get(&path).await.1["status"], "needs_response");
    assert!(dispute(None, None).await.is_err(), "one is open");
    let won = dispute(Some("won"), None).await.expect("an end");
    assert_eq!(types(&won), ["charge.dispute.closed", "charge.dispute.funds_reinstated"]);
    assert_eq!(world.stripe_get(&path).await.1["status"], "won");
    let lost = dispute(Some("lost"), None).await.expect("another, opened and lost at once");
    assert_eq!(types(&lost), ["charge.dispute.created", "charge.dispute.funds_withdrawn", "charge.dispute.closed"]);
    let state = world.sims.stripe.state();
    assert_eq!(
        (each(&state["disputes"], "status"), each(&state["disputes"], "balance")),
        (vec!["won", "lost"], vec!["0.00", "-25.00"])
    );
    assert_eq!(state["payments"][0]["disputed"], true);
    assert!(dispute(None, Some("25.01")).await.is_err());
}

#[tokio::test]
async fn what_was_not_taken_is_listed_and_sent_again() {
    let world = World::new().await;
    let endpoint = Endpoint::start(&world).await;
    let list = async |query: &str| world.stripe_get(&format!("/v1/events?{query}")).await.1["data"].clone();
    endpoint.answer(500);
    let session = world.session(&[]).await;
    let paid = world.sims.stripe.pay(json!({ "session": session })).await.expect("a payment");
    assert_eq!(statuses(&paid), [500, 500, 500]);
    endpoint.answer(200);
    world.paid(&world.session(&[]).await, "paid").await;
    let missed = list("delivery_success=false").await;
    let newest_first = ["checkout.session.completed", "payment_intent.succeeded", "charge.succeeded"];
    assert_eq!((each(&missed, "type"), &missed[0]["pending_webhooks"]), (newest_first.to_vec(), &json!(1)));
    assert_eq!(list("delivery_success=true").await.as_array().map(Vec::len), Some(3));
    let two = list("delivery_success=false&types[]=charge.succeeded&types[]=checkout.session.completed").await;
    assert_eq!(each(&two, "type"), ["checkout.session.completed", "charge.succeeded"]);
    let after = list(&format!("delivery_success=false&limit=1&starting_after={}", text(&missed[0]["id"]))).await;
    assert_eq!(after[0]["id"], missed[1]["id"]);
    endpoint.kinds();
    let again = world.sims.stripe.redeliver().await;
    assert_eq!((types(&again).len(), statuses(&again)), (3, vec![200, 200, 200]));
    assert_eq!(endpoint.told()[0].event()["id"], missed[2]["id"], "the same event");
    assert_eq!(list("delivery_success=false").await, json!([]));
    assert_eq!(world.sims.stripe.redeliver().await["events"], json!([]));
    let one = format!("/v1/events/{}", text(&missed[0]["id"]));
    assert_eq!(world.stripe_get(&one).await.1["pending_webhooks"], 0);
    world.pass(SignedDuration::from_hours(30 * 24) + SignedDuration::from_secs(1));
    assert_eq!((list("").await, world.stripe_get(&one).await.0), (json!([]), 404), "thirty days back and no more");
}

#[tokio::test]
async fn events_wait_for_an_endpoint_and_survive_a_kill() {
    let dir = Dir::new();
    let open = || World::with(|config| config.data = Some(dir.0.clone()));
    let world = open().await;
    let (customer, card) = world.saved_card().await;
    world.off_session(&customer, &card, &[]).await;
    world.behave("declined");
    let before = world.sims.stripe.state();
    drop(world);
    let world = open().await;
    assert_eq!(world.sims.stripe.state(), before);
    assert_eq!(world.off_session(&customer, &card, &[]).await.0, 402, "the card behaves as before");
    let endpoint = Endpoint::start(&world).await;
    let told = endpoint.kinds_of(7).await;
    assert_eq!(told[2..5], ["checkout.session.completed", "charge.succeeded", "payment_intent.succeeded"]);
    let nobody = "http://127.0.0.1:9/webhooks/stripe";
    world.sims.stripe.set_endpoint(nobody);
    let paid = world.sims.stripe.pay(json!({ "session": world.session(&[]).await })).await.expect("a payment");
    assert_eq!(statuses(&paid), [0, 0, 0], "no answer");
}

#[tokio::test]
async fn a_public_address_is_really_a_local_one() {
    let world = World::new().await;
    let endpoint = Endpoint::unknown().await;
    world.sims.route_public("https://trunk.example", &endpoint.url);
    world.sims.stripe.set_endpoint("https://trunk.example/webhooks/stripe");
    world.paid(&world.session(&[]).await, "paid").await;
    assert_eq!(endpoint.told()[0].path, "/webhooks/stripe");
}

#[tokio::test]
async fn events_come_twice_late_in_disorder_forged_and_in_another_version_when_asked() {
    let world = World::new().await;
    let endpoint = Endpoint::start(&world).await;
    let stripe = &world.sims.stripe;
    stripe.deliver(json!({ "hold": true })).await.expect("kept back");
    let session = world.session(&[]).await;
    let paid = stripe.pay(json!({ "session": session })).await.expect("a payment");
    assert_eq!((statuses(&paid), endpoint.told().len()), (vec![0, 0, 0], 0), "kept back");
    world.pass(SignedDuration::from_hours(1));
    let mut ids = each(&paid["events"], "id");
    ids.reverse();
    let late = stripe.deliver(json!({ "events": ids, "hold": false })).await.expect("sent");
    assert_eq!(types(&late), ["checkout.session.completed", "payment_intent.succeeded", "charge.succeeded"]);
    let first = endpoint.told()[0].clone();
    assert_eq!(first.event()["created"], START, "an hour late");
    assert!(is_valid(&first, &stripe.webhook_secret, START + 3600), "and signed now");
    endpoint.kinds();

    for (how, valid) in [
        (json!({}), true),
        (json!({ "signature": "rolled" }), true),
        (json!({ "signed_s_ago": 300 }), true),
        (json!({ "signed_s_ago": 301 }), false),
        (json!({ "signature": "forged" }), false),
        (json!({ "signature": "tampered" }), false),
        (json!({ "signature": "missing" }), false),
        (json!({ "signature": "old_scheme" }), false),
    ] {
        stripe.deliver(json!({ "events": [ids[0]], "how": how })).await.expect("sent");
        let told = endpoint.told().pop().expect("an event");
        assert_eq!(is_valid(&told, &stripe.webhook_secret, START + 3600), valid, "{how}");
    }
    endpoint.kinds();

    let how = json!({ "api_version": "2017-08-15", "livemode": true, "object": { "amount_total": 1 } });
    stripe.deliver(json!({ "events": [ids[0]], "how": how })).await.expect("sent");
    let told = endpoint.told().pop().expect("an event");
    let event = told.event();
    assert_eq!((&event["api_version"], &event["livemode"]), (&json!("2017-08-15"), &json!(true)));
    assert_eq!(event["data"]["object"]["amount_total"], 1);
    assert!(is_valid(&told, &stripe.webhook_secret, START + 3600));
    endpoint.kinds();

    let many = stripe.deliver(json!({ "events": ids, "times": 3, "together": true })).await.expect("sent");
    assert_eq!((statuses(&many), endpoint.kinds().len()), (vec![200; 9], 9));
    for wrong in [json!({ "events": ["evt_x"] }), json!({ "how": { "signature": "blue" } }), json!({ "when": "now" })] {
        assert!(stripe.deliver(wrong.clone()).await.is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn the_same_seed_and_story_give_the_same_ids_and_events() {
    let story = || async {
        let world = World::new().await;
        let _endpoint = Endpoint::start(&world).await;
        let (customer, card) = world.saved_card().await;
        world.off_session(&customer, &card, &[]).await;
        world.sims.stripe.tick().await;
        world.sims.stripe.state()
    };
    assert_eq!(story().await, story().await);
}
