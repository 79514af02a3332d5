//! A run of reconciliation: what was found and what was done.

use axum::Json;
use axum::extract::State;
use axum::http::Method;
use shared::App;
use shared::api::ReconciliationView;
use shared::http::routes::operator;
use shared::http::{PathId, Problem, Routes};
use shared::use_cases::reconciliation;

/// GET /v1/operator/reconcile/{id}
pub fn routes() -> Routes {
    operator(Method::GET, "/v1/operator/reconcile/{id}", handle)
}

async fn handle(State(app): State<App>, PathId(id): PathId<String>) -> Result<Json<ReconciliationView>, Problem> {
    Ok(Json(reconciliation::get(&app, &id).await?))
}
