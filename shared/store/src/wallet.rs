//! Wallets, holds, ledger entries. Every change of a balance comes with its entry, in the same transaction (I4).

use domain::wallet::{Entry, Hold, HoldState, Wallet, WalletRef};
use domain::{Currency, Money, OperationId, TenantId};

use crate::Store;
use crate::item::{StoreError, encode, with_key};
use crate::keys;
use crate::page::{Cursor, Listing, Page};
use crate::tenant::listed;
use crate::transact::{Guard, Write};
use crate::update::Update;

impl Store {
    /// A tenant's wallet of one currency; none before money first came in.
    pub async fn wallet_get(&self, tenant: &TenantId, currency: Currency) -> Result<Option<Wallet>, StoreError> {
        self.get(&keys::wallet(tenant, currency)).await
    }

    /// All wallets of a tenant.
    pub async fn wallet_list(&self, tenant: &TenantId) -> Result<Vec<Wallet>, StoreError> {
        let pk = keys::tenant_partition(tenant);
        let listing =
            Listing { pk, prefix: keys::WALLETS, forward: true, after: None, limit: domain::limits::PAGE_MAX };
        Ok(self.list(listing, |_| true).await?.items)
    }

    /// Ledger entries of one currency, newest first.
    pub async fn entry_list(
        &self,
        tenant: &TenantId,
        currency: Currency,
        after: Option<Cursor>,
        limit: u16,
    ) -> Result<Page<Entry>, StoreError> {
        let (pk, prefix) = (keys::tenant_partition(tenant), keys::entries(currency));
        self.list(Listing { pk, prefix: &prefix, forward: false, after, limit }, |_| true).await
    }
}

/// Promises a sum to an operation, if it is available: wallet and hold.
pub fn hold(tenant: &TenantId, hold: &Hold) -> Result<[Write; 2], StoreError> {
    let micros = hold.amount.micros;
    let wallet = Update::of(keys::wallet(tenant, hold.amount.currency))
        .add("held", micros)
        .add("available", -micros)
        .when_at_least("available", micros);
    let item = with_key(encode(hold)?, &keys::hold(tenant, &hold.cause));
    Ok([wallet.write(Guard::Wallet), Write::insert(Guard::Hold, item)])
}

/// Charges what was promised: hold, wallet and entry.
pub fn capture(
    tenant: &TenantId,
    operation: &OperationId,
    amount: Money,
    entry: &Entry,
) -> Result<[Write; 3], StoreError> {
    let wallet = Update::of(keys::wallet(tenant, amount.currency))
        .add("held", -amount.micros)
        .add("balance", -amount.micros)
        .add("entries", 1)
        .when_at_least("held", amount.micros);
    let write = insert_entry(tenant, entry, operation.as_str())?;
    Ok([resolve(tenant, operation.as_str(), HoldState::Captured)?, wallet.write(Guard::Wallet), write])
}

/// Gives back what was promised: hold and wallet.
pub fn void(tenant: &TenantId, operation: &OperationId, amount: Money) -> Result<[Write; 2], StoreError> {
    let wallet = Update::of(keys::wallet(tenant, amount.currency))
        .add("held", -amount.micros)
        .add("available", amount.micros)
        .when_at_least("held", amount.micros);
    Ok([resolve(tenant, operation.as_str(), HoldState::Voided)?, wallet.write(Guard::Wallet)])
}

/// Moves money into the wallet, or (negative) out of what is available: wallet and entry.
pub fn adjust(tenant: &TenantId, entry: &Entry, cause: &str) -> Result<[Write; 2], StoreError> {
    let micros = entry.wallet_micros();
    let mut wallet = Update::of(keys::wallet(tenant, entry.currency))
        .set_if_absent("currency", &entry.currency)?
        .add("balance", micros)
        .add("available", micros)
        .add("held", 0)
        .add("entries", 1);
    wallet = listed(wallet, tenant, entry.currency);
    if micros < 0 {
        wallet = wallet.when_at_least("available", micros.saturating_neg());
    }
    Ok([wallet.write(Guard::Wallet), insert_entry(tenant, entry, cause)?])
}

/// Takes what charges add up to out of the wallet, if it is available: wallet and entry. `overdue` numbers more (or less)
/// are overdue with it.
pub fn charge(of: &WalletRef, entry: &Entry, overdue: i64) -> Result<[Write; 2], StoreError> {
    let micros = entry.wallet_micros();
    let mut wallet = may_be_new(of)?.add("balance", micros).add("available", micros).add("entries", 1);
    if micros < 0 {
        wallet = wallet.when_at_least("available", micros.saturating_neg());
    }
    if overdue != 0 {
        wallet = wallet.add("overdue", overdue);
    }
    Ok([wallet.write(Guard::Wallet), insert_entry(&of.tenant_id, entry, entry.id.as_str())?])
}

/// So many numbers more (or less) are overdue.
pub fn overdue(of: &WalletRef, by: i64) -> Result<Write, StoreError> {
    let wallet = may_be_new(of)?.add("balance", 0).add("available", 0).add("entries", 0).add("overdue", by);
    Ok(wallet.write(Guard::Wallet))
}

/// Calls past us are barred for want of money here, from now on or as before.
pub fn bar(of: &WalletRef) -> Result<Write, StoreError> {
    let wallet = may_be_new(of)?.add("balance", 0).add("available", 0).add("entries", 0).set("barring", &true)?;
    Ok(wallet.write(Guard::Wallet))
}

/// Changes nothing, if calls are still to be barred.
pub fn still_barred(of: &WalletRef) -> Result<Write, StoreError> {
    let wallet = Update::of(keys::wallet(&of.tenant_id, of.currency)).set("barring", &true)?;
    Ok(wallet.when_is("barring", &true)?.write(Guard::Wallet))
}

/// Barred calls are being let through again: from now on none is barred by what was begun before.
pub fn unbarring(of: &WalletRef) -> Result<Write, StoreError> {
    let wallet = Update::of(keys::wallet(&of.tenant_id, of.currency)).set("barring", &false)?;
    Ok(wallet.when_in("barring", &[true, false])?.write(Guard::Wallet))
}

/// All barred calls are being let through, unless they were barred anew meanwhile.
pub fn unbarred(of: &WalletRef) -> Result<Write, StoreError> {
    let wallet = Update::of(keys::wallet(&of.tenant_id, of.currency)).remove("barring");
    Ok(wallet.when_is("barring", &false)?.write(Guard::Wallet))
}

/// A wallet that may not be there yet: numbers that cost nothing are charged without one.
fn may_be_new(of: &WalletRef) -> Result<Update, StoreError> {
    let wallet = listed(Update::of(keys::wallet(&of.tenant_id, of.currency)), &of.tenant_id, of.currency);
    Ok(wallet.set_if_absent("currency", &of.currency)?.add("held", 0))
}

pub(crate) fn insert_entry(tenant: &TenantId, entry: &Entry, cause: &str) -> Result<Write, StoreError> {
    let key = keys::entry(tenant, entry.currency, entry.effective_at, cause);
    Ok(Write::insert(Guard::Entry, with_key(encode(entry)?, &key)))
}

pub(crate) fn resolve(tenant: &TenantId, cause: &str, state: HoldState) -> Result<Write, StoreError> {
    let update = Update::of(keys::hold(tenant, cause)).set("state", &state)?.when_is("state", &HoldState::Held)?;
    Ok(update.write(Guard::Hold))
}
