//! The operation: a saga's record. What it is to do, how far it got, what it learned, who drives it.
//!
//! A driver writes `Started` before a step reaches out and the outcome after it, so that whoever finds the record knows
//! what may have happened. The rules that read and move it are in [`crate::what_next`].

mod parameters;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::agent::Method;
use crate::ids::{NumberId, OperationId, ProjectId, TenantId};
use crate::number::{AtEnd, Carrier, CarrierRef, Number, PlatformRef};
use crate::numbering::E164;
use crate::ports::{ProviderError, ProviderErrorKind, Reason};

pub use parameters::{
    AgentBinding, Bar, Import, Link, OnEnd, Purchase, Release, ReleaseWhy, Restore, Resume, Slot, Suspend, Unlink,
};

/// Where an operation is in its life (API.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationStatus {
    /// Being worked on, or waiting for its next attempt.
    Running,
    /// Waiting for somebody outside: a person, or a carrier that takes its time. Looked at again and again, without an end.
    Waiting,
    /// Done.
    Succeeded,
    /// Undone.
    Failed,
    /// Needs an operator; everything stays as it is.
    Stuck,
}

impl OperationStatus {
    /// As written in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Stuck => "stuck",
        }
    }

    /// Reads the API's word.
    #[must_use]
    pub fn from_name(text: &str) -> Option<Self> {
        [Self::Running, Self::Waiting, Self::Succeeded, Self::Failed, Self::Stuck]
            .into_iter()
            .find(|status| status.as_str() == text)
    }
}

/// One reaching out to a third party.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Buy the number at the carrier.
    Buy,
    /// Make a number the operator owns already ours: give it our tag, and let its calls come to us.
    ImportAtCarrier,
    /// Make the number known at the voice platform, bound to the agent.
    Connect,
    /// Bind the number the platform knows to another agent.
    Rebind,
    /// Bind the number the platform knows to no agent.
    Unbind,
    /// Remove the number at the voice platform.
    Disconnect,
    /// Give the number back to the carrier.
    ReleaseAtCarrier,
    /// Set the number up at the carrier as it should be.
    Configure,
    /// Let the carrier send the number's calls past our webhook, or no longer.
    Route,
}

impl Step {
    /// As shown in an operation's `steps`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Buy => "buy",
            Self::ImportAtCarrier => "import_at_carrier",
            Self::Connect => "connect",
            Self::Rebind => "rebind",
            Self::Unbind => "unbind",
            Self::Disconnect => "disconnect",
            Self::ReleaseAtCarrier => "release_at_carrier",
            Self::Configure => "configure",
            Self::Route => "route",
        }
    }

    /// Whether it reaches out to a carrier.
    #[must_use]
    pub const fn at_carrier(self) -> bool {
        match self {
            Self::Buy | Self::ImportAtCarrier | Self::ReleaseAtCarrier | Self::Configure | Self::Route => true,
            Self::Connect | Self::Rebind | Self::Unbind | Self::Disconnect => false,
        }
    }

    /// Whether acting twice is the same as acting once, so that doubt is ended by acting again. The others create
    /// something at a third party that has no idempotency key.
    #[must_use]
    pub const fn repeatable(self) -> bool {
        match self {
            Self::Buy | Self::Connect => false,
            Self::ImportAtCarrier
            | Self::Rebind
            | Self::Unbind
            | Self::Disconnect
            | Self::ReleaseAtCarrier
            | Self::Configure
            | Self::Route => true,
        }
    }
}

/// How far a step got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum StepState {
    /// Not begun, or known not to have happened.
    Pending,
    /// Begun; may have happened.
    Started {
        /// When it was begun; "absent" counts from [`crate::limits::ABSENT_COUNTS_AFTER`] later.
        at: Timestamp,
        /// How often the third party said it is not there, when that counted.
        absent_seen: u8,
    },
    /// The carrier said the number is taken; the next offer is to be tried.
    Lost,
    /// Happened.
    Finished,
    /// Refused for good, and the saga goes on without it.
    Skipped,
    /// Being undone; may be undone.
    Undoing,
    /// Undone.
    Undone,
}

