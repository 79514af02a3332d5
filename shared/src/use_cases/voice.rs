//! What callers meet: the answers to the carrier's voice webhooks, and what is kept of a call.
//!
//! Every answer is a TwiML document, also when the books cannot be read: a caller is never left with an error tone. There
//! is no work after an answer, since a Lambda freezes; who a call went to travels in the (signed) URL that reports how it
//! ended.

use domain::agent::Method;
use domain::call::{self, Call, CallStatus, Routing, Standing, Why};
use domain::claim::Claim;
use domain::number::{NumberStatus, PlatformRef, Reach};
use domain::ports::{CallOrder, HandedOver, ProviderError, ProviderErrorKind, Reason};
use domain::tenure::Tenure;
use domain::{AgentId, E164, TenantId, limits};
use jiff::{SignedDuration, Timestamp};
use providers::twilio::twiml::{Dial, RejectReason, Response, Say, Sip, Target, Verb};
use store::call::CallNews;
use store::claim::CallLookup;

use crate::App;
use crate::billing::usage;
use crate::http::paths;
use crate::http::twilio::Signed;

/// Who a caller was put through to when nobody took the call.
const NOBODY: &str = "nobody";

/// Answers an incoming call: one round trip to the store, side by side with noting the call.
pub async fn incoming(app: &App, webhook: &Signed) -> Response {
    let Some(called) = webhook.called() else { return reject() };
    let Some(call) = call_of(app, webhook, &called) else { return reject() };
    let pays_in = app.price_book.minutes.price.currency;
    match app.store.call_begin(&webhook.tenant, &called, pays_in, &call).await {
        Ok(CallLookup { answer: Some(before), .. }) => Response::given(before),
        Ok(found) => {
            let routing = call::route(&webhook.tenant, found.tenant.as_ref(), found.claim.as_ref());
            let routing = routing.standing(standing(app, &webhook.tenant, &found).await);
            if let Routing::Say { why: why @ (Why::Busy | Why::NoFunds), .. } = &routing {
                turned_away(app, &call.call_sid, *why).await;
            }
            answer(app, webhook, &called, routing).await
        }
        Err(error) => {
            tracing::error!(call.sid = call.call_sid, %error, "an incoming call could not be looked up");
            let url = callback(app, webhook, paths::VOICE_FALLBACK, &[]);
            Response::new().then(Verb::Redirect(url))
        }
    }
}

/// How the tenant of a call stands, from what was read for it. Only of a tenant without money, whose plan includes minutes,
/// is there more to be read.
async fn standing(app: &App, tenant: &TenantId, found: &CallLookup) -> Standing {
    let plan = app.plan(found.tenant.as_ref());
    let route = found.claim.as_ref().and_then(|claim| claim.route.as_ref());
    // Whoever is past due is given time: that is what the time is for.
    let in_grace = route.is_some_and(|route| route.status == NumberStatus::PastDue);
    let has_means = usage::has_means(app, tenant, plan, found.wallet.as_ref()).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "the minutes a tenant has left could not be read");
        true
    });
    let live = u32::try_from(found.live).unwrap_or(u32::MAX);
    Standing {
        line_free: live < plan.calls,
        means: has_means || in_grace,
        message: found.tenant.as_ref().and_then(|tenant| tenant.suspended_message.clone()),
    }
}

/// Notes that a caller was put through to nobody, which costs the tenant nothing; how the tenant stands is forgotten by the
/// time the carrier tells of the end.
async fn turned_away(app: &App, sid: &str, why: Why) {
    if let Err(error) = app.store.call_turned_away(sid, NOBODY, why.as_str()).await {
        tracing::warn!(call.sid = sid, %error, "that nobody took a call could not be noted");
    }
}

