//! Top-ups: money on its way into a wallet, by a page to pay on or by a saved card.
//!
//! What a report of the payment provider does to a top-up is decided here; who is believed is decided by whoever asks. The
//! money itself is booked by payment ([`crate::reversal::PaymentRecord`]): a top-up that is `paid` has exactly one.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{TenantId, TopUpId};
use crate::limits;
use crate::money::{Currency, Money};
use crate::payment::{AfterDecline, CheckoutStatus, Decline, PaymentStatus};

/// Money a tenant puts into a wallet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopUp {
    /// Which; also the key under which the payment provider makes its page or payment once.
    pub id: TopUpId,
    /// Whose.
    pub tenant_id: TenantId,
    /// How much.
    pub amount: Money,
    /// How it stands.
    pub status: TopUpStatus,
    /// How it is paid, with all that a repeat of the creation has to say in the same words.
    pub by: PaidBy,
    /// The page to pay on (`cs_…`), once it is known.
    pub session: Option<String>,
    /// Where to pay.
    pub checkout_url: Option<String>,
    /// The payment (`pi_…`), once it is known; of a top-up that is paid the one it was credited by.
    pub payment: Option<String>,
    /// When its page can no longer be paid.
    pub expires_at: Option<Timestamp>,
    /// Why it failed.
    pub failure: Option<TopUpFailure>,
    /// A payment that names this top-up and does not fit it: not credited, for a person to look at.
    pub review: Option<Review>,
    /// When the reconciling pass looks at it next; none once it is over.
    pub look_at: Option<Timestamp>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// Counts its changes: each is made to what was read, or not at all.
    pub revision: u32,
}

/// How a top-up stands. It only moves forward, and money that is there comes before everything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TopUpStatus {
    /// To be paid.
    Open,
    /// The money is on its way.
    Processing,
    /// Its page was not paid in time.
    Expired,
    /// It came to nothing.
    Failed,
    /// Credited.
    Paid,
}

impl TopUpStatus {
    /// As written in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Processing => "processing",
            Self::Expired => "expired",
            Self::Failed => "failed",
            Self::Paid => "paid",
        }
    }

    /// Whether anything may still be expected of it.
    #[must_use]
    pub const fn unfinished(self) -> bool {
        match self {
            Self::Open | Self::Processing => true,
            Self::Expired | Self::Failed | Self::Paid => false,
        }
    }
}

/// How a top-up is paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PaidBy {
    /// By the tenant, on a page.
    Checkout {
        /// Whether the card is kept for automatic top-ups.
        save_card: bool,
        /// Where the tenant comes back to after paying.
        success_url: String,
        /// Where the tenant comes back to without having paid.
        cancel_url: String,
    },
    /// With a saved card, the tenant not being there.
    Auto {
        /// The payment provider's id of the tenant.
        customer: String,
        /// The payment provider's id of the card.
        payment_method: String,
    },
}

impl PaidBy {
    /// As written in the API.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Checkout { .. } => "checkout",
            Self::Auto { .. } => "auto",
        }
    }
}

/// Why a top-up failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopUpFailure {
    /// The payment provider's code (`card_declined` …), or one of ours (`not_made`, `refused`, `payment_failed`).
    pub code: String,
    /// For the tenant to read.
    pub detail: String,
}

/// A payment that does not fit the top-up it names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// The payment (or, where none is known, the page).
    pub subject: String,
    /// What does not fit.
    pub why: String,
}

/// What the payment provider says of a top-up, apart from the money being there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// The money is on its way.
    Processing,
    /// Its page can no longer be paid.
    Expired,
    /// A delayed payment did not come.
    NeverCame,
    /// The card was refused.
    Declined(Decline),
    /// The payment was given up.
    Canceled,
    /// Nothing new.
    Nothing,
}

