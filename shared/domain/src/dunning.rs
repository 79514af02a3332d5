//! Dunning: what happens to a number that cannot be charged, and when.
//!
//! Pure: from what was recorded of a number, the policy, and how many days dunning really ran. A stage follows when the one
//! before was recorded and its whole interval has passed, one stage a day at most. A day counts only when dunning ran to its
//! end on it, so an outage of ours suspends and releases nobody; the date of a release only ever moves later.

use jiff::Span;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::catalog::CatalogError;

/// Since when a number cannot be charged, and what was done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dunning {
    /// Day 0: when the first failed charge was recorded.
    pub since: Date,
    /// The stage recorded last, by its day in the policy.
    pub day: u16,
    /// When that was.
    pub on: Date,
    /// When it was suspended, if it was.
    pub suspended_on: Option<Date>,
    /// It is looked at again on this day.
    pub look_on: Date,
}

/// What a stage brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The tenant is told.
    Notice,
    /// Callers are no longer put through.
    Suspend,
    /// The number is given back.
    Release,
}

/// Which stage comes on which day.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    notices: Vec<u16>,
    suspend: u16,
    release: u16,
}

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    /// When it is not TOML of this shape, or its days do not follow each other from 0.
    pub fn read(text: &str) -> Result<Self, CatalogError> {
        let fail = |why: String| CatalogError { file: "dunning", why };
        let policy: Self = toml::from_str(text).map_err(|error| fail(error.to_string()))?;
        let days: Vec<u16> = policy.notices.iter().copied().chain([policy.suspend, policy.release]).collect();
        let follow = days.first() == Some(&0) && days.is_sorted_by(|before, after| before < after);
        if follow && !policy.notices.is_empty() {
            Ok(policy)
        } else {
            Err(fail("notices begin on day 0, and every stage comes after the one before".into()))
        }
    }

    /// What a number's dunning begins with: day 0, told on the same day.
    #[must_use]
    pub const fn begin(today: Date) -> Dunning {
        Dunning { since: today, day: 0, on: today, suspended_on: None, look_on: today }
    }

    /// The stage after the one that was recorded.
    fn next(&self, dunning: &Dunning) -> (u16, Stage) {
        let notice = self.notices.iter().find(|day| **day > dunning.day).map(|day| (*day, Stage::Notice));
        let suspend = (dunning.suspended_on.is_none()).then_some((self.suspend, Stage::Suspend));
        notice.filter(|_| dunning.suspended_on.is_none()).or(suspend).unwrap_or((self.release, Stage::Release))
    }

    /// The stage that is reached, with its day, when so many days counted since the last one was recorded.
    #[must_use]
    pub fn reached(&self, dunning: &Dunning, counted: u16) -> Option<(u16, Stage)> {
        let (day, stage) = self.next(dunning);
        (counted >= day.saturating_sub(dunning.day).max(1)).then_some((day, stage))
    }

    /// The day of suspension, by the policy.
    #[must_use]
    pub const fn suspend_day(&self) -> u16 {
        self.suspend
    }

    /// When a suspended number is released at the earliest, seen from today: every day still missing is a day from now.
    #[must_use]
    pub fn release_on(&self, dunning: &Dunning, counted: u16, today: Date) -> Date {
        let missing = self.release.saturating_sub(dunning.day).saturating_sub(counted);
        today.checked_add(Span::new().days(i64::from(missing))).unwrap_or(Date::MAX)
    }
}

