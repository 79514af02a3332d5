//! Find numbers a tenant could buy, with the price they would pay.

use axum::Json;
use axum::extract::State;
use shared::App;
use shared::api::{Items, OfferView};
use shared::domain::tenant::Role;
use shared::http::routes::get;
use shared::http::{Problem, Query, Routes};
use shared::use_cases::search;

/// GET /v1/available-numbers
pub fn routes() -> Routes {
    get("/v1/available-numbers", Role::Viewer, handle)
}

async fn handle(
    State(app): State<App>,
    Query(query): Query<search::Request>,
) -> Result<Json<Items<OfferView>>, Problem> {
    Ok(Json(search::run(&app, &query).await?))
}
