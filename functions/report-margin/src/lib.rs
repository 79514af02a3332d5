//! What a tenant's numbers brought in against what their carriers charged.

use axum::Json;
use axum::extract::State;
use axum::http::Method;
use shared::App;
use shared::api::MarginView;
use shared::domain::TenantId;
use shared::http::routes::operator;
use shared::http::{PathId, Problem, Query, Routes};
use shared::use_cases::statements::{self, MarginRequest};

/// GET /v1/operator/tenants/{id}/margin
pub fn routes() -> Routes {
    operator(Method::GET, "/v1/operator/tenants/{id}/margin", handle)
}

async fn handle(
    State(app): State<App>,
    PathId(id): PathId<TenantId>,
    Query(request): Query<MarginRequest>,
) -> Result<Json<MarginView>, Problem> {
    Ok(Json(statements::margin(&app, &id, &request).await?))
}