/// Answers when the carrier got no answer from [`incoming`]: the fallback number, or a sentence. Runs as a function of its
/// own, so that whatever broke the other need not break this one.
pub async fn fallback(app: &App, webhook: &Signed) -> Response {
    let Some(called) = webhook.called() else { return reject() };
    match app.store.call_lookup(&webhook.tenant, &called).await {
        Ok(found) => match call::route(&webhook.tenant, found.tenant.as_ref(), found.claim.as_ref()) {
            Routing::Reject => reject(),
            Routing::Agent { fallback: Some(to), .. } | Routing::Forward { to, .. } => {
                forward(app, webhook, to, Why::Failure)
            }
            Routing::Agent { fallback: None, .. } => say(Why::Failure, None),
            Routing::Say { why, message } => say(why, message),
        },
        Err(error) => {
            tracing::error!(%error, "a call's fallback could not be looked up");
            say(Why::Failure, None)
        }
    }
}

/// Goes on after a hand-over: nothing after a call that was taken, the fallback number after one that was not. Tells the
/// call's record who it went to.
pub async fn dial_result(app: &App, webhook: &Signed) -> Response {
    let Some(called) = webhook.called() else { return Response::new() };
    let (status, why) = (webhook.parameter("DialCallStatus"), webhook.configured("why").and_then(Why::from_name));
    let taken = matches!(status, Some("completed" | "answered"));
    let to_agent = webhook.configured("agent").and_then(|id| id.parse::<AgentId>().ok());
    let (next, routed) = match (&to_agent, taken) {
        (Some(agent), true) => (Response::new(), Some(routed(agent.to_string(), Why::Linked))),
        (Some(_), false) => after_agent(app, webhook, &called).await,
        (None, true) => (Response::new(), Some(routed("fallback", why.unwrap_or(Why::Failure)))),
        (None, false) => (say(Why::AgentFailed, None), Some(routed(NOBODY, why.unwrap_or(Why::Failure)))),
    };
    if let Some(call) = call_of(app, webhook, &called) {
        let agent_id = to_agent.filter(|_| taken);
        let news = CallNews { call, status: None, routed, agent_id };
        if let Err(error) = app.store.call_news(&news).await {
            tracing::warn!(%error, "who took a call could not be noted");
        }
    }
    next
}

/// The agent did not take the call: the fallback number, as the books have it now. Whether that takes it is told later.
async fn after_agent(app: &App, webhook: &Signed, called: &E164) -> (Response, Option<(String, String)>) {
    let fallback = match app.store.call_lookup(&webhook.tenant, called).await {
        Ok(found) => {
            let ours = found.claim.filter(|claim| claim.tenant_id == webhook.tenant);
            ours.and_then(|claim| claim.route).and_then(|route| route.fallback)
        }
        Err(error) => {
            tracing::error!(%error, "a call's fallback could not be looked up");
            None
        }
    };
    match fallback {
        Some(to) => (forward(app, webhook, to, Why::AgentFailed), None),
        None => (say(Why::AgentFailed, None), Some(routed(NOBODY, Why::AgentFailed))),
    }
}

/// Takes in how a call stands, in whatever order and however often it is told.
///
/// # Errors
/// When the store does not answer; the carrier may send it again.
pub async fn status(app: &App, webhook: &Signed) -> Result<(), store::StoreError> {
    let Some(status) = webhook.parameter("CallStatus").and_then(CallStatus::from_name) else { return Ok(()) };
    let Some(called) = webhook.called() else { return Ok(()) };
    let Some(mut call) = call_of(app, webhook, &called) else { return Ok(()) };
    call.duration_s = webhook.parameter("CallDuration").and_then(|text| text.parse().ok());
    let noted = app.store.call_get(&call.call_sid).await?;
    let (routed, served) = match noted.as_ref().map(|noted| noted.routed_to.as_deref()) {
        // Who took it, or that nobody did, was told when that was so.
        Some(Some(who)) => (None, who != NOBODY),
        came => {
            let lookup = app.store.call_lookup(&webhook.tenant, &called).await?;
            // What goes past us is told by the platform, under an id of its own; the carrier may tell of it all the same.
            if came.is_none() && went_past_us(app, webhook, lookup.claim.as_ref(), &call).await? {
                return Ok(());
            }
            // A hand-over reports itself; what ends without one was answered by us, as the books say now. A sentence of ours is
            // no service: whoever was not put through costs the tenant nothing.
            match call::route(&webhook.tenant, lookup.tenant.as_ref(), lookup.claim.as_ref()) {
                Routing::Reject => return Ok(()),
                Routing::Say { why, .. } => (Some(routed(NOBODY, why)), false),
                Routing::Agent { target, .. } => (None, !target.reach.method().past_us()),
                Routing::Forward { .. } => (None, true),
            }
        }
    };
    if status == CallStatus::Completed && served {
        call.cost = usage::price(app, &call, Method::HandOver);
    }
    let (sid, costs) = (call.call_sid.clone(), call.cost.is_some());
    app.store.call_news(&CallNews { call, status: Some(status), routed, agent_id: None }).await?;
    if costs && let Some(call) = app.store.call_get(&sid).await? {
        // What is not charged now is in the index of unpaid calls.
        usage::ended(app, &call).await?;
    }
    Ok(())
}

