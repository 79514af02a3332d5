//! A number a tenant holds, with everything its carrier and voice platform know it by.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::agent::{Method, Platform};
use crate::claim::Route;
use crate::dunning::Dunning;
use crate::ids::{AgentId, NumberId, OperationId, ProjectId, TenantId};
use crate::limits;
use crate::money::Money;
use crate::numbering::{CountryCode, E164, NumberKind};
use crate::ports::{CarrierNumber, NumberSettings, Webhooks};
use crate::sip::OwnTrunk;
use crate::wallet::WalletRef;

/// Who owns the number towards the telephone network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Carrier {
    /// twilio.com
    Twilio,
    /// netgsm.com.tr: Turkish 0850 numbers, paid for by the year.
    Netgsm,
    /// vapi.ai: a small pool of US numbers of its own, had by area code and answered there alone.
    Vapi,
    /// A carrier of the tenant's own, where we have no account.
    Custom,
}

impl Carrier {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Twilio, Self::Netgsm, Self::Vapi, Self::Custom];

    /// Those at which the operator may have an account: what is there can be listed, bought and given back.
    pub const WITH_ACCOUNT: [Self; 3] = [Self::Twilio, Self::Netgsm, Self::Vapi];

    /// Whether it asks a webhook of ours what to do with a call: at the others there is nothing to set up.
    #[must_use]
    pub const fn has_webhooks(self) -> bool {
        match self {
            Self::Twilio => true,
            Self::Netgsm | Self::Vapi | Self::Custom => false,
        }
    }

    /// Whether it lets nobody choose a number: it is asked for one of an area code, and tells its digits once it has sold it.
    #[must_use]
    pub const fn sells_by_area(self) -> bool {
        match self {
            Self::Vapi => true,
            Self::Twilio | Self::Netgsm | Self::Custom => false,
        }
    }

    /// What stands for the `n`th number of it whose digits are not known: of one with a pool, the pool's `n`th slot.
    #[must_use]
    pub fn awaited(self, n: u64) -> E164 {
        let shelf = match self {
            Self::Twilio => 1,
            Self::Netgsm => 2,
            Self::Vapi => 3,
            Self::Custom => 4,
        };
        E164::awaited(shelf, n)
    }

    /// Reads the API's word.
    #[must_use]
    pub fn from_name(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|carrier| carrier.as_str() == text)
    }

    /// How much earlier than it was sold a number may say it was: clocks differ, and some carriers name only the day, which
    /// begins where they are.
    #[must_use]
    pub const fn dates_within(self) -> SignedDuration {
        match self {
            Self::Twilio | Self::Vapi => limits::CARRIER_CLOCK_SKEW,
            Self::Netgsm | Self::Custom => SignedDuration::from_hours(24),
        }
    }

    /// As written in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Twilio => "twilio",
            Self::Netgsm => "netgsm",
            Self::Vapi => "vapi",
            Self::Custom => "custom",
        }
    }
}

/// Where a number is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberStatus {
    /// Being bought.
    Pending,
    /// Serves.
    Active,
    /// Serves; a charge failed.
    PastDue,
    /// Does not serve for want of payment.
    Suspended,
    /// Being released.
    Releasing,
    /// Given back to the carrier.
    Released,
    /// Never bought.
    Failed,
}

impl NumberStatus {
    /// All of them, in the order of a life.
    pub const ALL: [Self; 7] =
        [Self::Pending, Self::Active, Self::PastDue, Self::Suspended, Self::Releasing, Self::Released, Self::Failed];

    /// As written in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::PastDue => "past_due",
            Self::Suspended => "suspended",
            Self::Releasing => "releasing",
            Self::Released => "released",
            Self::Failed => "failed",
        }
    }

    /// Whether the tenant holds it: it counts against the plan's limit.
    #[must_use]
    pub const fn held(self) -> bool {
        match self {
            Self::Pending | Self::Active | Self::PastDue | Self::Suspended | Self::Releasing => true,
            Self::Released | Self::Failed => false,
        }
    }

    /// Whether it waits for money.
    #[must_use]
    pub const fn overdue(self) -> bool {
        match self {
            Self::PastDue | Self::Suspended => true,
            Self::Pending | Self::Active | Self::Releasing | Self::Released | Self::Failed => false,
        }
    }

    /// Whether callers are put through.
    #[must_use]
    pub const fn serves(self) -> bool {
        match self {
            Self::Active | Self::PastDue => true,
            Self::Pending | Self::Suspended | Self::Releasing | Self::Released | Self::Failed => false,
        }
    }
}

