//! One agent.

use axum::Json;
use axum::extract::State;
use shared::App;
use shared::api::AgentView;
use shared::domain::AgentId;
use shared::domain::tenant::Role;
use shared::http::routes::get;
use shared::http::{Caller, PathId, Problem, Routes};
use shared::use_cases::agents;

/// GET /v1/agents/{id}
pub fn routes() -> Routes {
    get("/v1/agents/{id}", Role::Viewer, handle)
}

async fn handle(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<AgentId>,
) -> Result<Json<AgentView>, Problem> {
    Ok(Json(agents::get(&app, &caller, &id).await?.into()))
}
