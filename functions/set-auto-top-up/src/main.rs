//! PUT /v1/wallet/auto-top-up on Lambda.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::serve::Error> {
    shared::serve::http(set_auto_top_up::routes()).await
}
