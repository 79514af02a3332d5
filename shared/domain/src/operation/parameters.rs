//! What each saga is told, and what it learns on its way.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::agent::{Method, Platform};
use crate::claim::Claim;
use crate::dunning::Dunning;
use crate::ids::AgentId;
use crate::money::{Currency, Money};
use crate::number::{AtEnd, Before, Capabilities, CarrierRef, PlatformRef};
use crate::numbering::{CountryCode, E164, NumberKind};
use crate::requirement::Papers;

/// An agent as a saga needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentBinding {
    /// Ours.
    pub agent_id: AgentId,
    /// On which platform.
    pub platform: Platform,
    /// The platform's.
    pub platform_agent_id: String,
    /// How calls are to get there.
    pub method: Method,
}

/// Parameters of a purchase, and what it has learned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purchase {
    /// The exact number being tried.
    pub e164: E164,
    /// Country it belongs to.
    pub country: CountryCode,
    /// Sort of number.
    pub kind: NumberKind,
    /// What the offer said it can do.
    pub capabilities: Capabilities,
    /// Price a month, held and then charged once.
    pub price: Money,
    /// One of the numbers the plan includes: nothing is held or charged.
    #[serde(default)]
    pub included: bool,
    /// Somebody orders it by hand, and tells its digits then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_hand: bool,
    /// With which area code, where the carrier chooses the number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub area_code: Option<String>,
    /// Offers to fall back on; empty for a purchase of one exact number.
    pub candidates: Vec<E164>,
    /// What goes with the order for the number being tried or for a candidate; nothing for one that is not here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub papers: BTreeMap<E164, Papers>,
    /// Which try this is, from 1; part of the tag from the second on.
    pub attempt: u8,
    /// Whether a tried number may yet turn up at the carrier.
    pub doubt: bool,
    /// What stood in the claim's place.
    pub previous_claim: Option<Claim>,
    /// Who is to answer.
    pub agent: Option<AgentBinding>,
    /// Give the number back if it cannot be linked.
    pub all_or_nothing: bool,
    /// The place in the carrier's pool whose claim `e164` stood for until the digits were known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<Slot>,
    /// The digits the carrier told, until they are claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<E164>,
    /// The carrier's handle, once sold.
    pub bought: Option<CarrierRef>,
    /// When the carrier says it sold it.
    pub sold_at: Option<Timestamp>,
    /// The platform's handle, once known there.
    pub connected: Option<PlatformRef>,
    /// Why it could not be linked, when the number was kept all the same.
    pub link_refused: Option<String>,
}

impl Purchase {
    /// What is held, and charged for the first period.
    #[must_use]
    pub fn cost(&self) -> Money {
        if self.included { Money::zero(self.price.currency) } else { self.price }
    }
}

/// A place in a carrier's pool, claimed besides the digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// What stands for it.
    pub e164: E164,
    /// What stood in its claim's place.
    pub previous_claim: Option<Claim>,
}

/// Parameters of an import, and what it has learned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    /// Which number.
    pub e164: E164,
    /// Country it belongs to.
    pub country: CountryCode,
    /// Sort of number.
    pub kind: NumberKind,
    /// Price a month, held and then charged once.
    pub price: Money,
    /// One of the numbers the plan includes: nothing is held or charged.
    #[serde(default)]
    pub included: bool,
    /// What becomes of it at the carrier when the tenant no longer holds it.
    pub on_end: OnEnd,
    /// Its place in the carrier's pool, if one was free.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<Slot>,
    /// How it was last seen at the carrier as the operator's own; none of a number of the tenant's own carrier.
    #[serde(default)]
    pub before: Option<Before>,
    /// Whether our order may yet be carried out by the carrier.
    pub doubt: bool,
    /// What stood in the claim's place.
    pub previous_claim: Option<Claim>,
    /// Who is to answer.
    pub agent: Option<AgentBinding>,
    /// Leave the number as it was if it cannot be linked.
    pub all_or_nothing: bool,
    /// The carrier's handle, once it is ours.
    pub imported: Option<CarrierRef>,
    /// The platform's handle, once known there.
    pub connected: Option<PlatformRef>,
    /// Why it could not be linked, when the number was kept all the same.
    pub link_refused: Option<String>,
}

impl Import {
    /// What is held, and charged for the first period.
    #[must_use]
    pub fn cost(&self) -> Money {
        if self.included { Money::zero(self.price.currency) } else { self.price }
    }

