//! The outbox: what happened, written in the transaction that made it happen, for relays to deliver at least once.

use domain::TenantId;
use domain::ids::EventId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::item::{StoreError, encode, with_key};
use crate::keys;
use crate::page::{Cursor, Listing, Page};
use crate::transact::{Guard, Write};

/// Something that happened to a number, a wallet or an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Which; consumers drop repeats by it.
    pub id: EventId,
    /// What, `noun.verb`.
    #[serde(rename = "type")]
    pub kind: String,
    /// When.
    pub at: Timestamp,
    /// Ids and what changed; no credentials.
    pub data: serde_json::Value,
}

impl Store {
    /// Events of a tenant, oldest first.
    pub async fn event_list(
        &self,
        tenant: &TenantId,
        after: Option<Cursor>,
        limit: u16,
    ) -> Result<Page<Event>, StoreError> {
        let pk = keys::tenant_partition(tenant);
        self.list(Listing { pk, prefix: keys::EVENTS, forward: true, after, limit }, |_| true).await
    }
}

/// Notes that something happened.
pub fn insert(tenant: &TenantId, event: &Event) -> Result<Write, StoreError> {
    Ok(Write::insert(Guard::Event, with_key(encode(event)?, &keys::event(tenant, event.id.bare()))))
}
