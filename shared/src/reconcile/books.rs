//! What the books expect, read by anchor day into one register a place; and the registers' way through several invocations.
//!
//! The index of anchor days has every number that is charged, and so every number that should be at a carrier. It lags behind
//! the table by moments: a number it does not show yet is met at the carrier under our tag, and found by its claim.

use domain::limits;
use domain::number::Number;
use domain::ports::NumberSettings;
use domain::reconcile::Place;
use domain::reconcile::register::{self, Register};
use store::StoreError;
use store::reconcile::{Phase, Spot};

use super::{Engine, Halt};

impl Engine<'_> {
    /// The registers as the last note had them.
    pub(super) async fn load(&mut self) -> Result<(), StoreError> {
        let run = &self.run;
        for (place, written) in run.written.iter().enumerate() {
            let mut register = Register::default();
            for part in 0..written.div_ceil(limits::REGISTER_CHUNK) {
                let bytes = self.app.store.register_get(&run.id, place, &part_name(part)).await?;
                let lost = || StoreError::Corrupt(format!("a part of the register of run {} is gone", run.id));
                register.read(&bytes.ok_or_else(lost)?);
            }
            if !matches!(run.phase, Phase::Books(_)) {
                register.seal();
                let met = self.app.store.register_get(&run.id, place, MET).await?;
                register.read_met(&met.unwrap_or_default());
            }
            self.registers.push(register);
        }
        Ok(())
    }

    /// Notes how far the run is. A run that is over in one go has written nothing of its registers.
    pub(super) async fn note(&mut self) -> Result<(), Halt> {
        if self.run.phase != Phase::Over {
            self.write_registers().await?;
        }
        match self.app.store.run_note(&mut self.run).await? {
            true => Ok(()),
            false => Err(Halt::Overtaken),
        }
    }

    async fn write_registers(&mut self) -> Result<(), StoreError> {
        let (store, now, run) = (&self.app.store, self.app.clock.now(), &mut self.run);
        for (place, register) in self.registers.iter().enumerate() {
            let Some(written) = run.written.get_mut(place) else { continue };
            // A part that was not full is written again with what came since.
            let mut from = *written / limits::REGISTER_CHUNK * limits::REGISTER_CHUNK;
            while *written < register.len() {
                let bytes = register.write(from, limits::REGISTER_CHUNK);
                store.register_put(&run.id, place, &part_name(from / limits::REGISTER_CHUNK), bytes, now).await?;
                from += limits::REGISTER_CHUNK;
                *written = from.min(register.len());
            }
            if !matches!(run.phase, Phase::Books(_)) {
                store.register_put(&run.id, place, MET, register.write_met(), now).await?;
            }
        }
        Ok(())
    }

    /// One page of the books.
    pub(super) async fn books(&mut self, spot: Spot) -> Result<(), Halt> {
        self.in_time()?;
        let (numbers, next) = self.app.store.anchored_page(&spot).await?;
        for number in &numbers {
            self.expect(number);
        }
        self.run.phase = match (next, spot.next()) {
            (Some(after), _) => Phase::Books(Spot { after: Some(after), ..spot }),
            (None, Some(next)) => Phase::Books(next),
            (None, None) => {
                // Sealing puts the entries in another order: what is partly written is written to the end before.
                if self.run.written.iter().any(|written| *written > 0) {
                    self.note().await?;
                }
                self.registers.iter_mut().for_each(Register::seal);
                Phase::There { place: 0, after: None }
            }
        };
        Ok(())
    }

    /// Notes what should be at carrier and platform. What is not settled is not expected: it is met as a suspect, and
    /// skipped.
    fn expect(&mut self, number: &Number) {
        if !number.status.held() || number.open_operation_id.is_some() {
            return;
        }
        let settings = self.settings(number);
        for ((place, _), register) in self.run.places.iter().zip(&mut self.registers) {
            let expected = match place {
                Place::Carrier(carrier) if number.carrier == *carrier => {
                    register::carrier_expected(number, &settings).map(|print| (register::e164_key(&number.e164), print))
                }
                Place::Platform(platform) => {
                    number.platform_ref.as_ref().filter(|known| known.platform == *platform).and_then(|known| {
                        Some((register::platform_key(known.id.as_deref()?), register::platform_expected(known)))
                    })
                }
                Place::Carrier(_) => None,
            };
            if let Some((key, print)) = expected {
                register.expect(key, print);
            }
        }
    }

    /// How the carrier should send a number's calls.
    pub(super) fn settings(&self, number: &Number) -> NumberSettings {
        number.settings(self.app.webhooks(&number.tenant_id))
    }
}

/// What of a register was met.
const MET: &str = "MET";

fn part_name(part: usize) -> String {
    format!("PART#{part:06}")
}
