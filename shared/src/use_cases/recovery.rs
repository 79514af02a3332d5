//! Where money coming in meets what is owed, and what is owed asks for money.

use std::pin::Pin;

use domain::wallet::WalletRef;
use domain::{Currency, TenantId};

use super::reconcile_top_ups;
use super::top_ups::{self, AutoOutcome};
use crate::{App, billing};

/// A wallet was credited: what it owes is charged, and what was suspended for it resumed.
///
/// Boxed, because recovering charges, charging may top up, and a top-up ends here.
pub fn after_credit<'a>(
    app: &'a App,
    tenant: &'a TenantId,
    currency: Currency,
) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
    Box::pin(billing::credited(app, tenant, currency))
}

/// A wallet cannot pay what it owes (micro-units): tries to have it topped up with the tenant's saved card, as if that had
/// been taken from it. `true` when money came in.
pub async fn top_up(app: &App, wallet: &WalletRef, owed: i64) -> bool {
    matches!(top_ups::watch(app, &wallet.tenant_id, wallet.currency, owed).await, AutoOutcome::Credited)
}

/// Something was taken from a wallet by a function that does not charge cards: should it have run low, whoever has the
/// message tops it up. Costs a read where no automatic top-up is set. A message that is lost is made up for by the next.
pub async fn spent(app: &App, wallet: &WalletRef) {
    match top_ups::runs_low(app, &wallet.tenant_id, wallet.currency).await {
        Ok(true) => billing::credited(app, &wallet.tenant_id, wallet.currency).await,
        Ok(false) => {}
        Err(error) => tracing::warn!(tenant.id = %wallet.tenant_id, %error, "a wallet could not be looked at"),
    }
}

/// Whether money may yet come into a wallet by itself: a top-up is on its way, or the payment provider cannot be asked.
pub async fn may_still_pay(app: &App, wallet: &WalletRef) -> bool {
    reconcile_top_ups::may_still_pay(app, &wallet.tenant_id, wallet.currency).await
}
