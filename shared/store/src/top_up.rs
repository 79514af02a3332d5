//! Top-ups, automatic top-ups, and what the payment provider knows a tenant by. Top-ups and automatic ones are changed as
//! they were read or not at all; what a change is, `domain::top_up` says.

use domain::top_up::{AutoTopUp, Payer, TopUp};
use domain::{Currency, TenantId, TopUpId, limits};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::item::{Item, StoreError, encode, text, whole, with_key};
use crate::keys::{self, DUE_PK, DUE_SK};
use crate::page::{Cursor, Listing};
use crate::transact::{Guard, TransactError, Write};
use crate::update::Update;

/// A top-up that somebody should look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueTopUp {
    /// Whose.
    pub tenant_id: TenantId,
    /// Which.
    pub top_up_id: TopUpId,
    /// Where the index has it; a list goes on from here.
    pub cursor: Cursor,
}

/// Whose a top-up is.
#[derive(Serialize, Deserialize)]
struct Reference {
    tenant_id: TenantId,
}

/// How far notifications have been looked through.
#[derive(Serialize, Deserialize)]
struct Looked {
    since: Timestamp,
}

impl Store {
    /// A top-up of a tenant.
    pub async fn top_up_get(&self, tenant: &TenantId, id: &TopUpId) -> Result<Option<TopUp>, StoreError> {
        self.get(&keys::top_up(tenant, id)).await
    }

    /// A tenant's top-ups that are not over, newest first, of those in the first pages.
    pub async fn top_up_unfinished(&self, tenant: &TenantId) -> Result<Vec<TopUp>, StoreError> {
        let pk = keys::tenant_partition(tenant);
        let listing = Listing { pk, prefix: keys::TOP_UPS, forward: false, after: None, limit: limits::PAGE_MAX };
        Ok(self.list(listing, |top_up: &TopUp| top_up.status.unfinished()).await?.items)
    }

    /// A top-up that a third party names, whosever it is.
    pub async fn top_up_find(&self, id: &TopUpId) -> Result<Option<TopUp>, StoreError> {
        match self.get::<Reference>(&keys::top_up_reference(id)).await? {
            Some(reference) => self.top_up_get(&reference.tenant_id, id).await,
            None => Ok(None),
        }
    }

    /// Unfinished top-ups of one shard to be looked at by `now`, the longest waiting first.
    pub async fn top_up_due(
        &self,
        shard: u8,
        now: Timestamp,
        after: Option<&Cursor>,
    ) -> Result<Vec<DueTopUp>, StoreError> {
        let (partition, until) = (keys::top_ups_partition(shard), keys::due_until(now));
        let due = self.due_keys(&partition, &until, after, limits::TOP_UP_BATCH).await?;
        let due = due.into_iter().filter_map(|sk| {
            let (tenant_id, top_up_id) = keys::read_due_top_up(&sk)?;
            Some(DueTopUp { tenant_id, top_up_id, cursor: Cursor::at(sk) })
        });
        Ok(due.collect())
    }

    /// The automatic top-up of a wallet; none that was never set.
    pub async fn auto_top_up_get(
        &self,
        tenant: &TenantId,
        currency: Currency,
    ) -> Result<Option<AutoTopUp>, StoreError> {
        self.get(&keys::auto_top_up(tenant, currency)).await
    }

    /// What the payment provider knows a tenant by.
    pub async fn payer_get(&self, tenant: &TenantId) -> Result<Option<Payer>, StoreError> {
        self.get(&keys::payer(tenant)).await
    }

    /// Keeps what the payment provider knows a tenant by, unless that is known already.
    ///
    /// # Errors
    /// [`TransactError::Lost`] when it is.
    pub async fn payer_insert(&self, tenant: &TenantId, payer: &Payer) -> Result<(), TransactError> {
        let item = with_key(encode(payer)?, &keys::payer(tenant));
        self.transact(vec![Write::insert(Guard::Payer, item)]).await
    }

    /// Keeps a card for automatic top-ups, unless a newer one is kept.
    pub async fn payer_card(&self, tenant: &TenantId, method: &str, at: Timestamp) -> Result<(), StoreError> {
        let (micros, name) = (at.as_microsecond(), "method_at_us");
        let update = Update::of(keys::payer(tenant))
            .set("payment_method", &method)?
            .set("method_at", &at)?
            .set(name, &micros)?
            .when_exists()
            .when_absent_or_below(name, micros);
        match self.transact(vec![update.write(Guard::Payer)]).await {
            Ok(()) | Err(TransactError::Lost(_)) => Ok(()),
            Err(TransactError::Store(error)) => Err(error),
        }
    }

    /// From when on missed notifications have to be looked for; none before the first look.
    pub async fn notifications_since(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.get::<Looked>(&keys::notifications()).await?.map(|looked| looked.since))
    }

    /// Missed notifications have been dealt with up to here.
    pub async fn notifications_looked(&self, since: Timestamp) -> Result<(), StoreError> {
        let item = with_key(encode(&Looked { since })?, &keys::notifications());
        let put = self.client().put_item().table_name(&self.table).set_item(Some(item));
        put.send().await.map(|_| ()).map_err(|error| StoreError::unavailable(&error))
    }
}

/// Makes a top-up, and what leads to it.
pub fn insert(top_up: &TopUp) -> Result<[Write; 2], StoreError> {
    let reference = Reference { tenant_id: top_up.tenant_id.clone() };
    let reference = with_key(encode(&reference)?, &keys::top_up_reference(&top_up.id));
    Ok([Write::insert(Guard::TopUp, item(top_up)?), Write::insert(Guard::TopUp, reference)])
}

/// Writes a top-up that was changed since it was read, if nobody else changed it.
pub fn update(top_up: &TopUp) -> Result<Write, StoreError> {
    let changed = TopUp { revision: top_up.revision.saturating_add(1), ..top_up.clone() };
    let before = Item::from([(":before".to_owned(), whole(top_up.revision))]);
    Ok(Write::put_when(Guard::TopUp, item(&changed)?, Some("revision = :before".into()), Some(before)))
}

/// Writes an automatic top-up that was changed since it was read, if nobody else changed it.
pub fn auto_update(tenant: &TenantId, auto: &AutoTopUp) -> Result<Write, StoreError> {
    let changed = AutoTopUp { revision: auto.revision.saturating_add(1), ..auto.clone() };
    let item = with_key(encode(&changed)?, &keys::auto_top_up(tenant, auto.currency));
    if auto.revision == 0 {
        return Ok(Write::insert(Guard::AutoTopUp, item));
    }
    let before = Item::from([(":before".to_owned(), whole(auto.revision))]);
    Ok(Write::put_when(Guard::AutoTopUp, item, Some("revision = :before".into()), Some(before)))
}

fn item(top_up: &TopUp) -> Result<Item, StoreError> {
    let mut item = with_key(encode(top_up)?, &keys::top_up(&top_up.tenant_id, &top_up.id));
    if let Some(at) = top_up.look_at {
        let (pk, sk) = keys::due_top_up(at, &top_up.tenant_id, &top_up.id);
        item.insert(DUE_PK.into(), text(pk));
        item.insert(DUE_SK.into(), text(sk));
    }
    Ok(item)
}
