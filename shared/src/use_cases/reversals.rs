//! Refunds and disputes: money that goes back, whatever the wallet has left.
//!
//! What a step does is decided in `domain::reversal`; here it is booked, together with its permanent guard.

use domain::payment::{Dispute, DisputeStep, Refund};
use domain::ports::ProviderErrorKind;
use domain::reversal::{
    self, DisputeMoney, DisputeMove, DisputeRecord, PaymentRecord, RefundMove, RefundRecord, RefundState,
};
use domain::wallet::EntryKind;
use domain::{Money, limits};
use serde_json::json;
use store::{TransactError, Write};

use super::payments::{NotNow, entry, event};
use super::recovery;
use crate::App;

/// Deals with how a refund stands.
///
/// # Errors
/// [`NotNow`], also for a refund whose payment is ours and not credited yet.
pub(super) async fn refund_told(app: &App, refund: &Refund) -> Result<(), NotNow> {
    let Some(payment) = &refund.payment else { return Ok(()) };
    for _ in 0..limits::BOOKING_TRIES_MAX {
        let Some(record) = reversed(app, payment, refund.amount, &refund.id).await? else { return Ok(()) };
        let before = app.store.refund_get(payment, &refund.id).await?;
        let asked = reversal::refund_told(before.as_ref(), refund.stands, refund.amount.micros, record.reversible);
        let money = |micros: i64| Money::from_micros(micros, record.credited.currency);
        let fresh = RefundRecord {
            refund: refund.id.clone(),
            payment: payment.clone(),
            tenant_id: record.tenant_id.clone(),
            amount: refund.amount,
            booked: 0,
            state: RefundState::Returned,
            entry_id: None,
            returned_entry_id: None,
            created_at: app.clock.now(),
        };
        let (writes, short, back) = match (asked, before) {
            (RefundMove::Nothing, _) | (RefundMove::Return { .. }, None) => return Ok(()),
            (RefundMove::Remember, _) => (vec![store::payment::refund_insert(&fresh)?], false, false),
            (RefundMove::Book { micros, short }, _) => {
                let mut booked = RefundRecord { booked: micros, state: RefundState::Booked, ..fresh };
                let mut writes = Vec::new();
                if micros > 0 {
                    let out = entry(app, EntryKind::Refund, money(micros).negated(), "Refund of a top-up");
                    booked.entry_id = Some(out.id.clone());
                    writes.push(store::payment::take(payment, micros));
                    writes.extend(store::payment::moved(&record.tenant_id, &out)?);
                    writes.push(told(app, &record, "wallet.refunded", money(micros))?);
                }
                writes.push(store::payment::refund_insert(&booked)?);
                (writes, short, false)
            }
            (RefundMove::Return { micros }, Some(before)) => {
                let mut returned = before;
                let mut writes = Vec::new();
                if micros > 0 {
                    let back = entry(app, EntryKind::RefundReturned, money(micros), "A refund that failed");
                    returned.returned_entry_id = Some(back.id.clone());
                    writes.push(store::payment::take(payment, micros.saturating_neg()));
                    writes.extend(store::payment::moved(&record.tenant_id, &back)?);
                    writes.push(told(app, &record, "wallet.refund_returned", money(micros))?);
                }
                writes.push(store::payment::refund_returned(&returned)?);
                (writes, false, micros > 0)
            }
        };
        match app.store.transact(writes).await {
            Ok(()) => {
                if short {
                    exceeds(&record, &refund.id);
                }
                if back {
                    recovery::after_credit(app, &record.tenant_id, record.credited.currency).await;
                }
                return Ok(());
            }
            Err(TransactError::Lost(_)) => {}
            Err(TransactError::Store(error)) => return Err(error.into()),
        }
    }
    Err(NotNow::Contended)
}

/// Deals with a step in a dispute's life.
///
/// # Errors
/// [`NotNow`], also for a dispute whose payment is ours and not credited yet.
pub(super) async fn dispute_told(app: &App, dispute: &Dispute, step: DisputeStep) -> Result<(), NotNow> {
    let Some(payment) = &dispute.payment else { return Ok(()) };
    for _ in 0..limits::BOOKING_TRIES_MAX {
        let Some(record) = reversed(app, payment, dispute.amount, &dispute.id).await? else { return Ok(()) };
        let before = app.store.dispute_get(payment, &dispute.id).await?;
        let Some(asked) = reversal::dispute_told(before.as_ref(), step, dispute.outcome) else { return Ok(()) };
        let (takes, short) = reversal::dispute_takes(dispute.amount.micros, record.reversible);
        let after = DisputeRecord {
            state: asked.to,
            outcome: asked.outcome,
            ..before.clone().unwrap_or_else(|| DisputeRecord {
                dispute: dispute.id.clone(),
                payment: payment.clone(),
                tenant_id: record.tenant_id.clone(),
                amount: dispute.amount,
                booked: match asked.money {
                    DisputeMoney::Hold | DisputeMoney::Debit => takes,
                    DisputeMoney::Stay | DisputeMoney::DebitHeld | DisputeMoney::Unhold | DisputeMoney::Return => 0,
                },
                state: asked.to,
                outcome: None,
                entry_id: None,
                returned_entry_id: None,
                created_at: app.clock.now(),
            })
        };
        let short = short && before.is_none() && matches!(asked.money, DisputeMoney::Hold | DisputeMoney::Debit);
        let writes = dispute_writes(app, &record, before.as_ref(), after, asked)?;
        match app.store.transact(writes).await {
            Ok(()) => {
                if short {
                    exceeds(&record, &dispute.id);
                }
                if matches!(asked.money, DisputeMoney::Unhold | DisputeMoney::Return) {
                    recovery::after_credit(app, &record.tenant_id, record.credited.currency).await;
                }
                return Ok(());
            }
            Err(TransactError::Lost(_)) => {}
            Err(TransactError::Store(error)) => return Err(error.into()),
        }
    }
    Err(NotNow::Contended)
}

