//! GET /v1/projects/{id} on Lambda.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::serve::Error> {
    shared::serve::http(get_project::routes()).await
}
