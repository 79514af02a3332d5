//! Who may do what: one row for every route there is, held against every sort of caller.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use shared::http::Access;
use shared::http::routes::Route;
use tests::{Answer, Tenant};

use crate::kit::{FALLBACK, NUMBER, Story};

/// A number in the carrier's account that the operator bought by hand.
const OPERATORS: &str = "+12125550188";

/// Where a tenant buys its agent a number, and the operator for a tenant.
const ADD_NUMBER: &str = "/v1/agents/{id}/number";

/// What a request to a route needs.
struct Row {
    method: Method,
    path: &'static str,
    /// Whose id stands in the path.
    of: Of,
    body: Option<Value>,
    /// What the owner of everything is answered.
    owner: u16,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    Nothing,
    Number,
    Agent,
    Project,
    Operation,
    TopUp,
    /// Only the operator names these.
    Tenant,
}

/// Reads come first and deletions last, so that what is in the path is there until the end.
fn rows() -> Vec<Row> {
    let row = |method: Method, path: &'static str, of: Of, body: Option<Value>, owner: u16| Row {
        method,
        path,
        of,
        body,
        owner,
    };
    let get = |path, of| row(Method::GET, path, of, None, 200);
    let agent = json!({ "name": "Night shift", "platform": "vapi" });
    let import = json!({ "carrier": "twilio", "e164": OPERATORS, "tenant_id": "{tenant}" });
    let adjustment = json!({ "amount": "1", "currency": "USD", "reason": "A courtesy" });
    let top_up = json!({ "amount": "25", "currency": "USD" });
    let auto = json!({ "currency": "USD", "below": "10", "amount": "25" });
    vec![
        get("/v1/countries", Of::Nothing),
        get("/v1/available-numbers", Of::Nothing),
        get("/v1/numbers", Of::Nothing),
        get("/v1/numbers/{id}", Of::Number),
        get("/v1/numbers/{id}/calls", Of::Number),
        get("/v1/numbers/{id}/agreement", Of::Number),
        get("/v1/agents", Of::Nothing),
        get("/v1/agents/{id}", Of::Agent),
        get("/v1/projects", Of::Nothing),
        get("/v1/projects/{id}", Of::Project),
        get("/v1/operations", Of::Nothing),
        get("/v1/operations/{id}", Of::Operation),
        get("/v1/wallet", Of::Nothing),
        get("/v1/wallet/upcoming", Of::Nothing),
        get("/v1/wallet/entries", Of::Nothing),
        get("/v1/wallet/top-ups/{id}", Of::TopUp),
        get("/v1/openapi.json", Of::Nothing),
        get("/v1/operator/tenants", Of::Nothing),
        get("/v1/operator/operations", Of::Nothing),
        get("/v1/operator/numbers", Of::Nothing),
        get("/v1/operator/audit", Of::Nothing),
        get("/v1/operator/billing/preview", Of::Nothing),
        get("/v1/operator/ledger/verify", Of::Nothing),
        // No run was ever made.
        row(Method::GET, "/v1/operator/reconcile/{id}", Of::Operation, None, 404),
        row(Method::GET, "/v1/operator/agreement/{date}", Of::Nothing, None, 400),
        row(Method::POST, "/v1/operator/reconcile", Of::Nothing, Some(json!({ "dry_run": true })), 200),
        get("/v1/operator/tenants/{id}/margin", Of::Tenant),
        row(Method::POST, "/v1/operator/renew", Of::Nothing, Some(json!({ "dry_run": true })), 200),
        row(Method::POST, "/v1/operator/dun", Of::Nothing, Some(json!({})), 200),
        row(Method::PUT, "/v1/operator/tenants/{id}", Of::Tenant, Some(json!({ "plan": "PRO" })), 200),
        row(Method::POST, "/v1/operator/tenants/{id}/adjustments", Of::Tenant, Some(adjustment), 201),
        row(Method::POST, "/v1/operator/operations/{id}/resume", Of::Operation, None, 404),
        row(Method::POST, "/v1/operator/numbers/{id}/park", Of::Number, Some(decision(None)), 200),
        row(Method::POST, "/v1/operator/numbers/{id}/resolve", Of::Number, Some(decision(Some("keep"))), 200),
        row(Method::POST, "/v1/numbers", Of::Nothing, Some(json!({ "country": "US" })), 201),
        row(Method::POST, "/v1/numbers/import", Of::Nothing, Some(import), 201),
        row(Method::POST, "/v1/agents", Of::Nothing, Some(agent), 201),
        row(Method::POST, "/v1/wallet/top-ups", Of::Nothing, Some(top_up), 201),
        row(Method::PUT, "/v1/wallet/auto-top-up", Of::Nothing, Some(auto), 200),
        row(Method::POST, "/v1/projects", Of::Nothing, Some(json!({ "name": "Another" })), 201),
        row(Method::PATCH, "/v1/projects/{id}", Of::Project, Some(json!({ "name": "Renamed" })), 200),
        row(Method::PATCH, "/v1/numbers/{id}", Of::Number, Some(json!({ "name": "Renamed" })), 200),
        row(Method::POST, "/v1/numbers/{id}/undo-release", Of::Number, None, 409),
        row(Method::PUT, "/v1/numbers/{id}/agent", Of::Number, Some(json!({ "agent_id": "{agent}" })), 200),
        row(Method::POST, "/v1/numbers/{id}/test-call", Of::Number, Some(json!({ "to": FALLBACK })), 201),
        row(Method::DELETE, "/v1/numbers/{id}/agent", Of::Number, None, 200),
        row(Method::POST, ADD_NUMBER, Of::Agent, Some(json!({ "country": "US" })), 201),
        row(Method::DELETE, ADD_NUMBER, Of::Agent, None, 200),
        row(Method::DELETE, "/v1/agents/{id}", Of::Agent, None, 204),
        row(Method::DELETE, "/v1/numbers/{id}", Of::Number, None, 200),
        row(Method::DELETE, "/v1/projects/{id}", Of::Project, None, 204),
        row(Method::POST, "/webhooks/twilio/voice", Of::Nothing, None, 403),
        row(Method::POST, "/webhooks/twilio/voice/dial-result", Of::Nothing, None, 403),
        row(Method::POST, "/webhooks/twilio/voice/fallback", Of::Nothing, None, 403),
        row(Method::POST, "/webhooks/twilio/status", Of::Nothing, None, 403),
        row(Method::POST, "/webhooks/vapi", Of::Nothing, None, 403),
        row(Method::POST, "/webhooks/retell", Of::Nothing, None, 403),
        row(Method::POST, "/webhooks/elevenlabs", Of::Nothing, None, 403),
        row(Method::POST, "/webhooks/stripe", Of::Nothing, None, 400),
    ]
}

