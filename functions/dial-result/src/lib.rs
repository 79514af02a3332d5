//! Twilio says how a hand-over went, and asks what to do next.

use axum::extract::State;
use shared::App;
use shared::http::Routes;
use shared::http::paths::DIAL_RESULT;
use shared::http::routes::webhook;
use shared::http::twilio::{Signed, TwiML};
use shared::use_cases::voice;

/// POST /webhooks/twilio/voice/dial-result
pub fn routes() -> Routes {
    webhook(DIAL_RESULT, handle)
}

async fn handle(State(app): State<App>, webhook: Signed) -> TwiML {
    TwiML(voice::dial_result(&app, &webhook).await)
}
