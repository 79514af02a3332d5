//! POST /v1/operator/dun on Lambda.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::serve::Error> {
    shared::serve::http(start_dunning::routes()).await
}
