//! One project.

use axum::Json;
use axum::extract::State;
use shared::App;
use shared::api::ProjectView;
use shared::domain::ProjectId;
use shared::domain::tenant::Role;
use shared::http::routes::get;
use shared::http::{Caller, PathId, Problem, Routes};
use shared::use_cases::projects;

/// GET /v1/projects/{id}
pub fn routes() -> Routes {
    get("/v1/projects/{id}", Role::Viewer, handle)
}

async fn handle(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<ProjectId>,
) -> Result<Json<ProjectView>, Problem> {
    Ok(Json(projects::get(&app, &caller, &id).await?.into()))
}
