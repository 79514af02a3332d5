//! The ports to third parties: what a carrier and a voice platform must be able to do, and how they may fail.
//!
//! A provider error says whether the thing happened; nothing above retries blindly what may have happened. No method has
//! a default: forgetting one must not compile.

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::agent::Method;
use crate::call::CallStatus;
use crate::ids::{TenantId, TopUpId};
use crate::money::Money;
use crate::number::Capabilities;
use crate::numbering::{CountryCode, E164, NumberKind};
use crate::payment::{Checkout, Dispute, Notification, Payment, Refund};
use crate::requirement::Papers;
pub use crate::sip::{Network, SipTrunk, Transport};

/// How a call to a third party failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind:?}: {detail}")]
pub struct ProviderError {
    /// Whether it happened.
    pub kind: ProviderErrorKind,
    /// What the third party said, for operators and logs; free of credentials.
    pub detail: String,
}

/// Whether it happened, and what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderErrorKind {
    /// Refused for good; did not happen.
    Rejected(Reason),
    /// There is no such thing; for a removal that is success.
    NotFound,
    /// Refused for being asked too often; did not happen.
    RateLimited,
    /// Could not be reached; did not happen.
    Unavailable,
    /// May have happened: sent, and no usable answer. Probe before anything else.
    Unknown,
    /// Our credentials or settings are wrong; did not happen, and a person must act.
    Misconfigured,
}

/// Why a third party refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The number is somebody else's, or no longer offered.
    Taken,
    /// A business address is needed first.
    AddressRequired,
    /// A regulatory bundle is needed first.
    BundleRequired,
    /// The account may have no more.
    LimitReached,
    /// Anything else; the detail says.
    Other,
}

impl ProviderError {
    /// An error of this kind.
    #[must_use]
    pub fn new(kind: ProviderErrorKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }

    /// Whether it is certain that nothing happened.
    #[must_use]
    pub const fn did_not_happen(&self) -> bool {
        match self.kind {
            ProviderErrorKind::Unknown => false,
            ProviderErrorKind::Rejected(_)
            | ProviderErrorKind::NotFound
            | ProviderErrorKind::RateLimited
            | ProviderErrorKind::Unavailable
            | ProviderErrorKind::Misconfigured => true,
        }
    }
}

/// What a carrier asks before it sells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressRequirement {
    /// Nothing.
    None,
    /// An address anywhere.
    Any,
    /// An address in the area or country.
    Local,
    /// An address outside the country.
    Foreign,
}

impl AddressRequirement {
    /// As written in the API and by Twilio.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Any => "any",
            Self::Local => "local",
            Self::Foreign => "foreign",
        }
    }
}

/// What to search for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SearchFilter {
    /// Three digits of a North American area code.
    pub area_code: Option<String>,
    /// Digits (or letters) the number contains.
    pub contains: Option<String>,
    /// Town.
    pub locality: Option<String>,
    /// State or province.
    pub region: Option<String>,
    /// Must (not) take calls.
    pub voice: Option<bool>,
    /// Must (not) take SMS.
    pub sms: Option<bool>,
    /// Must (not) take MMS.
    pub mms: Option<bool>,
    /// How many at most.
    pub limit: u16,
}

/// A number that could be bought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Its digits.
    pub e164: E164,
    /// Town, where the carrier says.
    pub locality: Option<String>,
    /// State or province, where the carrier says.
    pub region: Option<String>,
    /// What it can do.
    pub capabilities: Capabilities,
    /// What the carrier asks before it sells.
    pub address_requirement: AddressRequirement,
}

/// What to buy and how to set it up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuyOrder {
    /// Exactly this number.
    pub e164: E164,
    /// Our tag, the carrier's name for it.
    pub tag: String,
    /// Where the carrier sends what happens.
    pub webhooks: Webhooks,
    /// Whether SMS settings may be sent at all.
    pub sms: bool,
    /// What the carrier asked for before it sells.
    pub papers: Papers,
}

/// The URLs configured at a carrier, absolute, with the tenant in their query; empty where none is set. They are asked by
/// POST; where a carrier was told another method, that stands before the URL (`GET https://…`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhooks {
    /// Asked what to do with an incoming call.
    pub voice: String,
    /// Asked when the first does not answer.
    pub voice_fallback: String,
    /// Told how a call ended.
    pub status: String,
}

