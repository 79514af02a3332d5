//! Keep a number that was to be released at the end of what is paid for.

use axum::Json;
use axum::extract::State;
use shared::App;
use shared::api::NumberView;
use shared::domain::NumberId;
use shared::domain::tenant::Role;
use shared::http::routes::post;
use shared::http::{Caller, PathId, Problem, Routes};
use shared::use_cases::routing;

/// POST /v1/numbers/{id}/undo-release
pub fn routes() -> Routes {
    post("/v1/numbers/{id}/undo-release", Role::Admin, handle)
}

async fn handle(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<NumberId>,
) -> Result<Json<NumberView>, Problem> {
    Ok(Json(routing::undo_release(&app, &caller, &id).await?.into()))
}
