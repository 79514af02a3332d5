//! What the operator asks of the money: does it add up, what would a day come to, go on now.

use std::collections::BTreeSet;

use domain::number::Number;
use domain::wallet::{EntryKind, HoldState, Wallet, WalletRef};
use domain::{Currency, Money, TenantId, limits, margin, period};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Deserialize;
use store::page::Cursor;

use super::Paging;
use crate::api::{BillingPreviewView, LedgerCheckView, LedgerViolationView, Listed, MarginView, RunView, StageView};
use crate::billing::{self, JobError};
use crate::serve::Schedule;
use crate::{App, Error};

/// Of which day, and which tenant.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
pub struct PreviewRequest {
    /// A UTC date; today by default.
    #[cfg_attr(feature = "openapi", param(value_type = Option<String>, format = Date))]
    date: Option<String>,
    /// 1 to 100, 50 by default.
    limit: Option<u16>,
    /// From `next_cursor`.
    cursor: Option<String>,
}

/// What charging on a day would come to, wallet by wallet, given what each has now. Moves nothing.
///
/// # Errors
/// [`Error::Invalid`].
pub async fn preview(app: &App, request: &PreviewRequest) -> Result<Listed<BillingPreviewView>, Error> {
    let today = period::date_of(app.clock.now());
    let date = match &request.date {
        Some(text) => text.parse::<Date>().map_err(|_| Error::invalid("date", "a date such as 2027-01-31"))?,
        None => today,
    };
    let paging = Paging { limit: request.limit, cursor: request.cursor.clone() };
    let (limit, after) = (usize::from(paging.limit()?), paging.cursor(PREVIEWS)?);
    let name = |wallet: &WalletRef| format!("{PREVIEWS}{}#{}", wallet.tenant_id, wallet.currency);
    let wallets = billing::wallets_due(app, date).await?;
    let rest =
        wallets.into_iter().filter(|wallet| after.as_ref().is_none_or(|after| *after.position() < *name(wallet)));
    let mut rest: Vec<WalletRef> = rest.take(limit + 1).collect();
    let more = rest.len() > limit;
    rest.truncate(limit);
    let next_cursor = rest.last().filter(|_| more).map(|last| Cursor::at(name(last)).encode());
    let mut items = Vec::with_capacity(rest.len());
    for wallet in &rest {
        items.push(BillingPreviewView::of(billing::preview(app, wallet, date).await?, date));
    }
    items.retain(BillingPreviewView::is_something);
    Ok(Listed { items, next_cursor })
}

const PREVIEWS: &str = "PREVIEW#";

/// Whose ledger.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
pub struct VerifyRequest {
    /// Only this tenant's; everybody's by default, as far as one request has the time.
    tenant_id: Option<String>,
}

/// Whether every wallet is the sum of its entries and holds.
///
/// # Errors
/// [`Error::Invalid`].
pub async fn verify(app: &App, request: &VerifyRequest) -> Result<LedgerCheckView, Error> {
    let until = app.clock.real_now().saturating_add(limits::REQUEST_DRIVES_FOR).unwrap_or(Timestamp::MAX);
    let mut check = LedgerCheckView::at(app.clock.now());
    if let Some(tenant) = &request.tenant_id {
        let tenant: TenantId = tenant.parse().map_err(|_| Error::invalid("tenant_id", "a tenant's id"))?;
        check.complete = true;
        for wallet in app.store.wallet_list(&tenant).await? {
            check.complete &= one(app, &tenant, wallet.currency, until, &mut check).await?;
        }
        return Ok(check);
    }
    let mut after = None;
    loop {
        let (wallets, next) = app.store.wallet_scan(after).await?;
        for (tenant, wallet) in wallets {
            if !one(app, &tenant, wallet.currency, until, &mut check).await? {
                return Ok(check);
            }
        }
        after = next;
        if after.is_none() {
            check.complete = true;
            return Ok(check);
        }
    }
}

/// Checks one wallet. One that moves while it is being checked is looked at again. `false` when there was not enough time.
pub(crate) async fn one(
    app: &App,
    tenant: &TenantId,
    currency: Currency,
    until: Timestamp,
    check: &mut LedgerCheckView,
) -> Result<bool, Error> {
    let mut before = app.store.wallet_get(tenant, currency).await?;
    for _ in 0..limits::TRANSACTION_TRIES_MAX {
        let Some(says) = before else { return Ok(true) };
        let Some((must, unbalanced)) = sums(app, tenant, currency, until).await? else { return Ok(false) };
        let after = app.store.wallet_get(tenant, currency).await?;
        if after != before {
            before = after;
            continue;
        }
        check.wallets += 1;
        check.entries += says.entries;
        let adds_up = (says.balance, says.held, says.available, says.entries)
            == (must.balance, must.held, must.balance.saturating_sub(must.held), must.entries);
        if !adds_up {
            let detail = format!(
                "balance {}, held {}, available {}, entries {}; the ledger has {}, {}, {}, {}",
                says.balance,
                says.held,
                says.available,
                says.entries,
                must.balance,
                must.held,
                must.balance.saturating_sub(must.held),
                must.entries
            );
            check.violations.push(LedgerViolationView::new(tenant, currency, detail));
        }
        for entry in unbalanced {
            check.violations.push(LedgerViolationView::new(tenant, currency, format!("{entry} does not balance")));
        }
        check.ok = check.violations.is_empty();
        return Ok(true);
    }
    let detail = "it moved all the while; ask again".to_owned();
    check.violations.push(LedgerViolationView::new(tenant, currency, detail));
    check.ok = false;
    Ok(true)
}

