//! What a payment credited, and what of it went back: refunds and disputes.
//!
//! A payment is credited once. Refunds and disputes together never take more than it credited; what goes beyond is not
//! booked and somebody is told. Each refund and each dispute only moves forward, in whatever order its news arrives.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{EntryId, TenantId, TopUpId};
use crate::money::Money;
use crate::payment::{DisputeOutcome, DisputeStep};

/// A payment that was credited: the permanent guard against crediting it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentRecord {
    /// The provider's id (`pi_…`).
    pub payment: String,
    /// To whose wallet.
    pub tenant_id: TenantId,
    /// For which top-up.
    pub top_up_id: TopUpId,
    /// How much.
    pub credited: Money,
    /// What of it refunds and disputes have not taken, in micro-units.
    pub reversible: i64,
    /// The ledger's entry of it.
    pub entry_id: EntryId,
    /// When.
    pub created_at: Timestamp,
}

/// A refund that was heard of: the permanent guard against booking it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundRecord {
    /// The provider's id (`re_…`).
    pub refund: String,
    /// Of which payment.
    pub payment: String,
    /// From whose wallet.
    pub tenant_id: TenantId,
    /// How much the provider says.
    pub amount: Money,
    /// How much of it was booked, in micro-units.
    pub booked: i64,
    /// Whether it stands.
    pub state: RefundState,
    /// The ledger's entry of it, if anything was booked.
    pub entry_id: Option<EntryId>,
    /// The ledger's entry that took it back.
    pub returned_entry_id: Option<EntryId>,
    /// When it was first heard of.
    pub created_at: Timestamp,
}

/// How a refund stands with us; it never goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundState {
    /// Taken out of the wallet.
    Booked,
    /// It failed: in the wallet again, or never taken out of it.
    Returned,
}

/// What news of a refund asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundMove {
    /// Old news.
    Nothing,
    /// Take so much (micro-units) out of the wallet; `short` when the refund is for more than is left of the payment.
    Book { micros: i64, short: bool },
    /// Remember that it failed before it was booked, so that late news does not book it.
    Remember,
    /// Put so much (micro-units) back.
    Return { micros: i64 },
}

/// What to do on hearing of a refund of `amount` micro-units that does or does not stand, with so much left of its payment.
#[must_use]
pub fn refund_told(before: Option<&RefundRecord>, stands: bool, amount: i64, reversible: i64) -> RefundMove {
    match (before.map(|record| record.state), stands) {
        (None, true) => {
            let micros = amount.min(reversible).max(0);
            RefundMove::Book { micros, short: micros < amount }
        }
        (None, false) => RefundMove::Remember,
        (Some(RefundState::Booked), false) => RefundMove::Return { micros: before.map_or(0, |record| record.booked) },
        (Some(RefundState::Booked), true) | (Some(RefundState::Returned), _) => RefundMove::Nothing,
    }
}

/// A dispute that was heard of: the permanent guard against taking any of its steps twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisputeRecord {
    /// The provider's id (`dp_…`).
    pub dispute: String,
    /// Of which payment.
    pub payment: String,
    /// From whose wallet.
    pub tenant_id: TenantId,
    /// How much the provider says.
    pub amount: Money,
    /// How much of it is held or was debited, in micro-units.
    pub booked: i64,
    /// How it stands.
    pub state: DisputeState,
    /// How it ended, if it has.
    pub outcome: Option<DisputeOutcome>,
    /// The ledger's entry of the debit.
    pub entry_id: Option<EntryId>,
    /// The ledger's entry that took the debit back.
    pub returned_entry_id: Option<EntryId>,
    /// When it was first heard of.
    pub created_at: Timestamp,
}

/// How a dispute stands with the wallet; it only moves down this list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisputeState {
    /// The sum is held.
    Held,
    /// The sum was taken out.
    Debited,
    /// The sum is the tenant's again.
    Released,
}

/// What a step of a dispute does to the wallet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisputeMoney {
    /// Nothing.
    Stay,
    /// Hold the sum.
    Hold,
    /// Take out what is held.
    DebitHeld,
    /// Take out what was not held before.
    Debit,
    /// No longer hold it.
    Unhold,
    /// Put back what was taken out.
    Return,
}

/// What news of a dispute asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DisputeMove {
    /// Where it stands then.
    pub to: DisputeState,
    /// How it ended, as far as is known then.
    pub outcome: Option<DisputeOutcome>,
    /// What happens to the wallet.
    pub money: DisputeMoney,
}

