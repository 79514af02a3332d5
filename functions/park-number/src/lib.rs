//! The operator sets a number aside.

use axum::Json;
use axum::extract::State;
use axum::http::Method;
use shared::App;
use shared::api::NumberAndOperation;
use shared::domain::NumberId;
use shared::http::auth::Operator;
use shared::http::routes::operator;
use shared::http::{Body, PathId, Problem, Routes};
use shared::use_cases::parking::{self, ParkRequest};

/// POST /v1/operator/numbers/{id}/park
pub fn routes() -> Routes {
    operator(Method::POST, "/v1/operator/numbers/{id}/park", handle)
}

async fn handle(
    State(app): State<App>,
    operator: Operator,
    PathId(id): PathId<NumberId>,
    Body(request): Body<ParkRequest>,
) -> Result<Json<NumberAndOperation>, Problem> {
    Ok(Json(parking::ordered(&app, &id, &request, &operator.actor()).await?))
}
