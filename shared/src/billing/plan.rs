//! What a wallet owes on a day: read afresh, in the order of `domain::billing`, with what the wallet can pay.

use domain::billing::{self, Candidate, Charge};
use domain::number::{Number, NumberStatus};
use domain::wallet::WalletRef;
use domain::{Currency, Money, NumberId, limits};
use jiff::civil::Date;
use store::StoreError;
use store::queue::ChargeCause;

use super::count;
use crate::App;

/// What a wallet owes.
#[derive(Debug)]
pub(super) struct Plan {
    /// Numbers with something due.
    pub(super) candidates: Vec<Candidate>,
    /// Everything due, in the order in which money is spent on it.
    pub(super) charges: Vec<Charge>,
    /// What the wallet can pay, in micro-units.
    pub(super) available: i64,
    /// Numbers of the tenant that have one of the plan's places.
    pub(super) places_taken: u32,
}

impl Plan {
    /// How many charges, from the first on, the wallet covers.
    pub(super) fn covered(&self) -> usize {
        billing::affordable(&self.charges, self.available)
    }
}

/// Reads what a wallet owes on a day.
///
/// Renewals of a wallet that owes nothing else read only the numbers whose anchors are due; overdue numbers have a claim on
/// the money that comes first, so with them everything the tenant holds is read.
pub(super) async fn read(app: &App, wallet: &WalletRef, date: Date, cause: &ChargeCause) -> Result<Plan, StoreError> {
    let tenant = &wallet.tenant_id;
    let (money, standing, holdings) = tokio::try_join!(
        app.store.wallet_get(tenant, wallet.currency),
        app.store.tenant_get(tenant),
        app.store.holdings_get(tenant),
    )?;
    let overdue = money.is_some_and(|money| money.overdue > 0);
    let mut candidates = match cause {
        ChargeCause::Renewal { days } if !overdue => anchored(app, wallet, days, date).await?,
        ChargeCause::Credit if !overdue => Vec::new(),
        ChargeCause::Unparked { number_id } if !overdue => one(app, wallet, number_id, date).await?,
        ChargeCause::Renewal { .. } | ChargeCause::Credit | ChargeCause::Dunning | ChargeCause::Unparked { .. } => {
            held(app, wallet, date).await?
        }
    };
    billing::include(&mut candidates, holdings.included, app.plan(standing.as_ref()).included);
    let charges = billing::in_order(&candidates, date);
    let available = money.map_or(0, |money| money.available);
    Ok(Plan { candidates, charges, available, places_taken: holdings.included })
}

/// Numbers with something due among those of these anchor days.
async fn anchored(app: &App, wallet: &WalletRef, days: &[i8], date: Date) -> Result<Vec<Candidate>, StoreError> {
    let mut candidates = Vec::new();
    for day in days.iter().copied() {
        for shard in 0..limits::ANCHOR_SHARDS {
            let mut after = None;
            loop {
                let ids = app.store.anchored_numbers(wallet, day, shard, after.as_ref()).await?;
                let numbers = app.store.numbers_get(&wallet.tenant_id, &ids).await?;
                candidates.extend(numbers.iter().filter_map(|number| due(number, wallet.currency, date)));
                after = ids.last().filter(|_| ids.len() == usize::from(limits::DUE_PAGE)).cloned();
                if after.is_none() {
                    break;
                }
            }
        }
    }
    Ok(candidates)
}

/// This number, if something of it is due.
async fn one(app: &App, wallet: &WalletRef, id: &NumberId, date: Date) -> Result<Vec<Candidate>, StoreError> {
    let number = app.store.number_get(&wallet.tenant_id, id).await?;
    Ok(number.and_then(|number| due(&number, wallet.currency, date)).into_iter().collect())
}

/// Numbers with something due among all that the tenant holds.
async fn held(app: &App, wallet: &WalletRef, date: Date) -> Result<Vec<Candidate>, StoreError> {
    let (mut candidates, mut after) = (Vec::new(), None);
    loop {
        let page = app.store.number_list(&wallet.tenant_id, after, limits::PAGE_MAX, |_| true).await?;
        candidates.extend(page.items.iter().filter_map(|number| due(number, wallet.currency, date)));
        after = page.next;
        if after.is_none() {
            return Ok(candidates);
        }
    }
}

fn due(number: &Number, currency: Currency, date: Date) -> Option<Candidate> {
    let candidate = Candidate::of(number).filter(|_| number.price.currency == currency)?;
    (candidate.paid_through <= date).then_some(candidate)
}

/// What charging a wallet on a day would come to; nothing is moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// Whose wallet.
    pub wallet: WalletRef,
    /// Numbers with something due.
    pub numbers: u64,
    /// Periods due.
    pub periods: u64,
    /// What they cost.
    pub amount: Money,
    /// What the carrier charges us for the same periods, where the price book knows it in the same currency.
    pub cost: Money,
    /// What the wallet can pay.
    pub available: Money,
    /// Of the periods, how many it covers.
    pub covered: u64,
    /// Numbers that would be past due.
    pub failing: Vec<NumberId>,
}

/// Previews what charging a wallet on a day would come to, given what it has now.
///
/// # Errors
/// When the store does not answer.
pub async fn preview(app: &App, wallet: &WalletRef, date: Date) -> Result<Preview, StoreError> {
    let plan = read(app, wallet, date, &ChargeCause::Dunning).await?;
    let covered = plan.covered();
    let money = |micros: i64| Money::from_micros(micros, wallet.currency);
    let failing = plan.charges.iter().skip(covered).map(|charge| charge.candidate);
    let mut failing: Vec<usize> = failing.collect();
    failing.sort_unstable();
    failing.dedup();
    let cost = plan.charges.iter().filter_map(|charge| plan.candidates.get(charge.candidate)).map(|candidate| {
        let line = app.price_book.line_of(candidate.carrier, candidate.country, candidate.kind);
        line.filter(|line| line.cost.currency == wallet.currency).map_or(0, |line| line.monthly_cost().micros)
    });
    Ok(Preview {
        wallet: wallet.clone(),
        numbers: count(plan.candidates.len()),
        periods: count(plan.charges.len()),
        amount: money(plan.charges.iter().fold(0, |sum, charge| sum.saturating_add(charge.micros))),
        cost: money(cost.fold(0i64, i64::saturating_add)),
        available: money(plan.available),
        covered: count(covered),
        failing: failing.into_iter().filter_map(|n| plan.candidates.get(n)).map(|number| number.id.clone()).collect(),
    })
}

/// Whether a number waits to be resumed: suspended, and paid for.
pub(super) fn waits_to_resume(number: &Number, date: Date) -> bool {
    let paid = number.paid_through.is_some_and(|paid_through| paid_through > date);
    number.status == NumberStatus::Suspended && number.dunning.is_none() && paid && !number.parked
}
