//! What a tenant has, and the ledger that explains it.

use domain::billing::Candidate;
use domain::number::{Number, NumberStatus};
use domain::runway::{Upcoming, funds_last_until};
use domain::wallet::Wallet;
use domain::{Currency, TenantId, limits, period};
use serde::Deserialize;
use store::keys;
use store::page::Cursor;

use super::Paging;
use crate::api::{EntryView, IncludedMinutes, Listed, UpcomingView, WalletView, WalletsView};
use crate::http::auth::Caller;
use crate::{App, Error};

/// All wallets of the caller's tenant.
///
/// # Errors
/// [`Error::NotFound`] for a caller confined to a project: money belongs to the whole tenant.
pub async fn get(app: &App, caller: &Caller) -> Result<WalletsView, Error> {
    caller.sees_all()?;
    let (wallets, numbers, tenant) = tokio::try_join!(
        async { app.store.wallet_list(&caller.tenant).await.map_err(Error::from) },
        renewing(app, &caller.tenant),
        async { app.store.tenant_get(&caller.tenant).await.map_err(Error::from) },
    )?;
    let included_minutes = match app.plan(tenant.as_ref()).minutes {
        0 => None,
        included => {
            let used = app.store.minutes_used(&caller.tenant, app.clock.now()).await?;
            Some(IncludedMinutes { included, used: used.min(included) })
        }
    };
    let show = |wallet: Wallet| {
        let upcoming: Vec<Upcoming> = numbers.iter().filter_map(|number| upcoming(number, wallet.currency)).collect();
        WalletView::of(wallet, funds_last_until(wallet.available, &upcoming))
    };
    Ok(WalletsView { wallets: wallets.into_iter().map(show).collect(), included_minutes })
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
    let candidate = Candidate::of(number).filter(|_| number.price.currency == currency)?;
    let Candidate { anchor, paid_through, .. } = candidate;
    let next = period::from(anchor, paid_through)?;
    // A price that was announced counts from the start: it applies to all months but, at most, the first.
    let price = candidate.price_from(number.price_change.map_or(paid_through, |change| change.from));
    Some(Upcoming { anchor, next, price: price.micros })
}

/// The next charge of every number that is charged, the earliest first. Of a tenant with more numbers than
/// [`limits::PAGE_READS_MAX`] pages, those of these pages.
///
/// # Errors
/// [`Error::Invalid`], [`Error::NotFound`] for a caller confined to a project.
pub async fn upcoming_charges(app: &App, caller: &Caller, paging: &Paging) -> Result<Listed<UpcomingView>, Error> {
    caller.sees_all()?;
    let (limit, after) = (usize::from(paging.limit()?), paging.cursor("")?);
    let numbers = renewing(app, &caller.tenant).await?;
    let candidates = numbers.iter().filter_map(Candidate::of);
    let mut items: Vec<UpcomingView> = candidates.filter_map(|candidate| UpcomingView::of(&candidate)).collect();
    items.sort_by_key(UpcomingView::position);
    items.retain(|item| after.as_ref().is_none_or(|after| *after.position() < *item.position()));
    let more = items.len() > limit;
    items.truncate(limit);
    let next_cursor = items.last().filter(|_| more).map(|last| Cursor::at(last.position()).encode());
    Ok(Listed { items, next_cursor })
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
    let limit = usize::from(paging.limit()?);
    let prefix = keys::entries(currency);
    let start = paging.cursor(&format!("BAL#{currency}#"))?.map(|cursor| read_cursor(&cursor, &prefix)).transpose()?;
    let Some(mut place) = start_of(app, &caller.tenant, currency, start).await? else {
        return Ok(Listed { items: Vec::new(), next_cursor: None });
    };
    let named = request.number_id.as_deref();
    let wanted = |entry: &EntryView| named.is_none_or(|id| entry.number_id.as_deref() == Some(id));
    let mut items: Vec<EntryView> = Vec::new();
    for _ in 0..limits::PAGE_READS_MAX {
        let page = app.store.entry_list(&caller.tenant, currency, place.after.clone(), limits::PAGE_DEFAULT).await?;
        for entry in page.items {
            let key = keys::entry(&caller.tenant, currency, entry.effective_at, &cause(&entry));
            let moved = entry.wallet_micros();
            let shown = EntryView::shown(entry, place.balance);
            for (n, line) in shown.into_iter().enumerate().skip(place.shown) {
                if items.len() == limit {
                    let next = Place { shown: n, ..place.clone() };
                    return Ok(Listed { items, next_cursor: Some(write_cursor(currency, &next)) });
                }
                if wanted(&line) {
                    items.push(line);
                }
            }
            place = Place { balance: place.balance.saturating_sub(moved), shown: 0, after: Some(Cursor::at(key.sk)) };
        }
        if page.next.is_none() {
            return Ok(Listed { items, next_cursor: None });
        }
    }
    Ok(Listed { items, next_cursor: Some(write_cursor(currency, &place)) })
}

/// What an entry is keyed by beside its instant.
fn cause(entry: &domain::wallet::Entry) -> String {
    match &entry.operation_id {
        Some(operation) => operation.to_string(),
        None => entry.id.to_string(),
    }
}

/// Where a list of entries goes on.
#[derive(Clone)]
struct Place {
    /// What the wallet had after the entry that comes next, in micro-units.
    balance: i64,
    /// Lines of that entry that were shown already.
    shown: usize,
    /// The entry before it.
    after: Option<Cursor>,
}

async fn start_of(
    app: &App,
    tenant: &TenantId,
    currency: Currency,
    place: Option<Place>,
) -> Result<Option<Place>, Error> {
    let whole = |balance: i64| Place { balance, shown: 0, after: None };
    match place {
        Some(place) => Ok(Some(place)),
        None => Ok(app.store.wallet_get(tenant, currency).await?.map(|wallet| whole(wallet.balance))),
    }
}

fn write_cursor(currency: Currency, place: &Place) -> String {
    let position = place.after.as_ref().map(Cursor::position).unwrap_or_default();
    Cursor::at(format!("BAL#{currency}#{}#{}|{position}", place.balance, place.shown)).encode()
}

fn read_cursor(cursor: &Cursor, prefix: &str) -> Result<Place, Error> {
    let read = || {
        let (head, position) = cursor.position().split_once('|')?;
        let mut numbers = head.rsplit('#');
        let shown = numbers.next()?.parse().ok()?;
        let balance = numbers.next()?.parse().ok()?;
        let fits = position.is_empty() || position.starts_with(prefix);
        let after = (!position.is_empty()).then(|| Cursor::at(position));
        fits.then_some(Place { balance, shown, after })
    };
    read().ok_or_else(|| Error::invalid("cursor", "take it from `next_cursor` of the same list"))
}
