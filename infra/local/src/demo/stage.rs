//! What the story is played on: a child system on throwaway data, the ways to speak to it, and the views of it that are
//! printed. A deviation is an error that says what was expected and what was found.

use std::error::Error;
use std::fmt::Debug;
use std::path::PathBuf;

use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};

use super::paper::{between, count, line};
use crate::child::{Answer, Child};

pub(super) type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Something is not as it should be.
#[derive(Debug, thiserror::Error)]
#[error("{what}\n    expected  {expected}\n    found     {found}")]
struct Deviation {
    what: String,
    expected: String,
    found: String,
}

/// Holds `found` against `expected`.
pub(super) fn check<T: PartialEq + Debug>(what: &str, expected: T, found: T) -> Outcome {
    if expected == found {
        return Ok(());
    }
    let (expected, found) = (format!("{expected:?}"), format!("{found:?}"));
    Err(Deviation { what: what.to_owned(), expected, found }.into())
}

/// The answer, which must have this status.
pub(super) fn expect(what: &str, status: u16, answer: Answer) -> Outcome<Answer> {
    if answer.status == status {
        return Ok(answer);
    }
    let (expected, found) = (format!("HTTP {status}"), format!("HTTP {}: {}", answer.status, answer.body));
    Err(Deviation { what: what.to_owned(), expected, found }.into())
}

/// What every begun minute of a call costs, in USD.
pub(super) const MINUTE: &str = "0.02";

/// A number a tenant holds.
#[derive(Debug, Clone, Default)]
pub(super) struct Number {
    pub(super) id: String,
    pub(super) e164: String,
}

impl Number {
    /// The number of an answer that has one.
    pub(super) fn of(answer: &Value) -> Self {
        let text = |name: &str| answer["number"][name].as_str().unwrap_or_default().to_owned();
        Self { id: text("id"), e164: text("e164") }
    }
}

/// A tenant and its owner's token.
#[derive(Debug, Clone)]
pub(super) struct Tenant {
    pub(super) id: String,
    pub(super) token: String,
}

/// The child system and its data.
#[derive(Debug)]
pub(super) struct Stage {
    program: PathBuf,
    data: PathBuf,
    child: Option<Child>,
}

impl Stage {
    /// A stage without a system yet.
    pub(super) fn set() -> std::io::Result<Self> {
        let name = format!("trunkline-demo-{}", uuid::Uuid::new_v4().simple());
        let data = std::env::temp_dir().join(name);
        std::fs::create_dir(&data)?;
        Ok(Self { program: std::env::current_exe()?, data, child: None })
    }

    /// Ends the system and removes its data.
    pub(super) async fn clear(&mut self) -> std::io::Result<()> {
        if let Some(child) = self.child.take() {
            child.kill().await?;
        }
        std::fs::remove_dir_all(&self.data)
    }

    /// Starts a system on the data as it is now. Its jobs tick as the clock is moved: a tick in between, as the real hour is
    /// full, would do what a scene is about before it.
    pub(super) async fn start(&mut self) -> Outcome {
        self.child = Some(Child::start(&self.program, &self.data, &["--no-schedules"]).await?);
        Ok(())
    }

    /// Waits for the system to die by itself.
    pub(super) async fn wait_for_its_death(&mut self) -> Outcome {
        let Some(child) = self.child.take() else { return Err("there is no system that could die".into()) };
        let status = child.ended().await?;
        check("the system dies of the fault, not in peace", false, status.success())
    }

    pub(super) fn child(&self) -> Outcome<&Child> {
        self.child.as_ref().ok_or_else(|| "there is no system at the moment".into())
    }

    pub(super) async fn get(&self, tenant: &Tenant, path: &str) -> Outcome<Answer> {
        expect(path, 200, self.child()?.send(Method::GET, path, &tenant.token, "", None).await?)
    }

    /// A request whose answer may be a refusal.
    pub(super) async fn send(&self, method: Method, tenant: &Tenant, path: &str, body: Value) -> Outcome<Answer> {
        let body = Some(body).filter(|body| !body.is_null());
        Ok(self.child()?.send(method, path, &tenant.token, "", body.as_ref()).await?)
    }

    /// A purchase; its answer may be a refusal, or not come at all.
    pub(super) async fn buy(&self, tenant: &Tenant, key: &str, wish: &Value) -> Outcome<Answer> {
        Ok(self.child()?.send(Method::POST, "/v1/numbers", &tenant.token, key, Some(wish)).await?)
    }

    /// A call of the control surface, which must succeed.
    pub(super) async fn local(&self, path: &str, body: Option<Value>) -> Outcome<Answer> {
        let answer = self.child()?.local(path, body.as_ref()).await?;
        if (200..300).contains(&answer.status) { Ok(answer) } else { expect(path, 200, answer) }
    }

    pub(super) async fn tenant(&self, id: &str, usd: &str) -> Outcome<Tenant> {
        self.tenant_with(id, usd, "USD").await
    }