/// A step of a dispute: its record, what it takes of the payment, the wallet, and the news of it.
fn dispute_writes(
    app: &App,
    record: &PaymentRecord,
    before: Option<&DisputeRecord>,
    mut after: DisputeRecord,
    asked: DisputeMove,
) -> Result<Vec<Write>, NotNow> {
    use store::payment::{debit_held, hold, moved, take, unhold};
    let amount = Money::from_micros(after.booked, record.credited.currency);
    let (tenant, payment, id) = (&record.tenant_id, &record.payment, after.dispute.clone());
    let debit = || entry(app, EntryKind::Dispute, amount.negated(), "A contested payment");
    let mut writes = Vec::new();
    if amount.micros > 0 {
        match asked.money {
            DisputeMoney::Stay => {}
            DisputeMoney::Hold => {
                writes.push(take(payment, amount.micros));
                writes.extend(hold(tenant, &id, amount)?);
                writes.push(told(app, record, "wallet.dispute_opened", amount)?);
            }
            DisputeMoney::Debit => {
                let out = debit();
                after.entry_id = Some(out.id.clone());
                writes.push(take(payment, amount.micros));
                writes.extend(moved(tenant, &out)?);
                writes.push(told(app, record, "wallet.dispute_withdrawn", amount)?);
            }
            DisputeMoney::DebitHeld => {
                let out = debit();
                after.entry_id = Some(out.id.clone());
                writes.extend(debit_held(tenant, &id, &out)?);
                writes.push(told(app, record, "wallet.dispute_withdrawn", amount)?);
            }
            DisputeMoney::Unhold => {
                writes.push(take(payment, amount.micros.saturating_neg()));
                writes.extend(unhold(tenant, &id, amount)?);
                writes.push(told(app, record, "wallet.dispute_returned", amount)?);
            }
            DisputeMoney::Return => {
                let back = entry(app, EntryKind::DisputeReturned, amount, "A contested payment came back");
                after.returned_entry_id = Some(back.id.clone());
                writes.push(take(payment, amount.micros.saturating_neg()));
                writes.extend(moved(tenant, &back)?);
                writes.push(told(app, record, "wallet.dispute_returned", amount)?);
            }
        }
    }
    if let Some(outcome) = after.outcome.filter(|_| before.is_none_or(|before| before.outcome.is_none())) {
        let data = json!({ "top_up_id": record.top_up_id, "amount": amount, "outcome": outcome });
        writes.push(event(app, tenant, "wallet.dispute_closed", data)?);
    }
    writes.push(match before {
        None => store::payment::dispute_insert(&after)?,
        Some(before) => store::payment::dispute_update(before, &after)?,
    });
    Ok(writes)
}

/// The payment that is reversed, if it is ours and of the same currency. One that is ours and was not credited yet is
/// waited for; one that never will be is not.
async fn reversed(app: &App, payment: &str, amount: Money, by: &str) -> Result<Option<PaymentRecord>, NotNow> {
    if let Some(record) = app.store.payment_get(payment).await? {
        if record.credited.currency == amount.currency {
            return Ok(Some(record));
        }
        tracing::error!(
            alarm = "payment_mismatch",
            payment.id = payment,
            reversal.id = by,
            "a reversal in another currency than its payment"
        );
        return Ok(None);
    }
    let told = match app.providers.payments().await?.payment_get(payment).await {
        Ok(told) => told,
        Err(error) if error.kind == ProviderErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let Some(id) = told.top_up_id else { return Ok(None) };
    match app.store.top_up_find(&id).await? {
        None => Ok(None),
        Some(top_up) if top_up.review.as_ref().is_some_and(|review| review.subject == payment) => {
            tracing::warn!(payment.id = payment, reversal.id = by, "a payment that was never credited was reversed");
            Ok(None)
        }
        Some(_) => Err(NotNow::BeforeItsPayment),
    }
}

fn exceeds(record: &PaymentRecord, by: &str) {
    tracing::error!(
        alarm = "reversals_exceed_credit",
        payment.id = record.payment,
        tenant.id = %record.tenant_id,
        reversal.id = by,
        "refunds and disputes of a payment are more than it credited"
    );
}

fn told(app: &App, record: &PaymentRecord, kind: &str, amount: Money) -> Result<Write, NotNow> {
    Ok(event(app, &record.tenant_id, kind, json!({ "top_up_id": record.top_up_id, "amount": amount }))?)
}
