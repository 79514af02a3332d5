//! What the API shows (API.md): views of the domain as JSON. Nothing here is kept anywhere.

mod agents;
mod imports;
mod operator;
mod reconcile;
mod statements;
mod tenants;

use std::collections::BTreeMap;

use domain::call::Call;
use domain::number::{Capabilities, LinkStatus, Number, NumberStatus};
use domain::operation::{Operation, OperationStatus};
use domain::ports::Offer;
use domain::tenant::Project;
use domain::wallet::{Entry, Free, Wallet};
use domain::{Money, period};
use jiff::Timestamp;
use serde::Serialize;

pub use agents::{AgentCreated, AgentView};
pub use imports::{ImportPreview, ImportableView};
pub use operator::{ActorView, AuditView, OperatorOperationView, ParkedView};
pub use reconcile::{
    AgreementView, FindingView, NumberAgreementView, NumberFindingView, ReconciliationView, StatementView,
};
pub use statements::{
    BillingPreviewView, LedgerCheckView, LedgerViolationView, MarginView, RunView, StageView, UpcomingView,
};

pub use tenants::{TenantListedView, WalletListedView};

/// A page of things.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Listed<T> {
    /// The things.
    pub items: Vec<T>,
    /// `cursor` of the next page; null at the end.
    pub next_cursor: Option<String>,
}

impl<T> Listed<T> {
    /// A page of the store, shown.
    pub fn show<V>(page: store::page::Page<V>, show: impl FnMut(V) -> T) -> Self {
        let next_cursor = page.next.map(|cursor| cursor.encode());
        Self { items: page.items.into_iter().map(show).collect(), next_cursor }
    }
}

/// A few things that come whole.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Items<T> {
    /// The things.
    pub items: Vec<T>,
}

/// What a number can do.
#[derive(Debug, Clone, Copy, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Capabilities))]
pub struct CapabilitiesView {
    voice: bool,
    sms: bool,
    mms: bool,
}

impl From<Capabilities> for CapabilitiesView {
    fn from(capabilities: Capabilities) -> Self {
        let Capabilities { voice, sms, mms } = capabilities;
        Self { voice, sms, mms }
    }
}