/// What an operator says of a number; the tenant is filled in.
fn decision(decision: Option<&str>) -> Value {
    let mut body = json!({ "tenant_id": "{tenant}", "reason": "It was looked into" });
    if let Some(decision) = decision {
        body["decision"] = json!(decision);
    }
    body
}

/// A tenant with one of everything, in a project, and callers of every sort.
struct World {
    story: Story,
    number: String,
    agent: String,
    project: String,
    operation: String,
    top_up: String,
}

impl World {
    async fn make() -> Self {
        let story = Story::with_an_offer().await;
        let made =
            story.app.post(&story.tenant, "/v1/projects", "project", json!({ "name": "Shop" })).await.expect(201);
        let project = made.text("/id");
        let request = json!({ "name": "Front desk", "platform": "vapi", "project_id": project });
        let agent = story.app.post(&story.tenant, "/v1/agents", "agent", request).await.expect(201).text("/agent/id");
        let bought = story.buy("number", json!({ "e164": NUMBER, "project_id": project })).await.expect(201);
        let (number, operation) = (bought.text("/number/id"), bought.text("/operation/id"));
        // Paid, so that a card is kept.
        let request = json!({ "amount": "25", "currency": "USD" });
        let started = story.app.post(&story.tenant, "/v1/wallet/top-ups", "top-up", request).await.expect(201);
        let pay = json!({ "session": started.text("/session"), "outcome": "paid" });
        let _ = story.app.local("simulators/stripe/pay", Some(pay)).await.expect(200);
        let top_up = started.text("/id");
        story.stock(&[OPERATORS]).await;
        let _ = story.at_the_carrier("IncomingPhoneNumbers", &[("PhoneNumber", OPERATORS)]).await;
        Self { story, number, agent, project, operation, top_up }
    }

