//! I4 and I5 for money from outside: every payment credited once, nothing given back beyond it, and every entry of this sort
//! with the one payment, refund or dispute that caused it.

use std::collections::BTreeMap;

use domain::Money;
use domain::reversal::{DisputeState, RefundState};
use domain::top_up::TopUpStatus;
use domain::wallet::{Entry, EntryKind};
use serde_json::Value;

use super::{Books, Violation, violation};

/// What refunds and disputes have taken out of a wallet, or hold, in micro-units.
pub(super) fn went_back(books: &Books, tenant: &str, currency: &str) -> i64 {
    let payments = books.payments.iter().filter(|payment| payment.tenant_id.as_str() == tenant);
    let of_currency = payments.filter(|payment| payment.credited.currency.as_str() == currency);
    of_currency.map(|payment| taken(books, &payment.payment)).sum()
}

/// What refunds and disputes have taken of a payment.
fn taken(books: &Books, payment: &str) -> i64 {
    let refunds = books.refunds.iter().filter(|refund| refund.payment == payment);
    let refunds = refunds.filter(|refund| refund.state == RefundState::Booked).map(|refund| refund.booked);
    let disputes = books.disputes.iter().filter(|dispute| dispute.payment == payment);
    let disputes = disputes.filter(|dispute| dispute.state != DisputeState::Released).map(|dispute| dispute.booked);
    refunds.chain(disputes).sum()
}

/// I5, with what the payment provider has of it.
pub(super) fn paid_in_once(books: &Books, provider: &Value, found: &mut Vec<Violation>) {
    let mut causes: BTreeMap<&str, (EntryKind, i64, &str)> = BTreeMap::new();
    for payment in &books.payments {
        let (id, credited) = (payment.payment.as_str(), payment.credited.micros);
        let tenant = payment.tenant_id.as_str();
        causes.insert(payment.entry_id.as_str(), (EntryKind::TopUp, credited, tenant));
        if payment.reversible != credited - taken(books, id) || payment.reversible < 0 {
            let detail = format!("{} of {credited} can go back, and {} has", payment.reversible, taken(books, id));
            violation(found, "I5", id, detail);
        }
        let top_up = books.top_ups.iter().find(|top_up| top_up.id == payment.top_up_id);
        let its = top_up.is_some_and(|top_up| {
            let paid = top_up.status == TopUpStatus::Paid && top_up.payment.as_deref() == Some(id);
            paid && top_up.tenant_id == payment.tenant_id && top_up.amount == payment.credited
        });
        if !its {
            violation(found, "I5", id, "was credited, and its top-up is not paid by it");
        }
        if !received(provider, id, payment.credited) {
            violation(found, "I5", id, "was credited, and the payment provider has not received it");
        }
    }
    for top_up in books.top_ups.iter().filter(|top_up| top_up.status == TopUpStatus::Paid) {
        let credited = books.payments.iter().filter(|payment| payment.top_up_id == top_up.id).count();
        if credited != 1 {
            violation(found, "I5", top_up.id.as_str(), format!("is paid, and was credited {credited} times"));
        }
    }
    for top_up in books.top_ups.iter().filter(|top_up| top_up.status.unfinished() != top_up.look_at.is_some()) {
        violation(found, "I2", top_up.id.as_str(), "is looked at though it is over, or not though it is not");
    }
    for refund in &books.refunds {
        let tenant = refund.tenant_id.as_str();
        let out = refund.entry_id.iter().map(|id| (id, (EntryKind::Refund, -refund.booked, tenant)));
        let back = refund.returned_entry_id.iter().map(|id| (id, (EntryKind::RefundReturned, refund.booked, tenant)));
        causes.extend(out.chain(back).map(|(id, cause)| (id.as_str(), cause)));
    }
    for dispute in &books.disputes {
        let tenant = dispute.tenant_id.as_str();
        let out = dispute.entry_id.iter().map(|id| (id, (EntryKind::Dispute, -dispute.booked, tenant)));
        let back = dispute.returned_entry_id.iter();
        let back = back.map(|id| (id, (EntryKind::DisputeReturned, dispute.booked, tenant)));
        causes.extend(out.chain(back).map(|(id, cause)| (id.as_str(), cause)));
    }
    for (tenant, entry) in books.entries.iter().filter(|(_, entry)| from_outside(entry)) {
        let expected = causes.remove(entry.id.as_str());
        if expected != Some((entry.kind, entry.wallet_micros(), tenant.as_str())) {
            violation(found, "I5", entry.id.as_str(), format!("is not what caused it: {expected:?}"));
        }
    }
    for (entry, cause) in causes {
        violation(found, "I5", entry, format!("there is no such entry, and it was caused: {cause:?}"));
    }
}

fn from_outside(entry: &Entry) -> bool {
    match entry.kind {
        EntryKind::TopUp
        | EntryKind::Refund
        | EntryKind::RefundReturned
        | EntryKind::Dispute
        | EntryKind::DisputeReturned => true,
        EntryKind::NumberCharge | EntryKind::UsageCharge | EntryKind::Adjustment => false,
    }
}

/// Whether the provider says that it received this amount by this payment.
fn received(provider: &Value, id: &str, amount: Money) -> bool {
    let payments = provider["payments"].as_array().into_iter().flatten();
    payments.filter(|payment| payment["id"] == id).any(|payment| {
        let text = payment["amount_received"].as_str().unwrap_or_default();
        let same_currency = payment["currency"] == amount.currency.as_str();
        payment["status"] == "succeeded" && same_currency && Money::parse(text, amount.currency) == Ok(amount)
    })
}
