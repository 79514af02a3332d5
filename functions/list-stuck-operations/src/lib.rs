//! Operations of all tenants that do not end by themselves, or not in time.

use axum::Json;
use axum::extract::State;
use axum::http::Method;
use shared::App;
use shared::api::{Listed, OperatorOperationView};
use shared::http::routes::operator;
use shared::http::{Problem, Query, Routes};
use shared::use_cases::operator::{self as operations, OperationsRequest};

/// GET /v1/operator/operations
pub fn routes() -> Routes {
    operator(Method::GET, "/v1/operator/operations", handle)
}

async fn handle(
    State(app): State<App>,
    Query(query): Query<OperationsRequest>,
) -> Result<Json<Listed<OperatorOperationView>>, Problem> {
    Ok(Json(operations::operations(&app, &query).await?))
}
