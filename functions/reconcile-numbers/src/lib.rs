//! Holds the books against carriers and platforms (every hour). The work is `shared::reconcile`; this crate only hosts it.

/// Runs on Lambda until the environment is taken away.
///
/// # Errors
/// A bad setting, or the runtime's end.
pub async fn run() -> Result<(), shared::serve::Error> {
    shared::serve::reconcile_schedule().await
}
