//! Parked numbers and money: nothing moves while they are parked, and exactly what they served is charged after.

use domain::wallet::WalletRef;
use jiff::civil::date;
use reqwest::Method;
use serde_json::json;
use store::queue::{ChargeCause, ChargeMessage};

use crate::kit::{Story, dates};

/// The tenant lets a number go at the end of what is paid for.
async fn let_go(story: &Story, number: &str) {
    let path = format!("/v1/numbers/{number}?when=period_end");
    let _ = story.app.delete(&story.tenant, &path).await.expect(200);
}

/// Periods charged, with what each cost.
async fn charged(story: &Story, number: &str) -> Vec<(String, String)> {
    let charged = story.charged(number).await;
    dates(&charged).into_iter().zip(charged.into_iter().map(|(_, amount)| amount)).collect()
}

fn periods(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter().map(|(start, amount)| ((*start).to_owned(), (*amount).to_owned())).collect()
}

#[tokio::test]
async fn a_number_let_go_and_parked_past_its_end_is_charged_for_what_it_served_and_then_released() {
    let story = Story::on("2027-02-10", "PRO", "10.00").await;
    let number = story.bought("one").await;
    let_go(&story, &number).await;
    story.to("2027-03-09T12:00:00Z").await;
    let _ = story.park(&number).await.expect(200);
    let fired = story.to("2027-04-20T12:00:00Z").await;
    assert!(fired.iter().all(|(job, _)| job != "release"), "no job looks at a parked number: {fired:?}");
    assert_eq!((story.status(&number).await.as_str(), story.balance().await.as_str()), ("active", "8.50"));
    let kept = story.resolve(&number, "keep").await.expect(200);
    assert_eq!(kept.text("/number/status"), "active");
    let _ = story.app.drain().await.expect(200);
    let served = [("2027-02-10", "-1.50"), ("2027-03-10", "-1.50"), ("2027-04-10", "-1.50")];
    assert_eq!(charged(&story, &number).await, periods(&served));
    assert_eq!((story.status(&number).await.as_str(), story.balance().await.as_str()), ("released", "5.50"));
    assert_eq!(story.events("number.released").await[0]["why"], "period_end");
    assert_eq!(story.told(&number).await, [] as [u64; 0]);
    story.to("2027-06-20T12:00:00Z").await;
    assert_eq!(charged(&story, &number).await.len(), 3);
    story.app.verify().await;
}

#[tokio::test]
async fn a_number_let_go_is_not_released_before_what_it_served_is_charged_though_the_message_waits() {
    let story = Story::on("2027-02-10", "PRO", "10.00").await;
    let number = story.bought("one").await;
    let_go(&story, &number).await;
    let _ = story.park(&number).await.expect(200);
    story.to("2027-04-20T12:00:00Z").await;
    let _ = story.resolve(&number, "keep").await.expect(200);
    // The hourly job comes first; and comes again, before anything that is queued is worked off.
    let app = &story.app.system.app;
    for _ in 0..2 {
        let report = shared::billing::release_ended(app, None).await.expect("it ran");
        assert_eq!((report.examined, report.changed, report.skipped), (1, 0, 1));
    }
    assert_eq!(story.status(&number).await, "active");
    // Days pass in which nobody is charged: they are not the tenant's.
    story.outage_until("2027-05-20T12:00:00Z").await;
    let _ = story.app.drain().await.expect(200);
    assert_eq!(dates(&story.charged(&number).await), ["2027-02-10", "2027-03-10", "2027-04-10"]);
    assert_eq!(story.status(&number).await, "released");
    story.app.verify().await;
}

#[tokio::test]
async fn a_number_let_go_whose_tenant_cannot_pay_is_charged_as_far_as_the_money_goes_and_goes() {
    let story = Story::on("2027-02-10", "PRO", "3.00").await;
    let number = story.bought("one").await;
    let_go(&story, &number).await;
    let _ = story.park(&number).await.expect(200);
    story.to("2027-04-20T12:00:00Z").await;
    let _ = story.resolve(&number, "keep").await.expect(200);
    let _ = story.app.drain().await.expect(200);
    assert_eq!(dates(&story.charged(&number).await), ["2027-02-10", "2027-03-10"]);
    assert_eq!((story.status(&number).await.as_str(), story.balance().await.as_str()), ("released", "0.00"));
    assert_eq!(story.told(&number).await, [] as [u64; 0], "who goes is not dunned");
    story.app.verify().await;
}

#[tokio::test]
async fn a_number_kept_by_its_tenant_while_it_is_parked_renews_once_it_is_not() {
    let story = Story::on("2027-02-10", "PRO", "10.00").await;
    let number = story.bought("one").await;
    let_go(&story, &number).await;
    let _ = story.park(&number).await.expect(200);
    story.to("2027-04-20T12:00:00Z").await;
    let path = format!("/v1/numbers/{number}/undo-release");
    let undone = story.app.send(Method::POST, &path, &story.tenant.token, &[], Some(json!({}))).await.expect(200);
    assert_eq!((&undone.body["parked"], &undone.body["release_at"]), (&json!(true), &json!(null)));
    // It is still the operator's to resolve, and no job's.
    assert_eq!(story.operator_asks("numbers?parked=true").await["items"][0]["number_id"], json!(number));
    story.to("2027-04-22T12:00:00Z").await;
    assert_eq!(dates(&story.charged(&number).await), ["2027-02-10"]);
    let _ = story.resolve(&number, "keep").await.expect(200);
    let _ = story.app.drain().await.expect(200);
    assert_eq!(dates(&story.charged(&number).await), ["2027-02-10", "2027-03-10", "2027-04-10"]);
    assert_eq!(story.status(&number).await, "active");
    story.app.verify().await;
}

