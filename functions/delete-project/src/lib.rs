//! Delete a project nothing is in.

use axum::extract::State;
use axum::http::StatusCode;
use shared::App;
use shared::domain::ProjectId;
use shared::domain::tenant::Role;
use shared::http::routes::delete;
use shared::http::{Caller, PathId, Problem, Routes};
use shared::use_cases::projects;

/// DELETE /v1/projects/{id}
pub fn routes() -> Routes {
    delete("/v1/projects/{id}", Role::Admin, handle)
}

async fn handle(State(app): State<App>, caller: Caller, PathId(id): PathId<ProjectId>) -> Result<StatusCode, Problem> {
    projects::delete(&app, &caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
