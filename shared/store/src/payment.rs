//! Payments that were credited, their refunds and their disputes. Each movement of money comes with the permanent guard of
//! its cause (I5), the wallet and its entry (I4), in one transaction. Here alone a wallet may be taken below zero.

use domain::reversal::{DisputeRecord, DisputeState, PaymentRecord, RefundRecord, RefundState};
use domain::wallet::{Entry, Hold, HoldState};
use domain::{Money, TenantId};

use crate::Store;
use crate::item::{StoreError, encode, with_key};
use crate::keys;
use crate::tenant::listed;
use crate::transact::{Guard, Write};
use crate::update::Update;
use crate::wallet::{insert_entry, resolve};

impl Store {
    /// A payment, if it was credited.
    pub async fn payment_get(&self, payment: &str) -> Result<Option<PaymentRecord>, StoreError> {
        self.get(&keys::payment(payment)).await
    }

    /// A refund, if it was heard of.
    pub async fn refund_get(&self, payment: &str, refund: &str) -> Result<Option<RefundRecord>, StoreError> {
        self.get(&keys::refund(payment, refund)).await
    }

    /// A dispute, if it was heard of.
    pub async fn dispute_get(&self, payment: &str, dispute: &str) -> Result<Option<DisputeRecord>, StoreError> {
        self.get(&keys::dispute(payment, dispute)).await
    }
}

/// Credits a payment: its guard, the wallet, the entry.
pub fn credit(record: &PaymentRecord, entry: &Entry) -> Result<[Write; 3], StoreError> {
    let guard = Write::insert(Guard::Payment, with_key(encode(record)?, &keys::payment(&record.payment)));
    let [wallet, entry] = moved(&record.tenant_id, entry)?;
    Ok([guard, wallet, entry])
}

/// Moves money into a wallet, or out of it whatever it has: wallet and entry.
pub fn moved(tenant: &TenantId, entry: &Entry) -> Result<[Write; 2], StoreError> {
    let micros = entry.wallet_micros();
    let wallet = Update::of(keys::wallet(tenant, entry.currency))
        .set_if_absent("currency", &entry.currency)?
        .add("balance", micros)
        .add("available", micros)
        .add("held", 0)
        .add("entries", 1);
    let wallet = listed(wallet, tenant, entry.currency);
    Ok([wallet.write(Guard::Wallet), insert_entry(tenant, entry, entry.id.as_str())?])
}

/// Takes so much (micro-units) of what is left of a payment, or (negative) gives it back.
pub fn take(payment: &str, micros: i64) -> Write {
    let update = Update::of(keys::payment(payment)).add("reversible", micros.saturating_neg());
    let update = if micros > 0 { update.when_at_least("reversible", micros) } else { update.when_exists() };
    update.write(Guard::Payment)
}

/// Remembers a refund that was not heard of before.
pub fn refund_insert(record: &RefundRecord) -> Result<Write, StoreError> {
    let key = keys::refund(&record.payment, &record.refund);
    Ok(Write::insert(Guard::Refund, with_key(encode(record)?, &key)))
}

/// A booked refund failed.
pub fn refund_returned(record: &RefundRecord) -> Result<Write, StoreError> {
    let update = Update::of(keys::refund(&record.payment, &record.refund))
        .set("state", &RefundState::Returned)?
        .set("returned_entry_id", &record.returned_entry_id)?
        .when_is("state", &RefundState::Booked)?;
    Ok(update.write(Guard::Refund))
}

/// Remembers a dispute that was not heard of before.
pub fn dispute_insert(record: &DisputeRecord) -> Result<Write, StoreError> {
    let key = keys::dispute(&record.payment, &record.dispute);
    Ok(Write::insert(Guard::Dispute, with_key(encode(record)?, &key)))
}

/// A dispute went on from where it was read.
pub fn dispute_update(before: &DisputeRecord, after: &DisputeRecord) -> Result<Write, StoreError> {
    let update = Update::of(keys::dispute(&before.payment, &before.dispute))
        .when_is::<DisputeState>("state", &before.state)?
        .set("state", &after.state)?
        .set("entry_id", &after.entry_id)?
        .set("returned_entry_id", &after.returned_entry_id)?;
    let update = match &before.outcome {
        Some(outcome) => update.when_is("outcome", outcome)?,
        None => update.when_absent("outcome").set("outcome", &after.outcome)?,
    };
    Ok(update.write(Guard::Dispute))
}

/// Holds a contested sum, whatever the wallet has: wallet and hold.
pub fn hold(tenant: &TenantId, dispute: &str, amount: Money) -> Result<[Write; 2], StoreError> {
    let wallet = Update::of(keys::wallet(tenant, amount.currency))
        .add("held", amount.micros)
        .add("available", amount.micros.saturating_neg());
    let hold = Hold { cause: dispute.to_owned(), amount, state: HoldState::Held };
    let item = with_key(encode(&hold)?, &keys::hold(tenant, dispute));
    Ok([wallet.write(Guard::Wallet), Write::insert(Guard::Hold, item)])
}

/// Takes out what was held for a dispute: hold, wallet and entry.
pub fn debit_held(tenant: &TenantId, dispute: &str, entry: &Entry) -> Result<[Write; 3], StoreError> {
    let micros = entry.wallet_micros();
    let wallet = Update::of(keys::wallet(tenant, entry.currency))
        .add("held", micros)
        .add("balance", micros)
        .add("entries", 1)
        .when_at_least("held", micros.saturating_neg());
    let entry = insert_entry(tenant, entry, entry.id.as_str())?;
    Ok([resolve(tenant, dispute, HoldState::Captured)?, wallet.write(Guard::Wallet), entry])
}

/// No longer holds what was held for a dispute: hold and wallet.
pub fn unhold(tenant: &TenantId, dispute: &str, amount: Money) -> Result<[Write; 2], StoreError> {
    let wallet = Update::of(keys::wallet(tenant, amount.currency))
        .add("held", amount.micros.saturating_neg())
        .add("available", amount.micros)
        .when_at_least("held", amount.micros);
    Ok([resolve(tenant, dispute, HoldState::Voided)?, wallet.write(Guard::Wallet)])
}
