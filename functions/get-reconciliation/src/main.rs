//! GET /v1/operator/reconcile/{id} on Lambda.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::serve::Error> {
    shared::serve::http(get_reconciliation::routes()).await
}
