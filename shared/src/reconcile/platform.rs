//! Voice platforms: every number they know meets the register; linked numbers that were not met as expected are asked for.

use domain::agent::Platform;
use domain::limits;
use domain::number::Number;
use domain::operation::is_our_tag;
use domain::ports::{PlatformNumber, ProviderErrorKind};
use domain::reconcile::Place;
use domain::reconcile::drift;
use domain::reconcile::register::{self, Met, Register};
use store::reconcile::{Phase, Spot};

use super::{About, Engine, Halt};

impl Engine<'_> {
    /// One page of what a platform knows.
    pub(super) async fn at_platform(
        &mut self,
        platform: Platform,
        place: usize,
        after: Option<String>,
    ) -> Result<(), Halt> {
        self.in_time()?;
        let port = self.app.providers.platform(platform).await?;
        let page = port.number_list(after.as_deref()).await?;
        self.run.trouble = None;
        for found in &page.items {
            self.in_time()?;
            match self.registers[place].meet(register::platform_key(&found.id), register::platform_met(found)) {
                Met::Same => self.tally(place, true),
                // Left unmet: its number is found when the books are read again.
                Met::Again | Met::Other => {}
                Met::Unknown => self.not_linked(place, found).await?,
            }
        }
        if let Some((_, tally)) = self.run.places.get_mut(place) {
            tally.others += u64::try_from(page.others).unwrap_or(0);
        }
        self.go_on(place, page.next).await
    }

    async fn not_linked(&mut self, place: usize, found: &PlatformNumber) -> Result<(), Halt> {
        let deployment = &self.app.settings.deployment;
        if !is_our_tag(&found.tag, deployment) {
            if let Some((_, tally)) = self.run.places.get_mut(place) {
                tally.others += 1;
            }
            return Ok(());
        }
        let working = self.is_worked_on(&found.tag).await?;
        let deployment = &self.app.settings.deployment;
        let verdict = drift::unknown_at_platform(found, working, deployment, self.run.began_at);
        self.conclude(place, verdict, About::default()).await
    }

    /// Whether the operation of one of our tags is, or was when the run began, open.
    pub(super) async fn is_worked_on(&mut self, tag: &str) -> Result<bool, Halt> {
        let operation = tag.split('-').nth(1).unwrap_or_default();
        let too_many = self.run.open.len() >= limits::OPEN_KEPT;
        Ok(too_many || self.run.open.contains(operation) || self.open_now().await?.contains(operation))
    }

    /// Operations that are open now; read when something looks like an orphan, and once a run.
    async fn open_now(&mut self) -> Result<&std::collections::BTreeSet<String>, Halt> {
        if self.open.is_none() {
            let open = self.app.store.operations_open().await?;
            self.open = Some(open.iter().map(|id| id.bare().to_owned()).collect());
        }
        Ok(self.open.get_or_insert_default())
    }

    /// After all places: the books are read again if a platform did not list what they expect.
    pub(super) async fn links_begin(&mut self) -> Result<(), Halt> {
        let unmet = |(place, register): (usize, &Register)| {
            let platform =
                matches!(self.run.places.get(place), Some((Place::Platform(_), tally)) if tally.incomplete.is_none());
            platform && !register.unmet(0, 1).is_empty()
        };
        let some = self.registers.iter().enumerate().any(unmet);
        self.run.phase = if some { Phase::Links(Spot::FIRST) } else { self.after_links() };
        Ok(())
    }

    /// One page of the books, for linked numbers that were not met as expected.
    pub(super) async fn links(&mut self, spot: Spot) -> Result<(), Halt> {
        self.in_time()?;
        let (numbers, next) = self.app.store.anchored_page(&spot).await?;
        for number in &numbers {
            let Some(known) = &number.platform_ref else { continue };
            let is_its = |(place, _): &(Place, _)| *place == Place::Platform(known.platform);
            let Some(place) = self.run.places.iter().position(is_its) else { continue };
            let complete = self.run.places[place].1.incomplete.is_none();
            let Some(id) = &known.id else { continue };
            let key = register::platform_key(id);
            if complete && self.registers[place].is_unmet(key) {
                self.in_time()?;
                self.unmet_link(place, number, known.platform).await?;
                self.registers[place].mark(key);
            }
        }
        self.run.trouble = None;
        self.run.phase = match (next, spot.next()) {
            (Some(after), _) => Phase::Links(Spot { after: Some(after), ..spot }),
            (None, Some(next)) => Phase::Links(next),
            (None, None) => self.after_links(),
        };
        Ok(())
    }

    async fn unmet_link(&mut self, place: usize, read: &Number, platform: Platform) -> Result<(), Halt> {
        let Some(number) = self.app.store.number_get(&read.tenant_id, &read.id).await? else { return Ok(()) };
        let known = number.platform_ref.as_ref().filter(|known| known.platform == platform);
        let Some(id) = known.and_then(|known| known.id.as_deref()) else { return Ok(()) };
        let port = self.app.providers.platform(platform).await?;
        let found = match port.number_get(id).await {
            Ok(found) => Some(found),
            Err(error) if error.kind == ProviderErrorKind::NotFound => None,
            Err(error) => return Err(error.into()),
        };
        let verdict = drift::at_platform(&number, found.as_ref(), self.run.began_at);
        self.conclude(place, verdict, About::number(&number)).await
    }
}
