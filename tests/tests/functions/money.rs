//! Ticks of renewals, dunning and releases, and the worker of the queue they fill.

use std::collections::BTreeSet;

use domain::Clock;
use jiff::civil::Date;
use jiff::{SignedDuration, ToSpan};
use serde_json::{Value, json};
use shared::store::job::Job;
use tests::TestApp;
use tests::lambda::Outcome;

use crate::events::did_more_than_it_may;
use crate::workers::batch_of;
use crate::world::{self, Stage, id};

/// A system at this stage, with nothing in the queue of charges (the opening balance asks for a recovery).
async fn at(stage: Stage) -> TestApp {
    let app = world::at(stage).await;
    assert_eq!(charges(&app).await.len(), 1);
    app
}

/// The event of a schedule, as it comes now.
fn tick(app: &TestApp, name: &str) -> Value {
    let mut event = world::event(name);
    event["time"] = json!(app.system.clock.now());
    event
}

/// What a tick answers that changed so many.
fn changed(changed: u64, examined: u64) -> Outcome {
    Outcome::Answer(json!({ "examined": examined, "changed": changed, "begun": 0, "skipped": 0, "failed": [] }))
}

/// What a tick answers that began one operation, which the queue has next.
fn begun_one() -> Outcome {
    Outcome::Answer(json!({ "examined": 1, "changed": 0, "begun": 1, "skipped": 0, "failed": [] }))
}

/// One function, for these events one after another; it may do no more than its policy says.
async fn invoked(app: &TestApp, name: &str, events: &[Value]) -> Vec<Outcome> {
    app.system.aws.dynamodb.reset_counts();
    let mut function = world::function(app, name).await;
    let mut outcomes = Vec::new();
    for event in events {
        outcomes.push(function.invoke(event).await);
    }
    world::end(app, function).await;
    assert_eq!(did_more_than_it_may(name, app), Vec::<String>::new());
    outcomes
}

/// Everything in a queue, taken out of it.
async fn queued(app: &TestApp, url: &str) -> Vec<String> {
    let worker = &app.system.worker;
    let taken = worker.sqs.receive_message().queue_url(url).max_number_of_messages(10).send().await.unwrap();
    let mut bodies = Vec::new();
    for message in taken.messages.unwrap_or_default() {
        bodies.extend(message.body);
        let handle = message.receipt_handle.unwrap_or_default();
        worker.sqs.delete_message().queue_url(url).receipt_handle(handle).send().await.unwrap();
    }
    bodies
}

async fn charges(app: &TestApp) -> Vec<String> {
    queued(app, &app.system.worker.charges_url).await
}

/// Lets charge-numbers have these messages, which it must take in.
async fn charge(app: &TestApp, bodies: &[String]) {
    let bodies: Vec<&str> = bodies.iter().map(String::as_str).collect();
    let outcomes = invoked(app, "charge-numbers", &[batch_of("charge-numbers", &bodies)]).await;
    assert_eq!(outcomes, [Outcome::Answer(json!({ "batchItemFailures": [] }))], "{bodies:?}");
}

