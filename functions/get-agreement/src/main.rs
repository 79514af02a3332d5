//! GET /v1/operator/agreement/{date} on Lambda.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::serve::Error> {
    shared::serve::http(get_agreement::routes()).await
}
