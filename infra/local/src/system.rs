//! The running system: simulators, AWS endpoints, all functions behind one address, and the worker.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::config::{
    BehaviorVersion, ConfigBag, Credentials, Intercept, Region, RuntimeComponents, SharedCredentialsProvider,
    interceptors::BeforeTransmitInterceptorContextMut,
};
use aws_sdk_dynamodb::error::BoxError;
use aws_types::SdkConfig;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use domain::catalog::{PRICE_BOOK, PriceBook};
use domain::requirement::Addresses;
use domain::{Clock, CountryCode, Ids};
use http::StatusCode;
use serde_json::json;
use shared::app::{Parts, Providers, Settings};
use shared::boot::{self, SystemIds};
use shared::http::auth::ClaimNames;
use shared::secrets::{NetgsmMode, ProviderSettings, SecretProviders};
use shared::store::{Queue, Store};
use shared::{App, store};
use simulators::{Kind, Simulators};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::aws::dynamodb::{Injected, NO_FAULTS_HEADER};
use crate::aws::{self, Aws, AwsConfig};
use crate::clock::MovableClock;
use crate::ids::SeededIds;
use crate::tokens::Tokens;
use crate::worker::{RECEIVES_MAX, Worker};
use crate::{control, functions};

/// Name of the table.
pub const TABLE: &str = "trunkline";
/// Name of the queue of operations.
pub const QUEUE: &str = "operations";
/// Name of the queue of wallets to be charged.
pub const CHARGES: &str = "charges";
/// Locked by the system that runs on a folder.
const LOCK: &str = "trunkline.lock";
/// What the names of all other files begin with that a system keeps in its folder.
const KEPT: [&str; 6] =
    ["base-urls", "clock-offset", "dynamodb.sqlite", "simulators.sqlite", "sqs.sqlite", "tokens.p8"];
/// This installation's name in every tag.
pub const DEPLOYMENT: &str = "local";

/// How to start.
#[derive(Clone)]
pub struct Config {
    /// Where to listen.
    pub bind: IpAddr,
    /// On which port; 0 takes a free one.
    pub port: u16,
    /// Where books, queues, simulators and clock are kept; `None` keeps nothing.
    pub data: Option<PathBuf>,
    /// What a `crash` fault does once its commit is durable; ending the program, unless a test has another wish.
    pub on_crash: Arc<dyn Fn() + Send + Sync>,
    /// For a run that replays exactly: ids of this seed and a clock that stands still at this instant.
    pub replay: Option<(u64, jiff::Timestamp)>,
    /// What goes on by itself.
    pub background: Background,
    /// What numbers cost, as the price book's file would say it.
    pub price_book: Cow<'static, str>,
    /// Countries in which the operator has a business address on file at the carrier.
    pub addresses: &'static [&'static str],
    /// Numbers of Vapi's own that tenants may hold together.
    pub vapi_pool: u16,
    /// Numbers of Netgsm are ordered and cancelled by hand.
    pub netgsm_by_hand: bool,
}

/// What of queue and schedules goes on without being asked to over the control surface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Background {
    /// Nothing.
    Nothing,
    /// The queue is worked off; jobs tick as the clock is moved, and not with real time.
    Queue,
    /// The queue is worked off, and jobs tick with real time as well.
    QueueAndSchedules,
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config").field("port", &self.port).field("data", &self.data).finish_non_exhaustive()
    }
}

impl Config {
    /// In memory, on any port of loopback, nothing in the background.
    #[must_use]
    pub fn in_memory() -> Self {
        Self {
            bind: IpAddr::from([127, 0, 0, 1]),
            port: 0,
            data: None,
            on_crash: Arc::new(|| std::process::abort()),
            replay: None,
            background: Background::Nothing,
            price_book: Cow::Borrowed(PRICE_BOOK),
            addresses: &["US", "GB"],
            vapi_pool: 5,
            netgsm_by_hand: false,
        }
    }
}

