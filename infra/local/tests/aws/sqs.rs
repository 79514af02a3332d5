//! Queues: their life, their refusals, time and dead letters.

use std::time::{Duration, Instant};

use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, MessageAttributeValue,
    MessageSystemAttributeName, QueueAttributeName, SendMessageBatchRequestEntry,
};
use jiff::ToSpan;

use crate::fixture::{Local, bodies};

#[tokio::test]
async fn a_queue_takes_hands_out_and_forgets_a_message() {
    let local = Local::start(None).await;
    let sqs = local.sqs();
    let url = local.queue("jobs", &[]).await;
    assert_eq!(url, local.aws.sqs.queue_url("jobs"));

    let attribute = MessageAttributeValue::builder().data_type("String").string_value("abc").build().unwrap();
    let sent = sqs.send_message().queue_url(&url).message_body("hello").message_attributes("trace", attribute);
    let sent = sent.send().await.unwrap();
    assert_eq!(sent.md5_of_message_body(), Some("5d41402abc4b2a76b9719d911017c592"));
    assert_eq!(sent.md5_of_message_attributes(), Some("7e45be12b1fb4cf84869065ab4ab94a7"));
    assert_eq!(local.counts("jobs"), (1, 0, 0));

    let received = sqs.receive_message().queue_url(&url).message_attribute_names("All");
    let received = received.message_system_attribute_names(MessageSystemAttributeName::All).send().await.unwrap();
    let [message] = received.messages() else { panic!("one message, not {received:?}") };
    assert_eq!((message.message_id(), message.body()), (sent.message_id(), Some("hello")));
    assert_eq!(message.md5_of_body(), sent.md5_of_message_body());
    assert_eq!(message.md5_of_message_attributes(), sent.md5_of_message_attributes());
    let system = message.attributes().unwrap();
    assert_eq!(system[&MessageSystemAttributeName::ApproximateReceiveCount], "1");
    assert_eq!(system[&MessageSystemAttributeName::SentTimestamp], local.now().as_millisecond().to_string());
    assert_eq!(local.counts("jobs"), (0, 1, 0));

    sqs.delete_message().queue_url(&url).receipt_handle(message.receipt_handle().unwrap()).send().await.unwrap();
    assert_eq!(local.counts("jobs"), (0, 0, 0));
    assert_eq!(local.aws.sqs.next_visible_at("jobs").unwrap(), None);

    sqs.send_message().queue_url(&url).message_body("more").send().await.unwrap();
    sqs.purge_queue().queue_url(&url).send().await.unwrap();
    assert_eq!(local.counts("jobs"), (0, 0, 0));
    assert_eq!(sqs.list_queues().queue_name_prefix("jo").send().await.unwrap().queue_urls(), [url]);
}

#[tokio::test]
async fn queues_refuse_as_the_real_ones_do() {
    let local = Local::start(None).await;
    let sqs = local.sqs();
    let url = local.queue("jobs", &[(QueueAttributeName::VisibilityTimeout, "60")]).await;
    local.queue("jobs", &[(QueueAttributeName::VisibilityTimeout, "60")]).await;

    let other = sqs.create_queue().queue_name("jobs").attributes(QueueAttributeName::VisibilityTimeout, "61");
    assert!(other.send().await.unwrap_err().into_service_error().is_queue_name_exists());
    let unknown = sqs.get_queue_url().queue_name("none").send().await.unwrap_err().into_service_error();
    assert!(unknown.is_queue_does_not_exist(), "{unknown:?}");
    let nowhere = sqs.send_message().queue_url(local.aws.sqs.queue_url("none")).message_body("x");
    let nowhere = nowhere.send().await.unwrap_err().into_service_error();
    assert!(nowhere.is_queue_does_not_exist());
    assert_eq!(nowhere.meta().message(), Some("The specified queue does not exist."));
    let forged = sqs.delete_message().queue_url(&url).receipt_handle("forged").send().await;
    assert!(forged.unwrap_err().into_service_error().is_receipt_handle_is_invalid());
    let long = sqs.send_message().queue_url(&url).message_body("x".repeat(262_145)).send().await;
    assert_eq!(long.unwrap_err().code(), Some("InvalidParameterValue"));
    let strange = sqs.send_message().queue_url(&url).message_body("\u{1}").send().await.unwrap_err();
    assert!(strange.into_service_error().is_invalid_message_contents());
    let greedy = sqs.receive_message().queue_url(&url).max_number_of_messages(11).send().await;
    assert_eq!(greedy.unwrap_err().code(), Some("InvalidParameterValue"));
    let fifo = sqs.create_queue().queue_name("other").attributes(QueueAttributeName::FifoQueue, "true");
    assert!(fifo.send().await.unwrap_err().into_service_error().is_invalid_attribute_name());
}

