//! Disputes: a customer's bank takes the money back, and may have to return it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::account::{Account, instant};
use super::money::decimal;
use super::payments::Charge;
use super::table::{Head, Object};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    NeedsResponse,
    Won,
    Lost,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Dispute {
    head: Head,
    pub(super) status: Status,
    pub(super) intent: String,
    charge: String,
    amount: i64,
    currency: String,
    /// What it moved on the account's balance, in order.
    moved: Vec<i64>,
}

impl Account {
    pub(super) fn open_dispute(&mut self, charge: Charge, amount: i64, currency: &str) -> Dispute {
        let mut dispute = Dispute {
            head: self.head::<Dispute>(),
            status: Status::NeedsResponse,
            intent: charge.intent.clone(),
            charge: charge.head.id.clone(),
            amount,
            currency: currency.to_owned(),
            moved: Vec::new(),
        };
        self.charges.keep(&mut self.book, Charge { disputed: true, ..charge });
        self.emit("charge.dispute.created", dispute.wire());
        dispute.moved.push(-amount);
        self.emit("charge.dispute.funds_withdrawn", dispute.wire());
        self.disputes.keep(&mut self.book, dispute.clone());
        dispute
    }

    /// The money stays away when it is lost: nothing moves a second time.
    pub(super) fn close_dispute(&mut self, mut dispute: Dispute, won: bool) {
        dispute.status = if won { Status::Won } else { Status::Lost };
        self.emit("charge.dispute.closed", dispute.wire());
        if won {
            dispute.moved.push(dispute.amount);
            self.emit("charge.dispute.funds_reinstated", dispute.wire());
        }
        self.disputes.keep(&mut self.book, dispute);
    }
}

impl Dispute {
    pub(super) fn shown(&self) -> Value {
        json!({
            "id": self.head.id,
            "amount": decimal(self.amount, &self.currency),
            "currency": self.currency.to_ascii_uppercase(),
            "status": self.status,
            "payment_intent": self.intent,
            "balance": decimal(self.moved.iter().sum(), &self.currency),
            "created_at": instant(self.head.created),
        })
    }
}

impl Object for Dispute {
    const NAME: &'static str = "dispute";
    const PREFIX: &'static str = "du";

    fn head(&self) -> &Head {
        &self.head
    }

    fn wire(&self) -> Value {
        let currency = &self.currency;
        let moved = |amount: &i64| json!({ "object": "balance_transaction", "amount": amount, "currency": currency });
        json!({
            "id": self.head.id,
            "object": "dispute",
            "amount": self.amount,
            "balance_transactions": self.moved.iter().map(moved).collect::<Vec<_>>(),
            "charge": self.charge,
            "created": self.head.created,
            "currency": self.currency,
            "is_charge_refundable": false,
            "livemode": self.head.live,
            "metadata": {},
            "payment_intent": self.intent,
            "reason": "fraudulent",
            "status": self.status,
        })
    }
}
