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
    kept_in: Option<PathBuf>,
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
        Self { state: Mutex::new(State::Running(SignedDuration::from_secs(seconds))), kept_in }
    }

    /// Stands still at this instant.
    #[must_use]
    pub const fn still(at: Timestamp) -> Self {
        Self { state: Mutex::new(State::Still(at)), kept_in: None }
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
        Timestamp::now()
    }
}
