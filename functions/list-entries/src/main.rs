//! GET /v1/wallet/entries on Lambda.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::serve::Error> {
    shared::serve::http(list_entries::routes()).await
}
