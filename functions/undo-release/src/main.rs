//! POST /v1/numbers/{id}/undo-release on Lambda.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::serve::Error> {
    shared::serve::http(undo_release::routes()).await
}
