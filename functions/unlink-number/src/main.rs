//! DELETE /v1/numbers/{id}/agent on Lambda.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::serve::Error> {
    shared::serve::http(unlink_number::routes()).await
}
