//! POST /v1/operator/tenants/{id}/adjustments on Lambda.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::serve::Error> {
    shared::serve::http(adjust_wallet::routes()).await
}
