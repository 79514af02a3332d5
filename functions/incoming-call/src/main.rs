//! POST /webhooks/twilio/voice on Lambda.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::serve::Error> {
    shared::serve::http(incoming_call::routes()).await
}
