//! What charging on a day would come to, wallet by wallet; nothing is moved.

use axum::Json;
use axum::extract::State;
use axum::http::Method;
use shared::App;
use shared::api::{BillingPreviewView, Listed};
use shared::http::routes::operator;
use shared::http::{Problem, Query, Routes};
use shared::use_cases::statements::{self, PreviewRequest};

/// GET /v1/operator/billing/preview
pub fn routes() -> Routes {
    operator(Method::GET, "/v1/operator/billing/preview", handle)
}

async fn handle(
    State(app): State<App>,
    Query(request): Query<PreviewRequest>,
) -> Result<Json<Listed<BillingPreviewView>>, Problem> {
    Ok(Json(statements::preview(&app, &request).await?))
}
