//! The judgement of one thing, from fresh readings of both sides.
//!
//! Nothing without our tag is ever touched, whatever the books say of it; nothing that an operation is working on, or that
//! changed since the run began, is judged at all.

use jiff::Timestamp;

use super::Kind;
use crate::catalog::PriceLine;
use crate::claim::{Claim, ClaimState};
use crate::money::Money;
use crate::number::{CarrierRef, Number, Reach};
use crate::operation::is_our_tag;
use crate::ports::{CarrierNumber, NumberSettings, PlatformNumber};

/// What to think of a thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Books and world say the same.
    Agrees,
    /// It is being worked on or has just changed; the next run sees it.
    Skip,
    /// They do not.
    Drift(Drift),
}

/// A disagreement, and what would end it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// In what way.
    pub kind: Kind,
    /// What would end it.
    pub repair: Repair,
    /// What is the case, for an operator.
    pub detail: String,
}

/// What would end a disagreement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repair {
    /// A person.
    Person,
    /// Name and webhooks at the carrier as they were.
    RestoreSettings,
    /// The books take over the carrier's new id of the same number.
    Adopt(CarrierRef),
    /// Neither charged nor released until an operator decides.
    Park,
    /// Made known at the platform again.
    Relink,
    /// Bound to its agent at the platform again.
    Rebind,
    /// Given back to the carrier, by the carrier's id. Cannot be undone.
    ReleaseOrphan(String),
    /// Removed at the platform, by the platform's id. Cannot be undone.
    RemoveOrphan(String),
}

impl Repair {
    /// Whether it takes something away for good.
    #[must_use]
    pub const fn destroys(&self) -> bool {
        match self {
            Self::ReleaseOrphan(_) | Self::RemoveOrphan(_) => true,
            Self::Person | Self::RestoreSettings | Self::Adopt(_) | Self::Park | Self::Relink | Self::Rebind => false,
        }
    }

    /// What it does, for an operator.
    #[must_use]
    pub const fn words(&self) -> &'static str {
        match self {
            Self::Person => "left to a person",
            Self::RestoreSettings => "restore its settings at the carrier",
            Self::Adopt(_) => "take over the carrier's new id",
            Self::Park => "park it",
            Self::Relink => "make it known at the platform again",
            Self::Rebind => "bind it to its agent again",
            Self::ReleaseOrphan(_) => "give it back to the carrier",
            Self::RemoveOrphan(_) => "remove it at the platform",
        }
    }
}

fn drift(kind: Kind, repair: Repair, detail: impl Into<String>) -> Verdict {
    Verdict::Drift(Drift { kind, repair, detail: detail.into() })
}

/// What the books say of an E.164, read now.
#[derive(Debug, Clone, Copy)]
pub struct Books<'a> {
    /// What stands on the E.164.
    pub claim: Option<&'a Claim>,
    /// The number the claim names.
    pub number: Option<&'a Number>,
    /// How the carrier should send its calls.
    pub expected: &'a NumberSettings,
    /// Names this installation in tags.
    pub deployment: &'a str,
    /// When the run began.
    pub since: Timestamp,
}

impl<'a> Books<'a> {
    /// The number that is held by this E.164's claim.
    fn held(&self) -> Option<&'a Number> {
        let claim = self.claim.filter(|claim| claim.state == ClaimState::Held)?;
        self.number.filter(|number| number.status.held() && number.id == claim.number_id && number.e164 == claim.e164)
    }

    fn moving(&self) -> bool {
        self.number.is_some_and(|number| moving(number, self.since))
    }
}

/// Whether a number is being worked on, or was let go after the run began.
#[must_use]
pub fn moving(number: &Number, since: Timestamp) -> bool {
    number.open_operation_id.is_some() || number.released_at.is_some_and(|released| released >= since)
}

/// What to think of a number the carrier has. `gone` says that the carrier no longer knows the id the books have.
#[must_use]
pub fn at_carrier(books: &Books<'_>, found: &CarrierNumber, gone: bool) -> Verdict {
    if books.moving() {
        return Verdict::Skip;
    }
    let ours = is_our_tag(&found.tag, books.deployment);
    let Some((number, known)) = books.held().and_then(|number| Some((number, number.carrier_ref.as_ref()?))) else {
        return if ours {
            // What was imported is the operator's own, whatever became of the import: it is never given back unasked.
            let own = found.tag.ends_with(crate::operation::IMPORTED);
            let repair = if own { Repair::Person } else { Repair::ReleaseOrphan(found.id.clone()) };
            let detail = format!("{} has our tag {} and no number in the books", found.id, found.tag);
            drift(Kind::OrphanTagged, repair, detail)
        } else {
            let detail = format!("{} is named {:?}, which is no tag of ours", found.id, found.tag);
            drift(Kind::OrphanUntagged, Repair::Person, detail)
        };
    };
    if found.id != known.id {
        return other_id(number, known, found, gone, ours);
    }
    if found.tag != known.tag {
        let detail = format!("{} is named {:?} and not {}; not touched", found.id, found.tag, known.tag);
        return drift(Kind::RoutingDrift, Repair::Person, detail);
    }
    if found.settings == *books.expected {
        return Verdict::Agrees;
    }
    let detail = format!("{}: {}", found.id, difference(books.expected, &found.settings));
    drift(Kind::RoutingDrift, Repair::RestoreSettings, detail)
}

