//! Ids that come out the same again from the same seed.

use std::sync::{Mutex, PoisonError};

use domain::Ids;
use rand::{Rng, SeedableRng, rngs::StdRng};

/// Ids from a seeded generator.
#[derive(Debug)]
pub struct SeededIds(Mutex<StdRng>);

impl SeededIds {
    /// The ids of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(StdRng::seed_from_u64(seed)))
    }
}

impl Ids for SeededIds {
    fn random(&self) -> [u8; 32] {
        let mut bytes = [0u8; 32];
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(&mut bytes);
        bytes
    }
}