/// How a number stands with its agent.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Link))]
pub struct LinkView {
    /// `linked` or `failed`.
    status: &'static str,
    /// How calls get to the agent: `hand_over`, `trunk`, `import`, `direct` or `native`; null when they do not.
    method: Option<&'static str>,
    /// Why not, when it failed; what is still missing, when calls do not get in, or not for now.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// Why no call of a barred number gets in.
const BARRED: &str = "Its last calls are not paid for. They get in again once the wallet is topped up.";

/// A price that was announced.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = PriceChange))]
pub struct PriceChangeView {
    /// A month.
    price: Money,
    /// For periods that start then or later.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    from: Timestamp,
}

/// A number a tenant holds, held, or tried to buy.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Number))]
pub struct NumberView {
    id: String,
    /// E.164; null while the carrier has not told it yet.
    e164: Option<String>,
    country: String,
    /// `local`, `toll_free`, `mobile`, `national`, `vanity` or `international`.
    #[serde(rename = "type")]
    kind: &'static str,
    carrier: &'static str,
    /// `pending`, `active`, `past_due`, `suspended`, `releasing`, `released` or `failed`.
    status: &'static str,
    name: Option<String>,
    notes: Option<String>,
    primary: bool,
    locked: bool,
    tags: Vec<String>,
    project_id: Option<String>,
    capabilities: CapabilitiesView,
    /// How a number of the tenant's own carrier is reached; of others there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    sip: Option<crate::use_cases::custom::View>,
    /// A month.
    price: Money,
    /// A price that was announced; null when none was.
    price_change: Option<PriceChangeView>,
    /// The plan includes it: its periods cost nothing.
    included: bool,
    /// Where callers go when the agent cannot answer.
    fallback: Option<String>,
    agent_id: Option<String>,
    link: Option<LinkView>,
    /// Exclusive end of the last charged period.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    paid_through: Option<Timestamp>,
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    next_charge_on: Option<Timestamp>,
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    release_at: Option<Timestamp>,
    parked: bool,
    open_operation_id: Option<String>,
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    created_at: Timestamp,
}

impl From<Number> for NumberView {
    fn from(number: Number) -> Self {
        let renews = match number.status {
            NumberStatus::Active | NumberStatus::PastDue => true,
            NumberStatus::Pending
            | NumberStatus::Suspended
            | NumberStatus::Releasing
            | NumberStatus::Released
            | NumberStatus::Failed => false,
        };
        let paid_through = number.paid_through.map(period::midnight);
        Self {
            id: number.id.into(),
            e164: number.e164.known().map(ToString::to_string),
            country: number.country.into(),
            kind: number.kind.as_str(),
            carrier: number.carrier.as_str(),
            status: number.status.as_str(),
            name: number.name,
            notes: number.notes,
            primary: number.primary,
            locked: number.locked,
            tags: number.tags,
            project_id: number.project_id.map(Into::into),
            capabilities: number.capabilities.into(),
            sip: number.sip.map(|trunk| (*trunk).into()),
            price: number.price,
            price_change: number
                .price_change
                .map(|change| PriceChangeView { price: change.price, from: period::midnight(change.from) }),
            included: number.included,
            fallback: number.fallback.map(Into::into),
            agent_id: number.agent_id.map(Into::into),
            link: number.link.map(|link| LinkView {
                status: match link.status {
                    LinkStatus::Linked => "linked",
                    LinkStatus::Failed => "failed",
                },
                method: number.platform_ref.as_ref().map(|known| known.reach.method().as_str()),
                reason: if number.barred { Some(BARRED.to_owned()) } else { link.reason },
            }),
            paid_through,
            next_charge_on: paid_through.filter(|_| renews && number.release_at.is_none()),
            release_at: number.release_at,
            parked: number.parked,
            open_operation_id: number.open_operation_id.map(Into::into),
            created_at: number.created_at,
        }
    }
}

/// A step of an operation.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Step))]
pub struct StepView {
    name: &'static str,
    status: &'static str,
}

/// Why an operation failed or is stuck.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OperationError {
    code: &'static str,
    detail: String,
}

/// The handle of work in progress.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Operation))]
pub struct OperationView {
    id: String,
    /// `purchase`, `import`, `link`, `unlink`, `release`, `suspend`, `resume`, `bar`, `unbar` or `restore`.
    kind: &'static str,
    /// `running`, `waiting`, `succeeded`, `failed` or `stuck`.
    status: &'static str,
    number_id: String,
    steps: Vec<StepView>,
    error: Option<OperationError>,
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    created_at: Timestamp,
}

impl From<Operation> for OperationView {
    fn from(op: Operation) -> Self {
        let steps =
            op.steps.iter().map(|record| StepView { name: record.step.as_str(), status: record.state.as_str() });
        // A running operation's failure is why it is being undone; it is news once it is over.
        let over = matches!(op.status, OperationStatus::Failed | OperationStatus::Stuck);
        Self {
            id: op.id.as_str().to_owned(),
            kind: op.saga.kind(),
            status: op.status.as_str(),
            number_id: op.number_id.as_str().to_owned(),
            steps: steps.collect(),
            error: op
                .failure
                .filter(|_| over)
                .map(|failure| OperationError { code: failure.code.as_str(), detail: failure.detail }),
            created_at: op.created_at,
        }
    }
}

/// A number and the operation that changed it; either may be missing in an answer that says so.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NumberAndOperation {
    /// The number, once the operation is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<NumberView>,
    /// The operation; null when the number is only to change later.
    pub operation: Option<OperationView>,
}

