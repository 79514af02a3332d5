//! Operations: saga records, their lease, and the index of what is due.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use domain::operation::{Operation, OperationStatus};
use domain::{OperationId, TenantId, limits};
use jiff::Timestamp;

use crate::Store;
use crate::item::{Item, StoreError, encode, text, whole, with_key};
use crate::keys::{self, DUE_INDEX, DUE_PK, DUE_SK};
use crate::page::{Cursor, Listing, Page};
use crate::transact::{Guard, TransactError, Write};
use crate::update::Update;

/// An operation somebody should look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueOperation {
    /// Whose.
    pub tenant_id: TenantId,
    /// Which.
    pub operation_id: OperationId,
    /// Where the index has it; a list goes on from here.
    pub cursor: Cursor,
}

impl Store {
    /// An operation.
    pub async fn operation_get(&self, tenant: &TenantId, id: &OperationId) -> Result<Option<Operation>, StoreError> {
        self.get(&keys::operation(tenant, id)).await
    }

    /// Operations, newest first.
    pub async fn operation_list(
        &self,
        tenant: &TenantId,
        after: Option<Cursor>,
        limit: u16,
        keep: impl Fn(&Operation) -> bool,
    ) -> Result<Page<Operation>, StoreError> {
        let pk = keys::tenant_partition(tenant);
        self.list(Listing { pk, prefix: keys::OPERATIONS, forward: false, after, limit }, keep).await
    }

    /// Takes an operation over, if nobody drives it: the fence goes up, and every write of an earlier driver is refused
    /// from then on. `false` when somebody else was first.
    ///
    /// # Errors
    /// When the store does not answer; the lease may have been taken, and is then over in [`limits::LEASE`].
    pub async fn operation_lease(&self, op: &mut Operation, real_now: Timestamp) -> Result<bool, StoreError> {
        let lease_until = real_now.saturating_add(limits::LEASE).unwrap_or(Timestamp::MAX);
        let fence = op.fence + 1;
        let update = Update::of(keys::operation(&op.tenant_id, &op.id))
            .set("fence", &fence)?
            .set("lease_until", &lease_until)?
            .when_is("fence", &op.fence)?
            .when_in("status", &[op.status])?;
        match self.transact(vec![update.write(Guard::Operation)]).await {
            Ok(()) => {
                (op.fence, op.lease_until) = (fence, Some(lease_until));
                Ok(true)
            }
            Err(TransactError::Lost(_)) => Ok(false),
            Err(TransactError::Store(error)) => Err(error),
        }
    }

