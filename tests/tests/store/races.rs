//! Several at once: one of them wins, or as many as there is room for, and no invariant breaks.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::operation::OperationStatus;
use domain::{OperationId, TenantId};
use reqwest::Method;
use serde_json::{Value, json};
use store::{Guard, TransactError};
use tests::{Answer, Tenant, TestApp};
use tokio::task::JoinSet;

/// Sends all of these at once.
async fn at_once(app: &Arc<TestApp>, requests: Vec<(Method, Tenant, String, String, Option<Value>)>) -> Vec<Answer> {
    let gate = Arc::new(tokio::sync::Barrier::new(requests.len()));
    let mut sent = JoinSet::new();
    for (method, tenant, path, key, body) in requests {
        let (app, gate) = (app.clone(), gate.clone());
        sent.spawn(async move {
            gate.wait().await;
            app.send(method, &path, &tenant.token, &[("Idempotency-Key", &key)], body).await
        });
    }
    sent.join_all().await
}

fn purchase(tenant: &Tenant, e164: &str, key: &str) -> (Method, Tenant, String, String, Option<Value>) {
    (Method::POST, tenant.clone(), "/v1/numbers".into(), key.into(), Some(json!({ "e164": e164 })))
}

/// How often each status and code came.
fn tally(answers: &[Answer]) -> BTreeMap<(u16, String), usize> {
    let mut tally = BTreeMap::new();
    for answer in answers {
        *tally.entry((answer.status.as_u16(), answer.code().to_owned())).or_default() += 1;
    }
    tally
}

