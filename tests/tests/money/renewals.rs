//! Renewals: the right dates, once, whatever happens.

use domain::catalog::PRICE_BOOK;
use jiff::civil::{Date, date};
use serde_json::{Value, json};
use tests::{TestApp, app};

use crate::kit::{Story, dates, text};

/// First days of all periods of an anchor that begin by a day.
fn periods(anchor: Date, until: Date) -> Vec<String> {
    let starts = (0..).map_while(|n| domain::period::start_of(anchor, n));
    starts.take_while(|start| *start <= until).map(|start| start.to_string()).collect()
}

#[tokio::test]
async fn the_last_days_of_months_are_charged_on_their_days_over_two_years() {
    let story = Story::on("2027-01-29", "PRO", "500.00").await;
    let mut numbers = Vec::new();
    for bought_on in [date(2027, 1, 29), date(2027, 1, 30), date(2027, 1, 31), date(2028, 2, 29)] {
        story.to(&format!("{bought_on}T12:00:00Z")).await;
        numbers.push((bought_on, story.bought(&bought_on.to_string()).await));
    }
    let last = date(2029, 3, 5);
    story.to(&format!("{last}T12:00:00Z")).await;
    for (bought_on, number) in numbers {
        assert_eq!(dates(&story.charged(&number).await), periods(bought_on, last));
    }
    story.app.verify().await;
}

#[tokio::test]
async fn a_leap_day_stays_the_anchor_from_one_leap_year_to_the_next() {
    let story = Story::on("2028-02-29", "PRO", "500.00").await;
    let number = story.bought("one").await;
    for (outage_until, until) in [
        ("2029-02-27T12:00:00Z", "2029-03-30T12:00:00Z"),
        ("2032-01-30T12:00:00Z", "2032-03-30T12:00:00Z"),
        ("2036-02-28T12:00:00Z", "2036-03-01T12:00:00Z"),
    ] {
        story.outage_until(outage_until).await;
        story.to(until).await;
        let today = until[..10].parse().expect("a date");
        assert_eq!(dates(&story.charged(&number).await), periods(date(2028, 2, 29), today));
    }
    assert_eq!(story.paid_through(&number).await, "2036-03-29");
    story.app.verify().await;
}

#[tokio::test]
async fn an_outage_of_forty_days_is_caught_up_and_suspends_nobody() {
    let story = Story::on("2027-02-10", "PRO", "100.00").await;
    let (one, two) = (story.bought("one").await, story.bought("two").await);
    story.to("2027-03-08T12:00:00Z").await;
    story.outage_until("2027-04-20T12:00:00Z").await;
    story.to("2027-04-20T14:00:00Z").await;
    for number in [one, two] {
        assert_eq!(dates(&story.charged(&number).await), ["2027-02-10", "2027-03-10", "2027-04-10"]);
        assert_eq!(story.status(&number).await, "active");
    }
    assert!(story.events("number.dunning_notice").await.is_empty());
    story.app.verify().await;
}

#[tokio::test]
async fn the_same_tick_three_times_at_once_charges_once() {
    let story = Story::on("2027-02-10", "PRO", "100.00").await;
    for key in ["one", "two", "three"] {
        story.bought(key).await;
    }
    story.outage_until("2027-03-10T00:30:00Z").await;
    let (one, two, three) = tokio::join!(story.job("renew"), story.job("renew"), story.job("renew"));
    let changed: u64 = [&one, &two, &three].iter().filter_map(|report| report["changed"].as_u64()).sum();
    assert_eq!(changed, 3, "{one} {two} {three}");
    assert_eq!(story.balance().await, "91.00");
    story.app.verify().await;
}

/// Numbers bought a minute after each other, oldest first.
async fn bought_in_turn<const N: usize>(story: &Story, keys: [&str; N]) -> [String; N] {
    let mut ids = keys.map(str::to_owned);
    for id in &mut ids {
        *id = story.bought(id).await;
        let _ = story.app.advance("PT1M").await;
    }
    ids
}

