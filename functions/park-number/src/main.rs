//! POST /v1/operator/numbers/{id}/park on Lambda.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::serve::Error> {
    shared::serve::http(park_number::routes()).await
}
