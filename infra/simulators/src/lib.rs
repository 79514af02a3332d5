//! The third parties, as stateful HTTP servers on loopback: they remember what was bought, misbehave
//! when told to, and call webhooks as the real ones do.
//!
//! They are written from what is published about the real services and know nothing of the product
//! that talks to them, so that a misunderstanding in its clients shows. Time comes from an injected
//! clock; every id and sample order derives from a seed.
//!
//! Reading order: [`start`], then `gate` (the way of a request), [`faults`], `book` (what survives a
//! kill), [`stock`], `sip` (calls between them), `post` (how we are told), and one module for each
//! third party.

mod book;
mod collection;
pub mod elevenlabs;
pub mod faults;
mod gate;
pub mod netgsm;
mod places;
mod post;
pub mod retell;
mod server;
mod sip;
pub mod stock;
pub mod stripe;
mod time;
pub mod twilio;
pub mod vapi;

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

pub use faults::{Fault, Faults, Fired, Kind};
pub use stock::{AddressRequirement, NumberType, StockLine, default_stock};

use book::{Book, Db};
use gate::{Gate, ThirdParty};
use post::Round;
use server::{Listening, listen};
use sip::{Exchange, Invite, Outcome};
use twilio::webhook::Routes;

/// Tells the time to everything that lives here.
pub type Clock = Arc<dyn Fn() -> jiff::Timestamp + Send + Sync>;

/// How the simulators are set up.
#[derive(Clone)]
pub struct Config {
    /// Each listener takes a free port of it.
    pub bind: IpAddr,
    /// Where `simulators.sqlite` is kept, to be found again after a kill; `None` keeps nothing.
    pub data: Option<PathBuf>,
    pub clock: Clock,
    /// Called by a `crash` fault once its commit is durable. If it returns, the connection is closed
    /// without an answer.
    pub on_crash: Arc<dyn Fn() + Send + Sync>,
    /// The same seed and the same requests give the same ids and samples.
    pub seed: u64,
    /// What there is to sell when nothing has been kept.
    pub stock: Vec<StockLine>,
}

impl Config {
    /// On loopback, kept nowhere, and unmoved by crashes.
    pub fn in_memory(clock: Clock, stock: Vec<StockLine>) -> Self {
        Self { bind: IpAddr::V4(Ipv4Addr::LOCALHOST), data: None, clock, on_crash: Arc::new(|| {}), seed: 7, stock }
    }
}

/// The running simulators. Dropping them closes their ports and connections.
pub struct Simulators {
    pub faults: Arc<Faults>,
    pub twilio: twilio::Handle,
    pub vapi: vapi::Handle,
    pub retell: retell::Handle,
    pub elevenlabs: elevenlabs::Handle,
    pub stripe: stripe::Handle,
    pub netgsm: netgsm::Handle,
    exchange: Exchange,
    /// Calls brought by carriers that are none of these.
    dialled: AtomicU64,
    routes: Routes,
    _rounds: Vec<Round>,
    _listening: Vec<Listening>,
}

