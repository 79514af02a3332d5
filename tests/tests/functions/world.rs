//! What the events in `events/` speak of: tenant `demo`, a number, an agent, a project and an operation with fixed ids.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::agent::{Agent, AgentStatus, Method, Platform};
use domain::number::{AtEnd, Capabilities, Carrier, CarrierRef, Number, NumberStatus};
use domain::numbering::NumberKind;
use domain::operation::{AgentBinding, Operation, OperationStatus, Purchase, Saga, Step, StepState};
use domain::ports::BuyOrder;
use domain::requirement::Papers;
use domain::tenant::Project;
use domain::top_up::{PaidBy, Payer, TopUp, TopUpStatus};
use domain::{CountryCode, Currency, Money, NumberId, OperationId, TenantId};
use jiff::SignedDuration;
use local::system::DEPLOYMENT;
use serde_json::{Value, json};
use shared::App;
use shared::saga::{self, Deadline, purchase};
use tests::lambda::{Environment, Function, binaries};
use tests::{Tenant, TestApp, template};

/// What every id of the events is made of.
pub(crate) const BARE_ID: &str = "0192a6b0c5d17e3f8a9b0c1d2e3f4a5b";
/// The number of the events.
pub(crate) const E164: &str = "+12125550123";
/// What the webhooks among the events are signed with.
pub(crate) const AUTH_TOKEN: &str = "00000000000000000000000000000000";

/// How it stands with the number of the events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// On offer.
    OnOffer,
    /// The operator's own: bought by hand.
    ByHand,
    /// Being bought; nobody is working on it.
    Begun,
    /// Being bought, and stuck.
    Stuck,
    /// In service, without an agent.
    Unlinked,
    /// In service, with the agent.
    Linked,
    /// On offer, while the tenant, whose card is kept, is about to pay for the top-up of the events.
    ToppingUp,
    /// In service since more than a month: sold forty days ago and paid for the first month.
    Due,
    /// The same, and its tenant let it go at the end of what is paid for.
    Leaving,
    /// In service, and set aside until an operator decides.
    Parked,
    /// In service, with the agent, and held against carrier and platform.
    Reconciled,
}

/// An id of the events.
pub(crate) fn id(prefix: &str) -> String {
    format!("{prefix}_{BARE_ID}")
}