impl From<NumberAndOperation> for axum::response::Response {
    /// 200 when it is over, else 202 and where to follow it.
    fn from(done: NumberAndOperation) -> Self {
        use axum::response::IntoResponse;
        use http::{StatusCode, header};
        if done.number.is_some() {
            return axum::Json(done).into_response();
        }
        let id = done.operation.as_ref().map(|operation| operation.id.as_str()).unwrap_or_default();
        let location = [(header::LOCATION, format!("/v1/operations/{id}"))];
        (StatusCode::ACCEPTED, location, axum::Json(done)).into_response()
    }
}

impl<P: Serialize> axum::response::IntoResponse for crate::use_cases::purchase::Outcome<P> {
    /// 201 when the tenant holds the number, 202 and where to follow it while that is not decided, 200 when it was only
    /// checked.
    fn into_response(self) -> axum::response::Response {
        use crate::use_cases::purchase::Outcome;
        match self {
            Self::Bought(number, op) => {
                let body = NumberAndOperation { number: Some((*number).into()), operation: Some(op.into()) };
                (http::StatusCode::CREATED, axum::Json(body)).into_response()
            }
            Outcome::Running(op) => NumberAndOperation { number: None, operation: Some(op.into()) }.into(),
            Outcome::Previewed(preview) => axum::Json(preview).into_response(),
        }
    }
}

/// A group of numbers and agents.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Project))]
pub struct ProjectView {
    id: String,
    name: String,
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    created_at: Timestamp,
}

impl From<Project> for ProjectView {
    fn from(project: Project) -> Self {
        Self { id: project.id.into(), name: project.name, created_at: project.created_at }
    }
}

/// Who a call went to and why.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Routed))]
pub struct RoutedView {
    to: Option<String>,
    why: Option<String>,
}

/// A call.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Call))]
pub struct CallView {
    call_sid: String,
    number_id: String,
    agent_id: Option<String>,
    direction: String,
    from: String,
    to: String,
    /// Twilio's word.
    status: &'static str,
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    started_at: Timestamp,
    duration_s: Option<u32>,
    /// What its minutes cost, once it is over; without those that are included.
    cost: Option<Money>,
    /// How many of its minutes the plan paid for.
    #[serde(skip_serializing_if = "Option::is_none")]
    included_minutes: Option<u32>,
    routed: Option<RoutedView>,
}

impl CallView {
    /// A call of this number.
    #[must_use]
    pub fn of(number: &domain::NumberId, call: Call) -> Self {
        let routed = call.routed_why.is_some() || call.routed_to.is_some();
        Self {
            call_sid: call.call_sid,
            number_id: number.as_str().to_owned(),
            agent_id: call.agent_id.map(Into::into),
            direction: call.direction,
            from: call.from,
            to: call.to,
            status: call.status.as_str(),
            started_at: call.started_at,
            duration_s: call.duration_s,
            cost: call.cost,
            included_minutes: (call.included_minutes > 0).then_some(call.included_minutes),
            routed: routed.then_some(RoutedView { to: call.routed_to, why: call.routed_why }),
        }
    }
}

/// What a tenant has in one currency.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Wallet))]
pub struct WalletView {
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    currency: domain::Currency,
    balance: Money,
    /// Promised to open operations.
    held: Money,
    available: Money,
    /// Last day on which all upcoming charges are covered; null when there are none.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = Date))]
    funds_last_until: Option<jiff::civil::Date>,
}

impl WalletView {
    /// A wallet and how long it lasts.
    #[must_use]
    pub fn of(wallet: Wallet, funds_last_until: Option<jiff::civil::Date>) -> Self {
        let money = |micros: i64| Money::from_micros(micros, wallet.currency);
        Self {
            currency: wallet.currency,
            balance: money(wallet.balance),
            held: money(wallet.held),
            available: money(wallet.available),
            funds_last_until,
        }
    }
}

/// All wallets of a tenant.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Wallets))]
pub struct WalletsView {
    /// One per currency.
    pub wallets: Vec<WalletView>,
    /// Of a plan that includes minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub included_minutes: Option<IncludedMinutes>,
}

/// The minutes of calls that a plan includes in this month (UTC).
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IncludedMinutes {
    /// All of them.
    pub included: u32,
    /// Those that calls have used up.
    pub used: u32,
}

