//! GET /v1/operator/ledger/verify on Lambda.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::serve::Error> {
    shared::serve::http(verify_ledger::routes()).await
}