/// Whether the number's calls go past us, or did when this one began.
async fn went_past_us(
    app: &App,
    webhook: &Signed,
    claim: Option<&Claim>,
    call: &Call,
) -> Result<bool, store::StoreError> {
    let past_us = |tenure: &Tenure| tenure.tenant_id == webhook.tenant;
    if claim.and_then(Tenure::of).as_ref().is_some_and(past_us) {
        return Ok(true);
    }
    let lasted = SignedDuration::from_secs(call.duration_s.unwrap_or(0).into());
    let began = app.clock.now().saturating_sub(lasted).unwrap_or(Timestamp::MIN);
    Ok(app.store.tenures_ended_since(&call.e164, began).await?.iter().any(past_us))
}

async fn answer(app: &App, webhook: &Signed, called: &E164, routing: Routing) -> Response {
    match routing {
        Routing::Reject => reject(),
        Routing::Forward { to, why } => forward(app, webhook, to, why),
        Routing::Say { why, message } => say(why, message),
        Routing::Agent { agent_id, target, fallback } => {
            match hand_over(app, webhook, called, &agent_id, &target).await {
                Ok(document) => document,
                Err(error) => {
                    tracing::error!(%error, "a call could not be handed over");
                    match fallback {
                        Some(to) => forward(app, webhook, to, Why::Failure),
                        None => say(Why::Failure, None),
                    }
                }
            }
        }
    }
}

/// What takes a call to its agent: an address to dial, with the password derived for it, or what the platform says when it
/// is told of the call.
async fn hand_over(
    app: &App,
    webhook: &Signed,
    called: &E164,
    agent: &AgentId,
    target: &PlatformRef,
) -> Result<Response, ProviderError> {
    let dial = |sip: Sip| {
        let action = callback(app, webhook, paths::DIAL_RESULT, &[("agent", agent.as_str())]);
        let dial =
            Dial { action: Some(action), timeout_s: limits::DIAL_TIMEOUT_S, caller_id: None, target: Target::Sip(sip) };
        Response::new().then(Verb::Dial(dial))
    };
    match &target.reach {
        Reach::Dial { sip_uri, key_id } => {
            let (_, password) = app.providers.sip_password(&target.tag, Some(key_id)).await?;
            let sip = Sip::new(sip_uri, Some((target.tag.clone(), password)))
                .header("X-Caller", webhook.parameter("From").unwrap_or_default())
                .header("X-Called", webhook.parameter("To").unwrap_or_default());
            Ok(dial(sip))
        }
        Reach::Register => {
            let sid = webhook.parameter("CallSid").unwrap_or_default();
            // After a document of the platform's own the carrier asks nothing more of us.
            let (document, routed) = match register(app, webhook, called, target).await? {
                HandedOver::Address(address) => (dial(Sip::new(address, None)), None),
                HandedOver::Document(document) => {
                    (Response::given(document), Some(routed(agent.to_string(), Why::Linked)))
                }
            };
            if let Err(error) = app.store.call_answered(sid, &document.render(), agent, routed).await {
                // Asked again, we would have to register the call again, which costs nothing.
                tracing::warn!(call.sid = sid, %error, "what a call was answered could not be kept");
            }
            Ok(document)
        }
        // The carrier asks us though it should not: somebody changed its settings, or is about to.
        Reach::Trunk { .. } | Reach::Import { .. } | Reach::Direct { .. } | Reach::Native => {
            let why = "The number's calls go past us, and this one came to us.";
            Err(ProviderError::new(ProviderErrorKind::Rejected(Reason::Other), why))
        }
    }
}

