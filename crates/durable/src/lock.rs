//! Exclusive locks of files, held by one process at a time and released when it ends, for whatever reason.

use std::fs::{File, Metadata, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::fault;
use crate::lease::{Lease, LeaseTimes, Taken};

/// Time between two attempts to lock a file that another process holds.
const PAUSE: Duration = Duration::from_millis(10);

/// A file that this process alone holds.
///
/// The lock is the operating system's (`flock`). Where the file system has none, as many Lustre and some NFS mounts, it is a
/// lease, the file `NAME.lease` next to the locked one: it names machine and process and is renewed every 5 s. A lease is taken
/// over at once if its process on this machine has ended, and after 60 s without renewal if it belongs to another machine.
///
/// A lease is weaker than a lock: a process that could not run for a minute, such as one in a suspended virtual machine, loses
/// it and notices only in [`LockedFile::check`]; and two processes of one machine that share no process namespace are as two
/// machines. Where the file system's locks hold on one machine only (Lustre with `localflock`), nothing keeps two machines
/// apart.
#[derive(Debug)]
pub struct LockedFile {
    /// The file, open for reading and writing, with its cursor at the start.
    pub file: File,
    lease: Option<Lease>,
}

/// Why a file cannot be locked.
#[derive(Debug)]
pub enum LockError {
    /// Another process holds the lock; if the lock is a lease, with its holder, such as `process 17 on node3`.
    Held(Option<String>),
    /// The file cannot be opened or locked.
    Io(io::Error),
}

impl From<io::Error> for LockError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl LockedFile {
    /// Opens the file at `path`, creates it if there is none, and locks it. Waits up to `patience` for the process that holds
    /// the lock, and up to 5 s for a sign of life of the process that holds a lease.
    ///
    /// # Errors
    /// [`LockError::Held`] if another process still holds the lock, [`LockError::Io`] for I/O.
    pub fn open(path: &Path, patience: Duration) -> Result<Self, LockError> {
        Self::open_with(path, patience, fault::try_lock, LeaseTimes::default())
    }

    /// As [`LockedFile::open`], but waits for as long as it takes.
    ///
    /// # Errors
    /// Any I/O error.
    pub fn wait_for(path: &Path) -> io::Result<Self> {
        loop {
            match Self::open(path, Duration::MAX) {
                Ok(locked) => return Ok(locked),
                Err(LockError::Held(_)) => {}
                Err(LockError::Io(error)) => return Err(error),
            }
        }
    }

    fn open_with(
        path: &Path,
        patience: Duration,
        try_lock: impl Fn(&File) -> Result<(), TryLockError>,
        times: LeaseTimes,
    ) -> Result<Self, LockError> {
        let started = Instant::now();
        loop {
            let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
            let holder = match try_lock(&file) {
                Ok(()) if is_at(&file.metadata()?, path)? => return Ok(Self { file, lease: None }),
                // The process that held the lock renamed or removed the file in the meantime.
                Ok(()) => continue,
                Err(TryLockError::WouldBlock) => None,
                Err(TryLockError::Error(error)) if has_no_locks(&error) => match Lease::take(path, times)? {
                    // The file may have been replaced before the lease was taken.
                    Taken::ByUs(lease) if is_at(&file.metadata()?, path)? => {
                        return Ok(Self { file, lease: Some(lease) });
                    }
                    Taken::ByUs(_) => continue,
                    Taken::ByAnother(holder) => Some(holder),
                },
                Err(TryLockError::Error(error)) => return Err(error.into()),
            };
            if started.elapsed() >= patience {
                return Err(LockError::Held(holder));
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Fails if another process has taken over the lease. To be called before a write that must not be lost.
    ///
    /// # Errors
    /// An I/O error that names the new holder.
    pub fn check(&self) -> io::Result<()> {
        self.lease.as_ref().map_or(Ok(()), Lease::check)
    }
}

/// Whether the open file `ours` is the one at `path`.
fn is_at(ours: &Metadata, path: &Path) -> io::Result<bool> {
    match std::fs::metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (ours.dev(), ours.ino())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether the error means that the file system has no locks: ENOTSUP, EOPNOTSUPP or ENOSYS, and ENOLCK of NFS without a lock
/// service.
fn has_no_locks(error: &io::Error) -> bool {
    error.kind() == ErrorKind::Unsupported || error.raw_os_error() == Some(rustix::io::Errno::NOLCK.raw_os_error())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::{Read, Write};

    use rustix::io::Errno;

    use super::*;
    use crate::write_atomic;

    const NOW: Duration = Duration::ZERO;
    const FAST: LeaseTimes =
        LeaseTimes { renewal: Duration::from_millis(20), expiry: Duration::from_millis(400), settling: Duration::ZERO };

    fn without_locks(_: &File) -> Result<(), TryLockError> {
        Err(TryLockError::Error(Errno::OPNOTSUPP.into()))
    }

    fn leased(path: &Path, patience: Duration) -> Result<LockedFile, LockError> {
        LockedFile::open_with(path, patience, without_locks, FAST)
    }

    #[test]
    fn one_at_a_time_holds_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let held = LockedFile::open(&path, NOW).unwrap();
        held.check().unwrap();
        assert!(matches!(LockedFile::open(&path, NOW), Err(LockError::Held(None))));
        drop(held);
        assert!(LockedFile::open(&path, NOW).is_ok());
        assert!(matches!(LockedFile::open(&path.join("y"), NOW), Err(LockError::Io(_))));
    }

    /// Whoever waits for a file that is then replaced gets the new file, not the one that nobody else can open.
    #[test]
    fn a_file_that_was_replaced_while_another_waited_is_opened_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        for replaced in [true, false] {
            let held = LockedFile::open(&path, NOW).unwrap();
            let waiting = std::thread::spawn({
                let path = path.clone();
                move || LockedFile::wait_for(&path)
            });
            std::thread::sleep(Duration::from_millis(100));
            match replaced {
                true => write_atomic(&path, b"new").unwrap(),
                false => std::fs::remove_file(&path).unwrap(),
            }
            drop(held);
            let mut next = waiting.join().unwrap().unwrap();
            let mut text = String::new();
            next.file.read_to_string(&mut text).unwrap();
            assert_eq!(text, if replaced { "new" } else { "" });
            next.file.write_all(b"er").unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text + "er");
            assert!(matches!(LockedFile::open(&path, NOW), Err(LockError::Held(_))), "it is locked, too");
        }
    }

    #[test]
    fn without_locks_a_lease_keeps_others_out_until_its_holder_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let held = leased(&path, NOW).unwrap();
        for _ in 0..3 {
            let Err(LockError::Held(Some(holder))) = leased(&path, NOW) else { panic!("two processes hold it") };
            assert!(holder.starts_with(&format!("process {} on ", std::process::id())), "{holder}");
            std::thread::sleep(FAST.expiry / 2);
        }
        held.check().unwrap();
        drop(held);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "the lease is removed");
        assert!(leased(&path, NOW).is_ok());
    }

    #[test]
    fn other_errors_of_the_lock_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        for (errno, leases) in [
            (Errno::NOTSUP, true),
            (Errno::NOSYS, true),
            (Errno::NOLCK, true),
            (Errno::IO, false),
            (Errno::ACCESS, false),
        ] {
            let fails = |_: &File| Err(TryLockError::Error(errno.into()));
            let opened = LockedFile::open_with(&folder.path().join("x"), NOW, fails, FAST);
            assert_eq!(opened.is_ok(), leases, "{errno:?}");
        }
    }
}