#[tokio::test]
async fn a_number_parked_before_its_end_and_kept_before_it_ends_as_its_tenant_asked() {
    let story = Story::on("2027-02-10", "PRO", "10.00").await;
    let number = story.bought("one").await;
    let_go(&story, &number).await;
    let _ = story.park(&number).await.expect(200);
    story.to("2027-03-01T12:00:00Z").await;
    let _ = story.resolve(&number, "keep").await.expect(200);
    story.to("2027-03-09T21:59:00Z").await;
    assert_eq!(story.status(&number).await, "active");
    story.to("2027-03-09T22:01:00Z").await;
    assert_eq!(story.status(&number).await, "released");
    assert_eq!(dates(&story.charged(&number).await), ["2027-02-10"]);
    story.app.verify().await;
}

#[tokio::test]
async fn a_suspended_number_that_was_parked_is_not_charged_for_what_it_did_not_serve() {
    let story = Story::on("2027-02-10", "PRO", "1.50").await;
    let number = story.bought("one").await;
    story.to("2027-03-18T12:00:00Z").await;
    assert_eq!(story.status(&number).await, "suspended");
    let _ = story.park(&number).await.expect(200);
    story.recover("20.00").await;
    story.to("2027-05-20T12:00:00Z").await;
    // Parked, it is neither paid nor released, though the announced day has passed.
    assert_eq!((story.status(&number).await.as_str(), story.balance().await.as_str()), ("suspended", "20.00"));
    let _ = story.resolve(&number, "keep").await.expect(200);
    let _ = story.app.drain().await.expect(200);
    let served = [("2027-02-10", "-1.50"), ("2027-03-10", "-1.50"), ("2027-04-10", "0.00"), ("2027-05-10", "-1.50")];
    assert_eq!(charged(&story, &number).await, periods(&served));
    assert_eq!((story.status(&number).await.as_str(), story.balance().await.as_str()), ("active", "17.00"));
    story.app.verify().await;
}

#[tokio::test]
async fn a_number_given_up_is_charged_for_nothing_that_it_did_not_serve() {
    for (usd, until, status) in [("10.00", "2027-02-20", "active"), ("1.50", "2027-03-18", "suspended")] {
        let story = Story::on("2027-02-10", "PRO", usd).await;
        let number = story.bought("one").await;
        story.to(&format!("{until}T12:00:00Z")).await;
        assert_eq!(story.status(&number).await, status);
        let _ = story.park(&number).await.expect(200);
        story.to("2027-05-20T12:00:00Z").await;
        let balance = story.balance().await;
        let _ = story.resolve(&number, "release").await.expect(200);
        let _ = story.app.drain().await.expect(200);
        assert_eq!(story.status(&number).await, "released");
        story.to("2027-06-20T12:00:00Z").await;
        assert_eq!(dates(&story.charged(&number).await), ["2027-02-10"]);
        assert_eq!(story.balance().await, balance);
        story.app.verify().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parking_and_a_charge_at_once_charge_once_or_not_before_it_goes_on() {
    for park_first in [true, false] {
        let story = Story::on("2027-02-10", "PRO", "10.00").await;
        let number = story.bought("one").await;
        story.outage_until("2027-03-10T00:30:00Z").await;
        let tenant_id = story.tenant.id.parse().expect("a tenant");
        let wallet = WalletRef { tenant_id, currency: domain::Currency::USD };
        let cause = ChargeCause::Renewal { days: vec![10] };
        let message = ChargeMessage { wallet, date: date(2027, 3, 10), cause };
        let charge = shared::billing::charge(&story.app.system.app, &message);
        let parked = if park_first {
            let (parked, charged) = tokio::join!(story.park(&number), charge);
            let _ = charged.expect("it is worked off");
            parked
        } else {
            let (charged, parked) = tokio::join!(charge, story.park(&number));
            let _ = charged.expect("it is worked off");
            parked
        };
        let _ = parked.expect(200);
        let before = story.charged(&number).await.len();
        assert!((1..=2).contains(&before));
        assert_eq!(story.operator_asks("numbers?parked=true").await["items"][0]["number_id"], json!(number));
        story.to("2027-04-12T12:00:00Z").await;
        assert_eq!(story.charged(&number).await.len(), before);
        let _ = story.resolve(&number, "keep").await.expect(200);
        let _ = story.app.drain().await.expect(200);
        assert_eq!(dates(&story.charged(&number).await), ["2027-02-10", "2027-03-10", "2027-04-10"]);
        story.app.verify().await;
    }
}
