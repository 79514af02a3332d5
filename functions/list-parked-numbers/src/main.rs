//! GET /v1/operator/numbers on Lambda.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::serve::Error> {
    shared::serve::http(list_parked_numbers::routes()).await
}