#[tokio::test]
async fn money_that_runs_dry_goes_to_the_primary_number_and_then_to_the_oldest() {
    let story = Story::on("2027-02-10", "PRO", "7.50").await;
    let [old, middle, new] = bought_in_turn(&story, ["old", "middle", "new"]).await;
    story.edit(&new, json!({ "primary": true })).await;
    // Three dollars are left for three numbers of one and a half.
    story.to("2027-03-10T00:30:00Z").await;
    assert_eq!(story.statuses(&[&old, &middle, &new]).await, ["active", "past_due", "active"]);
    assert_eq!(story.balance().await, "0.00");
    story.app.verify().await;
    // A month later the oldest period comes first, and the primary number after it.
    story.fund("3.00").await;
    story.outage_until("2027-04-10T00:30:00Z").await;
    let _ = story.app.drain().await.expect(200);
    story.to("2027-04-10T01:30:00Z").await;
    assert_eq!(dates(&story.charged(&middle).await), ["2027-02-10", "2027-03-10"]);
    assert_eq!(dates(&story.charged(&new).await), ["2027-02-10", "2027-03-10", "2027-04-10"]);
    assert_eq!(story.statuses(&[&old, &middle, &new]).await, ["past_due", "past_due", "active"]);
    story.app.verify().await;
}

#[tokio::test]
async fn an_overdue_number_stands_before_a_cheaper_one_that_begins_later() {
    let story = Story::on("2027-02-10", "PRO", "6.10").await;
    let request = json!({ "country": "US", "type": "toll_free" });
    let dear = story.app.post(&story.tenant, "/v1/numbers", "dear", request).await.expect(201).text("/number/id");
    story.to("2027-02-12T12:00:00Z").await;
    let cheap = story.bought("cheap").await;
    // 1.60 is left: too little for the toll-free number on the 10th, enough for the local one on the 12th.
    story.to("2027-03-11T12:00:00Z").await;
    assert_eq!(story.statuses(&[&dear, &cheap]).await, ["past_due", "active"]);
    story.to("2027-03-12T12:00:00Z").await;
    assert_eq!(story.statuses(&[&dear, &cheap]).await, ["past_due", "past_due"]);
    assert_eq!(story.balance().await, "1.60");
    // What covers the first and not the second is the first's.
    story.recover("1.50").await;
    assert_eq!(story.statuses(&[&dear, &cheap]).await, ["active", "past_due"]);
    assert_eq!(story.balance().await, "0.10");
    story.app.verify().await;
}

#[tokio::test]
async fn after_an_outage_money_covers_the_oldest_periods_and_the_rest_when_it_comes_in() {
    let story = Story::on("2027-02-10", "PRO", "9.00").await;
    let [one, two] = bought_in_turn(&story, ["one", "two"]).await;
    // Six dollars for two numbers with three periods each: two and two.
    story.outage_until("2027-05-20T12:00:00Z").await;
    story.to("2027-05-20T14:00:00Z").await;
    let whole = ["2027-02-10", "2027-03-10", "2027-04-10", "2027-05-10"];
    for number in [&one, &two] {
        assert_eq!(dates(&story.charged(number).await), whole[..3]);
        assert_eq!(story.status(number).await, "past_due");
    }
    story.app.verify().await;
    story.recover("1.50").await;
    assert_eq!(story.statuses(&[&one, &two]).await, ["active", "past_due"]);
    story.recover("2.00").await;
    assert_eq!(story.statuses(&[&one, &two]).await, ["active", "active"]);
    for number in [&one, &two] {
        assert_eq!(dates(&story.charged(number).await), whole);
    }
    assert_eq!(story.balance().await, "0.50");
    story.app.verify().await;
}