#[tokio::test]
async fn a_message_comes_back_when_its_time_is_up_on_the_moved_clock() {
    let local = Local::start(None).await;
    let sqs = local.sqs();
    let url = local.queue("jobs", &[(QueueAttributeName::VisibilityTimeout, "30")]).await;
    sqs.send_message().queue_url(&url).message_body("now").send().await.unwrap();
    sqs.send_message().queue_url(&url).message_body("later").delay_seconds(600).send().await.unwrap();
    assert_eq!(local.counts("jobs"), (1, 0, 1));

    let first = local.receive(&url).await;
    assert_eq!(bodies(&first), ["now"]);
    assert_eq!(local.aws.sqs.next_visible_at("jobs").unwrap(), Some(local.now() + 30.seconds()));
    local.advance(29);
    assert!(local.receive(&url).await.is_empty());
    local.advance(1);
    let second = local.receive(&url).await;
    assert_eq!(bodies(&second), ["now"]);

    // The receipt of the first time no longer deletes; that of the second gives the message back.
    let stale = first[0].receipt_handle().unwrap();
    sqs.delete_message().queue_url(&url).receipt_handle(stale).send().await.unwrap();
    let fresh = second[0].receipt_handle().unwrap();
    let hide = |seconds| {
        sqs.change_message_visibility().queue_url(&url).receipt_handle(fresh).visibility_timeout(seconds).send()
    };
    hide(900).await.unwrap();
    local.advance(600);
    assert_eq!(bodies(&local.receive(&url).await), ["later"]);
    hide(0).await.unwrap();
    assert!(hide(10).await.unwrap_err().into_service_error().is_message_not_inflight());
    assert_eq!(local.counts("jobs"), (1, 1, 0));

    assert_eq!(local.aws.sqs.release_in_flight().unwrap(), 1);
    assert_eq!(local.counts("jobs"), (2, 0, 0));
}

#[tokio::test]
async fn a_message_received_too_often_becomes_a_dead_letter() {
    let local = Local::start(None).await;
    let sqs = local.sqs();
    let dead = local.queue("jobs-dead", &[]).await;
    let arn = sqs.get_queue_attributes().queue_url(&dead).attribute_names(QueueAttributeName::QueueArn);
    let arn = arn.send().await.unwrap().attributes().unwrap()[&QueueAttributeName::QueueArn].clone();
    assert_eq!(arn, "arn:aws:sqs:us-east-1:000000000000:jobs-dead");
    let policy = format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":2}}"#);
    let url = local.queue("jobs", &[(QueueAttributeName::RedrivePolicy, &policy)]).await;

    sqs.send_message().queue_url(&url).message_body("poison").send().await.unwrap();
    for _ in 0..2 {
        assert_eq!(bodies(&local.receive(&url).await), ["poison"]);
        local.advance(30);
    }
    // Whoever waits for dead letters is told.
    let waiting = sqs.receive_message().queue_url(&dead).wait_time_seconds(20);
    let waiting = waiting.message_system_attribute_names(MessageSystemAttributeName::All).send();
    let (received, none) = tokio::join!(waiting, local.receive(&url));
    assert!(none.is_empty());
    let received = received.unwrap();
    let system = received.messages()[0].attributes().unwrap();
    assert_eq!(system[&MessageSystemAttributeName::ApproximateReceiveCount], "3");
    assert!(system[&MessageSystemAttributeName::DeadLetterQueueSourceArn].ends_with(":jobs"));

    let all = sqs.get_queue_attributes().queue_url(&url).attribute_names(QueueAttributeName::All);
    let all = all.send().await.unwrap();
    let all = all.attributes().unwrap();
    assert_eq!(all[&QueueAttributeName::RedrivePolicy], policy);
    assert_eq!(all[&QueueAttributeName::VisibilityTimeout], "30");
    assert_eq!(all[&QueueAttributeName::ApproximateNumberOfMessages], "0");
}

