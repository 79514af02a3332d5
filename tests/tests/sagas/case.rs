//! One failure: play it, let time pass, and hold the books against the world.

use domain::claim::ClaimState;
use domain::number::{Number, NumberStatus};
use domain::operation::{Operation, OperationStatus, Saga};
use serde_json::json;
use shared::serve::{SqsEvent, SqsRecord};
use shared::{jobs, serve};
use store::queue::OperationMessage;
use tests::TestApp;

use crate::fault::{Ending, Fault, Span};
use crate::scenario::{Bound, Driver, Scenario, Stage};
use crate::world;

/// Plays a scenario with this fault in it to its end, and checks everything there is to check.
pub(crate) async fn play(scenario: Scenario, driver: Driver, fault: Fault) {
    let stage = scenario.stage().await;
    stage.refuse();
    let before = world::dump(&stage.app).await;
    stage.app.fault(fault.to_json()).await;
    stage.play(driver).await;
    while_it_lasts(&stage, &fault).await;
    assert!(relent(&stage).await > 0, "the fault never struck");
    within_a_quarter_of_an_hour(&stage).await;
    if world::operations(&stage.app, &stage.tenant, scenario.kind()).await.is_empty() {
        assert!(world::dump(&stage.app).await.books == before.books, "a refused request left something behind");
        stage.ask(&[]).await.expect("an answer");
        within_a_quarter_of_an_hour(&stage).await;
    }
    ended(&stage, fault.ending(scenario), fault.leaves_doubt(scenario)).await;
}

/// The fault goes on, and so does time: minutes, or a day.
async fn while_it_lasts(stage: &Stage, fault: &Fault) {
    minutes(stage).await;
    if fault.span == Span::ADay && running(stage).await {
        pass(stage, "PT25H").await;
        minutes(stage).await;
        // The longest wait between two attempts.
        pass(stage, "PT10M").await;
        minutes(stage).await;
    }
}

/// A few minutes with a worker in each, who may die.
pub(crate) async fn minutes(stage: &Stage) {
    for _ in 0..5 {
        let Some(op) = all(stage).await.into_iter().find(|op| op.status == OperationStatus::Running) else { return };
        if op.lease_until.is_some() {
            stage.app.restart_workers().await;
        }
        pass(stage, "PT1M").await;
        let (app, message) = (stage.app.system.app.clone(), message(&op));
        // What the books do not answer is what the fault wanted; the message comes again.
        let _ = stage.app.mortal(async move { Box::pin(jobs::advance(&app, &message)).await.is_ok() }).await;
    }
}

pub(crate) fn message(op: &Operation) -> OperationMessage {
    OperationMessage { tenant_id: op.tenant_id.clone(), operation_id: op.id.clone() }
}

/// Time in which nothing runs.
pub(crate) async fn pass(stage: &Stage, span: &str) {
    let _ = stage.app.local("clock", Some(json!({ "advance": span, "run_jobs": false }))).await.expect(200);
}

/// The fault is over; the scenario's own refusal is not, if it is still to come. Answers how often the fault struck.
pub(crate) async fn relent(stage: &Stage) -> u64 {
    let faults = stage.app.system.simulators.faults.list();
    let fired = |n: usize| faults["items"][n]["fired"].as_u64().unwrap_or(0);
    stage.app.no_faults();
    match stage.scenario.refusal() {
        None => return fired(0),
        Some((_, _, Some(_taken))) if fired(0) > 0 => {}
        Some(_) => stage.refuse(),
    }
    fired(1)
}

/// Nothing is wrong any more, so whatever runs ends in time.
pub(crate) async fn within_a_quarter_of_an_hour(stage: &Stage) {
    if !running(stage).await {
        return;
    }
    stage.app.restart_workers().await;
    let _ = stage.app.advance("PT15M").await;
    assert!(!running(stage).await, "still running a quarter of an hour after all was well: {:?}", all(stage).await);
}

