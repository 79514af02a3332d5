//! Hold the books against carriers and platforms now, or only say what would be done about it.

use axum::Json;
use axum::extract::State;
use axum::http::{Method, StatusCode};
use shared::App;
use shared::api::ReconciliationView;
use shared::http::routes::operator;
use shared::http::{Body, Problem, Routes};
use shared::use_cases::reconciliation::{self, ReconcileRequest};

/// POST /v1/operator/reconcile
pub fn routes() -> Routes {
    operator(Method::POST, "/v1/operator/reconcile", handle)
}

async fn handle(
    State(app): State<App>,
    Body(request): Body<ReconcileRequest>,
) -> Result<(StatusCode, Json<ReconciliationView>), Problem> {
    let run = reconciliation::start(&app, &request).await?;
    let status = if run.is_finished() { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok((status, Json(run)))
}