    /// What is kept with the number for its end.
    #[must_use]
    pub fn at_end(&self) -> AtEnd {
        match (self.on_end, &self.before) {
            (_, None) => AtEnd::Leave,
            (OnEnd::Detach, Some(before)) => AtEnd::Detach(Box::new(before.clone())),
            (OnEnd::Release, Some(_)) => AtEnd::Release,
        }
    }
}

/// What becomes of an imported number at its carrier when the tenant no longer holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnEnd {
    /// It stays the operator's own, as it was before.
    Detach,
    /// It is given back to the carrier, like one that was bought.
    Release,
}

impl OnEnd {
    /// As written in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Detach => "detach",
            Self::Release => "release",
        }
    }

    /// Reads the API's word.
    #[must_use]
    pub fn from_name(text: &str) -> Option<Self> {
        [Self::Detach, Self::Release].into_iter().find(|on_end| on_end.as_str() == text)
    }
}

/// Parameters of a link, and what it has learned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Of which number.
    pub e164: E164,
    /// Who is to answer.
    pub agent: AgentBinding,
    /// Who answered before.
    pub previous_agent: Option<AgentId>,
    /// The platform's handle from before.
    pub previous: Option<PlatformRef>,
    /// The platform's handle now.
    pub connected: Option<PlatformRef>,
    /// Since when the agent answers in this way, where the link is only put right; otherwise from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

impl Link {
    /// Whether what the platform knows already is bound to the other agent, and nothing else changes.
    #[must_use]
    pub fn rebinds(&self) -> bool {
        self.previous.as_ref().is_some_and(|previous| {
            let same = (previous.platform, previous.reach.method()) == (self.agent.platform, self.agent.method);
            same && previous.id.is_some()
        })
    }

    /// The platform's handle as the link leaves it, of one that was begun then; none before it is known there.
    #[must_use]
    pub fn made(&self, begun: Timestamp) -> Option<PlatformRef> {
        self.connected.clone().map(|known| known.linked_since(self.since.unwrap_or(begun)))
    }
}

/// Parameters of an unlink.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unlink {
    /// Of which number.
    pub e164: E164,
    /// Who answered.
    pub agent_id: Option<AgentId>,
    /// The platform's handle to remove.
    pub platform: Option<PlatformRef>,
}

/// Parameters of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// Which number.
    pub e164: E164,
    /// Who answered.
    pub agent_id: Option<AgentId>,
    /// The platform's handle to remove.
    pub platform: Option<PlatformRef>,
    /// Why.
    #[serde(default)]
    pub why: ReleaseWhy,
    /// Whether it has one of the places that the plan includes.
    #[serde(default)]
    pub included: bool,
    /// Its place in the carrier's pool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<E164>,
}

/// Why a number is given back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReleaseWhy {
    /// The tenant wants it gone now.
    #[default]
    Asked,
    /// The tenant wanted it gone at the end of what is paid for.
    PeriodEnd,
    /// It was not paid for.
    Unpaid,
    /// The operator decided that it is gone: what is left of it is cleared away.
    Gone,
}

impl ReleaseWhy {
    /// Whether it happens to a primary or locked number too: those guard against a tenant's own mistakes.
    #[must_use]
    pub const fn overrules_the_tenant(self) -> bool {
        match self {
            Self::Asked | Self::PeriodEnd => false,
            Self::Unpaid | Self::Gone => true,
        }
    }
}

/// Parameters of a suspension.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspend {
    /// Of which number.
    pub e164: E164,
    /// Of the wallet that pays for it.
    pub currency: Currency,
    /// What was recorded before.
    pub before: Dunning,
    /// What is recorded with it.
    pub after: Dunning,
    /// When the number is released, unless it is paid for.
    pub release_at: Timestamp,
    /// The platform's handle, by which calls may get there past our webhook.
    pub platform: Option<PlatformRef>,
}

/// Parameters of the end of a suspension.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    /// Of which number.
    pub e164: E164,
    /// Of the wallet that pays for it.
    pub currency: Currency,
    /// The platform's handle, by which calls may get there past our webhook.
    pub platform: Option<PlatformRef>,
}

/// Parameters of barring the calls of a number that go past us, or of letting them through again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bar {
    /// Of which number.
    pub e164: E164,
    /// Of the wallet that pays for its calls.
    pub currency: Currency,
    /// Whether calls are let through no more; or else again.
    pub barred: bool,
    /// The platform's handle, by which calls get there past our webhook.
    pub platform: PlatformRef,
}

/// Parameters of restoring a number's settings at its carrier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restore {
    /// Of which number.
    pub e164: E164,
    /// The platform's handle, by which calls may get there past our webhook; none while it does not serve.
    pub platform: Option<PlatformRef>,
}
