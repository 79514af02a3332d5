//! Minutes of calls: charged once a call, in whatever order and however often its end is told.

use serde_json::{Value, json};

use crate::kit::{Story, text};

/// A number an agent answers, and so many USD.
async fn answered(usd: &str) -> (Story, String) {
    let story = Story::on("2027-02-10", "PRO", usd).await;
    let number = story.bought_with_an_agent("one").await;
    (story, number)
}

/// The calls of a number as its tenant sees them.
async fn calls(story: &Story, number: &str) -> Vec<Value> {
    story.get(&format!("/v1/numbers/{number}/calls")).await["items"].as_array().cloned().unwrap_or_default()
}

async fn usage(story: &Story) -> Vec<String> {
    let entries = story.entries("").await;
    let usage = entries.iter().filter(|entry| entry["kind"] == "usage_charge");
    usage.map(|entry| text(entry, "/amount/amount")).collect()
}

#[tokio::test]
async fn a_call_is_charged_once_though_its_end_is_told_often_and_out_of_order() {
    let (story, number) = answered("10.00").await;
    let _ = story.app.advance("PT1M").await;
    story.call(&number, "completed").await;
    let call = calls(&story, &number).await.remove(0);
    assert_eq!(text(&call, "/cost/amount"), "0.02");
    let sid = text(&call, "/call_sid");
    let twilio = &story.app.system.simulators.twilio;
    for (status, sequence) in [("completed", 3), ("ringing", 1), ("completed", 3), ("in-progress", 2)] {
        let _ = twilio.send_status(&sid, status, sequence).await.expect("it was met");
    }
    let told = async || twilio.send_status(&sid, "completed", 3).await.expect("it was met");
    assert_eq!(tokio::join!(told(), told(), told()), (200, 200, 200));
    assert_eq!(usage(&story).await, ["-0.02"]);
    assert_eq!(calls(&story, &number).await.first(), Some(&call));
    let entry = story.entries(&format!("&number_id={number}")).await.remove(0);
    assert_eq!((&entry["kind"], text(&entry, "/number_id")), (&json!("usage_charge"), number));
    assert_eq!(story.balance().await, "8.48");
    story.app.verify().await;
}

#[tokio::test]
async fn the_end_of_a_call_may_be_all_that_is_ever_told() {
    let (story, number) = answered("10.00").await;
    story.call(&number, "completed").await;
    let sid = text(&calls(&story, &number).await[0], "/call_sid");
    // The record and its charge are lost with the table's past; what is left is the carrier's repeated report.
    let key = aws_sdk_dynamodb::types::AttributeValue::S;
    let delete = story.app.system.table.delete_item().table_name(local::system::TABLE);
    let _ = delete.key("pk", key(format!("CALL#{sid}"))).key("sk", key("META".into())).send().await.expect("deleted");
    let twilio = &story.app.system.simulators.twilio;
    assert_eq!(twilio.send_status(&sid, "completed", 3).await.expect("it was met"), 200);
    assert_eq!(text(&calls(&story, &number).await[0], "/cost/amount"), "0.02");
    assert_eq!(usage(&story).await.len(), 2);
    story.app.verify().await;
}

#[tokio::test]
async fn a_call_the_wallet_does_not_cover_is_charged_when_money_comes_in() {
    let (story, number) = answered("1.53").await;
    for _ in 0..3 {
        story.call(&number, "completed").await;
        let _ = story.app.advance("PT1M").await;
    }
    // Three cents cover the first call only.
    assert_eq!((usage(&story).await.len(), story.balance().await.as_str()), (1, "0.01"));
    let shown: Vec<String> = calls(&story, &number).await.iter().map(|call| text(call, "/cost/amount")).collect();
    assert_eq!(shown, ["0.02"; 3]);
    story.app.verify().await;
    // The days ask again and again, and charge nothing that is not covered.
    story.to("2027-02-13T12:00:00Z").await;
    assert_eq!(usage(&story).await.len(), 1);
    story.recover("0.02").await;
    assert_eq!((usage(&story).await.len(), story.balance().await.as_str()), (2, "0.01"));
    story.recover("5.00").await;
    assert_eq!((usage(&story).await.len(), story.balance().await.as_str()), (3, "4.99"));
    story.app.verify().await;
    assert_eq!(story.to("2027-03-09T12:00:00Z").await, [], "nothing is owed");
}

#[tokio::test]
async fn calls_nobody_took_cost_nothing() {
    let (story, number) = answered("10.00").await;
    let twilio = &story.app.system.simulators.twilio;
    story.call(&number, "completed").await;
    let sid = text(&calls(&story, &number).await[0], "/call_sid");
    let before = usage(&story).await;
    // Ends that are no conversations, of calls that were never told of before.
    for status in ["no-answer", "busy", "failed", "canceled"] {
        let key = aws_sdk_dynamodb::types::AttributeValue::S;
        let delete = story.app.system.table.delete_item().table_name(local::system::TABLE);
        let gone = delete.key("pk", key(format!("CALL#{sid}"))).key("sk", key("META".into())).send().await;
        let _ = gone.expect("deleted");
        assert_eq!(twilio.send_status(&sid, status, 3).await.expect("it was met"), 200);
        let call = calls(&story, &number).await.remove(0);
        assert_eq!((text(&call, "/status"), &call["cost"]), (status.to_owned(), &json!(null)));
    }
    assert_eq!(usage(&story).await, before);
    story.app.verify().await;
}
