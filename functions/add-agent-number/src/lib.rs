//! Buy an agent that is there already a number.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use shared::App;
use shared::domain::AgentId;
use shared::domain::tenant::Role;
use shared::http::routes::post;
use shared::http::{Body, Caller, IdempotencyKey, PathId, Problem, RespondAsync, Routes};
use shared::use_cases::agent_numbers;
use shared::use_cases::purchase::{self, Mode};

/// POST /v1/agents/{id}/number
pub fn routes() -> Routes {
    post("/v1/agents/{id}/number", Role::Admin, handle)
}

async fn handle(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<AgentId>,
    IdempotencyKey(key): IdempotencyKey,
    RespondAsync(respond_async): RespondAsync,
    Body(request): Body<purchase::Request>,
) -> Result<Response, Problem> {
    let mode = Mode { dry_run: false, respond_async };
    Ok(agent_numbers::add(&app, &caller, key.as_deref(), &id, &request, mode).await?.into_response())
}
