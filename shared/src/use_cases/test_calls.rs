//! Test calls: a number's agent calls somebody, so that a tenant hears who answers.
//!
//! A call has no idempotency key at carrier or platform. One whose answer was lost may ring all the same: it is never tried
//! again here, and the tenant is told.

use domain::call::{Call, CallStatus, Why};
use domain::number::{Number, PlatformRef, Reach};
use domain::ports::{CallOrder, HandedOver};
use domain::{AgentId, E164, Money, NumberId};
use serde::{Deserialize, Serialize};

use super::{numbers, voice};
use crate::api::CallView;
use crate::billing::usage;
use crate::http::auth::Caller;
use crate::{App, Error};

/// Whom to call.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = TestCallRequest))]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// E.164, in a country in which numbers are sold.
    to: String,
}

/// A call that was begun.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TestCall {
    /// The call.
    pub call: CallView,
}

/// Lets the number's agent call.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Invalid`], [`Error::NumberNotActive`], [`Error::NumberNotLinked`],
/// [`Error::InsufficientBalance`] when there is nothing to pay a minute with, [`Error::Carrier`], [`Error::Platform`].
pub async fn run(app: &App, caller: &Caller, id: &NumberId, request: &Request) -> Result<TestCall, Error> {
    let to: E164 = request.to.parse().map_err(|e| Error::invalid("to", format!("{e}")))?;
    let abroad = || Error::invalid("to", "a number in a country in which numbers are sold");
    let (country, _) = to.classify().ok_or_else(abroad)?;
    if !app.price_book.sells_in(country) {
        return Err(abroad());
    }
    let number = numbers::get(app, caller, id).await?;
    let pays_in = app.price_book.minutes.price.currency;
    let (tenant, wallet) =
        tokio::try_join!(app.store.tenant_get(&caller.tenant), app.store.wallet_get(&caller.tenant, pays_in))?;
    if !number.lets_through() || tenant.as_ref().is_some_and(|tenant| tenant.suspended) {
        return Err(Error::NumberNotActive);
    }
    let (Some(agent), Some(known)) = (&number.agent_id, &number.platform_ref) else {
        return Err(Error::NumberNotLinked);
    };
    let plan = app.plan(tenant.as_ref());
    if !usage::has_means(app, &caller.tenant, plan, wallet.as_ref()).await? {
        let required = app.price_book.minutes_by(known.reach.method()).price;
        let available = wallet.map_or(0, |wallet| wallet.available);
        return Err(Error::InsufficientBalance { required, available: Money::from_micros(available, pays_in) });
    }
    let (sid, status) = place(app, &number, known, &to).await?;
    let call = call(app, &number, agent, &to, (sid, status));
    if let Err(error) = app.store.call_insert(&call).await {
        // It rings already; what is told of it later writes the record.
        tracing::warn!(call.sid = call.call_sid, %error, "a test call could not be noted");
    }
    Ok(TestCall { call: CallView::of(id, call) })
}

/// Begins the call: by the platform, where it knows the number; else by the carrier, as the platform says.
async fn place(app: &App, number: &Number, known: &PlatformRef, to: &E164) -> Result<(String, CallStatus), Error> {
    let order = CallOrder {
        platform_agent_id: known.platform_agent_id.clone(),
        platform_number_id: known.id.clone().or_else(|| at_carrier(number, known)),
        outgoing: true,
        from: number.e164.to_string(),
        to: to.to_string(),
        reference: number.id.to_string(),
    };
    let at_platform = |error| refused(app, Error::Platform(error));
    let platform = app.providers.platform(known.platform).await.map_err(at_platform)?;
    if known.reach != Reach::Register {
        let made = platform.call_create(&order).await.map_err(at_platform)?;
        return Ok((made.id, made.status));
    }
    let document = match platform.call_register(&order).await.map_err(at_platform)? {
        HandedOver::Address(address) => voice::dial(address).render(),
        HandedOver::Document(document) => document,
    };
    let at_carrier = |error| refused(app, Error::Carrier(error));
    let carrier = app.providers.carrier(number.carrier).await.map_err(at_carrier)?;
    let status = app.webhooks(&number.tenant_id).status;
    let sid = carrier.call_create(&number.e164, to, &document, &status).await.map_err(at_carrier)?;
    Ok((sid, CallStatus::Queued))
}

/// The platform's id of a number that it is the carrier of.
fn at_carrier(number: &Number, known: &PlatformRef) -> Option<String> {
    let native = (known.reach == Reach::Native).then_some(number.carrier_ref.as_ref()?);
    native.map(|there| there.id.clone())
}

fn refused(app: &App, error: Error) -> Error {
    if let Error::Carrier(of) | Error::Platform(of) = &error
        && Error::misconfigured(of)
    {
        app.providers.credentials_refused();
    }
    error
}

fn call(app: &App, number: &Number, agent: &AgentId, to: &E164, (sid, status): (String, CallStatus)) -> Call {
    Call {
        call_sid: sid,
        tenant_id: number.tenant_id.clone(),
        e164: number.e164.clone(),
        direction: "outbound".into(),
        from: number.e164.to_string(),
        to: to.to_string(),
        status,
        started_at: app.clock.now(),
        duration_s: None,
        cost: None,
        paid: false,
        included_minutes: 0,
        routed_to: Some(agent.to_string()),
        routed_why: Some(Why::Linked.as_str().to_owned()),
        agent_id: Some(agent.clone()),
        answer: None,
    }
}
