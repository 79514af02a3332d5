//! Make an agent at its voice platform, or register one that is there.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use shared::App;
use shared::api::AgentCreated;
use shared::domain::tenant::Role;
use shared::http::routes::post;
use shared::http::{Body, Caller, IdempotencyKey, Problem, RespondAsync, Routes};
use shared::use_cases::agents;
use shared::use_cases::purchase::Mode;

/// POST /v1/agents
pub fn routes() -> Routes {
    post("/v1/agents", Role::Member, handle)
}

async fn handle(
    State(app): State<App>,
    caller: Caller,
    IdempotencyKey(key): IdempotencyKey,
    RespondAsync(respond_async): RespondAsync,
    Body(request): Body<agents::CreateRequest>,
) -> Result<(StatusCode, Json<AgentCreated>), Problem> {
    let mode = Mode { dry_run: false, respond_async };
    Ok((StatusCode::CREATED, Json(agents::create(&app, &caller, key.as_deref(), &request, mode).await?)))
}
