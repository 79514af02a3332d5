//! What voice platforms tell of their calls: the only news of calls that go past our webhook. What a carrier tells us itself
//! is not noted twice, and nothing is charged twice: a call's record is found by the platform's id of the call.

use domain::agent::Platform;
use domain::call::{Call, CallStatus, PlatformReport, Why};
use domain::claim::{Claim, ClaimState, Route};
use domain::number::{PlatformRef, Reach};
use store::StoreError;
use store::call::CallNews;

use crate::App;
use crate::billing::usage;

/// Takes in how a call stands, in whatever order and however often it is told.
///
/// # Errors
/// When the store does not answer.
pub async fn take(app: &App, platform: Platform, report: &PlatformReport) -> Result<(), StoreError> {
    let Some((claim, route, known)) = linked(app, platform, report).await? else {
        tracing::debug!(platform = platform.as_str(), call = report.call_id, "a call of no number that goes past us");
        return Ok(());
    };
    let mut call = call(app, report, &claim);
    let ours = known.platform_agent_id;
    // One that another agent of the account took is the account's own.
    if report.platform_agent_id.as_ref().is_some_and(|agent| *agent != ours) {
        return Ok(());
    }
    // Whoever tells of the end without saying how long it was tells that a moment later; an end is only noted once.
    if report.status == CallStatus::Completed && report.duration_s.is_none() {
        return Ok(());
    }
    if report.status == CallStatus::Completed {
        call.cost = usage::price(app, &call, known.reach.method());
    }
    let (sid, costs) = (call.call_sid.clone(), call.cost.is_some());
    let routed = route.agent_id.as_ref().map(|agent| (agent.to_string(), Why::Linked.as_str().to_owned()));
    let news = CallNews { call, status: Some(report.status), routed, agent_id: route.agent_id };
    app.store.call_news(&news).await?;
    if costs && let Some(call) = app.store.call_get(&sid).await? {
        // What is not charged now is in the index of unpaid calls.
        usage::charge(app, &call).await?;
    }
    Ok(())
}

/// The number a call is about, if its calls go past our webhook, or if the agent made the call.
async fn linked(
    app: &App,
    platform: Platform,
    report: &PlatformReport,
) -> Result<Option<(Claim, Route, PlatformRef)>, StoreError> {
    // A SIP address has no number; of a call that an agent made from it, our own record says which it is.
    let number = match &report.number {
        Some(number) => Some(number.clone()),
        None if report.outgoing => app.store.call_get(&report.call_id).await?.map(|call| call.e164),
        None => None,
    };
    let Some(number) = number else { return Ok(None) };
    let claim = app.store.claim_get(&number).await?.filter(|claim| claim.state == ClaimState::Held);
    let Some(claim) = claim else { return Ok(None) };
    let Some(route) = claim.route.clone() else { return Ok(None) };
    let Some(known) = route.platform_ref.clone().filter(|known| known.platform == platform) else { return Ok(None) };
    let told_by_us_alone = known.reach == Reach::Register || (!known.reach.method().past_us() && !report.outgoing);
    Ok((!told_by_us_alone).then_some((claim, route, known)))
}

fn call(app: &App, report: &PlatformReport, claim: &Claim) -> Call {
    let number = claim.e164.to_string();
    let other: String = report.other.chars().take(100).collect();
    let (direction, from, to) = if report.outgoing { ("outbound", number, other) } else { ("inbound", other, number) };
    Call {
        call_sid: report.call_id.clone(),
        tenant_id: claim.tenant_id.clone(),
        e164: claim.e164.clone(),
        direction: direction.into(),
        from,
        to,
        status: report.status,
        started_at: report.started_at.unwrap_or_else(|| app.clock.now()),
        duration_s: report.duration_s,
        cost: None,
        paid: false,
        routed_to: None,
        routed_why: None,
        agent_id: None,
        answer: None,
    }
}
