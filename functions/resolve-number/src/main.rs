//! POST /v1/operator/numbers/{id}/resolve on Lambda.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::serve::Error> {
    shared::serve::http(resolve_number::routes()).await
}
