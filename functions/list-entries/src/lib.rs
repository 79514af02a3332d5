//! The ledger of a wallet.

use axum::Json;
use axum::extract::State;
use shared::App;
use shared::api::{EntryView, Listed};
use shared::domain::tenant::Role;
use shared::http::routes::get;
use shared::http::{Caller, Problem, Query, Routes};
use shared::use_cases::wallet;

/// GET /v1/wallet/entries
pub fn routes() -> Routes {
    get("/v1/wallet/entries", Role::Viewer, handle)
}

async fn handle(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<wallet::EntriesRequest>,
) -> Result<Json<Listed<EntryView>>, Problem> {
    Ok(Json(wallet::entries(&app, &caller, &query).await?))
}
