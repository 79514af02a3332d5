//! What is due, in which order money is spent on it, and what charging it changes.
//!
//! Pure. Rules (PRODUCT.md): every period that was served is charged in full and once; a number suspended for the whole of
//! a period is not charged for it; after an outage the oldest period comes first across a tenant's numbers, then the primary
//! number, then the number's id, and when the money does not cover all of it, the longest run of that order it does cover.
//! What costs nothing never waits for money.

use jiff::civil::Date;

use crate::catalog::PriceBook;
use crate::dunning::Dunning;
use crate::ids::NumberId;
use crate::money::Money;
use crate::number::{Carrier, Number, NumberStatus, PriceChange};
use crate::numbering::{CountryCode, E164, NumberKind};
use crate::period::{self, Period};
use crate::wallet::{Free, Line};

/// A number as charging needs it; a tenant may have a hundred thousand, so it is small.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Which.
    pub id: NumberId,
    /// Its digits.
    pub e164: E164,
    /// For its line in the price book; a number of the tenant's own carrier has none.
    pub carrier: Carrier,
    /// For its line in the price book.
    pub country: CountryCode,
    /// For its line in the price book.
    pub kind: NumberKind,
    /// Active, past due or suspended.
    pub status: NumberStatus,
    /// Charged before others of the same day.
    pub primary: bool,
    /// Whether the plan includes it.
    pub included: bool,
    /// What the books say of that; a change is written with the charge.
    pub was_included: bool,
    /// What a month costs.
    pub price: Money,
    /// What it will cost.
    pub price_change: Option<PriceChange>,
    /// From where its periods count.
    pub anchor: Date,
    /// Exclusive end of the last charged period.
    pub paid_through: Date,
    /// Since when it cannot be charged.
    pub dunning: Option<Dunning>,
    /// It ends with what it served until this day: what began later is not charged.
    pub served_until: Option<Date>,
}

/// One period of one candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charge {
    /// Which candidate, by its place.
    pub candidate: usize,
    /// Which period.
    pub period: Period,
    /// What it costs, in micro-units.
    pub micros: i64,
    /// Why nothing, if nothing.
    pub free: Option<Free>,
}

/// What charging changes of a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// Exclusive end of the last charged period now.
    pub paid_through: Date,
    /// What a month costs now.
    pub price: Money,
    /// What it will cost.
    pub price_change: Option<PriceChange>,
    /// A change of price that is announced by this.
    pub announced: Option<PriceChange>,
    /// It was overdue and owes nothing any more.
    pub recovered: bool,
}

impl Candidate {
    /// A number that may be charged; none for one that is not held, parked, or ends with what is paid for, unless it served
    /// past that while it was parked.
    #[must_use]
    pub fn of(number: &Number) -> Option<Self> {
        let charged = match number.status {
            NumberStatus::Active | NumberStatus::PastDue | NumberStatus::Suspended => true,
            NumberStatus::Pending | NumberStatus::Releasing | NumberStatus::Released | NumberStatus::Failed => false,
        };
        if !charged || number.parked || (number.ends_with_its_period() && number.served_until.is_none()) {
            return None;
        }
        Some(Self {
            id: number.id.clone(),
            e164: number.e164.clone(),
            carrier: number.carrier,
            country: number.country,
            kind: number.kind,
            status: number.status,
            primary: number.primary,
            included: number.included,
            was_included: number.included,
            price: number.price,
            price_change: number.price_change,
            anchor: number.anchor?,
            paid_through: number.paid_through?,
            dunning: number.dunning,
            served_until: number.served_until.filter(|_| number.ends_with_its_period()),
        })
    }

    /// What a period that starts on this day costs.
    #[must_use]
    pub fn price_from(&self, start: Date) -> Money {
        if self.included {
            return Money::zero(self.price.currency);
        }
        self.price_change.filter(|change| change.from <= start).map_or(self.price, |change| change.price)
    }

