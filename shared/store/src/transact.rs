//! All-or-nothing writes, composed from what the nouns hand out, with an answer that names which condition lost.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use aws_sdk_dynamodb::error::{BuildError, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{ConditionCheck, Delete, Put, ReturnConsumedCapacity, TransactWriteItem};
use domain::limits;

use crate::Store;
use crate::item::{Item, StoreError, key_of};
use crate::keys::Key;

/// Which condition of a transaction it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// The idempotency key is free.
    Idempotency,
    /// The claim is as it was read.
    Claim,
    /// The claim on the number tried before is still this operation's.
    PreviousClaim,
    /// The slot of the carrier's pool is as it was read.
    Slot,
    /// The number is as the saga needs it.
    Number,
    /// Another number of the tenant (the primary one before).
    OtherNumber,
    /// The hold is still held, or not there yet.
    Hold,
    /// The wallet has enough.
    Wallet,
    /// The plan's limit is not reached.
    Holdings,
    /// The operation is still this driver's.
    Operation,
    /// The agent is there.
    Agent,
    /// The agent before is there.
    PreviousAgent,
    /// The project is there.
    Project,
    /// The project before is there.
    PreviousProject,
    /// The ledger has no entry of this cause.
    Entry,
    /// The event is new.
    Event,
    /// The call is not paid for.
    Call,
    /// The plan includes as many minutes more.
    Minutes,
    /// Nothing later stands there.
    Work,
    /// The top-up is as it was read, or not there yet.
    TopUp,
    /// The tenant's automatic top-up is as it was read.
    AutoTopUp,
    /// The payment was not credited before, or has as much left as was read.
    Payment,
    /// The refund is as it was read, or not heard of yet.
    Refund,
    /// The dispute is as it was read, or not heard of yet.
    Dispute,
    /// The payment provider does not know the tenant yet.
    Payer,
    /// Nobody else drives the run of reconciliation.
    Run,
    /// The tenant, which is written whatever it was.
    Tenant,
    /// The line of the audit trail is new.
    Audit,
    /// The end of a link is not noted yet.
    Tenure,
}

type Builder = Box<dyn Fn(&str) -> Result<TransactWriteItem, BuildError> + Send + Sync>;

/// One write of a transaction and the condition it stands under.
pub struct Write {
    guard: Guard,
    build: Builder,
}

impl fmt::Debug for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Write({:?})", self.guard)
    }
}

/// Why a transaction was not written, or not known to be.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TransactError {
    /// These conditions do not hold; nothing was written.
    #[error("conditions lost: {0:?}")]
    Lost(Vec<Guard>),
    /// It may have been written: read back, or leave it to the sweep.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl TransactError {
    /// Whether this condition was among those that lost.
    #[must_use]
    pub fn lost(&self, guard: Guard) -> bool {
        match self {
            Self::Lost(guards) => guards.contains(&guard),
            Self::Store(_) => false,
        }
    }
}

impl Write {
    pub(crate) fn new(
        guard: Guard,
        build: impl Fn(&str) -> Result<TransactWriteItem, BuildError> + Send + Sync + 'static,
    ) -> Self {
        Self { guard, build: Box::new(build) }
    }

    /// Puts an item that must not be there.
    pub(crate) fn insert(guard: Guard, item: Item) -> Self {
        Self::put_when(guard, item, Some("attribute_not_exists(pk)".into()), None)
    }

    /// Puts an item under a condition.
    pub(crate) fn put_when(guard: Guard, item: Item, condition: Option<String>, values: Option<Item>) -> Self {
        let put = Put::builder()
            .set_item(Some(item))
            .set_condition_expression(condition)
            .set_expression_attribute_values(values);
        Self::new(guard, move |table| {
            let put = put.clone().table_name(table).build();
            put.map(|put| TransactWriteItem::builder().put(put).build())
        })
    }

    /// Deletes an item under a condition, in which a name that DynamoDB keeps for itself is written `#name`.
    pub(crate) fn delete_when(guard: Guard, key: &Key, condition: &str, values: Item) -> Self {
        let names =
            condition.split_whitespace().filter_map(|word| Some((word.to_owned(), word.strip_prefix('#')?.into())));
        let names: HashMap<String, String> = names.collect();
        let delete = Delete::builder()
            .set_key(Some(key_of(key)))
            .condition_expression(condition)
            .set_expression_attribute_names((!names.is_empty()).then_some(names))
            .set_expression_attribute_values((!values.is_empty()).then_some(values));
        Self::new(guard, move |table| {
            let delete = delete.clone().table_name(table).build();
            delete.map(|delete| TransactWriteItem::builder().delete(delete).build())
        })
    }

    /// Checks that an item is there, and writes nothing.
    pub(crate) fn check_exists(guard: Guard, key: &Key) -> Self {
        let check = ConditionCheck::builder().set_key(Some(key_of(key))).condition_expression("attribute_exists(pk)");
        Self::new(guard, move |table| {
            let check = check.clone().table_name(table).build();
            check.map(|check| TransactWriteItem::builder().condition_check(check).build())
        })
    }
}

impl Store {
    /// Writes all or nothing. A transaction that met another one is tried again here; one whose conditions lost is not.
    ///
    /// The SDK names the request with a token of its own, so its own retries of a lost answer write once.
    ///
    /// # Errors
    /// [`TransactError::Lost`] with the guards that lost, or [`TransactError::Store`] when the outcome is unknown.
    pub async fn transact(&self, writes: Vec<Write>) -> Result<(), TransactError> {
        let mut items = Vec::with_capacity(writes.len());
        for write in &writes {
            items.push((write.build)(&self.table).map_err(|error| StoreError::Corrupt(error.to_string()))?);
        }
        for attempt in 1.. {
            let answer = self
                .client()
                .transact_write_items()
                .set_transact_items(Some(items.clone()))
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await;
            let Err(error) = answer else { return Ok(()) };
            let (lost, conflict) = reasons(&error, &writes);
            if !lost.is_empty() {
                return Err(TransactError::Lost(lost));
            }
            if !conflict || attempt >= limits::TRANSACTION_TRIES_MAX {
                return Err(StoreError::unavailable(&error).into());
            }
            // Spread by address of the request, so that two that met do not meet again in step.
            let spread = u64::try_from(std::ptr::from_ref(&items).addr() % 16).unwrap_or(0);
            tokio::time::sleep(Duration::from_millis((5 << attempt.min(6)) + spread)).await;
        }
        Ok(())
    }
}

/// The guards whose conditions lost, and whether another transaction was in the way.
fn reasons<R>(error: &SdkError<TransactWriteItemsError, R>, writes: &[Write]) -> (Vec<Guard>, bool) {
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(canceled)) => {
            let reasons = canceled.cancellation_reasons();
            let is = |n: usize, code: &str| reasons.get(n).and_then(|reason| reason.code()) == Some(code);
            let lost = (0..writes.len()).filter(|n| is(*n, "ConditionalCheckFailed"));
            let conflict = (0..reasons.len()).any(|n| is(n, "TransactionConflict"));
            (lost.map(|n| writes[n].guard).collect(), conflict)
        }
        Some(TransactWriteItemsError::TransactionInProgressException(_)) => (Vec::new(), true),
        Some(_) | None => (Vec::new(), false),
    }
}