/// A number the carrier says we own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarrierNumber {
    /// The carrier's id.
    pub id: String,
    /// Its digits.
    pub e164: E164,
    /// The carrier's name for it: our tag, or not ours.
    pub tag: String,
    /// When the carrier sold it.
    pub created_at: Timestamp,
    /// What it can do.
    pub capabilities: Capabilities,
    /// How it is set up.
    pub settings: NumberSettings,
}

/// What became of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sale {
    /// The number is ours.
    Sold(CarrierNumber),
    /// The carrier took the order and has not sold yet; these words say what is awaited. Not in doubt: it was ordered.
    Pending(String),
}

impl Sale {
    /// The number, if it is ours already.
    #[must_use]
    pub fn sold(self) -> Option<CarrierNumber> {
        match self {
            Self::Sold(number) => Some(number),
            Self::Pending(_) => None,
        }
    }
}

/// What a carrier does with a number's calls, besides its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumberSettings {
    /// Where the carrier sends what happens.
    pub webhooks: Webhooks,
    /// A trunk that takes calls past the webhooks, by the carrier's id of it.
    pub trunk: Option<String>,
    /// An application of the account that takes calls past the webhooks, by the carrier's id of it.
    pub application: Option<String>,
}

impl NumberSettings {
    /// Calls and their ends go to these URLs, and nothing is in the way.
    #[must_use]
    pub const fn by_webhooks(webhooks: Webhooks) -> Self {
        Self { webhooks, trunk: None, application: None }
    }

    /// Of a number whose calls nothing at the carrier decides about.
    #[must_use]
    pub const fn none() -> Self {
        Self::by_webhooks(Webhooks { voice: String::new(), voice_fallback: String::new(), status: String::new() })
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// What can be read of it.
    pub items: Vec<T>,
    /// How many more there are that are none of ours: of another kind, or not readable.
    pub others: usize,
    /// Where the next page begins; none after the last.
    pub next: Option<String>,
}

/// A carrier: sells numbers and gives them back.
#[async_trait]
pub trait Carrier: Send + Sync + std::fmt::Debug {
    /// Numbers on offer. Empty is an answer, not an error; an unsold type is [`ProviderErrorKind::NotFound`].
    async fn number_search(
        &self,
        country: CountryCode,
        kind: NumberKind,
        filter: &SearchFilter,
    ) -> Result<Vec<Offer>, ProviderError>;

    /// The number we own with exactly these digits, whoever's tag it has.
    async fn number_find(&self, e164: &E164) -> Result<Option<CarrierNumber>, ProviderError>;

    /// The number with this id.
    async fn number_get(&self, id: &str) -> Result<CarrierNumber, ProviderError>;

    /// Buys. Without idempotency: call only after [`Carrier::number_find`] found nothing. After [`Sale::Pending`] the same
    /// order may be repeated: it answers how the sale stands, and buys no second time.
    async fn number_buy(&self, order: &BuyOrder) -> Result<Sale, ProviderError>;

    /// All numbers we own, whoever's tag they have, a page of up to a thousand at a time. One that comes or goes meanwhile
    /// may be missed: absence is proved by [`Carrier::number_get`].
    async fn number_list(&self, after: Option<&str>) -> Result<Page<CarrierNumber>, ProviderError>;

    /// Names a number and sets it up. May be repeated. Like a purchase it changes whatever has that id: look first.
    async fn number_configure(
        &self,
        id: &str,
        tag: &str,
        settings: &NumberSettings,
    ) -> Result<CarrierNumber, ProviderError>;

    /// Calls somebody from a number of ours and, once answered, does as this TwiML document says; what becomes of it is told
    /// to `status`. Answers the carrier's id of the call. Without idempotency: never repeat it.
    async fn call_create(&self, from: &E164, to: &E164, twiml: &str, status: &str) -> Result<String, ProviderError>;

    /// The trunk by which a number is reached at a carrier without webhooks; one with webhooks refuses.
    async fn sip_trunk(&self, id: &str) -> Result<SipTrunk, ProviderError>;

    /// What a number costs us a month in a country now, by type, as far as the carrier names a price; a country it does not
    /// sell in is [`ProviderErrorKind::NotFound`]. Nothing waits for it: it answers within [`crate::limits::PRICES_WITHIN`].
    async fn prices(&self, country: CountryCode) -> Result<Vec<(NumberKind, Money)>, ProviderError>;

    /// Gives back; [`ProviderErrorKind::NotFound`] when it is gone already.
    async fn number_release(&self, id: &str) -> Result<(), ProviderError>;
}

/// What a carrier has of an order by area code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AreaOrder {
    /// The carrier's id.
    pub id: String,
    /// How it stands.
    pub standing: Standing,
}

