//! Twilio says how a call stands.

use axum::extract::State;
use axum::http::StatusCode;
use shared::App;
use shared::http::Routes;
use shared::http::paths::CALL_STATUS;
use shared::http::routes::webhook;
use shared::http::twilio::{Signed, TwiML};
use shared::use_cases::voice;

/// POST /webhooks/twilio/status
pub fn routes() -> Routes {
    webhook(CALL_STATUS, handle)
}

async fn handle(State(app): State<App>, webhook: Signed) -> Result<TwiML, StatusCode> {
    match voice::status(&app, &webhook).await {
        Ok(()) => Ok(TwiML::empty()),
        Err(_) => Err(StatusCode::SERVICE_UNAVAILABLE),
    }
}
