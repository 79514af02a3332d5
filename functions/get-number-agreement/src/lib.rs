//! Whether one number is at its carrier and platform as the books have it.

use axum::Json;
use axum::extract::State;
use shared::App;
use shared::api::NumberAgreementView;
use shared::domain::NumberId;
use shared::domain::tenant::Role;
use shared::http::routes::get;
use shared::http::{Caller, PathId, Problem, Routes};
use shared::use_cases::reconciliation;

/// GET /v1/numbers/{id}/agreement
pub fn routes() -> Routes {
    get("/v1/numbers/{id}/agreement", Role::Viewer, handle)
}

async fn handle(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<NumberId>,
) -> Result<Json<NumberAgreementView>, Problem> {
    Ok(Json(reconciliation::of_number(&app, &caller, &id).await?))
}
