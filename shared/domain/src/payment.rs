//! Money from outside: top-ups, payments, refunds, disputes, as the payment provider tells of them.
//!
//! Credit is keyed by the payment (two notifications state the same one), a reversal by its refund or dispute; reversals of
//! a payment never exceed what was credited for it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::TopUpId;
use crate::money::Money;

/// A page to pay on, as the provider has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkout {
    /// The provider's id (`cs_…`).
    pub session: String,
    /// Where the tenant pays; none once it is over.
    pub url: Option<String>,
    /// How it stands.
    pub status: CheckoutStatus,
    /// The payment (`pi_…`), once there is one.
    pub payment: Option<String>,
    /// The provider's id of the tenant.
    pub customer: Option<String>,
    /// For which top-up, as we told the provider.
    pub top_up_id: Option<TopUpId>,
    /// How much.
    pub amount: Money,
    /// When it can no longer be paid.
    pub expires_at: Timestamp,
    /// Whether real money moves.
    pub live: bool,
}

/// How a page to pay on stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckoutStatus {
    /// Not paid yet.
    Open,
    /// Completed; the money is on its way (a delayed method).
    Processing,
    /// Paid.
    Paid,
    /// Can no longer be paid.
    Expired,
}

/// A payment, as the provider has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// The provider's id (`pi_…`).
    pub id: String,
    /// How it stands.
    pub status: PaymentStatus,
    /// The provider's id of the tenant.
    pub customer: Option<String>,
    /// For which top-up, as we told the provider.
    pub top_up_id: Option<TopUpId>,
    /// What was received, or (until then) asked for.
    pub amount: Money,
    /// The card it was paid with, if it may be charged again without the tenant being there.
    pub reusable_method: Option<String>,
    /// Whether real money moves.
    pub live: bool,
}

/// How a payment stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaymentStatus {
    /// Waits for the tenant on its page.
    Open,
    /// The money is on its way.
    Processing,
    /// The money is there.
    Succeeded,
    /// Refused: ended unless a new attempt is made.
    Declined(Decline),
    /// Given up.
    Canceled,
}

/// Why a card was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decline {
    /// What it takes to get further.
    pub then: AfterDecline,
    /// The provider's code, for the tenant (`card_declined`, `insufficient_funds`, `authentication_required` …).
    pub code: String,
}

/// What a refusal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterDecline {
    /// The tenant has to pay in person; charging without being there is over.
    Authenticate,
    /// It may work another day.
    TryLater,
    /// It will not work with this card.
    GiveUp,
}

/// Money given back, as the provider has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// The provider's id (`re_…`).
    pub id: String,
    /// Of which payment; none for one that is not of ours.
    pub payment: Option<String>,
    /// How much.
    pub amount: Money,
    /// Whether it stands; a refund that failed or was cancelled returns to us.
    pub stands: bool,
}

/// A payment its card holder contests, as the provider has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispute {
    /// The provider's id (`dp_…`, formerly `du_…`).
    pub id: String,
    /// Of which payment; none for one that is not of ours.
    pub payment: Option<String>,
    /// How much.
    pub amount: Money,
    /// How it ended, if it has.
    pub outcome: Option<DisputeOutcome>,
}

/// How a dispute ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisputeOutcome {
    /// For us: the money stays, or comes back.
    Won,
    /// For the card holder.
    Lost,
}

/// What happened in a dispute's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisputeStep {
    /// It was opened, or news of it came that moves nothing by itself.
    Told,
    /// The money was taken from us.
    Withdrawn,
    /// The money was given back to us.
    Reinstated,
    /// It ended; the dispute says how.
    Closed,
}

/// Something the provider tells of, checked for its signature and understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// The provider's id (`evt_…`).
    pub id: String,
    /// When it happened.
    pub at: Timestamp,
    /// What.
    pub news: News,
}

/// What a notification says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// A page to pay on changed. `failed`: a delayed payment did not come.
    Checkout { checkout: Checkout, failed: bool },
    /// A payment changed.
    Payment(Payment),
    /// A refund changed.
    Refund(Refund),
    /// A dispute changed.
    Dispute(Dispute, DisputeStep),
    /// Written in another version of the provider's interface than ours: to be asked for instead of believed.
    OtherVersion(Subject),
    /// Nothing that concerns us.
    Unconcerned,
}

/// What a notification in another version is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A page to pay on.
    Checkout { session: String, failed: bool },
    /// A payment.
    Payment(String),
    /// A refund.
    Refund(String),
    /// A dispute, and what happened in its life.
    Dispute(String, DisputeStep),
}
