//! The operator decides about a parked number.

use axum::Json;
use axum::extract::State;
use axum::http::Method;
use shared::App;
use shared::api::NumberAndOperation;
use shared::domain::NumberId;
use shared::http::auth::Operator;
use shared::http::routes::operator;
use shared::http::{Body, PathId, Problem, Routes};
use shared::use_cases::parking::{self, ResolveRequest};

/// POST /v1/operator/numbers/{id}/resolve
pub fn routes() -> Routes {
    operator(Method::POST, "/v1/operator/numbers/{id}/resolve", handle)
}

async fn handle(
    State(app): State<App>,
    operator: Operator,
    PathId(id): PathId<NumberId>,
    Body(request): Body<ResolveRequest>,
) -> Result<Json<NumberAndOperation>, Problem> {
    Ok(Json(parking::resolve(&app, &id, &request, &operator.actor()).await?))
}
