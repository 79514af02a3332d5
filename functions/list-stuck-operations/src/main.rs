//! GET /v1/operator/operations on Lambda.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::serve::Error> {
    shared::serve::http(list_stuck_operations::routes()).await
}
