//! POST /v1/agents/{id}/number on Lambda.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::serve::Error> {
    shared::serve::http(add_agent_number::routes()).await
}
