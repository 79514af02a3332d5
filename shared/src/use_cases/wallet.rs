//! What a tenant has, and the ledger that explains it.

use domain::number::{Number, NumberStatus};
use domain::runway::{Upcoming, funds_last_until};
use domain::wallet::Wallet;
use domain::{Currency, TenantId, limits, period};
use jiff::civil::Date;
use serde::Deserialize;
use store::keys;
use store::page::Cursor;

use super::Paging;
use crate::api::{EntryView, Listed, WalletView, WalletsView};
use crate::http::auth::Caller;
use crate::{App, Error};

/// All wallets of the caller's tenant.
///
/// # Errors
/// [`Error::NotFound`] for a caller confined to a project: money belongs to the whole tenant.
pub async fn get(app: &App, caller: &Caller) -> Result<WalletsView, Error> {
    caller.sees_all()?;
    let (wallets, numbers) = tokio::try_join!(
        async { app.store.wallet_list(&caller.tenant).await.map_err(Error::from) },
        renewing(app, &caller.tenant),
    )?;
    let show = |wallet: Wallet| {
        let upcoming: Vec<Upcoming> = numbers.iter().filter_map(|number| upcoming(number, wallet.currency)).collect();
        WalletView::of(wallet, funds_last_until(wallet.available, &upcoming))
    };
    Ok(WalletsView { wallets: wallets.into_iter().map(show).collect() })
}

/// The tenant's numbers that renew. Stops at [`limits::PAGE_READS_MAX`] pages, more numbers than that last no longer.
async fn renewing(app: &App, tenant: &TenantId) -> Result<Vec<Number>, Error> {
    let renews = |number: &Number| {
        matches!(number.status, NumberStatus::Active | NumberStatus::PastDue) && number.release_at.is_none()
    };
    let (mut numbers, mut after) = (Vec::new(), None);
    for _ in 0..limits::PAGE_READS_MAX {
        let page = app.store.number_list(tenant, after, limits::PAGE_MAX, renews).await?;
        numbers.extend(page.items);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    Ok(numbers)
}

fn upcoming(number: &Number, currency: Currency) -> Option<Upcoming> {
    let (anchor, paid_through) = (number.anchor?, number.paid_through?);
    (number.price.currency == currency).then_some(())?;
    let next = (0..=u16::MAX).find(|n| period::start_of(anchor, *n).is_none_or(|start: Date| start >= paid_through))?;
    Some(Upcoming { anchor, next, price: number.price.micros })
}

/// Which entries to list.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
pub struct EntriesRequest {
    /// ISO 4217; USD by default.
    currency: Option<String>,
    /// Those of this number.
    number_id: Option<String>,
    /// 1 to 100, 50 by default.
    limit: Option<u16>,
    /// From `next_cursor`.
    cursor: Option<String>,
}

/// Ledger entries of one currency (USD unless named), newest first, each with what the wallet had after it.
///
/// The cursor carries the balance at its place, so that a page costs what it shows.
///
/// # Errors
/// [`Error::Invalid`], [`Error::NotFound`] for a caller confined to a project.
pub async fn entries(app: &App, caller: &Caller, request: &EntriesRequest) -> Result<Listed<EntryView>, Error> {
    caller.sees_all()?;
    let paging = Paging { limit: request.limit, cursor: request.cursor.clone() };
    let currency: Currency = match &request.currency {
        Some(text) => text.parse().map_err(|e| Error::invalid("currency", format!("{e}")))?,
        None => Currency::USD,
    };
    let limit = paging.limit()?;
    let prefix = keys::entries(currency);
    let start = paging.cursor(&format!("BAL#{currency}#"))?.map(|cursor| read_cursor(&cursor, &prefix)).transpose()?;
    let Some((mut balance, mut after)) = start_of(app, &caller.tenant, currency, start).await? else {
        return Ok(Listed { items: Vec::new(), next_cursor: None });
    };
    let wanted = |entry: &domain::wallet::Entry| {
        let named = request.number_id.as_deref();
        named.is_none_or(|id| entry.number_id.as_ref().is_some_and(|number| number.as_str() == id))
    };
    let mut items = Vec::new();
    for _ in 0..limits::PAGE_READS_MAX {
        let page = app.store.entry_list(&caller.tenant, currency, after, limit).await?;
        for entry in page.items {
            let key = keys::entry(&caller.tenant, currency, entry.effective_at, &cause(&entry));
            let after_it = balance;
            balance = balance.saturating_sub(entry.wallet_micros());
            let kept = wanted(&entry);
            if kept {
                items.push(EntryView::of(entry, after_it));
            }
            if items.len() == usize::from(limit) && kept {
                let next_cursor = Some(write_cursor(currency, balance, &key.sk));
                return Ok(Listed { items, next_cursor });
            }
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(Listed { items, next_cursor: None }),
        }
    }
    let next_cursor = after.map(|after| write_cursor(currency, balance, after.position()));
    Ok(Listed { items, next_cursor })
}

/// What an entry is keyed by beside its instant.
fn cause(entry: &domain::wallet::Entry) -> String {
    match &entry.operation_id {
        Some(operation) => operation.to_string(),
        None => entry.id.to_string(),
    }
}

type Place = (i64, Option<Cursor>);

async fn start_of(
    app: &App,
    tenant: &TenantId,
    currency: Currency,
    place: Option<Place>,
) -> Result<Option<Place>, Error> {
    match place {
        Some(place) => Ok(Some(place)),
        None => Ok(app.store.wallet_get(tenant, currency).await?.map(|wallet| (wallet.balance, None))),
    }
}

fn write_cursor(currency: Currency, balance: i64, position: &str) -> String {
    Cursor::at(format!("BAL#{currency}#{balance}|{position}")).encode()
}

fn read_cursor(cursor: &Cursor, prefix: &str) -> Result<Place, Error> {
    let bad = || Error::invalid("cursor", "take it from `next_cursor` of the same list");
    let (head, position) = cursor.position().split_once('|').ok_or_else(bad)?;
    let balance = head.rsplit('#').next().and_then(|text| text.parse().ok()).ok_or_else(bad)?;
    if position.starts_with(prefix) { Ok((balance, Some(Cursor::at(position)))) } else { Err(bad()) }
}
