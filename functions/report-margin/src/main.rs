//! GET /v1/operator/tenants/{id}/margin on Lambda.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::serve::Error> {
    shared::serve::http(report_margin::routes()).await
}
