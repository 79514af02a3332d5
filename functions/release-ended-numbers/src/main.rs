//! Releases numbers whose tenants let them go at the end of what is paid for (every hour).
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::serve::Error> {
    release_ended_numbers::run().await
}
