//! PUT /v1/operator/tenants/{id} on Lambda.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::serve::Error> {
    shared::serve::http(update_tenant::routes()).await
}
