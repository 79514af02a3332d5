//! DynamoDB: every kind of fault as the SDK sees it, the counts, and expiry.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Put, ReturnConsumedCapacity, TimeToLiveSpecification, TransactWriteItem,
};
use local::aws::dynamodb::{Capacity, Injected};

use crate::fixture::{Local, text};

#[tokio::test]
async fn a_lost_request_or_reply_is_a_closed_connection_and_nothing_else() {
    let local = Local::with_table().await;
    // On a connection that has been used before, where a client might quietly try again.
    for (fault, applied) in [(Injected::Timeout, false), (Injected::LostReply, true), (Injected::Crash, true)] {
        let id = format!("{fault:?}");
        assert!(!local.has("nothing").await);
        local.inject(fault);
        local.aws.dynamodb.reset_counts();
        let began = Instant::now();
        let error = local.put(&id, 1).send().await.unwrap_err();
        assert!(matches!(error, SdkError::DispatchFailure(_)), "{error:?}");
        assert!(began.elapsed() < Duration::from_secs(2));
        assert_eq!(local.aws.dynamodb.requests()["put"], 1, "{id}");
        assert_eq!(local.has(&id).await, applied, "{id}");
    }
    assert_eq!(local.crashes.load(Ordering::SeqCst), 1);
    assert_eq!(local.asked.lock().unwrap().iter().filter(|asked| *asked == "put").count(), 3);
}

#[tokio::test]
async fn a_reply_can_be_lost_on_one_of_many_connections() {
    let local = Local::with_table().await;
    local.inject(Injected::LostReply);
    let ids: Vec<String> = (0..20).map(|id| format!("n{id}")).collect();
    let mut puts = tokio::task::JoinSet::new();
    for id in &ids {
        puts.spawn(local.put(id, 1).send());
    }
    let answers = puts.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.is_err()).count(), 1);
    for id in &ids {
        assert!(local.has(id).await);
    }
}

#[tokio::test]
async fn a_refusal_is_worded_as_the_real_one_and_not_applied() {
    let local = Local::with_table().await;
    let error = |status, code: &str| Injected::Error { status, code: Some(code.to_owned()) };
    let cases = [
        (Injected::Error { status: 500, code: None }, "InternalServerError"),
        (Injected::Error { status: 503, code: None }, "ServiceUnavailable"),
        (error(400, "RequestLimitExceeded"), "RequestLimitExceeded"),
        (Injected::Throttle, "ProvisionedThroughputExceededException"),
        (Injected::Conflict, "TransactionConflictException"),
    ];
    for (fault, code) in cases {
        local.inject(fault);
        let refused = local.put("refused", 1).send().await.unwrap_err().into_service_error();
        assert_eq!(refused.code(), Some(code));
        assert!(!local.has("refused").await);
    }
    local.inject(Injected::Conflict);
    assert!(local.put("refused", 1).send().await.unwrap_err().into_service_error().is_transaction_conflict_exception());
    // A read is in nobody's way.
    local.inject(Injected::Conflict);
    assert!(!local.has("refused").await);
}

#[tokio::test]
async fn a_transaction_in_conflict_gives_a_reason_for_every_item() {
    let local = Local::with_table().await;
    let put = Put::builder().table_name("things").item("id", text("a")).item("owner", text("me")).build().unwrap();
    let check = ConditionCheck::builder().table_name("things").key("id", text("b"));
    let check = check.condition_expression("attribute_not_exists(id)").build().unwrap();
    let items = vec![
        TransactWriteItem::builder().put(put).build(),
        TransactWriteItem::builder().condition_check(check).build(),
    ];
    let refused = async || {
        let write = local.dynamodb().transact_write_items().set_transact_items(Some(items.clone()));
        match write.send().await.unwrap_err().into_service_error() {
            TransactWriteItemsError::TransactionCanceledException(cancelled) => {
                let reasons = cancelled.cancellation_reasons().iter();
                reasons.map(|reason| reason.code().unwrap().to_owned()).collect::<Vec<_>>()
            }
            other => panic!("a cancelled transaction, not {other:?}"),
        }
    };
    local.inject(Injected::Conflict);
    assert_eq!(refused().await, ["TransactionConflict", "None"]);
    assert!(!local.has("a").await);

    // The engine's own reasons come through the same way.
    local.put("b", 1).send().await.unwrap();
    assert_eq!(refused().await, ["None", "ConditionalCheckFailed"]);
    assert!(!local.has("a").await);
}

