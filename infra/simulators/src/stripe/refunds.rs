//! Refunds: parts of a charge on their way back, which may yet fail.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::account::{Account, instant};
use super::form::{Form, Params, Type};
use super::money::decimal;
use super::payments::{Charge, Intent, Status as IntentStatus};
use super::refusal::Refusal;
use super::table::{Head, LIST, Object};
use crate::server::Call;

const FIELDS: Params = &[
    ("amount", Type::Integer),
    ("charge", Type::Text),
    ("expand[#]", Type::Text),
    ("metadata", Type::Clearable),
    ("metadata[*]", Type::Clearable),
    ("payment_intent", Type::Text),
    ("reason", Type::OneOf(&["duplicate", "fraudulent", "requested_by_customer"])),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    Pending,
    Succeeded,
    Failed,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Refund {
    pub(super) head: Head,
    pub(super) status: Status,
    pub(super) intent: String,
    charge: String,
    amount: i64,
    currency: String,
    reason: Option<String>,
    metadata: BTreeMap<String, String>,
}

pub(super) fn create(account: &mut Account, call: &Call) -> Result<Value, Refusal> {
    let form = Form::of_body(call, FIELDS)?;
    let intent = match (form.text("payment_intent"), form.text("charge")) {
        (Some(id), _) => account.intents.given(id, "payment_intent")?.clone(),
        (None, Some(id)) => {
            let of = account.charges.given(id, "charge")?.intent.clone();
            account.intents.given(&of, "charge")?.clone()
        }
        (None, None) => return Err(Refusal::missing("payment_intent")),
    };
    let amount = form.text("amount").map(|_| form.amount("amount")).transpose()?;
    let metadata = form.metadata("metadata");
    let refund = account.refund(&intent, amount, form.owned("reason"), metadata, Status::Succeeded)?;
    account.expanded(refund.wire(), &form)
}

pub(super) fn list(account: &Account, call: &Call) -> Result<Value, Refusal> {
    let own = [("charge", Type::Text), ("payment_intent", Type::Text)];
    let form = Form::of_query(call, &[LIST, &own].concat())?;
    let asked = |refund: &Refund| {
        form.text("charge").is_none_or(|id| refund.charge == id)
            && form.text("payment_intent").is_none_or(|id| refund.intent == id)
    };
    account.refunds.page(&form, "/v1/refunds", asked)
}

impl Account {
    /// All that is left when no amount is given.
    pub(super) fn refund(
        &mut self,
        intent: &Intent,
        amount: Option<i64>,
        reason: Option<String>,
        metadata: BTreeMap<String, String>,
        status: Status,
    ) -> Result<Refund, Refusal> {
        let charge = self.paid_charge(intent)?;
        let left = charge.amount - charge.refunded;
        if left == 0 {
            let message = format!("Charge {} has already been refunded.", charge.head.id);
            return Err(Refusal::of_param("charge_already_refunded", "payment_intent", message));
        }
        let amount = amount.unwrap_or(left);
        if amount > left {
            let shown = |minor| decimal(minor, &intent.currency);
            let message = format!(
                "Refund amount ({}) is greater than unrefunded amount on charge ({}).",
                shown(amount),
                shown(left)
            );
            return Err(Refusal::invalid(message).with("param", "amount"));
        }
        let refund = Refund {
            head: self.head::<Refund>(),
            status,
            intent: intent.head.id.clone(),
            charge: charge.head.id.clone(),
            amount,
            currency: intent.currency.clone(),
            reason,
            metadata,
        };
        let charge = Charge { refunded: charge.refunded + amount, ..charge };
        self.refunds.keep(&mut self.book, refund.clone());
        self.charges.keep(&mut self.book, charge.clone());
        self.emit("refund.created", refund.wire());
        self.emit("charge.refunded", charge.wire());
        Ok(refund)
    }

    /// The bank had the last word. A failed one is money that is ours again.
    pub(super) fn end_refund(&mut self, refund: Refund, status: Status) -> Refund {
        let refund = Refund { status, ..refund };
        let event = match status {
            Status::Failed => {
                if let Some(charge) = self.charges.get(&refund.charge).cloned() {
                    let charge = Charge { refunded: charge.refunded - refund.amount, ..charge };
                    self.charges.keep(&mut self.book, charge);
                }
                "refund.failed"
            }
            Status::Pending | Status::Succeeded => "refund.updated",
        };
        self.refunds.keep(&mut self.book, refund.clone());
        self.emit(event, refund.wire());
        refund
    }

    pub(super) fn paid_charge(&self, intent: &Intent) -> Result<Charge, Refusal> {
        let charge = intent.latest_charge.as_deref().filter(|_| intent.status == IntentStatus::Succeeded);
        charge.and_then(|id| self.charges.get(id)).cloned().ok_or_else(|| {
            let message =
                format!("This PaymentIntent ({}) does not have a successful charge to refund.", intent.head.id);
            Refusal::of_param("payment_intent_unexpected_state", "payment_intent", message)
        })
    }
}

impl Refund {
    pub(super) fn shown(&self) -> Value {
        json!({
            "id": self.head.id,
            "amount": decimal(self.amount, &self.currency),
            "currency": self.currency.to_ascii_uppercase(),
            "status": self.status,
            "payment_intent": self.intent,
            "metadata": self.metadata,
            "created_at": instant(self.head.created),
        })
    }
}

impl Object for Refund {
    const NAME: &'static str = "refund";
    const PREFIX: &'static str = "re";

    fn head(&self) -> &Head {
        &self.head
    }

    fn wire(&self) -> Value {
        let mut wire = json!({
            "id": self.head.id,
            "object": "refund",
            "amount": self.amount,
            "balance_transaction": null,
            "charge": self.charge,
            "created": self.head.created,
            "currency": self.currency,
            "metadata": self.metadata,
            "payment_intent": self.intent,
            "reason": self.reason,
            "status": self.status,
        });
        if self.status == Status::Failed {
            wire["failure_reason"] = json!("lost_or_stolen_card");
        }
        wire
    }
}
