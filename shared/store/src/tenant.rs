//! Tenants and what they hold.

use domain::tenant::{Holdings, Tenant};
use domain::{Currency, NumberId, TenantId, limits};

use crate::item::{Item, StoreError, encode, text, with_key};
use crate::keys::{self, DUE_PK, DUE_SK};
use crate::page::{Cursor, Page};
use crate::transact::{Guard, Write};
use crate::update::Update;
use crate::{Store, TransactError};

impl Store {
    /// A tenant's plan and settings; none for one that was never set up.
    pub async fn tenant_get(&self, tenant: &TenantId) -> Result<Option<Tenant>, StoreError> {
        self.get(&keys::tenant(tenant)).await
    }

    /// Sets a tenant up, or changes it, without a line in the audit trail: for systems that make their own tenants.
    pub async fn tenant_put(&self, tenant: &Tenant) -> Result<(), StoreError> {
        let put = self.client().put_item().table_name(&self.table).set_item(Some(item(tenant)?));
        put.send().await.map(|_| ()).map_err(|error| StoreError::unavailable(&error))
    }

    /// Tenants that were set up or have a wallet, in the order of their ids. The index may be a moment behind.
    pub async fn tenant_list(&self, after: Option<&TenantId>, limit: u16) -> Result<Page<TenantId>, StoreError> {
        let mut from = after.map(|after| Cursor::at(keys::after_listed_tenant(after)));
        let wanted = usize::from(limit);
        // What is set up and one wallet are two keys; one more tells whether there is a next page.
        let at_once = limit.saturating_add(1).saturating_mul(2);
        let mut items: Vec<TenantId> = Vec::new();
        for _ in 0..limits::PAGE_READS_MAX {
            let found = self.due_keys(keys::TENANT_LIST, "~", from.as_ref(), at_once).await?;
            items.extend(found.iter().filter_map(|sk| keys::read_listed_tenant(sk)));
            items.dedup();
            let end = found.len() < usize::from(at_once);
            if items.len() > wanted || end {
                break;
            }
            from = found.last().map(Cursor::at);
        }
        let more = items.len() > wanted;
        items.truncate(wanted);
        let next = items.last().filter(|_| more).map(|last| Cursor::at(last.as_str()));
        Ok(Page { items, next })
    }

    /// How these tenants are set up, if they are, and what they hold, in their order; at most [`limits::PAGE_MAX`].
    pub async fn tenants_get(&self, tenants: &[TenantId]) -> Result<Vec<(Option<Tenant>, Holdings)>, StoreError> {
        let mut found = Vec::with_capacity(tenants.len());
        // Two items each.
        for some in tenants.chunks(usize::from(limits::PAGE_MAX / 2)) {
            let keys: Vec<_> = some.iter().flat_map(|id| [keys::tenant(id), keys::holdings(id)]).collect();
            let items = self.batch_get(&keys).await?;
            for id in some {
                let holdings = Self::take(&items, &keys::holdings(id))?;
                found.push((Self::take(&items, &keys::tenant(id))?, holdings.unwrap_or_default()));
            }
        }
        Ok(found)
    }

    /// What a tenant holds.
    pub async fn holdings_get(&self, tenant: &TenantId) -> Result<Holdings, StoreError> {
        Ok(self.get(&keys::holdings(tenant)).await?.unwrap_or_default())
    }

    /// Makes a number the primary one, and the one before not, or (`None`) leaves the tenant without.
    ///
    /// # Errors
    /// [`TransactError::Lost`] when the primary number changed meanwhile or the number is gone.
    pub async fn primary_set(
        &self,
        tenant: &TenantId,
        before: Option<&NumberId>,
        after: Option<&NumberId>,
        news: Write,
    ) -> Result<(), TransactError> {
        let mut holdings = Update::of(keys::holdings(tenant)).set("primary", &after)?;
        holdings = match before {
            Some(before) => holdings.when_is("primary", before)?,
            None => holdings.when_absent("primary"),
        };
        let mut writes = vec![holdings.write(Guard::Holdings), news];
        if let Some(before) = before {
            let update = Update::of(keys::number(tenant, before)).set("primary", &false)?.when_exists();
            writes.push(update.write(Guard::OtherNumber));
        }
        if let Some(after) = after {
            let update = Update::of(keys::number(tenant, after)).set("primary", &true)?.when_exists();
            writes.push(update.when_in("status", &crate::number::SERVICEABLE)?.write(Guard::Number));
        }
        self.transact(writes).await
    }
}

/// Makes a wallet's tenant known. Whatever moves money may be what makes the wallet, also of a tenant that was never set up;
/// once there, the keys stay, and cost the index nothing.
pub(crate) fn listed(update: Update, tenant: &TenantId, currency: Currency) -> Update {
    let (pk, sk) = keys::listed_tenant(tenant, Some(currency));
    update.set_if_absent_value(DUE_PK, text(pk)).set_if_absent_value(DUE_SK, text(sk))
}

/// A tenant with its place in the list of all.
fn item(tenant: &Tenant) -> Result<Item, StoreError> {
    let mut item = with_key(encode(tenant)?, &keys::tenant(&tenant.id));
    let (pk, sk) = keys::listed_tenant(&tenant.id, None);
    item.extend([(DUE_PK.into(), text(pk)), (DUE_SK.into(), text(sk))]);
    Ok(item)
}

/// Sets a tenant up, or changes it.
pub fn put(tenant: &Tenant) -> Result<Write, StoreError> {
    Ok(Write::put_when(Guard::Tenant, item(tenant)?, None, None))
}

/// One number more, while the plan's limit is not reached; with one of the plan's `places` for numbers that cost nothing,
/// when it is to have one.
pub fn hold_one_more(tenant: &TenantId, limit: u32, place: Option<u32>) -> Write {
    let mut update =
        Update::of(keys::holdings(tenant)).add("numbers", 1).when_absent_or_below("numbers", i64::from(limit));
    if let Some(places) = place {
        update = update.add("included", 1).when_absent_or_below("included", i64::from(places));
    }
    update.write(Guard::Holdings)
}

/// One number less, and the place it had.
pub fn hold_one_less(tenant: &TenantId, included: bool) -> Write {
    let mut update = Update::of(keys::holdings(tenant)).add("numbers", -1).when_at_least("numbers", 1);
    if included {
        update = update.add("included", -1);
    }
    update.write(Guard::Holdings)
}

/// So many more (or less) of the tenant's numbers have a place, while as many had one as were read.
pub fn places(tenant: &TenantId, read: u32, by: i64) -> Result<Write, StoreError> {
    let update = Update::of(keys::holdings(tenant)).add("included", by);
    let update = match read {
        0 => update.when_absent_or_below("included", 1),
        read => update.when_is("included", &read)?,
    };
    Ok(update.write(Guard::Holdings))
}

/// The tenant's primary number is none any more.
pub fn primary_none(tenant: &TenantId, number: &NumberId) -> Result<Write, StoreError> {
    Ok(Update::of(keys::holdings(tenant)).remove("primary").when_is("primary", number)?.write(Guard::Holdings))
}
