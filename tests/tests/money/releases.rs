//! Numbers that are let go at the end of what is paid for, and who may have them next.

use reqwest::Method;
use serde_json::json;
use tests::Answer;

use crate::kit::{Story, dates, text};

async fn let_go(story: &Story, number: &str) -> Answer {
    story.app.delete(&story.tenant, &format!("/v1/numbers/{number}?when=period_end")).await
}

async fn undo(story: &Story, number: &str) -> Answer {
    let path = format!("/v1/numbers/{number}/undo-release");
    story.app.send(Method::POST, &path, &story.tenant.token, &[], Some(json!({}))).await
}

#[tokio::test]
async fn a_release_at_period_end_begins_two_hours_before_the_end_and_not_earlier() {
    let story = Story::on("2027-02-10", "PRO", "10.00").await;
    let number = story.bought("one").await;
    assert_eq!(undo(&story, &number).await.expect(409).code(), "nothing_to_undo");
    let first = let_go(&story, &number).await.expect(200);
    assert_eq!(first.text("/number/release_at"), "2027-03-09T22:00:00Z");
    // Asked again, undone, asked again: as often as one likes.
    assert_eq!(let_go(&story, &number).await.expect(200).body, first.body);
    assert_eq!(story.events("number.release_scheduled").await.len(), 1);
    let _ = undo(&story, &number).await.expect(200);
    assert_eq!(undo(&story, &number).await.expect(409).code(), "nothing_to_undo");
    assert_eq!(let_go(&story, &number).await.expect(200).text("/number/release_at"), "2027-03-09T22:00:00Z");
    assert_eq!(story.number(&number).await["next_charge_on"], json!(null));
    story.to("2027-03-09T21:59:00Z").await;
    assert_eq!(story.status(&number).await, "active");
    story.to("2027-03-09T22:01:00Z").await;
    assert_eq!(story.status(&number).await, "released");
    assert_eq!(undo(&story, &number).await.expect(409).code(), "release_started");
    story.to("2027-04-11T00:00:00Z").await;
    assert_eq!(dates(&story.charged(&number).await), ["2027-02-10"]);
    story.app.verify().await;
}

#[tokio::test]
async fn a_release_is_undone_until_it_begins_and_the_number_renews() {
    let story = Story::on("2027-02-10", "PRO", "10.00").await;
    let number = story.bought("one").await;
    let _ = let_go(&story, &number).await.expect(200);
    story.to("2027-03-09T21:59:00Z").await;
    let kept = undo(&story, &number).await.expect(200);
    assert_eq!((kept.text("/status"), kept.body["release_at"].clone()), ("active".into(), json!(null)));
    story.to("2027-03-10T00:30:00Z").await;
    assert_eq!(dates(&story.charged(&number).await), ["2027-02-10", "2027-03-10"]);
    story.app.verify().await;
}

#[tokio::test]
async fn a_release_undone_after_an_outage_is_charged_for_what_was_served_meanwhile() {
    let story = Story::on("2027-02-10", "PRO", "10.00").await;
    let number = story.bought("one").await;
    let _ = let_go(&story, &number).await.expect(200);
    story.to("2027-03-08T12:00:00Z").await;
    story.outage_until("2027-04-15T12:30:00Z").await;
    let _ = undo(&story, &number).await.expect(200);
    story.to("2027-04-16T01:00:00Z").await;
    assert_eq!(dates(&story.charged(&number).await), ["2027-02-10", "2027-03-10", "2027-04-10"]);
    assert_eq!(story.status(&number).await, "active");
    assert_eq!(story.to("2027-05-09T12:00:00Z").await, [], "nothing was due");
    story.app.verify().await;
}

#[tokio::test]
async fn a_lock_or_being_primary_set_later_keeps_the_number() {
    let story = Story::on("2027-02-10", "PRO", "10.00").await;
    let (locked, primary) = (story.bought("one").await, story.bought("two").await);
    for (number, protect, code) in [(&locked, "locked", "number_locked"), (&primary, "primary", "primary_number")] {
        story.edit(number, json!({ protect: true })).await;
        assert_eq!(let_go(&story, number).await.expect(409).code(), code);
        assert_eq!(story.release(number).await.expect(409).code(), code);
        story.edit(number, json!({ protect: false })).await;
        let _ = let_go(&story, number).await.expect(200);
        story.edit(number, json!({ protect: true })).await;
    }
    story.to("2027-03-10T00:30:00Z").await;
    for number in [&locked, &primary] {
        let now = story.number(number).await;
        assert_eq!((&now["status"], &now["release_at"]), (&json!("active"), &json!(null)));
        assert_eq!(dates(&story.charged(number).await), ["2027-02-10", "2027-03-10"]);
    }
    assert_eq!(story.events("number.release_undone").await.len(), 2);
    story.app.verify().await;
}

#[tokio::test]
async fn the_former_holder_buys_a_number_back_within_its_quarantine_and_nobody_else_does() {
    let story = Story::on("2027-02-10", "PRO", "10.00").await;
    let number = story.bought("one").await;
    let e164 = text(&story.number(&number).await, "/e164");
    let _ = let_go(&story, &number).await.expect(200);
    story.to("2027-03-09T23:00:00Z").await;
    let _ = story.app.local("simulators/twilio/stock", Some(json!({ "e164": [e164] }))).await.expect(200);
    let other = story.app.tenant("PRO", "10.00").await;
    let refused = story.app.post(&other, "/v1/numbers", "mine", json!({ "e164": e164 })).await.expect(409);
    assert_eq!(refused.code(), "number_unavailable");
    let back = story.app.post(&story.tenant, "/v1/numbers", "back", json!({ "e164": e164 })).await.expect(201);
    assert_ne!(back.text("/number/id"), number);
    assert_eq!(back.text("/number/paid_through"), "2027-04-09T00:00:00Z");
    // Let go at once and left alone for a month, it is anybody's.
    let _ = story.release(&back.text("/number/id")).await.expect(200);
    let _ = story.app.local("simulators/twilio/stock", Some(json!({ "e164": [e164] }))).await.expect(200);
    story.to("2027-04-08T22:00:00Z").await;
    let refused = story.app.post(&other, "/v1/numbers", "early", json!({ "e164": e164 })).await.expect(409);
    assert_eq!(refused.code(), "number_unavailable");
    story.to("2027-04-09T00:00:00Z").await;
    let _ = story.app.post(&other, "/v1/numbers", "later", json!({ "e164": e164 })).await.expect(201);
    story.app.verify().await;
}

#[tokio::test]
async fn a_release_that_began_and_an_outage_of_the_carrier_end_in_one_release() {
    let story = Story::on("2027-02-10", "PRO", "10.00").await;
    let number = story.bought("one").await;
    let _ = let_go(&story, &number).await.expect(200);
    story
        .app
        .fault(json!({ "provider": "twilio", "operation": "numbers.delete", "kind": "timeout", "times": 3 }))
        .await;
    story.to("2027-03-10T06:00:00Z").await;
    assert_eq!(story.status(&number).await, "released");
    assert_eq!(story.events("number.released").await.len(), 1);
    assert_eq!(dates(&story.charged(&number).await), ["2027-02-10"]);
    story.app.verify().await;
}
