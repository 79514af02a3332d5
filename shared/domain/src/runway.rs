//! How long a wallet lasts if nothing changes.

use jiff::Span;
use jiff::civil::Date;

use crate::period;

/// What a number will cost: its periods count from `anchor`, the next one to charge is the `next`-th.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Upcoming {
    /// From where its periods count.
    pub anchor: Date,
    /// Which period is charged next.
    pub next: u16,
    /// What each costs, in micro-units.
    pub price: i64,
}

/// Longest that is looked ahead, in months.
const MONTHS_MAX: i64 = 1_200;

/// The last day on which all upcoming charges are covered; `None` when there are none, or when the funds outlast a
/// century.
///
/// Every number is charged once in each month from its next charge on, so whole months are counted by division and only
/// the month in which the money ends is walked through.
#[must_use]
pub fn funds_last_until(available: i64, upcoming: &[Upcoming]) -> Option<Date> {
    let monthly = upcoming.iter().fold(0i64, |sum, charge| sum.saturating_add(charge.price));
    if monthly <= 0 {
        return None;
    }
    let months = available.max(0).checked_div(monthly)?;
    let mut left = available.max(0).saturating_sub(months.saturating_mul(monthly));
    let months = u16::try_from(months.min(MONTHS_MAX)).ok().filter(|months| i64::from(*months) < MONTHS_MAX)?;
    let charge = |c: &Upcoming| Some((period::start_of(c.anchor, c.next.checked_add(months)?)?, c.price));
    let mut charges: Vec<(Date, i64)> = upcoming.iter().filter_map(charge).collect();
    charges.sort_unstable();
    let uncovered = charges.into_iter().find(|(_, price)| {
        left = left.saturating_sub(*price);
        left < 0
    });
    uncovered?.0.checked_sub(Span::new().days(1)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn funds_last_until_the_day_before_the_first_charge_they_do_not_cover() {
        let upcoming = |next_day: i8, price: i64| Upcoming { anchor: date(2027, 1, next_day), next: 1, price };
        let check = |available: i64, charges: &[Upcoming], expected: Option<Date>| {
            assert_eq!(funds_last_until(available, charges), expected, "{available}");
        };
        check(10, &[], None);
        check(0, &[upcoming(15, 5)], Some(date(2027, 2, 14)));
        check(-3, &[upcoming(15, 5)], Some(date(2027, 2, 14)));
        check(5, &[upcoming(15, 5)], Some(date(2027, 3, 14)));
        check(9, &[upcoming(15, 5)], Some(date(2027, 3, 14)));
        check(7, &[upcoming(15, 5), upcoming(3, 5)], Some(date(2027, 2, 14)));
        check(17, &[upcoming(15, 5), upcoming(3, 5)], Some(date(2027, 3, 14)));
        check(5, &[upcoming(31, 5)], Some(date(2027, 3, 30)));
        check(1_000_000, &[upcoming(15, 5)], None);
    }
}
