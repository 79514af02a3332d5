//! The times in which a number's calls went past our webhook to an agent. Its platform alone tells of such a call, and may
//! tell late: whose the call is depends on when it began, and not on who answers the number when it is told.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::agent::{Method, Platform};
use crate::claim::{Claim, ClaimState};
use crate::ids::{AgentId, TenantId};
use crate::limits;
use crate::number::PlatformRef;
use crate::numbering::E164;

/// A link by which calls go past our webhook, or went. Those of two tenants are never at the same time, since a number that
/// is released is kept from others for [`crate::limits::QUARANTINE`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenure {
    /// Of which number.
    pub e164: E164,
    /// Who holds it, or held it then.
    pub tenant_id: TenantId,
    /// Whose agent answers.
    pub agent_id: AgentId,
    /// On which platform.
    pub platform: Platform,
    /// The platform's id of the agent.
    pub platform_agent_id: String,
    /// How its calls get there.
    pub method: Method,
    /// When it began; none where that was not noted.
    pub since: Option<Timestamp>,
    /// When it ended; none while it lasts.
    pub until: Option<Timestamp>,
}

impl Tenure {
    /// By a link that lasts; none by one whose calls come to our webhook, which tells of them itself.
    #[must_use]
    pub fn by(e164: &E164, tenant_id: &TenantId, agent_id: &AgentId, known: &PlatformRef) -> Option<Self> {
        known.reach.method().past_us().then(|| Self {
            e164: e164.clone(),
            tenant_id: tenant_id.clone(),
            agent_id: agent_id.clone(),
            platform: known.platform,
            platform_agent_id: known.platform_agent_id.clone(),
            method: known.reach.method(),
            since: known.since,
            until: None,
        })
    }

    /// The one that lasts, of a number that is held.
    #[must_use]
    pub fn of(claim: &Claim) -> Option<Self> {
        let route = claim.route.as_ref().filter(|_| claim.state == ClaimState::Held)?;
        Self::by(&claim.e164, &claim.tenant_id, route.agent_id.as_ref()?, route.platform_ref.as_ref()?)
    }

    /// Whether a call that began then was this agent's. Where the platform does not say whose it was, it was.
    #[must_use]
    pub fn has(&self, platform: Platform, platform_agent_id: Option<&str>, began: Timestamp) -> bool {
        let its = platform_agent_id.is_none_or(|agent| agent == self.platform_agent_id);
        self.platform == platform && its && self.lasted(began)
    }

    /// Whether a call began in its time, by its platform's clock.
    fn lasted(&self, began: Timestamp) -> bool {
        let begun = |since: Timestamp| since.duration_until(began) >= -limits::PLATFORM_CLOCK_SKEW;
        self.since.is_none_or(begun) && self.until.is_none_or(|until| began <= until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::Reach;
    use jiff::ToSpan;

    fn known(reach: Reach) -> PlatformRef {
        PlatformRef {
            platform: Platform::Retell,
            id: Some("r1".into()),
            tag: "t".into(),
            platform_agent_id: "agent_1".into(),
            reach,
            since: Some("2027-01-01T00:00:00Z".parse().unwrap()),
        }
    }

    fn tenure(reach: Reach) -> Option<Tenure> {
        let agent = "agt_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b".parse().unwrap();
        Tenure::by(&"+12125550123".parse().unwrap(), &"acme".parse().unwrap(), &agent, &known(reach))
    }

    #[test]
    fn only_calls_that_go_past_us_are_told_by_the_platform_alone() {
        assert!(tenure(Reach::Register).is_none());
        assert!(tenure(Reach::Dial { sip_uri: "sip:t@sip.vapi.ai".into(), key_id: "k1".into() }).is_none());
        assert!(tenure(Reach::Trunk { sid: "TK1".into() }).is_some());
        assert!(tenure(Reach::Import { settings: None }).is_some());
    }

    #[test]
    fn a_call_is_whose_time_it_began_in() {
        let lasting = tenure(Reach::Trunk { sid: "TK1".into() }).unwrap();
        let (since, until) = (lasting.since.unwrap(), lasting.since.unwrap() + 2.hours());
        let over = Tenure { until: Some(until), ..lasting.clone() };
        let check = |platform: Platform, agent: Option<&str>, began: Timestamp, was: bool, is: bool| {
            let has = [&over, &lasting].map(|tenure| tenure.has(platform, agent, began));
            assert_eq!(has, [was, is], "{platform:?} {agent:?} {began}");
        };
        let ours = Some("agent_1");
        check(Platform::Retell, ours, since, true, true);
        check(Platform::Retell, None, since, true, true);
        check(Platform::Retell, ours, since - 2.seconds(), true, true);
        check(Platform::Retell, ours, since - 3.seconds(), false, false);
        check(Platform::Retell, ours, until, true, true);
        check(Platform::Retell, ours, until + 1.second(), false, true);
        check(Platform::Retell, Some("agent_2"), since, false, false);
        check(Platform::ElevenLabs, ours, since, false, false);
        let unknown = Tenure { since: None, ..over };
        assert!(unknown.has(Platform::Retell, ours, since - 1.hour()));
    }
}
