//! A number for every agent of a list, by the operator: who pays, who is left alone, and that nothing is bought twice however
//! the command ends.

use std::path::PathBuf;

use reqwest::Method;
use serde_json::{Value, json};
use tests::{Answer, Tenant, TestApp};

use crate::kit::{NUMBER, Story, list, word};
use crate::terminal::{check, run};

const DONE: &str = "Had another: 0. Still running: 0. Not answered: 0. Refused: 0.\n";

/// A list that is gone when the story is over.
struct List(PathBuf);

impl List {
    /// Tenant, agent, and what stands in the columns `e164`, `country`, `type` and `area_code`.
    fn of(name: &str, rows: &[(&Tenant, &str, &str)]) -> Self {
        let rows: String = rows.iter().map(|(tenant, agent, wish)| format!("{},{agent},{wish}\n", tenant.id)).collect();
        let path = std::env::temp_dir().join(format!("trunkline-migrating-{name}-{}.csv", std::process::id()));
        std::fs::write(&path, format!("tenant_id,agent_id,e164,country,type,area_code\n{rows}")).expect("a list");
        Self(path)
    }

    fn command(&self, options: &str) -> String {
        format!("migrate {} {options}", self.0.display())
    }
}

impl Drop for List {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Two tenants, the first with two agents; nobody has a number.
struct World {
    story: Story,
    other: Tenant,
    /// Whose, and which.
    agents: [(Tenant, String); 3],
}

impl World {
    async fn begin(usd: &str) -> Self {
        let story = Story::begin("PRO", "10.00").await;
        let other = story.app.tenant("PRO", usd).await;
        let mut agents = Vec::new();
        for (tenant, name) in [(&story.tenant, "Front desk"), (&story.tenant, "Night shift"), (&other, "Front desk")] {
            agents.push((tenant.clone(), story.app.agent(tenant, name).await));
        }
        let agents = agents.try_into().expect("three");
        Self { story, other, agents }
    }

    fn list(&self, name: &str) -> List {
        let rows: Vec<_> = self.agents.iter().map(|(tenant, agent)| (tenant, agent.as_str(), ",,,")).collect();
        List::of(name, &rows)
    }

    /// Every agent answers one number, each was bought and charged once, and nothing else was.
    async fn each_has_one(&self, why: &str) {
        let app = &self.story.app;
        for (tenant, agent) in &self.agents {
            let held = held(app, tenant, agent).await;
            assert_eq!(held.len(), 1, "{why}: {agent}");
            assert_eq!(word(&held[0], "/link/status"), "linked", "{why}");
        }
        let numbers = list(&app.state("twilio").await, "numbers");
        assert_eq!((numbers.len(), app.asked("twilio", "numbers.create").await), (3, 3), "{why}");
        let balances = (app.wallet(&self.story.tenant).await.0, app.wallet(&self.other).await.0);
        assert_eq!(balances, ("7.00".into(), "8.50".into()), "{why}");
        assert_eq!(app.violations().await, json!([]), "{why}");
    }