impl StepState {
    /// As shown in an operation's `steps`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Started { .. } => "started",
            Self::Lost => "lost",
            Self::Finished => "finished",
            Self::Skipped => "skipped",
            Self::Undoing => "undoing",
            Self::Undone => "undone",
        }
    }
}

/// A step and how far it got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRecord {
    /// Which.
    pub step: Step,
    /// How far.
    pub state: StepState,
}

/// Why an operation failed or is stuck: the API's code and a sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Stable code.
    pub code: FailureCode,
    /// What happened and what to do.
    pub detail: String,
}

/// Codes of operations that did not succeed (API.md's error codes where the request would have had one).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureCode {
    /// The number cannot be had.
    NumberUnavailable,
    /// The carrier's account does not have the number.
    NotFound,
    /// The carrier asks for a business address.
    AddressRequired,
    /// The carrier asks for a regulatory bundle.
    BundleRequired,
    /// The carrier cannot be reached or refuses to sell.
    CarrierUnavailable,
    /// Our settings at the carrier are wrong.
    CarrierNotConfigured,
    /// The voice platform cannot be reached or refuses.
    PlatformUnavailable,
    /// What it was for is gone.
    NotNeeded,
    /// A person has to look at it.
    NeedsOperator,
}

impl FailureCode {
    /// As written in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NumberUnavailable => "number_unavailable",
            Self::NotFound => "not_found",
            Self::AddressRequired => "address_required",
            Self::BundleRequired => "bundle_required",
            Self::CarrierUnavailable => "carrier_unavailable",
            Self::CarrierNotConfigured => "carrier_not_configured",
            Self::PlatformUnavailable => "platform_unavailable",
            Self::NotNeeded => "not_needed",
            Self::NeedsOperator => "needs_operator",
        }
    }
}

impl Failure {
    /// A failure with its words.
    #[must_use]
    pub fn new(code: FailureCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }

    /// What a third party's refusal at this step means to the tenant. A carrier's own words stay in the log: the account is
    /// the operator's, and a number that is taken must read like one that nobody offers.
    #[must_use]
    pub fn at(step: Step, error: &ProviderError) -> Self {
        let code = match step {
            Step::ImportAtCarrier if error.kind == ProviderErrorKind::NotFound => FailureCode::NotFound,
            Step::Buy | Step::ImportAtCarrier | Step::ReleaseAtCarrier | Step::Configure | Step::Route => {
                match error.kind {
                    ProviderErrorKind::Rejected(Reason::Taken) => FailureCode::NumberUnavailable,
                    ProviderErrorKind::Rejected(Reason::AddressRequired) => FailureCode::AddressRequired,
                    ProviderErrorKind::Rejected(Reason::BundleRequired) => FailureCode::BundleRequired,
                    ProviderErrorKind::Misconfigured => FailureCode::CarrierNotConfigured,
                    ProviderErrorKind::Rejected(Reason::LimitReached | Reason::Other)
                    | ProviderErrorKind::NotFound
                    | ProviderErrorKind::RateLimited
                    | ProviderErrorKind::Unavailable
                    | ProviderErrorKind::Unknown => FailureCode::CarrierUnavailable,
                }
            }
            Step::Connect | Step::Rebind | Step::Unbind | Step::Disconnect => FailureCode::PlatformUnavailable,
        };
        let detail = match code {
            FailureCode::NumberUnavailable => "It is taken or not on offer. Search again.",
            FailureCode::NotFound => "The carrier's account has no such number (any more).",
            FailureCode::AddressRequired => {
                "The carrier sells this number only to holders of an address; ask the operator."
            }
            FailureCode::BundleRequired => {
                "The carrier sells this number only with a regulatory bundle; ask the operator."
            }
            FailureCode::CarrierUnavailable => "The carrier did not do it. Try again, or ask the operator.",
            FailureCode::CarrierNotConfigured => "The operator has no working account at the carrier.",
            FailureCode::PlatformUnavailable | FailureCode::NotNeeded | FailureCode::NeedsOperator => {
                error.detail.as_str()
            }
        };
        Self::new(code, detail)
    }
}

