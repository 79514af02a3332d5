//! Buy a number: exactly one, or any of a country, type and area code.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use shared::App;
use shared::domain::tenant::Role;
use shared::http::routes::post;
use shared::http::{Body, Caller, IdempotencyKey, Problem, Query, RespondAsync, Routes};
use shared::use_cases::purchase::{self, Mode};

/// POST /v1/numbers
pub fn routes() -> Routes {
    post("/v1/numbers", Role::Admin, handle)
}

#[derive(Deserialize)]
struct Options {
    #[serde(default)]
    dry_run: bool,
}

async fn handle(
    State(app): State<App>,
    caller: Caller,
    IdempotencyKey(key): IdempotencyKey,
    RespondAsync(respond_async): RespondAsync,
    Query(Options { dry_run }): Query<Options>,
    Body(request): Body<purchase::Request>,
) -> Result<Response, Problem> {
    let mode = Mode { dry_run, respond_async };
    Ok(purchase::run(&app, &caller, key.as_deref(), &request, mode).await?.into_response())
}