/// Money on its way into a wallet.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = TopUp))]
pub struct TopUpView {
    id: String,
    /// `checkout` or `auto`.
    kind: &'static str,
    /// `open`, `processing`, `paid`, `failed` or `expired`.
    status: &'static str,
    amount: Money,
    /// The page to pay on, at the payment provider.
    session: Option<String>,
    /// Where to pay.
    checkout_url: Option<String>,
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    expires_at: Option<Timestamp>,
    /// Why it failed.
    error: Option<TopUpError>,
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    created_at: Timestamp,
}

/// Why a top-up failed.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TopUpError {
    code: String,
    detail: String,
}

impl From<domain::top_up::TopUp> for TopUpView {
    fn from(top_up: domain::top_up::TopUp) -> Self {
        Self {
            id: top_up.id.into(),
            kind: top_up.by.as_str(),
            status: top_up.status.as_str(),
            amount: top_up.amount,
            session: top_up.session,
            checkout_url: top_up.checkout_url.filter(|_| top_up.status.unfinished()),
            expires_at: top_up.expires_at,
            error: top_up.failure.map(|failure| TopUpError { code: failure.code, detail: failure.detail }),
            created_at: top_up.created_at,
        }
    }
}

/// The automatic top-up of a wallet.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AutoTopUp))]
pub struct AutoTopUpView {
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    currency: domain::Currency,
    /// When less than this is available.
    below: Option<Money>,
    /// Add this.
    amount: Option<Money>,
}

impl From<domain::top_up::AutoTopUp> for AutoTopUpView {
    fn from(auto: domain::top_up::AutoTopUp) -> Self {
        let (below, amount) = (auto.rule.map(|rule| rule.below), auto.rule.map(|rule| rule.amount));
        Self { currency: auto.currency, below, amount }
    }
}

/// A period: `[start, end)`.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Period))]
pub struct PeriodView {
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    start: Timestamp,
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    end: Timestamp,
}

/// A movement of money and why.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Entry))]
pub struct EntryView {
    id: String,
    /// `number_charge`, `usage_charge`, `adjustment`, `top_up`, `refund`, `refund_returned`, `dispute` or
    /// `dispute_returned`.
    kind: &'static str,
    /// Signed.
    amount: Money,
    balance_after: Money,
    /// Which number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<PeriodView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation_id: Option<String>,
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    effective_at: Timestamp,
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    created_at: Timestamp,
    explain: String,
}

impl EntryView {
    /// An entry as it is shown, newest first: a renewal of many numbers is one for each period of each, with an id and a
    /// balance of its own. The wallet had `balance_after` micro-units after it.
    #[must_use]
    pub fn shown(mut entry: Entry, balance_after: i64) -> Vec<Self> {
        let lines = std::mem::take(&mut entry.lines);
        if lines.is_empty() {
            return vec![Self::of(entry, balance_after)];
        }
        let mut balance = balance_after;
        let mut shown = Vec::with_capacity(lines.len());
        for (n, line) in lines.into_iter().enumerate().rev() {
            let money = |micros: i64| Money::from_micros(micros, entry.currency);
            shown.push(Self {
                id: format!("{}-{}", entry.id, n + 1),
                kind: entry.kind.as_str(),
                amount: money(line.micros.saturating_neg()),
                balance_after: money(balance),
                number_id: Some(line.number_id.into()),
                period: Some(PeriodView { start: period::midnight(line.start), end: period::midnight(line.end) }),
                operation_id: None,
                effective_at: entry.effective_at,
                created_at: entry.created_at,
                explain: format!("{} from {} to {}{}", line.e164, line.start, line.end, why_free(line.free)),
            });
            balance = balance.saturating_add(line.micros);
        }
        shown
    }

