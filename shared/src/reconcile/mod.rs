//! Reconciliation: every hour, what the books say of every number is held against what its carrier and its voice platform
//! say; what only restores our own settings is repaired at once, the rest is done with care or left to a person.
//!
//! ```text
//! books    numbers by anchor day ─► a register of what is expected, 16 bytes a thing
//! there    each page of a carrier's or platform's list meets the register; what differs is judged
//! missing  what a carrier did not list is asked for one by one
//! prices   what numbers cost at a carrier now, against the price book (once a day, and on demand)
//! links    linked numbers their platform did not list as expected, the same
//! ledger   the books against themselves, tenant by tenant (once a day, and on demand)
//! closing  report, statement of agreement; sightings that were not seen again are forgotten
//! ```
//!
//! A list only raises suspicion. A suspect is read afresh on both sides and judged by `domain::reconcile::drift`, and every
//! repair is one of the ordinary sagas or one guarded write, so whatever changes beside a run makes a repair lose its
//! condition and nothing else. A run may be left anywhere: it goes on from its last note, and repeats what came after it.

mod books;
mod carrier;
mod ledger;
mod platform;
mod prices;
mod repair;

use std::collections::BTreeSet;

use domain::agent::Platform;
use domain::limits;
use domain::number::{Carrier, Number};
use domain::numbering::E164;
use domain::ports::{ProviderError, ProviderErrorKind};
use domain::reconcile::drift::{Drift, Verdict};
use domain::reconcile::register::Register;
use domain::reconcile::{Action, Finding, Kind, Place, Report, Tally};
use jiff::{SignedDuration, Timestamp};
use store::StoreError;
use store::reconcile::{Phase, Run, Said, Spot, Trouble};

use crate::App;

/// Why a run did not begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Another one is going on, or this one is being driven by somebody else.
    #[error("a run is going on")]
    GoingOn,
    /// The books did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What kind of run is wished for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// Nothing is to be changed.
    pub dry_run: bool,
    /// The books are compared with themselves as well.
    pub books_too: bool,
}

/// Begins a run, or goes on with one of the same kind that was left, and drives it until it is over, `deadline` (real time)
/// is reached, or a third party does not answer.
///
/// # Errors
/// [`Refused`].
pub async fn run(app: &App, wish: Wish, deadline: Timestamp) -> Result<Run, Refused> {
    let last = app.store.run_get().await?;
    let mut run = match last {
        Some(run) if run.phase != Phase::Over => {
            let owned = run.lease_until.is_some_and(|until| until > app.clock.real_now());
            if owned || run.dry_run != wish.dry_run {
                return Err(Refused::GoingOn);
            }
            run
        }
        over => begin(app, wish, over.map_or(0, |over| over.fence)).await?,
    };
    run.lease_until = deadline.saturating_add(AFTER_DEADLINE).ok();
    if !app.store.run_note(&mut run).await? {
        return Err(Refused::GoingOn);
    }
    Box::pin(Engine { app, run, registers: Vec::new(), open: None, pages: 0, deadline }.drive()).await
}

/// How long a driver may still be at it after its deadline: one look at a third party.
const AFTER_DEADLINE: SignedDuration = SignedDuration::from_secs(60);

/// One tick of the schedule: goes on with what was left, or begins when the last run began an hour ago. The first run of a
/// day compares the books with themselves as well. `None` when there is nothing to do.
///
/// # Errors
/// [`Refused`].
pub async fn tick(app: &App, deadline: Timestamp) -> Result<Option<Run>, Refused> {
    let now = app.clock.now();
    let last = app.store.run_get().await?;
    let wish = match &last {
        None => Wish { dry_run: false, books_too: true },
        Some(last) if last.phase != Phase::Over => Wish { dry_run: last.dry_run, books_too: last.books_too },
        // However many dry runs came since: nobody's looking keeps the books from being put right.
        Some(_) => {
            let real = app.store.report_latest(true).await?.map(|report| report.began_at);
            let due = |began: Timestamp| began.saturating_add(limits::RECONCILE_EVERY).unwrap_or(Timestamp::MAX);
            if real.is_some_and(|began| due(began) > now) {
                return Ok(None);
            }
            let today = domain::period::date_of(now);
            Wish { dry_run: false, books_too: real.is_none_or(|began| domain::period::date_of(began) != today) }
        }
    };
    run(app, wish, deadline).await.map(Some)
}

