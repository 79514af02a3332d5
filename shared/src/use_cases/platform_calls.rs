//! What voice platforms tell of their calls: the only news of calls that go past our webhook. What a carrier tells us itself
//! is not noted twice, and nothing is charged twice: a call's record is found by the platform's id of the call. Whose a call
//! is was decided when it began: by its record, or by who answered the number then.

use domain::agent::{Method, Platform};
use domain::call::{Call, CallStatus, PlatformReport, Why};
use domain::claim::Claim;
use domain::operation::Saga;
use domain::tenure::Tenure;
use jiff::Timestamp;
use store::StoreError;
use store::call::CallNews;

use crate::App;
use crate::billing::usage;

/// Takes in how a call stands, in whatever order and however often and late it is told.
///
/// # Errors
/// When the store does not answer.
pub async fn take(app: &App, platform: Platform, report: &PlatformReport) -> Result<(), StoreError> {
    // The carrier tells of it, whatever has become of the number since it came.
    if report.handed_over {
        return Ok(());
    }
    // Whoever tells of the end without saying how long it was tells that a moment later; an end is only noted once.
    if report.status == CallStatus::Completed && report.duration_s.is_none() {
        return Ok(());
    }
    let Some((mut call, method)) = call(app, platform, report).await? else {
        tracing::debug!(platform = platform.as_str(), call = report.call_id, "a call of no number that goes past us");
        return Ok(());
    };
    if report.status == CallStatus::Completed {
        call.cost = usage::price(app, &call, method);
    }
    let (sid, costs) = (call.call_sid.clone(), call.cost.is_some());
    let agent_id = call.agent_id.clone();
    let routed = agent_id.as_ref().map(|agent| (agent.to_string(), Why::Linked.as_str().to_owned()));
    let news = CallNews { call, status: Some(report.status), routed, agent_id };
    app.store.call_news(&news).await?;
    if costs && let Some(call) = app.store.call_get(&sid).await? {
        // What is not charged now is in the index of unpaid calls.
        usage::ended(app, &call).await?;
    }
    Ok(())
}

/// The call as it was noted, or else as it is to be, and how it got to its agent; none of one that did not go past us.
async fn call(app: &App, platform: Platform, report: &PlatformReport) -> Result<Option<(Call, Method)>, StoreError> {
    let noted = app.store.call_get(&report.call_id).await?;
    let told = noted.as_ref().map(|noted| noted.started_at).or(report.started_at);
    let began = told.unwrap_or_else(|| app.clock.now());
    let tenure = tenure(app, platform, report, began).await?;
    let method = tenure.as_ref().map(|tenure| tenure.method);
    Ok(match noted {
        Some(noted) => {
            let call = Call { status: report.status, duration_s: report.duration_s, cost: None, ..noted };
            // An agent's call from a number whose own calls come to our webhook.
            Some((call, method.unwrap_or(Method::HandOver)))
        }
        None => tenure.zip(method).map(|(tenure, method)| (first_heard_of(report, tenure, began), method)),
    })
}

/// Whose agent answered the number past us when the call began. What another agent of the account took is the account's own.
async fn tenure(
    app: &App,
    platform: Platform,
    report: &PlatformReport,
    began: Timestamp,
) -> Result<Option<Tenure>, StoreError> {
    // A SIP address has no number: what calls it comes from us, and what calls from it was noted when it was begun.
    let Some(e164) = &report.number else { return Ok(None) };
    let has = |tenure: &Tenure| tenure.has(platform, report.platform_agent_id.as_deref(), began);
    let claim = app.store.claim_get(e164).await?;
    if let Some(lasting) = claim.as_ref().and_then(Tenure::of).filter(has) {
        return Ok(Some(lasting));
    }
    if let Some(ended) = app.store.tenures_ended_since(e164, began).await?.into_iter().find(has) {
        return Ok(Some(ended));
    }
    match claim {
        Some(claim) => Ok(being_made(app, &claim).await?.filter(has)),
        None => Ok(None),
    }
}

/// By the link that is being made: calls go by it before what the number was linked by is removed, which may take as long as
/// that platform is silent, and only then is it in the claim.
async fn being_made(app: &App, claim: &Claim) -> Result<Option<Tenure>, StoreError> {
    let number = app.store.number_get(&claim.tenant_id, &claim.number_id).await?;
    let Some(open) = number.and_then(|number| number.open_operation_id) else { return Ok(None) };
    let Some(op) = app.store.operation_get(&claim.tenant_id, &open).await? else { return Ok(None) };
    Ok(match &op.saga {
        Saga::Link(link) => {
            let made = link.made(op.created_at);
            made.and_then(|known| Tenure::by(&link.e164, &op.tenant_id, &link.agent.agent_id, &known))
        }
        // These remove nothing: what they link by is in the claim right after calls go by it.
        Saga::Purchase(_) | Saga::Import(_) => None,
        Saga::Unlink(_) | Saga::Release(_) | Saga::Suspend(_) | Saga::Resume(_) | Saga::Bar(_) | Saga::Restore(_) => {
            None
        }
    })
}

fn first_heard_of(report: &PlatformReport, tenure: Tenure, began: Timestamp) -> Call {
    let number = tenure.e164.to_string();
    let other: String = report.other.chars().take(100).collect();
    let (direction, from, to) = if report.outgoing { ("outbound", number, other) } else { ("inbound", other, number) };
    Call {
        call_sid: report.call_id.clone(),
        tenant_id: tenure.tenant_id,
        e164: tenure.e164,
        direction: direction.into(),
        from,
        to,
        status: report.status,
        started_at: began,
        duration_s: report.duration_s,
        cost: None,
        paid: false,
        included_minutes: 0,
        routed_to: None,
        routed_why: None,
        agent_id: Some(tenure.agent_id),
        answer: None,
    }
}
