//! Delete an agent nothing is linked to.

use axum::extract::State;
use axum::http::StatusCode;
use shared::App;
use shared::domain::AgentId;
use shared::domain::tenant::Role;
use shared::http::routes::delete;
use shared::http::{Caller, PathId, Problem, Routes};
use shared::use_cases::agents;

/// DELETE /v1/agents/{id}
pub fn routes() -> Routes {
    delete("/v1/agents/{id}", Role::Member, handle)
}

async fn handle(State(app): State<App>, caller: Caller, PathId(id): PathId<AgentId>) -> Result<StatusCode, Problem> {
    agents::delete(&app, &caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