/// Dials a platform's address; nothing is done after it.
pub(super) fn dial(address: String) -> Response {
    let target = Target::Sip(Sip::new(address, None));
    Response::new().then(Verb::Dial(Dial { action: None, timeout_s: limits::DIAL_TIMEOUT_S, caller_id: None, target }))
}

/// Tells the platform of a call that is coming. Its caller waits meanwhile, so this does not take long.
async fn register(
    app: &App,
    webhook: &Signed,
    called: &E164,
    target: &PlatformRef,
) -> Result<HandedOver, ProviderError> {
    let text = |name: &str| webhook.parameter(name).unwrap_or_default().to_owned();
    let order = CallOrder {
        platform_agent_id: target.platform_agent_id.clone(),
        platform_number_id: None,
        outgoing: false,
        from: text("From"),
        to: called.to_string(),
        reference: text("CallSid"),
    };
    let registered = async { app.providers.platform(target.platform).await?.call_register(&order).await };
    let too_long =
        |_| ProviderError::new(ProviderErrorKind::Unavailable, "The platform took too long to register a call.");
    tokio::time::timeout(limits::REGISTER_WITHIN.unsigned_abs(), registered).await.map_err(too_long)?
}

fn forward(app: &App, webhook: &Signed, to: E164, why: Why) -> Response {
    let action = callback(app, webhook, paths::DIAL_RESULT, &[("why", why.as_str())]);
    let dial =
        Dial { action: Some(action), timeout_s: limits::DIAL_TIMEOUT_S, caller_id: None, target: Target::Number(to) };
    Response::new().then(Verb::Dial(dial))
}

fn say(why: Why, message: Option<String>) -> Response {
    let sentence = match why {
        Why::Suspended | Why::NotActive | Why::NoFunds => "The number you have called is not in service at the moment.",
        Why::Unlinked => "The number you have called is not set up yet. Please try again later.",
        Why::Busy => "All lines are busy at the moment. Please try again later.",
        Why::OutageMode | Why::AgentFailed | Why::Failure | Why::Linked | Why::Unknown => {
            "We cannot take your call at the moment. Please try again later."
        }
    };
    let text = message.unwrap_or_else(|| sentence.to_owned());
    Response::new().then(Verb::Say(Say { text, language: None })).then(Verb::Hangup)
}

fn reject() -> Response {
    Response::new().then(Verb::Reject(RejectReason::Rejected))
}

fn routed(to: impl Into<String>, why: Why) -> (String, String) {
    (to.into(), why.as_str().to_owned())
}

/// One of our own URLs, for the carrier to call.
fn callback(app: &App, webhook: &Signed, path: &str, more: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("tenant", webhook.tenant.as_str());
    query.extend_pairs(more);
    format!("{}{path}?{}", app.settings.public_base_url, query.finish())
}

/// The call a webhook speaks of, as it would be noted if it were new. `None` without a usable id.
fn call_of(app: &App, webhook: &Signed, called: &E164) -> Option<Call> {
    let sid = webhook.parameter("CallSid")?;
    let plain = (1..=64).contains(&sid.len()) && sid.bytes().all(|b| b.is_ascii_alphanumeric());
    let text = |name: &str| webhook.parameter(name).unwrap_or_default().chars().take(100).collect::<String>();
    plain.then(|| Call {
        call_sid: sid.to_owned(),
        tenant_id: webhook.tenant.clone(),
        e164: called.clone(),
        direction: if webhook.outgoing() { "outbound" } else { "inbound" }.into(),
        from: text("From"),
        to: text("To"),
        status: webhook.parameter("CallStatus").and_then(CallStatus::from_name).unwrap_or(CallStatus::Ringing),
        started_at: app.clock.now(),
        duration_s: None,
        cost: None,
        paid: false,
        included_minutes: 0,
        routed_to: None,
        routed_why: None,
        agent_id: None,
        answer: None,
    })
}