    /// Writes the record as its driver has it now. `false` when somebody else has taken over.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn operation_journal(&self, op: &Operation) -> Result<bool, StoreError> {
        use aws_sdk_dynamodb::operation::put_item::PutItemError;
        let put = self
            .client()
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item(op)?))
            .condition_expression(STILL_MINE)
            .set_expression_attribute_values(Some(still_mine(op)))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        match put.send().await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(false),
                Some(_) | None => Err(StoreError::unavailable(&error)),
            },
        }
    }

    /// Operations of one shard that were due at `now`, the longest waiting first.
    pub async fn operation_due(
        &self,
        shard: u8,
        now: Timestamp,
        after: Option<&Cursor>,
    ) -> Result<Vec<DueOperation>, StoreError> {
        self.due_page(&keys::due_partition(shard), &keys::due_until(now), after, limits::SWEEP_BATCH).await
    }

    /// Operations of all tenants that run, by when each is to be looked at next; of those of one instant, some after others.
    pub async fn operation_running(&self, after: Option<&Cursor>, limit: u16) -> Result<Vec<DueOperation>, StoreError> {
        let mut running = Vec::new();
        for shard in 0..limits::DUE_SHARDS {
            running.extend(self.due_page(&keys::due_partition(shard), "~", after, limit).await?);
        }
        running.sort_by(|a, b| a.cursor.position().cmp(b.cursor.position()));
        running.truncate(usize::from(limit));
        Ok(running)
    }

    /// Operations of all tenants that wait for somebody outside, those first that are looked at next.
    pub async fn operation_waiting(&self, after: Option<&Cursor>, limit: u16) -> Result<Vec<DueOperation>, StoreError> {
        self.due_page(keys::WAITING, "~", after, limit).await
    }

    /// Those of them that are to be looked at by now, a page of them.
    pub async fn operation_waiting_due(&self, now: Timestamp) -> Result<Vec<DueOperation>, StoreError> {
        self.due_page(keys::WAITING, &keys::due_until(now), None, limits::SWEEP_BATCH).await
    }

    /// Operations of all tenants that need an operator, the oldest first.
    pub async fn operation_stuck(&self, after: Option<&Cursor>, limit: u16) -> Result<Vec<DueOperation>, StoreError> {
        self.due_page(keys::STUCK, "~", after, limit).await
    }

    async fn due_page(
        &self,
        partition: &str,
        until: &str,
        after: Option<&Cursor>,
        limit: u16,
    ) -> Result<Vec<DueOperation>, StoreError> {
        let due = self.due_keys(partition, until, after, limit).await?.into_iter().filter_map(|sk| {
            let (tenant_id, operation_id) = keys::read_due_operation(&sk)?;
            Some(DueOperation { tenant_id, operation_id, cursor: Cursor::at(sk) })
        });
        Ok(due.collect())
    }

    /// Sort keys of a partition of the index of next actions, up to one.
    pub(crate) async fn due_keys(
        &self,
        partition: &str,
        until: &str,
        after: Option<&Cursor>,
        limit: u16,
    ) -> Result<Vec<String>, StoreError> {
        let from = after.map_or_else(|| " ".to_owned(), |cursor| format!("{}!", cursor.position()));
        let answer = self
            .client()
            .query()
            .table_name(&self.table)
            .index_name(DUE_INDEX)
            .key_condition_expression("due_pk = :pk AND due_sk BETWEEN :from AND :until")
            .expression_attribute_values(":pk", text(partition))
            .expression_attribute_values(":from", text(from))
            .expression_attribute_values(":until", text(until))
            .limit(i32::from(limit))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|error| StoreError::unavailable(&error))?;
        let keys = answer.items.unwrap_or_default();
        Ok(keys.iter().filter_map(|item| item.get(DUE_SK)?.as_s().ok().cloned()).collect())
    }
}

/// Makes an operation's record.
pub fn insert(op: &Operation) -> Result<Write, StoreError> {
    Ok(Write::insert(Guard::Operation, item(op)?))
}

/// Writes the record as its driver has it now, while it is its driver's.
pub fn update(op: &Operation) -> Result<Write, StoreError> {
    Ok(Write::put_when(Guard::Operation, item(op)?, Some(STILL_MINE.into()), Some(still_mine(op))))
}

/// The record is this driver's, and not over.
const STILL_MINE: &str = "fence = :fence AND is_open = :open";

fn still_mine(op: &Operation) -> Item {
    Item::from([(":fence".to_owned(), whole(op.fence)), (":open".to_owned(), AttributeValue::Bool(true))])
}

fn item(op: &Operation) -> Result<Item, StoreError> {
    let mut item = with_key(encode(op)?, &keys::operation(&op.tenant_id, &op.id));
    item.insert("is_open".into(), AttributeValue::Bool(op.open()));
    if let Some((pk, sk)) = due(op) {
        item.insert(DUE_PK.into(), text(pk));
        item.insert(DUE_SK.into(), text(sk));
    }
    Ok(item)
}

/// Where the index of what is due has it: with its instant while it runs, among the stuck when it is stuck, among the waiting
/// while a person outside has to do something.
fn due(op: &Operation) -> Option<(String, String)> {
    let key = |at: Timestamp| keys::due_operation(at, &op.tenant_id, &op.id);
    match op.status {
        OperationStatus::Running => Some((keys::due_partition(keys::due_shard(&op.id)), key(op.due_at?))),
        OperationStatus::Stuck => Some((keys::STUCK.into(), key(op.created_at))),
        OperationStatus::Waiting => Some((keys::WAITING.into(), key(op.due_at.unwrap_or(op.created_at)))),
        OperationStatus::Succeeded | OperationStatus::Failed => None,
    }
}
