//! The fourth act: five ways to run phone numbers for voice agents, each of them a product of its own elsewhere, each here
//! from its first step to its last, for a tenant of its own.
//!
//! `abroad` has the two scenes of North American numbers' cousins: those of a Turkish carrier, and those of the tenant's own.

mod abroad;

use reqwest::Method;
use serde_json::{Value, json};

use super::console::Console;
use super::paper::{count, line, print, scene};
use super::stage::{Number, Outcome, Stage, Tenant, check, expect, usd};
use crate::child::Answer;

/// The operator buys it for itself, at the carrier's own console.
const OWN: &str = "+13125550177";

/// A tenant, and one of its agents: our id of it, and the platform's.
struct Way<'a> {
    stage: &'a Stage,
    tenant: Tenant,
    platform: &'static str,
    agent: (String, String),
}

/// Plays all scenes.
pub(super) async fn play(stage: &mut Stage) -> Outcome {
    print("\nFive ways to run phone numbers, side by side on one system.\n");
    stage.start().await?;
    scene(1, "Buy, trunk, import, bind, call, release: Retell behind a SIP trunk of the carrier's.");
    trunk(stage).await?;
    scene(2, "Top up, search, buy, call, read the statement: numbers paid from a wallet.");
    wallet(stage).await?;
    scene(3, "One click: a number with its agent at Vapi; one that the account had all along; one of Vapi's own.");
    one_click(stage).await?;
    scene(4, "One agent, one number: ElevenLabs.");
    agent_with_number(stage).await?;
    scene(5, "A Turkish number, which its carrier takes to the agent by SIP.");
    abroad::turkish(stage).await?;
    scene(6, "A number of the tenant's own carrier.");
    abroad::own(stage).await?;
    scene(7, "All invariants are held against books, carriers and platforms.");
    let held = stage.local("verify", None).await?;
    check("violations", &json!([]), &held.body["violations"])?;
    let run = stage.local("jobs/reconcile", Some(json!({}))).await?;
    let found: Vec<_> = run.list("/findings").iter().map(|finding| (&finding["kind"], &finding["e164"])).collect();
    // It is the account's own again, told of and never touched.
    check("what reconciliation finds", vec![(&json!("orphan_untagged"), &json!(OWN))], found)?;
    line("verified", "one owner, nothing lost, holds resolved, money adds up; every party agrees with the books");
    Ok(())
}

impl<'a> Way<'a> {
    /// A tenant with so many USD and an agent without a number.
    async fn begin(stage: &'a Stage, name: &str, amount: &str, platform: &'static str) -> Outcome<Self> {
        Self::with(stage, stage.tenant(name, amount).await?, platform).await
    }

    async fn with(stage: &'a Stage, tenant: Tenant, platform: &'static str) -> Outcome<Self> {
        let wish = json!({ "name": "Receptionist", "platform": platform, "number": false });
        let made = expect("the agent", 201, stage.send(Method::POST, &tenant, "/v1/agents", wish).await?)?;
        let agent = (made.text("/agent/id").to_owned(), made.text("/agent/platform_agent_id").to_owned());
        Ok(Self { stage, tenant, platform, agent })
    }

    async fn buys(&self, wish: Value) -> Outcome<Answer> {
        expect("the purchase", 201, self.stage.buy(&self.tenant, "number", &wish).await?)
    }

    /// The number's link must be made, in this way.
    fn is_linked(&self, answer: &Answer, method: &str) -> Outcome<Number> {
        check("its link", "linked", answer.text("/number/link/status"))?;
        check("how calls get there", method, answer.text("/number/link/method"))?;
        Ok(Number::of(&answer.body))
    }

    /// A call that the carrier brings, and this agent takes.
    async fn reaches(&self, number: &Number, agent: &str) -> Outcome {
        let call = self.stage.call(&number.e164).await?;
        check("the call's status", "completed", call.text("/status"))?;
        self.stage.local("drain", Some(json!({}))).await?;
        let platform = self.stage.party(self.platform).await?;
        check("who answered", Some(agent), platform.last_to_answer())?;
        line("call", &format!("{} reaches the agent at {}", number.e164, self.platform));
        Ok(())
    }

