//! Let an agent answer a number.

use axum::extract::State;
use axum::response::Response;
use shared::App;
use shared::domain::NumberId;
use shared::domain::tenant::Role;
use shared::http::routes::put;
use shared::http::{Body, Caller, PathId, Problem, RespondAsync, Routes};
use shared::use_cases::routing::{self, LinkRequest};

/// PUT /v1/numbers/{id}/agent
pub fn routes() -> Routes {
    put("/v1/numbers/{id}/agent", Role::Member, handle)
}

async fn handle(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<NumberId>,
    RespondAsync(wait): RespondAsync,
    Body(request): Body<LinkRequest>,
) -> Result<Response, Problem> {
    Ok(routing::link(&app, &caller, &id, &request, wait).await?.into())
}