async fn running(stage: &Stage) -> bool {
    all(stage).await.iter().any(|op| op.status == OperationStatus::Running)
}

async fn all(stage: &Stage) -> Vec<Operation> {
    world::operations(&stage.app, &stage.tenant, stage.scenario.kind()).await
}

pub(crate) async fn only(stage: &Stage) -> Operation {
    let mut ops = all(stage).await;
    assert_eq!(ops.len(), 1, "one request, one operation: {ops:?}");
    ops.remove(0)
}

/// The scenario's operation has ended like this, and the books agree with the world, now and after any repetition.
pub(crate) async fn ended(stage: &Stage, ending: Ending, in_doubt: bool) {
    let ending = match ending {
        Ending::StuckThenSucceeded => {
            resume(stage).await;
            Ending::Succeeded
        }
        Ending::StuckThenFailed => {
            resume(stage).await;
            Ending::Failed
        }
        Ending::StuckThenUnlinked => {
            resume(stage).await;
            Ending::Unlinked
        }
        Ending::LeftBehind => {
            leftovers(stage).await;
            Ending::Succeeded
        }
        Ending::Succeeded | Ending::Unlinked | Ending::Failed => ending,
    };
    agreement(stage, ending, in_doubt).await;
    stage.app.no_faults();
    repeated(stage, ending).await;
    stage.app.verify().await;
}

/// A stuck operation keeps what it has, is shown to the operator, and goes on when told to.
async fn resume(stage: &Stage) {
    let op = only(stage).await;
    assert_eq!(op.status, OperationStatus::Stuck, "{op:?}");
    stage.app.verify().await;
    let number = world::number(&stage.app, &stage.tenant, &op).await;
    let status = match op.saga {
        Saga::Purchase(_) | Saga::Import(_) => NumberStatus::Pending,
        Saga::Release(_) => NumberStatus::Releasing,
        Saga::Link(_) | Saga::Unlink(_) | Saga::Bar(_) | Saga::Restore(_) => NumberStatus::Active,
        Saga::Suspend(_) => NumberStatus::PastDue,
        Saga::Resume(_) => NumberStatus::Suspended,
    };
    assert_eq!((number.status, &number.open_operation_id), (status, &Some(op.id.clone())));
    assert_eq!(world::claim(&stage.app, &number).await.map(|claim| claim.state), Some(ClaimState::Held));
    let (price, currency) = stage.scenario.price();
    let wallet = world::wallet(&stage.app, &stage.tenant, currency).await;
    assert_eq!(wallet.held, if stage.scenario.is_purchase() || stage.scenario.is_import() { price } else { 0 });

    let operator = stage.app.operator().await;
    let shown = stage.app.get(&operator, "/v1/operator/operations?status=stuck").await.expect(200);
    assert_eq!(shown.text("/items/0/id"), op.id.to_string());
    let path = format!("/v1/operator/operations/{}/resume", op.id);
    let _ = stage.app.post(&operator, &path, "resume", json!({})).await.expect(200);
    let _ = stage.app.drain().await.expect(200);
    within_a_quarter_of_an_hour(stage).await;
    let shown = stage.app.get(&operator, "/v1/operator/operations?status=stuck").await.expect(200);
    assert_eq!(shown.body["items"], json!([]));
}

/// What the number was linked by before is in nobody's books. Reconciliation sees it twice, a day apart, and removes it.
async fn leftovers(stage: &Stage) {
    let violations = stage.app.violations().await;
    let lost: Vec<_> = violations.as_array().into_iter().flatten().map(|violation| &violation["invariant"]).collect();
    assert_eq!(lost, ["I2"], "{violations}");
    for action in ["reported", "released"] {
        let run = stage.app.local("jobs/reconcile", Some(json!({}))).await.expect(200);
        let told: Vec<_> = run.body["findings"].as_array().into_iter().flatten().collect();
        let told: Vec<_> = told.iter().map(|finding| (&finding["kind"], &finding["action"])).collect();
        assert_eq!(told, [(&json!("orphan_at_platform"), &json!(action))], "{}", run.body);
        pass(stage, "PT25H").await;
    }
}

