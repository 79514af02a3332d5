//! Operations of all tenants that need an operator.

use axum::Json;
use axum::extract::State;
use axum::http::Method;
use shared::App;
use shared::api::{Listed, OperatorOperationView};
use shared::http::routes::operator;
use shared::http::{Problem, Query, Routes};
use shared::use_cases::operations::ListRequest;
use shared::use_cases::operator as operations;

/// GET /v1/operator/operations
pub fn routes() -> Routes {
    operator(Method::GET, "/v1/operator/operations", handle)
}

async fn handle(
    State(app): State<App>,
    Query(query): Query<ListRequest>,
) -> Result<Json<Listed<OperatorOperationView>>, Problem> {
    Ok(Json(operations::operations(&app, &query).await?))
}