async fn begin(app: &App, wish: Wish, fence: u64) -> Result<Run, StoreError> {
    let now = app.clock.now();
    let places = Carrier::WITH_ACCOUNT.map(Place::Carrier).into_iter().chain(Platform::ALL.map(Place::Platform));
    let places: Vec<_> = places.map(|place| (place, Tally::default())).collect();
    let open = app.store.operations_open().await?;
    Ok(Run {
        id: domain::ids::EventId::fresh(&*app.ids, now).to_string(),
        dry_run: wish.dry_run,
        books_too: wish.books_too,
        began_at: now,
        phase: Phase::Books(Spot::FIRST),
        written: vec![0; places.len()],
        places,
        totals: std::collections::BTreeMap::new(),
        findings: Vec::new(),
        made: domain::reconcile::plan::Made::default(),
        open: open.iter().take(limits::OPEN_KEPT).map(|id| id.bare().to_owned()).collect::<BTreeSet<_>>(),
        trouble: None,
        fence,
        lease_until: None,
    })
}

/// What keeps a run from going on now.
enum Halt {
    /// The deadline is reached.
    Time,
    /// A third party did not answer.
    Silence(ProviderError),
    /// The books did not answer.
    Store(StoreError),
    /// Somebody else drives it.
    Overtaken,
}

impl From<StoreError> for Halt {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<ProviderError> for Halt {
    fn from(error: ProviderError) -> Self {
        Self::Silence(error)
    }
}

/// One driver of a run.
struct Engine<'a> {
    app: &'a App,
    run: Run,
    registers: Vec<Register>,
    /// Operations open since something looked like an orphan.
    open: Option<BTreeSet<String>>,
    /// Pages read since this driver began.
    pages: u32,
    deadline: Timestamp,
}