#[tokio::test]
async fn a_stale_index_finds_nothing_and_a_delay_only_takes_longer() {
    let local = Local::with_table().await;
    local.put("a", 1).send().await.unwrap();
    let query = || {
        let query = local.dynamodb().query().table_name("things").index_name("by_owner");
        let query = query.key_condition_expression("#o = :o").expression_attribute_names("#o", "owner");
        query.expression_attribute_values(":o", text("me")).send()
    };
    local.inject(Injected::StaleIndex);
    let stale = query().await.unwrap();
    assert_eq!((stale.count(), stale.items().len()), (0, 0));
    assert_eq!(query().await.unwrap().count(), 1);
    local.inject(Injected::StaleIndex);
    assert!(local.has("a").await, "a read of the table itself is not stale");

    local.inject(Injected::Delay(Duration::from_millis(50)));
    let began = Instant::now();
    assert!(local.has("a").await);
    assert!(began.elapsed() >= Duration::from_millis(50));
}

#[tokio::test]
async fn requests_and_capacity_are_counted_and_the_hosts_own_work_is_not() {
    let local = Local::with_table().await;
    let total = ReturnConsumedCapacity::Total;
    local.put("a", 1).return_consumed_capacity(total.clone()).send().await.unwrap();
    local.get("a").return_consumed_capacity(total.clone()).send().await.unwrap();
    local.get("a").consistent_read(true).return_consumed_capacity(total.clone()).send().await.unwrap();
    let put = |id| Put::builder().table_name("things").item("id", text(id)).build().unwrap();
    let items = ["c", "d"].map(|id| TransactWriteItem::builder().put(put(id)).build());
    let write = local.dynamodb().transact_write_items().set_transact_items(Some(items.into()));
    write.return_consumed_capacity(total.clone()).send().await.unwrap();
    // One for the item and one for the index; two for each item of a transaction, which is in no index.
    assert_eq!(local.aws.dynamodb.capacity(), Capacity { read: 1.5, write: 6.0 });
    let requests: Vec<_> = local.aws.dynamodb.requests().into_iter().collect();
    assert_eq!(requests, [("get", 2), ("put", 1), ("transact", 1)]);

    local.aws.dynamodb.reset_counts();
    local.inject(Injected::Timeout);
    let own = local.get("a").return_consumed_capacity(total).customize().mutate_request(|request| {
        request.headers_mut().insert("x-trunkline-no-faults", "1");
    });
    own.send().await.unwrap();
    assert_eq!(local.aws.dynamodb.capacity(), Capacity::default());
    assert!(local.aws.dynamodb.requests().is_empty());
    assert_eq!(local.faults.lock().unwrap().len(), 1, "the fault is still to come");
}

#[tokio::test]
async fn items_expire_on_the_moved_clock() {
    let local = Local::with_table().await;
    let ttl = TimeToLiveSpecification::builder().enabled(true).attribute_name("expires").build().unwrap();
    local.dynamodb().update_time_to_live().table_name("things").time_to_live_specification(ttl).send().await.unwrap();
    let in_an_hour = local.now().as_second() + 3600;
    let expires = |at: i64| AttributeValue::N(at.to_string());
    for id in 0..30 {
        local.put(&format!("old{id}"), 1).item("expires", expires(in_an_hour)).send().await.unwrap();
    }
    local.put("kept", 1).item("expires", expires(in_an_hour + 3600)).send().await.unwrap();
    local.put("plain", 1).send().await.unwrap();
    assert_eq!(local.aws.dynamodb.expire().unwrap(), 0);
    local.advance(3601);
    assert_eq!(local.aws.dynamodb.expire().unwrap(), 30);
    assert!(local.has("kept").await && local.has("plain").await && !local.has("old0").await);
}

#[tokio::test]
async fn an_endpoint_that_is_dropped_is_gone() {
    let local = Local::with_table().await;
    let client = local.dynamodb();
    let address = local.aws.dynamodb.url().trim_start_matches("http://").to_owned();
    drop(local);
    // The client's connection is closed as well as the listener.
    assert!(client.list_tables().send().await.is_err());
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
