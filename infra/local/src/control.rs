//! The control surface under `/_local` (API.md): what only makes sense where the world is simulated. Its own work is not
//! subject to faults; the jobs and ticks it starts are.

mod third_parties;
mod time;

use std::io;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use domain::audit::Actor;
use domain::operation::OperationStatus;
use domain::requirement::OnFile;
use domain::tenant::Tenant;
use domain::{Clock, Currency, Ids, Money, TenantId};
use serde::Deserialize;
use serde_json::{Value, json};
use shared::App;
use shared::use_cases::operator::{self, AdjustmentRequest};
use simulators::Simulators;

use crate::aws::Aws;
use crate::clock::MovableClock;
use crate::system::System;
use crate::tokens::Tokens;
use crate::verify;
use crate::worker::Worker;

/// What the control surface works with.
#[derive(Debug, Clone)]
pub(crate) struct Surface {
    pub(crate) url: String,
    pub(crate) app: App,
    pub(crate) table: aws_sdk_dynamodb::Client,
    pub(crate) simulators: Arc<Simulators>,
    pub(crate) aws: Arc<Aws>,
    pub(crate) clock: Arc<MovableClock>,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) worker: Arc<Worker>,
}

/// The routes under `/_local`, and the page that is printed at the start.
pub fn routes(system: &System) -> Router {
    let surface = Surface {
        url: system.url.clone(),
        app: system.undisturbed.clone(),
        table: system.table.clone(),
        simulators: system.simulators.clone(),
        aws: system.aws.clone(),
        clock: system.clock.clone(),
        tokens: system.tokens.clone(),
        worker: system.worker.clone(),
    };
    Router::new()
        .route("/", get(page))
        .route("/_local/health", get(health))
        .route("/_local/jwks.json", get(key_set))
        .route("/_local/token", post(token))
        .route("/_local/tenants", post(tenant))
        .route("/_local/events", get(events))
        .route("/_local/verify", get(check))
        .merge(time::routes())
        .merge(third_parties::routes())
        .with_state(surface)
}

/// A refusal of the control surface.
#[derive(Debug)]
pub(crate) struct Refusal(StatusCode, String);

impl Refusal {
    pub(crate) fn bad(why: impl Into<String>) -> Self {
        Self(StatusCode::BAD_REQUEST, why.into())
    }
}

impl<E: std::error::Error> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let code = if self.0 == StatusCode::INTERNAL_SERVER_ERROR { "internal" } else { "invalid_request" };
        let body = json!({ "status": self.0.as_u16(), "code": code, "title": "Refused", "detail": self.1 });
        (self.0, [(header::CONTENT_TYPE, "application/problem+json")], Json(body)).into_response()
    }
}

/// A JSON body of any content type, or none.
pub(crate) fn body<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, Refusal> {
    let text = if text.trim().is_empty() { "{}" } else { text };
    serde_json::from_str(text).map_err(|error| Refusal::bad(error.to_string()))
}

async fn page(State(surface): State<Surface>) -> Html<String> {
    Html(include_str!("page.html").replace("{{url}}", &surface.url))
}

async fn health(State(surface): State<Surface>) -> Json<Value> {
    let Simulators { twilio, vapi, elevenlabs, stripe, .. } = &*surface.simulators;
    let aws = &surface.aws;
    Json(json!({
        "ready": true,
        "public_base_url": surface.url,
        "now": surface.clock.now(),
        "providers": {
            "twilio": {
                "url": twilio.url, "trunking_url": twilio.trunking_url, "numbers_url": twilio.numbers_url,
                "pricing_url": twilio.pricing_url,
                "account_sid": twilio.account_sid, "auth_token": twilio.auth_token,
            },
            "vapi": { "url": vapi.url, "api_key": vapi.api_key },
            "elevenlabs": {
                "url": elevenlabs.url, "api_key": elevenlabs.api_key, "webhook_secret": elevenlabs.webhook_secret,
            },
            "stripe": { "url": stripe.url, "api_key": stripe.api_key, "webhook_secret": stripe.webhook_secret },
        },
        "aws": { "dynamodb": aws.dynamodb.url(), "sqs": aws.sqs.url(), "secretsmanager": aws.secrets.url() },
    }))
}

