//! Idempotency records: permanent, written in the transaction of what they stand for (invariant I6).

use domain::{AgentId, OperationId, ProjectId, TenantId, TopUpId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::item::{Item, StoreError, encode, with_key};
use crate::keys;
use crate::transact::{Guard, Write};
use crate::update::Update;

/// What a key stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Idempotency {
    /// SHA-256 of the request it came with, in hex; another request under the same key is refused.
    pub request_hash: String,
    /// What came of it.
    pub made: Made,
    /// When.
    pub created_at: Timestamp,
}

/// What a request made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Made {
    /// An operation.
    Operation(OperationId),
    /// An agent.
    Agent(AgentId),
    /// An agent that is to have a number, whose purchase has a key of its own.
    AgentWithNumber(AgentId),
    /// A project.
    Project(ProjectId),
    /// An operator's adjustment, by its entry's id.
    Adjustment(domain::ids::EntryId),
    /// A top-up.
    TopUp(TopUpId),
}

impl Store {
    /// What this key stands for.
    pub async fn idempotency_get(&self, tenant: &TenantId, key_hash: &str) -> Result<Option<Idempotency>, StoreError> {
        self.get(&keys::idempotency(tenant, key_hash)).await
    }
}

/// Lets a key stand for something, for ever.
pub fn insert(tenant: &TenantId, key_hash: &str, record: &Idempotency) -> Result<Write, StoreError> {
    Ok(Write::insert(Guard::Idempotency, with_key(encode(record)?, &keys::idempotency(tenant, key_hash))))
}

/// Lets a key stand for less than it was to.
pub fn settle(tenant: &TenantId, key_hash: &str, made: &Made) -> Result<Write, StoreError> {
    let update = Update::of(keys::idempotency(tenant, key_hash)).set("made", made)?;
    Ok(update.when_exists().write(Guard::Idempotency))
}

/// Frees a key whose request was refused after all.
pub fn delete(tenant: &TenantId, key_hash: &str) -> Write {
    let key = keys::idempotency(tenant, key_hash);
    Write::delete_when(Guard::Idempotency, &key, "attribute_exists(pk)", Item::new())
}