/// The running system. Dropping it stops everything.
#[derive(Debug)]
pub struct System {
    /// Where it listens, without a trailing slash.
    pub url: String,
    /// What the functions run on.
    pub app: App,
    /// The same books, not subject to faults or counts.
    pub undisturbed: App,
    /// The table itself, not subject to faults or counts.
    pub table: aws_sdk_dynamodb::Client,
    /// The third parties.
    pub simulators: Arc<Simulators>,
    /// The AWS endpoints.
    pub aws: Arc<Aws>,
    /// Time.
    pub clock: Arc<MovableClock>,
    /// Tokens.
    pub tokens: Arc<Tokens>,
    /// Queue and schedules.
    pub worker: Arc<Worker>,
    tasks: Vec<JoinHandle<()>>,
    _alone: Option<File>,
}

impl Drop for System {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Starts everything. Ready when this returns.
///
/// # Errors
/// When a port cannot be bound or the data directory cannot be used.
pub async fn start(config: Config) -> io::Result<System> {
    let alone = config.data.as_deref().map(own).transpose()?;
    let kept = config.data.as_ref().map(|data| data.join("clock-offset"));
    let clock = Arc::new(config.replay.map_or_else(|| MovableClock::running(kept), |(_, at)| MovableClock::still(at)));
    let told = clock.clone();
    let tell: simulators::Clock = Arc::new(move || told.now());
    let simulators = simulators::start(simulators::Config {
        bind: config.bind,
        data: config.data.clone(),
        clock: tell.clone(),
        on_crash: config.on_crash.clone(),
        seed: config.replay.map_or(1, |(seed, _)| seed),
        stock: simulators::default_stock(),
    })
    .await?;
    let simulators = Arc::new(simulators);
    let faults = simulators.faults.clone();
    let aws = aws::start(AwsConfig {
        bind: config.bind,
        data: config.data.clone(),
        clock: tell,
        on_crash: config.on_crash.clone(),
        dynamodb_faults: Arc::new(move |operation| faults.take("dynamodb", operation).map(injected)),
    })
    .await?;
    let aws = Arc::new(aws);

    let address = SocketAddr::from((config.bind, config.port));
    let listener = TcpListener::bind(address).await;
    let listener = listener.map_err(|error| io::Error::new(error.kind(), format!("{address}: {error}")))?;
    let url = format!("http://{}", listener.local_addr()?);
    let bases = base_urls(&config, &url)?;
    for former in &bases {
        simulators.route_public(former, &url);
    }
    simulators.stripe.set_endpoint(format!("{url}/webhooks/stripe"));
    simulators.vapi.set_endpoint(format!("{url}/webhooks/vapi"));
    simulators.retell.set_endpoint(format!("{url}/webhooks/retell"));
    simulators.elevenlabs.set_endpoint(format!("{url}/webhooks/elevenlabs"));

    let clients = Clients::of(&aws);
    seed_secrets(&aws, &simulators);
    let sqs = aws_sdk_sqs::Client::from_conf(clients.sqs.clone());
    let operations_url = create_queue(&sqs, QUEUE).await?;
    let charges_url = create_queue(&sqs, CHARGES).await?;
    aws.sqs.release_in_flight().map_err(io::Error::other)?;
    let table = aws_sdk_dynamodb::Client::from_conf(clients.undisturbed.clone());
    store::table::create(&table, TABLE).await.map_err(io::Error::other)?;

    let ids: Arc<dyn Ids> = match config.replay {
        Some((seed, _)) => Arc::new(SeededIds::new(seed)),
        None => Arc::new(SystemIds),
    };
    let providers: Arc<dyn Providers> =
        Arc::new(SecretProviders::new(clients.secrets, provider_settings(&simulators, config.netgsm_by_hand)));
    let price_book = PriceBook::read(&config.price_book).map_err(io::Error::other)?;
    let addresses = addresses(&simulators, config.addresses)?;
    let (vapi_pool, netgsm_by_hand) = (config.vapi_pool, config.netgsm_by_hand);
    let make = |config: aws_sdk_dynamodb::Config| -> io::Result<App> {
        Ok(App::new(Parts {
            settings: Settings {
                deployment: DEPLOYMENT.into(),
                public_base_url: url.clone(),
                former_base_urls: bases.clone(),
                console_url: url.clone(),
                addresses: addresses.clone(),
                default_country: CountryCode::US,
                default_area_code: None,
                vapi_pool,
                netgsm_by_hand,
            },
            store: Store::new(config, TABLE),
            queue: Queue::new(clients.sqs.clone(), &operations_url),
            charges: Queue::new(clients.sqs.clone(), &charges_url),
            providers: providers.clone(),
            price_book: price_book.clone(),
            plans: boot::plans().map_err(io::Error::other)?,
            dunning: boot::dunning().map_err(io::Error::other)?,
            clock: clock.clone(),
            ids: ids.clone(),
        }))
    };
    let app = make(clients.dynamodb)?;
    let undisturbed = make(clients.undisturbed)?;
    let worker = Arc::new(Worker {
        app: app.clone(),
        undisturbed: undisturbed.clone(),
        table: table.clone(),
        sqs,
        operations_url,
        charges_url,
        clock: clock.clone(),
        simulators: simulators.clone(),
        reconciled: std::sync::atomic::AtomicU64::new(0),
        busy: tokio::sync::Mutex::new(()),
    });
    let tokens = Arc::new(Tokens::open(config.data.as_deref())?);
    let tasks = Vec::new();
    let mut system =
        System { url, app, undisturbed, table, simulators, aws, clock, tokens, worker, tasks, _alone: alone };
    if config.data.is_some() {
        control::end_leases(&system).await?;
    }
    system.tasks.push(serve(&system, listener));
    if config.background != Background::Nothing {
        system.tasks.push(tokio::spawn(works_off(system.worker.clone())));
    }
    if config.background == Background::QueueAndSchedules {
        system.tasks.push(tokio::spawn(ticks(system.worker.clone())));
    }
    Ok(system)
}

/// Takes a folder for data, made if need be, for as long as the answer is kept. The simulators hold what they believe in
/// memory: two systems on one folder would each sell what the other has sold.
fn own(data: &Path) -> io::Result<File> {
    std::fs::create_dir_all(data)?;
    let lock = File::create(data.join(LOCK))?;
    let used =
        |error: TryLockError| io::Error::other(format!("{} is in use by another system: {error}", data.display()));
    lock.try_lock().map_err(used)?;
    Ok(lock)
}

/// Removes what systems have kept in a folder, and nothing else that may be there.
///
/// # Errors
/// When a system is running on it, or a file cannot be removed.
pub fn forget(data: &Path) -> io::Result<()> {
    if !data.exists() {
        return Ok(());
    }
    let _alone = own(data)?;
    for file in std::fs::read_dir(data)? {
        let file = file?;
        let name = file.file_name();
        if KEPT.iter().any(|kept| name.to_str().is_some_and(|name| name.starts_with(kept))) {
            std::fs::remove_file(file.path())?;
        }
    }
    Ok(())
}

/// The functions and the control surface behind one listener.
fn serve(system: &System, listener: TcpListener) -> JoinHandle<()> {
    let functions = functions::all().service(system.app.clone(), ClaimNames::default());
    let checked = (system.tokens.clone(), system.clock.clone());
    let router = Router::new()
        .merge(control::routes(system))
        .fallback_service(functions.layer(middleware::from_fn_with_state(checked, claims)))
        .layer(middleware::from_fn(to_the_end));
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "the server stopped");
        }
    })
}

