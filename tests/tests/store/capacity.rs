//! What things cost at DynamoDB: requests and capacity units, exactly, as the answers report them.

use std::collections::BTreeMap;

use local::system::DEPLOYMENT;
use serde_json::json;
use tests::{Tenant, TestApp, twilio};

/// A purchase may cost this much.
const PURCHASE_WRITE_UNITS_MAX: f64 = 60.0;

/// What something cost.
#[derive(Debug, PartialEq)]
struct Cost {
    requests: BTreeMap<&'static str, u64>,
    read: f64,
    write: f64,
}

impl Cost {
    fn of<const N: usize>(requests: [(&'static str, u64); N], read: f64, write: f64) -> Self {
        Self { requests: requests.into(), read, write }
    }

    /// What was asked for since the counts were set back.
    fn since(app: &TestApp) -> Self {
        let dynamodb = &app.system.aws.dynamodb;
        let capacity = dynamodb.capacity();
        Self { requests: dynamodb.requests(), read: capacity.read, write: capacity.write }
    }
}

/// Does it, and holds its cost against what it should be.
async fn check<T>(app: &TestApp, what: &str, work: impl Future<Output = T>, expected: Cost) -> T {
    app.system.aws.dynamodb.reset_counts();
    let done = work.await;
    let cost = Cost::since(app);
    eprintln!("{what}: {} read, {} write units, {:?}", cost.read, cost.write, cost.requests);
    assert_eq!(cost, expected, "{what}");
    done
}

async fn buy(app: &TestApp, tenant: &Tenant, e164: &str, agent: Option<&str>) -> String {
    let body = json!({ "e164": e164, "agent_id": agent });
    app.post(tenant, "/v1/numbers", e164, body).await.expect(201).text("/number/id")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_asks_nothing_of_the_table() {
    let app = TestApp::start().await;
    let tenant = app.tenant("PRO", "10.00").await;
    check(&app, "search", app.offers(&tenant, "212"), Cost::of([], 0.0, 0.0)).await;
    // Whether the tenant could buy there is in its item.
    check(&app, "countries", app.get(&tenant, "/v1/countries"), Cost::of([("get", 1)], 1.0, 0.0)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purchase_costs_two_transactions_and_a_pair_of_writes_a_step() {
    let app = TestApp::start().await;
    let tenant = app.tenant("PRO", "10.00").await;
    let agent = app.agent(&tenant, "Receptionist").await;
    let offers = app.offers(&tenant, "212").await;

    // The last step's second write is the commit; the last read looks for an automatic top-up.
    let expected = Cost::of([("transact", 2), ("put", 1), ("get", 7)], 7.0, 32.0);
    assert!(expected.write <= PURCHASE_WRITE_UNITS_MAX);
    check(&app, "purchase, unlinked", buy(&app, &tenant, &offers[0], None), expected).await;

    let expected = Cost::of([("transact", 2), ("put", 3), ("get", 8)], 8.0, 40.0);
    assert!(expected.write <= PURCHASE_WRITE_UNITS_MAX);
    check(&app, "purchase, linked", buy(&app, &tenant, &offers[1], Some(&agent)), expected).await;

    let again = async { app.post(&tenant, "/v1/numbers", &offers[0], json!({ "e164": offers[0] })).await.expect(201) };
    let _ = check(&app, "purchase, repeated", again, Cost::of([("get", 3)], 3.0, 0.0)).await;
    let dry = async {
        let path = "/v1/numbers?dry_run=true";
        app.post(&tenant, path, "unused", json!({ "e164": offers[2] })).await.expect(200)
    };
    let _ = check(&app, "purchase, dry run", dry, Cost::of([("get", 4)], 4.0, 0.0)).await;
    app.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn link_unlink_and_release_cost_two_transactions_each() {
    let app = TestApp::start().await;
    let tenant = app.tenant("PRO", "10.00").await;
    let agent = app.agent(&tenant, "Receptionist").await;
    let other = app.agent(&tenant, "Night shift").await;
    let number = buy(&app, &tenant, &app.offers(&tenant, "212").await[0], None).await;
    let path = format!("/v1/numbers/{number}/agent");
    let link = |agent: &str| {
        let body = json!({ "agent_id": agent });
        async { app.put(&tenant, &path, body).await.expect(200) }
    };
    let _ = check(&app, "link", link(&agent), Cost::of([("transact", 2), ("put", 1), ("get", 3)], 3.0, 17.0)).await;
    let _ = check(&app, "relink", link(&other), Cost::of([("transact", 2), ("put", 1), ("get", 3)], 3.0, 22.0)).await;
    let unlink = async { app.delete(&tenant, &path).await.expect(200) };
    let _ = check(&app, "unlink", unlink, Cost::of([("transact", 2), ("put", 1), ("get", 2)], 2.0, 17.0)).await;
    // Where calls went past us, the end of the link is noted besides, for what the platform tells late.
    let import = json!({ "agent_id": agent, "method": "import" });
    let _ = app.put(&tenant, &path, import).await.expect(200);
    let unlink = async { app.delete(&tenant, &path).await.expect(200) };
    let expected = Cost::of([("transact", 2), ("put", 3), ("get", 2)], 2.0, 32.0);
    let _ = check(&app, "unlink, past us", unlink, expected).await;
    let release = async { app.delete(&tenant, &format!("/v1/numbers/{number}")).await.expect(200) };
    let _ = check(&app, "release", release, Cost::of([("transact", 2), ("put", 1), ("get", 2)], 2.0, 20.0)).await;
    app.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_incoming_call_costs_one_round_trip_and_no_secret() {
    let app = TestApp::start().await;
    let tenant = app.tenant("PRO", "10.00").await;
    let agent = app.agent(&tenant, "Receptionist").await;
    let offers = app.offers(&tenant, "212").await;
    buy(&app, &tenant, &offers[0], Some(&agent)).await;

    // From here on nothing good can be read at Secrets Manager: what is answered was known.
    for secret in ["twilio", "vapi", "sip"] {
        app.system.aws.secrets.put(&format!("trunkline/{DEPLOYMENT}/{secret}"), "{}");
    }
    // Side by side: one BatchGet of claim, tenant and wallet, the call's put, which is also an item of the index of calls and of
    // that of what is due, and the count of the calls that go on.
    let expected = || Cost::of([("batch_get", 1), ("put", 1), ("query", 1)], 3.5, 3.0);
    let call = |to: String, sid: &'static str| {
        let (app, tenant) = (&app, &tenant);
        async move { twilio::incoming_call(app, tenant, ("+14155550199", &to), sid).await }
    };
    let (status, document) = check(&app, "incoming call", call(offers[0].clone(), "CA1"), expected()).await;
    assert!(status == 200 && document.contains("<Sip "), "{status} {document}");
    // Asked again, the call is noted already; an answer that a condition lost reports no units (the bill says one).
    let repeated = Cost::of([("batch_get", 1), ("put", 1), ("query", 1)], 3.5, 0.0);
    let (status, again) = check(&app, "incoming call, asked again", call(offers[0].clone(), "CA1"), repeated).await;
    assert_eq!((status, again), (200, document));
    // A number that nobody holds has no claim to read.
    let (status, document) = check(&app, "incoming call, not ours", call(offers[1].clone(), "CA2"), expected()).await;
    assert!(status == 200 && document.contains("<Reject"), "{status} {document}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reading_costs_what_is_shown() {
    let app = TestApp::start().await;
    let tenant = app.tenant("PRO", "30.00").await;
    let offers = app.offers(&tenant, "212").await;
    let mut number = String::new();
    for offer in offers.iter().take(10) {
        number = buy(&app, &tenant, offer, None).await;
    }
    let get = |path: String| {
        let (app, tenant) = (&app, &tenant);
        async move { app.get(tenant, &path).await.expect(200) }
    };
    let rows = [
        ("a number", format!("/v1/numbers/{number}"), Cost::of([("get", 1)], 1.0, 0.0)),
        ("ten numbers", "/v1/numbers".to_owned(), Cost::of([("query", 1)], 2.0, 0.0)),
        ("one number of ten", "/v1/numbers?limit=1".to_owned(), Cost::of([("query", 1)], 1.0, 0.0)),
        ("ten operations", "/v1/operations".to_owned(), Cost::of([("query", 1)], 2.0, 0.0)),
        ("the wallet", "/v1/wallet".to_owned(), Cost::of([("get", 1), ("query", 2)], 4.0, 0.0)),
        ("eleven entries", "/v1/wallet/entries".to_owned(), Cost::of([("get", 1), ("query", 1)], 3.0, 0.0)),
        ("no calls", format!("/v1/numbers/{number}/calls"), Cost::of([("get", 1), ("query", 1)], 1.5, 0.0)),
    ];
    for (what, path, expected) in rows {
        let _ = check(&app, what, get(path), expected).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sweep_that_finds_nothing_costs_half_a_unit_a_shard() {
    let app = TestApp::start().await;
    let swept = async { shared::jobs::sweep(&app.system.app).await.unwrap() };
    let swept = check(&app, "an idle sweep", swept, Cost::of([("query", 17)], 8.5, 0.0)).await;
    assert_eq!(swept.examined, 0);
}
