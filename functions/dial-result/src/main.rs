//! POST /webhooks/twilio/voice/dial-result on Lambda.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::serve::Error> {
    shared::serve::http(dial_result::routes()).await
}
