//! What follows when money came into a wallet.

use std::pin::Pin;

use domain::{Currency, TenantId};

use crate::App;

/// Called after every credit of a wallet, and again when the news of a credit comes again. Nothing waits for money yet, so
/// nothing follows from it; whatever is to recover by itself after a top-up begins here, and this body is replaced by it.
///
/// Boxed, because recovering may charge, charging may top up, and a top-up ends here.
pub fn after_credit<'a>(
    _app: &'a App,
    tenant: &'a TenantId,
    currency: Currency,
) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
    Box::pin(async move {
        tracing::debug!(tenant.id = %tenant, wallet.currency = %currency, "a wallet was credited");
    })
}