    /// The operator buys this agent a number.
    async fn buy(&self, key: &str, agent: &str, query: &str, wish: Value) -> Answer {
        let path = format!("/v1/agents/{agent}/number{query}");
        self.story.app.post(&self.story.app.operator().await, &path, key, wish).await
    }
}

/// Numbers in service that this agent answers.
async fn held(app: &TestApp, tenant: &Tenant, agent: &str) -> Vec<Value> {
    let numbers = app.get(tenant, &format!("/v1/numbers?agent_id={agent}&status=active")).await.expect(200);
    list(&numbers.body, "items")
}

/// Lines of the audit trail about purchases in a tenant's place.
async fn ordered(story: &Story) -> Vec<Value> {
    let lines: Value = serde_json::from_str(&check(story, "audit --json", 0).await).expect("JSON");
    let lines = list(&lines, "items");
    lines.into_iter().filter(|line| line["action"] == "number_purchase_ordered").collect()
}

#[tokio::test]
async fn a_list_is_told_with_its_cost_and_then_bought_for_every_tenant_that_can_pay() {
    let world = World::begin("1.00").await;
    let (app, story) = (&world.story.app, &world.story);
    story.stock(&[NUMBER]).await;
    let [front, night, poor] = &world.agents;
    let served = app.agent(&story.tenant, "Reception").await;
    let path = format!("/v1/agents/{served}/number");
    let own = app.post(&story.tenant, &path, "own", json!({ "country": "US" })).await.expect(201).text("/number/id");
    let exact = format!("{NUMBER},,,");
    let rows = [
        (&front.0, front.1.as_str(), exact.as_str()),
        (&poor.0, &poor.1, ",US,local,"),
        (&story.tenant, &served, ",,,"),
        (&night.0, &night.1, ",US,toll_free,"),
        (&poor.0, &front.1, ",,,"),
    ];
    let list = List::of("cost", &rows[..4]);
    let before = (story.told().await, app.wallet(&world.other).await);
    let out = check(story, &list.command("--dry-run"), 1).await;
    assert!(out.contains(&format!("1.50 USD  can have {NUMBER}\n")), "{out}");
    assert!(out.contains("3.00 USD  can have one such as +1") && out.contains("(US toll_free)"), "{out}");
    assert!(out.contains("cannot: insufficient_balance: It takes 1.50 USD, and 1.00 USD is available."), "{out}");
    let sums = out.lines().find(|line| line.starts_with(&story.tenant.id) && line.ends_with("8.50 USD"));
    assert_eq!(
        sums.map(|line| line.split_whitespace().skip(1).collect()),
        Some(vec!["2", "4.50", "USD", "8.50", "USD"])
    );
    let counts = "Had from this list: 0. Had another: 1. Still running: 0. Not answered: 0. Refused: 1.";
    assert!(out.ends_with(&format!("Could be bought: 2. {counts} Nothing was bought.\n")), "{out}");
    let (code, out, err) = run(story, &list.command("")).await;
    assert!(code == 2 && out.is_empty() && err.contains("Buy 2 numbers, for 4.50 USD now"), "{code} {out} {err}");
    let asked =
        |told: &str| told.lines().filter(|line| !line.starts_with("asked")).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!((asked(&story.told().await), app.wallet(&world.other).await), (asked(&before.0), before.1));

    let out = check(story, &list.command("--yes"), 1).await;
    assert!(out.ends_with(&format!("Bought: 2. {counts}\n")), "{out}");
    assert_eq!(word(&held(app, &front.0, &front.1).await[0], "/e164"), NUMBER);
    assert_eq!(word(&held(app, &night.0, &night.1).await[0], "/type"), "toll_free");
    assert_eq!(word(&held(app, &story.tenant, &served).await[0], "/id"), own);
    assert_eq!((app.wallet(&story.tenant).await.0, app.wallet(&world.other).await.0), ("4.00".into(), "1.00".into()));
    // Who bought in whose place is in the trail.
    let lines = ordered(story).await;
    assert_eq!((lines.len(), word(&lines[1], "/tenant_id")), (2, story.tenant.id.clone()));
    assert!(
        word(&lines[1], "/detail").starts_with(&format!("{NUMBER} at 1.50 USD a month for {}", front.1)),
        "{lines:?}"
    );

    // With money there the same list buys what was missing, and nothing else.
    let adjust = format!("adjust --tenant {} --amount 5.00 --currency USD --reason Credit --yes", world.other.id);
    let _ = check(story, &adjust, 0).await;
    let out = check(story, &list.command("--yes"), 0).await;
    assert!(out.contains("Bought: 1. Had from this list: 2. Had another: 1."), "{out}");
    assert_eq!(held(app, &poor.0, &poor.1).await.len(), 1);
    // Whose agent it is not is told, and nothing of it happens.
    let list = List::of("foreign", &rows[4..]);
    assert!(check(story, &list.command("--yes"), 1).await.contains("cannot: not_found"));
    assert_eq!(ordered(story).await.len(), 3);
    app.verify().await;
}

#[tokio::test]
async fn a_list_goes_on_wherever_it_was_killed_and_buys_nothing_twice() {
    // Of the first agent and the last: two transactions each, and what is noted between them.
    let writes = [0, 1, 4, 5].map(|after| ("dynamodb", "transact", after));
    let notes = [0, 1, 2].map(|after| ("dynamodb", "put", after));
    let calls = [0, 2].map(|after| [("twilio", "numbers.create", after), ("vapi", "numbers.create", after)]);
    for (provider, operation, after) in calls.into_iter().flatten().chain(writes).chain(notes) {
        let why = format!("{provider} {operation} {after}");
        let world = World::begin("10.00").await;
        let app = &world.story.app;
        let list = world.list("killed");
        let fault =
            json!({ "provider": provider, "operation": operation, "kind": "crash", "times": 1, "after": after });
        app.fault(fault).await;
        let mut crashes = app.crashes.clone();
        let first = list.command("--yes");
        let survived = tokio::select! {
            biased;
            _ = crashes.changed() => None,
            ran = run(&world.story, &first) => Some(ran),
        };
        assert!(survived.is_none(), "{why}: {survived:?}");
        // Asked at once, while what was begun may still run: nothing is sent that was sent before.
        let (code, _, err) = run(&world.story, &list.command("--yes")).await;
        assert!(code <= 1, "{why}: {code} {err}");
        app.restart_workers().await;
        // Whether the carrier sold it may take two looks, a minute and a half after it was asked.
        let mut ran = (1, String::new(), String::new());
        for _ in 0..5 {
            if ran.0 == 1 {
                let _ = app.advance("PT1M").await;
                ran = run(&world.story, &list.command("--yes")).await;
            }
        }
        assert!(ran.0 == 0 && ran.1.ends_with(DONE), "{why}: {ran:?}");
        world.each_has_one(&why).await;
        assert_eq!(ordered(&world.story).await.len(), 3, "{why}");
    }
}

#[tokio::test]
async fn lost_answers_and_two_commands_at_once_buy_each_agent_one_number() {
    for (provider, operation) in [("twilio", "numbers.create"), ("vapi", "numbers.create"), ("dynamodb", "transact")] {
        let world = World::begin("10.00").await;
        let (app, list) = (&world.story.app, world.list("at-once"));
        world.story.fault(provider, operation, "lost_reply", 2).await;
        // The second pair knows nothing of the first one's keys.
        let (again, other) = (list.command("--yes"), list.command("--yes --key other"));
        let ran = tokio::join!(
            run(&world.story, &again),
            run(&world.story, &again),
            run(&world.story, &other),
            run(&world.story, &other),
        );
        for (code, out, err) in [ran.0, ran.1, ran.2, ran.3] {
            assert!(code <= 1, "{operation}: {code} {out} {err}");
        }
        app.no_faults();
        let _ = app.advance("PT5M").await;
        for command in [&again, &other] {
            let out = check(&world.story, command, 0).await;
            assert!(out.starts_with("Every row is well.\n\nBought: 0."), "{operation}: {out}");
        }
        world.each_has_one(operation).await;
    }
}

#[tokio::test]
async fn an_agent_is_given_one_number_however_many_keys_ask_at_once() {
    let world = World::begin("10.00").await;
    let (app, [(tenant, agent), ..]) = (&world.story.app, &world.agents);
    let query = format!("?tenant_id={}", tenant.id);
    let buy = async |key: &str| {
        let answer = world.buy(key, agent, &query, json!({ "country": "US" })).await;
        (answer.status.as_u16(), answer.code().to_owned())
    };
    let said = tokio::join!(buy("a"), buy("b"), buy("c"), buy("d"), buy("e"), buy("f"));
    let mut said = [said.0, said.1, said.2, said.3, said.4, said.5];
    said.sort();
    assert_eq!(said[0], (201, String::new()), "{said:?}");
    assert!(said[1..].iter().all(|one| *one == (409, "agent_has_number".into())), "{said:?}");
    assert_eq!((held(app, tenant, agent).await.len(), app.wallet(tenant).await.0), (1, "8.50".into()));
    assert_eq!(ordered(&world.story).await.len(), 1);
    app.verify().await;
}

#[tokio::test]
async fn the_operator_buys_in_a_tenants_place_as_the_tenant_itself_would() {
    let world = World::begin("10.00").await;
    let (app, [(tenant, agent), (_, second), (other, third)]) = (&world.story.app, &world.agents);
    let wish = json!({ "country": "US" });
    let query = format!("?tenant_id={}", tenant.id);
    let field = |answer: Answer| answer.expect(400).text("/errors/0/field");
    assert_eq!(field(world.buy("a", agent, "", wish.clone()).await), "tenant_id");
    assert_eq!(field(world.buy("a", agent, "?tenant_id=a%20b", wish.clone()).await), "tenant_id");
    let named = json!({ "country": "US", "agent_id": agent });
    assert_eq!(field(world.buy("a", agent, &query, named).await), "agent_id");
    for whose in [format!("?tenant_id={}", other.id), "?tenant_id=nobody".into()] {
        assert_eq!(world.buy("a", agent, &whose, wish.clone()).await.expect(404).code(), "not_found");
    }
    // A tenant acts for nobody else.
    let path = format!("/v1/agents/{agent}/number?tenant_id={}", other.id);
    assert_eq!(field(app.post(tenant, &path, "a", wish.clone()).await), "tenant_id");
    let unkeyed = format!("/v1/agents/{agent}/number{query}");
    let operator = app.operator().await;
    let unkeyed = app.send(Method::POST, &unkeyed, &operator.token, &[], Some(wish.clone())).await;
    assert_eq!(unkeyed.expect(400).code(), "idempotency_key_required");
    assert_eq!(app.asked("twilio", "numbers.create").await, 0);

    // A look moves nothing, and later tells what became of the request of its key.
    let dry = format!("{query}&dry_run=true");
    let look = world.buy("a", agent, &dry, json!({})).await.expect(200);
    assert_eq!(look.text("/offer/country"), "US");
    assert_eq!((&look.body["numbers_left"], look.text("/available/amount")), (&json!(25), "10.00".into()));
    assert_eq!(app.asked("twilio", "numbers.create").await, 0);
    // The tenant's own key of that name is another one.
    let own = format!("/v1/agents/{second}/number");
    let own = app.post(tenant, &own, "a", wish.clone()).await.expect(201);
    let bought = world.buy("a", agent, &query, json!({})).await.expect(201);
    assert_ne!(bought.text("/number/id"), own.text("/number/id"));
    for query in [&query, &dry] {
        let again = world.buy("a", agent, query, json!({})).await.expect(201);
        assert_eq!(again.text("/operation/id"), bought.text("/operation/id"));
        assert_eq!(world.buy("b", agent, query, json!({})).await.expect(409).code(), "agent_has_number");
        assert_eq!(world.buy("a", agent, query, wish.clone()).await.expect(422).code(), "idempotency_key_reused");
    }
    // Given back, its key still stands for it, and under another one the agent is given a new one.
    let _ = app.delete(tenant, &format!("/v1/agents/{agent}/number")).await.expect(200);
    assert_eq!(world.buy("a", agent, &query, json!({})).await.expect(201).text("/number/status"), "released");
    let _ = world.buy("b", agent, &query, json!({})).await.expect(201);
    // Plan and wallet are asked as ever.
    let plan = format!("/v1/operator/tenants/{}", other.id);
    let _ = app.put(&operator, &plan, json!({ "plan": "FREE" })).await.expect(200);
    let refused = world.buy("c", third, &format!("?tenant_id={}", other.id), wish).await.expect(403);
    assert_eq!(refused.code(), "plan_forbids_numbers");
    app.verify().await;
}
