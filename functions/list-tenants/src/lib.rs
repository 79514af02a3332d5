//! All tenants, with what they hold and have.

use axum::Json;
use axum::extract::State;
use axum::http::Method;
use shared::App;
use shared::api::{Listed, TenantListedView};
use shared::http::routes::operator;
use shared::http::{Problem, Query, Routes};
use shared::use_cases::{Paging, tenants};

/// GET /v1/operator/tenants
pub fn routes() -> Routes {
    operator(Method::GET, "/v1/operator/tenants", handle)
}

async fn handle(
    State(app): State<App>,
    Query(paging): Query<Paging>,
) -> Result<Json<Listed<TenantListedView>>, Problem> {
    Ok(Json(tenants::list(&app, &paging).await?))
}
