//! Puts callers of suspended numbers through again once they owe nothing.

use domain::limits;
use domain::wallet::WalletRef;
use jiff::Timestamp;
use jiff::civil::Date;
use store::StoreError;

use super::plan;
use crate::App;

/// Resumes every number of a wallet that waits for it. `false` when there was not enough time.
pub(super) async fn ready(app: &App, wallet: &WalletRef, date: Date, until: Timestamp) -> Result<bool, StoreError> {
    let money = app.store.wallet_get(&wallet.tenant_id, wallet.currency).await?;
    if money.is_none_or(|money| money.overdue == 0) {
        return Ok(true);
    }
    let mut after = None;
    loop {
        let waits = |number: &domain::number::Number| plan::waits_to_resume(number, date);
        let page = app.store.number_list(&wallet.tenant_id, after, limits::PAGE_MAX, waits).await?;
        for number in page.items.iter().filter(|number| number.price.currency == wallet.currency) {
            if app.clock.real_now() >= until {
                return Ok(false);
            }
            if number.open_operation_id.is_none() {
                super::resume(app, number).await?;
            }
        }
        after = page.next;
        if after.is_none() {
            return Ok(true);
        }
    }
}