impl Report {
    /// What a page says; `failed`: a delayed payment did not come. `None`: it is paid.
    #[must_use]
    pub const fn of_checkout(status: CheckoutStatus, failed: bool) -> Option<Self> {
        match status {
            CheckoutStatus::Paid => None,
            CheckoutStatus::Open | CheckoutStatus::Processing | CheckoutStatus::Expired if failed => {
                Some(Self::NeverCame)
            }
            CheckoutStatus::Open => Some(Self::Nothing),
            CheckoutStatus::Processing => Some(Self::Processing),
            CheckoutStatus::Expired => Some(Self::Expired),
        }
    }

    /// What a payment says. `None`: the money is there.
    #[must_use]
    pub fn of_payment(status: &PaymentStatus) -> Option<Self> {
        match status {
            PaymentStatus::Succeeded => None,
            PaymentStatus::Open => Some(Self::Nothing),
            PaymentStatus::Processing => Some(Self::Processing),
            PaymentStatus::Declined(decline) => Some(Self::Declined(decline.clone())),
            PaymentStatus::Canceled => Some(Self::Canceled),
        }
    }
}

/// What a report changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The money is on its way.
    Processing,
    /// It is over without money.
    Over(TopUpStatus, Option<TopUpFailure>),
}

impl TopUp {
    /// What this report changes; `None` when it is old news or no news. Old news never takes anything back, and only
    /// money itself (which is not decided here) changes a top-up that is over.
    ///
    /// A page stays payable after a card was declined on it, and says itself when it is over: of a payment on it only
    /// that the money is under way counts. A payment with a saved card is over when it is declined.
    #[must_use]
    pub fn told(&self, report: &Report) -> Option<Change> {
        let auto = match self.by {
            PaidBy::Checkout { .. } => false,
            PaidBy::Auto { .. } => true,
        };
        let failed = |code: &str, detail: &str| {
            let failure = TopUpFailure { code: code.to_owned(), detail: detail.to_owned() };
            Change::Over(TopUpStatus::Failed, Some(failure))
        };
        if !self.status.unfinished() {
            return None;
        }
        match report {
            Report::Nothing => None,
            Report::Processing => (self.status == TopUpStatus::Open).then_some(Change::Processing),
            Report::Expired => Some(Change::Over(TopUpStatus::Expired, None)),
            Report::NeverCame => Some(failed("payment_failed", "The payment did not come.")),
            Report::Declined(decline) if auto => Some(failed(&decline.code, declined(decline.then))),
            Report::Canceled if auto => Some(failed("payment_canceled", "The payment was given up.")),
            Report::Declined(_) | Report::Canceled => None,
        }
    }

    /// Whether the provider still knows the key of its creation, so that repeating it makes nothing twice.
    #[must_use]
    pub fn repeatable(&self, now: Timestamp) -> bool {
        now.duration_since(self.created_at) < limits::PAYMENT_KEY_GOOD_FOR
    }

    /// When the reconciling pass looks at it next, having looked (or begun) now.
    #[must_use]
    pub fn next_look(&self, now: Timestamp) -> Option<Timestamp> {
        let wait = match self.status {
            TopUpStatus::Open => limits::TOP_UP_LOOK_OPEN,
            TopUpStatus::Processing => limits::TOP_UP_LOOK_PROCESSING,
            TopUpStatus::Expired | TopUpStatus::Failed | TopUpStatus::Paid => return None,
        };
        now.saturating_add(wait).ok()
    }
}

const fn declined(then: AfterDecline) -> &'static str {
    match then {
        AfterDecline::Authenticate => "The bank wants the card's holder to confirm; top up once in person.",
        AfterDecline::TryLater => "The card was declined. It is tried again another day.",
        AfterDecline::GiveUp => "The card was declined. Top up with another one.",
    }
}

/// The least and the most one top-up may be, in this currency; `None` where top-ups are not taken.
#[must_use]
pub fn bounds(currency: Currency) -> Option<(Money, Money)> {
    let units = limits::TOP_UP_UNITS.iter().find(|(of, _, _)| *of == currency)?;
    let money = |units: i64| Money::from_micros(units.saturating_mul(1_000_000), currency);
    Some((money(units.1), money(units.2)))
}

