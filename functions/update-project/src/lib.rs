//! Rename a project.

use axum::Json;
use axum::extract::State;
use shared::App;
use shared::api::ProjectView;
use shared::domain::ProjectId;
use shared::domain::tenant::Role;
use shared::http::routes::patch;
use shared::http::{Body, Caller, PathId, Problem, Routes};
use shared::use_cases::projects::{self, NameRequest};

/// PATCH /v1/projects/{id}
pub fn routes() -> Routes {
    patch("/v1/projects/{id}", Role::Member, handle)
}

async fn handle(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<ProjectId>,
    Body(request): Body<NameRequest>,
) -> Result<Json<ProjectView>, Problem> {
    Ok(Json(projects::update(&app, &caller, &id, &request).await?.into()))
}
