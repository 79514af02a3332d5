//! Where money coming in meets what is owed.

use domain::wallet::WalletRef;
use domain::{Currency, TenantId};

use crate::{App, billing};

/// A wallet was credited: what it owes is charged, and what was suspended for it resumed.
pub async fn after_credit(app: &App, tenant: &TenantId, currency: Currency) {
    billing::credited(app, tenant, currency).await;
}

/// A wallet cannot pay what it owes: tries to have it topped up with the tenant's saved card. `true` when money came in.
pub async fn top_up(_: &App, _: &WalletRef) -> bool {
    false
}

/// Whether money may yet come into a wallet by itself: a top-up is on its way, or the payment provider cannot be asked.
pub async fn may_still_pay(_: &App, _: &WalletRef) -> bool {
    false
}
