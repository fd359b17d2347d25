//! Fault injection: tests abort the process, fail an I/O step or take away the file system's locks here.

use std::fs::{File, TryLockError};
use std::io;

/// Locks `file` if no other process holds it.
pub(crate) fn try_lock(file: &File) -> Result<(), TryLockError> {
    #[cfg(feature = "faults")]
    if std::env::var_os("WAIL_NO_LOCKS").is_some() {
        return Err(TryLockError::Error(io::ErrorKind::Unsupported.into()));
    }
    file.try_lock()
}

/// Called before each step of a write.
#[cfg(not(feature = "faults"))]
pub(crate) fn step() -> io::Result<()> {
    Ok(())
}

/// Called before each step of a write, counted from 1. Aborts the process at the step that `WAIL_ABORT_AT` names; fails
/// with EIO at the one that `WAIL_FAIL_AT` names.
#[cfg(feature = "faults")]
pub(crate) fn step() -> io::Result<()> {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicUsize, Ordering};

    const EIO: i32 = 5;
    static STEPS: AtomicUsize = AtomicUsize::new(0);
    static AT: LazyLock<[Option<usize>; 2]> =
        LazyLock::new(|| ["WAIL_ABORT_AT", "WAIL_FAIL_AT"].map(|name| std::env::var(name).ok()?.parse().ok()));
    let this = Some(STEPS.fetch_add(1, Ordering::SeqCst) + 1);
    match *AT {
        [abort, _] if abort == this => std::process::abort(),
        [_, fail] if fail == this => Err(io::Error::from_raw_os_error(EIO)),
        _ => Ok(()),
    }
}