/// Whether one top-up may be this much: within the bounds, in whole hundredths.
#[must_use]
pub fn may_be(amount: Money) -> bool {
    let whole = amount.micros % 10_000 == 0;
    whole && bounds(amount.currency).is_some_and(|(min, max)| (min.micros..=max.micros).contains(&amount.micros))
}

/// What the payment provider knows a tenant by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payer {
    /// Its id of the tenant (`cus_…`); never changes.
    pub customer: String,
    /// The card to charge without the tenant being there, once one was saved.
    pub payment_method: Option<String>,
    /// When that card was last paid with, so that late news never replaces a newer card.
    pub method_at: Option<Timestamp>,
    /// When the provider first heard of the tenant.
    pub created_at: Timestamp,
}

/// The automatic top-up of one wallet: its rule, and how it goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutoTopUp {
    /// Of which wallet.
    pub currency: Currency,
    /// What to do; none when it is switched off.
    pub rule: Option<AutoRule>,
    /// The one that is not over yet: there is never a second.
    pub open: Option<TopUpId>,
    /// Declines in a row.
    #[serde(default)]
    pub declines: u8,
    /// Not before this instant, after a decline.
    pub retry_at: Option<Timestamp>,
    /// Why it was switched off by us; the tenant switches it on again.
    pub disabled: Option<AutoDisabled>,
    /// Counts its changes: each is made to what was read, or not at all. None has been written with 0.
    pub revision: u32,
}

/// When and how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutoRule {
    /// When less than this is available.
    pub below: Money,
    /// Add this.
    pub amount: Money,
}

/// Why an automatic top-up was switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AutoDisabled {
    /// The bank wants the tenant to be there.
    AuthenticationRequired,
    /// The card will not work.
    CardRefused,
    /// Declined too often in a row.
    DeclinedTooOften,
}

impl AutoDisabled {
    /// As written in the API and in events.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AuthenticationRequired => "authentication_required",
            Self::CardRefused => "card_refused",
            Self::DeclinedTooOften => "declined_too_often",
        }
    }
}

impl AutoTopUp {
    /// One that was never set.
    #[must_use]
    pub const fn none(currency: Currency) -> Self {
        Self { currency, rule: None, open: None, declines: 0, retry_at: None, disabled: None, revision: 0 }
    }

    /// What to add now, if anything, with this much available (micro-units).
    #[must_use]
    pub fn due(&self, available: i64, now: Timestamp) -> Option<AutoRule> {
        let free = self.open.is_none() && self.disabled.is_none() && self.retry_at.is_none_or(|at| at <= now);
        self.rule.filter(|rule| free && available < rule.below.micros)
    }

    /// This, after the open one was declined: switched off where another try cannot help, else not before the next day
    /// and at most [`limits::AUTO_DECLINES_MAX`] times in a row.
    #[must_use]
    pub fn after_decline(&self, then: AfterDecline, now: Timestamp) -> Self {
        let declines = self.declines.saturating_add(1);
        let (retry_at, disabled) = match then {
            AfterDecline::Authenticate => (None, Some(AutoDisabled::AuthenticationRequired)),
            AfterDecline::GiveUp => (None, Some(AutoDisabled::CardRefused)),
            AfterDecline::TryLater if declines >= limits::AUTO_DECLINES_MAX => {
                (None, Some(AutoDisabled::DeclinedTooOften))
            }
            AfterDecline::TryLater => (now.saturating_add(limits::AUTO_RETRY_AFTER).ok(), None),
        };
        Self { open: None, declines, retry_at, disabled, ..self.clone() }
    }

    /// This, after the open one ended without the card having been refused.
    #[must_use]
    pub fn after_nothing(&self) -> Self {
        Self { open: None, ..self.clone() }
    }

    /// This, after the open one was paid. The next one waits an hour: a rule that adds less than is spent must not empty a
    /// card within minutes.
    #[must_use]
    pub fn after_success(&self, now: Timestamp) -> Self {
        let retry_at = now.saturating_add(limits::AUTO_AGAIN_AFTER).ok();
        Self { open: None, declines: 0, retry_at, ..self.clone() }
    }
}

#[cfg(test)]
mod tests;
