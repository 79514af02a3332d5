//! Charges queued wallets: renewals, overdue numbers, recoveries. The work is `shared::billing`; this crate only hosts it.

/// Runs on Lambda until the environment is taken away.
///
/// # Errors
/// A bad setting, or the runtime's end.
pub async fn run() -> Result<(), shared::serve::Error> {
    shared::serve::charges_queue().await
}
