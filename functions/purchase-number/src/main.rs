//! POST /v1/numbers on Lambda.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::serve::Error> {
    shared::serve::http(purchase_number::routes()).await
}
