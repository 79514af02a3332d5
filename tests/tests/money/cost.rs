//! What money over time costs at DynamoDB, as the answers report it: by what is due, never by what is held.

use std::collections::BTreeMap;

use jiff::civil::date;

use crate::kit::Story;

/// Write units a number may cost in a full batch (DESIGN.md, §7).
const WRITE_UNITS_MAX: f64 = 3.0;
/// As many numbers as one transaction takes.
const BATCH: usize = 97;

/// What one tick of a job cost.
#[derive(Debug, PartialEq)]
struct Cost {
    requests: BTreeMap<&'static str, u64>,
    read: f64,
    write: f64,
}

async fn tick(story: &Story, job: &str) -> (u64, Cost) {
    let dynamodb = &story.app.system.aws.dynamodb;
    dynamodb.reset_counts();
    let report = story.job(job).await;
    let capacity = dynamodb.capacity();
    let cost = Cost { requests: dynamodb.requests(), read: capacity.read, write: capacity.write };
    (report["changed"].as_u64().unwrap_or(0), cost)
}

#[tokio::test]
async fn a_full_batch_costs_at_most_three_write_units_a_number() {
    let story = Story::on("2027-02-10", "ENTERPRISE", "1000.00").await;
    let number = story.bought_with_an_agent("one").await;
    story.crowd(&number, date(2027, 2, 10), BATCH - 1).await;
    story.outage_until("2027-03-09T23:30:00Z").await;
    story.job("renew").await;
    story.outage_until("2027-03-10T00:30:00Z").await;
    let (changed, cost) = tick(&story, "renew").await;
    let each = cost.write / BATCH as f64;
    eprintln!(
        "{BATCH} renewals: {} read units, {} write units, {each:.2} a number, {:?}",
        cost.read, cost.write, cost.requests
    );
    assert_eq!(changed, BATCH as u64);
    assert!(each <= WRITE_UNITS_MAX, "{each} write units a number");
    assert_eq!(
        story.entries("").await.iter().filter(|entry| entry["period"]["start"] == "2027-03-10T00:00:00Z").count(),
        BATCH
    );
    story.books_add_up().await;
}

#[tokio::test]
async fn three_renewals_cost_the_same_whether_three_numbers_are_held_or_three_hundred() {
    let mut costs = Vec::new();
    for held in [3, 300] {
        let story = Story::on("2027-02-10", "ENTERPRISE", "1000.00").await;
        let number = story.bought("one").await;
        story.crowd(&number, date(2027, 2, 10), 2).await;
        story.crowd(&number, date(2027, 2, 20), held - 3).await;
        story.outage_until("2027-03-09T23:30:00Z").await;
        story.job("renew").await;
        story.job("dun").await;
        story.outage_until("2027-03-10T00:30:00Z").await;
        let (changed, cost) = tick(&story, "renew").await;
        eprintln!("3 renewals of {held} numbers: {cost:?}");
        assert_eq!(changed, 3);
        costs.push(cost);
        let (_, dunning) = tick(&story, "dun").await;
        eprintln!("nobody is overdue among {held}: {dunning:?}");
        costs.push(dunning);
        story.books_add_up().await;
    }
    assert_eq!(costs[..2], costs[2..]);
}

#[tokio::test]
async fn an_hour_in_which_nothing_is_due_costs_a_few_reads_and_no_writes() {
    let story = Story::on("2027-02-10", "ENTERPRISE", "1000.00").await;
    let number = story.bought("one").await;
    story.crowd(&number, date(2027, 2, 10), 20).await;
    story.outage_until("2027-02-20T00:30:00Z").await;
    for job in ["renew", "dun", "release"] {
        story.job(job).await;
    }
    story.outage_until("2027-02-20T01:30:00Z").await;
    for (job, read) in [("renew", 2.0), ("dun", 2.0), ("release", 8.0)] {
        let (changed, cost) = tick(&story, job).await;
        eprintln!("{job} with nothing due: {cost:?}");
        assert_eq!((changed, cost.write), (0, 0.0), "{job}");
        assert!(cost.read <= read, "{job}: {} read units", cost.read);
    }
    story.books_add_up().await;
}
