//! Time that can be moved: business time is real time plus an offset, or, for tests that must replay exactly, stands still
//! until it is moved. Leases always see real time.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::Clock;
use jiff::{SignedDuration, Timestamp};

/// A clock that is moved by hand.
#[derive(Debug)]
pub struct MovableClock {
    state: Mutex<State>,
    haste: Mutex<Haste>,
    kept_in: Option<PathBuf>,
}

/// How real time is made to run.
#[derive(Debug, Default, Clone, Copy)]
struct Haste {
    /// So much passes with every look at it.
    each_look: SignedDuration,
    /// So much has passed in this way.
    passed: SignedDuration,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Real time plus this.
    Running(SignedDuration),
    /// This, until it is moved.
    Still(Timestamp),
}

impl MovableClock {
    /// Real time plus the offset kept in this file, if any.
    #[must_use]
    pub fn running(kept_in: Option<PathBuf>) -> Self {
        let text = kept_in.as_ref().and_then(|file| std::fs::read_to_string(file).ok());
        let seconds = text.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        Self { state: Mutex::new(State::Running(SignedDuration::from_secs(seconds))), haste: Mutex::default(), kept_in }
    }

    /// Stands still at this instant.
    #[must_use]
    pub fn still(at: Timestamp) -> Self {
        Self { state: Mutex::new(State::Still(at)), haste: Mutex::default(), kept_in: None }
    }

    /// From now on so much real time passes with every look at it: who has a deadline meets it after a few looks, however
    /// fast this machine is.
    pub fn hasten(&self, each_look: SignedDuration) {
        self.haste.lock().unwrap_or_else(PoisonError::into_inner).each_look = each_look;
    }

    /// Moves business time forward to this instant; backwards is ignored.
    ///
    /// # Errors
    /// When the offset cannot be kept.
    pub fn move_to(&self, at: Timestamp) -> std::io::Result<()> {
        let ahead = at.duration_since(self.now());
        if ahead <= SignedDuration::ZERO {
            return Ok(());
        }
        let mut state = self.state();
        *state = match *state {
            State::Running(offset) => State::Running(offset.saturating_add(ahead)),
            State::Still(_) => State::Still(at),
        };
        match (*state, &self.kept_in) {
            // Rounded up, so that time does not go back by a fraction over a restart.
            (State::Running(offset), Some(file)) => std::fs::write(file, (offset.as_secs() + 1).to_string()),
            (State::Running(_) | State::Still(_), _) => Ok(()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for MovableClock {
    fn now(&self) -> Timestamp {
        match *self.state() {
            State::Running(offset) => Timestamp::now().saturating_add(offset).unwrap_or(Timestamp::MAX),
            State::Still(at) => at,
        }
    }

    fn real_now(&self) -> Timestamp {
        let mut haste = self.haste.lock().unwrap_or_else(PoisonError::into_inner);
        haste.passed = haste.passed.saturating_add(haste.each_look);
        Timestamp::now().saturating_add(haste.passed).unwrap_or(Timestamp::MAX)
    }
}
