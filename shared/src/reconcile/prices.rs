//! Prices: what a carrier takes for a number now against what the price book says it takes. Only ever told.
//!
//! Nobody's calls depend on it, so a carrier that does not name its prices is asked no further and holds nothing up: its
//! numbers were compared, and the next day asks again.

use std::collections::BTreeSet;
use std::ops::Bound;

use domain::Money;
use domain::number::Carrier;
use domain::numbering::{CountryCode, NumberKind};
use domain::ports::{ProviderError, ProviderErrorKind};
use domain::reconcile::{Action, Place, drift};
use store::reconcile::Phase;

use super::{About, Engine, Halt, is_about};

impl Engine<'_> {
    /// One country of a carrier.
    pub(super) async fn prices(&mut self, place: usize, after: Option<CountryCode>) -> Result<(), Halt> {
        self.in_time()?;
        let carrier = match self.run.places.get(place) {
            Some((Place::Carrier(carrier), _)) => Some(*carrier),
            Some((Place::Platform(_), _)) | None => None,
        };
        let next = carrier.and_then(|carrier| Some((carrier, self.country_after(carrier, after)?)));
        let Some((carrier, country)) = next else {
            self.run.phase = Phase::There { place: place + 1, after: None };
            return Ok(());
        };
        match self.prices_of(carrier, country).await {
            Ok(found) => self.compare(place, carrier, country, &found).await?,
            // Sold by the price book and not by the carrier: a purchase would say so, and there is no price to compare.
            Err(error) if error.kind == ProviderErrorKind::NotFound => {}
            Err(error) => {
                let (of, detail) = (carrier.as_str(), error.detail);
                tracing::warn!(run.id = self.run.id, of, detail, "a carrier's prices were not compared");
                self.run.phase = Phase::There { place: place + 1, after: None };
                return Ok(());
            }
        }
        self.run.phase = Phase::Prices { place, after: Some(country) };
        Ok(())
    }

    /// The next country the price book sells numbers of this carrier in.
    fn country_after(&self, carrier: Carrier, after: Option<CountryCode>) -> Option<CountryCode> {
        let lines = self.app.price_book.lines.iter().filter(|line| line.carrier == carrier);
        let countries: BTreeSet<_> = lines.map(|line| line.country).collect();
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        countries.range((from, Bound::Unbounded)).next().copied()
    }

    async fn prices_of(
        &self,
        carrier: Carrier,
        country: CountryCode,
    ) -> Result<Vec<(NumberKind, Money)>, ProviderError> {
        self.app.providers.carrier(carrier).await?.prices(country).await
    }

    async fn compare(
        &mut self,
        place: usize,
        carrier: Carrier,
        country: CountryCode,
        found: &[(NumberKind, Money)],
    ) -> Result<(), Halt> {
        let app = self.app;
        let lines = app.price_book.lines.iter().filter(|line| (line.carrier, line.country) == (carrier, country));
        for line in lines {
            let price = found.iter().find(|(kind, _)| *kind == line.kind).map(|(_, price)| *price);
            let Some(drift) = drift::price(line, price) else { continue };
            // A run that was left asks again for what it had not noted.
            if !self.run.findings.iter().any(|found| is_about(found, &drift, About::default())) {
                self.found(Some(place), &drift, About::default(), Action::Reported, "").await?;
            }
        }
        Ok(())
    }
}
