//! POST /webhooks/elevenlabs on Lambda.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::serve::Error> {
    shared::serve::http(elevenlabs_webhook::routes()).await
}
