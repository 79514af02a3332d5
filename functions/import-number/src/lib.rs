//! Make a number a tenant's: for the operator one that its carrier account has already, for a tenant one of a carrier of its
//! own.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use shared::App;
use shared::domain::tenant::Role;
use shared::http::routes::operator_or_tenant;
use shared::http::{Body, IdempotencyKey, Problem, Query, RespondAsync, Routes, Who};
use shared::use_cases::import;
use shared::use_cases::purchase::Mode;

/// POST /v1/numbers/import
pub fn routes() -> Routes {
    operator_or_tenant("/v1/numbers/import", Role::Admin, handle)
}

#[derive(Deserialize)]
struct Options {
    #[serde(default)]
    dry_run: bool,
}

async fn handle(
    State(app): State<App>,
    who: Who,
    IdempotencyKey(key): IdempotencyKey,
    RespondAsync(respond_async): RespondAsync,
    Query(Options { dry_run }): Query<Options>,
    request: Result<Body<import::Request>, Problem>,
) -> Result<Response, Problem> {
    let Body(request) = request?;
    let (key, mode) = (key.as_deref(), Mode { dry_run, respond_async });
    let outcome = match &who {
        Who::Tenant(caller) => import::own(&app, caller, key, &request, mode).await,
        Who::Operator(operator) => import::run(&app, operator, key, &request, mode).await,
    };
    Ok(outcome?.into_response())
}
