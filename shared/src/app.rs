//! What a use case is given: the books, the third parties, the clock. No globals.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use async_trait::async_trait;
use domain::agent::Platform;
use domain::call::PlatformReport;
use domain::catalog::{Plan, Plans, PriceBook};
use domain::dunning::Policy;
use domain::number::Carrier;
use domain::ports::{self, Access, ProviderError, SipTrunk, Webhooks};
use domain::requirement::Addresses;
use domain::sip::Sealed;
use domain::tenant::Tenant;
use domain::{Clock, CountryCode, Ids, NumberId, TenantId};
use http::HeaderMap;
use jiff::Timestamp;
use secrecy::SecretString;
use store::{Queue, Store};

/// Settings that are no secrets.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Names this installation in every tag at every third party; one to five of `a–z 0–9`.
    pub deployment: String,
    /// Where third parties reach us, with scheme and any stage prefix, without a trailing slash.
    pub public_base_url: String,
    /// Earlier public addresses that numbers may still be configured with; signatures over them are accepted.
    pub former_base_urls: Vec<String>,
    /// Where tenants come back to from a page to pay on, without a trailing slash.
    pub console_url: String,
    /// Where a number is bought that is wished for without saying where.
    pub default_country: CountryCode,
    /// In which area code there, if not in any.
    pub default_area_code: Option<String>,
    /// Numbers of Vapi's own that tenants may hold together.
    pub vapi_pool: u16,
    /// Numbers of Netgsm are ordered and cancelled by hand.
    pub netgsm_by_hand: bool,
    /// The operator's business addresses at the carrier, in whose name numbers are bought that ask for one.
    pub addresses: Addresses,
}

/// The third parties and what is shared with them. Implemented by [`crate::boot`], which reads secrets when they are
/// first needed and keeps them for minutes.
#[async_trait]
pub trait Providers: Send + Sync + fmt::Debug {
    /// A carrier, with credentials. `Misconfigured` when there are none.
    async fn carrier(&self, carrier: Carrier) -> Result<Arc<dyn ports::Carrier>, ProviderError>;
    /// Orders at a carrier that sells by area code, with credentials. `Misconfigured` for any other.
    async fn area_orders(&self, carrier: Carrier) -> Result<Arc<dyn ports::AreaOrders>, ProviderError>;
    /// A voice platform, with credentials. `Misconfigured` when there are none.
    async fn platform(&self, platform: Platform) -> Result<Arc<dyn ports::VoicePlatform>, ProviderError>;
    /// Whether this carrier's signature over one of these URLs and these form parameters is good.
    async fn signature_is_good(
        &self,
        urls: &[String],
        parameters: &[(String, String)],
        signature: &str,
    ) -> Result<bool, ProviderError>;
    /// The password for a SIP address of ours: derived from our key and the tag, so that it is stored nowhere. Without a
    /// key id the current key is used; the key's id comes back.
    async fn sip_password(&self, tag: &str, key_id: Option<&str>) -> Result<(String, SecretString), ProviderError>;
    /// Seals a secret of this number of this tenant, so that it can be stored. `Misconfigured` when there is no key.
    async fn seal(&self, tenant: &TenantId, number: &NumberId, secret: &SecretString) -> Result<Sealed, ProviderError>;
    /// Opens it again. `Misconfigured` when its key is gone, or it is not this number's.
    async fn open(&self, tenant: &TenantId, number: &NumberId, sealed: &Sealed) -> Result<SecretString, ProviderError>;
    /// The SIP trunk that takes calls from our carrier to this platform. `Misconfigured` when there is none.
    async fn trunk(&self, platform: Platform) -> Result<Trunk, ProviderError>;
    /// What a platform needs to take a number over at our carrier. `Misconfigured` when there is nothing to give.
    async fn carrier_access(&self) -> Result<Access, ProviderError>;
    /// Who takes money from tenants, with credentials. `Misconfigured` when there are none.
    async fn payments(&self) -> Result<Arc<dyn ports::Payments>, ProviderError>;
    /// Whether real money moves there; what does not agree with it is not believed.
    async fn payments_are_live(&self) -> Result<bool, ProviderError>;
    /// Whether the payment provider signed this body, in this header, lately.
    async fn notification_is_good(&self, header: &str, body: &[u8], now: Timestamp) -> Result<bool, ProviderError>;
    /// What a voice platform's webhook says, if it is the platform's.
    async fn told(
        &self,
        platform: Platform,
        headers: &HeaderMap,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Told, ProviderError>;
    /// A third party refused our credentials: they are read again before the next use.
    fn credentials_refused(&self);
}

/// What a voice platform's webhook says.
#[derive(Debug, Clone)]
pub enum Told {
    /// It is not the platform's.
    Forged,
    /// Nothing of a call.
    Nothing,
    /// Something that cannot be read.
    Unreadable(String),
    /// How a call stands.
    Call(Box<PlatformReport>),
}

/// A SIP trunk of the operator's carrier account.
#[derive(Debug, Clone)]
pub struct Trunk {
    /// The carrier's id of it (Twilio: `TK…`).
    pub sid: String,
    /// What the platform is told of it.
    pub sip: SipTrunk,
}

/// Everything there is.
#[derive(Debug)]
pub struct Parts {
    /// Settings that are no secrets.
    pub settings: Settings,
    /// The table.
    pub store: Store,
    /// The queue of operations.
    pub queue: Queue,
    /// The queue of wallets to be charged.
    pub charges: Queue,
    /// Carriers and voice platforms.
    pub providers: Arc<dyn Providers>,
    /// What numbers cost.
    pub price_book: PriceBook,
    /// What plans allow.
    pub plans: Plans,
    /// What happens to numbers that cannot be charged.
    pub dunning: Policy,
    /// Business and real time.
    pub clock: Arc<dyn Clock>,
    /// Ids and randomness.
    pub ids: Arc<dyn Ids>,
}

/// Everything there is, cheap to clone.
#[derive(Debug, Clone)]
pub struct App(Arc<Parts>);

impl App {
    /// Puts the parts together.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// The URLs configured at a carrier for a number of this tenant.
    #[must_use]
    pub fn webhooks(&self, tenant: &TenantId) -> Webhooks {
        let url = |path: &str| format!("{}{path}?tenant={tenant}", self.settings.public_base_url);
        Webhooks {
            voice: url(crate::http::paths::VOICE),
            voice_fallback: url(crate::http::paths::VOICE_FALLBACK),
            status: url(crate::http::paths::CALL_STATUS),
        }
    }

    /// The plan of a tenant; the default one for a tenant that was never set up.
    #[must_use]
    pub fn plan(&self, tenant: Option<&Tenant>) -> Plan {
        let name = tenant.map_or(self.plans.default_name(), |tenant| &tenant.plan);
        self.plans.get(name).or_else(|| self.plans.get(self.plans.default_name())).unwrap_or_default()
    }
}

impl Deref for App {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}
