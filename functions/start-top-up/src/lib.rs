//! Put money into a wallet: where to pay.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use shared::App;
use shared::api::TopUpView;
use shared::domain::tenant::Role;
use shared::http::routes::post;
use shared::http::{Body, Caller, IdempotencyKey, Problem, Routes};
use shared::use_cases::top_ups::{self, StartRequest};

/// POST /v1/wallet/top-ups
pub fn routes() -> Routes {
    post("/v1/wallet/top-ups", Role::Admin, handle)
}

async fn handle(
    State(app): State<App>,
    caller: Caller,
    IdempotencyKey(key): IdempotencyKey,
    Body(request): Body<StartRequest>,
) -> Result<(StatusCode, Json<TopUpView>), Problem> {
    Ok((StatusCode::CREATED, Json(top_ups::start(&app, &caller, key.as_deref(), &request).await?)))
}
