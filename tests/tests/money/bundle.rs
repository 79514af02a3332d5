//! Numbers a plan includes: they cost nothing and wait for nobody.

use serde_json::json;

use crate::kit::{Story, dates};

#[tokio::test]
async fn a_plan_of_two_numbers_charges_the_third_and_gives_it_the_place_that_is_freed() {
    let story = Story::on("2027-02-10", "BUNDLE", "1.50").await;
    let mut numbers = Vec::new();
    for key in ["one", "two", "three", "four"] {
        if key == "four" {
            story.fund("1.50").await;
        }
        numbers.push(story.bought(key).await);
        let _ = story.app.advance("PT1M").await;
    }
    let [one, two, three, four] = [0, 1, 2, 3].map(|n: usize| numbers[n].clone());
    for (number, price) in [(&one, "0.00"), (&two, "0.00"), (&three, "-1.50"), (&four, "-1.50")] {
        assert_eq!(story.charged(number).await[0].1, price);
    }
    // Without a cent the included two renew, and the others are past due.
    story.to("2027-03-10T00:30:00Z").await;
    assert_eq!(story.statuses(&[&one, &two, &three, &four]).await, ["active", "active", "past_due", "past_due"]);
    assert_eq!(dates(&story.charged(&two).await), ["2027-02-10", "2027-03-10"]);
    story.app.verify().await;
    // A place that is freed goes to the oldest of those that are due.
    let _ = story.release(&one).await.expect(200);
    story.to("2027-03-11T00:30:00Z").await;
    assert_eq!(story.statuses(&[&two, &three, &four]).await, ["active", "active", "past_due"]);
    let charged = story.charged(&three).await;
    assert_eq!(charged.last().map(|(_, amount)| amount.as_str()), Some("0.00"));
    assert_eq!(story.balance().await, "0.00");
    story.app.verify().await;
}

#[tokio::test]
async fn a_wallet_that_is_empty_keeps_no_included_number_from_renewing() {
    let story = Story::on("2027-02-10", "BUNDLE", "0").await;
    let number = story.bought("one").await;
    story.to("2027-05-10T01:00:00Z").await;
    let charged = story.charged(&number).await;
    assert_eq!(dates(&charged), ["2027-02-10", "2027-03-10", "2027-04-10", "2027-05-10"]);
    assert!(charged.iter().all(|(_, amount)| amount == "0.00"), "{charged:?}");
    assert_eq!(story.status(&number).await, "active");
    story.app.verify().await;
}

#[tokio::test]
async fn a_plan_that_includes_fewer_numbers_charges_the_newest_from_the_next_period_on() {
    let story = Story::on("2027-02-10", "BUNDLE", "1.50").await;
    let one = story.bought("one").await;
    let _ = story.app.advance("PT1M").await;
    let two = story.bought("two").await;
    let path = format!("/v1/operator/tenants/{}", story.tenant.id);
    let _ = story.app.put(&story.app.operator().await, &path, json!({ "plan": "PRO" })).await.expect(200);
    story.to("2027-03-10T00:30:00Z").await;
    assert_eq!(story.statuses(&[&one, &two]).await, ["active", "past_due"]);
    assert_eq!(story.charged(&one).await.last().map(|(_, amount)| amount.clone()), Some("-1.50".into()));
    story.app.verify().await;
}