/// Which saga, with its parameters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "saga")]
pub enum Saga {
    /// Buy a number, and link it when an agent was named.
    Purchase(Box<Purchase>),
    /// Make a number of the operator's own a tenant's, and link it when an agent was named.
    Import(Box<Import>),
    /// Let an agent answer a number.
    Link(Box<Link>),
    /// Let no agent answer a number.
    Unlink(Box<Unlink>),
    /// Give a number back.
    Release(Box<Release>),
    /// Put no caller through any more, for want of payment.
    Suspend(Box<Suspend>),
    /// Put callers through again.
    Resume(Box<Resume>),
    /// Let no call through past us any more, for want of payment of the last ones; or let them through again.
    Bar(Box<Bar>),
    /// Set a number up at its carrier as it should be.
    Restore(Box<Restore>),
}

impl Saga {
    /// As written in the API's `kind`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Purchase(_) => "purchase",
            Self::Import(_) => "import",
            Self::Link(_) => "link",
            Self::Unlink(_) => "unlink",
            Self::Release(_) => "release",
            Self::Suspend(_) => "suspend",
            Self::Resume(_) => "resume",
            Self::Bar(bar) => match bar.barred {
                true => "bar",
                false => "unbar",
            },
            Self::Restore(_) => "restore",
        }
    }

    /// Its parameters, if it is a purchase.
    #[must_use]
    pub const fn purchase(&self) -> Option<&Purchase> {
        match self {
            Self::Purchase(purchase) => Some(purchase),
            Self::Import(_)
            | Self::Link(_)
            | Self::Unlink(_)
            | Self::Release(_)
            | Self::Suspend(_)
            | Self::Resume(_)
            | Self::Bar(_)
            | Self::Restore(_) => None,
        }
    }

    /// Which number it is about, by its digits, or by what stands for them.
    #[must_use]
    pub const fn e164(&self) -> &E164 {
        match self {
            Self::Purchase(saga) => &saga.e164,
            Self::Import(saga) => &saga.e164,
            Self::Link(saga) => &saga.e164,
            Self::Unlink(saga) => &saga.e164,
            Self::Release(saga) => &saga.e164,
            Self::Suspend(saga) => &saga.e164,
            Self::Resume(saga) => &saga.e164,
            Self::Bar(saga) => &saga.e164,
            Self::Restore(saga) => &saga.e164,
        }
    }

    /// The steps in their order.
    #[must_use]
    pub fn plan(&self) -> Vec<Step> {
        let linked = |agent: Option<&AgentBinding>| {
            let connect = agent.map(|_| Step::Connect);
            connect.into_iter().chain(agent.filter(|agent| agent.method.set_at_carrier()).map(|_| Step::Route))
        };
        let route = |known: &Option<PlatformRef>| {
            known.as_ref().filter(|known| known.reach.method().set_at_carrier()).map(|_| Step::Route)
        };
        let direct = |known: &Option<PlatformRef>, step: Step| {
            known.as_ref().filter(|known| known.reach.method() == Method::Direct).map(|_| step)
        };
        // A platform that keeps no number has none to remove.
        let there =
            |known: &Option<PlatformRef>| known.as_ref().filter(|known| known.id.is_some()).map(|_| Step::Disconnect);
        match self {
            Self::Purchase(purchase) => [Step::Buy].into_iter().chain(linked(purchase.agent.as_ref())).collect(),
            Self::Import(import) => {
                let at_carrier = import.before.as_ref().map(|_| Step::ImportAtCarrier);
                at_carrier.into_iter().chain(linked(import.agent.as_ref())).collect()
            }
            Self::Link(link) if link.rebinds() => vec![Step::Rebind],
            Self::Link(link) => {
                let route = route(&link.previous).or(link.agent.method.set_at_carrier().then_some(Step::Route));
                [Step::Connect].into_iter().chain(route).chain(there(&link.previous)).collect()
            }
            Self::Unlink(unlink) => route(&unlink.platform).into_iter().chain(there(&unlink.platform)).collect(),
            Self::Release(release) => there(&release.platform).into_iter().chain([Step::ReleaseAtCarrier]).collect(),
            // Where calls come by our own webhook it reads the number's status, and no third party has a part in it.
            // Where nothing of ours is in their way at all, only the platform can hold them up.
            Self::Suspend(suspend) => {
                route(&suspend.platform).or_else(|| direct(&suspend.platform, Step::Unbind)).into_iter().collect()
            }
            Self::Resume(resume) => {
                route(&resume.platform).or_else(|| direct(&resume.platform, Step::Rebind)).into_iter().collect()
            }
            Self::Bar(bar) => {
                let known = Some(bar.platform.clone());
                let bind = if bar.barred { Step::Unbind } else { Step::Rebind };
                route(&known).or_else(|| direct(&known, bind)).into_iter().collect()
            }
            Self::Restore(_) => vec![Step::Configure],
        }
    }

    /// Whether it only goes forward: a refusal cannot be answered by undoing.
    #[must_use]
    pub const fn forward_only(&self) -> bool {
        match self {
            Self::Purchase(_) | Self::Import(_) | Self::Link(_) | Self::Restore(_) => false,
            Self::Unlink(_) | Self::Release(_) | Self::Suspend(_) | Self::Resume(_) | Self::Bar(_) => true,
        }
    }
}