    /// Sends a row's request with the ids of this world.
    async fn send(&self, row: &Row, caller: &Tenant) -> Answer {
        let id = match row.of {
            Of::Nothing => "",
            Of::Number => &self.number,
            Of::Agent => &self.agent,
            Of::Project => &self.project,
            Of::Operation => &self.operation,
            Of::TopUp => &self.top_up,
            Of::Tenant => &self.story.tenant.id,
        };
        self.send_to(row, caller, id).await
    }

    /// Sends a row's request with an id of the right shape that nobody has.
    async fn send_to_nobody(&self, row: &Row, caller: &Tenant) -> Answer {
        let unknown = "0192a6b0c5d17e3f8a9b0c1d2e3f4a5b";
        let prefix = match row.of {
            Of::Nothing => "",
            Of::Number => "num",
            Of::Agent => "agt",
            Of::Project => "prj",
            Of::Operation => "op",
            Of::TopUp => "top",
            Of::Tenant => "ten",
        };
        self.send_to(row, caller, &format!("{prefix}_{unknown}")).await
    }

    async fn send_to(&self, row: &Row, caller: &Tenant, id: &str) -> Answer {
        let mut path = row.path.replace("{id}", id) + query(row.path);
        // The operator says in whose place it acts.
        if caller.id.is_empty() && row.path == ADD_NUMBER {
            path = format!("{path}?tenant_id={}", self.story.tenant.id);
        }
        let body = row.body.as_ref().map(|body| {
            let text = body.to_string().replace("{agent}", &self.agent).replace("{tenant}", &self.story.tenant.id);
            serde_json::from_str(&text).expect("a body")
        });
        let key = [("Idempotency-Key", row.path)];
        self.story.app.send(row.method.clone(), &path, &caller.token, &key, body).await
    }
}

fn query(path: &str) -> &'static str {
    match path {
        "/v1/available-numbers" => "?country=US&limit=1",
        "/v1/operator/operations" => "?status=stuck",
        "/v1/operator/numbers" => "?parked=true",
        _ => "",
    }
}

/// Whether it is for a tenant's callers too, and from which role on.
fn of_tenants(row: &Row) -> Option<domain::tenant::Role> {
    match access(row) {
        Access::Tenant(wanted) | Access::OperatorOrTenant(wanted) => Some(wanted),
        Access::Public | Access::Operator => None,
    }
}

fn access(row: &Row) -> Access {
    let routes = local::functions::all().list;
    let same = |route: &&Route| route.method == row.method && route.path == row.path;
    routes.iter().find(same).map(|route| route.access).expect("a route")
}

/// Everything the tenant has and every third party believes.
async fn everything(world: &World) -> String {
    let mut told = world.story.told().await;
    for path in ["/v1/projects", "/v1/agents"] {
        told += &world.story.get(path).await.expect(200).body.to_string();
    }
    // What is only read at a third party leaves a mark in its log.
    told.lines().filter(|line| !line.starts_with("asked")).collect::<Vec<_>>().join("\n")
}

/// Sends every row that applies and holds the answer against what is expected; nothing may have changed after it.
async fn refused_everywhere(world: &World, caller: &Tenant, applies: impl Fn(&Row) -> bool, status: u16, code: &str) {
    let before = everything(world).await;
    let mut rows_sent = 0;
    for row in rows().iter().filter(|row| applies(row)) {
        let answer = world.send(row, caller).await;
        let said = (answer.status.as_u16(), answer.code());
        assert_eq!(said, (status, code), "{} {}: {}", row.method, row.path, answer.body);
        assert_eq!(answer.headers["content-type"], "application/problem+json", "{}", row.path);
        rows_sent += 1;
    }
    assert!(rows_sent > 0, "no row applies");
    assert_eq!(everything(world).await, before);
}

#[test]
fn every_route_has_a_row_and_every_row_a_route() {
    let line = |method: &Method, path: &str| format!("{method} {path}");
    let routes: BTreeSet<_> = local::functions::all().list.iter().map(|it| line(&it.method, it.path)).collect();
    let table: BTreeSet<_> = rows().iter().map(|row| line(&row.method, row.path)).collect();
    assert_eq!(table, routes);
    for row in rows() {
        assert_eq!(row.path.contains("{id}"), row.of != Of::Nothing, "{}", row.path);
    }
}

