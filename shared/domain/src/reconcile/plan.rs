//! Whether a repair is made now. What only restores our own settings is made at once; what takes something away for good
//! only when the same was seen at least a day before, and only so often in one run.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::drift::Repair;
use crate::limits;

/// What to do about a repair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Make it now.
    Make,
    /// Not now, and why, for an operator.
    Leave(String),
}

/// What a run has made so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// Things taken away for good.
    pub destroyed: u32,
    /// Anything else.
    pub repaired: u32,
}

/// Whether to make a repair at `now`, when the same was first seen at `first_seen` by an earlier run.
#[must_use]
pub fn decide(repair: &Repair, first_seen: Option<Timestamp>, now: Timestamp, made: Made, dry_run: bool) -> Decision {
    if *repair == Repair::Person {
        return Decision::Leave(Repair::Person.words().into());
    }
    let words = repair.words();
    if repair.destroys() {
        let ripe = first_seen.map(|first| later(first, limits::SIGHTINGS_APART));
        match ripe {
            Some(ripe) if ripe <= now => {}
            ripe => {
                let ripe = ripe.unwrap_or_else(|| later(now, limits::SIGHTINGS_APART));
                return Decision::Leave(format!("a run from {ripe} on will {words}, if it is still so"));
            }
        }
    }
    let (so_far, most) = match repair.destroys() {
        true => (made.destroyed, limits::RECONCILE_DESTROYS_MAX),
        false => (made.repaired, limits::RECONCILE_REPAIRS_MAX),
    };
    if dry_run {
        Decision::Leave(format!("would {words}"))
    } else if so_far >= most {
        Decision::Leave(format!("this run has made its {most} repairs of this sort; the next will {words}"))
    } else {
        Decision::Make
    }
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::ToSpan;

    #[test]
    fn what_destroys_waits_a_day_and_has_an_end() {
        let now: Timestamp = "2027-03-01T12:00:00Z".parse().unwrap();
        let orphan = || Repair::ReleaseOrphan("PN1".into());
        let check = |repair: Repair, first: Option<Timestamp>, destroyed: u32, repaired: u32, dry_run, make: bool| {
            let decision = decide(&repair, first, now, Made { destroyed, repaired }, dry_run);
            assert_eq!(decision == Decision::Make, make, "{repair:?} {first:?} {destroyed} {repaired}: {decision:?}");
        };
        let (destroys, repairs) = (limits::RECONCILE_DESTROYS_MAX, limits::RECONCILE_REPAIRS_MAX);
        check(Repair::Person, None, 0, 0, false, false);
        check(Repair::RestoreSettings, None, 0, 0, false, true);
        check(Repair::RestoreSettings, None, destroys, 0, false, true);
        check(Repair::RestoreSettings, None, 0, repairs - 1, false, true);
        check(Repair::RestoreSettings, None, 0, repairs, false, false);
        check(Repair::RestoreSettings, None, 0, 0, true, false);
        check(Repair::Park, None, 0, 0, false, true);
        check(orphan(), None, 0, 0, false, false);
        check(orphan(), Some(now - 24.hours() + 1.second()), 0, 0, false, false);
        check(orphan(), Some(now - 24.hours()), 0, 0, false, true);
        check(orphan(), Some(now - 24.hours()), destroys - 1, repairs, false, true);
        check(orphan(), Some(now - 24.hours()), destroys, 0, false, false);
        check(orphan(), Some(now - 24.hours()), 0, 0, true, false);
        check(Repair::RemoveOrphan("u".into()), None, 0, 0, false, false);
        check(Repair::RemoveOrphan("u".into()), Some(now - 240.hours()), 0, 0, false, true);
    }
}
