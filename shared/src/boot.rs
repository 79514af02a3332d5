//! Start-up: the one place that reads the environment and names concrete third parties.

use std::env;
use std::sync::Arc;

use aws_sdk_secretsmanager::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use aws_types::SdkConfig;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use domain::catalog::{CatalogError, DUNNING, PLANS, PRICE_BOOK, Plans, PriceBook};
use domain::dunning::Policy;
use domain::{Clock, Ids, limits};
use jiff::Timestamp;
use store::{Queue, Store};
use tracing_subscriber::filter::Targets;

use crate::app::{Parts, Settings};
use crate::http::auth::ClaimNames;
use crate::secrets::{NetgsmMode, ProviderSettings, SecretProviders};
use crate::{App, serve::Error};

/// Where Netgsm itself is, and not something that stands in for it.
const NETGSM: &str = "https://api.netgsm.com.tr";

/// Numbers of its own that Vapi gives an account.
const VAPI_POOL: u16 = 5;

/// A setting that is missing or wrong; the process does not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {why}")]
pub struct BadSetting {
    name: &'static str,
    why: &'static str,
}

/// The system's clock: business time is real time.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn real_now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// Ids from the system's randomness.
#[derive(Debug, Clone, Copy)]
pub struct SystemIds;

impl Ids for SystemIds {
    fn random(&self) -> [u8; 32] {
        let mut bytes = [0u8; 32];
        // Fails only where the operating system has no randomness, and then nothing here may go on.
        aws_lc_rs::rand::fill(&mut bytes).expect("the operating system gives randomness");
        bytes
    }
}

/// Everything, as the environment says. Clients are made when first used.
///
/// # Errors
/// [`BadSetting`], [`CatalogError`].
pub fn app() -> Result<App, Error> {
    let sdk = sdk()?;
    let providers = SecretProviders::new((&sdk).into(), provider_settings()?);
    let parts = Parts {
        settings: settings()?,
        store: Store::new((&sdk).into(), env::var("TABLE_NAME").unwrap_or_default()),
        queue: Queue::new((&sdk).into(), env::var("OPERATIONS_QUEUE_URL").unwrap_or_default()),
        charges: Queue::new((&sdk).into(), env::var("CHARGES_QUEUE_URL").unwrap_or_default()),
        providers: Arc::new(providers),
        price_book: price_book()?,
        plans: plans()?,
        dunning: dunning()?,
        clock: Arc::new(SystemClock),
        ids: Arc::new(SystemIds),
    };
    Ok(App::new(parts))
}

/// The SDK's settings, as Lambda's environment has them. `AWS_ENDPOINT_URL_DYNAMODB` and its like lead elsewhere.
fn sdk() -> Result<SdkConfig, BadSetting> {
    let needed = |name: &'static str| env::var(name).map_err(|_| BadSetting { name, why: "must be set" });
    let (key, secret) = (needed("AWS_ACCESS_KEY_ID")?, needed("AWS_SECRET_ACCESS_KEY")?);
    let credentials = Credentials::new(key, secret, env::var("AWS_SESSION_TOKEN").ok(), None, "environment");
    Ok(SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(needed("AWS_REGION")?))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .service_config(Endpoints)
        .build())
}

/// Endpoints that the environment names, for one service or for all.
#[derive(Debug)]
struct Endpoints;

impl LoadServiceConfig for Endpoints {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let service = key.service_id().to_uppercase().replace(' ', "_");
        env::var(format!("{}_{service}", key.env())).or_else(|_| env::var(key.env())).ok()
    }
}

/// The price book shipped with this build.
///
/// # Errors
/// When the data file is broken.
pub fn price_book() -> Result<PriceBook, CatalogError> {
    PriceBook::read(PRICE_BOOK)
}

/// The plans shipped with this build.
///
/// # Errors
/// When the data file is broken.
pub fn plans() -> Result<Plans, CatalogError> {
    Plans::read(PLANS)
}

/// The dunning policy shipped with this build.
///
/// # Errors
/// When the data file is broken.
pub fn dunning() -> Result<Policy, CatalogError> {
    Policy::read(DUNNING)
}

/// How the identity provider calls its claims.
#[must_use]
pub fn claim_names() -> ClaimNames {
    let or = |name: &str, default: String| env::var(name).ok().filter(|name| !name.is_empty()).unwrap_or(default);
    let default = ClaimNames::default();
    ClaimNames {
        tenant: or("CLAIM_TENANT", default.tenant),
        role: or("CLAIM_ROLE", default.role),
        project: or("CLAIM_PROJECT", default.project),
    }
}

/// What to log, as `RUST_LOG` says (`info,store=debug`); none when it says nothing sensible.
#[must_use]
pub fn log_filter() -> Option<Targets> {
    env::var("RUST_LOG").ok()?.parse().ok()
}

