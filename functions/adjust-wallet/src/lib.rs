//! The operator puts money into a wallet, or takes it out.

use axum::Json;
use axum::extract::State;
use axum::http::{Method, StatusCode};
use shared::App;
use shared::api::EntryView;
use shared::domain::TenantId;
use shared::http::auth::Operator;
use shared::http::routes::operator;
use shared::http::{Body, IdempotencyKey, PathId, Problem, Routes};
use shared::use_cases::operator::{self as operations, AdjustmentRequest};

/// POST /v1/operator/tenants/{id}/adjustments
pub fn routes() -> Routes {
    operator(Method::POST, "/v1/operator/tenants/{id}/adjustments", handle)
}

async fn handle(
    State(app): State<App>,
    operator: Operator,
    PathId(id): PathId<TenantId>,
    IdempotencyKey(key): IdempotencyKey,
    Body(request): Body<AdjustmentRequest>,
) -> Result<(StatusCode, Json<EntryView>), Problem> {
    Ok((StatusCode::CREATED, Json(operations::adjust(&app, &id, key.as_deref(), &request, &operator.actor()).await?)))
}
