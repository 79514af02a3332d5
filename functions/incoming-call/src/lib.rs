//! Twilio asks what to do with an incoming call.

use axum::extract::State;
use shared::App;
use shared::http::Routes;
use shared::http::paths::VOICE;
use shared::http::routes::webhook;
use shared::http::twilio::{Signed, TwiML};
use shared::use_cases::voice;

/// POST /webhooks/twilio/voice
pub fn routes() -> Routes {
    webhook(VOICE, handle)
}

async fn handle(State(app): State<App>, webhook: Signed) -> TwiML {
    TwiML(voice::incoming(&app, &webhook).await)
}
