//! Charges queued wallets: renewals, overdue numbers, recoveries.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::serve::Error> {
    charge_numbers::run().await
}
