//! Make an agent at its voice platform, or register one that is there.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use shared::App;
use shared::api::AgentCreated;
use shared::domain::tenant::Role;
use shared::http::routes::post;
use shared::http::{Body, Caller, IdempotencyKey, Problem, Routes};
use shared::use_cases::agents;

/// POST /v1/agents
pub fn routes() -> Routes {
    post("/v1/agents", Role::Member, handle)
}

async fn handle(
    State(app): State<App>,
    caller: Caller,
    IdempotencyKey(key): IdempotencyKey,
    Body(request): Body<agents::CreateRequest>,
) -> Result<(StatusCode, Json<AgentCreated>), Problem> {
    Ok((StatusCode::CREATED, Json(agents::create(&app, &caller, key.as_deref(), &request).await?)))
}
