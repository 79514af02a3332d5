//! POST /v1/operator/operations/{id}/resume on Lambda.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::serve::Error> {
    shared::serve::http(resume_operation::routes()).await
}
