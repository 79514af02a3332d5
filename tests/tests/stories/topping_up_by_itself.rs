//! A wallet that tops itself up with the card that was kept: once at a time, and no longer than the card lets it.

use domain::Currency;
use serde_json::{Value, json};
use shared::use_cases::top_ups::{self, AutoOutcome};

use crate::kit::list;
use crate::topping_up::Payer;

/// A tenant with 25 dollars and a kept card, whose wallet adds 25 whenever less than 30 is there.
async fn begin() -> Payer {
    let payer = Payer::begin().await;
    let _ = payer.paid("by hand").await;
    // What was queued when the money came in would top up too.
    let _ = payer.story.app.drain().await.expect(200);
    let _ = set(&payer, json!({ "currency": "USD", "below": "30.00", "amount": "25.00" })).await.expect(200);
    payer
}

async fn set(payer: &Payer, rule: Value) -> tests::Answer {
    payer.story.app.put(&payer.story.tenant, "/v1/wallet/auto-top-up", rule).await
}

/// What whoever charges a wallet does afterwards.
async fn watch(payer: &Payer) -> AutoOutcome {
    let tenant = payer.story.tenant.id.parse().unwrap();
    let outcome = top_ups::watch(&payer.story.app.system.app, &tenant, Currency::USD, 0).await;
    payer.settle().await;
    outcome
}

async fn card(payer: &Payer, card: &str) {
    let _ = payer.story.app.local("simulators/stripe/card", Some(json!({ "card": card }))).await.expect(200);
}

#[tokio::test]
async fn a_wallet_tops_itself_up_once_below_its_threshold() {
    let payer = begin().await;
    assert_eq!(watch(&payer).await, AutoOutcome::Credited);
    assert_eq!(payer.wallet().await[0], "50.00");
    assert_eq!(payer.ledger().await, ["top_up 25.00", "top_up 25.00"]);
    assert_eq!(watch(&payer).await, AutoOutcome::Nothing);
    assert_eq!(payer.has("payments").await, 2);
    payer.story.app.verify().await;
    let _ = set(&payer, json!({ "currency": "USD", "below": "1000.00", "amount": "25.00" })).await.expect(200);
    let (one, two) = tokio::join!(watch(&payer), watch(&payer));
    assert!([one, two].contains(&AutoOutcome::Credited), "{one:?} {two:?}");
    let payments = payer.has("payments").await;
    assert_eq!(payer.ledger().await.len(), payments, "each payment is an entry");
    payer.story.app.verify().await;
}

#[tokio::test]
async fn it_takes_a_kept_card_and_can_be_switched_off() {
    let payer = Payer::begin().await;
    let rule = json!({ "currency": "USD", "below": "30.00", "amount": "25.00" });
    assert_eq!(set(&payer, rule.clone()).await.expect(409).code(), "no_saved_card");
    // A page that is told not to keep the card keeps none.
    let request = json!({ "amount": "25.00", "currency": "USD", "save_card": false });
    let started = payer.story.app.post(&payer.story.tenant, "/v1/wallet/top-ups", "key", request).await.expect(201);
    let _ = payer.pay(&started.text("/session"), "paid").await;
    assert_eq!(set(&payer, rule.clone()).await.expect(409).code(), "no_saved_card");
    let _ = payer.paid("kept").await;
    let answer = set(&payer, rule.clone()).await.expect(200);
    assert_eq!((answer.text("/below/amount"), answer.text("/amount/amount")), ("30.00".into(), "25.00".into()));
    for wrong in [
        json!({ "currency": "USD", "below": "-1", "amount": "25.00" }),
        json!({ "currency": "USD", "below": "10001", "amount": "25.00" }),
        json!({ "currency": "EUR", "below": "1", "amount": "25.00" }),
        json!({ "currency": "USD", "below": "1", "amount": "25.00", "more": 1 }),
        json!(["USD", "1", "25.00"]),
        json!("null"),
    ] {
        assert_eq!(set(&payer, wrong.clone()).await.expect(400).code(), "invalid_request", "{wrong}");
    }
    let little = json!({ "currency": "USD", "below": "30.00", "amount": "1.00" });
    assert_eq!(set(&payer, little).await.expect(422).code(), "amount_out_of_range");
    assert_eq!(set(&payer, Value::Null).await.expect(200).body, Value::Null);
    card(&payer, "ok").await;
    assert_eq!(watch(&payer).await, AutoOutcome::Nothing);
    payer.story.app.verify().await;
}

