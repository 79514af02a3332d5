//! Let no agent answer a number.

use axum::extract::State;
use axum::response::Response;
use shared::App;
use shared::domain::NumberId;
use shared::domain::tenant::Role;
use shared::http::routes::delete;
use shared::http::{Caller, PathId, Problem, RespondAsync, Routes};
use shared::use_cases::routing;

/// DELETE /v1/numbers/{id}/agent
pub fn routes() -> Routes {
    delete("/v1/numbers/{id}/agent", Role::Member, handle)
}

async fn handle(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<NumberId>,
    RespondAsync(wait): RespondAsync,
) -> Result<Response, Problem> {
    Ok(routing::unlink(&app, &caller, &id, wait).await?.into())
}
