//! A lease: a file that says who holds another file, for file systems without locks. Its content is one line:
//!
//! ```text
//! process id, process namespace, time at which it was taken (ns), number of renewals (20 digits), machine
//! ```
//! Only changes of the content count, never the clock of another machine. The file is opened anew for each look, so that NFS
//! and Lustre show its newest content.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::process::{Pid, test_kill_process};

use crate::write::temporary_beside;

/// How often a lease is tried again that others release while it is watched.
const TRIES: usize = 10;

/// Intervals of leases.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LeaseTimes {
    /// From one renewal to the next.
    pub renewal: Duration,
    /// Without renewal for this long, a lease has expired.
    pub expiry: Duration,
    /// Until a process that took over a lease looks whether another did so after it.
    pub settling: Duration,
}

impl Default for LeaseTimes {
    fn default() -> Self {
        Self { renewal: Duration::from_secs(5), expiry: Duration::from_secs(60), settling: Duration::from_secs(1) }
    }
}

/// Who holds a lease.
pub(crate) enum Taken {
    ByUs(Lease),
    /// By a process such as `process 17 on node3`.
    ByAnother(String),
}

/// A lease that this process holds and renews. It ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    path: PathBuf,
    holder: Holder,
    /// Ends the renewals when it is dropped.
    stop: Option<Sender<()>>,
    renewals: Option<JoinHandle<()>>,
}

