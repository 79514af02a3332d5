//! PATCH /v1/projects/{id} on Lambda.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::serve::Error> {
    shared::serve::http(update_project::routes()).await
}
