//! POST /webhooks/stripe on Lambda.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::serve::Error> {
    shared::serve::http(stripe_webhook::routes()).await
}
