//! What takes two failures in a row, or two drivers at once.

use domain::Currency;
use std::time::Duration;

use domain::operation::OperationStatus;
use serde_json::{Value, json};
use shared::jobs;

use crate::case::{ended, message, minutes, only, pass, within_a_quarter_of_an_hour};
use crate::fault::Ending;
use crate::scenario::{Driver, Scenario, Stage};
use crate::world;

#[tokio::test]
async fn a_carrier_that_sells_and_falls_silent_for_a_day_leaves_a_stuck_purchase_that_an_operator_ends() {
    let stage = Scenario::PurchaseExact.stage().await;
    stage.app.fault(json!({ "provider": "twilio", "operation": "numbers.create", "kind": "lost_reply" })).await;
    let silence = json!({
        "provider": "twilio", "operation": "numbers.list", "kind": "timeout", "after": 1, "times": 1_000_000,
    });
    stage.app.fault(silence).await;
    stage.play(Driver::Request).await;
    minutes(&stage).await;
    assert_eq!(only(&stage).await.status, OperationStatus::Running);
    pass(&stage, "PT25H").await;
    minutes(&stage).await;
    stage.app.no_faults();
    ended(&stage, Ending::StuckThenSucceeded, false).await;
}

#[tokio::test]
async fn a_refused_undo_is_stuck_again_as_often_as_it_is_resumed_in_vain() {
    let stage = Scenario::PurchaseAllOrNothingRefused.stage().await;
    stage.refuse();
    let refusal =
        json!({ "provider": "twilio", "operation": "numbers.delete", "kind": "error", "status": 400, "times": 2 });
    stage.app.fault(refusal).await;
    stage.play(Driver::Request).await;
    let stuck = only(&stage).await;
    assert_eq!(stuck.status, OperationStatus::Stuck);
    let operator = stage.app.operator().await;
    let path = format!("/v1/operator/operations/{}/resume", stuck.id);
    let _ = stage.app.post(&operator, &path, "in vain", json!({})).await.expect(200);
    let _ = stage.app.drain().await.expect(200);
    ended(&stage, Ending::StuckThenFailed, false).await;
    assert_eq!(stage.app.asked("twilio", "numbers.delete").await, 3);
}

/// The operator buys the number of this stage by hand, past the product, in the same account.
async fn bought_by_hand(stage: &Stage) {
    let e164 = stage.request.body.as_ref().and_then(|body| body["e164"].as_str()).unwrap_or_default().to_owned();
    let twilio = &stage.app.system.simulators.twilio;
    let url = format!("{}/2010-04-01/Accounts/{}/IncomingPhoneNumbers.json", twilio.url, twilio.account_sid);
    let order = reqwest::Client::new().post(url).basic_auth(&twilio.account_sid, Some(&twilio.auth_token));
    let order = order.form(&[("PhoneNumber", e164.as_str()), ("FriendlyName", "the operator's own")]);
    assert_eq!(order.send().await.expect("an answer").status().as_u16(), 201);
}

/// The purchase is given up, and what the operator bought by hand is as it was.
async fn hands_off(stage: &Stage, before: &Value) {
    within_a_quarter_of_an_hour(stage).await;
    let op = only(stage).await;
    assert_eq!(op.failure.map(|failure| failure.code.as_str()), Some("number_unavailable"));
    assert_eq!(stage.app.state("twilio").await["numbers"], *before);
    assert_eq!(world::charges(&stage.app, &stage.tenant, Currency::USD).await, 0);
    stage.app.verify().await;
}

#[tokio::test]
async fn a_number_the_operator_bought_before_the_order_was_sent_is_never_touched() {
    let stage = Scenario::PurchaseExact.stage().await;
    let _ = stage.ask(&[("Prefer", "respond-async")]).await.expect("an answer").expect(202);
    bought_by_hand(&stage).await;
    let before = stage.app.state("twilio").await["numbers"].clone();
    hands_off(&stage, &before).await;
    assert_eq!(stage.app.asked("twilio", "numbers.create").await, 1, "no order but the operator's");
}

#[tokio::test]
async fn a_number_the_operator_bought_while_an_order_was_in_doubt_is_never_touched() {
    let stage = Scenario::PurchaseExact.stage().await;
    stage.app.fault(json!({ "provider": "twilio", "operation": "numbers.create", "kind": "timeout" })).await;
    stage.play(Driver::Request).await;
    bought_by_hand(&stage).await;
    let before = stage.app.state("twilio").await["numbers"].clone();
    hands_off(&stage, &before).await;
}

/// A driver hangs in a call that will still be done; everybody thinks it dead, and another takes over.
async fn overtaken(scenario: Scenario, party: &str, operation: &str) -> Stage {
    let stage = scenario.stage().await;
    let slow = json!({ "provider": party, "operation": operation, "kind": "delay", "ms": 700 });
    stage.app.fault(slow).await;
    let driving = stage.ask(&[]);
    let overtaking = async {
        while stage.app.system.simulators.faults.list()["items"][0]["fired"].as_u64() == Some(0) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        stage.app.restart_workers().await;
        let op = only(&stage).await;
        Box::pin(jobs::advance(&stage.app.system.app, &message(&op))).await.expect("the books answer");
    };
    let (answer, ()) = tokio::join!(driving, overtaking);
    assert!(answer.expect("an answer").status.is_success());
    // One driver, the end of its lease, another driver.
    let op = only(&stage).await;
    assert_eq!(
        (op.status, op.fence),
        (OperationStatus::Running, 3),
        "what the first driver heard came too late to count"
    );
    within_a_quarter_of_an_hour(&stage).await;
    stage
}

#[tokio::test]
async fn a_driver_that_was_overtaken_while_it_bought_buys_the_number_once() {
    let stage = overtaken(Scenario::PurchaseExact, "twilio", "numbers.create").await;
    assert_eq!(stage.app.asked("twilio", "numbers.create").await, 1);
    ended(&stage, Ending::Succeeded, false).await;
}

#[tokio::test]
async fn a_driver_that_was_overtaken_while_it_linked_links_once() {
    let stage = overtaken(Scenario::LinkFresh, "vapi", "numbers.create").await;
    assert_eq!(stage.app.asked("vapi", "numbers.create").await, 1);
    ended(&stage, Ending::Succeeded, false).await;
}

#[tokio::test]
async fn a_driver_that_was_overtaken_while_it_released_releases_once() {
    let stage = overtaken(Scenario::ReleaseUnlinked, "twilio", "numbers.delete").await;
    ended(&stage, Ending::Succeeded, false).await;
}