/// How the tag of a number ends that is the operator's own.
pub const IMPORTED: &str = "-i";

/// Whether a third party's name for something is a tag such as [`Operation::tag`] makes, of whichever deployment.
#[must_use]
pub fn is_tag(name: &str) -> bool {
    deployment_of(name).is_some()
}

/// Whether it is a tag of this deployment.
#[must_use]
pub fn is_our_tag(name: &str, deployment: &str) -> bool {
    deployment_of(name) == Some(deployment)
}

/// The deployment a tag names; none of what is no tag.
fn deployment_of(name: &str) -> Option<&str> {
    let (rest, last) = name.rsplit_once('-').unwrap_or((name, ""));
    let suffix = name.ends_with(IMPORTED) || (last.len() == 1 && last.bytes().all(|b| b.is_ascii_digit()));
    let (deployment, id) = if suffix { rest } else { name }.rsplit_once('-')?;
    let is_id = id.len() == 32 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    (is_id && !deployment.is_empty()).then_some(deployment)
}

/// A saga's record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// Which.
    pub id: OperationId,
    /// Whose.
    pub tenant_id: TenantId,
    /// In which group the number is or was to be.
    pub project_id: Option<ProjectId>,
    /// Which number.
    pub number_id: NumberId,
    /// Where the number is or was to be bought.
    pub carrier: Carrier,
    /// The carrier's handle of the number, as the books had it when it began, for steps that act on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrier_ref: Option<CarrierRef>,
    /// What to do.
    pub saga: Saga,
    /// Where it is in its life.
    pub status: OperationStatus,
    /// Each step and how far it got.
    pub steps: Vec<StepRecord>,
    /// Why it is being undone, failed, or is stuck.
    pub failure: Option<Failure>,
    /// Attempts in a row that got nowhere.
    #[serde(default)]
    pub attempts: u32,
    /// Since when it has got nowhere.
    pub troubled_since: Option<Timestamp>,
    /// What went wrong last, for the operator.
    pub trouble: Option<String>,
    /// When it is to be looked at next; none once it is over.
    pub due_at: Option<Timestamp>,
    /// Fencing token: goes up with every driver; a journal write names it.
    pub fence: u64,
    /// Until when (real time) the current driver owns it.
    pub lease_until: Option<Timestamp>,
    /// When it was begun.
    pub created_at: Timestamp,
}

impl Operation {
    /// The step that a person does by hand and that nobody has finished yet.
    #[must_use]
    pub fn by_hand(&self) -> Option<Step> {
        let orders = self.saga.purchase().is_some_and(|purchase| purchase.by_hand);
        let cancels = self.carrier_ref.as_ref().is_some_and(|known| known.at_end == AtEnd::ByHand);
        let steps = [(Step::Buy, orders), (Step::ReleaseAtCarrier, cancels)];
        let begun = |step| matches!(self.state(step), Some(StepState::Started { .. }));
        steps.into_iter().find_map(|(step, by_hand)| (by_hand && begun(step)).then_some(step))
    }

