//! Let a wallet top itself up with the saved card, or no longer.

use axum::Json;
use axum::extract::State;
use shared::App;
use shared::api::AutoTopUpView;
use shared::domain::tenant::Role;
use shared::http::routes::put;
use shared::http::{Caller, NullableBody, Problem, Routes};
use shared::use_cases::top_ups::{self, AutoRequest};

/// PUT /v1/wallet/auto-top-up
pub fn routes() -> Routes {
    put("/v1/wallet/auto-top-up", Role::Admin, handle)
}

async fn handle(
    State(app): State<App>,
    caller: Caller,
    NullableBody(request): NullableBody<AutoRequest>,
) -> Result<Json<Option<AutoTopUpView>>, Problem> {
    Ok(Json(top_ups::set_auto(&app, &caller, request.as_ref()).await?))
}