    /// The newest line of the number's call log must say that it was put through and cost this.
    async fn logs(&self, number: &Number, amount: &str) -> Outcome {
        let calls = self.stage.get(&self.tenant, &format!("/v1/numbers/{}/calls", number.id)).await?;
        check("the call in the log", "completed", calls.text("/items/0/status"))?;
        check("what it cost", amount, calls.text("/items/0/cost/amount"))?;
        line("log", &format!("{} seconds, {amount}", calls.body["items"][0]["duration_s"]));
        Ok(())
    }

    async fn releases(&self, number: &Number) -> Outcome {
        let path = format!("/v1/numbers/{}", number.id);
        let gone = self.stage.send(Method::DELETE, &self.tenant, &path, Value::Null).await?;
        check("the number", "released", expect("the release", 200, gone)?.text("/number/status"))
    }
}

/// Carrier and platform must have the number so many times.
async fn in_both_places(way: &Way<'_>, carrier: &str, number: &Number, times: usize) -> Outcome {
    for party in [carrier, way.platform] {
        check(&format!("how often {party} has it"), times, way.stage.party(party).await?.has(&number.e164))?;
    }
    let there = if times == 0 { "is gone at" } else { "is at" };
    line("both", &format!("{} {there} {carrier} and {}", number.e164, way.platform));
    Ok(())
}

async fn trunk(stage: &Stage) -> Outcome {
    let way = Way::begin(stage, "trunk", "10.00", "retell").await?;
    let bought = way.buys(json!({ "country": "US", "area_code": "312", "agent_id": way.agent.0 })).await?;
    let number = way.is_linked(&bought, "trunk")?;
    let steps = bought.list("/operation/steps").iter().filter_map(|step| step["name"].as_str());
    line("bought", &format!("{}: {}", number.e164, steps.collect::<Vec<_>>().join(", ")));
    let carrier = stage.carrier().await?;
    let attached = carrier.number(&number.e164).is_some_and(|number| number["trunk"].is_string());
    check("the number is on the trunk", true, attached)?;
    in_both_places(&way, "twilio", &number, 1).await?;
    way.reaches(&number, &way.agent.1).await?;
    way.logs(&number, "0.02").await?;
    way.releases(&number).await?;
    in_both_places(&way, "twilio", &number, 0).await
}

async fn wallet(stage: &Stage) -> Outcome {
    let way = Way::begin(stage, "wallet", "0", "vapi").await?;
    let found = stage.get(&way.tenant, "/v1/available-numbers?country=US&area_code=212&limit=3").await?;
    let wish = json!({ "e164": found.text("/items/0/e164"), "agent_id": way.agent.0, "name": "Front desk" });
    let refused = expect("the purchase", 402, stage.buy(&way.tenant, "poor", &wish).await?)?;
    line("refused", refused.text("/detail"));
    let (path, amount) = ("/v1/wallet/top-ups", json!({ "amount": "10.00", "currency": "USD" }));
    let started = stage.child()?.send(Method::POST, path, &way.tenant.token, "first", Some(&amount)).await?;
    let page = json!({ "session": expect("the top-up", 201, started)?.text("/session"), "outcome": "paid" });
    stage.local("simulators/stripe/pay", Some(page)).await?;
    check("the wallet", usd("10.00"), stage.wallet(&way.tenant).await?)?;
    line("wallet", "10.00 USD, paid by card");
    let number = Number::of(&way.buys(wish).await?.body);
    way.reaches(&number, &way.agent.1).await?;
    check("the wallet", usd("8.48"), stage.wallet(&way.tenant).await?)?;
    let entries = stage.get(&way.tenant, "/v1/wallet/entries").await?;
    for entry in entries.list("/items") {
        let text = |pointer: &str| entry.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        line("entry", &format!("{:>6}  {}", text("/amount/amount"), text("/explain")));
    }
    check("entries", 3, entries.list("/items").len())
}

