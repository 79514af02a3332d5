//! Retell says how its calls stand.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use shared::App;
use shared::domain::agent::Platform;
use shared::http::paths::RETELL;
use shared::http::routes::webhook;
use shared::http::{Routes, platform};

/// POST /webhooks/retell
pub fn routes() -> Routes {
    webhook(RETELL, handle)
}

async fn handle(State(app): State<App>, request: Request) -> StatusCode {
    platform::webhook(&app, Platform::Retell, request).await
}
