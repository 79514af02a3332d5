//! POST /v1/operator/renew on Lambda.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::serve::Error> {
    shared::serve::http(start_renewals::routes()).await
}
