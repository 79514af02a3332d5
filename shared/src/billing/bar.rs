//! Calls that go past us: barred while the tenant does not pay for those it has had, since nobody asks us when the next one
//! begins (F32). The wallet says whether they are; the numbers follow, each by a saga of its own.
//!
//! ```text
//! bar     wallet `barring` · a saga a number, whose end the wallet must still want
//! unbar   wallet no longer wants any · a saga a number · wallet has none
//! ```
//!
//! Whoever dies on the way to the second leaves the wallet's word, by which the next message goes on.

use domain::number::{Number, NumberStatus};
use domain::operation::{Bar, Saga};
use domain::wallet::WalletRef;
use domain::{limits, period};
use jiff::Timestamp;
use store::queue::{ChargeCause, ChargeMessage};
use store::{StoreError, TransactError, Write};

use super::usage::{self, Calls};
use super::{begun, drive, left_to_the_queue, operation};
use crate::{App, saga};

/// Bars calls past us of every number whose minutes this wallet pays for, while it owes for one. Those that are past due are
/// not: they are given time to pay, and dunning suspends them. `false` when there was not enough time.
pub(super) async fn bar(app: &App, wallet: &WalletRef, until: Timestamp) -> Result<bool, StoreError> {
    let open = |number: &Number| {
        let serves = number.status == NumberStatus::Active && !number.parked && number.open_operation_id.is_none();
        serves && !number.barred && is_paid_by(app, number, wallet)
    };
    if !any(app, wallet, open).await? {
        return Ok(true);
    }
    written(app, store::wallet::bar(wallet)?).await?;
    // Whoever took money in before that had nothing to let through.
    match usage::charge_unpaid(app, wallet, until).await? {
        Calls::Owed(_) => {}
        Calls::Paid => return unbar(app, wallet, until).await,
        Calls::Unknown => return Ok(false),
    }
    let mut after = None;
    loop {
        let page = app.store.number_list(&wallet.tenant_id, after, limits::PAGE_MAX, open).await?;
        for number in &page.items {
            if app.clock.real_now() >= until {
                return Ok(false);
            }
            // What changed since it was read is found by the next message: a call that is owed is looked at daily.
            let _ = begin(app, wallet, number, true).await?;
        }
        after = page.next;
        if after.is_none() {
            return Ok(true);
        }
    }
}

/// Lets the calls of every barred number through again. `false` when there was not enough time. What something else is at is
/// looked at again in a while, and what is parked when it no longer is: until then the wallet keeps its word.
pub(super) async fn unbar(app: &App, wallet: &WalletRef, until: Timestamp) -> Result<bool, StoreError> {
    let money = app.store.wallet_get(&wallet.tenant_id, wallet.currency).await?;
    if money.is_none_or(|money| money.barring.is_none()) {
        return Ok(true);
    }
    written(app, store::wallet::unbarring(wallet)?).await?;
    let barred = |number: &Number| number.barred && is_paid_by(app, number, wallet);
    let (mut after, mut busy, mut parked) = (None, false, false);
    loop {
        let page = app.store.number_list(&wallet.tenant_id, after, limits::PAGE_MAX, barred).await?;
        for number in &page.items {
            if app.clock.real_now() >= until {
                return Ok(false);
            }
            match (number.parked, number.open_operation_id.is_some()) {
                (true, _) => parked = true,
                (false, true) => busy = true,
                (false, false) => busy |= !begin(app, wallet, number, false).await?,
            }
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    if busy {
        let (wallet, date) = (wallet.clone(), period::date_of(app.clock.now()));
        let again = ChargeMessage { wallet, date, cause: ChargeCause::Credit };
        app.charges.send_later(&again, limits::UNBAR_AGAIN_AFTER).await?;
    } else if !parked {
        written(app, store::wallet::unbarred(wallet)?).await?;
    }
    Ok(true)
}

/// A number is not parked any more: if its calls are barred, whoever has the message looks whether they still have to be.
pub async fn look_again(app: &App, number: &Number) {
    let method = number.platform_ref.as_ref().map(|known| known.reach.method()).filter(|_| number.barred);
    if let Some(method) = method {
        super::credited(app, &number.tenant_id, app.price_book.minutes_by(method).price.currency).await;
    }
}

/// Whether a tenant has any such number.
async fn any(app: &App, wallet: &WalletRef, such: impl Fn(&Number) -> bool) -> Result<bool, StoreError> {
    let mut after = None;
    loop {
        let page = app.store.number_list(&wallet.tenant_id, after, limits::PAGE_MAX, &such).await?;
        after = page.next;
        if !page.items.is_empty() || after.is_none() {
            return Ok(!page.items.is_empty());
        }
    }
}

/// Whether a number's calls go past us and are paid from this wallet.
fn is_paid_by(app: &App, number: &Number, wallet: &WalletRef) -> bool {
    let method = number.platform_ref.as_ref().map(|known| known.reach.method());
    method.is_some_and(|method| method.past_us() && app.price_book.minutes_by(method).price.currency == wallet.currency)
}

/// Begins to bar a number, or to unbar it; `false` when it changed since it was read.
async fn begin(app: &App, wallet: &WalletRef, number: &Number, barred: bool) -> Result<bool, StoreError> {
    let Some(platform) = number.platform_ref.clone() else { return Ok(false) };
    let bar = Bar { e164: number.e164.clone(), currency: wallet.currency, barred, platform };
    let op = left_to_the_queue(app, operation(app, number, Saga::Bar(Box::new(bar))));
    let begun = begun(app, saga::bar::begin(&op, number)?).await?;
    if begun {
        drive(app, op).await?;
    }
    Ok(begun)
}

/// Whether the wallet took it; it is not as expected when another message was first.
async fn written(app: &App, write: Write) -> Result<(), StoreError> {
    match app.store.transact(vec![write]).await {
        Ok(()) | Err(TransactError::Lost(_)) => Ok(()),
        Err(TransactError::Store(error)) => Err(error),
    }
}
