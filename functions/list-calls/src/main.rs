//! GET /v1/numbers/{id}/calls on Lambda.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::serve::Error> {
    shared::serve::http(list_calls::routes()).await
}
