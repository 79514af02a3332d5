//! Releases numbers whose tenants let them go at the end of what is paid for (every hour). The work is `shared::billing`; this crate only hosts it.

/// Runs on Lambda until the environment is taken away.
///
/// # Errors
/// A bad setting, or the runtime's end.
pub async fn run() -> Result<(), shared::serve::Error> {
    shared::serve::schedule(shared::serve::Schedule::PeriodEnd).await
}
