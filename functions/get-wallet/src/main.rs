//! GET /v1/wallet on Lambda.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::serve::Error> {
    shared::serve::http(get_wallet::routes()).await
}
