//! What is told of money to come and money that was: upcoming charges, runway, previews, the ledger.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};

use crate::kit::{Story, text};

#[tokio::test]
async fn what_is_upcoming_is_what_is_charged() {
    let story = Story::on("2027-02-10", "PRO", "7.50").await;
    let one = story.bought("one").await;
    story.to("2027-02-12T12:00:00Z").await;
    let two = story.bought("two").await;
    let upcoming = story.get("/v1/wallet/upcoming").await;
    let line = |n: usize| ["number_id", "on"].map(|part| text(&upcoming, &format!("/items/{n}/{part}")));
    assert_eq!(line(0), [one.clone(), "2027-03-10T00:00:00Z".into()]);
    assert_eq!(line(1), [two.clone(), "2027-03-12T00:00:00Z".into()]);
    // 4.50 lasts for three charges: on 10 and 12 March and on 10 April, and the day before the fourth.
    assert_eq!(text(&story.get("/v1/wallet").await, "/wallets/0/funds_last_until"), "2027-04-11");
    story.to("2027-04-11T23:30:00Z").await;
    assert_eq!(story.statuses(&[&one, &two]).await, ["active", "active"]);
    story.to("2027-04-12T00:30:00Z").await;
    assert_eq!(story.statuses(&[&one, &two]).await, ["active", "past_due"]);
    story.app.verify().await;
}

#[tokio::test]
async fn a_preview_of_a_day_to_come_is_what_is_charged_on_it() {
    let story = Story::on("2027-02-10", "PRO", "6.00").await;
    let one = story.bought("one").await;
    let _ = story.app.advance("PT1M").await;
    let two = story.bought("two").await;
    story.to("2027-02-11T12:00:00Z").await;
    let three = story.bought("three").await;
    let preview =
        async |date: &str| story.operator_asks(&format!("billing/preview?date={date}")).await["items"].clone();
    assert_eq!(preview("2027-03-09").await, json!([]));
    let before = story.books().await;
    let day = preview("2027-03-11").await;
    assert!(story.books().await == before, "a preview changed something");
    let says = |part: &str| day.pointer(&format!("/0/{part}")).cloned().unwrap_or(Value::Null);
    assert_eq!((says("numbers"), says("periods"), says("covered")), (json!(3), json!(3), json!(1)));
    assert_eq!((says("amount/amount"), says("available/amount")), (json!("4.50"), json!("1.50")));
    assert_eq!(says("failing"), json!([two, three]));
    story.outage_until("2027-03-11T00:30:00Z").await;
    let report = story.job("renew").await;
    assert_eq!((&report["examined"], &report["changed"]), (&says("numbers"), &says("covered")));
    let failed = report["failed"].as_array().cloned().unwrap_or_default();
    let failed: Vec<Value> = failed.iter().map(|failed| failed["id"].clone()).collect();
    assert_eq!(json!(failed), says("failing"));
    assert_eq!(story.statuses(&[&one, &two, &three]).await, ["active", "past_due", "past_due"]);
    story.app.verify().await;
}

#[tokio::test]
async fn a_dry_run_says_what_would_be_done_and_moves_nothing() {
    let story = Story::on("2027-02-10", "PRO", "3.00").await;
    let one = story.bought("one").await;
    let _ = story.app.advance("PT1M").await;
    let two = story.bought("two").await;
    story.outage_until("2027-03-10T00:30:00Z").await;
    let run = async |job: &str| {
        let operator = story.app.operator().await;
        let path = format!("/v1/operator/{job}");
        story.app.post(&operator, &path, job, json!({ "dry_run": true })).await.expect(200).body
    };
    let before = story.books().await;
    let renewals = run("renew").await;
    assert_eq!(renewals["charges"][0]["failing"], json!([one, two]));
    assert_eq!(run("dun").await["stages"], json!([]));
    assert!(story.books().await == before, "a dry run changed something");
    story.to("2027-03-17T00:00:00Z").await;
    story.outage_until("2027-03-17T12:00:00Z").await;
    let _ = story.app.drain().await;
    let before = story.books().await;
    let stages = run("dun").await["stages"].clone();
    let said: Vec<_> = stages.as_array().into_iter().flatten().map(|stage| stage["number_id"].clone()).collect();
    assert_eq!(said, [json!(one), json!(two)], "{stages}");
    let _ = run("renew").await;
    let _ = story.app.drain().await;
    assert!(story.books().await == before, "a dry run changed something");
    story.app.verify().await;
}

#[tokio::test]
async fn the_ledger_check_is_quiet_and_names_a_wallet_that_was_broken_by_hand() {
    let story = Story::on("2027-02-10", "PRO", "10.00").await;
    story.bought("one").await;
    story.to("2027-03-10T01:00:00Z").await;
    let other = story.app.tenant("PRO", "5.00").await;
    let good = story.operator_asks("ledger/verify").await;
    let says = (&good["ok"], &good["complete"], &good["wallets"], &good["violations"]);
    assert_eq!(says, (&json!(true), &json!(true), &json!(2), &json!([])));
    story.app.verify().await;
    let cent = AttributeValue::N("10000".into());
    story.item_by_hand("WALLET#USD", "ADD balance :cent", &[(":cent", cent.clone())]).await;
    let bad = story.operator_asks("ledger/verify").await;
    assert_eq!((&bad["ok"], bad["violations"].as_array().map(Vec::len)), (&json!(false), Some(1)));
    assert_eq!(text(&bad, "/violations/0/tenant_id"), story.tenant.id);
    let fine = story.operator_asks(&format!("ledger/verify?tenant_id={}", other.id)).await;
    assert_eq!(fine["ok"], true);
    let back = AttributeValue::N("-10000".into());
    story.item_by_hand("WALLET#USD", "ADD balance :back", &[(":back", back)]).await;
    story.app.verify().await;
}

#[tokio::test]
async fn pages_of_one_show_every_line_of_a_batch_once_with_its_balance() {
    let story = Story::on("2027-02-10", "PRO", "100.00").await;
    for n in 0..6 {
        story.bought(&format!("number {n}")).await;
    }
    story.outage_until("2027-04-10T00:30:00Z").await;
    story.to("2027-04-10T01:30:00Z").await;
    let all = story.entries("").await;
    // The opening balance, six purchases, two periods of six numbers.
    assert_eq!(all.len(), 19);
    for limit in [1, 2, 5, 7] {
        assert_eq!(story.entries_by(limit, "").await, all, "{limit}");
    }
    let mut ids: Vec<String> = all.iter().map(|entry| text(entry, "/id")).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), all.len(), "an id stands for one line");
    let cents = |entry: &Value, part: &str| -> i64 {
        text(entry, &format!("/{part}/amount")).replace('.', "").parse().expect("an amount")
    };
    let mut balance = 0;
    for entry in all.iter().rev() {
        balance += cents(entry, "amount");
        assert_eq!(balance, cents(entry, "balance_after"), "{entry}");
    }
    assert_eq!(balance, 7_300);
    story.app.verify().await;
}
