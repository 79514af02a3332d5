//! Finds wallets that pay for numbers whose period begins and queues them (every hour).
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::serve::Error> {
    renew_numbers::run().await
}
