//! Make a number that the carrier's account has already a tenant's. For the operator; a tenant only hears why not.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use shared::App;
use shared::domain::tenant::Role;
use shared::http::routes::operator_or_tenant;
use shared::http::{Body, Caller, IdempotencyKey, Problem, Query, RespondAsync, Routes};
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
    caller: Option<Caller>,
    IdempotencyKey(key): IdempotencyKey,
    RespondAsync(respond_async): RespondAsync,
    Query(Options { dry_run }): Query<Options>,
    request: Result<Body<import::Request>, Problem>,
) -> Result<Response, Problem> {
    if caller.is_some() {
        return Err(import::refusal(request.ok().map(|Body(request)| request).as_ref()).into());
    }
    let Body(request) = request?;
    let mode = Mode { dry_run, respond_async };
    Ok(import::run(&app, key.as_deref(), &request, mode).await?.into_response())
}