/// Must be called inside a tokio runtime, which the listeners live on.
pub async fn start(config: Config) -> io::Result<Simulators> {
    let db = Db::open(config.data.as_deref())?;
    let book = |party| Book::open(party, &db, config.seed, &config.clock);
    let faults = Arc::new(Faults::default());
    let gate = Gate { faults: faults.clone(), on_crash: config.on_crash.clone() };

    let account = twilio::Account::open(book(twilio::Account::NAME)?, &config.stock)?;
    let account = Arc::new(Mutex::new(account));
    let org = vapi::Org::open(book(vapi::Org::NAME)?, &config.stock, account.clone())?;
    let org = Arc::new(Mutex::new(org));

    let routes = Routes::default();
    let eleven_courier = Arc::new(elevenlabs::Courier::new(routes.clone()));
    let workspace = book(elevenlabs::Workspace::NAME)?;
    let workspace = elevenlabs::Workspace::open(workspace, eleven_courier.clone(), account.clone())?;
    let workspace = Arc::new(Mutex::new(workspace));

    let api = open(config.bind, "api", &gate, &account)?;
    let trunking = open(config.bind, "trunking", &gate, &account)?;
    let numbers = open(config.bind, "numbers", &gate, &account)?;
    let pricing = open(config.bind, "pricing", &gate, &account)?;
    let vapi = open(config.bind, "api", &gate, &org)?;

    let retell_courier = Arc::new(retell::Courier::new(routes.clone()));
    let retell_workspace = retell::Workspace::open(book(retell::Workspace::NAME)?, retell_courier.clone())?;
    let retell_workspace = Arc::new(Mutex::new(retell_workspace));
    let retell = open(config.bind, "api", &gate, &retell_workspace)?;

    let elevenlabs = open(config.bind, "api", &gate, &workspace)?;
    // Where Twilio is told to bring the calls of imported numbers.
    routes.add(elevenlabs::PUBLIC_BASE, &elevenlabs.url);
    routes.add(vapi::PUBLIC_BASE, &vapi.url);

    let exchange = Exchange::default().with(&org).with(&retell_workspace).with(&workspace);

    let subscriber = netgsm::Subscriber::open(book(netgsm::Subscriber::NAME)?, &config.stock)?;
    let subscriber = Arc::new(Mutex::new(subscriber));
    let netgsm = open(config.bind, "api", &gate, &subscriber)?;

    let payments = Arc::new(Mutex::new(stripe::Account::open(book(stripe::Account::NAME)?)?));
    let courier = Arc::new(stripe::Courier::new(routes.clone()));
    let front = stripe::Front::new(gate, payments.clone(), courier.clone());
    let stripe = listen(config.bind, "api", move |call| front.clone().pass(call))?;

    let urls = [&api.url, &trunking.url, &numbers.url, &pricing.url];
    let teller = Arc::new(vapi::Courier::new(routes.clone(), &org));
    let twilio = twilio::Handle::new(urls, account, exchange.clone(), workspace.clone(), routes.clone());
    let rounds = vec![
        twilio.begin(),
        teller.begin(org.clone()),
        retell_courier.begin(retell_workspace.clone()),
        eleven_courier.begin(workspace.clone()),
        courier.begin(payments.clone()),
    ];
    Ok(Simulators {
        faults,
        twilio,
        vapi: vapi::Handle::new(&vapi.url, org, teller),
        retell: retell::Handle::new(&retell.url, retell_workspace, retell_courier),
        elevenlabs: elevenlabs::Handle::new(&elevenlabs.url, workspace, eleven_courier),
        stripe: stripe::Handle::new(&stripe.url, payments, courier),
        netgsm: netgsm::Handle::new(&netgsm.url, subscriber),
        exchange,
        dialled: AtomicU64::new(0),
        routes,
        _rounds: rounds,
        _listening: vec![api, trunking, numbers, pricing, vapi, retell, elevenlabs, stripe, netgsm],
    })
}

impl Simulators {
    /// How often a number came, changed or went at any of them since the start.
    pub fn numbers_changed(&self) -> u64 {
        let Self { twilio, vapi, retell, elevenlabs, .. } = self;
        twilio.numbers_changed() + vapi.numbers_changed() + retell.numbers_changed() + elevenlabs.numbers_changed()
    }

    /// Whatever voice platforms and payments have to tell by now is told, in the order in which each of them tells it.
    pub async fn tell(&self) {
        self.vapi.tick().await;
        self.retell.tick().await;
        self.elevenlabs.deliver().await;
        self.stripe.tick().await;
    }

    /// A carrier that is none of these brings a call by SIP to one of the platforms' hosts, with its credentials; whether
    /// anybody answers.
    pub fn dial(&self, uri: &str, (username, password): (&str, &str), caller: &str) -> bool {
        let call_sid = &format!("elsewhere-{}", self.dialled.fetch_add(1, Ordering::Relaxed));
        let invite = Invite { uri, username, password, caller, call_sid };
        matches!(self.exchange.invite(&invite), Outcome::Answered(_))
    }

    /// From now on a webhook whose configured URL begins with `public_base` is sent to `actual_base`
    /// instead, and still signed as configured: what a tunnel or a load balancer does.
    pub fn route_public(&self, public_base: &str, actual_base: &str) {
        self.routes.add(public_base, actual_base);
    }
}

fn open<P: ThirdParty>(bind: IpAddr, host: &'static str, gate: &Gate, party: &Arc<Mutex<P>>) -> io::Result<Listening> {
    let (gate, party) = (gate.clone(), party.clone());
    listen(bind, host, move |call| {
        let (gate, party) = (gate.clone(), party.clone());
        async move { gate.pass(&party, call).await }
    })
}

impl fmt::Debug for Config {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bind, data, seed, stock, clock: _, on_crash: _ } = self;
        let mut fields = formatter.debug_struct("Config");
        fields.field("bind", bind).field("data", data).field("seed", seed).field("stock", stock);
        fields.finish_non_exhaustive()
    }
}

impl fmt::Debug for Simulators {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = formatter.debug_struct("Simulators");
        fields.field("twilio", &self.twilio).field("vapi", &self.vapi).field("retell", &self.retell);
        fields.field("elevenlabs", &self.elevenlabs).field("stripe", &self.stripe).field("faults", &self.faults);
        fields.field("netgsm", &self.netgsm);
        fields.finish_non_exhaustive()
    }
}
