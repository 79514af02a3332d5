//! POST /webhooks/twilio/status on Lambda.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::serve::Error> {
    shared::serve::http(call_status::routes()).await
}