#[tokio::test]
async fn a_price_that_rises_is_announced_a_period_before_and_kept_until_then() {
    let folder = std::env::temp_dir().join(format!("trunkline-prices-{}", std::process::id()));
    let tenant = {
        let story = Story::kept_in(&folder, "2027-02-10", "PRO", "100.00").await;
        story.bought("one").await;
        story.app.verify().await;
        story.tenant
    };
    let dearer = PRICE_BOOK.replacen("price = \"1.50\"", "price = \"1.75\"", 1);
    assert_ne!(dearer, PRICE_BOOK);
    let story = Story { app: TestApp::kept_in_with_prices(&folder, 2, dearer).await, tenant };
    assert_eq!(story.now().await, app::BEGINNING);
    story.outage_until("2027-02-12T12:00:00Z").await;
    let number = text(&story.get("/v1/numbers").await, "/items/0/id");
    story.to("2027-03-10T00:30:00Z").await;
    let announced = story.events("number.price_change_announced").await;
    let change = json!({ "number_id": number, "price": { "amount": "1.75", "currency": "USD" }, "from": "2027-04-10" });
    assert_eq!(announced, [change]);
    assert_eq!(story.get("/v1/wallet/upcoming").await["items"][0]["amount"]["amount"], "1.75");
    story.to("2027-05-10T00:30:00Z").await;
    let amounts: Vec<String> = story.charged(&number).await.into_iter().map(|(_, amount)| amount).collect();
    assert_eq!(amounts, ["-1.50", "-1.50", "-1.75", "-1.75"]);
    assert_eq!(story.events("number.price_change_announced").await.len(), 1);
    assert_eq!(story.number(&number).await["price"]["amount"], "1.75");
    story.app.verify().await;
    drop(story);
    let _ = std::fs::remove_dir_all(&folder);
}

#[tokio::test]
async fn a_number_sold_long_before_it_was_known_is_charged_for_every_month_since() {
    let story = Story::on("2027-02-10", "PRO", "10.00").await;
    story.app.fault(json!({ "provider": "twilio", "operation": "numbers.create", "kind": "lost_reply" })).await;
    let silence = json!({
        "provider": "twilio", "operation": "numbers.list", "kind": "timeout", "after": 1, "times": 1_000_000,
    });
    story.app.fault(silence).await;
    let request = json!({ "country": "US", "area_code": "212" });
    let asked = story.app.post(&story.tenant, "/v1/numbers", "one", request).await.expect(202);
    story.to("2027-02-10T12:05:00Z").await;
    story.outage_until("2027-02-11T14:00:00Z").await;
    story.to("2027-02-11T14:30:00Z").await;
    let stuck = story.get(&format!("/v1/operations/{}", asked.text("/operation/id"))).await;
    assert_eq!(stuck["status"], "stuck");
    story.app.no_faults();
    story.outage_until("2027-04-20T12:30:00Z").await;
    let resume = format!("/v1/operator/operations/{}/resume", asked.text("/operation/id"));
    let operator = story.app.operator().await;
    let _ = story.app.post(&operator, &resume, "resume", json!({})).await.expect(200);
    story.to("2027-04-20T15:00:00Z").await;
    let number = text(&stuck, "/number_id");
    assert_eq!(dates(&story.charged(&number).await), ["2027-02-10", "2027-03-10", "2027-04-10"]);
    assert_eq!((story.status(&number).await.as_str(), story.balance().await.as_str()), ("active", "5.50"));
    // That was all: nobody looks at it again before it renews.
    let fired = story.to("2027-05-09T23:30:00Z").await;
    assert_eq!(fired, [], "nothing was due");
    story.app.verify().await;
}

#[tokio::test]
async fn a_parked_number_is_left_alone_and_charged_for_what_it_served_once_it_is_not() {
    let story = Story::on("2027-02-10", "PRO", "10.00").await;
    let number = story.bought("one").await;
    let _ = story.park(&number).await.expect(200);
    story.to("2027-05-20T12:00:00Z").await;
    assert_eq!(dates(&story.charged(&number).await), ["2027-02-10"]);
    assert_eq!(story.release(&number).await.expect(409).code(), "number_parked");
    let shown = story.number(&number).await;
    assert_eq!((&shown["status"], &shown["parked"]), (&json!("active"), &json!(true)));
    assert_eq!(story.get("/v1/wallet/upcoming").await["items"], Value::Array(Vec::new()));
    story.app.verify().await;
    let kept = story.resolve(&number, "keep").await.expect(200);
    assert_eq!((&kept.body["number"]["parked"], &kept.body["operation"]), (&json!(false), &json!(null)));
    let _ = story.app.drain().await.expect(200);
    assert_eq!(dates(&story.charged(&number).await), ["2027-02-10", "2027-03-10", "2027-04-10", "2027-05-10"]);
    let fired = story.to("2027-06-09T23:30:00Z").await;
    assert_eq!(fired, [], "nothing was due");
    story.app.verify().await;
}
