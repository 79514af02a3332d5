//! Calls: what answers an incoming one, and how late or repeated news about it is treated.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::claim::{Claim, ClaimState};
use crate::ids::{AgentId, TenantId};
use crate::money::Money;
use crate::number::PlatformRef;
use crate::numbering::E164;
use crate::tenant::Tenant;

/// Where a call goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Routing {
    /// Not a number of ours, or not of this tenant.
    Reject,
    /// To the agent on its platform.
    Agent { agent_id: AgentId, target: PlatformRef, fallback: Option<E164> },
    /// To the tenant's fallback number.
    Forward { to: E164, why: Why },
    /// Nobody to go to: a spoken sentence, then the end.
    Say { why: Why, message: Option<String> },
}

/// Why a call was not handed to an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The number is linked and its agent answers.
    Linked,
    /// The number or its tenant is suspended.
    Suspended,
    /// No agent is linked.
    Unlinked,
    /// The tenant is in outage mode.
    OutageMode,
    /// The number is being bought or given back.
    NotActive,
    /// The agent did not take the call.
    AgentFailed,
    /// Nobody holds the number.
    Unknown,
    /// We could not find out.
    Failure,
    /// As many calls are going on as the plan allows at once.
    Busy,
    /// The tenant has neither money nor included minutes left.
    NoFunds,
}

impl Why {
    /// As written in a call's `routed.why`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Linked => "linked",
            Self::Suspended => "suspended",
            Self::Unlinked => "unlinked",
            Self::OutageMode => "outage_mode",
            Self::NotActive => "not_active",
            Self::AgentFailed => "agent_failed",
            Self::Unknown => "unknown",
            Self::Failure => "failure",
            Self::Busy => "busy",
            Self::NoFunds => "no_funds",
        }
    }

    /// Reads the word back.
    #[must_use]
    pub fn from_name(text: &str) -> Option<Self> {
        let all = [
            Self::Linked,
            Self::Suspended,
            Self::Unlinked,
            Self::OutageMode,
            Self::NotActive,
            Self::AgentFailed,
            Self::Unknown,
            Self::Failure,
            Self::Busy,
            Self::NoFunds,
        ];
        all.into_iter().find(|why| why.as_str() == text)
    }
}

/// Decides what answers a call to a number, from its claim and its tenant's standing.
///
/// `tenant_id` is the one the (signed) webhook URL names; a claim of anybody else's is as good as none.
#[must_use]
pub fn route(tenant_id: &TenantId, tenant: Option<&Tenant>, claim: Option<&Claim>) -> Routing {
    let ours = claim.filter(|claim| claim.state == ClaimState::Held && claim.tenant_id == *tenant_id);
    let Some(route) = ours.and_then(|claim| claim.route.as_ref()) else { return Routing::Reject };
    let instead = |why: Why, message: Option<String>| match &route.fallback {
        Some(to) => Routing::Forward { to: to.clone(), why },
        None => Routing::Say { why, message },
    };
    let suspended = tenant.is_some_and(|tenant| tenant.suspended);
    if suspended || route.status == crate::number::NumberStatus::Suspended {
        return instead(Why::Suspended, tenant.and_then(|tenant| tenant.suspended_message.clone()));
    }
    if !route.status.serves() {
        return instead(Why::NotActive, None);
    }
    if route.barred {
        return instead(Why::NoFunds, tenant.and_then(|tenant| tenant.suspended_message.clone()));
    }
    if tenant.is_some_and(|tenant| tenant.outage_mode) {
        return instead(Why::OutageMode, None);
    }
    match (&route.agent_id, &route.platform_ref) {
        (Some(agent_id), Some(target)) => {
            Routing::Agent { agent_id: agent_id.clone(), target: target.clone(), fallback: route.fallback.clone() }
        }
        (Some(_) | None, None) | (None, Some(_)) => instead(Why::Unlinked, None),
    }
}

