//! Twilio asks here when the first webhook did not answer.

use axum::extract::State;
use shared::App;
use shared::http::Routes;
use shared::http::paths::VOICE_FALLBACK;
use shared::http::routes::webhook;
use shared::http::twilio::{Signed, TwiML};
use shared::use_cases::voice;

/// POST /webhooks/twilio/voice/fallback
pub fn routes() -> Routes {
    webhook(VOICE_FALLBACK, handle)
}

async fn handle(State(app): State<App>, webhook: Signed) -> TwiML {
    TwiML(voice::fallback(&app, &webhook).await)
}