/// Operation, number, claim, money, carrier and platform all say the same.
async fn agreement(stage: &Stage, ending: Ending, in_doubt: bool) {
    let (app, tenant, scenario) = (&stage.app, &stage.tenant, stage.scenario);
    let op = only(stage).await;
    let wanted = if ending == Ending::Failed { OperationStatus::Failed } else { OperationStatus::Succeeded };
    assert_eq!(op.status, wanted, "{op:?}");
    app.verify().await;

    let number = world::number(app, tenant, &op).await;
    let (status, agent) = match (scenario.kind(), ending) {
        ("purchase" | "import", Ending::Succeeded) => (NumberStatus::Active, stage.agent_after.as_ref()),
        ("purchase" | "import", Ending::Unlinked) | ("unlink", _) => (NumberStatus::Active, None),
        ("purchase" | "import", _) => (NumberStatus::Failed, None),
        ("link", Ending::Succeeded) => (NumberStatus::Active, stage.agent_after.as_ref()),
        ("link", _) => (NumberStatus::Active, stage.agent_before.as_ref()),
        ("suspend", _) => (NumberStatus::Suspended, stage.agent_after.as_ref()),
        ("resume" | "bar" | "unbar", _) => (NumberStatus::Active, stage.agent_after.as_ref()),
        (_, _) => (NumberStatus::Released, None),
    };
    let bound = number.platform_ref.as_ref().map(|known| &known.platform_agent_id);
    let open = &number.open_operation_id;
    assert_eq!((number.status, bound, open), (status, agent.map(|agent| &agent.id), &None), "{number:?}");
    assert_eq!(number.barred, scenario.kind() == "bar", "{number:?}");
    let reason = number.link.as_ref().and_then(|link| link.reason.as_ref());
    assert_eq!(reason.is_some(), ending == Ending::Unlinked, "{number:?}");

    let active = status.held();
    let tag = number.carrier_ref.as_ref().map(|known| known.tag.as_str());
    for carrier in world::CARRIERS.into_iter().chain(["vapi"]) {
        let held = if carrier == "vapi" { world::natives(app).await } else { world::ours(app, carrier).await };
        let says: Vec<_> = held.iter().map(|number| (number["e164"].as_str(), number["name"].as_str())).collect();
        let there = active && scenario.carrier() == Some(carrier);
        assert_eq!(says, if there { vec![(Some(number.e164.as_str()), tag)] } else { vec![] }, "{carrier}");
    }
    // What the operator owned before is there whatever happens; and as it was, unless it is a tenant's.
    if let Some(own) = &stage.own {
        let is =
            world::at_carrier(app, number.e164.as_str()).await.expect("the operator's own number is never removed");
        let same = if active { is["id"] == own["id"] && is["voice_application"].is_null() } else { is == *own };
        assert!(same, "{is} is not what {own} was");
    }
    calls_go(stage, &number).await;
    at_platforms(app, agent).await;

    let bought = (scenario.is_purchase() || scenario.is_import()) && status != NumberStatus::Failed;
    let (had, charges) = stage.had;
    let (price, currency) = scenario.price();
    assert_eq!(world::charges(app, tenant, currency).await, charges + usize::from(bought));
    let wallet = world::wallet(app, tenant, currency).await;
    let balance = had - if bought { price } else { 0 };
    assert_eq!((wallet.balance, wallet.held, wallet.available), (balance, 0, balance));

    let doubt = match &op.saga {
        Saga::Purchase(purchase) => purchase.doubt,
        Saga::Import(import) => import.doubt,
        Saga::Link(_)
        | Saga::Unlink(_)
        | Saga::Release(_)
        | Saga::Suspend(_)
        | Saga::Resume(_)
        | Saga::Bar(_)
        | Saga::Restore(_) => false,
    };
    assert!(doubt || !in_doubt, "nobody knows whether it was sold, and the operation is sure: {op:?}");
    let claim = world::claim(app, &number).await.map(|claim| claim.state);
    let stands = match (status, doubt) {
        (NumberStatus::Released, _) => Some(ClaimState::Quarantined),
        (NumberStatus::Failed, true) => Some(ClaimState::Blocked),
        (NumberStatus::Failed, false) => None,
        (_, _) => Some(ClaimState::Held),
    };
    assert_eq!(claim, stands);
}

