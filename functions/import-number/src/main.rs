//! POST /v1/numbers/import on Lambda.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::serve::Error> {
    shared::serve::http(import_number::routes()).await
}