/// How an order by area code stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// The number is ours and may be used.
    Sold(CarrierNumber),
    /// The carrier is still at it; these words say what is awaited.
    Awaited(String),
    /// The carrier has made the number useless.
    Blocked,
}

/// What a carrier does besides, of which nobody can choose a number ([`crate::number::Carrier::sells_by_area`]).
#[async_trait]
pub trait AreaOrders: Send + Sync + std::fmt::Debug {
    /// All that was ordered under exactly this tag and is still there, oldest first.
    async fn order_find(&self, tag: &str) -> Result<Vec<AreaOrder>, ProviderError>;

    /// Orders a number of this area code, named with the tag. Without idempotency: call only after
    /// [`AreaOrders::order_find`] found nothing.
    async fn order_place(&self, area_code: &str, tag: &str) -> Result<AreaOrder, ProviderError>;

    /// Gives back what was ordered; [`ProviderErrorKind::NotFound`] when it is gone already.
    async fn order_remove(&self, id: &str) -> Result<(), ProviderError>;
}

/// How to make a number known at a platform.
#[derive(Debug, Clone)]
pub struct ConnectOrder {
    /// Our tag, the platform's name for it.
    pub tag: String,
    /// Which number.
    pub e164: E164,
    /// The platform's id of the agent that answers.
    pub platform_agent_id: String,
    /// How its calls get there.
    pub access: Access,
}

/// How the calls of a number that is made known get to the platform.
#[derive(Debug, Clone)]
pub enum Access {
    /// Our voice webhook dials a SIP address that the platform makes for it: its name part and user name are the tag, this
    /// is the password.
    Dial(SecretString),
    /// A SIP trunk brings them, and takes calls that the agent makes.
    Trunk(SipTrunk),
    /// The platform takes the number over at the carrier, with these credentials.
    Carrier {
        /// `AC…`
        account_sid: String,
        /// The account's own token.
        auth_token: SecretString,
    },
}

/// A number the platform knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformNumber {
    /// The platform's id.
    pub id: String,
    /// The platform's name for it: our tag, or not ours.
    pub tag: String,
    /// Its digits; none for one that is only a SIP address.
    pub e164: Option<E164>,
    /// The SIP address calls are handed over to, of one that has such an address of its own.
    pub sip_uri: Option<String>,
    /// The agent it is bound to.
    pub platform_agent_id: Option<String>,
    /// When it was made known, where the platform says.
    pub created_at: Option<Timestamp>,
}

/// A call between a person and an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallOrder {
    /// The platform's id of the agent that talks.
    pub platform_agent_id: String,
    /// The platform's id of the number, where it knows the number.
    pub platform_number_id: Option<String>,
    /// Whether the agent calls, or is called.
    pub outgoing: bool,
    /// Who calls, as the carrier shows it; not always a number.
    pub from: String,
    /// Who is called.
    pub to: String,
    /// Our id of it, kept with the call where the platform keeps anything.
    pub reference: String,
}

/// Where a call that was registered at a platform is to be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HandedOver {
    /// To this SIP address.
    Address(String),
    /// As this TwiML document says, to be given to the carrier unchanged.
    Document(String),
}

/// A call that a platform makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformCall {
    /// The platform's id.
    pub id: String,
    /// How it stands.
    pub status: CallStatus,
}

/// A voice platform: has agents and answers calls for numbers it knows.
#[async_trait]
pub trait VoicePlatform: Send + Sync + std::fmt::Debug {
    /// Makes an agent; `reference` is kept with it, so that [`VoicePlatform::agent_find`] can find it again.
    async fn agent_create(&self, name: &str, language: Option<&str>, reference: &str) -> Result<String, ProviderError>;

    /// The agent made with this reference, if any.
    async fn agent_find(&self, reference: &str) -> Result<Option<String>, ProviderError>;

    /// Whether the platform has this agent.
    async fn agent_exists(&self, id: &str) -> Result<bool, ProviderError>;

    /// Removes an agent; [`ProviderErrorKind::NotFound`] when it is gone already.
    async fn agent_delete(&self, id: &str) -> Result<(), ProviderError>;

    /// All that the platform knows of this number under exactly this tag, oldest first.
    async fn number_find(&self, e164: &E164, tag: &str) -> Result<Vec<PlatformNumber>, ProviderError>;