impl Lease {
    /// Takes the lease of the file at `locked`. If another process has it, watches it until it is renewed, is released or has
    /// expired.
    pub fn take(locked: &Path, times: LeaseTimes) -> io::Result<Taken> {
        let mut path = locked.as_os_str().to_owned();
        path.push(".lease");
        let path = PathBuf::from(path);
        let holder = Holder::this_process();
        for _ in 0..TRIES {
            match File::create_new(&path) {
                Ok(mut file) => {
                    file.write_all(holder.line(0).as_bytes())?;
                    file.sync_all()?;
                    return Ok(Taken::ByUs(Self::renewed(path, holder, times)?));
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
            if let Some(expired) = expired(&path, times)?
                && holder.take_over(&path, &expired, times.settling)?
            {
                return Ok(Taken::ByUs(Self::renewed(path, holder, times)?));
            }
            // A lease that is gone was released in the meantime.
            if let Some(line) = read(&path)? {
                return Ok(Taken::ByAnother(holder_in(&line)));
            }
        }
        Ok(Taken::ByAnother("other processes, one after another".into()))
    }

    /// Starts the renewals.
    fn renewed(path: PathBuf, holder: Holder, times: LeaseTimes) -> io::Result<Self> {
        // A renewal goes to the file that was opened here, never to one that another process put in its place.
        let mut file = OpenOptions::new().write(true).open(&path)?;
        let (stop, stopped) = channel::<()>();
        let renewals = std::thread::spawn({
            let holder = holder.clone();
            move || {
                for n in 1.. {
                    if stopped.recv_timeout(times.renewal) != Err(RecvTimeoutError::Timeout) {
                        return;
                    }
                    // A renewal that fails is made up for by the next one, or the lease expires.
                    let _ = file.rewind().and_then(|()| file.write_all(holder.line(n).as_bytes()));
                    let _ = file.sync_data();
                }
            }
        });
        Ok(Self { path, holder, stop: Some(stop), renewals: Some(renewals) })
    }

    /// Fails if another process has taken over.
    pub fn check(&self) -> io::Result<()> {
        match self.holder.holds(&self.path)? {
            true => Ok(()),
            false => {
                let holder = read(&self.path)?.map_or("another process".into(), |line| holder_in(&line));
                Err(io::Error::other(format!("{holder} has taken over the lease of this file")))
            }
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(renewals) = self.renewals.take() {
            let _ = renewals.join();
        }
        if matches!(self.holder.holds(&self.path), Ok(true)) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// A process that holds a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Holder {
    pid: u32,
    /// Process ids mean something only within their namespace.
    namespace: String,
    since_ns: u128,
    machine: String,
}

impl Holder {
    fn this_process() -> Self {
        let namespace = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
        Self {
            pid: std::process::id(),
            namespace: format!("pid:{}", namespace.to_string_lossy().trim_start_matches("pid:")),
            since_ns: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos()),
            machine: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        }
    }

    /// The content of the file after `n` renewals. Its length does not depend on `n`.
    fn line(&self, n: u64) -> String {
        format!("{} {} {} {n:020} {}\n", self.pid, self.namespace, self.since_ns, self.machine)
    }

    /// The holder in the content of a file; `None` if it is torn.
    fn parse(line: &str) -> Option<Self> {
        let mut parts = line.strip_suffix('\n')?.splitn(5, ' ');
        let (pid, namespace, since_ns) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Self {
            pid: pid.parse().ok()?,
            namespace: namespace.into(),
            since_ns: since_ns.parse().ok()?,
            machine: parts.nth(1)?.into(),
        })
    }

    /// Whether the lease at `path` is this one.
    fn holds(&self, path: &Path) -> io::Result<bool> {
        Ok(read(path)?.and_then(|line| Self::parse(&line)).as_ref() == Some(self))
    }

    /// Replaces the lease at `path` whose content is `expired`, and returns whether this one is in its place after the time
    /// `settling`: of several processes that replace it at once, the last one has it.
    fn take_over(&self, path: &Path, expired: &str, settling: Duration) -> io::Result<bool> {
        let mut ours = temporary_beside(path)?;
        ours.write_all(self.line(0).as_bytes())?;
        ours.as_file().sync_all()?;
        if read(path)?.as_deref() != Some(expired) {
            return Ok(false);
        }
        ours.persist(path).map_err(|error| error.error)?;
        std::thread::sleep(settling);
        self.holds(path)
    }

    /// Whether it is known that the process has ended: it ran on this machine, and there is no process with its id.
    fn has_ended(&self) -> bool {
        let ours = Self::this_process();
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        (&self.machine, &self.namespace) == (&ours.machine, &ours.namespace)
            && pid.is_none_or(|pid| test_kill_process(pid) == Err(rustix::io::Errno::SRCH))
    }
}

/// Watches the lease at `path`; returns its content once it has expired, `None` as soon as it is renewed or gone.
fn expired(path: &Path, times: LeaseTimes) -> io::Result<Option<String>> {
    let started = Instant::now();
    let Some(first) = read(path)? else { return Ok(None) };
    loop {
        let has_ended = Holder::parse(&first).is_some_and(|holder| holder.has_ended());
        if has_ended || started.elapsed() >= times.expiry {
            return Ok(Some(first));
        }
        std::thread::sleep(times.renewal / 10);
        if read(path)?.as_ref() != Some(&first) {
            return Ok(None);
        }
    }
}

/// The content of the lease at `path`; `None` if there is none.
fn read(path: &Path) -> io::Result<Option<String>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The holder of a lease with the content `line`, in words.
fn holder_in(line: &str) -> String {
    Holder::parse(line)
        .map_or("another process".into(), |holder| format!("process {} on {}", holder.pid, holder.machine))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::write_atomic;

    const FAST: LeaseTimes = LeaseTimes {
        renewal: Duration::from_millis(20),
        expiry: Duration::from_millis(400),
        settling: Duration::from_millis(200),
    };

    /// Expires long after the test.
    const UNTIL_RELEASED: LeaseTimes = LeaseTimes { expiry: Duration::from_secs(3600), ..FAST };

    fn take(locked: &Path) -> Option<Lease> {
        match Lease::take(locked, FAST).unwrap() {
            Taken::ByUs(lease) => Some(lease),
            Taken::ByAnother(_) => None,
        }
    }

    /// The lease of a holder that does nothing.
    fn abandoned(folder: &Path, holder: &Holder) -> PathBuf {
        std::fs::write(folder.join("x.lease"), holder.line(3)).unwrap();
        folder.join("x")
    }

    fn ended_process() -> u32 {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        child.id()
    }

    #[test]
    fn the_content_reads_back_and_a_torn_one_does_not() {
        let holder = Holder { machine: "a machine".into(), ..Holder::this_process() };
        let line = holder.line(12);
        assert_eq!(Holder::parse(&line).as_ref(), Some(&holder));
        assert_eq!(line.len(), holder.line(u64::MAX).len());
        for length in 0..line.len() {
            assert_eq!(Holder::parse(&line[..length]), None);
        }
    }

    #[test]
    fn the_lease_of_an_ended_process_is_taken_over_at_once_and_that_of_another_machine_when_it_expires() {
        let folder = tempfile::tempdir().unwrap();
        let ended = Holder { pid: ended_process(), ..Holder::this_process() };
        let elsewhere = Holder { machine: "elsewhere".into(), ..ended.clone() };
        let contained = Holder { namespace: "pid:[1]".into(), ..ended.clone() };
        let Taken::ByUs(lease) = Lease::take(&abandoned(folder.path(), &ended), UNTIL_RELEASED).unwrap() else {
            panic!("its process has ended");
        };
        lease.check().unwrap();
        drop(lease);
        for holder in [elsewhere, contained] {
            let locked = abandoned(folder.path(), &holder);
            let started = Instant::now();
            let lease = take(&locked).unwrap();
            assert!(started.elapsed() >= FAST.expiry, "{holder:?}");
            lease.check().unwrap();
        }
        std::fs::write(folder.path().join("x.lease"), "").unwrap();
        assert!(take(&folder.path().join("x")).is_some(), "a torn lease expires, too");
    }

    #[test]
    fn a_lease_that_is_released_while_another_watches_it_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        // This process is alive and does not renew the lease.
        let locked = abandoned(folder.path(), &Holder { since_ns: 1, ..Holder::this_process() });
        let taken = std::thread::scope(|scope| {
            let watching = scope.spawn(|| Lease::take(&locked, UNTIL_RELEASED).unwrap());
            std::thread::sleep(3 * FAST.renewal);
            std::fs::remove_file(folder.path().join("x.lease")).unwrap();
            watching.join().unwrap()
        });
        let Taken::ByUs(lease) = taken else { panic!("nobody else has it") };
        lease.check().unwrap();
    }

    #[test]
    fn a_holder_notices_that_its_lease_was_taken_over_and_leaves_it_alone() {
        let folder = tempfile::tempdir().unwrap();
        let lease = take(&folder.path().join("x")).unwrap();
        let other = Holder { machine: "elsewhere".into(), ..Holder::this_process() };
        write_atomic(&folder.path().join("x.lease"), other.line(0).as_bytes()).unwrap();
        std::thread::sleep(3 * FAST.renewal);
        let error = lease.check().unwrap_err().to_string();
        assert!(error.contains("on elsewhere has taken over"), "{error}");
        drop(lease);
        assert!(other.holds(&folder.path().join("x.lease")).unwrap());
    }

    #[test]
    fn of_several_that_take_over_an_expired_lease_one_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let ended = Holder { pid: ended_process(), ..Holder::this_process() };
        for _ in 0..3 {
            let locked = abandoned(folder.path(), &ended);
            let taken: Vec<Option<Lease>> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..6).map(|_| scope.spawn(|| take(&locked))).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert_eq!(taken.iter().flatten().count(), 1);
        }
    }
}