/// How many of the days on which dunning ran to its end are in `[from, until)`.
#[must_use]
pub fn counted(completed: &[Date], from: Date, until: Date) -> u16 {
    let days = completed.iter().filter(|day| (from..until).contains(day)).count();
    u16::try_from(days).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::DUNNING;
    use jiff::civil::date;
    use proptest::prelude::*;

    /// Lives through days on which dunning ran (or did not), recording what is reached; what happened on which day.
    fn live(ran: &[bool]) -> Vec<(usize, Stage)> {
        let policy = Policy::read(DUNNING).unwrap();
        let first = date(2027, 1, 10);
        let (mut dunning, mut completed, mut happened) = (Policy::begin(first), Vec::new(), Vec::new());
        for (n, ran) in ran.iter().enumerate() {
            let today = first.checked_add(Span::new().days(i64::try_from(n).unwrap())).unwrap();
            if !*ran {
                continue;
            }
            let since = counted(&completed, dunning.on, today);
            if let Some((day, stage)) = policy.reached(&dunning, since) {
                happened.push((n, stage));
                (dunning.day, dunning.on) = (day, today);
                match stage {
                    Stage::Notice => {}
                    Stage::Suspend => dunning.suspended_on = Some(today),
                    Stage::Release => break,
                }
            }
            completed.push(today);
        }
        happened
    }

    #[test]
    fn without_an_outage_the_stages_come_on_their_days() {
        use Stage::{Notice, Release, Suspend};
        assert_eq!(live(&[true; 40]), [(3, Notice), (6, Notice), (7, Suspend), (21, Release)]);
    }

    #[test]
    fn days_of_an_outage_do_not_count() {
        use Stage::{Notice, Release, Suspend};
        let with_outage = |from: usize, days: usize| {
            let ran: Vec<bool> = (0..100).map(|n| !(from..from + days).contains(&n)).collect();
            live(&ran)
        };
        assert_eq!(with_outage(2, 40), [(43, Notice), (46, Notice), (47, Suspend), (61, Release)]);
        assert_eq!(with_outage(8, 40), [(3, Notice), (6, Notice), (7, Suspend), (61, Release)]);
        assert_eq!(with_outage(0, 40), [(43, Notice), (46, Notice), (47, Suspend), (61, Release)]);
    }

    #[test]
    fn a_policy_whose_days_do_not_follow_is_refused() {
        let check = |text: &str, ok: bool| assert_eq!(Policy::read(text).is_ok(), ok, "{text}");
        check("notices = [0]\nsuspend = 1\nrelease = 2", true);
        check("notices = [1, 3]\nsuspend = 7\nrelease = 21", false);
        check("notices = []\nsuspend = 7\nrelease = 21", false);
        check("notices = [0, 7]\nsuspend = 7\nrelease = 21", false);
        check("notices = [0, 3]\nsuspend = 7\nrelease = 7", false);
        check("notices = [0, 3]\nsuspend = 7", false);
    }

    proptest! {
        #[test]
        fn nobody_is_released_before_twenty_one_days_that_counted(ran in proptest::collection::vec(any::<bool>(), 0..90)) {
            let happened = live(&ran);
            for (n, stage) in &happened {
                let counted = ran.iter().take(*n).filter(|ran| **ran).count();
                let least = match stage { Stage::Notice => 3, Stage::Suspend => 7, Stage::Release => 21 };
                prop_assert!(counted >= least, "{stage:?} on day {n} after {counted} days");
            }
            prop_assert!(happened.windows(2).all(|pair| pair[0].0 < pair[1].0));
        }

        #[test]
        fn the_date_of_a_release_only_moves_later(ran in proptest::collection::vec(any::<bool>(), 1..60)) {
            let policy = Policy::read(DUNNING).unwrap();
            let first = date(2027, 1, 10);
            let dunning = Dunning { day: 7, suspended_on: Some(first), ..Policy::begin(first) };
            let (mut completed, mut before) = (Vec::new(), None);
            for (n, ran) in ran.iter().enumerate() {
                let today = first.checked_add(Span::new().days(i64::try_from(n).unwrap())).unwrap();
                let on = policy.release_on(&dunning, counted(&completed, dunning.on, today), today);
                prop_assert!(before.is_none_or(|before| before <= on));
                before = Some(on);
                if *ran { completed.push(today); }
            }
        }
    }
}