#[tokio::test]
async fn a_declined_card_is_tried_another_day_and_three_times_at_most() {
    let payer = begin().await;
    card(&payer, "declined").await;
    for day in 1..=3 {
        assert_eq!(watch(&payer).await, AutoOutcome::Declined, "{day}");
        assert_eq!(watch(&payer).await, AutoOutcome::Nothing, "{day}");
        payer.story.app.verify().await;
        let _ = payer.story.app.advance("PT25H").await;
    }
    assert_eq!(watch(&payer).await, AutoOutcome::Nothing);
    let news = payer.news().await;
    assert_eq!(news.iter().filter(|news| *news == "wallet.top_up_failed").count(), 3, "{news:?}");
    assert_eq!(news.iter().filter(|news| *news == "wallet.auto_top_up_disabled").count(), 1, "{news:?}");
    assert_eq!(payer.ledger().await, ["top_up 25.00"]);
    // The tenant switches it on again.
    card(&payer, "ok").await;
    let _ = set(&payer, json!({ "currency": "USD", "below": "30.00", "amount": "25.00" })).await.expect(200);
    assert_eq!(watch(&payer).await, AutoOutcome::Credited);
    payer.story.app.verify().await;
}

#[tokio::test]
async fn a_card_that_cannot_help_switches_it_off_at_once() {
    for (bank, reason) in [("authentication_required", "authentication_required"), ("lost_card", "card_refused")] {
        let payer = begin().await;
        card(&payer, bank).await;
        assert_eq!(watch(&payer).await, AutoOutcome::Declined, "{bank}");
        let _ = payer.story.app.advance("P2D").await;
        card(&payer, "ok").await;
        assert_eq!(watch(&payer).await, AutoOutcome::Nothing, "{bank}");
        let path = format!("events?tenant={}", payer.story.tenant.id);
        let events = list(&payer.story.app.local(&path, None).await.expect(200).body, "items");
        let told = events.iter().find(|event| event["type"] == "wallet.auto_top_up_disabled").expect("told");
        assert_eq!(told["data"]["reason"], reason);
        assert_eq!(payer.has("payments").await, 2, "{bank}");
        payer.story.app.verify().await;
    }
}

#[tokio::test]
async fn money_under_way_is_waited_for() {
    let payer = begin().await;
    card(&payer, "processing").await;
    assert_eq!(watch(&payer).await, AutoOutcome::UnderWay);
    let _ = payer.story.app.advance("P1D").await;
    assert_eq!(watch(&payer).await, AutoOutcome::UnderWay);
    assert_eq!(payer.has("payments").await, 2);
    payer.story.app.verify().await;
    let state = payer.story.app.state("stripe").await;
    let processing = list(&state, "payments").into_iter().find(|payment| payment["status"] == "processing");
    let id = processing.expect("one is processing")["id"].as_str().unwrap_or_default().to_owned();
    let _ = payer.pay(&id, "paid").await;
    assert_eq!(payer.ledger().await, ["top_up 25.00", "top_up 25.00"]);
    payer.story.app.verify().await;
}

#[tokio::test]
async fn a_payment_whose_answer_was_lost_is_made_and_credited_once() {
    for kind in ["lost_reply", "error"] {
        let payer = begin().await;
        payer.hold(true).await;
        payer.story.fault("stripe", "payments.create", kind, 20).await;
        assert_eq!(watch(&payer).await, AutoOutcome::UnderWay, "{kind}");
        // One is open: there is no second.
        assert_eq!(watch(&payer).await, AutoOutcome::UnderWay, "{kind}");
        payer.story.app.no_faults();
        payer.story.app.verify().await;
        let _ = payer.story.app.advance("PT3H").await;
        assert_eq!(payer.ledger().await, ["top_up 25.00", "top_up 25.00"], "{kind}");
        assert_eq!(payer.has("payments").await, 2, "{kind}");
        payer.hold(false).await;
        payer.settle().await;
        assert_eq!(payer.ledger().await.len(), 2, "{kind}");
        payer.story.app.verify().await;
    }
}

#[tokio::test]
async fn a_payment_whose_key_is_forgotten_is_looked_for_and_never_made_again() {
    for (kind, expected) in [("lost_reply", 2), ("rate_limit", 1)] {
        let payer = begin().await;
        payer.hold(true).await;
        payer.story.fault("stripe", "payments.create", kind, 20).await;
        assert_eq!(watch(&payer).await, AutoOutcome::UnderWay, "{kind}");
        payer.story.app.no_faults();
        let outage = json!({ "advance": "P2D", "run_jobs": false });
        let _ = payer.story.app.local("clock", Some(outage)).await.expect(200);
        let _ = payer.story.app.local("jobs/top_ups", Some(json!({}))).await.expect(200);
        assert_eq!(payer.has("payments").await, expected, "{kind}");
        assert_eq!(payer.ledger().await.len(), expected, "{kind}");
        payer.story.app.verify().await;
        // There is room for the next one.
        let _ = set(&payer, json!({ "currency": "USD", "below": "1000.00", "amount": "25.00" })).await.expect(200);
        assert_eq!(watch(&payer).await, AutoOutcome::Credited, "{kind}");
        payer.story.app.verify().await;
    }
}