#[tokio::test]
async fn the_owner_and_the_operator_get_through_everywhere() {
    let world = World::make().await;
    let operator = world.story.app.operator().await;
    for row in rows() {
        let operators = matches!(access(&row), Access::Operator | Access::OperatorOrTenant(_));
        let caller = if operators { &operator } else { &world.story.tenant };
        let answer = world.send(&row, caller).await;
        assert_eq!(answer.status.as_u16(), row.owner, "{} {}: {}", row.method, row.path, answer.body);
    }
}

#[tokio::test]
async fn nobody_gets_in_without_a_good_token() {
    let world = World::make().await;
    let other = Story::begin("PRO", "0").await;
    let broken = format!("{}x", world.story.tenant.token);
    // Signed by nobody: the same claims under "alg": "none".
    let claims = world.story.tenant.token.split('.').nth(1).unwrap_or_default();
    let unsigned = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{claims}.");
    for token in ["", "x", "x.y.z", &broken, &unsigned, &other.tenant.token] {
        let caller = Tenant { token: token.to_owned(), ..world.story.tenant.clone() };
        let guarded = |row: &Row| access(row) != Access::Public;
        refused_everywhere(&world, &caller, guarded, 401, "unauthenticated").await;
    }
}

#[tokio::test]
async fn a_token_that_expired_is_no_token() {
    let story = Story::begin("PRO", "0").await;
    let _ = story.get("/v1/numbers").await.expect(200);
    let _ = story.app.advance("P11Y").await;
    let _ = story.get("/v1/numbers").await.expect(401);
}

#[tokio::test]
async fn what_another_tenant_has_answers_exactly_as_what_nobody_has() {
    let world = World::make().await;
    let other = world.story.app.tenant("PRO", "10.00").await;
    let mine = |row: &Row| of_tenants(row).is_some() && row.of != Of::Nothing;
    refused_everywhere(&world, &other, mine, 404, "not_found").await;
    for row in rows().iter().filter(|row| mine(row)) {
        let (theirs, nobodys) = (world.send(row, &other).await, world.send_to_nobody(row, &other).await);
        assert_eq!(theirs.body.to_string(), nobodys.body.to_string(), "{} {}", row.method, row.path);
        let headers = |answer: &Answer| {
            let mut headers = answer.headers.clone();
            headers.remove("date");
            headers
        };
        assert_eq!(headers(&theirs), headers(&nobodys), "{} {}", row.method, row.path);
    }
}

#[tokio::test]
async fn another_tenants_ids_in_a_body_or_query_are_unknown_too() {
    let world = World::make().await;
    let app = &world.story.app;
    let other = app.tenant("PRO", "10.00").await;
    world.story.stock(&["+12125550124"]).await;
    let own = app.post(&other, "/v1/numbers", "own", json!({ "e164": "+12125550124" })).await.expect(201);
    let own = own.text("/number/id");
    let before = everything(&world).await;
    let unknown = |prefix: &str| format!("{prefix}_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b");
    for (agent, project) in [(world.agent.clone(), world.project.clone()), (unknown("agt"), unknown("prj"))] {
        let linked = app.put(&other, &format!("/v1/numbers/{own}/agent"), json!({ "agent_id": agent })).await;
        let moved = app.patch(&other, &format!("/v1/numbers/{own}"), json!({ "project_id": project })).await;
        let bought = app.post(&other, "/v1/numbers", "a", json!({ "country": "US", "agent_id": agent })).await;
        let placed = app.post(&other, "/v1/numbers", "b", json!({ "country": "US", "project_id": project })).await;
        let request = json!({ "name": "x", "platform": "vapi", "project_id": project });
        let made = app.post(&other, "/v1/agents", "c", request).await;
        for answer in [linked, moved, bought, placed, made] {
            assert_eq!(answer.clone().expect(404).code(), "not_found", "{}", answer.body);
        }
        for query in [
            format!("numbers?agent_id={agent}"),
            format!("numbers?project_id={project}"),
            format!("agents?project_id={project}"),
            format!("wallet/entries?number_id={}", world.number),
        ] {
            let found = app.get(&other, &format!("/v1/{query}")).await.expect(200);
            assert_eq!(found.body, json!({ "items": [], "next_cursor": null }), "{query}");
        }
    }
    assert_eq!(everything(&world).await, before);
}

