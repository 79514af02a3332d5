//! What is sold where, for how much, and what is required there.

use axum::Json;
use axum::extract::State;
use shared::App;
use shared::api::{CountryView, Items};
use shared::domain::tenant::Role;
use shared::http::routes::get;
use shared::http::{Caller, Problem, Routes};
use shared::use_cases::search;

/// GET /v1/countries
pub fn routes() -> Routes {
    get("/v1/countries", Role::Viewer, handle)
}

async fn handle(State(app): State<App>, caller: Caller) -> Result<Json<Items<CountryView>>, Problem> {
    Ok(Json(search::countries(&app, &caller.tenant).await?))
}
