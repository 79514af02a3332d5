//! Holds the books against carriers and platforms (every hour).
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::serve::Error> {
    reconcile_numbers::run().await
}