/// What a number can do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// Takes and makes calls.
    pub voice: bool,
    /// Takes and sends SMS.
    pub sms: bool,
    /// Takes and sends MMS.
    pub mms: bool,
}

/// The carrier's own handle of a number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarrierRef {
    /// The carrier's id (Twilio: `PN…`).
    pub id: String,
    /// The tag we gave it there; undo and release act on nothing else.
    pub tag: String,
    /// What becomes of it there when the tenant no longer holds it.
    #[serde(default)]
    pub at_end: AtEnd,
}

/// What becomes of a number at its carrier when the tenant no longer holds it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AtEnd {
    /// It is given back: we bought it, or were told to.
    #[default]
    Release,
    /// It is the operator's own and stays so: it is only put back to what it was before. Nothing ever removes it.
    Detach(Box<Before>),
    /// Somebody ordered it by hand in the carrier's panel, and has to give it back there by hand.
    ByHand,
    /// It is the tenant's own, at a carrier where we have no account: nothing was done there, and nothing is.
    Leave,
}

/// How a number was named and set up at its carrier before it was imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    /// The carrier's name for it.
    pub name: String,
    /// Where its calls went.
    pub settings: NumberSettings,
}

impl From<CarrierNumber> for Before {
    fn from(number: CarrierNumber) -> Self {
        Self { name: number.tag, settings: number.settings }
    }
}

/// The voice platform's own handle of a number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlatformRef {
    /// Which platform.
    pub platform: Platform,
    /// The platform's id of its number; none where every call is registered and the platform keeps no number.
    pub id: Option<String>,
    /// The tag we gave it there.
    pub tag: String,
    /// The platform's id of the agent it is bound to.
    pub platform_agent_id: String,
    /// How calls get there.
    pub reach: Reach,
    /// Since when they may go past our webhook: when the link by which they do was begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

impl PlatformRef {
    /// The same by a link that was begun then. Where calls come to our webhook nobody asks since when.
    #[must_use]
    pub fn linked_since(self, begun: Timestamp) -> Self {
        Self { since: self.reach.method().past_us().then_some(begun), ..self }
    }

    /// How the carrier should send the number's calls while it is linked and serves; none while that is not known.
    /// `ours` are the webhooks of hand-over, empty at a carrier that has none.
    #[must_use]
    pub fn settings(&self, ours: Webhooks) -> Option<NumberSettings> {
        let by_webhooks = NumberSettings::by_webhooks(ours);
        match &self.reach {
            Reach::Dial { .. } | Reach::Register | Reach::Direct { .. } => Some(by_webhooks),
            Reach::Trunk { sid } => Some(NumberSettings { trunk: Some(sid.clone()), ..by_webhooks }),
            Reach::Import { settings } => settings.as_deref().cloned(),
            Reach::Native => Some(NumberSettings { application: Some(self.platform_agent_id.clone()), ..by_webhooks }),
        }
    }
}

/// How calls get to a linked number's agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "by")]
pub enum Reach {
    /// Our voice webhook dials a SIP address of the platform.
    Dial {
        /// Where.
        sip_uri: String,
        /// Which key the password for it is derived from.
        key_id: String,
    },
    /// Our voice webhook registers every call at the platform and does as it is told.
    Register,
    /// A SIP trunk of the carrier takes calls there.
    Trunk {
        /// The carrier's id of the trunk.
        sid: String,
    },
    /// The platform has set the number up at its carrier.
    Import {
        /// How; none until it was read back.
        settings: Option<Box<NumberSettings>>,
    },
    /// The carrier takes calls to the platform by SIP, as the platform was told; nothing at the carrier is part of the link.
    Direct {
        /// Whether calls get in: the platform was told where they come from.
        inbound: bool,
    },
    /// The number is the platform's own: the agent is a setting of it.
    Native,
}

