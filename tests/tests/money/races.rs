//! Two who want the same money, or the same number, at once.

use domain::wallet::WalletRef;
use jiff::civil::date;
use serde_json::json;
use store::queue::{ChargeCause, ChargeMessage};

use crate::kit::Story;

fn message(story: &Story, cause: ChargeCause) -> ChargeMessage {
    let tenant_id = story.tenant.id.parse().expect("a tenant");
    let wallet = WalletRef { tenant_id, currency: domain::Currency::USD };
    ChargeMessage { wallet, date: date(2027, 3, 10), cause }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_charge_messages_at_once_charge_once() {
    // What is left in the wallet decides first; when there is plenty of it, only the numbers' own dates do.
    for (usd, statuses, left) in [
        ("9.50", ["active", "active", "past_due", "past_due"], "0.50"),
        ("1000.00", ["active", "active", "active", "active"], "988.00"),
    ] {
        let story = Story::on("2027-02-10", "PRO", usd).await;
        let mut numbers = Vec::new();
        for n in 0..4 {
            numbers.push(story.bought(&format!("number {n}")).await);
            let _ = story.app.advance("PT1M").await;
        }
        story.outage_until("2027-03-10T00:30:00Z").await;
        let mut at_once = tokio::task::JoinSet::new();
        for n in 0..16 {
            let cause = match n % 3 {
                0 => ChargeCause::Renewal { days: vec![10] },
                1 => ChargeCause::Dunning,
                _ => ChargeCause::Credit,
            };
            let (app, message) = (story.app.system.app.clone(), message(&story, cause));
            at_once.spawn(async move { shared::billing::charge(&app, &message).await });
        }
        while let Some(done) = at_once.join_next().await {
            let _ = done.expect("nobody panics").expect("it is worked off");
        }
        assert_eq!(story.statuses(&numbers.iter().collect::<Vec<_>>()).await, statuses);
        assert_eq!(story.balance().await, left);
        for (number, status) in numbers.iter().zip(statuses) {
            let told: &[u64] = if status == "past_due" { &[0] } else { &[] };
            assert_eq!(story.told(number).await, told);
        }
        story.app.verify().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purchase_and_a_renewal_want_the_last_money_and_one_of_them_has_it() {
    for purchase_first in [true, false] {
        let story = Story::on("2027-02-10", "PRO", "3.00").await;
        let number = story.bought("one").await;
        story.outage_until("2027-03-10T00:30:00Z").await;
        let request = json!({ "country": "US", "area_code": "212" });
        let purchase = story.app.post(&story.tenant, "/v1/numbers", "two", request);
        let answer = if purchase_first {
            let (answer, _) = tokio::join!(purchase, story.job("renew"));
            answer
        } else {
            let (_, answer) = tokio::join!(story.job("renew"), purchase);
            answer
        };
        let status = story.status(&number).await;
        match answer.status.as_u16() {
            201 => assert_eq!(status, "past_due"),
            402 => assert_eq!(status, "active"),
            other => panic!("{other}: {}", answer.body),
        }
        assert_eq!(story.app.wallet(&story.tenant).await, ("0.00".into(), "0.00".into(), "0.00".into()));
        story.app.verify().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenants_release_and_the_renewal_end_in_a_released_number_charged_once_or_not_at_all() {
    for release_first in [true, false] {
        let story = Story::on("2027-02-10", "PRO", "10.00").await;
        let number = story.bought("one").await;
        story.outage_until("2027-03-10T00:30:00Z").await;
        let answer = if release_first {
            tokio::join!(story.release(&number), story.job("renew")).0
        } else {
            tokio::join!(story.job("renew"), story.release(&number)).1
        };
        // A release that lost its ground to the charge may simply be sent again.
        if answer.status.as_u16() == 409 {
            assert_eq!(answer.code(), "operation_in_progress");
            let _ = story.release(&number).await.expect(200);
        }
        story.to("2027-04-11T01:00:00Z").await;
        assert_eq!(story.status(&number).await, "released");
        let charged = story.charged(&number).await.len();
        let balance = story.balance().await;
        assert!(matches!((charged, balance.as_str()), (1, "8.50") | (2, "7.00")), "{charged} {balance}");
        story.app.verify().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_that_comes_in_while_a_number_is_suspended_leaves_it_serving() {
    for money_first in [true, false] {
        let story = Story::on("2027-02-10", "PRO", "1.50").await;
        let number = story.bought("one").await;
        story.to("2027-03-16T23:30:00Z").await;
        story.outage_until("2027-03-17T00:30:00Z").await;
        let today = |cause: ChargeCause| ChargeMessage { date: date(2027, 3, 17), ..message(&story, cause) };
        let (credit, dunning) = (today(ChargeCause::Credit), today(ChargeCause::Dunning));
        let app = &story.app.system.app;
        let money = async {
            story.fund("10.00").await;
            shared::billing::charge(app, &credit).await
        };
        let suspend = shared::billing::charge(app, &dunning);
        let done = if money_first {
            tokio::join!(money, suspend)
        } else {
            let (suspend, money) = tokio::join!(suspend, money);
            (money, suspend)
        };
        assert!(done.0.is_ok() && done.1.is_ok(), "{done:?}");
        let _ = story.app.drain().await.expect(200);
        story.to("2027-03-18T01:00:00Z").await;
        let now = story.number(&number).await;
        assert_eq!((&now["status"], &now["release_at"]), (&json!("active"), &json!(null)), "{now}");
        assert_eq!(story.balance().await, "8.50");
        story.app.verify().await;
    }
}
