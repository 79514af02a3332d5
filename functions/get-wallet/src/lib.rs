//! What a tenant has, and how long it lasts.

use axum::Json;
use axum::extract::State;
use shared::App;
use shared::api::WalletsView;
use shared::domain::tenant::Role;
use shared::http::routes::get;
use shared::http::{Caller, Problem, Routes};
use shared::use_cases::wallet;

/// GET /v1/wallet
pub fn routes() -> Routes {
    get("/v1/wallet", Role::Viewer, handle)
}

async fn handle(State(app): State<App>, caller: Caller) -> Result<Json<WalletsView>, Problem> {
    Ok(Json(wallet::get(&app, &caller).await?))
}
