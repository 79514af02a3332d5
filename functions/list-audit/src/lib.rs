//! Who did what to whose numbers and money.

use axum::Json;
use axum::extract::State;
use axum::http::Method;
use shared::App;
use shared::api::{AuditView, Listed};
use shared::http::routes::operator;
use shared::http::{Problem, Query, Routes};
use shared::use_cases::audit::{self, ListRequest};

/// GET /v1/operator/audit
pub fn routes() -> Routes {
    operator(Method::GET, "/v1/operator/audit", handle)
}

async fn handle(State(app): State<App>, Query(query): Query<ListRequest>) -> Result<Json<Listed<AuditView>>, Problem> {
    Ok(Json(audit::list(&app, &query).await?))
}