type Checked = (Arc<Tokens>, Arc<MovableClock>);

/// In place of API Gateway's authorizer: the claims of a good token, or none.
async fn claims(State((tokens, clock)): State<Checked>, mut request: Request, next: Next) -> Response {
    let header = request.headers().get(http::header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer =
        header.and_then(|text| text.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    if let Some(claims) = bearer.and_then(|(_, token)| tokens.check(token.trim(), clock.now())) {
        request.extensions_mut().insert(claims);
    }
    next.run(request).await
}

/// A request is worked on to its end though its client has gone, as on Lambda; a panic is one failed answer.
async fn to_the_end(request: Request, next: Next) -> Response {
    match tokio::spawn(next.run(request)).await {
        Ok(response) => response,
        Err(error) => {
            tracing::error!(%error, "a request panicked");
            let body = json!({ "status": 500, "code": "internal", "title": "A request panicked" });
            (StatusCode::INTERNAL_SERVER_ERROR, Json(body)).into_response()
        }
    }
}

/// The queues' poller.
async fn works_off(worker: Arc<Worker>) {
    let mut often = tokio::time::interval(Duration::from_millis(250));
    loop {
        often.tick().await;
        if let Err(error) = worker.poll().await {
            tracing::warn!(%error, "the queues were not polled");
        }
    }
}

/// The schedules. What fell due while nothing ran is made up for at once.
async fn ticks(worker: Arc<Worker>) {
    let mut minutes = tokio::time::interval(Duration::from_secs(60));
    let mut ticked = BTreeMap::new();
    loop {
        minutes.tick().await;
        worker.tick_what_is_due(&mut ticked).await;
    }
}

/// Addresses that numbers in kept data were configured with; this run's address among them.
fn base_urls(config: &Config, url: &str) -> io::Result<Vec<String>> {
    let Some(file) = config.data.as_ref().map(|data| data.join("base-urls")) else { return Ok(Vec::new()) };
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    let mut bases: Vec<String> = kept.lines().map(str::to_owned).filter(|base| base != url).collect();
    bases.push(url.to_owned());
    std::fs::write(&file, bases.join("\n"))?;
    Ok(bases)
}

/// The SDK's clients as configured for this process: at the embedded endpoints, unless the environment says otherwise.
struct Clients {
    dynamodb: aws_sdk_dynamodb::Config,
    undisturbed: aws_sdk_dynamodb::Config,
    sqs: aws_sdk_sqs::Config,
    secrets: aws_sdk_secretsmanager::Config,
}

impl Clients {
    fn of(aws: &Aws) -> Self {
        let or = |name: &str, default: &str| std::env::var(name).unwrap_or_else(|_| default.to_owned());
        let key = or("AWS_ACCESS_KEY_ID", aws::ACCESS_KEY_ID);
        let secret = or("AWS_SECRET_ACCESS_KEY", aws::SECRET_ACCESS_KEY);
        let token = std::env::var("AWS_SESSION_TOKEN").ok();
        let credentials = Credentials::new(key, secret, token, None, "local");
        let sdk = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(or("AWS_REGION", aws::REGION)))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build();
        // Past any proxy this machine is behind, and without TLS.
        let plain = aws_smithy_http_client::Builder::new().build_http();
        let embedded = sdk.to_builder().http_client(plain).build();
        let at = |name: &str, embedded_url: &str| match std::env::var(name) {
            Ok(url) => (&sdk, url),
            Err(_) => (&embedded, embedded_url.to_owned()),
        };
        let (config, url) = at("AWS_ENDPOINT_URL_DYNAMODB", aws.dynamodb.url());
        let dynamodb = aws_sdk_dynamodb::config::Builder::from(config).endpoint_url(url);
        let (config, url) = at("AWS_ENDPOINT_URL_SQS", aws.sqs.url());
        let sqs = aws_sdk_sqs::config::Builder::from(config).endpoint_url(url);
        let (config, url) = at("AWS_ENDPOINT_URL_SECRETS_MANAGER", aws.secrets.url());
        let secrets = aws_sdk_secretsmanager::config::Builder::from(config).endpoint_url(url);
        Self {
            undisturbed: dynamodb.clone().interceptor(Undisturbed).build(),
            dynamodb: dynamodb.build(),
            sqs: sqs.build(),
            secrets: secrets.build(),
        }
    }
}

/// Marks requests as the control surface's own.
#[derive(Debug)]
struct Undisturbed;

impl Intercept for Undisturbed {
    fn name(&self) -> &'static str {
        "Undisturbed"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        context.request_mut().headers_mut().insert(NO_FAULTS_HEADER, "1");
        Ok(())
    }
}

