//! How a top-up stands.

use axum::Json;
use axum::extract::State;
use shared::App;
use shared::api::TopUpView;
use shared::domain::TopUpId;
use shared::domain::tenant::Role;
use shared::http::routes::get;
use shared::http::{Caller, PathId, Problem, Routes};
use shared::use_cases::top_ups;

/// GET /v1/wallet/top-ups/{id}
pub fn routes() -> Routes {
    get("/v1/wallet/top-ups/{id}", Role::Viewer, handle)
}

async fn handle(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<TopUpId>,
) -> Result<Json<TopUpView>, Problem> {
    Ok(Json(top_ups::get(&app, &caller, &id).await?))
}
