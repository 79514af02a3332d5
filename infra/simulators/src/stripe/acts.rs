//! What the outside world does: a customer on the checkout page, a bank, somebody at the dashboard.
//!
//! Refused in plain words, because whoever asks is a test or a person at the control surface.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::account::Account;
use super::cards::{Card, DECLINED};
use super::customers::Method;
use super::disputes::{Dispute, Status as DisputeStatus};
use super::money::minor;
use super::payments::{Intent, Status as IntentStatus};
use super::refunds::{Refund, Status as RefundStatus};
use super::sessions::{Session, Status as SessionStatus};
use super::table::Object as _;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pay {
    /// A session, or an intent that is processing.
    session: String,
    #[serde(default)]
    outcome: PayOutcome,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PayOutcome {
    #[default]
    Paid,
    Declined,
    /// Paid in a way that takes days: nothing has arrived yet.
    Async,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Back {
    payment_intent: String,
    amount: Option<Value>,
    outcome: Option<BackOutcome>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum BackOutcome {
    Succeeded,
    Failed,
    Pending,
    Won,
    Lost,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SetCard {
    customer: Option<String>,
    card: Card,
}

impl Account {
    pub(super) fn card(&mut self, request: &SetCard) -> Result<(), String> {
        self.set_card(request.customer.as_deref(), request.card)
    }

    /// Answers the intent's id.
    pub(super) fn pay(&mut self, request: &Pay) -> Result<String, String> {
        let outcome = request.outcome;
        if let Some(session) = self.sessions.get(&request.session).cloned() {
            return self.pay_session(session, outcome);
        }
        let Some(intent) = self.intents.get(&request.session).cloned() else {
            return Err(format!("session: there is no {}", request.session));
        };
        match intent.session.as_deref().and_then(|id| self.sessions.get(id)).cloned() {
            Some(session) => self.pay_session(session, outcome),
            None if intent.status == IntentStatus::Processing => Ok(self.end_processing(intent, outcome)),
            None => Err(format!("session: {} is not processing", intent.head.id)),
        }
    }

    fn pay_session(&mut self, session: Session, outcome: PayOutcome) -> Result<String, String> {
        let id = session.head.id.clone();
        match session.status {
            SessionStatus::Open => Ok(self.submit(session, outcome)),
            SessionStatus::Expired => Err(format!("session: {id} has expired")),
            SessionStatus::Complete => {
                let intent = session.intent.as_deref().and_then(|intent| self.intents.get(intent)).cloned();
                let intent = intent.filter(|intent| intent.status == IntentStatus::Processing);
                let intent = intent.ok_or_else(|| format!("session: {id} is complete"))?;
                Ok(self.end_async(session, intent, outcome))
            }
        }
    }

    /// The customer presses the button. After a decline the page stays open for another try.
    fn submit(&mut self, session: Session, outcome: PayOutcome) -> String {
        let intent = self.attempt(&session);
        let id = intent.head.id.clone();
        let session = Session { intent: Some(id.clone()), ..session };
        let session = match outcome {
            PayOutcome::Declined => {
                self.fail(intent, &DECLINED);
                session
            }
            PayOutcome::Paid => {
                self.succeed(intent);
                Session { status: SessionStatus::Complete, paid: true, ..session }
            }
            PayOutcome::Async => {
                self.process(intent);
                Session { status: SessionStatus::Complete, ..session }
            }
        };
        if session.status == SessionStatus::Complete {
            self.emit("checkout.session.completed", session.wire());
        }
        self.sessions.keep(&mut self.book, session);
        id
    }

    fn end_async(&mut self, session: Session, intent: Intent, outcome: PayOutcome) -> String {
        let id = self.end_processing(intent, outcome);
        let paid = outcome != PayOutcome::Declined;
        let session = Session { paid, ..session };
        let event =
            if paid { "checkout.session.async_payment_succeeded" } else { "checkout.session.async_payment_failed" };
        self.emit(event, session.wire());
        self.sessions.keep(&mut self.book, session);
        id
    }

    fn end_processing(&mut self, intent: Intent, outcome: PayOutcome) -> String {
        let ended = match outcome {
            PayOutcome::Paid | PayOutcome::Async => self.succeed(intent),
            PayOutcome::Declined => self.fail(intent, &DECLINED),
        };
        ended.head.id
    }

    /// The session's intent with the card the customer typed in, which is kept only when asked for.
    fn attempt(&mut self, session: &Session) -> Intent {
        let kept = session.setup_future_usage.is_some();
        let customer = session.customer.clone().filter(|_| kept);
        let method = Method { head: self.head::<Method>(), customer };
        let method_id = Some(method.head.id.clone());
        self.methods.keep(&mut self.book, method);
        let tried = session.intent.as_deref().and_then(|id| self.intents.get(id)).cloned();
        if let Some(intent) = tried {
            return Intent { method: method_id, ..intent };
        }
        Intent {
            head: self.head::<Intent>(),
            status: IntentStatus::RequiresPaymentMethod,
            amount: session.amount,
            currency: session.currency.clone(),
            customer: session.customer.clone(),
            method: method_id,
            // A session's own metadata stays with the session.
            metadata: session.intent_metadata.clone(),
            description: session.intent_description.clone(),
            setup_future_usage: session.setup_future_usage.clone(),
            latest_charge: None,
            last_error: None,
            session: Some(session.head.id.clone()),
        }
    }

    /// A refund that is still pending is ended; otherwise a new one is made.
    pub(super) fn refund_from_outside(&mut self, request: &Back) -> Result<(), String> {
        let ending = match request.outcome {
            None | Some(BackOutcome::Succeeded) => RefundStatus::Succeeded,
            Some(BackOutcome::Failed) => RefundStatus::Failed,
            Some(BackOutcome::Pending) => RefundStatus::Pending,
            Some(BackOutcome::Won | BackOutcome::Lost) => {
                return Err("outcome: succeeded, failed or pending".to_owned());
            }
        };
        let intent = self.intent(&request.payment_intent)?;
        let waits = |refund: &&Refund| refund.intent == intent.head.id && refund.status == RefundStatus::Pending;
        let waiting = self.refunds.iter().find(waits).cloned();
        if let Some(refund) = waiting.filter(|_| request.amount.is_none() && ending != RefundStatus::Pending) {
            self.end_refund(refund, ending);
            return Ok(());
        }
        let amount = amount(request, &intent)?;
        // One that fails had first been reported as done: that is why it hurts.
        let begins = if ending == RefundStatus::Pending { ending } else { RefundStatus::Succeeded };
        let refund =
            self.refund(&intent, amount, None, BTreeMap::new(), begins).map_err(|refusal| refusal.message())?;
        if ending == RefundStatus::Failed {
            self.end_refund(refund, ending);
        }
        Ok(())
    }

    pub(super) fn dispute_from_outside(&mut self, request: &Back) -> Result<(), String> {
        let won = match request.outcome {
            None => None,
            Some(BackOutcome::Won) => Some(true),
            Some(BackOutcome::Lost) => Some(false),
            Some(BackOutcome::Succeeded | BackOutcome::Failed | BackOutcome::Pending) => {
                return Err("outcome: won or lost".to_owned());
            }
        };
        let intent = self.intent(&request.payment_intent)?;
        let is_open =
            |dispute: &&Dispute| dispute.intent == intent.head.id && dispute.status == DisputeStatus::NeedsResponse;
        let open = self.disputes.iter().find(is_open).cloned();
        let dispute = match (open, won) {
            (Some(dispute), None) => return Err(format!("payment_intent: {} is open", dispute.head().id)),
            (Some(dispute), Some(_)) => dispute,
            (None, _) => {
                let charge = self.paid_charge(&intent).map_err(|refusal| refusal.message())?;
                let amount = amount(request, &intent)?.unwrap_or(charge.amount);
                if amount > charge.amount {
                    return Err("amount: more than was paid".to_owned());
                }
                self.open_dispute(charge, amount, &intent.currency)
            }
        };
        if let Some(won) = won {
            self.close_dispute(dispute, won);
        }
        Ok(())
    }

    fn intent(&self, id: &str) -> Result<Intent, String> {
        self.intents.get(id).cloned().ok_or_else(|| format!("payment_intent: there is no {id}"))
    }
}

fn amount(request: &Back, intent: &Intent) -> Result<Option<i64>, String> {
    request.amount.as_ref().map(|money| minor(money, &intent.currency)).transpose()
}
