//! Finds wallets with overdue numbers and queues them (every hour).
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::serve::Error> {
    collect_overdue::run().await
}
