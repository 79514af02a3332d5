//! Make a project.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use shared::App;
use shared::api::ProjectView;
use shared::domain::tenant::Role;
use shared::http::routes::post;
use shared::http::{Body, Caller, IdempotencyKey, Problem, Routes};
use shared::use_cases::projects::{self, NameRequest};

/// POST /v1/projects
pub fn routes() -> Routes {
    post("/v1/projects", Role::Admin, handle)
}

async fn handle(
    State(app): State<App>,
    caller: Caller,
    IdempotencyKey(key): IdempotencyKey,
    Body(request): Body<NameRequest>,
) -> Result<(StatusCode, Json<ProjectView>), Problem> {
    Ok((StatusCode::CREATED, Json(projects::create(&app, &caller, key.as_deref(), &request).await?.into())))
}
