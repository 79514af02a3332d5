//! What we keep: what tenants pay against what carriers charge us, the months included in which a carrier charged and we did
//! not (suspended numbers, numbers a plan includes, numbers released for want of payment).

use jiff::civil::Date;

use crate::catalog::{CostPeriod, PriceLine};
use crate::money::Money;
use crate::number::Number;
use crate::period;

/// Months of a number that its carrier charged us for by the end of a day.
#[must_use]
pub fn carrier_months(number: &Number, today: Date) -> u16 {
    let Some(anchor) = number.anchor else { return 0 };
    let last = number.released_at.map_or(today, period::date_of).min(today);
    // A carrier charges ahead: a month counts from the day it begins, unless the number is gone by then.
    let over = number.released_at.is_some();
    let begun = |n: &u16| period::start_of(anchor, *n).is_some_and(|start| start < last || (start == last && !over));
    let months = (0..u16::MAX).take_while(begun).count();
    u16::try_from(months).unwrap_or(u16::MAX).max(1)
}

/// What the carrier charges us for so many months of a number of this line; by the year, every year that was begun.
#[must_use]
pub fn carrier_cost(line: &PriceLine, months: u16) -> Money {
    let periods = match line.cost_period {
        CostPeriod::Month => i64::from(months),
        CostPeriod::Year => i64::from(months.div_ceil(12)),
    };
    Money::from_micros(line.cost.micros.saturating_mul(periods), line.cost.currency)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{PRICE_BOOK, PriceBook};
    use crate::numbering::{CountryCode, NumberKind};
    use jiff::civil::date;

    fn number(released_at: Option<&str>) -> Number {
        Number { released_at: released_at.map(|at| at.parse().unwrap()), ..crate::number::tests::number() }
    }

    #[test]
    fn a_carrier_charges_for_every_month_that_began() {
        let check = |today: Date, released_at: Option<&str>, months: u16| {
            assert_eq!(carrier_months(&number(released_at), today), months, "{today} {released_at:?}");
        };
        check(date(2027, 1, 31), None, 1);
        check(date(2027, 2, 27), None, 1);
        check(date(2027, 2, 28), None, 2);
        check(date(2027, 3, 31), None, 3);
        check(date(2027, 9, 1), Some("2027-02-20T00:00:00Z"), 1);
        check(date(2027, 9, 1), Some("2027-02-27T22:00:00Z"), 1);
        check(date(2027, 9, 1), Some("2027-03-05T10:00:00Z"), 2);
        check(date(2027, 9, 1), Some("2027-01-31T10:00:00Z"), 1);
    }

    #[test]
    fn a_year_costs_what_a_year_costs() {
        let mut line = PriceBook::read(PRICE_BOOK).unwrap().line(CountryCode::US, NumberKind::Local).unwrap().clone();
        assert_eq!(carrier_cost(&line, 3).to_string(), "3.45 USD");
        line.cost_period = CostPeriod::Year;
        assert_eq!(carrier_cost(&line, 12).to_string(), "1.15 USD");
        assert_eq!(carrier_cost(&line, 13).to_string(), "2.30 USD");
    }
}