    /// Removes what an attempt to make a number known in this way may have left under exactly this tag besides the number.
    /// Call only where [`VoicePlatform::number_find`] found none.
    async fn number_clear(&self, method: Method, tag: &str) -> Result<(), ProviderError>;

    /// The number with this id.
    async fn number_get(&self, id: &str) -> Result<PlatformNumber, ProviderError>;

    /// All numbers the platform knows, whoever's tag they have, a page of up to a thousand at a time. One that comes or
    /// goes meanwhile may be missed: absence is proved by [`VoicePlatform::number_get`].
    async fn number_list(&self, after: Option<&str>) -> Result<Page<PlatformNumber>, ProviderError>;

    /// Makes a number known. Without idempotency: call only after [`VoicePlatform::number_find`] found nothing. An access
    /// the platform has no way for is [`Reason::Other`].
    async fn number_connect(&self, order: &ConnectOrder) -> Result<PlatformNumber, ProviderError>;

    /// Binds a known number, whose calls get there in this way, to another agent, or to none: then it
    /// takes no calls. May be repeated.
    async fn number_bind(
        &self,
        id: &str,
        method: Method,
        platform_agent_id: Option<&str>,
    ) -> Result<PlatformNumber, ProviderError>;

    /// Tells the platform of a call that we are about to hand over, and answers where it is to be taken. Costs nothing when
    /// no call follows, so it may be repeated. A platform that needs no telling refuses.
    async fn call_register(&self, order: &CallOrder) -> Result<HandedOver, ProviderError>;

    /// Lets an agent call somebody from a number the platform knows. Without idempotency, and nothing finds a call whose
    /// answer was lost: never repeat it.
    async fn call_create(&self, order: &CallOrder) -> Result<PlatformCall, ProviderError>;

    /// Removes a number; [`ProviderErrorKind::NotFound`] when it is gone already.
    async fn number_remove(&self, id: &str) -> Result<(), ProviderError>;
}

/// A page on which a tenant pays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckoutOrder {
    /// For which top-up; kept with session and payment.
    pub top_up_id: TopUpId,
    /// Whose; kept with session and payment.
    pub tenant_id: TenantId,
    /// The payment provider's id of the tenant.
    pub customer: String,
    /// How much.
    pub amount: Money,
    /// Keep the card for payments without the tenant being there.
    pub save_card: bool,
    /// Where the tenant comes back to after paying.
    pub success_url: String,
    /// Where the tenant comes back to without having paid.
    pub cancel_url: String,
}

/// A payment with a saved card, without the tenant being there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentOrder {
    /// For which top-up; kept with the payment.
    pub top_up_id: TopUpId,
    /// Whose; kept with the payment.
    pub tenant_id: TenantId,
    /// The payment provider's id of the tenant.
    pub customer: String,
    /// The payment provider's id of the saved card.
    pub payment_method: String,
    /// How much.
    pub amount: Money,
}

/// Takes money from tenants (Stripe). Every creation carries a key under which the provider does it once for at least a
/// day: within that time the same call may be repeated until it is answered. A card that is declined is an answer
/// ([`crate::payment::PaymentStatus::Declined`]), not an error.
#[async_trait]
pub trait Payments: Send + Sync + std::fmt::Debug {
    /// Makes a customer for a tenant and answers its id.
    async fn customer_create(&self, tenant: &TenantId, key: &str) -> Result<String, ProviderError>;

    /// Makes a page to pay on.
    async fn checkout_create(&self, order: &CheckoutOrder, key: &str) -> Result<Checkout, ProviderError>;

    /// How a page to pay on stands.
    async fn checkout_get(&self, session: &str) -> Result<Checkout, ProviderError>;

    /// Charges a saved card.
    async fn payment_create(&self, order: &PaymentOrder, key: &str) -> Result<Payment, ProviderError>;

    /// How a payment stands.
    async fn payment_get(&self, id: &str) -> Result<Payment, ProviderError>;

    /// The customer's payment for this top-up, if there is one; for keys too old to repeat a creation with.
    async fn payment_find(&self, customer: &str, top_up: &TopUpId) -> Result<Option<Payment>, ProviderError>;

    /// How a refund stands.
    async fn refund_get(&self, id: &str) -> Result<Refund, ProviderError>;

    /// How a dispute stands.
    async fn dispute_get(&self, id: &str) -> Result<Dispute, ProviderError>;

    /// What happened since then and was never delivered to us, oldest first; at most 30 days back.
    async fn notifications_missed(&self, since: Timestamp) -> Result<Vec<Notification>, ProviderError>;
}