fn expected<const N: usize>(rows: [(u16, &str, usize); N]) -> BTreeMap<(u16, String), usize> {
    rows.map(|(status, code, times)| ((status, code.to_owned()), times)).into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixteen_tenants_want_one_number() {
    let app = Arc::new(TestApp::start().await);
    let mut requests = Vec::new();
    let mut e164 = String::new();
    for n in 0..16 {
        let tenant = app.tenant("PRO", "10.00").await;
        if e164.is_empty() {
            e164 = app.offers(&tenant, "212").await[0].clone();
        }
        requests.push(purchase(&tenant, &e164, &format!("key {n}")));
    }
    let answers = at_once(&app, requests).await;
    assert_eq!(tally(&answers), expected([(201, "", 1), (409, "number_unavailable", 15)]));
    assert_eq!(app.asked("twilio", "numbers.create").await, 1);
    app.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn money_for_seven_buys_seven() {
    let app = Arc::new(TestApp::start().await);
    let tenant = app.tenant("PRO", "11.00").await;
    let offers = app.offers(&tenant, "212").await;
    assert_eq!(offers.len(), 20);
    let answers = at_once(&app, offers.iter().map(|e164| purchase(&tenant, e164, e164)).collect()).await;
    assert_eq!(tally(&answers), expected([(201, "", 7), (402, "insufficient_balance", 13)]));
    assert_eq!(app.wallet(&tenant).await, ("0.50".into(), "0.00".into(), "0.50".into()));
    app.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_plan_for_twenty_five_holds_twenty_five() {
    let app = Arc::new(TestApp::start().await);
    let tenant = app.tenant("PRO", "100.00").await;
    let offers = [app.offers(&tenant, "212").await, app.offers(&tenant, "415").await].concat();
    let answers = at_once(&app, offers.iter().take(30).map(|e164| purchase(&tenant, e164, e164)).collect()).await;
    assert_eq!(tally(&answers), expected([(201, "", 25), (403, "number_limit_reached", 5)]));
    app.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_key_sent_twelve_times_at_once_buys_once() {
    let app = Arc::new(TestApp::start().await);
    let tenant = app.tenant("PRO", "100.00").await;
    let any = || (Method::POST, tenant.clone(), "/v1/numbers".into(), "key".into(), Some(json!({ "country": "US" })));
    let answers = at_once(&app, (0..12).map(|_| any()).collect()).await;
    let operations: std::collections::BTreeSet<String> =
        answers.iter().map(|answer| answer.text("/operation/id")).collect();
    assert!(operations.len() == 1 && !operations.contains(""), "{answers:?}");
    assert!(answers.iter().all(|answer| matches!(answer.status.as_u16(), 201 | 202)), "{:?}", tally(&answers));
    assert_eq!(app.asked("twilio", "numbers.create").await, 1);

    let other = app.post(&tenant, "/v1/numbers", "key", json!({ "country": "CA" })).await;
    assert_eq!(other.expect(422).code(), "idempotency_key_reused");
    app.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_key_sent_twelve_times_at_once_makes_one_agent_and_no_answer_leaves_its_number_out() {
    let app = Arc::new(TestApp::start().await);
    // Money for one, so that whoever looks late finds none left.
    let tenant = app.tenant("PRO", "1.50").await;
    let body = || Some(json!({ "name": "Front desk", "platform": "elevenlabs" }));
    let agent = || (Method::POST, tenant.clone(), "/v1/agents".into(), "key".into(), body());
    let answers = at_once(&app, (0..12).map(|_| agent()).collect()).await;
    let made = app.post(&tenant, "/v1/agents", "key", json!(body())).await.expect(201);
    assert_ne!(made.text("/operation/id"), "", "{}", made.body);
    for answer in &answers {
        match answer.status.as_u16() {
            201 => assert_eq!(answer.text("/operation/id"), made.text("/operation/id"), "{}", answer.body),
            _ => assert_eq!((answer.status.as_u16(), answer.code()), (409, "operation_in_progress")),
        }
    }
    assert_eq!(app.asked("twilio", "numbers.create").await, 1);
    app.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn link_unlink_and_release_at_once_are_one_of_them() {
    let mut rounds = JoinSet::new();
    for seed in 1..=4 {
        rounds.spawn(link_unlink_and_release(seed));
    }
    rounds.join_all().await;
}

async fn link_unlink_and_release(seed: u64) {
    let app = Arc::new(TestApp::seeded(seed).await);
    let tenant = app.tenant("PRO", "10.00").await;
    let (agent, other) = (app.agent(&tenant, "Day").await, app.agent(&tenant, "Night").await);
    let e164 = app.offers(&tenant, "212").await[0].clone();
    let bought = app.post(&tenant, "/v1/numbers", "key", json!({ "e164": e164, "agent_id": agent })).await;
    let number = bought.expect(201).text("/number/id");
    // Whoever is first has the number for as long as the platform takes.
    for operation in ["numbers.update", "numbers.delete"] {
        let delay = json!({ "provider": "vapi", "operation": operation, "kind": "delay", "ms": 3000, "times": 1 });
        app.fault(delay).await;
    }
    let (path, key) = (format!("/v1/numbers/{number}"), String::from("unused"));
    let link = Some(json!({ "agent_id": other }));
    let requests = vec![
        (Method::PUT, tenant.clone(), format!("{path}/agent"), key.clone(), link),
        (Method::DELETE, tenant.clone(), format!("{path}/agent"), key.clone(), None),
        (Method::DELETE, tenant.clone(), path.clone(), key, None),
    ];
    let answers = at_once(&app, requests).await;
    assert_eq!(tally(&answers), expected([(200, "", 1), (409, "operation_in_progress", 2)]), "seed {seed}");
    app.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_drivers_one_is_fenced_off() {
    let app = TestApp::start().await;
    let tenant = app.tenant("PRO", "10.00").await;
    let e164 = app.offers(&tenant, "212").await[0].clone();
    let headers = [("Idempotency-Key", "key"), ("Prefer", "respond-async")];
    let body = Some(json!({ "e164": e164 }));
    let begun = app.send(Method::POST, "/v1/numbers", &tenant.token, &headers, body).await.expect(202);
    let (id, tenant_id): (OperationId, TenantId) =
        (begun.text("/operation/id").parse().unwrap(), tenant.id.parse().unwrap());

    let store = &app.system.app.store;
    let now = app.system.app.clock.real_now();
    let read = store.operation_get(&tenant_id, &id).await.unwrap().unwrap();
    // Ten read the same record; one of them gets it.
    let mut takers = JoinSet::new();
    for _ in 0..10 {
        let (store, mut mine) = (store.clone(), read.clone());
        takers.spawn(async move { store.operation_lease(&mut mine, now).await.unwrap().then_some(mine) });
    }
    let taken: Vec<_> = takers.join_all().await.into_iter().flatten().collect();
    let [first] = taken.as_slice() else { panic!("{} got it", taken.len()) };

    // Its lease runs out, and another takes over.
    let mut second = store.operation_get(&tenant_id, &id).await.unwrap().unwrap();
    assert!(store.operation_lease(&mut second, now).await.unwrap());
    assert!(second.fence > first.fence);
    assert!(!store.operation_journal(first).await.unwrap(), "the first may not write any more");
    let mut late = first.clone();
    late.status = OperationStatus::Failed;
    let ending = store.transact(vec![store::operation::update(&late).unwrap()]).await;
    assert!(matches!(&ending, Err(TransactError::Lost(guards)) if *guards == [Guard::Operation]), "{ending:?}");
    assert!(!store.operation_lease(&mut first.clone(), now).await.unwrap(), "nor take it back by what it knew");
    assert!(store.operation_journal(&second).await.unwrap(), "the second may");

    app.restart_workers().await;
    let _ = app.drain().await.expect(200);
    let status = app.get(&tenant, &format!("/v1/operations/{id}")).await.expect(200).text("/status");
    assert_eq!(status, "succeeded");
    app.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn money_comes_and_goes_while_numbers_are_bought() {
    let app = Arc::new(TestApp::start().await);
    let tenant = app.tenant("PRO", "15.00").await;
    let operator = app.operator().await;
    let offers = app.offers(&tenant, "212").await;
    let adjust = |amount: &str, n: usize| {
        let path = format!("/v1/operator/tenants/{}/adjustments", tenant.id);
        let body = json!({ "amount": amount, "currency": "USD", "reason": "Agreed" });
        (Method::POST, operator.clone(), path, format!("{amount} {n}"), Some(body))
    };
    let mut requests: Vec<_> = offers.iter().take(10).map(|e164| purchase(&tenant, e164, e164)).collect();
    requests.extend((0..10).map(|n| adjust("2.00", n)));
    // Whatever the order, there is always enough: 15 for ten numbers, and no more is taken out than came in.
    requests.extend((0..4).map(|n| adjust("-0.25", n)));
    let answers = at_once(&app, requests).await;
    let refused = answers.iter().filter(|answer| answer.status.as_u16() != 201).count();
    let short = answers.iter().filter(|answer| answer.code() == "insufficient_balance").count();
    assert_eq!(refused, short, "{:?}", tally(&answers));
    app.verify().await;
    // 15.00 + 10 · 2.00, less what was sold and taken out.
    let sold = answers.iter().filter(|answer| !answer.text("/number/id").is_empty()).count();
    let taken = answers.iter().filter(|answer| answer.text("/amount/amount") == "-0.25").count();
    let cents = 3500 - sold * 150 - taken * 25;
    let amount = format!("{}.{:02}", cents / 100, cents % 100);
    assert_eq!(app.wallet(&tenant).await, (amount.clone(), "0.00".into(), amount));
}