/// A queue and its dead letters.
async fn create_queue(sqs: &aws_sdk_sqs::Client, name: &str) -> io::Result<String> {
    use aws_sdk_sqs::types::QueueAttributeName as Name;
    let failed = |error: String| io::Error::other(format!("the queue cannot be made: {error}"));
    let letters = sqs
        .create_queue()
        .queue_name(format!("{name}-dead-letters"))
        .send()
        .await
        .map_err(|e| failed(format!("{e:?}")))?;
    let url = letters.queue_url.unwrap_or_default();
    let attributes = sqs.get_queue_attributes().queue_url(&url).attribute_names(Name::QueueArn).send().await;
    let attributes = attributes.map_err(|e| failed(format!("{e:?}")))?.attributes.unwrap_or_default();
    let arn = attributes.get(&Name::QueueArn).cloned().unwrap_or_default();
    let redrive = json!({ "deadLetterTargetArn": arn, "maxReceiveCount": RECEIVES_MAX }).to_string();
    let made = sqs
        .create_queue()
        .queue_name(name)
        .attributes(Name::VisibilityTimeout, "360")
        .attributes(Name::RedrivePolicy, redrive)
        .send()
        .await
        .map_err(|e| failed(format!("{e:?}")))?;
    Ok(made.queue_url.unwrap_or_default())
}

