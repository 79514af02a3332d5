//! Agreement with the world: what our books say of every number against what its carrier and voice platform say.
//!
//! [`register`] remembers what the books expect, sixteen bytes a thing, so that a million numbers can be met by the pages of
//! a carrier's list. What does not agree at first sight is read afresh on both sides and judged by [`drift`]; what may then
//! be done about it, and when, is [`plan`]'s. Nothing here reads or writes.

pub mod drift;
pub mod plan;
pub mod register;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::agent::Platform;
use crate::ids::{NumberId, TenantId};
use crate::number::Carrier;
use crate::numbering::E164;

/// In what way books and world disagree (API.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The carrier has a number with our tag that the books do not hold.
    OrphanTagged,
    /// The carrier has a number without a tag of this deployment: the operator's own, or another deployment's.
    OrphanUntagged,
    /// The books hold a number the carrier does not have.
    MissingAtCarrier,
    /// The carrier sends calls elsewhere than we told it, or calls the number by another name.
    RoutingDrift,
    /// A number is linked, and its platform does not know it.
    MissingAtPlatform,
    /// The platform knows a number with our tag that no number of the books is linked by.
    OrphanAtPlatform,
    /// The platform lets another agent answer, or calls the number by another name.
    BindingDrift,
    /// The carrier's price is not the price book's cost.
    PriceDrift,
    /// The books contradict themselves.
    LedgerDrift,
}

impl Kind {
    /// As written in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OrphanTagged => "orphan_tagged",
            Self::OrphanUntagged => "orphan_untagged",
            Self::MissingAtCarrier => "missing_at_carrier",
            Self::RoutingDrift => "routing_drift",
            Self::MissingAtPlatform => "missing_at_platform",
            Self::OrphanAtPlatform => "orphan_at_platform",
            Self::BindingDrift => "binding_drift",
            Self::PriceDrift => "price_drift",
            Self::LedgerDrift => "ledger_drift",
        }
    }
}

/// What was done about a finding (API.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Our own settings were restored.
    Repaired,
    /// The number is neither charged nor released until an operator decides.
    Parked,
    /// What was left behind was given back.
    Released,
    /// The books took over what the carrier has.
    Adopted,
    /// Nothing; a person, or a later run.
    Reported,
}

impl Action {
    /// As written in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Repaired => "repaired",
            Self::Parked => "parked",
            Self::Released => "released",
            Self::Adopted => "adopted",
            Self::Reported => "reported",
        }
    }

    /// Whether books and world agree after it.
    #[must_use]
    pub const fn resolves(self) -> bool {
        match self {
            Self::Repaired | Self::Released | Self::Adopted => true,
            Self::Parked | Self::Reported => false,
        }
    }
}

/// One disagreement and what was done about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// In what way.
    pub kind: Kind,
    /// About which number, by its digits.
    #[serde(default)]
    pub e164: Option<E164>,
    /// About which number of the books.
    #[serde(default)]
    pub number_id: Option<NumberId>,
    /// Whose.
    #[serde(default)]
    pub tenant_id: Option<TenantId>,
    /// At which carrier; none where the books contradict themselves.
    #[serde(default)]
    pub carrier: Option<Carrier>,
    /// At which platform.
    #[serde(default)]
    pub platform: Option<Platform>,
    /// What was done.
    pub action: Action,
    /// What is the case, for an operator.
    pub detail: String,
}

/// A place where things are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// At a carrier.
    Carrier(Carrier),
    /// At a voice platform.
    Platform(Platform),
}

impl Place {
    /// Its name, as written in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Carrier(carrier) => carrier.as_str(),
            Self::Platform(platform) => platform.as_str(),
        }
    }
}

/// How many things were compared somewhere, and what came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Things of ours on either side. What is being worked on is left out, and so is what is the operator's own.
    pub compared: u64,
    /// Of these, the same on both sides, at first sight or after repair.
    pub agreeing: u64,
    /// Seen there and none of ours.
    pub others: u64,
    /// Why it could not be compared to the end.
    #[serde(default)]
    pub incomplete: Option<String>,
}

impl Tally {
    /// Agreeing things in hundredths of a percent, rounded down, so that only full agreement is 100.00; full when there
    /// was nothing to compare.
    #[must_use]
    pub fn percentage(&self) -> String {
        let parts = match self.compared {
            0 => 10_000,
            compared => u128::from(self.agreeing) * 10_000 / u128::from(compared),
        };
        format!("{}.{:02}", parts / 100, parts % 100)
    }
}

/// How a day's last run found carriers and platforms: the statement of agreement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Of which run: time-ordered.
    pub run_id: String,
    /// Nothing was to be changed.
    pub dry_run: bool,
    /// When the run began.
    pub began_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// What was compared where, in the order of the run.
    pub places: Vec<(Place, Tally)>,
    /// How often each kind ended in each action.
    pub totals: BTreeMap<String, u64>,
    /// The first [`crate::limits::FINDINGS_KEPT`] of them.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Compared and agreeing, everywhere together.
    #[must_use]
    pub fn sum(&self) -> (u64, u64) {
        self.places.iter().fold((0, 0), |sum, (_, tally)| (sum.0 + tally.compared, sum.1 + tally.agreeing))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_full_agreement_is_a_hundred() {
        let check = |agreeing, compared, shown: &str| {
            let tally = Tally { compared, agreeing, ..Tally::default() };
            assert_eq!(tally.percentage(), shown);
        };
        check(0, 0, "100.00");
        check(3, 3, "100.00");
        check(999_999, 1_000_000, "99.99");
        check(2, 3, "66.66");
        check(0, 5, "0.00");
        check(u64::MAX, u64::MAX, "100.00");
    }
}
