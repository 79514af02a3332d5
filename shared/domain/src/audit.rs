//! The audit trail: who did what to whose number or money, when, and why. Written in the transaction of what it records,
//! and never changed.
//!
//! Knows nothing of how it is kept (`store::audit`) or shown.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{AuditId, TenantId};

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "name")]
pub enum Actor {
    /// A person, by the subject of their token.
    Operator(String),
    /// A job that runs by itself, by its name.
    Schedule(String),
}

impl Actor {
    /// A person, by the subject of their token.
    #[must_use]
    pub fn operator(subject: impl Into<String>) -> Self {
        Self::Operator(subject.into())
    }

    /// A job, by its name.
    #[must_use]
    pub fn schedule(job: impl Into<String>) -> Self {
        Self::Schedule(job.into())
    }

    /// What it is, as written in the API.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Operator(_) => "operator",
            Self::Schedule(_) => "schedule",
        }
    }

    /// Which one.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Operator(name) | Self::Schedule(name) => name,
        }
    }
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A number was set aside until somebody resolves what is wrong with it.
    NumberParked,
    /// A parked number goes on.
    NumberUnparked,
    /// A parked number is gone: its release was ordered.
    NumberReleaseOrdered,
    /// A stuck operation goes on.
    OperationResumed,
    /// An operator did by hand what an operation waited for.
    OperationCompleted,
    /// Money was put into a wallet, or taken out.
    WalletAdjusted,
    /// A tenant was set up, or its plan or settings changed.
    TenantChanged,
    /// What a third party had otherwise than the books was put right there.
    DriftRepaired,
    /// Something at a third party that the books have nothing of was given back.
    OrphanReleased,
    /// Something at a third party that the books have nothing of was taken into the books.
    NumberAdopted,
    /// A number that was the operator's already was given to a tenant.
    NumberImported,
    /// A number was ordered for a tenant's agent, at the tenant's cost.
    NumberPurchaseOrdered,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::NumberParked,
        Self::NumberUnparked,
        Self::NumberReleaseOrdered,
        Self::OperationResumed,
        Self::OperationCompleted,
        Self::WalletAdjusted,
        Self::TenantChanged,
        Self::DriftRepaired,
        Self::OrphanReleased,
        Self::NumberAdopted,
        Self::NumberImported,
        Self::NumberPurchaseOrdered,
    ];

    /// As written in the API; these names never change.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NumberParked => "number_parked",
            Self::NumberUnparked => "number_unparked",
            Self::NumberReleaseOrdered => "number_release_ordered",
            Self::OperationResumed => "operation_resumed",
            Self::OperationCompleted => "operation_completed",
            Self::WalletAdjusted => "wallet_adjusted",
            Self::TenantChanged => "tenant_changed",
            Self::DriftRepaired => "drift_repaired",
            Self::OrphanReleased => "orphan_released",
            Self::NumberAdopted => "number_adopted",
            Self::NumberImported => "number_imported",
            Self::NumberPurchaseOrdered => "number_purchase_ordered",
        }
    }
}

/// One line of the trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Which; it begins with the millisecond of `at`.
    pub id: AuditId,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// What.
    pub action: Action,
    /// Whose; none when it is the operator's own.
    pub tenant_id: Option<TenantId>,
    /// To what: an id of ours, a third party's, or an E.164.
    pub subject: String,
    /// Why, in the actor's words.
    pub reason: Option<String>,
    /// What changed, in words.
    pub detail: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_kept_under_the_name_it_is_shown_by() {
        for action in Action::ALL {
            assert_eq!(serde_json::to_value(action).unwrap(), action.as_str());
        }
    }

    #[test]
    fn an_actor_reads_back() {
        for actor in [Actor::operator("alice"), Actor::schedule("reconcile")] {
            let kept = serde_json::to_value(&actor).unwrap();
            assert_eq!((&kept["kind"], &kept["name"]), (&actor.kind().into(), &actor.name().into()));
            assert_eq!(serde_json::from_value::<Actor>(kept).unwrap(), actor);
        }
    }
}
