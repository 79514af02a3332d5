//! Projects of a tenant.

use axum::Json;
use axum::extract::State;
use shared::App;
use shared::api::{Listed, ProjectView};
use shared::domain::tenant::Role;
use shared::http::routes::get;
use shared::http::{Caller, Problem, Query, Routes};
use shared::use_cases::{Paging, projects};

/// GET /v1/projects
pub fn routes() -> Routes {
    get("/v1/projects", Role::Viewer, handle)
}

async fn handle(
    State(app): State<App>,
    caller: Caller,
    Query(paging): Query<Paging>,
) -> Result<Json<Listed<ProjectView>>, Problem> {
    Ok(Json(projects::list(&app, &caller, &paging).await?))
}
