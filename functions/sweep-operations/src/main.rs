//! Finds operations nobody is working on and queues them (every minute).
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::serve::Error> {
    sweep_operations::run().await
}