impl Engine<'_> {
    async fn drive(mut self) -> Result<Run, Refused> {
        self.load().await?;
        loop {
            let halted = match self.step().await {
                Ok(()) if self.run.phase == Phase::Over => return Ok(self.run),
                Ok(()) => continue,
                Err(halt) => halt,
            };
            match halted {
                Halt::Overtaken => return Err(Refused::GoingOn),
                Halt::Store(error) => {
                    // If even this cannot be written, the lease ends by itself.
                    self.run.lease_until = None;
                    if self.note().await.is_err() {
                        tracing::warn!(run.id = self.run.id, "a run was left without a note of how far it is");
                    }
                    return Err(error.into());
                }
                Halt::Time => {}
                Halt::Silence(error) => {
                    if self.in_trouble(&error) {
                        continue;
                    }
                }
            }
            self.run.lease_until = None;
            return match self.note().await {
                Ok(()) => Ok(self.run),
                Err(Halt::Store(error)) => Err(error.into()),
                Err(_) => Err(Refused::GoingOn),
            };
        }
    }

    async fn step(&mut self) -> Result<(), Halt> {
        match self.run.phase.clone() {
            Phase::Books(spot) => self.books(spot).await,
            Phase::There { place, after } => match self.run.places.get(place).map(|(place, _)| *place) {
                Some(Place::Carrier(carrier)) => self.at_carrier(carrier, place, after).await,
                Some(Place::Platform(platform)) => self.at_platform(platform, place, after).await,
                None => self.links_begin().await,
            },
            Phase::Missing { place, from } => self.missing(place, from).await,
            Phase::Prices { place, after } => self.prices(place, after).await,
            Phase::Links(spot) => self.links(spot).await,
            Phase::Ledger { after } => self.ledger(after).await,
            Phase::Closing => self.close().await,
            Phase::Over => Ok(()),
        }
    }

    /// A third party did not answer: whether the run goes on without it.
    fn in_trouble(&mut self, error: &ProviderError) -> bool {
        let now = self.app.clock.now();
        let since = self.run.trouble.as_ref().map_or(now, |trouble| trouble.since);
        let given_up = since.saturating_add(limits::RECONCILE_WAITS).is_ok_and(|until| until <= now);
        let misconfigured = error.kind == ProviderErrorKind::Misconfigured;
        if misconfigured {
            self.app.providers.credentials_refused();
        }
        if !(misconfigured || given_up) {
            tracing::warn!(run.id = self.run.id, detail = error.detail, "a third party could not be reconciled yet");
            self.run.trouble = Some(Trouble { since, what: error.detail.clone() });
            return false;
        }
        let (place, beyond) = match &self.run.phase {
            Phase::There { place, .. } | Phase::Missing { place, .. } => (Some(*place), Some(*place + 1)),
            Phase::Links(_) => (None, None),
            Phase::Books(_) | Phase::Prices { .. } | Phase::Ledger { .. } | Phase::Closing | Phase::Over => {
                return false;
            }
        };
        let all = place.map_or(0..self.run.places.len(), |place| place..place + 1);
        for index in all {
            let (of, tally) = &mut self.run.places[index];
            if place.is_some() || matches!(of, Place::Platform(_)) {
                // Nothing expected and no account: there is nothing to compare.
                let unused = misconfigured && self.registers.get(index).is_none_or(Register::is_empty);
                if !unused {
                    let of = of.as_str();
                    tracing::error!(alarm = "reconcile", of, detail = error.detail, "a third party was not compared");
                    tally.incomplete = Some(error.detail.clone());
                }
            }
        }
        self.run.trouble = None;
        self.run.phase = match beyond {
            Some(place) => Phase::There { place, after: None },
            None => self.after_links(),
        };
        true
    }

    fn after_links(&self) -> Phase {
        if self.run.books_too { Phase::Ledger { after: None } } else { Phase::Closing }
    }

    fn in_time(&self) -> Result<(), Halt> {
        if self.app.clock.real_now() < self.deadline { Ok(()) } else { Err(Halt::Time) }
    }

    /// Counts what was thought of a thing, makes or leaves the repair, and keeps the finding.
    async fn conclude(&mut self, place: usize, verdict: Verdict, about: About<'_>) -> Result<(), Halt> {
        match verdict {
            Verdict::Skip => Ok(()),
            Verdict::Agrees => {
                self.tally(place, true);
                Ok(())
            }
            // A page that is read twice tells nothing twice.
            Verdict::Drift(drift) if self.run.findings.iter().any(|found| is_about(found, &drift, about)) => Ok(()),
            Verdict::Drift(drift) => {
                let own = drift.kind == Kind::OrphanUntagged;
                let (action, told) = self.repair(&drift, about).await?;
                if !own {
                    self.tally(place, action.resolves());
                }
                self.found(Some(place), &drift, about, action, &told).await
            }
        }
    }

    fn tally(&mut self, place: usize, agrees: bool) {
        if let Some((_, tally)) = self.run.places.get_mut(place) {
            tally.compared += 1;
            tally.agreeing += u64::from(agrees);
        }
    }

    /// Keeps a finding, as far as there is room, and tells the number's tenant.
    async fn found(
        &mut self,
        place: Option<usize>,
        drift: &Drift,
        about: About<'_>,
        action: Action,
        told: &str,
    ) -> Result<(), Halt> {
        *self.run.totals.entry(drift.kind.as_str().to_owned()).or_default() += 1;
        let own = drift.kind == Kind::OrphanUntagged;
        let of_own = |finding: &&Finding| finding.kind == Kind::OrphanUntagged;
        let room = self.run.findings.len() < limits::FINDINGS_KEPT
            && (!own || self.run.findings.iter().filter(of_own).count() < limits::UNTAGGED_KEPT);
        if own && !room {
            // An account may hold a million of the operator's own: they are counted, and no line is written for each.
            return Ok(());
        }
        let place = place.and_then(|place| self.run.places.get(place)).map(|(place, _)| *place);
        let (carrier, platform) = match place {
            Some(Place::Carrier(carrier)) => (Some(carrier), None),
            Some(Place::Platform(platform)) => (about.number.map(|number| number.carrier), Some(platform)),
            None => (about.number.map(|number| number.carrier), None),
        };
        let detail = if told.is_empty() { drift.detail.clone() } else { format!("{}; {told}", drift.detail) };
        let finding = Finding {
            kind: drift.kind,
            e164: about.e164.cloned(),
            number_id: about.number.map(|number| number.id.clone()),
            tenant_id: about.number.map(|number| number.tenant_id.clone()),
            carrier,
            platform,
            action,
            detail: detail.chars().take(limits::FINDING_CHARS_MAX).collect(),
        };
        let (kind, action) = (drift.kind.as_str(), action.as_str());
        tracing::warn!(run.id = self.run.id, kind, action, detail = finding.detail, "books and world disagree");
        if let Some(number) = about.number.filter(|_| !self.run.dry_run) {
            self.say(number, &finding).await?;
        }
        if room {
            self.run.findings.push(finding);
        }
        Ok(())
    }

    async fn say(&self, number: &Number, finding: &Finding) -> Result<(), Halt> {
        let store = &self.app.store;
        let said = store.said_get(&number.tenant_id, &number.id).await?;
        let mut findings = said.filter(|said| said.run_id == self.run.id).map_or_else(Vec::new, |said| said.findings);
        // A run that goes on from a note finds what came after it again.
        findings.retain(|said| said.kind != finding.kind);
        findings.push(finding.clone());
        let said = Said { run_id: self.run.id.clone(), findings };
        Ok(store.said_put(&number.tenant_id, &number.id, &said, self.app.clock.now()).await?)
    }

    /// Writes the report, and forgets sightings that were not seen again.
    async fn close(&mut self) -> Result<(), Halt> {
        let (app, run) = (self.app, &self.run);
        let report = Report {
            run_id: run.id.clone(),
            dry_run: run.dry_run,
            began_at: run.began_at,
            ended_at: app.clock.now(),
            places: run.places.clone(),
            totals: run.totals.clone(),
            findings: run.findings.clone(),
        };
        app.store.report_put(&report).await?;
        if !run.dry_run {
            self.forget().await?;
        }
        self.run.phase = Phase::Over;
        (self.run.lease_until, self.run.trouble) = (None, None);
        self.note().await
    }

    async fn forget(&self) -> Result<(), Halt> {
        // What could not be looked at was not seen, and is not known to be gone.
        if self.run.places.iter().any(|(_, tally)| tally.incomplete.is_some()) {
            return Ok(());
        }
        let mut after = None;
        loop {
            let page = self.app.store.sighting_list(after, limits::PAGE_MAX).await?;
            for sighting in page.items.iter().filter(|sighting| sighting.run_id != self.run.id) {
                self.app.store.sighting_delete(sighting).await?;
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }
}

fn is_about(finding: &Finding, drift: &Drift, about: About<'_>) -> bool {
    let number = about.number.map(|number| &number.id);
    let same = (finding.kind, finding.e164.as_ref(), finding.number_id.as_ref()) == (drift.kind, about.e164, number);
    same && (number.is_some() || finding.detail.starts_with(&drift.detail))
}

/// What a finding is about.
#[derive(Clone, Copy, Default)]
struct About<'a> {
    e164: Option<&'a E164>,
    number: Option<&'a Number>,
}

impl<'a> About<'a> {
    const fn number(number: &'a Number) -> Self {
        Self { e164: Some(&number.e164), number: Some(number) }
    }
}
