//! POST /webhooks/twilio/voice/fallback on Lambda.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::serve::Error> {
    shared::serve::http(voice_fallback::routes()).await
}
