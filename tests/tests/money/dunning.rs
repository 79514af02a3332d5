//! Dunning: what happens to a number that cannot be charged, and that money ends it.

use serde_json::json;

use crate::kit::Story;

#[tokio::test]
async fn a_number_nobody_pays_for_goes_through_every_stage() {
    let story = Story::on("2027-02-10", "PRO", "1.50").await;
    let number = story.bought("one").await;
    let check = async |instant: &str, status: &str, notices: &[u64]| {
        story.to(instant).await;
        assert_eq!(story.status(&number).await, status, "{instant}");
        let told = story.events("number.dunning_notice").await;
        let days: Vec<u64> = told.iter().filter_map(|told| told["day"].as_u64()).collect();
        assert_eq!(days, notices, "{instant}");
    };
    check("2027-03-09T23:30:00Z", "active", &[]).await;
    check("2027-03-10T00:30:00Z", "past_due", &[0]).await;
    check("2027-03-12T23:30:00Z", "past_due", &[0]).await;
    check("2027-03-13T00:30:00Z", "past_due", &[0, 3]).await;
    check("2027-03-16T00:30:00Z", "past_due", &[0, 3, 6]).await;
    check("2027-03-17T00:30:00Z", "suspended", &[0, 3, 6, 7]).await;
    assert_eq!(story.number(&number).await["release_at"], "2027-03-31T00:00:00Z");
    check("2027-03-30T23:30:00Z", "suspended", &[0, 3, 6, 7]).await;
    check("2027-03-31T00:30:00Z", "released", &[0, 3, 6, 7]).await;
    assert_eq!(story.app.wallet(&story.tenant).await.0, "0.00");
    story.app.verify().await;
}

#[tokio::test]
async fn money_that_comes_in_recovers_a_suspended_number_by_itself() {
    let story = Story::on("2027-02-10", "PRO", "1.50").await;
    let number = story.bought("one").await;
    story.to("2027-03-20T12:00:00Z").await;
    assert_eq!(story.status(&number).await, "suspended");
    story.fund("10.00").await;
    story.app.drain().await;
    let now = story.number(&number).await;
    assert_eq!((&now["status"], &now["release_at"]), (&json!("active"), &json!(null)));
    assert_eq!(now["paid_through"], "2027-04-10T00:00:00Z");
    assert_eq!(story.app.wallet(&story.tenant).await.0, "8.50");
    story.app.verify().await;
}
