//! Parking: a number that does not agree with the world is left alone until a person has looked, and then goes on.
//!
//! Pure. A parked number keeps serving; it is neither charged, nor dunned, nor released. What is next for it when it is not
//! parked any more follows from its state alone, since no job has touched it meanwhile (PRODUCT.md, F63).

use jiff::Timestamp;
use jiff::civil::Date;

use crate::number::{Number, NumberStatus};
use crate::period;

/// What is next for a number that is not parked any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Nothing before it renews.
    Renews,
    /// Charging or dunning has to look at it now.
    Look,
    /// It ends with what is paid for, which was to be at this instant.
    Ends {
        /// When its release is due.
        at: Timestamp,
        /// It served past that: its periods that began by this day are charged first.
        served_until: Option<Date>,
    },
}

/// Whether a number may be parked: it is held, and no saga of its own is about to change that.
#[must_use]
pub const fn may_be_parked(number: &Number) -> bool {
    match number.status {
        NumberStatus::Active | NumberStatus::PastDue | NumberStatus::Suspended => number.open_operation_id.is_none(),
        NumberStatus::Pending | NumberStatus::Releasing | NumberStatus::Released | NumberStatus::Failed => false,
    }
}

/// What is next for a number once it is not parked any more.
#[must_use]
pub fn next(number: &Number, now: Timestamp) -> Next {
    let today = period::date_of(now);
    let owes = number.paid_through.is_some_and(|paid_through| paid_through <= today);
    match number.status {
        NumberStatus::Active => match number.release_at {
            Some(at) => Next::Ends { at, served_until: owes.then_some(today) },
            None if owes => Next::Look,
            None => Next::Renews,
        },
        NumberStatus::PastDue | NumberStatus::Suspended => Next::Look,
        NumberStatus::Pending | NumberStatus::Releasing | NumberStatus::Released | NumberStatus::Failed => Next::Renews,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::tests::number;
    use jiff::civil::date;

    #[test]
    fn what_is_next_follows_from_the_state() {
        use NumberStatus::{Active, PastDue, Suspended};
        let now: Timestamp = "2027-03-20T12:00:00Z".parse().unwrap();
        let today = date(2027, 3, 20);
        let check = |status: NumberStatus, paid_through: Date, release_at: Option<&str>, expected: Next| {
            let release_at = release_at.map(|at| at.parse().unwrap());
            let it = Number { status, paid_through: Some(paid_through), release_at, ..number() };
            assert_eq!(next(&it, now), expected, "{status:?} {paid_through} {release_at:?}");
        };
        let ends = |at: &str, served_until: Option<Date>| Next::Ends { at: at.parse().unwrap(), served_until };
        check(Active, date(2027, 3, 21), None, Next::Renews);
        // `paid_through` is exclusive: on its day the next period has begun.
        check(Active, today, None, Next::Look);
        check(Active, date(2027, 1, 20), None, Next::Look);
        let (before, after) = ("2027-03-19T22:00:00Z", "2027-03-20T22:00:00Z");
        check(Active, date(2027, 3, 21), Some(after), ends(after, None));
        check(Active, date(2027, 3, 20), Some(before), ends(before, Some(today)));
        check(Active, date(2027, 1, 20), Some("2027-01-19T22:00:00Z"), ends("2027-01-19T22:00:00Z", Some(today)));
        check(PastDue, date(2027, 3, 10), None, Next::Look);
        check(Suspended, date(2027, 2, 10), Some("2027-03-31T00:00:00Z"), Next::Look);
        // Paid for while it was suspended, and not resumed yet.
        check(Suspended, date(2027, 4, 10), None, Next::Look);
    }

    #[test]
    fn only_what_is_held_and_left_alone_is_parked() {
        for status in NumberStatus::ALL {
            let expected = matches!(status, NumberStatus::Active | NumberStatus::PastDue | NumberStatus::Suspended);
            assert_eq!(may_be_parked(&Number { status, ..number() }), expected, "{status:?}");
            let open = Some("op_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b".parse().unwrap());
            assert!(!may_be_parked(&Number { status, open_operation_id: open, ..number() }), "{status:?}");
        }
    }
}
