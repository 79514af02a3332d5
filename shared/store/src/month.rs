//! Months in UTC, as partitions are named by them (`2027-01`).

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

/// The month an instant is in.
pub(crate) fn of(at: Timestamp) -> String {
    at.strftime("%Y-%m").to_string()
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
}
