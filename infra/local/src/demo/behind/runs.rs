//! What runs find of it, do about it and leave; and what is told of that to tenant and operator.

use jiff::{Timestamp, ToSpan};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Behind, OWN, Outcome, STRAY_TAG, UNKNOWN, check, expect, line, told};

pub(super) async fn all_agrees(behind: &Behind<'_>) -> Outcome {
    let run = behind.run(false).await?;
    behind.tells(&run, &[])?;
    behind.statement(&run, ("5", "5", "100.00"), ("5", "5", "100.00"), 0).await?;
    behind.stage.tell(&behind.tenant).await
}

pub(super) async fn dry_run(behind: &Behind<'_>) -> Outcome {
    let before = behind.world().await?;
    let run = behind.run(true).await?;
    behind.tells(&run, &behind.all(["reported"; 4]))?;
    for finding in run.list("/findings") {
        tell(finding);
    }
    check("carrier and platform are as they were", before, behind.world().await?)?;
    check("numbers that are parked", 0, behind.parked().await?.len())?;
    line("world", "as it was: nothing was changed at carrier or platform, and no number is parked");
    Ok(())
}

pub(super) async fn the_run(behind: &Behind<'_>) -> Outcome {
    let stage = behind.stage;
    let wallet = stage.wallet(&behind.tenant).await?;
    let run = behind.run(false).await?;
    behind.tells(&run, &behind.all(["repaired", "repaired", "repaired", "parked"]))?;
    for finding in run.list("/findings") {
        tell(finding);
    }
    let webhook = behind.found_at_carrier(&behind.turned.e164).await?["voice_url"].clone();
    check("its webhook is ours again", true, webhook.as_str().is_some_and(|url| url.starts_with(behind.url())))?;
    let name = behind.found_at_carrier(&behind.renamed.e164).await?["name"].clone();
    check("what was renamed is not touched", &json!("mine now"), &name)?;
    for e164 in [OWN, UNKNOWN] {
        check(&format!("how often the carrier has {e164}"), 1, stage.carrier().await?.has(e164))?;
    }
    let parked = behind.parked().await?;
    check("numbers that are parked", 1, parked.len())?;
    check("which one", behind.gone.id.as_str(), parked[0]["number_id"].as_str().unwrap_or_default())?;
    let path = format!("/v1/numbers/{}", behind.gone.id);
    let refused = stage.send(Method::DELETE, &behind.tenant, &path, Value::Null).await?;
    check("the tenant cannot let it go", "number_parked", expect(&path, 409, refused)?.text("/code"))?;
    line("number", &format!("{} cannot be let go; an alarm in the log calls for a person", behind.gone.e164));
    check("the wallet", wallet, stage.wallet(&behind.tenant).await?)?;
    stage.tell(&behind.tenant).await
}

pub(super) async fn statements(behind: &Behind<'_>) -> Outcome {
    let seen = [
        (&behind.turned, true, "routing_drift", "repaired"),
        (&behind.renamed, false, "routing_drift", "reported"),
        (&behind.gone, false, "missing_at_carrier", "parked"),
    ];
    for (number, agrees, kind, action) in seen {
        let path = format!("/v1/numbers/{}/agreement", number.id);
        let agreement = behind.stage.get(&behind.tenant, &path).await?;
        check(&format!("whether {} agrees", number.e164), &json!(agrees), &agreement.body["agrees"])?;
        check("why", &json!([{ "kind": kind, "action": action }]), &agreement.body["findings"])?;
        let verdict = if agrees { "agrees" } else { "does not agree" };
        line("tenant", &format!("{} {verdict}: {}, {action}", number.e164, kind.replace('_', " ")));
    }
    let latest = behind.stage.get(&behind.operator, "/v1/operator/reconcile/latest").await?;
    behind.statement(&latest, ("6", "3", "50.00"), ("6", "5", "83.33"), 1).await
}

pub(super) async fn a_day(behind: &Behind<'_>) -> Outcome {
    let stage = behind.stage;
    let now: Timestamp = stage.local("clock", None).await?.text("/now").parse()?;
    // Runs are hourly, and the first that comes a day after both were seen gives them back.
    stage.to(now.checked_add(26.hours())?).await?;
    check("how often the carrier has it", 0, stage.carrier().await?.has(UNKNOWN))?;
    let stray = stage.platform().await?.numbers().iter().filter(|number| number["id"] == behind.stray.as_str()).count();
    check("how often the platform has it", 0, stray)?;
    let trail = stage.get(&behind.operator, "/v1/operator/audit").await?;
    let mut released: Vec<&str> = trail
        .list("/items")
        .iter()
        .filter(|entry| entry["action"] == "orphan_released")
        .filter_map(|entry| entry["subject"].as_str())
        .collect();
    released.sort_unstable();
    check("what the trail says was given back", vec![UNKNOWN, &format!("sip:{STRAY_TAG}@sip.vapi.ai")], released)?;
    line("released", &format!("{UNKNOWN} at the carrier, the SIP number at the platform: still nobody's after a day"));
    let run = behind.run(false).await?;
    behind.tells(&run, &behind.left())?;
    for finding in run.list("/findings") {
        tell(finding);
    }
    behind.statement(&run, ("5", "3", "60.00"), ("5", "5", "100.00"), 1).await?;
    stage.tell(&behind.tenant).await
}

pub(super) async fn a_person(behind: &Behind<'_>) -> Outcome {
    let (stage, gone) = (behind.stage, &behind.gone);
    let path = format!("/v1/operator/numbers/{}/resolve", gone.id);
    let reason = "The carrier says that it was deleted by hand and cannot come back";
    let wish = json!({ "tenant_id": behind.tenant.id, "decision": "release", "reason": reason });
    expect(&path, 200, stage.send(Method::POST, &behind.operator, &path, wish).await?)?;
    stage.local("drain", Some(json!({}))).await?;
    let shown = stage.get(&behind.tenant, &format!("/v1/numbers/{}", gone.id)).await?;
    check("its status", "released", shown.text("/status"))?;
    check("numbers that are parked", 0, behind.parked().await?.len())?;
    line("operator", &format!("{} is released: {reason}", gone.e164));
    let (renamed, _) = behind.at_carrier(&behind.renamed).await?;
    behind.console.change(&renamed, "FriendlyName", &behind.tag).await?;
    line("carrier", &format!("{} has its own name again", behind.renamed.e164));
    let run = behind.run(false).await?;
    behind.tells(&run, &[("orphan_untagged", "reported", OWN)])?;
    behind.statement(&run, ("4", "4", "100.00"), ("4", "4", "100.00"), 1).await?;
    check("how often the carrier has the operator's own", 1, stage.carrier().await?.has(OWN))?;
    line("carrier", &format!("{OWN} is the operator's own, and nobody has touched it"));
    for number in [&behind.turned, &behind.renamed, &behind.forgotten, &behind.bound] {
        stage.reaches(&behind.agent.1, &number.e164).await?;
    }
    stage.tell(&behind.tenant).await
}

/// Prints a finding.
fn tell(finding: &Value) {
    let (kind, action, about) = told(finding);
    line(&action, &format!("{about}: {}", kind.replace('_', " ")));
    line("", &format!("  {}", finding["detail"].as_str().unwrap_or_default()));
}