async fn key_set(State(surface): State<Surface>) -> Json<Value> {
    Json(surface.tokens.key_set().clone())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenRequest {
    tenant: Option<TenantId>,
    role: Option<String>,
    project: Option<String>,
}

async fn token(State(surface): State<Surface>, text: String) -> Result<Json<Value>, Refusal> {
    let request: TokenRequest = body(&text)?;
    let role = request.role.as_deref().unwrap_or("owner");
    if domain::tenant::Role::from_claim(role).is_none() {
        return Err(Refusal::bad("role: owner, admin, member, viewer or operator"));
    }
    if request.tenant.is_none() && role != "operator" {
        return Err(Refusal::bad("tenant: only the operator has none"));
    }
    let tenant = request.tenant.as_ref().map(TenantId::as_str);
    let token = surface.tokens.give(surface.clock.now(), tenant, role, request.project.as_deref())?;
    Ok(Json(json!({ "token": token })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TenantRequest {
    id: Option<TenantId>,
    plan: Option<String>,
    wallet: Option<WalletRequest>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WalletRequest {
    currency: String,
    amount: String,
}

async fn tenant(State(surface): State<Surface>, text: String) -> Result<Response, Refusal> {
    let request: TenantRequest = body(&text)?;
    let app = &surface.app;
    let plan = request.plan.unwrap_or_else(|| app.plans.default_name().to_owned());
    if app.plans.get(&plan).is_none() {
        return Err(Refusal::bad(format!("plan: one of {}", app.plans.names().join(", "))));
    }
    let wallet = request.wallet.map(|wallet| opening(&wallet).map(|amount| (wallet, amount))).transpose()?;
    let id = request.id.unwrap_or_else(|| TenantId::fresh(ids(app), surface.clock.now()));
    let tenant = app.store.tenant_get(&id).await?;
    let tenant = tenant.unwrap_or_else(|| Tenant {
        id: id.clone(),
        plan: String::new(),
        suspended: false,
        outage_mode: false,
        suspended_message: None,
        on_file: OnFile::default(),
    });
    app.store.tenant_put(&Tenant { plan, ..tenant }).await?;
    if let Some((wallet, _)) = wallet.filter(|(_, amount)| amount.micros > 0) {
        let reason = "Opening balance".to_owned();
        let adjustment = AdjustmentRequest { amount: wallet.amount, currency: wallet.currency, reason };
        match operator::adjust(app, &id, None, &adjustment, &Actor::schedule("control")).await {
            Ok(_) => {}
            Err(shared::Error::Invalid { field, why }) => return Err(Refusal::bad(format!("{field}: {why}"))),
            Err(error) => return Err(error.into()),
        }
    }
    let token = surface.tokens.give(surface.clock.now(), Some(id.as_str()), "owner", None)?;
    Ok((StatusCode::CREATED, Json(json!({ "tenant_id": id, "token": token }))).into_response())
}

/// What a wallet is to begin with: nothing, or more.
fn opening(wallet: &WalletRequest) -> Result<Money, Refusal> {
    let currency: Currency =
        wallet.currency.parse().map_err(|error| Refusal::bad(format!("wallet.currency: {error}")))?;
    let amount = Money::parse(&wallet.amount, currency).map_err(|error| Refusal::bad(format!("amount: {error}")))?;
    if amount.micros < 0 { Err(Refusal::bad("amount: not below zero")) } else { Ok(amount) }
}

fn ids(app: &App) -> &dyn Ids {
    &*app.ids
}

#[derive(Deserialize)]
struct EventsQuery {
    tenant: Option<TenantId>,
}

async fn events(State(surface): State<Surface>, Query(query): Query<EventsQuery>) -> Result<Json<Value>, Refusal> {
    let tenant = query.tenant.ok_or_else(|| Refusal::bad("tenant: required"))?;
    let (mut items, mut after) = (Vec::new(), None);
    loop {
        let page = surface.app.store.event_list(&tenant, after, domain::limits::PAGE_MAX).await?;
        items.extend(page.items);
        after = page.next;
        if after.is_none() {
            return Ok(Json(json!({ "items": items })));
        }
    }
}

async fn check(State(surface): State<Surface>) -> Result<Json<Value>, Refusal> {
    let violations = verify::run(&surface.table, &surface.simulators).await?;
    Ok(Json(json!({ "ok": violations.is_empty(), "violations": violations })))
}

/// Leases of an earlier run are over, and what they covered is due at once.
///
/// # Errors
/// When the books do not answer.
pub async fn end_leases(system: &System) -> io::Result<()> {
    let store = &system.undisturbed.store;
    let horizon = jiff::Timestamp::MAX;
    for shard in 0..domain::limits::DUE_SHARDS {
        for due in store.operation_due(shard, horizon, None).await.map_err(io::Error::other)? {
            let op = store.operation_get(&due.tenant_id, &due.operation_id).await.map_err(io::Error::other)?;
            let Some(mut op) = op.filter(|op| op.status == OperationStatus::Running) else { continue };
            if op.lease_until.is_none()
                || !store.operation_lease(&mut op, system.clock.real_now()).await.map_err(io::Error::other)?
            {
                continue;
            }
            (op.lease_until, op.due_at) = (None, Some(system.clock.now()));
            store.operation_journal(&op).await.map_err(io::Error::other)?;
        }
    }
    if let Some(mut run) = store.run_get().await.map_err(io::Error::other)?
        && run.lease_until.take().is_some()
    {
        store.run_note(&mut run).await.map_err(io::Error::other)?;
    }
    Ok(())
}
