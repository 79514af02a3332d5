//! The simulated third parties: their state, their stock, their faults, and what the outside world does through them:
//! calls that come in, customers who pay.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Refusal, Surface, body};

pub(super) fn routes() -> Router<Surface> {
    Router::new()
        .route("/_local/faults", get(list_faults).post(add_fault).delete(clear_faults))
        .route("/_local/simulators/{party}/state", get(state))
        .route("/_local/simulators/{party}/stock", post(stock))
        .route("/_local/simulators/twilio/call", post(call))
        .route("/_local/simulators/twilio/sms", post(sms))
        .route("/_local/simulators/vapi/call", post(direct_call))
        .route("/_local/simulators/stripe/pay", post(pay))
        .route("/_local/simulators/stripe/refund", post(refund))
        .route("/_local/simulators/stripe/dispute", post(dispute))
        .route("/_local/simulators/stripe/card", post(card))
        .route("/_local/simulators/stripe/deliver", post(deliver))
}

async fn add_fault(State(surface): State<Surface>, text: String) -> Result<Response, Refusal> {
    let fault: Value = body(&text)?;
    let id = surface.simulators.faults.add_json(&fault).map_err(Refusal::bad)?;
    Ok((StatusCode::CREATED, Json(json!({ "id": id }))).into_response())
}

async fn list_faults(State(surface): State<Surface>) -> Json<Value> {
    Json(surface.simulators.faults.list())
}

async fn clear_faults(State(surface): State<Surface>) -> Json<Value> {
    surface.simulators.faults.clear();
    Json(json!({}))
}

fn unknown(party: &str) -> Refusal {
    Refusal(
        StatusCode::NOT_FOUND,
        format!("{party}: there are twilio, netgsm, vapi, retell, elevenlabs and stripe; the first three have a stock"),
    )
}

async fn state(State(surface): State<Surface>, Path(party): Path<String>) -> Result<Json<Value>, Refusal> {
    match party.as_str() {
        "twilio" => Ok(Json(surface.simulators.twilio.state())),
        "vapi" => Ok(Json(surface.simulators.vapi.state())),
        "retell" => Ok(Json(surface.simulators.retell.state())),
        "elevenlabs" => Ok(Json(surface.simulators.elevenlabs.state())),
        "netgsm" => Ok(Json(surface.simulators.netgsm.state())),
        "stripe" => Ok(Json(surface.simulators.stripe.state())),
        _ => Err(unknown(&party)),
    }
}

async fn stock(
    State(surface): State<Surface>,
    Path(party): Path<String>,
    text: String,
) -> Result<Json<Value>, Refusal> {
    let request: Value = body(&text)?;
    let stocked = match party.as_str() {
        "twilio" => surface.simulators.twilio.stock(&request),
        "vapi" => surface.simulators.vapi.stock(&request),
        "netgsm" => surface.simulators.netgsm.stock(&request),
        _ => return Err(unknown(&party)),
    };
    stocked.map(Json).map_err(Refusal::bad)
}

async fn call(State(surface): State<Surface>, text: String) -> Result<Json<Value>, Refusal> {
    let request = body(&text)?;
    surface.simulators.twilio.call(request).await.map(Json).map_err(Refusal::bad)
}

/// A call that a number's own carrier takes to the platform by SIP, past everything of ours.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DirectCall {
    to: String,
    from: String,
}

/// Answers who takes the call, once the platform has told us of it: null when nobody does.
async fn direct_call(State(surface): State<Surface>, text: String) -> Result<Json<Value>, Refusal> {
    let DirectCall { to, from } = body(&text)?;
    let vapi = &surface.simulators.vapi;
    let assistant = vapi.ring(&to, &from);
    vapi.tick().await;
    Ok(Json(json!({ "answered_by": assistant.map(|id| json!({ "assistant_id": id })) })))
}

async fn sms(State(surface): State<Surface>, text: String) -> Result<Json<Value>, Refusal> {
    let request = body(&text)?;
    surface.simulators.twilio.sms(request).await.map(Json).map_err(Refusal::bad)
}

async fn pay(State(surface): State<Surface>, text: String) -> Result<Json<Value>, Refusal> {
    surface.simulators.stripe.pay(body(&text)?).await.map(Json).map_err(Refusal::bad)
}

async fn refund(State(surface): State<Surface>, text: String) -> Result<Json<Value>, Refusal> {
    surface.simulators.stripe.refund(body(&text)?).await.map(Json).map_err(Refusal::bad)
}

async fn dispute(State(surface): State<Surface>, text: String) -> Result<Json<Value>, Refusal> {
    surface.simulators.stripe.dispute(body(&text)?).await.map(Json).map_err(Refusal::bad)
}

async fn card(State(surface): State<Surface>, text: String) -> Result<Json<Value>, Refusal> {
    surface.simulators.stripe.set_card(&body(&text)?).map(Json).map_err(Refusal::bad)
}

async fn deliver(State(surface): State<Surface>, text: String) -> Result<Json<Value>, Refusal> {
    surface.simulators.stripe.deliver(body(&text)?).await.map(Json).map_err(Refusal::bad)
}
