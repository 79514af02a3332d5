//! The third act: what somebody changes, deletes and buys behind our back, at the consoles of carrier and platform.
//!
//! `console` (beside this) has their hands, `callers` is what they do and who notices, `runs` is what becomes of it. The next run of
//! reconciliation must find every one of these things and nothing else, put right what only restores our own settings, and
//! leave the rest alone; what is told of each is known before it runs.

mod callers;
mod runs;

use reqwest::Method;
use serde_json::{Value, json};

use super::console::Console;
use super::paper::{line, print, scene};
use super::stage::{Number, Outcome, Stage, Tenant, check, expect};
use crate::child::Answer;

/// The operator buys it for itself; in another place than the tenant, who might be sold it first.
const OWN: &str = "+13125550123";
/// It is there under a tag of ours, of an operation nobody has heard of.
const UNKNOWN: &str = "+13125550124";
const UNKNOWN_TAG: &str = "local-0192a6b0c5d17e3f8a9b0c1d2e3f4a5b";
/// The tag of a SIP number nobody is linked by.
const STRAY_TAG: &str = "local-0192a6b0c5d17e3f8a9b0c1d2e3f4a5c";

/// What the scenes so far have come to. The numbers are called by what becomes of them.
struct Behind<'a> {
    stage: &'a Stage,
    console: Console,
    tenant: Tenant,
    operator: Tenant,
    /// Our id of the agent, and the platform's.
    agent: (String, String),
    /// Another assistant at the platform.
    other: String,
    /// Its calls are sent elsewhere.
    turned: Number,
    renamed: Number,
    /// What it was called.
    tag: String,
    /// Deleted at the carrier.
    gone: Number,
    /// Removed at the platform.
    forgotten: Number,
    /// Bound to the other assistant.
    bound: Number,
    /// The platform's id of the SIP number nobody is linked by.
    stray: String,
}

/// What a run tells of one thing: kind, action, and which number or thing it is about.
type Told = (String, String, String);

/// Plays all scenes.
pub(super) async fn play(stage: &mut Stage) -> Outcome {
    print("\nBehind our back: somebody else is at the consoles of carrier and platform, and does not ask us.\n");
    stage.start().await?;
    let mut behind = opening(stage).await?;
    scene(1, "The operator has books and world compared.");
    runs::all_agrees(&behind).await?;
    scene(2, "Somebody changes, deletes and buys.");
    callers::somebody(&mut behind).await?;
    scene(3, "Callers notice before we do.");
    callers::calls_astray(&behind).await?;
    scene(4, "The operator asks what a run would do.");
    runs::dry_run(&behind).await?;
    scene(5, "The run: what only restores our own settings is put right, the rest is told.");
    runs::the_run(&behind).await?;
    scene(6, "The same callers call again.");
    callers::calls_again(&behind).await?;
    scene(7, "What the tenant sees of it, and what the operator.");
    runs::statements(&behind).await?;
    scene(8, "A day passes, jobs running.");
    runs::a_day(&behind).await?;
    scene(9, "A person does the rest: decides about the number that is gone, and gives the other its name back.");
    runs::a_person(&behind).await?;
    scene(10, "All invariants are held against books, carrier and platform.");
    verify(&behind).await
}

async fn opening(stage: &Stage) -> Outcome<Behind<'_>> {
    let tenant = stage.tenant("behind", "50.00").await?;
    let token = stage.local("token", Some(json!({ "role": "operator" }))).await?;
    let operator = Tenant { id: "operator".to_owned(), token: token.text("/token").to_owned() };
    let wish = json!({ "name": "Receptionist", "platform": "vapi", "number": false });
    let agent = expect("the agent", 201, stage.send(Method::POST, &tenant, "/v1/agents", wish).await?)?;
    let agent = (agent.text("/agent/id").to_owned(), agent.text("/agent/platform_agent_id").to_owned());
    let turned = buys(stage, &tenant, &agent.0, "Front desk").await?;
    let renamed = buys(stage, &tenant, &agent.0, "Sales").await?;
    let gone = buys(stage, &tenant, &agent.0, "Support").await?;
    let forgotten = buys(stage, &tenant, &agent.0, "Billing").await?;
    let bound = buys(stage, &tenant, &agent.0, "Returns").await?;
    stage.local("drain", Some(json!({}))).await?;
    let console = Console::open(stage).await?;
    line("tenant", &format!("{}, plan PRO, five numbers, all answered by its agent", tenant.id));
    let (other, tag, stray) = (String::new(), String::new(), String::new());
    Ok(Behind { stage, console, tenant, operator, agent, other, turned, renamed, tag, gone, forgotten, bound, stray })
}

/// A number that the agent answers.
async fn buys(stage: &Stage, tenant: &Tenant, agent: &str, name: &str) -> Outcome<Number> {
    let wish = json!({ "country": "US", "area_code": "212", "name": name, "agent_id": agent });
    let bought = expect("the purchase", 201, stage.buy(tenant, name, &wish).await?)?;
    check("its link", "linked", bought.text("/number/link/status"))?;
    Ok(Number::of(&bought.body))
}

async fn verify(behind: &Behind<'_>) -> Outcome {
    let held = behind.stage.local("verify", None).await?;
    check("violations", &json!([]), &held.body["violations"])?;
    check("all is well", &json!(true), &held.body["ok"])?;
    line("verified", "one owner, nothing lost, holds resolved, money adds up, charged once");
    Ok(())
}

