//! Months in UTC, as partitions are named by them (`2027-01`).

use domain::limits;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

/// The month an instant is in.
pub(crate) fn of(at: Timestamp) -> String {
    at.strftime("%Y-%m").to_string()
}

/// Until when something of an instant's month is kept that counts its calls: no shorter than any of them. Seconds since 1970.
pub(crate) fn kept_until(at: Timestamp) -> i64 {
    let last = at.to_zoned(TimeZone::UTC).date().last_of_month();
    domain::period::midnight(last).as_second() + (1 + limits::CALL_TTL_DAYS) * 86_400
}

/// The first instant of the month before.
pub(crate) fn before(at: Timestamp) -> Timestamp {
    let date = at.to_zoned(TimeZone::UTC).date().first_of_month();
    let before = date.checked_sub(Span::new().months(1)).unwrap_or(date);
    domain::period::midnight(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_go_back_one_by_one() {
        let check = |at: &str, expected: &str| assert_eq!(of(before(at.parse().unwrap())), expected);
        check("2027-03-31T12:00:00Z", "2027-02");
        check("2027-01-01T00:00:00Z", "2026-12");
    }

    #[test]
    fn a_months_count_outlives_every_call_it_counts() {
        let check = |at: &str, expected: &str| {
            let expected: Timestamp = expected.parse().unwrap();
            assert_eq!(kept_until(at.parse().unwrap()), expected.as_second() + limits::CALL_TTL_DAYS * 86_400);
        };
        check("2027-02-01T00:00:00Z", "2027-03-01T00:00:00Z");
        check("2027-12-31T23:59:59Z", "2028-01-01T00:00:00Z");
    }
}
