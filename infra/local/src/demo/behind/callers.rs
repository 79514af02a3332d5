//! What somebody does at the consoles, and who notices: the callers.

use serde_json::{Value, json};

use super::super::console::STRANGER;
use super::{Behind, OWN, Outcome, STRAY_TAG, UNKNOWN, UNKNOWN_TAG, check, line};
use crate::demo::paper::between;

pub(super) async fn somebody(behind: &mut Behind<'_>) -> Outcome {
    let (turned, _) = behind.at_carrier(&behind.turned).await?;
    behind.console.change(&turned, "VoiceUrl", &behind.console.elsewhere).await?;
    line("carrier", &format!("{} has its voice webhook turned elsewhere", behind.turned.e164));
    let renamed;
    (renamed, behind.tag) = behind.at_carrier(&behind.renamed).await?;
    behind.console.change(&renamed, "FriendlyName", "mine now").await?;
    line("carrier", &format!("{} is renamed", behind.renamed.e164));
    let forgotten = behind.at_platform(&behind.forgotten).await?;
    behind.console.remove(&forgotten).await?;
    line("platform", &format!("the SIP number of {} is removed", behind.forgotten.e164));
    let bound = behind.at_platform(&behind.bound).await?;
    behind.other = behind.console.assistant("Somebody else").await?;
    behind.console.bind(&bound, &behind.other).await?;
    line("platform", &format!("the SIP number of {} is bound to another assistant", behind.bound.e164));
    let (gone, _) = behind.at_carrier(&behind.gone).await?;
    behind.console.give_back(&gone).await?;
    line("carrier", &format!("{} is deleted", behind.gone.e164));
    behind.stage.local("simulators/twilio/stock", Some(json!({ "e164": [OWN, UNKNOWN] }))).await?;
    behind.console.buy(OWN, "Switchboard").await?;
    line("carrier", &format!("{OWN} is bought by the operator, for itself"));
    behind.console.buy(UNKNOWN, UNKNOWN_TAG).await?;
    line("carrier", &format!("{UNKNOWN} is there with our tag, and the books know nothing of it"));
    behind.stray = behind.console.sip_number(STRAY_TAG, &behind.agent.1).await?;
    line("platform", "a SIP number is there with our tag, and no number is linked by it");
    behind.stage.tell(&behind.tenant).await
}

pub(super) async fn calls_astray(behind: &Behind<'_>) -> Outcome {
    let Behind { stage, turned, forgotten, bound, .. } = behind;
    check("what the caller hears", STRANGER, &stage.hears(&turned.e164).await?)?;
    line("call", &format!("{} goes astray; the caller hears: {STRANGER}", turned.e164));
    let call = stage.call(&forgotten.e164).await?;
    check("who answered", None, call.body.get("answered_by"))?;
    let last = call.list("/twiml").last().and_then(Value::as_str).unwrap_or_default();
    let said = between(last, "<Say>", "</Say>");
    check("the caller hears a sentence", true, said.contains("cannot take your call"))?;
    line("call", &format!("{} reaches nobody; the caller hears: {said}", forgotten.e164));
    let call = stage.call(&bound.e164).await?;
    check("who answered", behind.other.as_str(), call.text("/answered_by/assistant_id"))?;
    line("call", &format!("{} is answered by the other assistant", bound.e164));
    behind.reaches_no_carrier().await
}

pub(super) async fn calls_again(behind: &Behind<'_>) -> Outcome {
    for number in [&behind.turned, &behind.forgotten, &behind.bound] {
        behind.stage.reaches(&behind.agent.1, &number.e164).await?;
    }
    behind.reaches_no_carrier().await
}