const TWILIO_SECRET: &str = "trunkline/local/twilio";
const NETGSM_SECRET: &str = "trunkline/local/netgsm";
const VAPI_SECRET: &str = "trunkline/local/vapi";
const RETELL_SECRET: &str = "trunkline/local/retell";
const ELEVENLABS_SECRET: &str = "trunkline/local/elevenlabs";
const SIP_SECRET: &str = "trunkline/local/sip";
const SEAL_SECRET: &str = "trunkline/local/seal";
const STRIPE_SECRET: &str = "trunkline/local/stripe";

/// What SIP passwords are derived from here.
pub const SIP_KEY: &str = "a fake key for one machine";
/// What tenants' secrets are sealed with here.
pub const SEAL_KEY: &str = "a fake key of 32 characters or more";
/// The password of the operator's SIP trunks at the simulated carrier.
pub const TRUNK_PASSWORD: &str = "a fake password for one machine";

fn seed_secrets(aws: &Aws, simulators: &Simulators) {
    let (twilio, vapi) = (&simulators.twilio, &simulators.vapi);
    let secret = json!({ "account_sid": twilio.account_sid, "auth_token": twilio.auth_token });
    aws.secrets.put(TWILIO_SECRET, &secret.to_string());
    aws.secrets
        .put(VAPI_SECRET, &json!({ "api_key": vapi.api_key, "webhook_secret": vapi.webhook_secret }).to_string());
    let netgsm = json!({
        "usercode": simulators.netgsm.usercode,
        "password": simulators.netgsm.password,
        "signalling": ["203.0.113.0/28"],
    });
    aws.secrets.put(NETGSM_SECRET, &netgsm.to_string());
    let (retell, elevenlabs) = (&simulators.retell, &simulators.elevenlabs);
    let secret = json!({
        "api_key": retell.api_key,
        "webhook_secret": retell.webhook_key,
        "trunk": trunk(simulators, "retell", "sip:sip.retellai.com;transport=tcp"),
        "agent": { "llm_id": "llm_local", "voice_id": "11labs-Adrian" },
    });
    aws.secrets.put(RETELL_SECRET, &secret.to_string());
    let secret = json!({
        "api_key": elevenlabs.api_key,
        "webhook_secret": elevenlabs.webhook_secret,
        "trunk": trunk(simulators, "elevenlabs", "sip:sip.rtc.elevenlabs.io;transport=tcp"),
    });
    aws.secrets.put(ELEVENLABS_SECRET, &secret.to_string());
    let sip = json!({ "current": "k1", "keys": { "k1": SIP_KEY } });
    aws.secrets.put(SIP_SECRET, &sip.to_string());
    let seal = json!({ "current": "k1", "keys": { "k1": SEAL_KEY } });
    aws.secrets.put(SEAL_SECRET, &seal.to_string());
    let stripe = json!({ "api_key": simulators.stripe.api_key, "webhook_secret": simulators.stripe.webhook_secret });
    aws.secrets.put(STRIPE_SECRET, &stripe.to_string());
}

