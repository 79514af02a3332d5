//! POST /v1/operator/operations/{id}/complete on Lambda.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::serve::Error> {
    shared::serve::http(complete_operation::routes()).await
}
