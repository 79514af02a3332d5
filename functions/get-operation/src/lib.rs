//! How an operation stands.

use axum::Json;
use axum::extract::State;
use shared::App;
use shared::api::OperationView;
use shared::domain::OperationId;
use shared::domain::tenant::Role;
use shared::http::routes::get;
use shared::http::{Caller, PathId, Problem, Routes};
use shared::use_cases::operations;

/// GET /v1/operations/{id}
pub fn routes() -> Routes {
    get("/v1/operations/{id}", Role::Viewer, handle)
}

async fn handle(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<OperationId>,
) -> Result<Json<OperationView>, Problem> {
    Ok(Json(operations::get(&app, &caller, &id).await?.into()))
}