/// The carrier has the number under another id than the books.
fn other_id(number: &Number, known: &CarrierRef, found: &CarrierNumber, gone: bool, ours: bool) -> Verdict {
    match (gone, found.tag == known.tag) {
        (true, true) => {
            let adopted = CarrierRef { id: found.id.clone(), ..known.clone() };
            let detail = format!("{} is now {}, under the same tag", known.id, found.id);
            drift(Kind::OrphanTagged, Repair::Adopt(adopted), detail)
        }
        (true, false) => {
            let detail = format!("{} is gone; the number is there as {} under another name", known.id, found.id);
            drift(Kind::MissingAtCarrier, park_once(number), detail)
        }
        (false, _) => {
            let kind = if ours { Kind::OrphanTagged } else { Kind::OrphanUntagged };
            drift(kind, Repair::Person, format!("{} is there besides {} of the books", found.id, known.id))
        }
    }
}

/// What to think of a number the carrier has neither by its id nor by its digits.
#[must_use]
pub fn missing_at_carrier(number: &Number, since: Timestamp) -> Verdict {
    let held = number.status.held() && !moving(number, since);
    let Some(known) = number.carrier_ref.as_ref().filter(|_| held) else { return Verdict::Skip };
    let detail = format!("the carrier has neither {} nor the number", known.id);
    drift(Kind::MissingAtCarrier, park_once(number), detail)
}

fn park_once(number: &Number) -> Repair {
    if number.parked { Repair::Person } else { Repair::Park }
}

/// What to think of a linked number, and what its platform has by the id of the books.
#[must_use]
pub fn at_platform(number: &Number, found: Option<&PlatformNumber>, since: Timestamp) -> Verdict {
    if moving(number, since) || !number.status.held() {
        return Verdict::Skip;
    }
    let Some(known) = &number.platform_ref else { return Verdict::Skip };
    let Some(id) = &known.id else { return Verdict::Skip };
    // Link and relink need a number that serves; one that is suspended waits for that.
    let may = |repair: Repair| if number.lets_through() { repair } else { Repair::Person };
    let Some(found) = found else {
        let repair = if number.agent_id.is_some() { may(Repair::Relink) } else { Repair::Person };
        return drift(Kind::MissingAtPlatform, repair, format!("the platform does not know {id}"));
    };
    if found.tag != known.tag {
        let detail = format!("{} is named {:?} and not {}; not touched", found.id, found.tag, known.tag);
        return drift(Kind::BindingDrift, Repair::Person, detail);
    }
    if let Reach::Dial { sip_uri, .. } = &known.reach
        && !found.sip_uri.as_ref().is_some_and(|there| there.eq_ignore_ascii_case(sip_uri))
    {
        let there = found.sip_uri.as_deref().unwrap_or("no address");
        let detail = format!("{} answers at {there} and not at {sip_uri}", found.id);
        return drift(Kind::BindingDrift, Repair::Person, detail);
    }
    let (bound, expected) = (found.platform_agent_id.as_deref(), number.bound_to());
    if bound == expected {
        return Verdict::Agrees;
    }
    let named = |agent: Option<&str>| agent.unwrap_or("no agent").to_owned();
    let detail = format!("{} is bound to {} and not to {}", found.id, named(bound), named(expected));
    drift(Kind::BindingDrift, may(Repair::Rebind), detail)
}

/// What to think of a number a platform knows that no number of the books is linked by. `working` says that an operation
/// with its tag is, or was when the run began, open.
#[must_use]
pub fn unknown_at_platform(found: &PlatformNumber, working: bool, deployment: &str, since: Timestamp) -> Verdict {
    if !is_our_tag(&found.tag, deployment) {
        return Verdict::Agrees;
    }
    if working || found.created_at.is_some_and(|created| created > since) {
        return Verdict::Skip;
    }
    let detail = format!("{} has our tag {} and no number is linked by it", found.id, found.tag);
    drift(Kind::OrphanAtPlatform, Repair::RemoveOrphan(found.id.clone()), detail)
}

/// What to think of the price a carrier names for what a line sells; it may name none.
#[must_use]
pub fn price(line: &PriceLine, found: Option<Money>) -> Option<Drift> {
    let cost = line.monthly_cost();
    let found = found.filter(|found| *found != cost)?;
    let (country, kind) = (line.country, line.kind.as_str());
    let detail = format!("{country} {kind} costs {found} a month at the carrier and {cost} in the price book");
    Some(Drift { kind: Kind::PriceDrift, repair: Repair::Person, detail })
}

/// What of the settings is not as expected.
fn difference(expected: &NumberSettings, found: &NumberSettings) -> String {
    let or_none = |text: &Option<String>| text.clone().unwrap_or_default();
    let pairs = [
        ("voice webhook", expected.webhooks.voice.clone(), found.webhooks.voice.clone()),
        ("voice fallback", expected.webhooks.voice_fallback.clone(), found.webhooks.voice_fallback.clone()),
        ("status callback", expected.webhooks.status.clone(), found.webhooks.status.clone()),
        ("trunk", or_none(&expected.trunk), or_none(&found.trunk)),
        ("application", or_none(&expected.application), or_none(&found.application)),
    ];
    let differing = pairs.into_iter().filter(|(_, expected, found)| expected != found);
    let told: Vec<String> = differing
        .map(|(what, _, found)| match found.is_empty() {
            true => format!("{what} is not set"),
            false => format!("{what} is {found}"),
        })
        .collect();
    told.join("; ")
}

#[cfg(test)]
mod tests;
