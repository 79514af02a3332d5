//! GET /v1/available-numbers on Lambda.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::serve::Error> {
    shared::serve::http(search_numbers::routes()).await
}