impl Reach {
    /// As a tenant knows it.
    #[must_use]
    pub const fn method(&self) -> Method {
        match self {
            Self::Dial { .. } | Self::Register => Method::HandOver,
            Self::Trunk { .. } => Method::Trunk,
            Self::Import { .. } => Method::Import,
            Self::Direct { .. } => Method::Direct,
            Self::Native => Method::Native,
        }
    }

    /// What is still missing for calls to get there, for a tenant.
    #[must_use]
    pub const fn missing(&self) -> Option<&'static str> {
        match self {
            Self::Direct { inbound: false } => {
                Some("The agent can call, and cannot be called yet: where the carrier's calls come from is not known.")
            }
            Self::Direct { inbound: true }
            | Self::Dial { .. }
            | Self::Register
            | Self::Trunk { .. }
            | Self::Import { .. }
            | Self::Native => None,
        }
    }
}

/// How a number stands with its agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Linked, or why not.
    pub status: LinkStatus,
    /// Why it is not linked, or what is still missing, in words.
    #[serde(default)]
    pub reason: Option<String>,
}

impl Link {
    /// The link of a number that its platform knows.
    #[must_use]
    pub fn made(known: &PlatformRef) -> Self {
        Self { status: LinkStatus::Linked, reason: known.reach.missing().map(str::to_owned) }
    }
}

/// Whether calls reach the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkStatus {
    /// They do.
    Linked,
    /// The platform refused; the number is held without an agent.
    Failed,
}

/// A price that was announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceChange {
    /// What a month will cost.
    pub price: Money,
    /// For periods that start on this day or later.
    pub from: Date,
}

/// A number a tenant holds, held, or tried to buy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Number {
    /// Which.
    pub id: NumberId,
    /// Whose.
    pub tenant_id: TenantId,
    /// In which group.
    pub project_id: Option<ProjectId>,
    /// Its digits, or what stands for them until the carrier tells them.
    pub e164: E164,
    /// Its place in its carrier's pool, claimed as long as it is held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<E164>,
    /// Country it belongs to.
    pub country: CountryCode,
    /// Sort of number.
    #[serde(rename = "type")]
    pub kind: NumberKind,
    /// Where it was bought.
    pub carrier: Carrier,
    /// Where it is in its life.
    pub status: NumberStatus,
    /// The tenant's name for it.
    pub name: Option<String>,
    /// The tenant's notes.
    pub notes: Option<String>,
    /// Cannot be released while this is set; one per tenant.
    #[serde(default)]
    pub primary: bool,
    /// Cannot be released while this is set.
    #[serde(default)]
    pub locked: bool,
    /// The tenant's tags.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Its trunk, of a number of the tenant's own carrier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sip: Option<Box<OwnTrunk>>,
    /// What it can do.
    pub capabilities: Capabilities,
    /// What the tenant pays a month; kept from the day of purchase until notice.
    pub price: Money,
    /// A price that was announced and applies from a period on.
    #[serde(default)]
    pub price_change: Option<PriceChange>,
    /// One of the numbers the plan includes: its periods cost nothing.
    #[serde(default)]
    pub included: bool,
    /// Where callers go when the agent cannot answer.
    pub fallback: Option<E164>,
    /// Who answers.
    pub agent_id: Option<AgentId>,
    /// How it stands with its agent.
    pub link: Option<Link>,
    /// The carrier's handle; none before it is bought.
    pub carrier_ref: Option<CarrierRef>,
    /// The platform's handle; none while unlinked.
    pub platform_ref: Option<PlatformRef>,
    /// UTC date the carrier says it sold the number, or on which it was imported; all periods count from it.
    pub anchor: Option<Date>,
    /// Exclusive end of the last charged period.
    pub paid_through: Option<Date>,
    /// When it will be released, if it will: at the end of what is paid for, or for want of payment.
    pub release_at: Option<Timestamp>,
    /// Since when it cannot be charged, and what was done about it.
    #[serde(default)]
    pub dunning: Option<Dunning>,
    /// When it was released.
    pub released_at: Option<Timestamp>,
    /// Inconsistent with the carrier: neither charged nor released until resolved.
    #[serde(default)]
    pub parked: bool,
    /// Why it is parked, for the operator.
    #[serde(default)]
    pub parked_why: Option<String>,
    /// Since when it is parked.
    #[serde(default)]
    pub parked_at: Option<Timestamp>,
    /// Its calls, which go past us, are not let through for now: the tenant has not paid for the last ones.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub barred: bool,
    /// It was let go at the end of what was paid for, and served past it while it was parked: its periods that began by
    /// this day are charged before it is released.
    #[serde(default)]
    pub served_until: Option<Date>,
    /// The one saga that is working on it.
    pub open_operation_id: Option<OperationId>,
    /// When the tenant asked for it.
    pub created_at: Timestamp,
}

