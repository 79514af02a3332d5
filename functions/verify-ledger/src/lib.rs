//! Whether every wallet is the sum of its entries and holds.

use axum::Json;
use axum::extract::State;
use axum::http::Method;
use shared::App;
use shared::api::LedgerCheckView;
use shared::http::routes::operator;
use shared::http::{Problem, Query, Routes};
use shared::use_cases::statements::{self, VerifyRequest};

/// GET /v1/operator/ledger/verify
pub fn routes() -> Routes {
    operator(Method::GET, "/v1/operator/ledger/verify", handle)
}

async fn handle(
    State(app): State<App>,
    Query(request): Query<VerifyRequest>,
) -> Result<Json<LedgerCheckView>, Problem> {
    Ok(Json(statements::verify(&app, &request).await?))
}
