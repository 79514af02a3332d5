//! GET /v1/operator/billing/preview on Lambda.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::serve::Error> {
    shared::serve::http(preview_billing::routes()).await
}