/// How a tenant stands at the moment of a call (F32).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Fewer calls are going on than its plan allows at once.
    pub line_free: bool,
    /// It has money or included minutes left, or is given time to pay for the number itself.
    pub means: bool,
    /// What it wants callers to hear when it cannot be reached.
    pub message: Option<String>,
}

impl Routing {
    /// The same for a tenant that stands so: an agent answers only in good standing.
    #[must_use]
    pub fn standing(self, standing: Standing) -> Self {
        let Self::Agent { fallback, .. } = &self else { return self };
        let (why, message) = match standing {
            Standing { line_free: false, .. } => (Why::Busy, None),
            Standing { means: false, message, .. } => (Why::NoFunds, message),
            Standing { .. } => return self,
        };
        match fallback {
            Some(to) => Self::Forward { to: to.clone(), why },
            None => Self::Say { why, message },
        }
    }
}

/// Twilio's word for how a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CallStatus {
    /// Accepted.
    Queued,
    /// Being set up (an event's name that appears as a status, too).
    Initiated,
    /// Rings.
    Ringing,
    /// Talking.
    InProgress,
    /// Over, was answered.
    Completed,
    /// Over, line busy.
    Busy,
    /// Over, could not be put through.
    Failed,
    /// Over, nobody answered.
    NoAnswer,
    /// Over, given up by the caller.
    Canceled,
}

impl CallStatus {
    /// Reads Twilio's word; an unknown one is `None` and changes nothing.
    #[must_use]
    pub fn from_name(text: &str) -> Option<Self> {
        match text {
            "queued" => Some(Self::Queued),
            "initiated" => Some(Self::Initiated),
            "ringing" => Some(Self::Ringing),
            "in-progress" | "answered" => Some(Self::InProgress),
            "completed" => Some(Self::Completed),
            "busy" => Some(Self::Busy),
            "failed" => Some(Self::Failed),
            "no-answer" => Some(Self::NoAnswer),
            "canceled" => Some(Self::Canceled),
            _ => None,
        }
    }

    /// Twilio's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Initiated => "initiated",
            Self::Ringing => "ringing",
            Self::InProgress => "in-progress",
            Self::Completed => "completed",
            Self::Busy => "busy",
            Self::Failed => "failed",
            Self::NoAnswer => "no-answer",
            Self::Canceled => "canceled",
        }
    }

    /// How far along a call is: news of a lower or equal rank never overwrites (invariant I8). Everything that ends a
    /// call ranks alike, so that the first end stands.
    #[must_use]
    pub const fn rank(self) -> u8 {
        match self {
            Self::Queued => 1,
            Self::Initiated => 2,
            Self::Ringing => 3,
            Self::InProgress => 4,
            Self::Completed | Self::Busy | Self::Failed | Self::NoAnswer | Self::Canceled => 9,
        }
    }
}

/// What a voice platform tells of a call one of its agents has, or had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformReport {
    /// The platform's id of the call.
    pub call_id: String,
    /// The platform's id of the agent.
    pub platform_agent_id: Option<String>,
    /// The platform's id of its number, where it has one and tells it.
    pub platform_number_id: Option<String>,
    /// The number on our side, where it tells one.
    pub number: Option<E164>,
    /// The other side, as the platform shows it; not always a number.
    pub other: String,
    /// Whether the agent called.
    pub outgoing: bool,
    /// How the call stands.
    pub status: CallStatus,
    /// When it began, where it tells.
    pub started_at: Option<Timestamp>,
    /// How long it was, rounded up to whole seconds; once it is over.
    pub duration_s: Option<u32>,
    /// Whether we handed it over, as what was given along says: then the carrier tells us of it.
    pub handed_over: bool,
}

