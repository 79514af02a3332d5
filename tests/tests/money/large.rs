//! A tenant with very many numbers: charged completely, message by message, while nobody waits behind it.

use domain::limits;
use jiff::SignedDuration;
use jiff::civil::date;
use shared::serve::{SqsEvent, SqsRecord, charge_batch};
use store::queue::ChargeMessage;

use crate::kit::Story;

/// Numbers of the large tenant; as many as `TRUNKLINE_LARGE` says.
const NUMBERS: usize = 3_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_tenant_is_charged_in_turns_with_others() {
    let numbers = std::env::var("TRUNKLINE_LARGE").ok().and_then(|text| text.parse().ok()).unwrap_or(NUMBERS);
    let story = Story::on("2027-02-10", "ENTERPRISE", "1000000.00").await;
    let number = story.bought("one").await;
    story.crowd(&number, date(2027, 2, 10), numbers - 1).await;
    // The carrier has never heard of the crowd, which reconciliation would find out.
    let minute = serde_json::json!({ "advance": "PT1M", "run_jobs": false });
    let _ = story.app.local("clock", Some(minute)).await.expect(200);
    let other = Story { tenant: story.app.tenant("PRO", "10.00").await, app: story.app };
    other.bought("other").await;
    let story = Story { app: other.app, ..story };
    story.outage_until("2027-03-10T00:30:00Z").await;
    let _ = story.app.drain().await.expect(200);
    let worker = &story.app.system.worker;
    // A message's time is over after so many looks at the clock, one of them before each batch, that it takes a few.
    let look = limits::CHARGE_DRIVES_FOR.as_millis() * 300 / i128::try_from(numbers).unwrap();
    story.app.system.clock.hasten(SignedDuration::from_millis(i64::try_from(look).unwrap()));
    let _ = shared::billing::renew(&worker.app, None).await.expect("it is sent out");
    let mut turns = Vec::new();
    loop {
        let received = worker.sqs.receive_message().queue_url(&worker.charges_url).max_number_of_messages(1).send();
        let Some(message) = received.await.expect("the queue").messages.unwrap_or_default().pop() else { break };
        let body = message.body.clone().unwrap_or_default();
        let whose: ChargeMessage = serde_json::from_str(&body).expect("a message");
        let records = vec![SqsRecord { message_id: "one".into(), body }];
        let (answer, _) = Box::pin(charge_batch(&worker.app, SqsEvent { records })).await;
        assert_eq!(answer.batch_item_failures, []);
        turns.push(whose.wallet == story.wallet());
        let handle = message.receipt_handle.unwrap_or_default();
        let done = worker.sqs.delete_message().queue_url(&worker.charges_url).receipt_handle(handle);
        let _ = done.send().await.expect("the queue");
    }
    story.app.system.clock.hasten(SignedDuration::ZERO);
    eprintln!("{numbers} numbers in {} messages, {turns:?}", turns.len());
    // The other tenant's message was sent second, and it was worked off second.
    assert!(turns.starts_with(&[true, false, true]), "{turns:?}");
    assert_eq!(turns.iter().filter(|large| !**large).count(), 1, "{turns:?}");
    let books = story.books().await;
    let renewed = books.iter().filter(|item| {
        let is = |name: &str, value: &str| item.get(name).and_then(|v| v.as_s().ok()).is_some_and(|v| v == value);
        item["sk"].as_s().is_ok_and(|sk| sk.starts_with("NUM#")) && is("paid_through", "2027-04-10")
    });
    assert_eq!(renewed.count(), numbers + 1);
    assert_eq!(story.balance().await, format!("{}.00", 1_000_000 - 3 * numbers));
    story.books_add_up().await;
}
