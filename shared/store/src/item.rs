//! Items and errors: between our types and DynamoDB's.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Store;
use crate::keys::{Key, PK, SK};

/// An item as DynamoDB has it.
pub type Item = HashMap<String, AttributeValue>;

/// The store could not answer. Whether a write happened is unknown; whoever wrote reads back or leaves it to the sweep.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// DynamoDB or the queue did not answer, or refused for reasons of its own.
    #[error("the store did not answer: {0}")]
    Unavailable(String),
    /// An item is not what this version writes.
    #[error("an item cannot be read: {0}")]
    Corrupt(String),
}

impl StoreError {
    pub(crate) fn unavailable<E, R>(error: &SdkError<E, R>) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
        R: std::fmt::Debug,
    {
        Self::Unavailable(match error.code() {
            Some(code) => code.to_owned(),
            None => DisplayErrorContext(error).to_string(),
        })
    }
}

/// Serialises without nulls: an attribute that is not there is how a condition sees "none".
pub(crate) fn encode<T: Serialize>(value: &T) -> Result<Item, StoreError> {
    let mut item: Item = serde_dynamo::to_item(value).map_err(|error| StoreError::Corrupt(error.to_string()))?;
    item.retain(|_, value| !matches!(value, AttributeValue::Null(_)));
    Ok(item)
}

pub(crate) fn encode_value<T: Serialize>(value: &T) -> Result<AttributeValue, StoreError> {
    serde_dynamo::to_attribute_value(value).map_err(|error| StoreError::Corrupt(error.to_string()))
}

pub(crate) fn decode<T: DeserializeOwned>(item: Item) -> Result<T, StoreError> {
    serde_dynamo::from_item(item).map_err(|error| StoreError::Corrupt(error.to_string()))
}

pub(crate) fn with_key(mut item: Item, key: &Key) -> Item {
    item.insert(PK.into(), text(&key.pk));
    item.insert(SK.into(), text(&key.sk));
    item
}

pub(crate) fn key_of(key: &Key) -> Item {
    with_key(Item::new(), key)
}

pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(crate) fn whole(value: impl Into<i128>) -> AttributeValue {
    AttributeValue::N(value.into().to_string())
}

impl Store {
    /// Reads one item, strongly consistent: 1 read unit per 4 KB.
    pub(crate) async fn get<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<T>, StoreError> {
        let answer = self
            .client()
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key_of(key)))
            .consistent_read(true)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|error| StoreError::unavailable(&error))?;
        answer.item.map(decode).transpose()
    }

    /// Reads up to 100 items in one round trip, strongly consistent; missing ones are absent from the answer.
    pub(crate) async fn batch_get(&self, keys: &[Key]) -> Result<Vec<Item>, StoreError> {
        use aws_sdk_dynamodb::types::KeysAndAttributes;
        let wanted = KeysAndAttributes::builder()
            .set_keys(Some(keys.iter().map(key_of).collect()))
            .consistent_read(true)
            .build()
            .map_err(|error| StoreError::Corrupt(error.to_string()))?;
        let answer = self
            .client()
            .batch_get_item()
            .request_items(&self.table, wanted)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|error| StoreError::unavailable(&error))?;
        if answer.unprocessed_keys.as_ref().is_some_and(|left| !left.is_empty()) {
            return Err(StoreError::Unavailable("part of a batch was not read".into()));
        }
        Ok(answer.responses.and_then(|mut tables| tables.remove(&self.table)).unwrap_or_default())
    }

    /// The item of a batch that has this key.
    pub(crate) fn take<T: DeserializeOwned>(items: &[Item], key: &Key) -> Result<Option<T>, StoreError> {
        let is = |item: &&Item| item.get(PK) == Some(&text(&key.pk)) && item.get(SK) == Some(&text(&key.sk));
        items.iter().find(is).cloned().map(decode).transpose()
    }
}
