//! The claim on an E.164: our exclusive right to it (invariant I1), and the one item an incoming call looks up.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{AgentId, NumberId, OperationId, TenantId};
use crate::limits;
use crate::number::{NumberStatus, PlatformRef};
use crate::numbering::E164;

/// Who has the right to an E.164, or why nobody may have it now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Which number.
    pub e164: E164,
    /// Held, or kept back.
    pub state: ClaimState,
    /// The holder, or the last one.
    pub tenant_id: TenantId,
    /// The holder's number, or the last one.
    pub number_id: NumberId,
    /// The operation that wrote it last; a writer names the revision it read.
    pub rev: OperationId,
    /// Until when it is kept back; none while held.
    pub until: Option<Timestamp>,
    /// What an incoming call needs.
    pub route: Option<Route>,
}

/// In what way an E.164 is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClaimState {
    /// A tenant's, or being bought for one.
    Held,
    /// Released a while ago; only the former holder may have it back.
    Quarantined,
    /// A purchase was given up while the carrier might still commit it; nobody may have it.
    Blocked,
}

/// What an incoming call needs to know of a number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Where the number is in its life.
    pub status: NumberStatus,
    /// Where callers go when the agent cannot answer.
    pub fallback: Option<E164>,
    /// Who answers.
    pub agent_id: Option<AgentId>,
    /// Where the call is handed over to.
    pub platform_ref: Option<PlatformRef>,
    /// Whether its calls, which went past us, are not let through for want of payment.
    #[serde(default)]
    pub barred: bool,
}

impl Claim {
    /// Whether this tenant may take the E.164 now, given what stands there.
    #[must_use]
    pub fn may_take(standing: Option<&Self>, tenant: &TenantId, now: Timestamp) -> bool {
        let Some(claim) = standing else { return true };
        let over = claim.until.is_some_and(|until| until <= now);
        match claim.state {
            ClaimState::Held => false,
            ClaimState::Quarantined => over || claim.tenant_id == *tenant,
            ClaimState::Blocked => over,
        }
    }

    /// What stands in place of a claim whose purchase was given up: what was there before, or a block when the carrier
    /// may yet commit.
    #[must_use]
    pub fn after_abort(self, before: Option<Self>, doubt: bool, now: Timestamp) -> Option<Self> {
        if !doubt {
            return before;
        }
        let blocked = now.saturating_add(limits::BLOCKED_AFTER_DOUBT).unwrap_or(Timestamp::MAX);
        let until = before.and_then(|claim| claim.until).map_or(blocked, |kept| kept.max(blocked));
        Some(Self { state: ClaimState::Blocked, until: Some(until), route: None, ..self })
    }

    /// What stands in place of a claim whose number was released.
    #[must_use]
    pub fn after_release(self, rev: OperationId, released_at: Timestamp) -> Self {
        let until = released_at.saturating_add(limits::QUARANTINE).unwrap_or(Timestamp::MAX);
        Self { state: ClaimState::Quarantined, until: Some(until), route: None, rev, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::ToSpan;

    fn claim(state: ClaimState, until: Option<Timestamp>) -> Claim {
        Claim {
            e164: "+12125550123".parse().unwrap(),
            state,
            tenant_id: "former".parse().unwrap(),
            number_id: "num_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b".parse().unwrap(),
            rev: "op_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b".parse().unwrap(),
            until,
            route: None,
        }
    }

    #[test]
    fn who_may_take_a_number() {
        let now: Timestamp = "2027-01-01T00:00:00Z".parse().unwrap();
        let (past, future) = (now - 1.second(), now + 1.second());
        let check = |standing: Option<Claim>, tenant: &str, may: bool| {
            let tenant = tenant.parse().unwrap();
            assert_eq!(Claim::may_take(standing.as_ref(), &tenant, now), may, "{standing:?} by {tenant}");
        };
        check(None, "other", true);
        check(Some(claim(ClaimState::Held, None)), "former", false);
        check(Some(claim(ClaimState::Held, None)), "other", false);
        check(Some(claim(ClaimState::Quarantined, Some(future))), "other", false);
        check(Some(claim(ClaimState::Quarantined, Some(future))), "former", true);
        check(Some(claim(ClaimState::Quarantined, Some(now))), "other", true);
        check(Some(claim(ClaimState::Quarantined, Some(past))), "other", true);
        check(Some(claim(ClaimState::Blocked, Some(future))), "former", false);
        check(Some(claim(ClaimState::Blocked, Some(past))), "other", true);
    }

    #[test]
    fn an_abort_restores_or_blocks() {
        let now: Timestamp = "2027-01-01T00:00:00Z".parse().unwrap();
        let held = claim(ClaimState::Held, None);
        assert_eq!(held.clone().after_abort(None, false, now), None);
        let quarantined = claim(ClaimState::Quarantined, Some(now + 240.hours()));
        assert_eq!(held.clone().after_abort(Some(quarantined.clone()), false, now), Some(quarantined.clone()));
        let blocked = held.clone().after_abort(None, true, now).unwrap();
        assert_eq!((blocked.state, blocked.until), (ClaimState::Blocked, Some(now + 24.hours())));
        let longer = held.after_abort(Some(quarantined), true, now).unwrap();
        assert_eq!((longer.state, longer.until), (ClaimState::Blocked, Some(now + 240.hours())));
    }
}
