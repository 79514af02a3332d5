//! The operator lets a stuck operation go on.

use axum::Json;
use axum::extract::State;
use axum::http::Method;
use shared::App;
use shared::api::OperatorOperationView;
use shared::domain::OperationId;
use shared::http::auth::Operator;
use shared::http::routes::operator;
use shared::http::{PathId, Problem, Routes};
use shared::use_cases::operator as operations;

/// POST /v1/operator/operations/{id}/resume
pub fn routes() -> Routes {
    operator(Method::POST, "/v1/operator/operations/{id}/resume", handle)
}

async fn handle(
    State(app): State<App>,
    operator: Operator,
    PathId(id): PathId<OperationId>,
) -> Result<Json<OperatorOperationView>, Problem> {
    Ok(Json(operations::resume(&app, &id, &operator.actor()).await?))
}
