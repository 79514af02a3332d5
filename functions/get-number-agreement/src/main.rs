//! GET /v1/numbers/{id}/agreement on Lambda.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::serve::Error> {
    shared::serve::http(get_number_agreement::routes()).await
}
