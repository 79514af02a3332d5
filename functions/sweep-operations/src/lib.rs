//! Finds operations nobody is working on and queues them (every minute). The work is `shared::jobs`; this crate only hosts it.

/// Runs on Lambda until the environment is taken away.
///
/// # Errors
/// A bad setting, or the runtime's end.
pub async fn run() -> Result<(), shared::serve::Error> {
    shared::serve::sweep_schedule().await
}
