//! Rename, annotate, tag, lock, or regroup a number; set its fallback or make it primary.

use axum::Json;
use axum::extract::State;
use shared::App;
use shared::api::NumberView;
use shared::domain::NumberId;
use shared::domain::tenant::Role;
use shared::http::routes::patch;
use shared::http::{Body, Caller, PathId, Problem, Routes};
use shared::use_cases::numbers;

/// PATCH /v1/numbers/{id}
pub fn routes() -> Routes {
    patch("/v1/numbers/{id}", Role::Member, handle)
}

async fn handle(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<NumberId>,
    Body(request): Body<numbers::UpdateRequest>,
) -> Result<Json<NumberView>, Problem> {
    Ok(Json(numbers::update(&app, &caller, &id, &request).await?.into()))
}