impl Number {
    /// Who pays for it.
    #[must_use]
    pub fn wallet(&self) -> WalletRef {
        WalletRef { tenant_id: self.tenant_id.clone(), currency: self.price.currency }
    }

    /// Whether the tenant lets it go at the end of what is paid for: it is charged no more.
    #[must_use]
    pub const fn ends_with_its_period(&self) -> bool {
        matches!(self.status, NumberStatus::Active) && self.release_at.is_some()
    }

    /// Whether its calls may go past us.
    #[must_use]
    pub const fn lets_through(&self) -> bool {
        self.status.serves() && !self.barred
    }

    /// How its carrier should send its calls: past us only while it is linked that way and lets them. `ours` are the webhooks
    /// of hand-over, which say to a caller what else is the case.
    #[must_use]
    pub fn settings(&self, ours: Webhooks) -> NumberSettings {
        let ours = if self.carrier.has_webhooks() { ours } else { NumberSettings::none().webhooks };
        let serving = self.platform_ref.as_ref().filter(|_| self.lets_through());
        serving.and_then(|known| known.settings(ours.clone())).unwrap_or_else(|| NumberSettings::by_webhooks(ours))
    }

    /// The agent its platform should have it bound to. Where nothing of ours is in a call's way, that is none while it lets
    /// none through.
    #[must_use]
    pub fn bound_to(&self) -> Option<&str> {
        let known = self.platform_ref.as_ref()?;
        let reached = self.lets_through() || known.reach.method() != Method::Direct;
        reached.then_some(known.platform_agent_id.as_str())
    }

    /// What an incoming call needs to know of it; kept in the claim, written with every change of these fields.
    #[must_use]
    pub fn route(&self) -> Route {
        Route {
            status: self.status,
            fallback: self.fallback.clone(),
            agent_id: self.agent_id.clone(),
            platform_ref: self.platform_ref.clone(),
            barred: self.barred,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::money::Currency;
    use jiff::civil::date;

    /// A number in service since the end of January.
    pub(crate) fn number() -> Number {
        Number {
            id: "num_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b".parse().unwrap(),
            tenant_id: "ten_1".parse().unwrap(),
            project_id: None,
            e164: "+12125550123".parse().unwrap(),
            slot: None,
            country: CountryCode::US,
            kind: NumberKind::Local,
            carrier: Carrier::Twilio,
            status: NumberStatus::Active,
            name: None,
            notes: None,
            primary: false,
            locked: false,
            tags: Vec::new(),
            capabilities: Capabilities::default(),
            price: Money::from_micros(1_500_000, Currency::USD),
            price_change: None,
            included: false,
            fallback: None,
            agent_id: None,
            link: None,
            carrier_ref: None,
            platform_ref: None,
            anchor: Some(date(2027, 1, 31)),
            paid_through: None,
            release_at: None,
            dunning: None,
            released_at: None,
            parked: false,
            parked_why: None,
            sip: None,
            parked_at: None,
            barred: false,
            served_until: None,
            open_operation_id: None,
            created_at: "2027-01-31T00:00:00Z".parse().unwrap(),
        }
    }
}