/// What entries and holds add up to, and the entries that do not balance; `None` when there was not enough time.
async fn sums(
    app: &App,
    tenant: &TenantId,
    currency: Currency,
    until: Timestamp,
) -> Result<Option<(Wallet, Vec<String>)>, Error> {
    let mut sum = Wallet { currency, balance: 0, held: 0, available: 0, entries: 0, overdue: 0, barring: None };
    let (mut unbalanced, mut after) = (Vec::new(), None);
    loop {
        if app.clock.real_now() >= until {
            return Ok(None);
        }
        let page = app.store.entry_list(tenant, currency, after, limits::PAGE_MAX).await?;
        for entry in page.items {
            sum.balance = sum.balance.saturating_add(entry.wallet_micros());
            sum.entries += 1;
            if !entry.balances() {
                unbalanced.push(entry.id.to_string());
            }
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    loop {
        let page = app.store.hold_list(tenant, after, limits::PAGE_MAX).await?;
        let held = page.items.iter().filter(|hold| hold.state == HoldState::Held && hold.amount.currency == currency);
        sum.held = held.fold(sum.held, |sum, hold| sum.saturating_add(hold.amount.micros));
        after = page.next;
        if after.is_none() {
            return Ok(Some((sum, unbalanced)));
        }
    }
}

/// In which currency.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
pub struct MarginRequest {
    /// ISO 4217; USD by default.
    currency: Option<String>,
}

/// What a tenant's numbers brought in against what their carriers charged, since the first of them.
///
/// # Errors
/// [`Error::Invalid`].
pub async fn margin(app: &App, tenant: &TenantId, request: &MarginRequest) -> Result<MarginView, Error> {
    let currency: Currency = match &request.currency {
        Some(text) => text.parse().map_err(|e| Error::invalid("currency", format!("{e}")))?,
        None => Currency::USD,
    };
    let today = period::date_of(app.clock.now());
    let (mut revenue, mut charged, mut after) = (0i64, 0u64, None);
    loop {
        let page = app.store.entry_list(tenant, currency, after, limits::PAGE_MAX).await?;
        for entry in page.items.iter().filter(|entry| entry.kind == EntryKind::NumberCharge) {
            revenue = revenue.saturating_sub(entry.wallet_micros());
            let single = u64::from(entry.lines.is_empty() && entry.wallet_micros() != 0);
            let lines = entry.lines.iter().filter(|line| line.micros > 0).count();
            charged += single + u64::try_from(lines).unwrap_or(u64::MAX);
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let (mut cost, mut months, mut numbers) = (0i64, 0u64, 0u64);
    loop {
        let bought = |number: &Number| number.anchor.is_some() && number.price.currency == currency;
        let page = app.store.number_list(tenant, after, limits::PAGE_MAX, bought).await?;
        for number in &page.items {
            let begun = margin::carrier_months(number, today);
            let line = app.price_book.line_of(number.carrier, number.country, number.kind);
            let line = line.filter(|line| line.cost.currency == currency);
            cost = cost.saturating_add(line.map_or(0, |line| margin::carrier_cost(line, begun).micros));
            (months, numbers) = (months + u64::from(begun), numbers + 1);
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let money = |micros: i64| Money::from_micros(micros, currency);
    Ok(MarginView {
        tenant_id: tenant.to_string(),
        numbers,
        revenue: money(revenue),
        cost: money(cost),
        margin: money(revenue.saturating_sub(cost)),
        months_charged: charged,
        months_at_carrier: months,
        months_not_charged: months.saturating_sub(charged),
    })
}

/// Whether to do it.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RunRequest {
    /// Only say what would be done.
    #[serde(default)]
    dry_run: bool,
}

/// Lets a job of money tick now, or says what it would do today, at most [`limits::PAGE_MAX`] wallets of it.
///
/// # Errors
/// When the store or the queue does not answer.
pub async fn start(app: &App, which: Schedule, request: &RunRequest) -> Result<RunView, Error> {
    let now = app.clock.now();
    let mut run = RunView { dry_run: request.dry_run, now, queued: 0, charges: Vec::new(), stages: Vec::new() };
    if !request.dry_run {
        let queued = match which {
            Schedule::Renewals => billing::renew(app, Some(now)).await,
            Schedule::Dunning => billing::dun(app, Some(now)).await,
            Schedule::PeriodEnd => {
                billing::release_ended(app, Some(now)).await.map(|report| billing::count(report.begun.len()))
            }
        };
        run.queued = queued.map_err(|error| match error {
            JobError::Store(error) => Error::Store(error),
            JobError::Ahead(_) => Error::invalid("time", "ahead of the clock"),
        })?;
        return Ok(run);
    }
    let today = period::date_of(now);
    let wallets: BTreeSet<WalletRef> = billing::wallets_due(app, today).await?;
    for wallet in wallets.into_iter().take(usize::from(limits::PAGE_MAX)) {
        match which {
            Schedule::Renewals => {
                run.charges.push(BillingPreviewView::of(billing::preview(app, &wallet, today).await?, today));
            }
            Schedule::Dunning => {
                let stages = billing::foresee(app, &wallet, today).await?;
                run.stages.extend(stages.into_iter().map(|stage| StageView::of(&wallet, stage)));
            }
            Schedule::PeriodEnd => {}
        }
    }
    run.charges.retain(BillingPreviewView::is_something);
    Ok(run)
}