/// The carrier sends the number's calls where the books say.
async fn calls_go(stage: &Stage, number: &Number) {
    let Some(known) = number.carrier_ref.as_ref().filter(|_| number.status.held()) else { return };
    if stage.scenario.carrier().is_none() {
        return;
    }
    let app = &stage.app.system.undisturbed;
    let carrier = app.providers.carrier(number.carrier).await.expect("an account");
    let found = carrier.number_get(&known.id).await.expect("it was held under its tag");
    assert_eq!(found.settings, number.settings(app.webhooks(&number.tenant_id)), "{number:?}");
}

/// This agent's platform knows the number, bound to it, and no other does.
async fn at_platforms(app: &TestApp, agent: Option<&Bound>) {
    for platform in world::PLATFORMS {
        let known = world::ours(app, platform).await;
        let says: Vec<_> = known.iter().map(|number| number["agent"].as_str()).collect();
        let kept = agent.filter(|agent| agent.kept && agent.platform == platform);
        let bound = kept.iter().map(|agent| agent.answers.then_some(agent.id.as_str()));
        assert_eq!(says, bound.collect::<Vec<_>>(), "{platform}");
    }
}

/// The operation's message once more, and the request once more: nothing happens twice.
async fn repeated(stage: &Stage, ending: Ending) {
    let (app, tenant, op) = (&stage.app, &stage.tenant, only(stage).await);
    let before = world::dump(app).await;
    let body = serde_json::to_string(&message(&op)).expect("a message");
    let records = ["once", "twice"].map(|id| SqsRecord { message_id: id.into(), body: body.clone() });
    let (answer, _) = Box::pin(serve::advance_batch(&app.system.app, SqsEvent { records: records.into() })).await;
    assert_eq!(answer.batch_item_failures, []);
    assert!(world::dump(app).await == before, "an operation that was over did something when asked again");

    if stage.scenario.begun_by_billing() {
        return;
    }
    let (first, second) = (stage.ask(&[]).await, stage.ask(&[]).await);
    let (first, second) = (first.expect("an answer"), second.expect("an answer"));
    match (stage.scenario.kind(), ending) {
        ("purchase" | "import" | "release", _) => {
            assert_eq!((first.status, &first.body), (second.status, &second.body));
            assert!(world::dump(app).await == before, "a request that was repeated did something");
            let id = if ending == Ending::Failed { "/operation_id" } else { "/operation/id" };
            assert_eq!(first.text(id), op.id.to_string(), "{first:?}");
            let status = match (stage.scenario.kind(), ending) {
                ("release", _) => 200,
                (_, Ending::Failed) => first.status.as_u16().clamp(400, 599),
                (_, _) => 201,
            };
            let _ = first.expect(status);
        }
        // What failed may succeed now; what succeeded does again. In the end the tenant has what it asked for.
        (_, _) => {
            let (first, second) = (first.expect(200), second.expect(200));
            assert_eq!(first.body["number"], second.body["number"]);
            let agent = app.get(tenant, &format!("/v1/numbers/{}", op.number_id)).await.text("/agent_id");
            let wanted = stage.request.body.as_ref().and_then(|body| body["agent_id"].as_str()).unwrap_or_default();
            assert_eq!(agent, wanted);
            at_platforms(app, stage.agent_after.as_ref()).await;
        }
    }
}
