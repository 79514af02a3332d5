//! Numbers whose own carrier takes calls to the agent by SIP, with nothing of ours in their way.

use reqwest::Method;
use serde_json::{Value, json};

use super::super::paper::line;
use super::super::stage::{Number, Outcome, Stage, check, expect};
use super::{Way, in_both_places};

/// Whoever calls.
const CALLER: &str = "+905325550100";
/// A password that no answer may hold.
const PASSWORD: &str = "a-password-of-the-tenants-carrier";

/// Who takes a call that the number's carrier brings.
async fn brought(stage: &Stage, e164: &str) -> Outcome<Value> {
    let call = stage.local("simulators/vapi/call", Some(json!({ "to": e164, "from": CALLER }))).await?;
    stage.local("drain", Some(json!({}))).await?;
    Ok(call.body["answered_by"]["assistant_id"].clone())
}

pub(super) async fn reaches(way: &Way<'_>, number: &Number) -> Outcome {
    check("who answered", json!(way.agent.1), brought(way.stage, &number.e164).await?)?;
    line("call", &format!("{} reaches the agent, past us", number.e164));
    Ok(())
}

pub(super) async fn turkish(stage: &Stage) -> Outcome {
    let tenant = stage.tenant_with("turkey", "100.00", "TRY").await?;
    let way = Way::with(stage, tenant, "vapi").await?;
    let offers = stage.get(&way.tenant, "/v1/available-numbers?country=TR&type=national").await?;
    let bought = way.buys(json!({ "e164": offers.text("/items/0/e164"), "agent_id": way.agent.0 })).await?;
    let number = way.is_linked(&bought, "direct")?;
    let wallet = stage.wallet(&way.tenant).await?;
    line("bought", &format!("{} at netgsm, which is paid by the year; the tenant by the month", number.e164));
    check("the wallet", ("80.00", "0.00"), (wallet.balance.as_str(), wallet.held.as_str()))?;
    let known = |party: super::super::stage::Party| party.list("/credentials").len();
    check("trunks at the platform", 1, known(stage.platform().await?))?;
    in_both_places(&way, "netgsm", &number, 1).await?;
    reaches(&way, &number).await?;
    let calls = stage.get(&way.tenant, &format!("/v1/numbers/{}/calls", number.id)).await?;
    check("the call in the log", "completed", calls.text("/items/0/status"))?;
    way.releases(&number).await?;
    check("nobody answers", Value::Null, brought(stage, &number.e164).await?)?;
    check("trunks at the platform", 0, known(stage.platform().await?))?;
    in_both_places(&way, "netgsm", &number, 0).await
}

pub(super) async fn own(stage: &Stage) -> Outcome {
    let way = Way::begin(stage, "own", "1.00", "vapi").await?;
    let sip = json!({
        "host": "sip.example.com", "username": "line-1", "password": PASSWORD, "signalling_cidrs": ["203.0.113.0/28"],
    });
    let wish = json!({ "carrier": "custom", "e164": "+442079460123", "agent_id": way.agent.0, "sip": sip });
    let path = "/v1/numbers/import";
    let taken = stage.child()?.send(Method::POST, path, &way.tenant.token, "own", Some(&wish)).await?;
    let taken = expect("taking it in", 201, taken)?;
    let number = way.is_linked(&taken, "direct")?;
    line("taken in", &format!("{}, for nothing a month", number.e164));
    reaches(&way, &number).await?;
    let path = format!("/v1/numbers/{}/test-call", number.id);
    let wish = json!({ "to": "+442079460999" });
    let placed = stage.child()?.send(Method::POST, &path, &way.tenant.token, "test", Some(&wish)).await?;
    check("the test call", "outbound", expect("the test call", 201, placed)?.text("/call/direction"))?;
    stage.local("drain", Some(json!({}))).await?;
    line("call", "and the agent calls from it");
    let shown = stage.get(&way.tenant, &format!("/v1/numbers/{}", number.id)).await?;
    check("the user name is shown", "line-1", shown.text("/sip/username"))?;
    let said = [&taken, &shown].iter().any(|answer| answer.body.to_string().contains(PASSWORD));
    check("whether the password is", false, said)?;
    line("secret", "its password is sealed; no answer shows it");
    way.releases(&number).await?;
    check("the platform has forgotten it", 0, stage.platform().await?.has(&number.e164))
}
