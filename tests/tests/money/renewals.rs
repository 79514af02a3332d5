//! Renewals: the right dates, once, whatever happens.

use jiff::civil::{Date, date};

use crate::kit::Story;

fn dates(charged: &[(Date, String)]) -> Vec<Date> {
    charged.iter().map(|(start, _)| *start).collect()
}

#[tokio::test]
async fn two_years_charge_twenty_four_periods_on_their_days() {
    for bought_on in [date(2027, 1, 29), date(2027, 1, 30), date(2027, 1, 31), date(2028, 2, 29)] {
        let story = Story::on(&bought_on.to_string(), "PRO", "100.00").await;
        let number = story.bought("one").await;
        let last = domain::period::start_of(bought_on, 24).expect("a date").yesterday().expect("a date");
        story.to(&format!("{last}T12:00:00Z")).await;
        let expected: Vec<Date> = (0..24).map(|n| domain::period::start_of(bought_on, n).expect("a date")).collect();
        assert_eq!(dates(&story.charged(&number).await), expected);
        assert_eq!(story.app.wallet(&story.tenant).await.0, "64.00");
        story.app.verify().await;
    }
}

#[tokio::test]
async fn an_outage_of_forty_days_is_caught_up_and_suspends_nobody() {
    let story = Story::on("2027-02-10", "PRO", "100.00").await;
    let (one, two) = (story.bought("one").await, story.bought("two").await);
    story.to("2027-03-08T12:00:00Z").await;
    story.outage_until("2027-04-20T12:00:00Z").await;
    story.to("2027-04-20T14:00:00Z").await;
    for number in [one, two] {
        assert_eq!(dates(&story.charged(&number).await), [date(2027, 2, 10), date(2027, 3, 10), date(2027, 4, 10)]);
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
    assert_eq!(story.app.wallet(&story.tenant).await.0, "91.00");
    story.app.verify().await;
}