    /// Its periods that began by today and are not charged yet, oldest first. Those for the whole of which it was suspended
    /// cost nothing; the one that today is in would be served again, were it paid.
    fn due(&self, today: Date) -> Vec<(Period, i64, Option<Free>)> {
        let suspended_on = self.dunning.and_then(|dunning| dunning.suspended_on);
        let today = self.served_until.map_or(today, |served| served.min(today));
        let first = period::from(self.anchor, self.paid_through).unwrap_or(u16::MAX);
        let begun = (first..u16::MAX).map_while(|n| period::nth(self.anchor, n)).take_while(|p| p.start <= today);
        let price = |period: Period| {
            let served = suspended_on.is_none_or(|on| period.start < on || period.end > today);
            let free = match (served, self.included) {
                (false, _) => Some(Free::Suspended),
                (true, true) => Some(Free::Included),
                (true, false) => None,
            };
            let micros = if free.is_some() { 0 } else { self.price_from(period.start).micros };
            (period, micros, free)
        };
        begun.map(price).collect()
    }

    /// What charging up to a period's end changes. A price in the book that differs is announced now and applies from the
    /// next period on.
    #[must_use]
    pub fn settled(&self, last: Period, today: Date, book: &PriceBook) -> Settled {
        let applied = self.price_change.filter(|change| change.from <= last.start);
        let price = applied.map_or(self.price, |change| change.price);
        let pending = self.price_change.filter(|change| change.from > last.start);
        let listed = book.line_of(self.carrier, self.country, self.kind).map(|line| line.price);
        let other = listed.filter(|listed| *listed != price && listed.currency == price.currency);
        // Who is about to go is told of no price any more.
        let announced = match pending {
            Some(_) => None,
            None if self.served_until.is_some() => None,
            None => other.map(|price| PriceChange { price, from: last.end }),
        };
        Settled {
            paid_through: last.end,
            price,
            price_change: pending.or(announced),
            announced,
            recovered: self.dunning.is_some() && last.end > today,
        }
    }
}

/// Gives free places of the plan to numbers that are due, the oldest first, and takes away places the plan no longer has,
/// the newest first. `taken` of the plan's `places` are taken by numbers of the tenant.
pub fn include(candidates: &mut [Candidate], taken: u32, places: u32) {
    let mut by_age: Vec<usize> = (0..candidates.len()).collect();
    by_age.sort_by(|a, b| candidates.get(*a).map(|c| &c.id).cmp(&candidates.get(*b).map(|c| &c.id)));
    let mut taken = taken;
    for n in by_age.iter().rev() {
        if let Some(candidate) = candidates.get_mut(*n).filter(|candidate| candidate.included && taken > places) {
            candidate.included = false;
            taken = taken.saturating_sub(1);
        }
    }
    for n in by_age {
        if let Some(candidate) = candidates.get_mut(n).filter(|candidate| !candidate.included && taken < places) {
            candidate.included = true;
            taken = taken.saturating_add(1);
        }
    }
}

/// Everything due today, in the order in which money is spent on it.
#[must_use]
pub fn in_order(candidates: &[Candidate], today: Date) -> Vec<Charge> {
    let mut charges = Vec::new();
    for (candidate, number) in candidates.iter().enumerate() {
        let due = number.due(today);
        charges.extend(due.into_iter().map(|(period, micros, free)| Charge { candidate, period, micros, free }));
    }
    let place = |charge: &Charge| {
        let number = candidates.get(charge.candidate);
        let costs = number.is_some_and(|number| !number.included);
        let later = number.is_none_or(|number| !number.primary);
        (costs, charge.period.start, later, number.map(|number| &number.id))
    };
    charges.sort_by(|a, b| place(a).cmp(&place(b)));
    charges
}

/// How many charges, from the first on, this much money covers.
#[must_use]
pub fn affordable(charges: &[Charge], available: i64) -> usize {
    let mut left = available;
    for (n, charge) in charges.iter().enumerate() {
        left = left.saturating_sub(charge.micros);
        if charge.micros > 0 && left < 0 {
            return n;
        }
    }
    charges.len()
}

/// A charge as its entry shows it.
#[must_use]
pub fn line(candidate: &Candidate, charge: &Charge) -> Line {
    Line {
        number_id: candidate.id.clone(),
        e164: candidate.e164.clone(),
        start: charge.period.start,
        end: charge.period.end,
        micros: charge.micros,
        free: charge.free,
    }
}

#[cfg(test)]
mod tests;