/// The event of this name.
pub(crate) fn event(name: &str) -> Value {
    let path = format!("{}/../events/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A system in which the number of the events is at this stage.
pub(crate) async fn at(stage: Stage) -> TestApp {
    let app = TestApp::in_real_time().await;
    let system = &app.system;
    let wallet = json!({ "currency": "USD", "amount": "50.00" });
    let _ = app.local("tenants", Some(json!({ "id": "demo", "plan": "PRO", "wallet": wallet }))).await.expect(201);
    let _ = app.local("simulators/twilio/stock", Some(json!({ "e164": [E164] }))).await.expect(200);
    // What a platform tells is the business of a function that is under test, not of the system beside it.
    system.simulators.vapi.set_endpoint("http://127.0.0.1:9/nobody");
    // Twilio signs with the primary token, and its API takes both while the account's token is being changed.
    let twilio = &system.simulators.twilio;
    let secret = json!({
        "account_sid": twilio.account_sid, "auth_token": twilio.auth_token, "previous_auth_token": AUTH_TOKEN,
    });
    system.aws.secrets.put(&format!("trunkline/{DEPLOYMENT}/twilio"), &secret.to_string());
    let agent = agent_and_project(&system.undisturbed).await;
    match stage {
        Stage::OnOffer => {}
        Stage::ByHand => {
            let (tag, webhooks) = ("The operator's own".into(), system.undisturbed.webhooks(&tenant()));
            let order = BuyOrder { e164: E164.parse().unwrap(), tag, webhooks, sms: true, papers: Papers::default() };
            let carrier = system.undisturbed.providers.carrier(Carrier::Twilio).await.unwrap();
            let _ = carrier.number_buy(&order).await.unwrap().sold().unwrap();
        }
        Stage::Begun => drop(begin(&system.undisturbed, OperationStatus::Running, None).await),
        Stage::Stuck => drop(begin(&system.undisturbed, OperationStatus::Stuck, None).await),
        Stage::Unlinked => buy(&system.undisturbed, None).await,
        Stage::Linked => buy(&system.undisturbed, Some(agent)).await,
        Stage::Reconciled => {
            buy(&system.undisturbed, Some(agent)).await;
            let wish = shared::reconcile::Wish { dry_run: false, books_too: true };
            let run = shared::reconcile::run(&system.undisturbed, wish, jiff::Timestamp::MAX).await.unwrap();
            assert_eq!(run.findings, []);
        }
        Stage::ToppingUp => top_up(&system.undisturbed).await,
        Stage::Due => bought_long_ago(&system.undisturbed).await,
        Stage::Parked => {
            buy(&system.undisturbed, None).await;
            let (number, by) = (id("num").parse().unwrap(), domain::audit::Actor::schedule("reconcile"));
            let why = "The carrier does not know it.";
            assert!(shared::use_cases::parking::park(&system.undisturbed, &tenant(), &number, why, &by).await.unwrap());
        }
        Stage::Leaving => {
            bought_long_ago(&system.undisturbed).await;
            let owner = app.local("token", Some(json!({ "tenant": "demo" }))).await.expect(200).text("/token");
            let owner = Tenant { id: "demo".into(), token: owner };
            let leaving = app.delete(&owner, &format!("/v1/numbers/{}?when=period_end", id("num"))).await.expect(200);
            assert!(leaving.body["number"]["release_at"].is_string(), "{}", leaving.body);
        }
    }
    system.aws.dynamodb.reset_counts();
    app
}

async fn agent_and_project(app: &App) -> AgentBinding {
    let (tenant_id, now) = (tenant(), app.clock.now());
    let agent_id = id("agt").parse().unwrap();
    let platform = app.providers.platform(Platform::Vapi).await.unwrap();
    let platform_agent_id = platform.agent_create("Receptionist", Some("en"), &id("agt")).await.unwrap();
    let binding = AgentBinding {
        agent_id,
        platform: Platform::Vapi,
        platform_agent_id: platform_agent_id.clone(),
        method: Method::HandOver,
    };
    let agent = Agent {
        id: binding.agent_id.clone(),
        tenant_id: tenant_id.clone(),
        project_id: None,
        name: "Receptionist".into(),
        platform: Platform::Vapi,
        platform_agent_id: Some(platform_agent_id),
        made_by_us: true,
        language: Some("en".into()),
        settings: json!({}),
        status: AgentStatus::Active,
        token_hash: String::new(),
        links: 0,
        created_at: now,
    };
    let project =
        Project { id: id("prj").parse().unwrap(), tenant_id, name: "Downtown".into(), uses: 0, created_at: now };
    let writes = vec![store::agent::insert(&agent).unwrap(), store::project::insert(&project).unwrap()];
    app.store.transact(writes).await.unwrap();
    binding
}

async fn buy(app: &App, agent: Option<AgentBinding>) {
    let op = begin(app, OperationStatus::Running, agent).await;
    let op = saga::drive(app, op, Deadline::of_a_request(app)).await.unwrap();
    assert_eq!(op.status, OperationStatus::Succeeded, "{op:?}");
}

/// A purchase whose sale came to be known only now.
async fn bought_long_ago(app: &App) {
    let mut op = begin(app, OperationStatus::Running, None).await;
    let tag = op.tag(&app.settings.deployment);
    let order = BuyOrder {
        e164: E164.parse().unwrap(),
        tag,
        webhooks: app.webhooks(&tenant()),
        sms: true,
        papers: Papers::default(),
    };
    let sold = app.providers.carrier(Carrier::Twilio).await.unwrap().number_buy(&order).await.unwrap().sold().unwrap();
    let Saga::Purchase(purchase) = &mut op.saga else { unreachable!("a purchase was begun") };
    purchase.bought = Some(CarrierRef { id: sold.id, tag: sold.tag, at_end: AtEnd::Release });
    purchase.sold_at = Some(app.clock.now() - SignedDuration::from_hours(40 * 24));
    let step = op.steps.iter_mut().find(|record| record.step == Step::Buy).unwrap();
    step.state = StepState::Finished;
    let op = saga::drive(app, op, Deadline::of_a_request(app)).await.unwrap();
    assert_eq!(op.status, OperationStatus::Succeeded, "{op:?}");
}

/// Begins the purchase of the events. Nobody drives it yet, and it is due.
async fn begin(app: &App, status: OperationStatus, agent: Option<AgentBinding>) -> Operation {
    // A moment ago, by any clock.
    let now = app.clock.now() - SignedDuration::from_secs(1);
    let price = app.price_book.line(CountryCode::US, NumberKind::Local).unwrap().price;
    let capabilities = Capabilities { voice: true, sms: true, mms: true };
    let purchase = Purchase {
        e164: E164.parse().unwrap(),
        country: CountryCode::US,
        kind: NumberKind::Local,
        capabilities,
        price,
        included: false,
        by_hand: false,
        area_code: None,
        candidates: Vec::new(),
        papers: BTreeMap::new(),
        attempt: 1,
        doubt: false,
        previous_claim: None,
        agent,
        all_or_nothing: false,
        slot: None,
        told: None,
        bought: None,
        sold_at: None,
        connected: None,
        link_refused: None,
    };
    let saga = Saga::Purchase(Box::new(purchase.clone()));
    let (op_id, number_id): (OperationId, NumberId) = (id("op").parse().unwrap(), id("num").parse().unwrap());
    let number = Number {
        id: number_id,
        tenant_id: tenant(),
        project_id: None,
        e164: purchase.e164.clone(),
        slot: None,
        country: purchase.country,
        kind: purchase.kind,
        carrier: Carrier::Twilio,
        status: NumberStatus::Pending,
        name: None,
        notes: None,
        primary: false,
        locked: false,
        tags: Vec::new(),
        capabilities,
        price,
        fallback: None,
        agent_id: None,
        link: None,
        carrier_ref: None,
        platform_ref: None,
        anchor: None,
        paid_through: None,
        release_at: None,
        price_change: None,
        included: false,
        dunning: None,
        released_at: None,
        parked: false,
        parked_why: None,
        sip: None,
        barred: false,
        parked_at: None,
        served_until: None,
        open_operation_id: Some(op_id.clone()),
        created_at: now,
    };
    let mut op = Operation::begin(op_id, &number, saga, &*app.clock);
    (op.status, op.lease_until, op.due_at) = (status, None, Some(now));
    let plan = app.plans.get("PRO").unwrap();
    let (idempotency, first) = (None, false);
    let beginning = purchase::Beginning { number: &number, op: &op, purchase: &purchase, plan, idempotency, first };
    app.store.transact(purchase::begin(&beginning).unwrap()).await.unwrap();
    op
}

/// The top-up of the events, and a customer with a card as they name them.
async fn top_up(app: &App) {
    let now = app.clock.now();
    let by = PaidBy::Checkout { save_card: true, success_url: String::new(), cancel_url: String::new() };
    let top_up = TopUp {
        id: id("top").parse().unwrap(),
        tenant_id: tenant(),
        amount: Money::parse("25.00", Currency::USD).unwrap(),
        status: TopUpStatus::Open,
        by,
        session: Some("cs_test_demo".into()),
        checkout_url: Some("https://checkout.example.test/cs_test_demo".into()),
        payment: None,
        expires_at: None,
        failure: None,
        review: None,
        look_at: Some(now + SignedDuration::from_hours(1)),
        created_at: now,
        revision: 1,
    };
    app.store.transact(store::top_up::insert(&top_up).unwrap().into()).await.unwrap();
    let payer = Payer { customer: "cus_demo".into(), payment_method: None, method_at: None, created_at: now };
    app.store.payer_insert(&tenant(), &payer).await.unwrap();
    app.store.payer_card(&tenant(), "pm_demo", now).await.unwrap();
}

fn tenant() -> TenantId {
    "demo".parse().unwrap()
}

/// What the template says of a function.
pub(crate) fn described(name: &str) -> template::Function {
    let all = template::functions();
    all.into_iter().find(|function| function.name == name).unwrap_or_else(|| panic!("no function {name}"))
}

/// The function of this name, running in this world.
pub(crate) async fn function(app: &TestApp, name: &str) -> Function {
    let described = described(name);
    let binary = binaries::all().join(name);
    let time = Duration::from_secs(described.timeout_s);
    Function::start(&binary, &Environment::of(&described, app), time).await
}

/// What it wrote, which must tell neither of a panic nor whom somebody calls, nor any secret.
pub(crate) async fn end(app: &TestApp, function: Function) {
    let log = function.end().await.join("\n");
    let simulators::Simulators { twilio, vapi, stripe, .. } = &*app.system.simulators;
    let secrets = [&twilio.auth_token, &vapi.api_key, &stripe.api_key, &stripe.webhook_secret].map(String::as_str);
    for never in ["panicked", E164, "+14155550199", AUTH_TOKEN].into_iter().chain(secrets) {
        assert!(!log.contains(never), "{never} in the log:\n{log}");
    }
}