fn settings() -> Result<Settings, BadSetting> {
    let deployment = env::var("DEPLOYMENT").unwrap_or_else(|_| "dev".into());
    let plain = deployment.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if !plain || !(1..=5).contains(&deployment.len()) {
        return Err(BadSetting { name: "DEPLOYMENT", why: "one to five of a–z 0–9; it is part of every tag" });
    }
    let url = |text: &str| text.trim().trim_end_matches('/').to_owned();
    let former = env::var("FORMER_BASE_URLS").unwrap_or_default();
    let public_base_url = env::var("PUBLIC_BASE_URL").map(|text| url(&text)).unwrap_or_default();
    let default_country = env::var("DEFAULT_COUNTRY").unwrap_or_else(|_| "US".into()).parse();
    let default_country =
        default_country.map_err(|_| BadSetting { name: "DEFAULT_COUNTRY", why: "an ISO 3166-1 code, such as US" })?;
    let default_area_code = env::var("DEFAULT_AREA_CODE").ok().filter(|code| !code.is_empty());
    let vapi_pool = env::var("VAPI_POOL_SIZE").ok().filter(|size| !size.is_empty()).map(|size| size.parse());
    let vapi_pool = vapi_pool.unwrap_or(Ok(VAPI_POOL)).ok().filter(|size| *size <= limits::POOL_SLOTS_MAX);
    let addresses = env::var("TWILIO_ADDRESSES").unwrap_or_default().parse();
    let console = env::var("CONSOLE_URL").map(|text| url(&text)).ok().filter(|text| !text.is_empty());
    Ok(Settings {
        deployment,
        console_url: console.unwrap_or_else(|| public_base_url.clone()),
        public_base_url,
        default_country,
        default_area_code,
        vapi_pool: vapi_pool.ok_or(BadSetting { name: "VAPI_POOL_SIZE", why: "a whole number from 0 to 100" })?,
        netgsm_by_hand: env::var("NETGSM_MODE").is_ok_and(|mode| mode == "manual"),
        former_base_urls: former.split(',').map(url).filter(|text| !text.is_empty()).collect(),
        addresses: addresses.map_err(|_| BadSetting {
            name: "TWILIO_ADDRESSES",
            why: "countries and the sids of addresses there: US=AD…,GB=AD…",
        })?,
    })
}

/// Where third parties and their secrets are; anything unset is the real thing.
///
/// # Errors
/// When Netgsm is asked for in a way that is none, or without a contract.
pub fn provider_settings() -> Result<ProviderSettings, BadSetting> {
    let or = |name: &str, default: &str| {
        let set = env::var(name).ok().filter(|text| !text.is_empty());
        set.unwrap_or_else(|| default.to_owned()).trim_end_matches('/').to_owned()
    };
    let netgsm_base_url = or("NETGSM_BASE_URL", NETGSM);
    let confirmed = or("NETGSM_CONTRACT_CONFIRMED", "no") == "yes" || netgsm_base_url != NETGSM;
    let netgsm_mode = NetgsmMode::read(&or("NETGSM_MODE", "disabled"), confirmed);
    Ok(ProviderSettings {
        twilio_secret: or("TWILIO_SECRET", "trunkline/dev/twilio"),
        netgsm_secret: or("NETGSM_SECRET", "trunkline/dev/netgsm"),
        vapi_secret: or("VAPI_SECRET", "trunkline/dev/vapi"),
        retell_secret: or("RETELL_SECRET", "trunkline/dev/retell"),
        elevenlabs_secret: or("ELEVENLABS_SECRET", "trunkline/dev/elevenlabs"),
        sip_secret: or("SIP_SECRET", "trunkline/dev/sip"),
        seal_secret: or("SEAL_SECRET", "trunkline/dev/seal"),
        stripe_secret: or("STRIPE_SECRET", "trunkline/dev/stripe"),
        twilio_api_base_url: or("TWILIO_API_BASE_URL", "https://api.twilio.com"),
        twilio_pricing_base_url: or("TWILIO_PRICING_BASE_URL", "https://pricing.twilio.com"),
        netgsm_mode: netgsm_mode.map_err(|why| BadSetting { name: "NETGSM_MODE", why })?,
        netgsm_base_url,
        vapi_base_url: or("VAPI_BASE_URL", "https://api.vapi.ai"),
        retell_base_url: or("RETELL_BASE_URL", "https://api.retellai.com"),
        elevenlabs_base_url: or("ELEVENLABS_BASE_URL", "https://api.elevenlabs.io"),
        vapi_sip_domain: or("VAPI_SIP_DOMAIN", "sip.vapi.ai"),
        stripe_base_url: or("STRIPE_BASE_URL", "https://api.stripe.com"),
    })
}
