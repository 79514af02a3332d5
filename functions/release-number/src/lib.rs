//! Give a number back.

use axum::extract::State;
use axum::response::Response;
use shared::App;
use shared::domain::NumberId;
use shared::domain::tenant::Role;
use shared::http::routes::delete;
use shared::http::{Caller, PathId, Problem, Query, RespondAsync, Routes};
use shared::use_cases::routing::{self, ReleaseRequest};

/// DELETE /v1/numbers/{id}
pub fn routes() -> Routes {
    delete("/v1/numbers/{id}", Role::Admin, handle)
}

async fn handle(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<NumberId>,
    RespondAsync(wait): RespondAsync,
    Query(when): Query<ReleaseRequest>,
) -> Result<Response, Problem> {
    Ok(routing::release(&app, &caller, &id, &when, wait).await?.into())
}
