//! The operator says what was done by hand for an operation that waits for it.

use axum::Json;
use axum::extract::State;
use axum::http::Method;
use shared::App;
use shared::api::OperatorOperationView;
use shared::domain::OperationId;
use shared::http::auth::Operator;
use shared::http::routes::operator;
use shared::http::{Body, PathId, Problem, Routes};
use shared::use_cases::by_hand;

/// POST /v1/operator/operations/{id}/complete
pub fn routes() -> Routes {
    operator(Method::POST, "/v1/operator/operations/{id}/complete", handle)
}

async fn handle(
    State(app): State<App>,
    operator: Operator,
    PathId(id): PathId<OperationId>,
    Body(request): Body<by_hand::Request>,
) -> Result<Json<OperatorOperationView>, Problem> {
    Ok(Json(by_hand::complete(&app, &id, &request, &operator.actor()).await?))
}
