//! Drives queued operations (SQS).
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::serve::Error> {
    advance_operations::run().await
}
