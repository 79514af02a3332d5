//! POST /v1/operator/reconcile on Lambda.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::serve::Error> {
    shared::serve::http(start_reconciliation::routes()).await
}
