//! Minutes that a plan includes: how many of a month's are used up. Counted in the transaction that pays for the call (I5).

use domain::TenantId;
use jiff::Timestamp;
use serde::Deserialize;

use crate::Store;
use crate::item::{StoreError, whole};
use crate::keys;
use crate::month;
use crate::transact::{Guard, Write};
use crate::update::Update;

#[derive(Deserialize)]
struct Counted {
    used: u32,
}

impl Store {
    /// How many included minutes are used up in the month this instant is in; 1 read unit.
    pub async fn minutes_used(&self, tenant: &TenantId, at: Timestamp) -> Result<u32, StoreError> {
        let counted: Option<Counted> = self.get(&keys::minutes(tenant, &month::of(at))).await?;
        Ok(counted.map_or(0, |counted| counted.used))
    }
}

/// So many more of the month's minutes are used up, if no more than `included` are then. `more` is at least 1 and at most
/// `included`.
pub fn use_up(tenant: &TenantId, at: Timestamp, more: u32, included: u32) -> Write {
    let below = i64::from(included) - i64::from(more) + 1;
    Update::of(keys::minutes(tenant, &month::of(at)))
        .add("used", i64::from(more))
        .set_if_absent_value(keys::TTL, whole(month::kept_until(at)))
        .when_absent_or_below("used", below)
        .write(Guard::Minutes)
}
