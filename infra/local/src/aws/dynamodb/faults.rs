//! What can be made to go wrong with DynamoDB, and the words AWS uses when it does.
//!
//! When a fault is due is decided by the hook's owner; what it does to a request in `super`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::listen::{self, Answer};
use super::engine::Reply;

/// Asked once for every request of an operation, by the operation's name: `transact`, `query`,
/// `get`, `put`, `update`, `batch_get`, `batch_write`, `delete` or `scan`.
pub type FaultHook = Arc<dyn Fn(&str) -> Option<Injected> + Send + Sync>;

/// One fault, for one request. The SDK retries by itself, and every try asks anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Injected {
    /// An answer with this HTTP status; not applied. Without a code, the one usual for the status.
    Error { status: u16, code: Option<String> },
    /// Applied and answered, this much later.
    Delay(Duration),
    /// Not applied, and the connection closed without an answer.
    Timeout,
    /// Applied, and the connection closed without an answer.
    LostReply,
    /// Applied, then the crash hook is called.
    Crash,
    /// Another transaction holds an item: not applied. Batches, and reads outside a transaction, have
    /// no such answer and go through as usual.
    Conflict,
    /// Not applied, for want of throughput.
    Throttle,
    /// An index that has not caught up: a query on one finds nothing. Anything else is answered as
    /// usual.
    StaleIndex,
}

/// The operations that read or write items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Operation {
    TransactWrite,
    TransactGet,
    Query,
    Get,
    Put,
    Update,
    BatchGet,
    BatchWrite,
    Delete,
    Scan,
}

impl Operation {
    /// `None` for what works on tables and not on items.
    pub(super) fn of(action: &str) -> Option<Self> {
        Some(match action {
            "TransactWriteItems" => Self::TransactWrite,
            "TransactGetItems" => Self::TransactGet,
            "Query" => Self::Query,
            "GetItem" => Self::Get,
            "PutItem" => Self::Put,
            "UpdateItem" => Self::Update,
            "BatchGetItem" => Self::BatchGet,
            "BatchWriteItem" => Self::BatchWrite,
            "DeleteItem" => Self::Delete,
            "Scan" => Self::Scan,
            _ => return None,
        })
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::TransactWrite | Self::TransactGet => "transact",
            Self::Query => "query",
            Self::Get => "get",
            Self::Put => "put",
            Self::Update => "update",
            Self::BatchGet => "batch_get",
            Self::BatchWrite => "batch_write",
            Self::Delete => "delete",
            Self::Scan => "scan",
        }
    }

    pub(super) fn writes(self) -> bool {
        match self {
            Self::TransactWrite | Self::Put | Self::Update | Self::BatchWrite | Self::Delete => true,
            Self::TransactGet | Self::Query | Self::Get | Self::BatchGet | Self::Scan => false,
        }
    }
}

pub(super) fn error(status: u16, code: Option<&str>) -> Answer {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let code = code.unwrap_or(match status {
        StatusCode::SERVICE_UNAVAILABLE => "ServiceUnavailable",
        status if status.is_server_error() => "InternalServerError",
        _ => "ValidationException",
    });
    refusal(status, code, "This fault was injected.")
}

pub(super) fn throttle() -> Answer {
    refusal(
        StatusCode::BAD_REQUEST,
        "ProvisionedThroughputExceededException",
        "The level of configured provisioned throughput for the table was exceeded. Consider \
         increasing your provisioning level with the UpdateTable API.",
    )
}

/// The first item is the contended one: the caller cannot tell which it will be either.
pub(super) fn conflict(operation: Operation, request: &Bytes) -> Option<Answer> {
    const ONGOING: &str = "Transaction is ongoing for the item";
    match operation {
        Operation::TransactWrite | Operation::TransactGet => {
            let items = transaction_length(request).max(1);
            let mut codes = vec!["None"; items];
            codes[0] = "TransactionConflict";
            let reasons: Vec<Value> = codes
                .iter()
                .map(|code| match *code {
                    "None" => json!({ "Code": code }),
                    code => json!({ "Code": code, "Message": ONGOING }),
                })
                .collect();
            let message = format!(
                "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
                codes.join(", ")
            );
            let body = json!({
                "__type": qualified("TransactionCanceledException"),
                "Message": message,
                "CancellationReasons": reasons,
            });
            Some(listen::json("1.0", StatusCode::BAD_REQUEST, &body))
        }
        Operation::Put | Operation::Update | Operation::Delete => {
            Some(refusal(StatusCode::BAD_REQUEST, "TransactionConflictException", ONGOING))
        }
        Operation::Query | Operation::Get | Operation::BatchGet | Operation::BatchWrite | Operation::Scan => None,
    }
}

/// Only an index lags behind in a way worth testing: a table's own stale reads are a matter of
/// milliseconds, an index's of seconds when it is throttled.
pub(super) fn can_be_stale(operation: Operation, request: &Bytes) -> bool {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Query {
        index_name: Option<String>,
    }
    operation == Operation::Query
        && serde_json::from_slice(request).is_ok_and(|Query { index_name }| index_name.is_some())
}

/// The reply without its items, as if the index had not seen the writes yet.
pub(super) fn stale(reply: Reply) -> Answer {
    let Ok(Value::Object(mut answer)) = serde_json::from_slice(reply.body()) else {
        return reply.into();
    };
    if reply.status() != StatusCode::OK {
        return reply.into();
    }
    answer.remove("LastEvaluatedKey");
    answer.insert("Items".to_owned(), json!([]));
    answer.insert("Count".to_owned(), json!(0));
    answer.insert("ScannedCount".to_owned(), json!(0));
    listen::json("1.0", StatusCode::OK, &answer)
}

fn transaction_length(request: &Bytes) -> usize {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Transaction {
        transact_items: Vec<serde::de::IgnoredAny>,
    }
    serde_json::from_slice(request).map_or(0, |Transaction { transact_items }| transact_items.len())
}

fn refusal(status: StatusCode, code: &str, message: &str) -> Answer {
    let body = json!({ "__type": qualified(code), "message": message });
    listen::json("1.0", status, &body)
}

fn qualified(code: &str) -> String {
    format!("com.amazonaws.dynamodb.v20120810#{code}")
}
