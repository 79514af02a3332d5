//! Ended links by which a number's calls went past us, kept as long as calls are. A link that lasts is in the claim.

use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use domain::tenure::Tenure;
use domain::{E164, OperationId, limits};
use jiff::Timestamp;

use crate::Store;
use crate::item::{StoreError, decode, encode, text, whole, with_key};
use crate::keys;
use crate::transact::{Guard, Write};

impl Store {
    /// Those of a number that ended at this instant or later, the first to end first; at most [`limits::TENURES_READ`].
    pub async fn tenures_ended_since(&self, e164: &E164, at: Timestamp) -> Result<Vec<Tenure>, StoreError> {
        let answer = self
            .client()
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :until")
            .expression_attribute_values(":pk", text(keys::claim(e164).pk))
            .expression_attribute_values(":from", text(keys::tenures_from(at)))
            .expression_attribute_values(":until", text(keys::after_tenures()))
            .consistent_read(true)
            .limit(i32::from(limits::TENURES_READ))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|error| StoreError::unavailable(&error))?;
        answer.items.unwrap_or_default().into_iter().map(decode).collect()
    }
}

/// Notes that one ended.
pub fn insert(tenure: Tenure, until: Timestamp, ended_by: &OperationId) -> Result<Write, StoreError> {
    let tenure = Tenure { until: Some(until), ..tenure };
    let mut item = with_key(encode(&tenure)?, &keys::tenure(&tenure.e164, until, ended_by));
    item.insert(keys::TTL.into(), whole(until.as_second() + limits::CALL_TTL_DAYS * 86_400));
    Ok(Write::insert(Guard::Tenure, item))
}
