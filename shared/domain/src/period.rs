//! Billing periods: half-open UTC dates counted from an anchor that never drifts.
//!
//! `period n` starts on the anchor's day n months after the anchor's month, clamped to that month, always computed from
//! the anchor and never from the period before (31 Jan → 28 Feb → 31 Mar).

use jiff::civil::Date;
use jiff::{Span, Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};

/// `[start, end)` in UTC dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// First day served.
    pub start: Date,
    /// First day not served.
    pub end: Date,
}

/// First day of period `n` of this anchor; `None` past the year 9999.
#[must_use]
pub fn start_of(anchor: Date, n: u16) -> Option<Date> {
    anchor.checked_add(Span::new().try_months(n).ok()?).ok()
}

/// Period `n` of this anchor, the first being 0.
#[must_use]
pub fn nth(anchor: Date, n: u16) -> Option<Period> {
    Some(Period { start: start_of(anchor, n)?, end: start_of(anchor, n.checked_add(1)?)? })
}

/// The first period of this anchor that starts on or after a date.
#[must_use]
pub fn from(anchor: Date, date: Date) -> Option<u16> {
    let months = |date: Date| i32::from(date.year()).saturating_mul(12).saturating_add(i32::from(date.month()));
    let apart = u16::try_from(months(date).saturating_sub(months(anchor)).max(0)).ok()?;
    // The period that starts in the date's month, or (when that is before the date) the one after it.
    if start_of(anchor, apart)? >= date { Some(apart) } else { apart.checked_add(1) }
}

/// Days of the month on which periods that start on this date have their anchor: the day itself, and on the last day of
/// a month also the days the month does not have.
#[must_use]
pub fn anchor_days(date: Date) -> std::ops::RangeInclusive<i8> {
    if date == date.last_of_month() { date.day()..=31 } else { date.day()..=date.day() }
}

/// The UTC date of an instant.
#[must_use]
pub fn date_of(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

/// Midnight UTC at the start of a date.
#[must_use]
pub fn midnight(date: Date) -> Timestamp {
    date.to_zoned(TimeZone::UTC).map_or(Timestamp::MAX, |zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use proptest::prelude::*;

    #[test]
    fn an_anchor_never_drifts() {
        let check = |anchor: Date, n: u16, expected: Date| assert_eq!(start_of(anchor, n), Some(expected));
        check(date(2027, 1, 31), 0, date(2027, 1, 31));
        check(date(2027, 1, 31), 1, date(2027, 2, 28));
        check(date(2027, 1, 31), 2, date(2027, 3, 31));
        check(date(2027, 1, 31), 13, date(2028, 2, 29));
        check(date(2028, 2, 29), 12, date(2029, 2, 28));
        check(date(2028, 2, 29), 48, date(2032, 2, 29));
        check(date(2026, 12, 30), 2, date(2027, 2, 28));
        check(date(2026, 12, 30), 3, date(2027, 3, 30));
    }

    #[test]
    fn a_months_last_day_stands_for_the_days_it_does_not_have() {
        let check = |on: Date, days: std::ops::RangeInclusive<i8>| assert_eq!(anchor_days(on), days, "{on}");
        check(date(2027, 1, 30), 30..=30);
        check(date(2027, 1, 31), 31..=31);
        check(date(2027, 2, 27), 27..=27);
        check(date(2027, 2, 28), 28..=31);
        check(date(2028, 2, 28), 28..=28);
        check(date(2028, 2, 29), 29..=31);
        check(date(2027, 4, 30), 30..=31);
    }

    proptest! {
        #[test]
        fn every_period_starts_on_one_of_its_anchor_days(days in 0i32..20_000, n in 0u16..600) {
            let anchor = date(2020, 1, 1).checked_add(Span::new().days(days)).unwrap();
            let start = start_of(anchor, n).unwrap();
            prop_assert!(anchor_days(start).contains(&anchor.day()));
            prop_assert_eq!(from(anchor, start), Some(n));
            prop_assert_eq!(from(anchor, start.tomorrow().unwrap()), Some(n + 1));
        }

        #[test]
        fn periods_follow_each_other_without_gap(days in 0i32..20_000, n in 0u16..600) {
            let anchor = date(2020, 1, 1).checked_add(Span::new().days(days)).unwrap();
            let (this, next) = (nth(anchor, n).unwrap(), nth(anchor, n + 1).unwrap());
            prop_assert_eq!(this.end, next.start);
            prop_assert!(this.start < this.end);
            prop_assert!(this.start.day() == anchor.day() || this.start == this.start.last_of_month());
        }
    }
}
