//! Agents of a tenant.

use axum::Json;
use axum::extract::State;
use shared::App;
use shared::api::{AgentView, Listed};
use shared::domain::tenant::Role;
use shared::http::routes::get;
use shared::http::{Caller, Problem, Query, Routes};
use shared::use_cases::agents;

/// GET /v1/agents
pub fn routes() -> Routes {
    get("/v1/agents", Role::Viewer, handle)
}

async fn handle(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<agents::ListRequest>,
) -> Result<Json<Listed<AgentView>>, Problem> {
    Ok(Json(agents::list(&app, &caller, &query).await?))
}
