//! Looks at top-ups that are not finished and at notifications that were missed (every hour). The work is
//! `shared::use_cases::reconcile_top_ups`; this crate only hosts it.

/// Runs on Lambda until the environment is taken away.
///
/// # Errors
/// A bad setting, or the runtime's end.
pub async fn run() -> Result<(), shared::serve::Error> {
    shared::serve::top_ups_schedule().await
}
