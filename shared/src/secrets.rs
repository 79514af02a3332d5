//! Secrets: read from Secrets Manager when first needed, kept for minutes, read again after a refusal.
//!
//! Each third party has a secret of its own, so that a function can be given just the ones it needs.

mod netgsm;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use aws_lc_rs::hmac;
use aws_sdk_secretsmanager::{Client, Config};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::agent::Platform;
use domain::limits;
use domain::number::Carrier;
use domain::ports::{self, Access, ProviderError, ProviderErrorKind, SipTrunk};
use domain::sip::Sealed;
use domain::{NumberId, TenantId};
use http::HeaderMap;
use jiff::Timestamp;
use providers::retell::AgentTemplate;
use providers::twilio::{Credentials, signature};
use providers::{
    ElevenLabs, ElevenLabsConfig, Netgsm, Retell, RetellConfig, Stripe, StripeConfig, Twilio, TwilioConfig, Vapi,
    VapiConfig, VapiNumbers, elevenlabs, retell, stripe, vapi,
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;

use crate::app::{Providers, Told, Trunk};
use crate::sealed::{Keyring, SealSecret};

pub use netgsm::NetgsmMode;

/// How long a secret is believed without asking again.
const KEPT_FOR: Duration = Duration::from_secs(300);
/// A bad signature makes the secret be read again, but not more often than this: anybody can send one.
const REREAD_EVERY: Duration = Duration::from_secs(30);

/// Names of the secrets and where the third parties are.
#[derive(Debug, Clone)]
pub struct ProviderSettings {
    /// `{"account_sid","auth_token","previous_auth_token"?}`
    pub twilio_secret: String,
    /// `{"usercode","password","signalling"?:["203.0.113.0/28"]}`
    pub netgsm_secret: String,
    /// `{"api_key","webhook_secret"?,"previous_webhook_secret"?}`
    pub vapi_secret: String,
    /// The same, with `"trunk"?:{"sid","host","username"?,"password"?}` and `"agent"?:{"llm_id","voice_id"}`; calls are signed
    /// with the `api_key` unless there is a `webhook_secret`.
    pub retell_secret: String,
    /// The same as Vapi's, with `"trunk"?`.
    pub elevenlabs_secret: String,
    /// `{"current":"k1","keys":{"k1":"…"}}`: what SIP passwords are derived from.
    pub sip_secret: String,
    /// The same; what tenants' secrets are sealed with.
    pub seal_secret: String,
    /// `{"api_key","webhook_secret","previous_webhook_secret"?}`
    pub stripe_secret: String,
    /// Base URL of Twilio's v2010 API.
    pub twilio_api_base_url: String,
    /// Base URL of Twilio's Pricing API.
    pub twilio_pricing_base_url: String,
    /// Base URL of Netgsm's API.
    pub netgsm_base_url: String,
    /// Whether numbers are ordered there.
    pub netgsm_mode: NetgsmMode,
    /// Base URL of Vapi's API.
    pub vapi_base_url: String,
    /// Base URL of Retell's API.
    pub retell_base_url: String,
    /// Base URL of ElevenLabs' API.
    pub elevenlabs_base_url: String,
    /// Host of Vapi's SIP addresses; goes with the region of its API.
    pub vapi_sip_domain: String,
    /// Base URL of Stripe's API.
    pub stripe_base_url: String,
}

#[derive(Deserialize)]
struct TwilioSecret {
    account_sid: String,
    auth_token: SecretString,
    previous_auth_token: Option<SecretString>,
}

/// A voice platform's secret.
#[derive(Deserialize)]
struct PlatformSecret {
    api_key: SecretString,
    webhook_secret: Option<SecretString>,
    previous_webhook_secret: Option<SecretString>,
    trunk: Option<TrunkSecret>,
    agent: Option<AgentSecret>,
}

/// The SIP trunk that takes calls to a platform.
#[derive(Deserialize)]
struct TrunkSecret {
    sid: String,
    host: String,
    username: Option<String>,
    password: Option<SecretString>,
}

/// What Retell makes agents of.
#[derive(Deserialize)]
struct AgentSecret {
    llm_id: String,
    voice_id: String,
}

#[derive(Deserialize)]
struct SipSecret {
    current: String,
    keys: BTreeMap<String, SecretString>,
}

#[derive(Deserialize)]
struct StripeSecret {
    api_key: SecretString,
    webhook_secret: SecretString,
    previous_webhook_secret: Option<SecretString>,
}

/// Third parties whose credentials are in Secrets Manager.
#[derive(Debug)]
pub struct SecretProviders {
    settings: ProviderSettings,
    config: Config,
    client: OnceLock<Client>,
    twilio: Slot<TwilioKeys>,
    netgsm: Slot<Result<Arc<Netgsm>, ProviderError>>,
    vapi: Slot<PlatformKeys>,
    vapi_numbers: Slot<Arc<VapiNumbers>>,
    retell: Slot<PlatformKeys>,
    elevenlabs: Slot<PlatformKeys>,
    sip: Slot<SipKeys>,
    seal: Slot<Keyring>,
    stripe: Slot<StripeKeys>,
}

#[derive(Debug)]
struct PlatformKeys {
    client: Arc<dyn ports::VoicePlatform>,
    trunk: Option<Trunk>,
    webhook_secrets: Vec<SecretString>,
}

#[derive(Debug)]
struct StripeKeys {
    client: Arc<Stripe>,
    live: bool,
    webhook_secrets: Vec<SecretString>,
}

#[derive(Debug)]
struct TwilioKeys {
    client: Arc<Twilio>,
    tokens: Vec<SecretString>,
    access: Access,
}

#[derive(Debug)]
struct SipKeys {
    current: String,
    keys: BTreeMap<String, SecretString>,
}

/// Something made from a secret, and when it was read.
#[derive(Debug)]
struct Slot<T>(Mutex<Option<(Instant, Arc<T>)>>);

impl<T> Slot<T> {
    fn empty() -> Self {
        Self(Mutex::new(None))
    }

    /// Forgets a value older than this.
    async fn forget(&self, older_than: Duration) {
        let mut slot = self.0.lock().await;
        if slot.as_ref().is_some_and(|(read, _)| read.elapsed() >= older_than) {
            *slot = None;
        }
    }
}

impl SecretProviders {
    /// Providers whose secrets are read through this configuration.
    #[must_use]
    pub fn new(config: Config, settings: ProviderSettings) -> Self {
        Self {
            settings,
            config,
            client: OnceLock::new(),
            twilio: Slot::empty(),
            netgsm: Slot::empty(),
            vapi: Slot::empty(),
            vapi_numbers: Slot::empty(),
            retell: Slot::empty(),
            elevenlabs: Slot::empty(),
            sip: Slot::empty(),
            seal: Slot::empty(),
            stripe: Slot::empty(),
        }
    }

    async fn read<T: DeserializeOwned>(&self, name: &str) -> Result<T, ProviderError> {
        let client = self.client.get_or_init(|| Client::from_conf(self.config.clone()));
        let answer = client.get_secret_value().secret_id(name).send().await.map_err(|error| {
            let missing = error.as_service_error().is_some_and(|error| error.is_resource_not_found_exception());
            let kind = if missing { ProviderErrorKind::Misconfigured } else { ProviderErrorKind::Unavailable };
            ProviderError::new(kind, format!("the secret {name} cannot be read"))
        })?;
        let text = answer.secret_string().unwrap_or_default();
        serde_json::from_str(text).map_err(|_| {
            ProviderError::new(
                ProviderErrorKind::Misconfigured,
                format!("the secret {name} has not the fields it needs"),
            )
        })
    }

    /// What is kept, or what is made of a fresh read. Requests that meet here read once.
    async fn slot<T, S: DeserializeOwned>(
        &self,
        slot: &Slot<T>,
        name: &str,
        make: impl FnOnce(S) -> T,
    ) -> Result<Arc<T>, ProviderError> {
        let mut kept = slot.0.lock().await;
        if let Some((read, value)) = &*kept
            && read.elapsed() < KEPT_FOR
        {
            return Ok(Arc::clone(value));
        }
        let value = Arc::new(make(self.read(name).await?));
        *kept = Some((Instant::now(), Arc::clone(&value)));
        Ok(value)
    }

    async fn twilio(&self) -> Result<Arc<TwilioKeys>, ProviderError> {
        let make = |secret: TwilioSecret| {
            let mut tokens = vec![secret.auth_token.clone()];
            tokens.extend(secret.previous_auth_token);
            let auth_token = secret.auth_token.clone();
            let access = Access::Carrier { account_sid: secret.account_sid.clone(), auth_token };
            let config = TwilioConfig {
                account_sid: secret.account_sid,
                credentials: Credentials::AuthToken(secret.auth_token),
                api_base_url: self.settings.twilio_api_base_url.clone(),
                pricing_base_url: self.settings.twilio_pricing_base_url.clone(),
            };
            TwilioKeys { client: Arc::new(Twilio::new(config)), tokens, access }
        };
        self.slot(&self.twilio, &self.settings.twilio_secret, make).await
    }

    fn slot_of(&self, platform: Platform) -> (&Slot<PlatformKeys>, &str) {
        match platform {
            Platform::Vapi => (&self.vapi, &self.settings.vapi_secret),
            Platform::Retell => (&self.retell, &self.settings.retell_secret),
            Platform::ElevenLabs => (&self.elevenlabs, &self.settings.elevenlabs_secret),
        }
    }

    async fn keys(&self, platform: Platform) -> Result<Arc<PlatformKeys>, ProviderError> {
        let (slot, name) = self.slot_of(platform);
        self.slot(slot, name, |secret| self.platform_keys(platform, secret)).await
    }

    /// Vapi as a carrier, with the platform's credentials.
    async fn vapi_numbers(&self) -> Result<Arc<VapiNumbers>, ProviderError> {
        let make = |secret: PlatformSecret| Arc::new(VapiNumbers::of(self.vapi_client(secret.api_key)));
        let numbers = self.slot(&self.vapi_numbers, &self.settings.vapi_secret, make).await?;
        Ok(Arc::clone(&numbers))
    }

    fn vapi_client(&self, api_key: SecretString) -> Vapi {
        let settings = &self.settings;
        let (base_url, sip_domain) = (settings.vapi_base_url.clone(), settings.vapi_sip_domain.clone());
        Vapi::new(VapiConfig { api_key, base_url, sip_domain })
    }

    fn platform_keys(&self, platform: Platform, secret: PlatformSecret) -> PlatformKeys {
        let PlatformSecret { api_key, webhook_secret, previous_webhook_secret, trunk, agent } = secret;
        let signs = webhook_secret.or_else(|| (platform == Platform::Retell).then(|| api_key.clone()));
        let settings = &self.settings;
        let client: Arc<dyn ports::VoicePlatform> = match platform {
            Platform::Vapi => Arc::new(self.vapi_client(api_key)),
            Platform::Retell => {
                let agent = agent.map(|AgentSecret { llm_id, voice_id }| AgentTemplate { llm_id, voice_id });
                Arc::new(Retell::new(RetellConfig { api_key, base_url: settings.retell_base_url.clone(), agent }))
            }
            Platform::ElevenLabs => {
                let base_url = settings.elevenlabs_base_url.clone();
                Arc::new(ElevenLabs::new(ElevenLabsConfig { api_key, base_url }))
            }
        };
        let trunk = trunk.map(|TrunkSecret { sid, host, username, password }| Trunk {
            sid,
            sip: SipTrunk::at(host, username.zip(password)),
        });
        PlatformKeys { client, trunk, webhook_secrets: signs.into_iter().chain(previous_webhook_secret).collect() }
    }

    async fn keyring(&self) -> Result<Arc<Keyring>, ProviderError> {
        self.slot(&self.seal, &self.settings.seal_secret, |secret: SealSecret| secret.into()).await
    }

    async fn stripe(&self) -> Result<Arc<StripeKeys>, ProviderError> {
        let make = |secret: StripeSecret| {
            let key = secret.api_key.expose_secret();
            // Secret and restricted keys say themselves which mode they are of.
            let live = key.starts_with("sk_live_") || key.starts_with("rk_live_");
            let mut webhook_secrets = vec![secret.webhook_secret];
            webhook_secrets.extend(secret.previous_webhook_secret);
            let config = StripeConfig { api_key: secret.api_key, base_url: self.settings.stripe_base_url.clone() };
            StripeKeys { client: Arc::new(Stripe::new(config)), live, webhook_secrets }
        };
        self.slot(&self.stripe, &self.settings.stripe_secret, make).await
    }
}

#[async_trait]
impl Providers for SecretProviders {
    async fn carrier(&self, carrier: Carrier) -> Result<Arc<dyn ports::Carrier>, ProviderError> {
        match carrier {
            Carrier::Twilio => Ok(self.twilio().await?.client.clone()),
            Carrier::Netgsm => Ok(self.netgsm().await?),
            Carrier::Vapi => Ok(self.vapi_numbers().await?),
            Carrier::Custom => {
                let why = "we have no account at a tenant's own carrier";
                Err(ProviderError::new(ProviderErrorKind::Misconfigured, why))
            }
        }
    }

    async fn area_orders(&self, carrier: Carrier) -> Result<Arc<dyn ports::AreaOrders>, ProviderError> {
        match carrier {
            Carrier::Vapi => Ok(self.vapi_numbers().await?),
            Carrier::Twilio | Carrier::Netgsm | Carrier::Custom => {
                let why = format!("{} sells no numbers by area code", carrier.as_str());
                Err(ProviderError::new(ProviderErrorKind::Misconfigured, why))
            }
        }
    }

    async fn platform(&self, platform: Platform) -> Result<Arc<dyn ports::VoicePlatform>, ProviderError> {
        Ok(self.keys(platform).await?.client.clone())
    }

    async fn trunk(&self, platform: Platform) -> Result<Trunk, ProviderError> {
        let missing = || {
            let why = format!("there is no SIP trunk to {}", platform.as_str());
            ProviderError::new(ProviderErrorKind::Misconfigured, why)
        };
        self.keys(platform).await?.trunk.clone().ok_or_else(missing)
    }

    async fn carrier_access(&self) -> Result<Access, ProviderError> {
        Ok(self.twilio().await?.access.clone())
    }

    async fn signature_is_good(
        &self,
        urls: &[String],
        parameters: &[(String, String)],
        signature: &str,
    ) -> Result<bool, ProviderError> {
        if signature::verify(&self.twilio().await?.tokens, urls, parameters, signature) {
            return Ok(true);
        }
        // The token may have been rotated since it was read.
        self.twilio.forget(REREAD_EVERY).await;
        Ok(signature::verify(&self.twilio().await?.tokens, urls, parameters, signature))
    }

    async fn sip_password(&self, tag: &str, key_id: Option<&str>) -> Result<(String, SecretString), ProviderError> {
        let make = |secret: SipSecret| SipKeys { current: secret.current, keys: secret.keys };
        let sip = self.slot(&self.sip, &self.settings.sip_secret, make).await?;
        let key_id = key_id.unwrap_or(&sip.current);
        let missing = || ProviderError::new(ProviderErrorKind::Misconfigured, format!("there is no SIP key {key_id}"));
        let key = sip.keys.get(key_id).ok_or_else(missing)?;
        Ok((key_id.to_owned(), derive(key, tag)))
    }

    async fn seal(&self, tenant: &TenantId, number: &NumberId, secret: &SecretString) -> Result<Sealed, ProviderError> {
        self.keyring().await?.seal(tenant, number, secret)
    }

    async fn open(&self, tenant: &TenantId, number: &NumberId, sealed: &Sealed) -> Result<SecretString, ProviderError> {
        if !self.keyring().await?.has(&sealed.key_id) {
            // A key may have been added since they were read.
            self.seal.forget(REREAD_EVERY).await;
        }
        self.keyring().await?.open(tenant, number, sealed)
    }

    async fn told(
        &self,
        platform: Platform,
        headers: &HeaderMap,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Told, ProviderError> {
        if !is_signed(platform, &self.keys(platform).await?.webhook_secrets, headers, body, now) {
            // The secret may have been rotated since it was read.
            self.slot_of(platform).0.forget(REREAD_EVERY).await;
            if !is_signed(platform, &self.keys(platform).await?.webhook_secrets, headers, body, now) {
                return Ok(Told::Forged);
            }
        }
        let read = match platform {
            Platform::Vapi => vapi::notification::read(body),
            Platform::Retell => retell::notification::read(body),
            Platform::ElevenLabs => elevenlabs::notification::read(body),
        };
        Ok(match read {
            Ok(Some(report)) => Told::Call(Box::new(report)),
            Ok(None) => Told::Nothing,
            Err(error) => Told::Unreadable(error.to_string()),
        })
    }

    async fn payments(&self) -> Result<Arc<dyn ports::Payments>, ProviderError> {
        Ok(self.stripe().await?.client.clone())
    }

    async fn payments_are_live(&self) -> Result<bool, ProviderError> {
        Ok(self.stripe().await?.live)
    }

    async fn notification_is_good(&self, header: &str, body: &[u8], now: Timestamp) -> Result<bool, ProviderError> {
        if stripe::signature::verify(&self.stripe().await?.webhook_secrets, header, body, now) {
            return Ok(true);
        }
        // The secret may have been rotated since it was read.
        self.stripe.forget(REREAD_EVERY).await;
        Ok(stripe::signature::verify(&self.stripe().await?.webhook_secrets, header, body, now))
    }

    fn credentials_refused(&self) {
        // Whoever holds a slot is reading it afresh already.
        if let Ok(mut slot) = self.twilio.0.try_lock() {
            *slot = None;
        }
        if let Ok(mut slot) = self.netgsm.0.try_lock() {
            *slot = None;
        }
        for platform in Platform::ALL {
            if let Ok(mut slot) = self.slot_of(platform).0.0.try_lock() {
                *slot = None;
            }
        }
        if let Ok(mut slot) = self.stripe.0.try_lock() {
            *slot = None;
        }
        if let Ok(mut slot) = self.seal.0.try_lock() {
            *slot = None;
        }
    }
}

/// Whether a platform signed this body, each in its own way.
fn is_signed(platform: Platform, secrets: &[SecretString], headers: &HeaderMap, body: &[u8], now: Timestamp) -> bool {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match platform {
        Platform::Vapi => {
            use vapi::signature::{SECRET_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, is_secret, verify};
            let (signature, signed_at) = (header(SIGNATURE_HEADER), header(TIMESTAMP_HEADER));
            match signature {
                "" => is_secret(secrets, header(SECRET_HEADER)),
                signature => verify(secrets, signature, signed_at, body, now, limits::NOTIFICATION_AGE_MAX),
            }
        }
        Platform::Retell => retell::signature::verify(secrets, header("x-retell-signature"), body, now),
        Platform::ElevenLabs => elevenlabs::signature::verify(secrets, header("elevenlabs-signature"), body, now),
    }
}

/// HMAC-SHA-256 of the tag under the key: 30 bytes of it, 40 characters of URL-safe base64, the most Vapi takes.
fn derive(key: &SecretString, tag: &str) -> SecretString {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose_secret().as_bytes());
    let signed = hmac::sign(&key, tag.as_bytes());
    URL_SAFE_NO_PAD.encode(signed.as_ref().get(..30).unwrap_or_default()).into()
}