/// What is kept of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// The carrier's id (Twilio: `CA…`).
    pub call_sid: String,
    /// Whose number.
    pub tenant_id: TenantId,
    /// Which number, by its digits.
    pub e164: E164,
    /// `inbound`, or `outbound` for one that an agent made.
    pub direction: String,
    /// The caller as the carrier shows it; not always a number.
    pub from: String,
    /// The number called.
    pub to: String,
    /// How it stands.
    pub status: CallStatus,
    /// When we first heard of it.
    pub started_at: Timestamp,
    /// Seconds, once it is over.
    #[serde(default)]
    pub duration_s: Option<u32>,
    /// What its minutes cost the tenant, once it is over and if they cost anything.
    #[serde(default)]
    pub cost: Option<Money>,
    /// Whether that was charged.
    #[serde(default)]
    pub paid: bool,
    /// How many of its minutes the tenant's plan paid for; `cost` is without them then.
    #[serde(default)]
    pub included_minutes: u32,
    /// Who it went to.
    #[serde(default)]
    pub routed_to: Option<String>,
    /// Why it went there.
    #[serde(default)]
    pub routed_why: Option<String>,
    /// Whose agent took it.
    #[serde(default)]
    pub agent_id: Option<AgentId>,
    /// What the carrier was answered, where a platform had to be asked for it: asked again about the same call, we give the
    /// same answer. Kept only while the call goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
}

impl Call {
    /// Its minutes, every one that was begun; 0 while it goes on.
    #[must_use]
    pub fn minutes(&self) -> u32 {
        self.duration_s.unwrap_or(0).div_ceil(60)
    }

