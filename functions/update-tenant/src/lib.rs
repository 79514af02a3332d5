//! The operator sets a tenant up, or changes it.

use axum::Json;
use axum::extract::State;
use axum::http::Method;
use shared::App;
use shared::api::TenantView;
use shared::domain::TenantId;
use shared::http::auth::Operator;
use shared::http::routes::operator;
use shared::http::{Body, PathId, Problem, Routes};
use shared::use_cases::operator::{self as operations, TenantRequest};

/// PUT /v1/operator/tenants/{id}
pub fn routes() -> Routes {
    operator(Method::PUT, "/v1/operator/tenants/{id}", handle)
}

async fn handle(
    State(app): State<App>,
    operator: Operator,
    PathId(id): PathId<TenantId>,
    Body(request): Body<TenantRequest>,
) -> Result<Json<TenantView>, Problem> {
    Ok(Json(operations::tenant_update(&app, &id, &request, &operator.actor()).await?))
}
