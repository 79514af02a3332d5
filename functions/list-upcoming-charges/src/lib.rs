//! What numbers will cost next, by day.

use axum::Json;
use axum::extract::State;
use shared::App;
use shared::api::{Listed, UpcomingView};
use shared::domain::tenant::Role;
use shared::http::routes::get;
use shared::http::{Caller, Problem, Query, Routes};
use shared::use_cases::Paging;
use shared::use_cases::wallet;

/// GET /v1/wallet/upcoming
pub fn routes() -> Routes {
    get("/v1/wallet/upcoming", Role::Viewer, handle)
}

async fn handle(
    State(app): State<App>,
    caller: Caller,
    Query(paging): Query<Paging>,
) -> Result<Json<Listed<UpcomingView>>, Problem> {
    Ok(Json(wallet::upcoming_charges(&app, &caller, &paging).await?))
}