    /// The same call after the plan paid for so many of its minutes, which all cost the same.
    #[must_use]
    pub fn with_included(&self, included: u32) -> Self {
        let minutes = self.minutes();
        let left = i64::from(minutes.saturating_sub(included));
        let cost = self.cost.map(|cost| {
            let each = cost.micros.checked_div(minutes.into()).unwrap_or(0);
            Money::from_micros(each.saturating_mul(left), cost.currency)
        });
        Self { cost, included_minutes: included.min(minutes), paid: left == 0, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::Platform;
    use crate::claim::Route;
    use crate::number::NumberStatus;

    fn tenant(suspended: bool, outage_mode: bool) -> Tenant {
        let suspended_message = Some("We are closed.".to_owned());
        Tenant {
            id: "acme".parse().unwrap(),
            plan: "PRO".into(),
            suspended,
            outage_mode,
            suspended_message,
            on_file: crate::requirement::OnFile::default(),
        }
    }

    fn claim(status: NumberStatus, linked: bool, fallback: bool) -> Claim {
        let platform_ref = linked.then(|| PlatformRef {
            platform: Platform::Vapi,
            id: Some("p1".into()),
            tag: "t".into(),
            reach: crate::number::Reach::Dial { sip_uri: "sip:t@sip.vapi.ai".into(), key_id: "k1".into() },
            platform_agent_id: "a1".into(),
            since: None,
        });
        Claim {
            e164: "+12125550123".parse().unwrap(),
            state: ClaimState::Held,
            tenant_id: "acme".parse().unwrap(),
            number_id: "num_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b".parse().unwrap(),
            rev: "op_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b".parse().unwrap(),
            until: None,
            route: Some(Route {
                status,
                fallback: fallback.then(|| "+14155550100".parse().unwrap()),
                agent_id: linked.then(|| "agt_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b".parse().unwrap()),
                platform_ref,
                barred: false,
            }),
        }
    }

    #[test]
    fn an_agent_answers_only_for_a_tenant_in_good_standing() {
        let check = |fallback: bool, line_free: bool, means: bool, expected: &str| {
            let claim = claim(NumberStatus::Active, true, fallback);
            let standing = Standing { line_free, means, message: Some("Pay first.".to_owned()) };
            let fine = tenant(false, false);
            let shown = match route(&"acme".parse().unwrap(), Some(&fine), Some(&claim)).standing(standing) {
                Routing::Reject => "reject".to_owned(),
                Routing::Agent { .. } => "agent".to_owned(),
                Routing::Forward { why, .. } => format!("forward {}", why.as_str()),
                Routing::Say { why, message } => format!("say {} {}", why.as_str(), message.is_some()),
            };
            assert_eq!(shown, expected);
        };
        check(false, true, true, "agent");
        check(true, true, true, "agent");
        check(false, false, true, "say busy false");
        check(true, false, true, "forward busy");
        check(false, true, false, "say no_funds true");
        check(true, true, false, "forward no_funds");
        check(false, false, false, "say busy false");
        // Nobody to answer anyway.
        let poor = Standing { line_free: false, means: false, message: None };
        let unlinked = claim(NumberStatus::Active, false, false);
        let routing = route(&"acme".parse().unwrap(), None, Some(&unlinked));
        assert_eq!(routing.clone().standing(poor), routing);
    }

    #[test]
    fn every_call_has_an_answer() {
        let check = |tenant_id: &str, tenant: Option<Tenant>, claim: Option<Claim>, expected: &str| {
            let routing = route(&tenant_id.parse().unwrap(), tenant.as_ref(), claim.as_ref());
            let shown = match routing {
                Routing::Reject => "reject".to_owned(),
                Routing::Agent { fallback, .. } => format!("agent, fallback {}", fallback.is_some()),
                Routing::Forward { why, .. } => format!("forward {}", why.as_str()),
                Routing::Say { why, message } => format!("say {} {}", why.as_str(), message.is_some()),
            };
            assert_eq!(shown, expected);
        };
        let fine = || Some(tenant(false, false));
        let active = |linked, fallback| Some(claim(NumberStatus::Active, linked, fallback));
        check("acme", fine(), None, "reject");
        check("other", fine(), active(true, true), "reject");
        check("acme", fine(), active(true, true), "agent, fallback true");
        check("acme", None, active(true, false), "agent, fallback false");
        check("acme", fine(), Some(claim(NumberStatus::PastDue, true, false)), "agent, fallback false");
        check("acme", fine(), active(false, true), "forward unlinked");
        check("acme", fine(), active(false, false), "say unlinked false");
        check("acme", fine(), Some(claim(NumberStatus::Suspended, true, true)), "forward suspended");
        check("acme", fine(), Some(claim(NumberStatus::Suspended, true, false)), "say suspended true");
        check("acme", Some(tenant(true, false)), active(true, false), "say suspended true");
        check("acme", Some(tenant(false, true)), active(true, true), "forward outage_mode");
        check("acme", Some(tenant(false, true)), active(true, false), "say outage_mode false");
        check("acme", fine(), Some(claim(NumberStatus::Pending, false, false)), "say not_active false");
        check("acme", fine(), Some(claim(NumberStatus::Releasing, true, true)), "forward not_active");
        let barred = |fallback| {
            let mut claim = claim(NumberStatus::Active, true, fallback);
            claim.route = claim.route.map(|route| Route { barred: true, ..route });
            Some(claim)
        };
        check("acme", fine(), barred(false), "say no_funds true");
        check("acme", fine(), barred(true), "forward no_funds");
        let quarantined = Claim { state: ClaimState::Quarantined, ..claim(NumberStatus::Active, true, true) };
        check("acme", fine(), Some(quarantined), "reject");
    }

    #[test]
    fn the_first_end_of_a_call_stands() {
        use CallStatus::*;
        let order = [Queued, Initiated, Ringing, InProgress, Completed];
        assert!(order.windows(2).all(|pair| pair[0].rank() < pair[1].rank()));
        assert!([Busy, Failed, NoAnswer, Canceled].iter().all(|end| end.rank() == Completed.rank()));
        for status in [Queued, Initiated, Ringing, InProgress, Completed, Busy, Failed, NoAnswer, Canceled] {
            assert_eq!(CallStatus::from_name(status.as_str()), Some(status));
        }
        assert_eq!(CallStatus::from_name("exploded"), None);
    }
}
