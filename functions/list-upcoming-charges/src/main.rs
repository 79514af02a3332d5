//! GET /v1/wallet/upcoming on Lambda.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::serve::Error> {
    shared::serve::http(list_upcoming_charges::routes()).await
}