/// What to do on hearing of a step in a dispute's life; `None` for old news.
///
/// Steps may arrive in any order: one that was overtaken (the withdrawal, after the money was given back) does nothing any
/// more. A dispute that is lost is debited even if the news of the withdrawal never comes; one that is won while the sum is
/// only held is over, and one that is won after the withdrawal waits for the money.
#[must_use]
pub fn dispute_told(
    before: Option<&DisputeRecord>,
    step: DisputeStep,
    outcome: Option<DisputeOutcome>,
) -> Option<DisputeMove> {
    use DisputeMoney::{Debit, DebitHeld, Hold, Return, Stay, Unhold};
    use DisputeState::{Debited, Held, Released};
    let known = before.and_then(|record| record.outcome);
    let outcome = known.or(outcome);
    let state = before.map(|record| record.state);
    let ended = match (step, outcome) {
        (DisputeStep::Withdrawn, _) => Some(Debited),
        (DisputeStep::Reinstated, _) => Some(Released),
        (DisputeStep::Told | DisputeStep::Closed, Some(DisputeOutcome::Lost)) => Some(Debited),
        // What was withdrawn comes back by a step of its own.
        (DisputeStep::Told | DisputeStep::Closed, Some(DisputeOutcome::Won)) if state == Some(Debited) => None,
        (DisputeStep::Told | DisputeStep::Closed, Some(DisputeOutcome::Won)) => Some(Released),
        (DisputeStep::Told | DisputeStep::Closed, None) => Some(Held),
    };
    let to = state.max(ended)?;
    let money = match (state, to) {
        (None, Held) => Hold,
        (None, Debited) => Debit,
        (None, Released) => Stay,
        (Some(Held), Debited) => DebitHeld,
        (Some(Held), Released) => Unhold,
        (Some(Debited), Released) => Return,
        (Some(Held), Held) | (Some(Debited), Held | Debited) | (Some(Released), _) => Stay,
    };
    let news = state != Some(to) || known != outcome;
    news.then_some(DisputeMove { to, outcome, money })
}