    /// A fresh record of this saga on this number, owned by whoever begins it.
    #[must_use]
    pub fn begin(id: OperationId, number: &Number, saga: Saga, clock: &dyn crate::Clock) -> Self {
        // Of a number of the tenant's own carrier nothing is done there.
        let ours = number.carrier_ref.as_ref().is_none_or(|known| known.at_end != AtEnd::Leave);
        let plan: Vec<Step> = saga.plan().into_iter().filter(|step| ours || !step.at_carrier()).collect();
        // Kept only for steps that act by it: a record is paid for by its size, with every write of the journal. A carrier
        // without webhooks is asked for the number's trunk.
        let needed = !number.carrier.has_webhooks() || plan.iter().any(|step| step.at_carrier());
        let carrier_ref = number.carrier_ref.clone().filter(|_| needed);
        let steps = plan.into_iter().map(|step| StepRecord { step, state: StepState::Pending }).collect();
        let now = clock.now();
        Self {
            id,
            tenant_id: number.tenant_id.clone(),
            project_id: number.project_id.clone(),
            number_id: number.id.clone(),
            carrier: number.carrier,
            carrier_ref,
            saga,
            status: OperationStatus::Running,
            steps,
            failure: None,
            attempts: 0,
            troubled_since: None,
            trouble: None,
            due_at: now.saturating_add(crate::limits::SWEEP_LOOKS_AFTER).ok(),
            fence: 1,
            lease_until: clock.real_now().saturating_add(crate::limits::LEASE).ok(),
            created_at: now,
        }
    }

    /// Our tag at carrier and platform: deployment, operation, and the attempt from the second on; an import's says that the
    /// number is the operator's own, so that nobody who finds only the tag takes it for one to give back. At most 40 characters
    /// (Vapi's limit) for a deployment id of at most five.
    #[must_use]
    pub fn tag(&self, deployment: &str) -> String {
        let attempt = match &self.saga {
            Saga::Purchase(purchase) if purchase.attempt > 1 => format!("-{}", purchase.attempt),
            Saga::Import(_) => IMPORTED.to_owned(),
            Saga::Purchase(_)
            | Saga::Link(_)
            | Saga::Unlink(_)
            | Saga::Release(_)
            | Saga::Suspend(_)
            | Saga::Resume(_)
            | Saga::Bar(_)
            | Saga::Restore(_) => String::new(),
        };
        format!("{deployment}-{}{attempt}", self.id.bare())
    }

    /// Whether somebody still has to work on it.
    #[must_use]
    pub const fn open(&self) -> bool {
        match self.status {
            OperationStatus::Running | OperationStatus::Waiting | OperationStatus::Stuck => true,
            OperationStatus::Succeeded | OperationStatus::Failed => false,
        }
    }

    /// How far this step got.
    #[must_use]
    pub fn state(&self, step: Step) -> Option<StepState> {
        self.steps.iter().find(|record| record.step == step).map(|record| record.state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_told_from_any_other_name() {
        let check = |name: &str, is: Option<&str>| assert_eq!(deployment_of(name), is, "{name}");
        check("tl-0192a6b0c5d17e3f8a9b0c1d2e3f4a5b", Some("tl"));
        check("tl-0192a6b0c5d17e3f8a9b0c1d2e3f4a5b-2", Some("tl"));
        check("tl-0192a6b0c5d17e3f8a9b0c1d2e3f4a5b-i", Some("tl"));
        check("tl2-0192a6b0c5d17e3f8a9b0c1d2e3f4a5b", Some("tl2"));
        check("eu-1-0192a6b0c5d17e3f8a9b0c1d2e3f4a5b", Some("eu-1"));
        check("tl-0192a6b0c5d17e3f8a9b0c1d2e3f4a5b-x", None);
        check("tl-0192a6b0c5d17e3f8a9b0c1d2e3f4a5b-22", None);
        check("tl-0192a6b0c5d17e3f8a9b0c1d2e3f4a5b-", None);
        check("tl-0192a6b0c5d17e3f8a9b0c1d2e3f4a5bc", None);
        check("tl-0192a6b0c5d17e3f8a9b0c1d2e3f4a5", None);
        check("tl-0192A6B0C5D17E3F8A9B0C1D2E3F4A5B", None);
        check("tl-é192a6b0c5d17e3f8a9b0c1d2e3f4a5b", None);
        check("0192a6b0c5d17e3f8a9b0c1d2e3f4a5b", None);
        check("-0192a6b0c5d17e3f8a9b0c1d2e3f4a5b", None);
        check("(212) 555-0123", None);
        check("Front desk - 2", None);
        check("", None);
    }
}
