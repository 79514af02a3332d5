//! Give an agent's one number back.

use axum::extract::State;
use axum::response::Response;
use shared::App;
use shared::domain::AgentId;
use shared::domain::tenant::Role;
use shared::http::routes::delete;
use shared::http::{Caller, PathId, Problem, Query, RespondAsync, Routes};
use shared::use_cases::agent_numbers;
use shared::use_cases::routing::ReleaseRequest;

/// DELETE /v1/agents/{id}/number
pub fn routes() -> Routes {
    delete("/v1/agents/{id}/number", Role::Admin, handle)
}

async fn handle(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<AgentId>,
    RespondAsync(wait): RespondAsync,
    Query(when): Query<ReleaseRequest>,
) -> Result<Response, Problem> {
    Ok(agent_numbers::drop(&app, &caller, &id, &when, wait).await?.into())
}