#[tokio::test]
async fn a_token_confined_to_another_project_finds_nothing_of_this_one() {
    let world = World::make().await;
    let app = &world.story.app;
    let elsewhere =
        app.post(&world.story.tenant, "/v1/projects", "elsewhere", json!({ "name": "Bar" })).await.expect(201);
    let confined = app.token(&world.story.tenant, "owner", Some(&elsewhere.text("/id"))).await;
    let mine = |row: &Row| {
        let whole = row.path.starts_with("/v1/wallet");
        of_tenants(row).is_some() && (row.of != Of::Nothing || whole)
    };
    refused_everywhere(&world, &confined, mine, 404, "not_found").await;
    // One confined to a project that is none is confined to nothing at all.
    let nowhere = app.token(&world.story.tenant, "owner", Some("all")).await;
    let guarded = |row: &Row| of_tenants(row).is_some();
    refused_everywhere(&world, &nowhere, guarded, 403, "forbidden").await;
}

#[tokio::test]
async fn a_role_too_small_is_refused_and_one_that_suffices_is_not() {
    let world = World::make().await;
    let app = &world.story.app;
    let ladder = ["viewer", "member", "admin", "owner"];
    let rank = |role: &str| domain::tenant::Role::from_claim(role).expect("a role");
    for role in ladder {
        let caller = app.token(&world.story.tenant, role, None).await;
        let too_small = |row: &Row| of_tenants(row).is_some_and(|wanted| wanted > rank(role));
        if rows().iter().any(too_small) {
            refused_everywhere(&world, &caller, too_small, 403, "forbidden").await;
        }
        let reads = |row: &&Row| row.method == Method::GET && !too_small(row) && access(row) != Access::Operator;
        for row in rows().iter().filter(reads) {
            assert_eq!(world.send(row, &caller).await.status.as_u16(), 200, "{role} {}", row.path);
        }
    }
    // API.md: a viewer only reads, a member also edits, links and makes agents, the rest is the admin's.
    let may = |role: &str, method: Method, path: &str| {
        let row = rows().into_iter().find(|row| row.method == method && row.path == path).expect("a row");
        of_tenants(&row).is_some_and(|wanted| wanted <= rank(role))
    };
    for (method, path) in [
        (Method::PATCH, "/v1/numbers/{id}"),
        (Method::PUT, "/v1/numbers/{id}/agent"),
        (Method::DELETE, "/v1/numbers/{id}/agent"),
        (Method::POST, "/v1/agents"),
        (Method::DELETE, "/v1/agents/{id}"),
    ] {
        assert!(may("member", method.clone(), path) && !may("viewer", method, path), "{path}");
    }
    for (method, path) in [
        (Method::POST, "/v1/numbers"),
        (Method::DELETE, "/v1/numbers/{id}"),
        (Method::POST, "/v1/numbers/{id}/undo-release"),
        (Method::POST, "/v1/projects"),
        (Method::POST, ADD_NUMBER),
        (Method::DELETE, ADD_NUMBER),
    ] {
        assert!(may("admin", method.clone(), path) && !may("member", method, path), "{path}");
    }
}

#[tokio::test]
async fn the_operators_routes_are_closed_to_tenants_and_the_tenants_to_the_operator() {
    let world = World::make().await;
    let app = &world.story.app;
    let operators = |row: &Row| access(row) == Access::Operator;
    for role in ["viewer", "member", "admin", "owner"] {
        let caller = app.token(&world.story.tenant, role, None).await;
        refused_everywhere(&world, &caller, operators, 403, "forbidden").await;
    }
    let tenants = |row: &Row| matches!(access(row), Access::Tenant(_));
    refused_everywhere(&world, &app.operator().await, tenants, 403, "forbidden").await;
    // An operator's token that names a tenant is still no tenant's.
    let both = app.token(&world.story.tenant, "operator", None).await;
    refused_everywhere(&world, &both, tenants, 403, "forbidden").await;
}
