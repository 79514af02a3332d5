//! POST /v1/wallet/top-ups on Lambda.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::serve::Error> {
    shared::serve::http(start_top_up::routes()).await
}
