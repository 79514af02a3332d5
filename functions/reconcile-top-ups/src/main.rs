//! Looks at top-ups that are not finished and at notifications that were missed (every hour).
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::serve::Error> {
    reconcile_top_ups::run().await
}