async fn one_click(stage: &Stage) -> Outcome {
    let way = Way::begin(stage, "click", "10.00", "vapi").await?;
    let bought = way.buys(json!({ "country": "US", "agent_id": way.agent.0 })).await?;
    let number = way.is_linked(&bought, "hand_over")?;
    way.reaches(&number, &way.agent.1).await?;
    let console = Console::open(stage).await?;
    console.buy(OWN, "Sales line").await?;
    let token = stage.local("token", Some(json!({ "role": "operator" }))).await?;
    let operator = token.text("/token");
    let wish = json!({ "carrier": "twilio", "e164": OWN, "tenant_id": way.tenant.id, "agent_id": way.agent.0 });
    let synced = stage.child()?.send(Method::POST, "/v1/numbers/import", operator, "sync", Some(&wish)).await?;
    let synced = way.is_linked(&expect("the import", 201, synced)?, "hand_over")?;
    line("synced", &format!("{OWN} was the account's and is the tenant's"));
    way.reaches(&synced, &way.agent.1).await?;
    way.releases(&synced).await?;
    check("how often the carrier has it", 1, stage.carrier().await?.has(OWN))?;
    line("detached", &format!("{OWN} is the account's again, as it was"));
    native(&way).await
}

/// One of Vapi's own: nobody chooses it, and which it is, is told minutes later.
async fn native(way: &Way<'_>) -> Outcome {
    let stage = way.stage;
    let stock = json!({ "country": "US", "type": "local", "area_code": "205", "count": 1 });
    stage.local("simulators/vapi/stock", Some(stock)).await?;
    let wish = json!({ "carrier": "vapi", "country": "US", "area_code": "205", "agent_id": way.agent.0 });
    let ordered = expect("the order", 202, stage.buy(&way.tenant, "native", &wish).await?)?;
    check("the order", "waiting", ordered.text("/operation/status"))?;
    line("ordered", "one of Vapi's own, of area code 205; which one, it says later");
    stage.local("clock", Some(json!({ "advance": "PT10M" }))).await?;
    let path = format!("/v1/numbers/{}", ordered.text("/operation/number_id"));
    let shown = stage.get(&way.tenant, &path).await?;
    check("the number", "active", shown.text("/status"))?;
    check("how calls get there", "native", shown.text("/link/method"))?;
    let number = Number::of(&json!({ "number": shown.body }));
    line("bought", &format!("{}, ten minutes later", number.e164));
    abroad::reaches(way, &number).await?;
    way.logs(&number, "0.05").await
}

async fn agent_with_number(stage: &Stage) -> Outcome {
    let tenant = stage.tenant("agents", "10.00").await?;
    let wish = json!({ "name": "Ayşe", "platform": "elevenlabs", "language": "tr-TR" });
    let made = stage.child()?.send(Method::POST, "/v1/agents", &tenant.token, "agent", Some(&wish)).await?;
    let made = expect("the agent", 201, made)?;
    check("a token of its own", true, made.text("/api_token").starts_with("tlk_"))?;
    let agent = (made.text("/agent/id").to_owned(), made.text("/agent/platform_agent_id").to_owned());
    let way = Way { stage, tenant, platform: "elevenlabs", agent };
    let numbers = stage.get(&way.tenant, "/v1/numbers").await?;
    check("its numbers", 1, numbers.list("/items").len())?;
    let number = Number::of(&json!({ "number": numbers.list("/items")[0] }));
    line("agent", &format!("made, with {} and a token that is shown once", number.e164));
    way.reaches(&number, &way.agent.1).await?;
    let path = format!("/v1/agents/{}/number", way.agent.0);
    let dropped = stage.send(Method::DELETE, &way.tenant, &path, Value::Null).await?;
    check("the number", "released", expect("dropping it", 200, dropped)?.text("/number/status"))?;
    let wish = json!({ "country": "US", "area_code": "415" });
    let added = stage.child()?.send(Method::POST, &path, &way.tenant.token, "another", Some(&wish)).await?;
    let another = way.is_linked(&expect("adding one", 201, added)?, "hand_over")?;
    line("agent", &format!("drops {} and has {} instead", number.e164, another.e164));
    way.reaches(&another, &way.agent.1).await?;
    check("orders paid for", usd("6.96"), stage.wallet(&way.tenant).await?)?;
    line("wallet", &format!("{} and {} of calls paid for", count(2, "number"), count(2, "minute")));
    Ok(())
}
