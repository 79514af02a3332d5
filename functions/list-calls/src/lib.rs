//! Calls of a number.

use axum::Json;
use axum::extract::State;
use shared::App;
use shared::api::{CallView, Listed};
use shared::domain::NumberId;
use shared::domain::tenant::Role;
use shared::http::routes::get;
use shared::http::{Caller, PathId, Problem, Query, Routes};
use shared::use_cases::{Paging, calls};

/// GET /v1/numbers/{id}/calls
pub fn routes() -> Routes {
    get("/v1/numbers/{id}/calls", Role::Viewer, handle)
}

async fn handle(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<NumberId>,
    Query(paging): Query<Paging>,
) -> Result<Json<Listed<CallView>>, Problem> {
    Ok(Json(calls::list(&app, &caller, &id, &paging).await?))
}
