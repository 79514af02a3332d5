//! POST /webhooks/vapi on Lambda.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::serve::Error> {
    shared::serve::http(vapi_webhook::routes()).await
}
