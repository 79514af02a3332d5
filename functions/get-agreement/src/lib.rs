//! A day's statement of agreement between the books and each carrier and platform.

use axum::Json;
use axum::extract::State;
use axum::http::Method;
use shared::App;
use shared::api::AgreementView;
use shared::http::routes::operator;
use shared::http::{PathId, Problem, Routes};
use shared::use_cases::reconciliation;

/// GET /v1/operator/agreement/{date}
pub fn routes() -> Routes {
    operator(Method::GET, "/v1/operator/agreement/{date}", handle)
}

async fn handle(State(app): State<App>, PathId(date): PathId<String>) -> Result<Json<AgreementView>, Problem> {
    Ok(Json(reconciliation::agreement(&app, &date).await?))
}
