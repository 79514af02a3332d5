//! What is due, what a day of money would come to or did, and whether it adds up.

use domain::billing::Candidate;
use domain::dunning::Stage;
use domain::wallet::WalletRef;
use domain::{Money, period};
use jiff::Timestamp;
use serde::Serialize;

use super::PeriodView;

/// A charge to come.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Upcoming))]
pub struct UpcomingView {
    number_id: String,
    e164: String,
    /// When it is charged; in the past for what is overdue.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    on: Timestamp,
    amount: Money,
    period: PeriodView,
}

impl UpcomingView {
    /// The next charge of a number that is charged.
    #[must_use]
    pub fn of(candidate: &Candidate) -> Option<Self> {
        let next = period::nth(candidate.anchor, period::from(candidate.anchor, candidate.paid_through)?)?;
        let period = PeriodView { start: period::midnight(next.start), end: period::midnight(next.end) };
        Some(Self {
            number_id: candidate.id.to_string(),
            e164: candidate.e164.to_string(),
            on: period.start,
            amount: candidate.price_from(next.start),
            period,
        })
    }

    /// Where a list by day has it.
    #[must_use]
    pub fn position(&self) -> String {
        format!("{}#{}", self.on, self.number_id)
    }
}

/// What charging a wallet on a day would come to.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = BillingPreview))]
pub struct BillingPreviewView {
    tenant_id: String,
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = Date))]
    date: jiff::civil::Date,
    /// Numbers with something due.
    numbers: u64,
    /// Periods due.
    periods: u64,
    amount: Money,
    /// What the carrier charges us for the same periods.
    cost: Money,
    /// What is left of the one after the other.
    margin: Money,
    available: Money,
    /// Of the periods, how many what is available covers.
    covered: u64,
    /// Numbers that would be past due.
    failing: Vec<String>,
}

impl BillingPreviewView {
    /// A preview of this day.
    #[must_use]
    pub fn of(preview: crate::billing::Preview, date: jiff::civil::Date) -> Self {
        let margin = preview.amount.micros.saturating_sub(preview.cost.micros);
        Self {
            tenant_id: preview.wallet.tenant_id.to_string(),
            date,
            numbers: preview.numbers,
            periods: preview.periods,
            amount: preview.amount,
            cost: preview.cost,
            margin: Money::from_micros(margin, preview.wallet.currency),
            available: preview.available,
            covered: preview.covered,
            failing: preview.failing.into_iter().map(Into::into).collect(),
        }
    }

    /// Whether anything is due.
    #[must_use]
    pub const fn is_something(&self) -> bool {
        self.periods > 0
    }
}

/// What dunning would do with a number today, if it could not be charged.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Stage))]
pub struct StageView {
    tenant_id: String,
    number_id: String,
    /// `notice`, `suspend`, `release` or `wait`.
    action: &'static str,
    /// The day of the stage that is reached, or of the last one.
    day: u16,
    /// Days that counted since the last stage.
    counted: u16,
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    release_at: Option<Timestamp>,
}

impl StageView {
    /// A foreseen stage of one of a wallet's numbers.
    #[must_use]
    pub fn of(wallet: &WalletRef, foreseen: crate::billing::Foreseen) -> Self {
        let (day, action) = match foreseen.stage {
            Some((day, Stage::Notice)) => (day, "notice"),
            Some((day, Stage::Suspend)) => (day, "suspend"),
            Some((day, Stage::Release)) => (day, "release"),
            None => (foreseen.day, "wait"),
        };
        Self {
            tenant_id: wallet.tenant_id.to_string(),
            number_id: foreseen.number_id.into(),
            action,
            day,
            counted: foreseen.counted,
            release_at: foreseen.release_at,
        }
    }
}

/// What a job of money did, or would do.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Run))]
pub struct RunView {
    /// Whether it only says so.
    pub dry_run: bool,
    /// When.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub now: Timestamp,
    /// Wallets that were queued.
    pub queued: u64,
    /// What would be charged.
    pub charges: Vec<BillingPreviewView>,
    /// What would be done with overdue numbers.
    pub stages: Vec<StageView>,
}

/// What a tenant's numbers brought in against what their carriers charged.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Margin))]
pub struct MarginView {
    /// Whose.
    pub tenant_id: String,
    /// Numbers it holds or held.
    pub numbers: u64,
    /// What it paid for them.
    pub revenue: Money,
    /// What their carriers charged, by the price book.
    pub cost: Money,
    /// What is left.
    pub margin: Money,
    /// Months it was charged for.
    pub months_charged: u64,
    /// Months their carriers charged for.
    pub months_at_carrier: u64,
    /// Of these, months it was not charged for: suspended, included in its plan, or never paid.
    pub months_not_charged: u64,
}

/// Whether the ledger adds up.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = LedgerCheck))]
pub struct LedgerCheckView {
    /// Nothing that was checked is wrong.
    pub ok: bool,
    /// Everything was checked; else there was not enough time, and tenants can be checked one by one.
    pub complete: bool,
    /// When.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub now: Timestamp,
    /// Wallets that were checked.
    pub wallets: u64,
    /// Their entries.
    pub entries: u64,
    /// What is wrong.
    pub violations: Vec<LedgerViolationView>,
}

impl LedgerCheckView {
    /// A check that begins.
    #[must_use]
    pub const fn at(now: Timestamp) -> Self {
        Self { ok: true, complete: false, now, wallets: 0, entries: 0, violations: Vec::new() }
    }

    /// What is wrong, in words.
    pub fn details(&self) -> impl Iterator<Item = &str> {
        self.violations.iter().map(|violation| violation.detail.as_str())
    }
}

/// A wallet that does not add up.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = LedgerViolation))]
pub struct LedgerViolationView {
    tenant_id: String,
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    currency: domain::Currency,
    detail: String,
}

impl LedgerViolationView {
    /// What is wrong with a wallet.
    #[must_use]
    pub fn new(tenant: &domain::TenantId, currency: domain::Currency, detail: String) -> Self {
        Self { tenant_id: tenant.to_string(), currency, detail }
    }
}