/// How much of a dispute of `amount` micro-units is taken, with so much left of its payment, and whether that is too little.
#[must_use]
pub fn dispute_takes(amount: i64, reversible: i64) -> (i64, bool) {
    let micros = amount.min(reversible).max(0);
    (micros, micros < amount)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Currency;

    fn usd(micros: i64) -> Money {
        Money::from_micros(micros, Currency::USD)
    }

    fn refund(state: RefundState, booked: i64) -> RefundRecord {
        RefundRecord {
            refund: "re_1".into(),
            payment: "pi_1".into(),
            tenant_id: "acme".parse().unwrap(),
            amount: usd(booked),
            booked,
            state,
            entry_id: None,
            returned_entry_id: None,
            created_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_refund_is_booked_once_and_returned_once_and_never_beyond_its_payment() {
        let check = |before: Option<RefundRecord>, stands: bool, amount: i64, left: i64, expected: RefundMove| {
            assert_eq!(
                refund_told(before.as_ref(), stands, amount, left),
                expected,
                "{before:?} {stands} {amount} {left}"
            );
        };
        check(None, true, 10, 25, RefundMove::Book { micros: 10, short: false });
        check(None, true, 25, 25, RefundMove::Book { micros: 25, short: false });
        check(None, true, 30, 25, RefundMove::Book { micros: 25, short: true });
        check(None, true, 5, 0, RefundMove::Book { micros: 0, short: true });
        check(None, false, 10, 25, RefundMove::Remember);
        check(Some(refund(RefundState::Booked, 10)), true, 10, 15, RefundMove::Nothing);
        check(Some(refund(RefundState::Booked, 10)), false, 10, 15, RefundMove::Return { micros: 10 });
        check(Some(refund(RefundState::Returned, 10)), true, 10, 25, RefundMove::Nothing);
        check(Some(refund(RefundState::Returned, 10)), false, 10, 25, RefundMove::Nothing);
    }

    fn dispute(state: DisputeState, outcome: Option<DisputeOutcome>) -> DisputeRecord {
        DisputeRecord {
            dispute: "dp_1".into(),
            payment: "pi_1".into(),
            tenant_id: "acme".parse().unwrap(),
            amount: usd(10),
            booked: 10,
            state,
            outcome,
            entry_id: None,
            returned_entry_id: None,
            created_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_dispute_moves_money_once_a_step_and_only_forward() {
        use DisputeMoney::{Debit, DebitHeld, Hold, Return, Stay, Unhold};
        use DisputeOutcome::{Lost, Won};
        use DisputeState::{Debited, Held, Released};
        use DisputeStep::{Closed, Reinstated, Told, Withdrawn};
        type Expected = Option<(DisputeState, DisputeMoney)>;
        let check =
            |state: Option<DisputeState>, step: DisputeStep, outcome: Option<DisputeOutcome>, expected: Expected| {
                let before = state.map(|state| dispute(state, None));
                let got = dispute_told(before.as_ref(), step, outcome).map(|told| (told.to, told.money));
                assert_eq!(got, expected, "{state:?} {step:?} {outcome:?}");
            };
        check(None, Told, None, Some((Held, Hold)));
        check(None, Withdrawn, None, Some((Debited, Debit)));
        check(None, Reinstated, None, Some((Released, Stay)));
        check(None, Closed, Some(Won), Some((Released, Stay)));
        check(None, Closed, Some(Lost), Some((Debited, Debit)));
        check(None, Closed, None, Some((Held, Hold)));
        check(Some(Held), Told, None, None);
        check(Some(Held), Withdrawn, None, Some((Debited, DebitHeld)));
        check(Some(Held), Reinstated, None, Some((Released, Unhold)));
        check(Some(Held), Closed, Some(Won), Some((Released, Unhold)));
        check(Some(Held), Closed, Some(Lost), Some((Debited, DebitHeld)));
        check(Some(Held), Told, Some(Lost), Some((Debited, DebitHeld)));
        check(Some(Debited), Told, None, None);
        check(Some(Debited), Withdrawn, None, None);
        check(Some(Debited), Reinstated, None, Some((Released, Return)));
        check(Some(Debited), Closed, Some(Won), Some((Debited, Stay)));
        check(Some(Debited), Closed, Some(Lost), Some((Debited, Stay)));
        check(Some(Released), Told, None, None);
        check(Some(Released), Withdrawn, None, None);
        check(Some(Released), Reinstated, None, None);
        check(Some(Released), Closed, Some(Won), Some((Released, Stay)));
        // Told again how it ended: nothing.
        assert_eq!(dispute_told(Some(&dispute(Released, Some(Won))), Closed, Some(Won)), None);
        assert_eq!(dispute_told(Some(&dispute(Debited, Some(Lost))), Closed, Some(Lost)), None);
        // The first word on how it ended counts.
        assert_eq!(dispute_told(Some(&dispute(Debited, Some(Lost))), Closed, Some(Won)), None);
    }

    /// Every order of a won dispute's news leaves the wallet as it was, of a lost one's takes the sum once.
    #[test]
    fn the_order_of_the_news_does_not_matter() {
        use DisputeOutcome::{Lost, Won};
        use DisputeStep::{Closed, Reinstated, Told, Withdrawn};
        let won = [(Told, None), (Withdrawn, None), (Closed, Some(Won)), (Reinstated, None)];
        let lost = [(Told, None), (Withdrawn, None), (Closed, Some(Lost)), (Told, None)];
        for (news, expected) in [(won, 0), (lost, -10)] {
            for order in orders(&[0, 1, 2, 3]) {
                let (mut record, mut balance, mut held) = (None::<DisputeRecord>, 0, 0);
                for (step, outcome) in order.iter().chain(&order).map(|n| news[*n]) {
                    let Some(told) = dispute_told(record.as_ref(), step, outcome) else { continue };
                    match told.money {
                        DisputeMoney::Stay => {}
                        DisputeMoney::Hold => held += 10,
                        DisputeMoney::DebitHeld => (held, balance) = (held - 10, balance - 10),
                        DisputeMoney::Debit => balance -= 10,
                        DisputeMoney::Unhold => held -= 10,
                        DisputeMoney::Return => balance += 10,
                    }
                    record = Some(dispute(told.to, told.outcome));
                }
                assert_eq!((balance, held), (expected, 0), "{order:?}");
            }
        }
    }

    fn orders(of: &[usize]) -> Vec<Vec<usize>> {
        match of {
            [] => vec![vec![]],
            some => some
                .iter()
                .flat_map(|first| {
                    let rest: Vec<usize> = some.iter().filter(|n| *n != first).copied().collect();
                    orders(&rest).into_iter().map(move |rest| [vec![*first], rest].concat())
                })
                .collect(),
        }
    }
}
