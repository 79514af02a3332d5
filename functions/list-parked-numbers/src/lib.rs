//! Parked numbers of all tenants.

use axum::Json;
use axum::extract::State;
use axum::http::Method;
use shared::App;
use shared::api::{Listed, ParkedView};
use shared::http::routes::operator;
use shared::http::{Problem, Query, Routes};
use shared::use_cases::parking::{self, ListRequest};

/// GET /v1/operator/numbers
pub fn routes() -> Routes {
    operator(Method::GET, "/v1/operator/numbers", handle)
}

async fn handle(State(app): State<App>, Query(query): Query<ListRequest>) -> Result<Json<Listed<ParkedView>>, Problem> {
    Ok(Json(parking::list(&app, &query).await?))
}