    /// A tenant whose wallet is of this currency.
    pub(super) async fn tenant_with(&self, id: &str, amount: &str, currency: &str) -> Outcome<Tenant> {
        let wish = json!({ "id": id, "plan": "PRO", "wallet": { "currency": currency, "amount": amount } });
        let made = self.local("tenants", Some(wish)).await?;
        Ok(Tenant { id: id.to_owned(), token: made.text("/token").to_owned() })
    }

    /// What a call to this number comes to. A completed one lasts half a minute.
    pub(super) async fn call(&self, e164: &str) -> Outcome<Answer> {
        self.local("simulators/twilio/call", Some(json!({ "to": e164, "from": "+14155550100" }))).await
    }

    /// A call that the agent takes, named as the platform names it.
    pub(super) async fn reaches(&self, agent: &str, e164: &str) -> Outcome {
        let call = self.call(e164).await?;
        check("the call's status", "completed", call.text("/status"))?;
        check("who answered", agent, call.text("/answered_by/assistant_id"))?;
        line("call", &format!("{e164} reaches the agent"));
        Ok(())
    }

    /// A call that nobody takes; the sentence the caller hears.
    pub(super) async fn hears(&self, e164: &str) -> Outcome<String> {
        let call = self.call(e164).await?;
        check("who answered", None, call.body.get("answered_by"))?;
        Ok(between(call.text("/twiml/0"), "<Say>", "</Say>").to_owned())
    }

    /// Moves the clock to this instant, jobs running at their times.
    pub(super) async fn to(&self, at: Timestamp) -> Outcome {
        self.local("clock", Some(json!({ "to": at }))).await.map(|_| ())
    }

    /// Moves the clock to this instant, and nothing of ours runs.
    pub(super) async fn outage_until(&self, at: Timestamp) -> Outcome {
        self.local("clock", Some(json!({ "to": at, "run_jobs": false }))).await.map(|_| ())
    }

    pub(super) async fn carrier(&self) -> Outcome<Party> {
        self.party("twilio").await
    }

    pub(super) async fn platform(&self) -> Outcome<Party> {
        self.party("vapi").await
    }

    /// What this third party believes.
    pub(super) async fn party(&self, name: &str) -> Outcome<Party> {
        Ok(Party(self.local(&format!("simulators/{name}/state"), None).await?))
    }

    pub(super) async fn wallet(&self, tenant: &Tenant) -> Outcome<Wallet> {
        let wallets = self.get(tenant, "/v1/wallet").await?;
        let amount = |of: &str| wallets.text(&format!("/wallets/0/{of}/amount")).to_owned();
        Ok(Wallet { balance: amount("balance"), held: amount("held") })
    }

    /// Prints what carrier, platform and ledger say now.
    pub(super) async fn tell(&self, tenant: &Tenant) -> Outcome {
        let (carrier, platform, wallet) = (self.carrier().await?, self.platform().await?, self.wallet(tenant).await?);
        let owned: Vec<&str> = carrier.numbers().iter().filter_map(|number| number["e164"].as_str()).collect();
        let orders = count(carrier.asked("numbers.create"), "order");
        let owned = if owned.is_empty() { "no number".to_owned() } else { owned.join(" ") };
        line("carrier", &format!("{owned} ({orders} so far)"));
        let known = count(platform.numbers().len(), "number");
        line("platform", &format!("{known} with an agent behind it"));
        let entries = self.get(tenant, "/v1/wallet/entries?limit=1").await?;
        let (last, amount) = (entries.text("/items/0/explain"), entries.text("/items/0/amount/amount"));
        let Wallet { balance, held } = wallet;
        line("ledger", &format!("{balance} USD, {held} held; last entry {amount}: {last}"));
        Ok(())
    }
}

/// What a third party believes.
#[derive(Debug)]
pub(super) struct Party(Answer);

impl Party {
    pub(super) fn numbers(&self) -> &[Value] {
        self.0.list("/numbers")
    }

    /// What else it shows of itself.
    pub(super) fn list(&self, pointer: &str) -> &[Value] {
        self.0.list(pointer)
    }

    /// The number it has of these digits.
    pub(super) fn number(&self, e164: &str) -> Option<&Value> {
        self.numbers().iter().find(|number| number["e164"] == e164)
    }

    /// The agent, as the platform names it, that had the last call; none before there was one.
    pub(super) fn last_to_answer(&self) -> Option<&str> {
        self.0.list("/calls").last().and_then(|call| call["agent"].as_str())
    }

    /// How often it has this number.
    pub(super) fn has(&self, e164: &str) -> usize {
        self.numbers().iter().filter(|number| number["e164"] == e164).count()
    }

    /// How often it was asked to do this.
    pub(super) fn asked(&self, operation: &str) -> usize {
        self.0.list("/requests").iter().filter(|request| request["operation"] == operation).count()
    }

    /// How often it was asked anything.
    pub(super) fn requests(&self) -> usize {
        self.0.list("/requests").len()
    }
}

/// A tenant's USD.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wallet {
    pub(super) balance: String,
    pub(super) held: String,
}

/// So much, and nothing held.
pub(super) fn usd(balance: &str) -> Wallet {
    Wallet { balance: balance.to_owned(), held: "0.00".to_owned() }
}
