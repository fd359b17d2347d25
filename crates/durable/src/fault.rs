//! Where tests end the process.

/// Before each step of a write.
#[cfg(not(feature = "faults"))]
pub(crate) fn step() {}

/// Aborts the process if this is the step that `WAIL_ABORT_AT` names.
#[cfg(feature = "faults")]
pub(crate) fn step() {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicUsize, Ordering};

    static STEPS: AtomicUsize = AtomicUsize::new(0);
    static ABORT_AT: LazyLock<Option<usize>> = LazyLock::new(|| std::env::var("WAIL_ABORT_AT").ok()?.parse().ok());
    if *ABORT_AT == Some(STEPS.fetch_add(1, Ordering::SeqCst) + 1) {
        std::process::abort();
    }
}
