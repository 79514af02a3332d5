//! One seed: steps, cheap checks after each, and now and then a day of peace after which everything must add up.

use reqwest::Method;
use serde_json::{Value, json};

use crate::actions::Play;

/// Steps between two days of peace.
const PEACE_EVERY: usize = 20;

/// What came of a seed.
#[derive(Debug)]
pub(crate) struct Played {
    /// What happened, line by line.
    pub(crate) trace: Vec<String>,
    /// Faults that struck.
    pub(crate) happened: u64,
    /// Why it was ended early, if it was.
    pub(crate) broken: Option<String>,
}

pub(crate) async fn play(seed: u64, steps: usize) -> Played {
    let mut play = Play::begin(seed).await;
    let (mut trace, mut broken) = (Vec::new(), None);
    for step in 1..=steps {
        let line = play.step().await;
        let wrong = if line.contains("BROKEN") { Err(line.clone()) } else { agrees(&play).await };
        trace.push(format!("{step:3} {line}"));
        let wrong = match wrong {
            Ok(()) if step % PEACE_EVERY == 0 || step == steps => peace(&mut play, &mut trace).await,
            other => other,
        };
        if let Err(why) = wrong {
            broken = Some(why);
            break;
        }
    }
    play.relent();
    Played { trace, happened: play.happened, broken }
}

/// What must be true at any time.
async fn agrees(play: &Play) -> Result<(), String> {
    let violations = play.app.violations().await;
    if violations != json!([]) {
        return Err(format!("violations: {violations}"));
    }
    let owned = play.app.state("twilio").await;
    for (id, (e164, name)) in &play.model.untagged {
        let is = |number: &&Value| number["id"] == id.as_str();
        let found = owned["numbers"].as_array().into_iter().flatten().find(is);
        if !found.is_some_and(|number| number["e164"] == e164.as_str() && number["name"] == name.as_str()) {
            return Err(format!("the operator's own {id} was touched: {found:?}"));
        }
    }
    Ok(())
}

/// No faults, more than a day, the operator helps: then nothing is open, and everything is as the model has it.
async fn peace(play: &mut Play, trace: &mut Vec<String>) -> Result<(), String> {
    play.relent();
    play.app.restart_workers().await;
    let _ = play.app.advance("PT26H").await;
    for who in 0..play.model.tenants.len() {
        trace.extend(settle(play, who).await?);
    }
    // What was begun only now may have to wait for its carrier.
    let _ = play.app.advance("PT15M").await;
    for who in 0..play.model.tenants.len() {
        trace.extend(hear(play, who).await?);
    }
    let operator = tests::Tenant { id: String::new(), token: play.operator.clone() };
    let stuck = play.app.get(&operator, "/v1/operator/operations?status=stuck&limit=100").await.expect(200);
    for op in stuck.body["items"].as_array().into_iter().flatten() {
        trace.push(format!("    stuck: {op}"));
        let path = format!("/v1/operator/operations/{}/resume", op["id"].as_str().unwrap_or_default());
        let _ = play.app.post(&operator, &path, "resume", json!({})).await.expect(200);
    }
    let _ = play.app.drain().await.expect(200);
    agrees(play).await?;
    for who in 0..play.model.tenants.len() {
        trace.push(look(play, who).await?);
    }
    Ok(())
}

/// What got no sure answer is asked again.
async fn settle(play: &mut Play, who: usize) -> Result<Vec<String>, String> {
    let mut lines = Vec::new();
    for nth in 0..play.model.tenants[who].sent.len() {
        let sent = &play.model.tenants[who].sent[nth];
        if sent.outcome.is_none() {
            lines.push(format!("    {}", play.send(who, nth).await?));
        }
    }
    for nth in 0..play.model.tenants[who].adjusted.len() {
        if !play.model.tenants[who].adjusted[nth].sure {
            lines.push(format!("    {}", play.book(who, nth).await));
        }
    }
    Ok(lines)
}

/// What has begun and got no sure answer is asked again.
async fn hear(play: &mut Play, who: usize) -> Result<Vec<String>, String> {
    let mut lines = Vec::new();
    for nth in 0..play.model.tenants[who].sent.len() {
        let sent = &play.model.tenants[who].sent[nth];
        if sent.outcome.is_none() && sent.operation.is_some() {
            lines.push(format!("    {}", play.send(who, nth).await?));
        }
    }
    Ok(lines)
}

/// Operations are over, numbers are as they must be, and the wallet is what came in less what was charged.
async fn look(play: &mut Play, who: usize) -> Result<String, String> {
    for status in ["running", "waiting", "stuck"] {
        let open = list(play, who, &format!("/v1/operations?status={status}")).await;
        if !open.is_empty() {
            return Err(format!("tenant {who} still has {status} operations: {open:?}"));
        }
    }
    let numbers = list(play, who, "/v1/numbers?").await;
    let known = &mut play.model.tenants[who];
    let (mut charged, mut lira) = (0, 0);
    for number in &numbers {
        if !number["paid_through"].is_null() {
            let sum = if number["price"]["currency"] == "TRY" { &mut lira } else { &mut charged };
            *sum += micros(&number["price"]);
        }
        match known.numbers.iter_mut().find(|held| number["id"] == held.id.as_str()) {
            Some(held) => held.look(number)?,
            None if number["status"] == "failed" => {}
            None => return Err(format!("tenant {who} has a number nobody asked for: {number}")),
        }
    }
    if let Some(lost) = known.numbers.iter().find(|held| !numbers.iter().any(|number| number["id"] == held.id.as_str()))
    {
        return Err(format!("tenant {who} no longer has {lost:?}"));
    }
    // Minutes are charged for calls that were answered; what else is in the ledger is a month of a number.
    for entry in list(play, who, "/v1/wallet/entries?currency=USD").await {
        if entry["kind"] == "usage_charge" {
            charged -= micros(&entry["amount"]);
        }
    }
    let known = &play.model.tenants[who];
    let came_in: i64 = known.opening + known.adjusted.iter().map(|adjusted| adjusted.micros).sum::<i64>();
    let mut shown = Vec::new();
    for (currency, must) in [("USD", came_in - charged), ("TRY", known.lira - lira)] {
        let wallet = play.app.wallet_in(&known.tenant, currency).await;
        let must = amount(must);
        let none = currency == "TRY" && known.lira == 0;
        if !none && wallet != (must.clone(), amount(0), must.clone()) {
            return Err(format!("tenant {who} has {wallet:?} {currency} in the wallet and must have {must}"));
        }
        shown.push(format!("{must} {currency}"));
    }
    Ok(format!("    tenant {who}: {} and {}", shown.join(", "), Value::Array(numbers)))
}

async fn list(play: &Play, who: usize, path: &str) -> Vec<Value> {
    let (mut items, mut cursor) = (Vec::new(), String::new());
    loop {
        let answer = play.ask(who, Method::GET, &format!("{path}&limit=100{cursor}"), None, None).await;
        let answer = answer.expect("nobody dies in peace").expect(200);
        items.extend(answer.body["items"].as_array().cloned().unwrap_or_default());
        match answer.body["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return items,
        }
    }
}

/// Micro-units of USD as the API has them.
fn micros(money: &Value) -> i64 {
    let amount = money["amount"].as_str().unwrap_or_default();
    domain::Money::parse(amount, domain::Currency::USD).map_or(0, |money| money.micros)
}

/// Micro-units as the API shows them.
fn amount(micros: i64) -> String {
    format!("{}.{:02}", micros / 1_000_000, micros % 1_000_000 / 10_000)
}
