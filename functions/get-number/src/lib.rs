//! One number.

use axum::Json;
use axum::extract::State;
use shared::App;
use shared::api::NumberView;
use shared::domain::NumberId;
use shared::domain::tenant::Role;
use shared::http::routes::get;
use shared::http::{Caller, PathId, Problem, Routes};
use shared::use_cases::numbers;

/// GET /v1/numbers/{id}
pub fn routes() -> Routes {
    get("/v1/numbers/{id}", Role::Viewer, handle)
}

async fn handle(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<NumberId>,
) -> Result<Json<NumberView>, Problem> {
    Ok(Json(numbers::get(&app, &caller, &id).await?.into()))
}
