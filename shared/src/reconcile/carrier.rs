//! Carriers: every number of the account meets the register, what differs is judged, and what was not listed is asked for.

use domain::limits;
use domain::number::{Carrier, Number};
use domain::numbering::E164;
use domain::operation::is_our_tag;
use domain::ports::{self, CarrierNumber, ProviderErrorKind};
use domain::reconcile::drift::{self, Books, Drift, Repair, Verdict};
use domain::reconcile::register::{self, Met};
use domain::reconcile::{Kind, Place};
use store::reconcile::Phase;

use super::{About, Engine, Halt};

impl Engine<'_> {
    /// One page of what a carrier has.
    pub(super) async fn at_carrier(
        &mut self,
        carrier: Carrier,
        place: usize,
        after: Option<String>,
    ) -> Result<(), Halt> {
        self.in_time()?;
        let port = self.app.providers.carrier(carrier).await?;
        let page = port.number_list(after.as_deref()).await?;
        self.run.trouble = None;
        for found in &page.items {
            self.in_time()?;
            let key = register::e164_key(&found.e164);
            match self.registers[place].meet(key, register::carrier_met(found)) {
                Met::Same => self.tally(place, true),
                Met::Again => {}
                Met::Unknown if !is_our_tag(&found.tag, &self.app.settings.deployment) => {
                    self.operators_own(place, found).await?;
                }
                // Its digits are claimed only once its carrier has told them: until then its tag alone says whose it is.
                Met::Unknown if carrier.sells_by_area() && self.is_worked_on(&found.tag).await? => {}
                Met::Other | Met::Unknown => {
                    self.suspect(&*port, place, &found.e164, Some(&found.id)).await?;
                    self.registers[place].mark(key);
                }
            }
        }
        if let Some((_, tally)) = self.run.places.get_mut(place) {
            tally.others += u64::try_from(page.others).unwrap_or(0);
        }
        self.go_on(place, page.next).await
    }

    /// After a page: the next one, or what was not listed.
    pub(super) async fn go_on(&mut self, place: usize, next: Option<String>) -> Result<(), Halt> {
        let carrier = matches!(self.run.places.get(place), Some((Place::Carrier(_), _)));
        self.run.phase = match next {
            Some(after) => Phase::There { place, after: Some(after) },
            None if carrier => Phase::Missing { place, from: 0 },
            None => Phase::There { place: place + 1, after: None },
        };
        self.pages += 1;
        if self.pages.is_multiple_of(limits::RECONCILE_NOTED_AFTER) {
            self.note().await?;
        }
        Ok(())
    }

    /// A number of the account that is none of this deployment's: told, not looked at further, never touched.
    async fn operators_own(&mut self, place: usize, found: &CarrierNumber) -> Result<(), Halt> {
        if let Some((_, tally)) = self.run.places.get_mut(place) {
            tally.others += 1;
        }
        let detail = format!("{} is named {:?}, which is no tag of ours", found.id, found.tag);
        let drift = Drift { kind: Kind::OrphanUntagged, repair: Repair::Person, detail };
        let about = About { e164: Some(&found.e164), number: None };
        self.found(Some(place), &drift, about, domain::reconcile::Action::Reported, "").await
    }

    /// What was not listed as expected: the list may have missed it.
    pub(super) async fn missing(&mut self, place: usize, from: usize) -> Result<(), Halt> {
        self.in_time()?;
        let unmet = self.registers[place].unmet(from, UNMET_AT_ONCE);
        let Some((Place::Carrier(carrier), _)) = self.run.places.get(place) else {
            self.run.phase = Phase::There { place: place + 1, after: None };
            return Ok(());
        };
        if unmet.is_empty() {
            self.run.phase = match self.run.books_too {
                true => Phase::Prices { place, after: None },
                false => Phase::There { place: place + 1, after: None },
            };
            return Ok(());
        }
        let port = self.app.providers.carrier(*carrier).await?;
        for (next, key) in unmet {
            self.in_time()?;
            if let Some(e164) = register::key_e164(key) {
                self.suspect(&*port, place, &e164, None).await?;
            }
            self.run.trouble = None;
            self.run.phase = Phase::Missing { place, from: next };
        }
        Ok(())
    }

    /// Reads both sides afresh, books first, and judges.
    async fn suspect(
        &mut self,
        port: &dyn ports::Carrier,
        place: usize,
        e164: &E164,
        listed: Option<&str>,
    ) -> Result<(), Halt> {
        let store = &self.app.store;
        let claim = store.claim_get(e164).await?;
        let number = match &claim {
            Some(claim) => store.number_get(&claim.tenant_id, &claim.number_id).await?,
            None => None,
        };
        let known =
            number.as_ref().filter(|number| number.status.held()).and_then(|number| number.carrier_ref.as_ref());
        let (found, gone) = look(port, e164, known.map(|known| known.id.as_str()), listed).await?;
        let expected = number.as_ref().map_or_else(ports::NumberSettings::none, |number| self.settings(number));
        let books = Books {
            claim: claim.as_ref(),
            number: number.as_ref(),
            expected: &expected,
            deployment: &self.app.settings.deployment,
            since: self.run.began_at,
        };
        let verdict = match (&found, &number) {
            (Some(found), _) => drift::at_carrier(&books, found, gone),
            (None, Some(number)) if known.is_some() => drift::missing_at_carrier(number, self.run.began_at),
            (None, _) => Verdict::Skip,
        };
        let held: Option<&Number> = number.as_ref().filter(|_| known.is_some());
        self.conclude(place, verdict, About { e164: Some(e164), number: held }).await
    }
}

/// Numbers asked for one by one between two looks at the clock.
const UNMET_AT_ONCE: usize = 100;

/// What the carrier has, by the id of the books, by the id it listed, or by the digits; and whether it no longer knows the
/// id of the books.
async fn look(
    port: &dyn ports::Carrier,
    e164: &E164,
    known: Option<&str>,
    listed: Option<&str>,
) -> Result<(Option<CarrierNumber>, bool), ports::ProviderError> {
    if let Some(known) = known {
        match port.number_get(known).await {
            // Moved to other digits is gone, as far as this number is concerned.
            Ok(found) if found.e164 == *e164 => return Ok((Some(found), false)),
            Ok(_) => {}
            Err(error) if error.kind == ProviderErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    if let Some(listed) = listed.filter(|listed| Some(*listed) != known) {
        match port.number_get(listed).await {
            Ok(found) if found.e164 == *e164 => return Ok((Some(found), known.is_some())),
            Ok(_) => {}
            Err(error) if error.kind == ProviderErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok((port.number_find(e164).await?, known.is_some()))
}
