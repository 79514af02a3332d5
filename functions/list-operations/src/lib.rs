//! Operations of a tenant.

use axum::Json;
use axum::extract::State;
use shared::App;
use shared::api::{Listed, OperationView};
use shared::domain::tenant::Role;
use shared::http::routes::get;
use shared::http::{Caller, Problem, Query, Routes};
use shared::use_cases::operations;

/// GET /v1/operations
pub fn routes() -> Routes {
    get("/v1/operations", Role::Viewer, handle)
}

async fn handle(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<operations::ListRequest>,
) -> Result<Json<Listed<OperationView>>, Problem> {
    Ok(Json(operations::list(&app, &caller, &query).await?))
}