/// Number and wallet of the events: status, through when it is paid for, balance.
async fn standing(app: &TestApp) -> (String, Date, i64) {
    let (tenant, number) = ("demo".parse().unwrap(), id("num").parse().unwrap());
    let store = &app.system.undisturbed.store;
    let number = store.number_get(&tenant, &number).await.unwrap().unwrap();
    let wallet = store.wallet_get(&tenant, domain::Currency::USD).await.unwrap().unwrap();
    (number.status.as_str().to_owned(), number.paid_through.unwrap(), wallet.balance)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_event_of_the_queue_charges_a_wallet_that_owes_nothing_nothing() {
    let app = at(Stage::Linked).await;
    let before = standing(&app).await;
    let outcomes = invoked(&app, "charge-numbers", &[world::event("charge-numbers")]).await;
    assert_eq!(outcomes, [Outcome::Answer(json!({ "batchItemFailures": [] }))]);
    assert_eq!(standing(&app).await, before);
    app.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tick_of_renewals_queues_a_wallet_and_the_queue_charges_it_once() {
    let app = at(Stage::Due).await;
    let (_, paid_through, balance) = standing(&app).await;
    // Once a day: the second tick finds the day sent, and what is not worked off is asked for again.
    let ticks = [tick(&app, "renew-numbers"), tick(&app, "renew-numbers")];
    assert_eq!(invoked(&app, "renew-numbers", &ticks).await, [changed(1, 0), changed(0, 0)]);
    let bodies = charges(&app).await;
    assert_eq!(bodies.len(), 2, "{bodies:?}");
    assert_eq!(BTreeSet::from_iter(&bodies).len(), 1, "{bodies:?}");
    charge(&app, &bodies).await;
    let (status, now_through, left) = standing(&app).await;
    assert_eq!((status.as_str(), left), ("active", balance - 1_500_000));
    assert!(now_through > paid_through, "{now_through}");
    let complete = app.system.undisturbed.store.job_get(Job::Renewals).await.unwrap().completed;
    assert_eq!(complete.len(), 1, "{complete:?}");
    assert_eq!(invoked(&app, "renew-numbers", &ticks[..1]).await, [changed(0, 0)]);
    assert!(charges(&app).await.is_empty());
    app.verify().await;
}

/// Books an adjustment of the wallet.
async fn adjust(app: &TestApp, micros: i64) {
    let amount = domain::Money::from_micros(micros, domain::Currency::USD);
    let mut request = json!(amount);
    request["reason"] = json!("Agreed by letter");
    let path = "/v1/operator/tenants/demo/adjustments";
    let _ = app.post(&app.operator().await, path, &micros.to_string(), request).await.expect(201);
}

/// A message of dunning for this day.
fn dunning(date: Date) -> String {
    let wallet = json!({ "tenant_id": "demo", "currency": "USD" });
    json!({ "wallet": wallet, "date": date, "cause": "dunning" }).to_string()
}

/// The wallet is empty, dunning finds the number, and it is suspended a week later. Answers the day it was found.
async fn suspended(app: &TestApp) -> Date {
    let (_, paid_through, balance) = standing(app).await;
    adjust(app, -balance).await;
    // The index of what is due knows the number from its late sale on.
    let outcomes = invoked(app, "collect-overdue", &[tick(app, "collect-overdue")]).await;
    assert_eq!(outcomes, [changed(1, 0)]);
    let bodies = charges(app).await;
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    charge(app, &bodies).await;
    assert_eq!(standing(app).await, ("past_due".into(), paid_through, 0));
    let found: Value = serde_json::from_str(&bodies[0]).unwrap();
    let found: Date = found["date"].as_str().unwrap().parse().unwrap();
    // The days to come, each of which counts.
    for day in 1..=21 {
        let date = found + day.days();
        app.system.undisturbed.store.job_completed(Job::Dunning, date, &[]).await.unwrap();
    }
    for day in [3, 6, 7] {
        assert_eq!(standing(app).await.0, "past_due");
        charge(app, &[dunning(found + day.days())]).await;
    }
    assert_eq!(standing(app).await.0, "suspended");
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_that_comes_in_resumes_what_dunning_suspended() {
    let app = at(Stage::Due).await;
    let (_, paid_through, _) = standing(&app).await;
    suspended(&app).await;
    adjust(&app, 10_000_000).await;
    let credit = charges(&app).await;
    assert_eq!(credit.len(), 1, "{credit:?}");
    charge(&app, &credit).await;
    let (status, now_through, left) = standing(&app).await;
    assert_eq!((status.as_str(), left), ("active", 8_500_000));
    assert!(now_through > paid_through, "{now_through}");
    app.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dunning_begins_a_release_and_the_other_queue_ends_it() {
    let app = at(Stage::Due).await;
    let found = suspended(&app).await;
    charge(&app, &[dunning(found + 21.days())]).await;
    assert_eq!(standing(&app).await.0, "releasing");
    end_release(&app).await;
}

/// Lets advance-operations have what waits for it: one release.
async fn end_release(app: &TestApp) {
    let bodies = queued(app, &app.system.worker.operations_url).await;
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    let outcomes = invoked(app, "advance-operations", &[batch_of("advance-operations", &[&bodies[0]])]).await;
    assert_eq!(outcomes, [Outcome::Answer(json!({ "batchItemFailures": [] }))]);
    assert_eq!(standing(app).await.0, "released");
    app.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tick_begins_the_release_of_a_number_whose_period_ended() {
    let app = at(Stage::Leaving).await;
    let ticks = [tick(&app, "release-ended-numbers"), tick(&app, "release-ended-numbers")];
    assert_eq!(invoked(&app, "release-ended-numbers", &ticks).await, [begun_one(), changed(0, 0)]);
    assert_eq!(standing(&app).await.0, "releasing");
    end_release(&app).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tick_that_is_not_believed_does_nothing() {
    let app = at(Stage::Leaving).await;
    let before = standing(&app).await;
    let ahead = app.system.clock.now() + SignedDuration::from_hours(24);
    for name in ["renew-numbers", "collect-overdue", "release-ended-numbers"] {
        let ticks = [json!({ "time": ahead }), json!({ "time": "tomorrow" }), json!({ "time": 1 })];
        for (outcome, tick) in invoked(&app, name, &ticks).await.iter().zip(&ticks) {
            assert!(matches!(outcome, Outcome::Error(..)), "{name} {tick}: {outcome:?}");
        }
    }
    assert!(charges(&app).await.is_empty());
    assert_eq!(standing(&app).await, before);
    app.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poisoned_message_comes_again_and_takes_no_wallet_with_it() {
    let app = at(Stage::Due).await;
    let (_, _, balance) = standing(&app).await;
    let good = dunning(domain::period::date_of(app.system.clock.now()));
    let foreign = good.replace("demo", "demo#WALLET");
    let unheard_of = good.replace("dunning", "gift");
    let nobody = good.replace("demo", "nobody");
    let bodies = ["", "{}", &foreign, &unheard_of, &good, &nobody];
    let outcomes = invoked(&app, "charge-numbers", &[batch_of("charge-numbers", &bodies)]).await;
    let failed = [0, 1, 2, 3].map(|n| json!({ "itemIdentifier": format!("message-{n}") }));
    assert_eq!(outcomes, [Outcome::Answer(json!({ "batchItemFailures": failed }))]);
    assert_eq!(standing(&app).await.2, balance - 1_500_000);
    app.verify().await;
}