#[tokio::test]
async fn a_batch_is_answered_entry_by_entry() {
    let local = Local::start(None).await;
    let sqs = local.sqs();
    let url = local.queue("jobs", &[]).await;
    let entry = |id: usize, body: &str| {
        SendMessageBatchRequestEntry::builder().id(id.to_string()).message_body(body).build().unwrap()
    };
    let send = |entries| sqs.send_message_batch().queue_url(&url).set_entries(Some(entries)).send();

    let mixed = send(vec![entry(0, "a"), entry(1, "\u{1}"), entry(2, "c")]).await.unwrap();
    assert_eq!(mixed.successful().iter().map(|sent| sent.id()).collect::<Vec<_>>(), ["0", "2"]);
    assert_eq!(mixed.successful()[0].md5_of_message_body(), "0cc175b9c0f1b6a831c399e269772661");
    assert_eq!((mixed.failed()[0].id(), mixed.failed()[0].code()), ("1", "InvalidMessageContents"));
    assert!(mixed.failed()[0].sender_fault());
    let refusals = [
        (vec![], "EmptyBatchRequest"),
        ((0..11).map(|id| entry(id, "x")).collect(), "TooManyEntriesInBatchRequest"),
        (vec![entry(0, "x"), entry(0, "y")], "BatchEntryIdsNotDistinct"),
        ((0..2).map(|id| entry(id, &"x".repeat(131_073))).collect(), "BatchRequestTooLong"),
    ];
    for (entries, code) in refusals {
        let refused = send(entries).await.unwrap_err();
        assert_eq!(refused.code(), Some(format!("AWS.SimpleQueueService.{code}").as_str()));
    }

    let received = sqs.receive_message().queue_url(&url).max_number_of_messages(10).send().await.unwrap();
    assert_eq!(bodies(received.messages()), ["a", "c"]);
    let handle = |message: usize| received.messages()[message].receipt_handle().unwrap();
    let hide = ChangeMessageVisibilityBatchRequestEntry::builder().id("hide").receipt_handle(handle(0));
    let hide = hide.visibility_timeout(0).build().unwrap();
    let hidden = sqs.change_message_visibility_batch().queue_url(&url).entries(hide).send().await.unwrap();
    assert_eq!(hidden.successful()[0].id(), "hide");
    let delete = |id: &str, handle: &str| {
        DeleteMessageBatchRequestEntry::builder().id(id).receipt_handle(handle).build().unwrap()
    };
    let deleted = sqs.delete_message_batch().queue_url(&url).entries(delete("good", handle(1)));
    let deleted = deleted.entries(delete("bad", "forged")).send().await.unwrap();
    assert_eq!(deleted.successful()[0].id(), "good");
    assert_eq!(deleted.failed()[0].code(), "ReceiptHandleIsInvalid");
    assert_eq!(local.counts("jobs"), (1, 0, 0));
}

#[tokio::test]
async fn a_long_poll_is_woken_by_a_message_and_by_the_clock() {
    let local = Local::start(None).await;
    let sqs = local.sqs();
    let url = local.queue("jobs", &[]).await;
    let began = Instant::now();
    let poll = || sqs.receive_message().queue_url(&url).wait_time_seconds(20).send();

    let send = sqs.send_message().queue_url(&url).message_body("hello").send();
    let (received, sent) = tokio::join!(poll(), send);
    sent.unwrap();
    assert_eq!(bodies(received.unwrap().messages()), ["hello"]);

    let move_clock = async {
        local.advance(30);
        local.aws.sqs.clock_moved();
    };
    let (received, ()) = tokio::join!(poll(), move_clock);
    assert_eq!(bodies(received.unwrap().messages()), ["hello"]);
    assert!(began.elapsed() < Duration::from_secs(10), "both polls were answered long before their end");
}