impl Behind<'_> {
    fn url(&self) -> &str {
        self.stage.child().map_or("", |child| child.url.as_str())
    }

    /// A run by the operator's wish, which must come to its end.
    async fn run(&self, dry_run: bool) -> Outcome<Answer> {
        let (path, wish) = ("/v1/operator/reconcile", json!({ "dry_run": dry_run }));
        let run = expect(path, 200, self.stage.send(Method::POST, &self.operator, path, wish).await?)?;
        check("the run", "finished", run.text("/status"))?;
        check("whether it was dry", &json!(dry_run), &run.body["dry_run"])?;
        Ok(run)
    }

    /// Everything somebody did, with what becomes of the webhook, the removal, the binding and the deletion.
    fn all(&self, [turned, forgotten, bound, gone]: [&'static str; 4]) -> [(&'static str, &'static str, &str); 8] {
        [
            ("routing_drift", turned, &self.turned.e164),
            ("routing_drift", "reported", &self.renamed.e164),
            ("missing_at_carrier", gone, &self.gone.e164),
            ("orphan_untagged", "reported", OWN),
            ("orphan_tagged", "reported", UNKNOWN),
            ("missing_at_platform", forgotten, &self.forgotten.e164),
            ("binding_drift", bound, &self.bound.e164),
            ("orphan_at_platform", "reported", &self.stray),
        ]
    }

    /// What waits for a person.
    fn left(&self) -> [(&'static str, &'static str, &str); 3] {
        [
            ("routing_drift", "reported", &self.renamed.e164),
            ("missing_at_carrier", "reported", &self.gone.e164),
            ("orphan_untagged", "reported", OWN),
        ]
    }

    /// The run must tell exactly this, in whatever order.
    fn tells(&self, run: &Answer, expected: &[(&str, &str, &str)]) -> Outcome {
        let mut found: Vec<Told> = run.list("/findings").iter().map(told).collect();
        let own =
            |(kind, action, of): &(&str, &str, &str)| ((*kind).to_owned(), (*action).to_owned(), (*of).to_owned());
        let mut expected: Vec<Told> = expected.iter().map(own).collect();
        found.sort();
        expected.sort();
        check("what the run finds", expected, found)
    }

    /// The day's statement must be this run's, and say this of carrier and platform: compared, agreeing, percentage.
    async fn statement(
        &self,
        run: &Answer,
        carrier: (&str, &str, &str),
        platform: (&str, &str, &str),
        others: u64,
    ) -> Outcome {
        let date = run.text("/now").get(..10).unwrap_or_default();
        let day = self.stage.get(&self.operator, &format!("/v1/operator/agreement/{date}")).await?;
        check("whose statement it is", run.text("/run_id"), day.text("/run_id"))?;
        for (of, name, (compared, agreeing, percentage)) in
            [("carrier", "twilio", carrier), ("platform", "vapi", platform)]
        {
            let statement = day.list("/statements").iter().find(|statement| statement[of] == name);
            let statement = statement.ok_or_else(|| format!("there is no statement of {name}"))?;
            let number = |field: &str| statement[field].to_string();
            let found = (number("compared"), number("agreeing"), statement["percentage"].as_str().unwrap_or_default());
            check(&format!("agreement of {name}"), (compared.to_owned(), agreeing.to_owned(), percentage), found)?;
            line("agreement", &format!("{date}, {name}: {agreeing} of {compared}, {percentage} %"));
        }
        let own = day.list("/statements").iter().find(|statement| statement["carrier"] == "twilio");
        check("numbers of the operator's own", Some(&json!(others)), own.map(|statement| &statement["others"]))
    }

    /// What carrier and platform have.
    async fn world(&self) -> Outcome<(Vec<Value>, Vec<Value>)> {
        let (carrier, platform) = (self.stage.carrier().await?, self.stage.platform().await?);
        Ok((carrier.numbers().to_vec(), platform.numbers().to_vec()))
    }

    async fn found_at_carrier(&self, e164: &str) -> Outcome<Value> {
        let carrier = self.stage.carrier().await?;
        let found = carrier.numbers().iter().find(|number| number["e164"] == e164);
        Ok(found.cloned().ok_or_else(|| format!("the carrier does not have {e164}"))?)
    }

    /// The carrier's id of a number, and what it calls it.
    async fn at_carrier(&self, number: &Number) -> Outcome<(String, String)> {
        let found = self.found_at_carrier(&number.e164).await?;
        let text = |name: &str| found[name].as_str().unwrap_or_default().to_owned();
        Ok((text("id"), text("name")))
    }

    /// The platform's id of a number: since one purchase made both, it is called there as at the carrier.
    async fn at_platform(&self, number: &Number) -> Outcome<String> {
        let (_, name) = self.at_carrier(number).await?;
        let platform = self.stage.platform().await?;
        let found = platform.numbers().iter().find(|known| known["name"] == name.as_str());
        let found = found.and_then(|known| known["id"].as_str());
        Ok(found.ok_or_else(|| format!("the platform does not know {}", number.e164))?.to_owned())
    }

    async fn parked(&self) -> Outcome<Vec<Value>> {
        Ok(self.stage.get(&self.operator, "/v1/operator/numbers?parked=true").await?.list("/items").to_vec())
    }

    /// A call to what is gone at the carrier gets as far as the carrier.
    async fn reaches_no_carrier(&self) -> Outcome {
        let call = self.stage.call(&self.gone.e164).await?;
        check("the call's status", "failed", call.text("/status"))?;
        line("call", &format!("{} is no number any more", self.gone.e164));
        Ok(())
    }
}

/// Kind, action and what it is about. What has no number begins with the third party's id of it.
fn told(finding: &Value) -> Told {
    let word = |field: &str| finding[field].as_str().unwrap_or_default();
    let about = match word("e164") {
        "" => word("detail").split_whitespace().next().unwrap_or_default(),
        e164 => e164,
    };
    (word("kind").to_owned(), word("action").to_owned(), about.to_owned())
}