/// The operator's SIP trunk to a platform, at the simulated carrier.
fn trunk(simulators: &Simulators, name: &str, origination: &str) -> serde_json::Value {
    let sid = simulators.twilio.trunk(name, origination);
    let host = format!("{name}.pstn.twilio.com");
    json!({ "sid": sid, "host": host, "username": "trunkline", "password": TRUNK_PASSWORD })
}

/// The operator's addresses at the simulated carrier, unless the environment names others or another carrier.
fn addresses(simulators: &Simulators, countries: &[&str]) -> io::Result<Addresses> {
    if let Ok(named) = std::env::var("TWILIO_ADDRESSES") {
        return named.parse().map_err(io::Error::other);
    }
    let countries = if std::env::var("TWILIO_API_BASE_URL").is_ok() { &[] } else { countries };
    let filed: Vec<_> = countries.iter().map(|country| (*country, simulators.twilio.file_address(country))).collect();
    Addresses::read(filed.iter().map(|(country, sid)| (*country, sid.as_str()))).map_err(io::Error::other)
}

/// The simulators, unless the environment names other addresses.
fn provider_settings(simulators: &Simulators, by_hand: bool) -> ProviderSettings {
    let or = |name: &str, default: &str| std::env::var(name).unwrap_or_else(|_| default.to_owned());
    ProviderSettings {
        twilio_secret: TWILIO_SECRET.into(),
        netgsm_secret: NETGSM_SECRET.into(),
        vapi_secret: VAPI_SECRET.into(),
        retell_secret: RETELL_SECRET.into(),
        elevenlabs_secret: ELEVENLABS_SECRET.into(),
        sip_secret: SIP_SECRET.into(),
        seal_secret: SEAL_SECRET.into(),
        stripe_secret: STRIPE_SECRET.into(),
        twilio_api_base_url: or("TWILIO_API_BASE_URL", &simulators.twilio.url),
        twilio_pricing_base_url: or("TWILIO_PRICING_BASE_URL", &simulators.twilio.pricing_url),
        netgsm_base_url: or("NETGSM_BASE_URL", &simulators.netgsm.url),
        netgsm_mode: if by_hand { NetgsmMode::Manual } else { NetgsmMode::Http },
        vapi_base_url: or("VAPI_BASE_URL", &simulators.vapi.url),
        retell_base_url: or("RETELL_BASE_URL", &simulators.retell.url),
        elevenlabs_base_url: or("ELEVENLABS_BASE_URL", &simulators.elevenlabs.url),
        vapi_sip_domain: or("VAPI_SIP_DOMAIN", "sip.vapi.ai"),
        stripe_base_url: or("STRIPE_BASE_URL", &simulators.stripe.url),
    }
}

fn injected(fired: simulators::Fired) -> Injected {
    match fired.kind {
        Kind::LostReply => Injected::LostReply,
        Kind::Timeout => Injected::Timeout,
        Kind::Error => Injected::Error { status: fired.status.unwrap_or(500), code: fired.code },
        Kind::RateLimit | Kind::Throttle => Injected::Throttle,
        Kind::Delay => Injected::Delay(Duration::from_millis(fired.ms.unwrap_or(0))),
        Kind::Crash => Injected::Crash,
        Kind::Conflict => Injected::Conflict,
        Kind::StaleIndex => Injected::StaleIndex,
    }
}
