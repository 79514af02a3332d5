//! GET /v1/wallet/top-ups/{id} on Lambda.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::serve::Error> {
    shared::serve::http(get_top_up::routes()).await
}
