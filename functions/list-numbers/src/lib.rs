//! The numbers a tenant has, had, or tried to buy.

use axum::Json;
use axum::extract::State;
use shared::App;
use shared::api::{Listed, NumberView};
use shared::domain::tenant::Role;
use shared::http::routes::get;
use shared::http::{Caller, Problem, Query, Routes};
use shared::use_cases::numbers;

/// GET /v1/numbers
pub fn routes() -> Routes {
    get("/v1/numbers", Role::Viewer, handle)
}

async fn handle(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<numbers::ListRequest>,
) -> Result<Json<Listed<NumberView>>, Problem> {
    Ok(Json(numbers::list(&app, &caller, &query).await?))
}
