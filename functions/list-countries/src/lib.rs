//! What is sold where, and for how much.

use axum::Json;
use axum::extract::State;
use shared::App;
use shared::api::{CountryView, Items};
use shared::domain::tenant::Role;
use shared::http::Routes;
use shared::http::routes::get;
use shared::use_cases::search;

/// GET /v1/countries
pub fn routes() -> Routes {
    get("/v1/countries", Role::Viewer, handle)
}

async fn handle(State(app): State<App>) -> Json<Items<CountryView>> {
    Json(search::countries(&app))
}
