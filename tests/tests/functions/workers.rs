//! The queue's consumer and the sweep: what they answer, and what has happened then.

use domain::operation::OperationStatus;
use serde_json::{Value, json};
use tests::TestApp;
use tests::lambda::Outcome;

use crate::world::{self, Stage, id};

async fn status_of_the_operation(app: &TestApp) -> OperationStatus {
    let (tenant, op) = ("demo".parse().unwrap(), id("op").parse().unwrap());
    app.system.undisturbed.store.operation_get(&tenant, &op).await.unwrap().unwrap().status
}

/// The event with one record for each of these bodies.
fn batch(bodies: &[&str]) -> Value {
    batch_of("advance-operations", bodies)
}

/// The event of this function with one record for each of these bodies.
pub(crate) fn batch_of(name: &str, bodies: &[&str]) -> Value {
    let mut event = world::event(name);
    let record = event["Records"][0].clone();
    let records = bodies.iter().enumerate().map(|(n, body)| {
        let mut record = record.clone();
        record["messageId"] = json!(format!("message-{n}"));
        record["body"] = json!(body);
        record
    });
    event["Records"] = records.collect();
    event
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queued_operation_is_driven_to_its_end() {
    let app = world::at(Stage::Begun).await;
    let mut function = world::function(&app, "advance-operations").await;
    assert_eq!(status_of_the_operation(&app).await, OperationStatus::Running);
    // The second delivery finds it done; a queue delivers at least once.
    for _ in 0..2 {
        let outcome = function.invoke(&world::event("advance-operations")).await;
        assert_eq!(outcome, Outcome::Answer(json!({ "batchItemFailures": [] })));
        assert_eq!(status_of_the_operation(&app).await, OperationStatus::Succeeded);
    }
    world::end(&app, function).await;
    assert_eq!(app.asked("twilio", "numbers.create").await, 1);
    app.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poisoned_message_comes_again_and_takes_none_with_it() {
    let app = world::at(Stage::Begun).await;
    let mut function = world::function(&app, "advance-operations").await;
    let good = json!({ "tenant_id": "demo", "operation_id": id("op") }).to_string();
    let unknown = json!({ "tenant_id": "demo", "operation_id": "op_00000000000000000000000000000000" }).to_string();
    let foreign = json!({ "tenant_id": "demo#OP", "operation_id": id("op") }).to_string();
    let bodies = ["", "not JSON", "{}", &foreign, &good, &unknown];
    let outcome = function.invoke(&batch(&bodies)).await;
    let failed = [0, 1, 2, 3].map(|n| json!({ "itemIdentifier": format!("message-{n}") }));
    assert_eq!(outcome, Outcome::Answer(json!({ "batchItemFailures": failed })));
    assert_eq!(status_of_the_operation(&app).await, OperationStatus::Succeeded);
    let outcome = function.invoke(&json!({ "Records": [] })).await;
    assert_eq!(outcome, Outcome::Answer(json!({ "batchItemFailures": [] })));
    let outcome = function.invoke(&json!({ "Records": "none" })).await;
    assert!(matches!(outcome, Outcome::Error(..)), "{outcome:?}");
    world::end(&app, function).await;
    app.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tick_holds_the_books_against_the_world_and_the_next_has_nothing_to_do() {
    let app = world::at(Stage::Linked).await;
    let system = &app.system;
    let carrier = system.undisturbed.providers.carrier(domain::number::Carrier::Twilio).await.unwrap();
    let ours = carrier.number_find(&world::E164.parse().unwrap()).await.unwrap().unwrap();
    let mut astray = ours.settings.clone();
    astray.webhooks.voice = "https://elsewhere.example/voice".to_owned();
    let _ = carrier.number_configure(&ours.id, &ours.tag, &astray).await.unwrap();
    system.aws.dynamodb.reset_counts();
    let mut function = world::function(&app, "reconcile-numbers").await;
    let Outcome::Answer(first) = function.invoke(&world::event("reconcile-numbers")).await else { panic!("no answer") };
    assert!(first["run_id"].is_string(), "{first}");
    let second = function.invoke(&world::event("reconcile-numbers")).await;
    assert_eq!(second, Outcome::Answer(json!({ "run_id": null })));
    world::end(&app, function).await;
    // Where the function is reached.
    let voice = carrier.number_get(&ours.id).await.unwrap().settings.webhooks.voice;
    assert_eq!(voice, "https://voice.example.test/webhooks/twilio/voice?tenant=demo");
    assert_eq!(crate::events::did_more_than_it_may("reconcile-numbers", &app), Vec::<String>::new());
    app.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tick_queues_what_is_due_and_the_queue_brings_it_to_its_end() {
    let app = world::at(Stage::Begun).await;
    let mut function = world::function(&app, "sweep-operations").await;
    let outcome = function.invoke(&world::event("sweep-operations")).await;
    assert_eq!(outcome, Outcome::Answer(json!({ "examined": 1, "changed": 1 })));
    world::end(&app, function).await;
    let worker = &app.system.worker;
    let queued = worker.sqs.receive_message().queue_url(&worker.operations_url).max_number_of_messages(10).send().await;
    let queued = queued.unwrap().messages.unwrap_or_default();
    let bodies: Vec<&str> = queued.iter().filter_map(|message| message.body.as_deref()).collect();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    let mut function = world::function(&app, "advance-operations").await;
    let outcome = function.invoke(&batch(&bodies)).await;
    assert_eq!(outcome, Outcome::Answer(json!({ "batchItemFailures": [] })));
    assert_eq!(status_of_the_operation(&app).await, OperationStatus::Succeeded);
    world::end(&app, function).await;

    // Whatever the tick says, what is due is read afresh.
    let mut function = world::function(&app, "sweep-operations").await;
    for tick in [world::event("sweep-operations"), json!({}), json!(null), json!({ "time": "yesterday" })] {
        let outcome = function.invoke(&tick).await;
        assert_eq!(outcome, Outcome::Answer(json!({ "examined": 0, "changed": 0 })), "{tick}");
    }
    world::end(&app, function).await;
    app.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pass_over_top_ups_looks_at_what_is_due_and_at_what_was_missed() {
    let app = world::at(Stage::ToppingUp).await;
    let mut function = world::function(&app, "reconcile-top-ups").await;
    for tick in [world::event("reconcile-top-ups"), json!({}), json!(null)] {
        let outcome = function.invoke(&tick).await;
        assert_eq!(outcome, Outcome::Answer(json!({ "examined": 0, "changed": 0, "failed": 0 })), "{tick}");
    }
    world::end(&app, function).await;
    assert_eq!(app.asked("stripe", "events.list").await, 3);
    app.verify().await;
}
