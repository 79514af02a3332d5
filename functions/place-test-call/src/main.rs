//! POST /v1/numbers/{id}/test-call on Lambda.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::serve::Error> {
    shared::serve::http(place_test_call::routes()).await
}
