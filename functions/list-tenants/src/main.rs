//! GET /v1/operator/tenants on Lambda.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::serve::Error> {
    shared::serve::http(list_tenants::routes()).await
}
