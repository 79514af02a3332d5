//! DELETE /v1/agents/{id} on Lambda.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::serve::Error> {
    shared::serve::http(delete_agent::routes()).await
}