    /// An entry without lines, and what the wallet had after it, in micro-units.
    #[must_use]
    pub fn of(entry: Entry, balance_after: i64) -> Self {
        let money = |micros: i64| Money::from_micros(micros, entry.currency);
        let period = entry
            .period
            .map(|period| PeriodView { start: period::midnight(period.start), end: period::midnight(period.end) });
        Self {
            kind: entry.kind.as_str(),
            amount: money(entry.wallet_micros()),
            balance_after: money(balance_after),
            id: entry.id.into(),
            number_id: entry.number_id.map(Into::into),
            period,
            operation_id: entry.operation_id.map(Into::into),
            effective_at: entry.effective_at,
            created_at: entry.created_at,
            explain: entry.explain,
        }
    }
}

fn why_free(free: Option<Free>) -> &'static str {
    match free {
        None => "",
        Some(Free::Suspended) => ", suspended for all of it and not charged",
        Some(Free::Included) => ", included in the plan",
    }
}

/// A number that could be bought, with what a tenant would pay.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Offer))]
pub struct OfferView {
    /// E.164; null where the carrier tells only what it has sold.
    e164: Option<String>,
    country: String,
    #[serde(rename = "type")]
    kind: &'static str,
    carrier: &'static str,
    locality: Option<String>,
    region: Option<String>,
    /// A month.
    price: Money,
    capabilities: CapabilitiesView,
    /// `none`, `any`, `local` or `foreign`.
    address_requirement: &'static str,
}

impl OfferView {
    /// An offer at the price of its line.
    #[must_use]
    pub fn of(line: &domain::catalog::PriceLine, offer: Offer) -> Self {
        Self {
            e164: offer.e164.known().map(ToString::to_string),
            country: line.country.into(),
            kind: line.kind.as_str(),
            carrier: line.carrier.as_str(),
            locality: offer.locality,
            region: offer.region,
            price: line.price,
            capabilities: offer.capabilities.into(),
            address_requirement: offer.address_requirement.as_str(),
        }
    }
}

/// What a dry run of a purchase found: everything was checked and nothing moved.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PurchasePreview {
    /// Always true.
    pub dry_run: bool,
    /// What would be bought.
    pub offer: OfferView,
    /// How many numbers the plan still allows.
    pub numbers_left: u32,
    /// How many more numbers the plan includes: their periods cost nothing.
    pub included_left: u32,
    /// What the tenant has to spend in the price's currency.
    pub available: Money,
}

/// What is sold in a country.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Country))]
pub struct CountryView {
    /// ISO 3166-1.
    pub country: String,
    /// Where its numbers are bought.
    pub carrier: &'static str,
    /// What sorts there are.
    pub types: Vec<TypeView>,
    /// What a buyer must have on file at the carrier first, for some or all of the types: `address`, `bundle`.
    pub requires: Vec<&'static str>,
}

/// A sort of number and its price.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Type))]
pub struct TypeView {
    /// Which.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// A month.
    pub price: Money,
    /// What a buyer must have on file at the carrier first: `address`, `bundle`.
    pub requires: Vec<&'static str>,
    /// Whether that is on file for you. A single number may ask for more; its offer says so.
    pub ready: bool,
}

/// A tenant as the operator sees it.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Tenant))]
pub struct TenantView {
    id: String,
    plan: String,
    suspended: bool,
    outage_mode: bool,
    suspended_message: Option<String>,
    /// The sids of its addresses at the carrier, by country.
    addresses: BTreeMap<String, String>,
    /// The sids of its regulatory bundles at the carrier, by country and type.
    bundles: BTreeMap<String, String>,
}

impl From<domain::tenant::Tenant> for TenantView {
    fn from(tenant: domain::tenant::Tenant) -> Self {
        let (addresses, bundles) = (tenant.on_file.addresses.iter(), tenant.on_file.bundles);
        Self {
            id: tenant.id.into(),
            plan: tenant.plan,
            suspended: tenant.suspended,
            outage_mode: tenant.outage_mode,
            suspended_message: tenant.suspended_message,
            addresses: addresses.map(|(country, sid)| (country.into(), sid.as_str().to_owned())).collect(),
            bundles: bundles.into_iter().map(|(what, sid)| (what.into(), sid.into())).collect(),
        }
    }
}
