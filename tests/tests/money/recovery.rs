//! Money that comes in: what it pays first, and what was never served is never paid.

use serde_json::json;

use crate::kit::{Story, dates};

#[tokio::test]
async fn money_that_comes_in_recovers_a_suspended_number_by_itself() {
    let story = Story::on("2027-02-10", "PRO", "1.50").await;
    let number = story.bought("one").await;
    story.to("2027-03-20T12:00:00Z").await;
    assert_eq!(story.status(&number).await, "suspended");
    story.recover("10.00").await;
    let now = story.number(&number).await;
    assert_eq!((&now["status"], &now["release_at"]), (&json!("active"), &json!(null)));
    assert_eq!(now["paid_through"], "2027-04-10T00:00:00Z");
    assert_eq!(story.balance().await, "8.50");
    assert_eq!(story.events("number.resumed").await.len(), 1);
    story.app.verify().await;
}

#[tokio::test]
async fn too_little_money_recovers_the_numbers_in_their_order() {
    let story = Story::on("2027-02-10", "PRO", "6.00").await;
    let first = story.bought("first").await;
    let _ = story.app.advance("PT1M").await;
    let second = story.bought("second").await;
    story.to("2027-02-11T12:00:00Z").await;
    let third = story.bought("third").await;
    let _ = story.app.advance("PT1M").await;
    let primary = story.bought("primary").await;
    story.edit(&primary, json!({ "primary": true })).await;
    story.to("2027-03-20T12:00:00Z").await;
    let numbers = [&first, &second, &third, &primary];
    assert_eq!(story.statuses(&numbers).await, ["suspended"; 4]);
    // The day comes before the primary number, and that before the age.
    for (usd, statuses) in [
        ("2.00", ["active", "suspended", "suspended", "suspended"]),
        ("1.00", ["active", "active", "suspended", "suspended"]),
        ("1.49", ["active", "active", "suspended", "suspended"]),
        ("0.01", ["active", "active", "suspended", "active"]),
        ("5.00", ["active", "active", "active", "active"]),
    ] {
        story.recover(usd).await;
        assert_eq!(story.statuses(&numbers).await, statuses, "{usd}");
        story.app.verify().await;
    }
    assert_eq!(story.balance().await, "3.50");
}

#[tokio::test]
async fn a_period_that_was_wholly_suspended_is_never_billed_and_the_current_one_is() {
    let story = Story::on("2027-02-10", "PRO", "1.50").await;
    let number = story.bought("one").await;
    story.to("2027-03-18T12:00:00Z").await;
    assert_eq!(story.status(&number).await, "suspended");
    // Nothing runs for three months, in which callers hear that the number is not in service.
    story.outage_until("2027-06-15T12:00:00Z").await;
    story.recover("10.00").await;
    let charged = story.charged(&number).await;
    assert_eq!(dates(&charged), ["2027-02-10", "2027-03-10", "2027-04-10", "2027-05-10", "2027-06-10"]);
    let amounts: Vec<&str> = charged.iter().map(|(_, amount)| amount.as_str()).collect();
    assert_eq!(amounts, ["-1.50", "-1.50", "0.00", "0.00", "-1.50"]);
    assert_eq!(story.status(&number).await, "active");
    assert_eq!(story.paid_through(&number).await, "2027-07-10");
    assert_eq!(story.balance().await, "7.00");
    story.app.verify().await;
}

#[tokio::test]
async fn money_for_the_old_period_alone_leaves_a_number_suspended_and_owing_the_current_one() {
    let story = Story::on("2027-02-10", "PRO", "1.50").await;
    let number = story.bought("one").await;
    story.to("2027-03-18T12:00:00Z").await;
    story.outage_until("2027-04-15T12:00:00Z").await;
    story.recover("1.50").await;
    assert_eq!(
        (story.status(&number).await.as_str(), story.paid_through(&number).await.as_str()),
        ("suspended", "2027-04-10")
    );
    story.app.verify().await;
    story.recover("1.50").await;
    assert_eq!(
        (story.status(&number).await.as_str(), story.paid_through(&number).await.as_str()),
        ("active", "2027-05-10")
    );
    story.app.verify().await;
}
