//! Tenants as the operator's list shows them.

use domain::tenant::{Holdings, Tenant};
use domain::wallet::Wallet;
use domain::{Money, TenantId};
use serde::Serialize;

/// What a tenant has in one currency, as it stands.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = WalletListed))]
pub struct WalletListedView {
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    currency: domain::Currency,
    balance: Money,
    /// Promised to open operations.
    held: Money,
    available: Money,
}

impl From<Wallet> for WalletListedView {
    fn from(wallet: Wallet) -> Self {
        let money = |micros: i64| Money::from_micros(micros, wallet.currency);
        let (balance, held, available) = (money(wallet.balance), money(wallet.held), money(wallet.available));
        Self { currency: wallet.currency, balance, held, available }
    }
}

/// A tenant in the operator's list.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = TenantListed))]
pub struct TenantListedView {
    id: String,
    plan: String,
    suspended: bool,
    outage_mode: bool,
    /// Numbers held or being bought.
    numbers_held: u32,
    /// Of these, numbers nobody has paid for: past due or suspended.
    overdue: u32,
    wallets: Vec<WalletListedView>,
}

impl TenantListedView {
    /// A tenant; one that was never set up has the default plan.
    #[must_use]
    pub fn of(
        id: &TenantId,
        tenant: Option<Tenant>,
        default_plan: &str,
        holdings: &Holdings,
        wallets: Vec<Wallet>,
    ) -> Self {
        let (suspended, outage_mode) = tenant.as_ref().map_or((false, false), |t| (t.suspended, t.outage_mode));
        Self {
            id: id.to_string(),
            plan: tenant.map_or_else(|| default_plan.to_owned(), |tenant| tenant.plan),
            suspended,
            outage_mode,
            numbers_held: holdings.numbers,
            overdue: wallets.iter().fold(0, |sum, wallet| sum.saturating_add(wallet.overdue)),
            wallets: wallets.into_iter().map(WalletListedView::from).collect(),
        }
    }
}
