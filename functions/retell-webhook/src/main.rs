//! POST /webhooks/retell on Lambda.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::serve::Error> {
    shared::serve::http(retell_webhook::routes()).await
}
