//! The command of a source, as a process that writes sound.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::clock::Now;

/// Bytes per read, at most.
const CHUNK_BYTES: usize = 16 << 10;
/// Chunks that may wait for the model. If the model is slower than the sound, the pipe fills and the command waits.
const CHUNKS_WAITING: usize = 64;
/// How long a process may take to end by itself, and when it is told to.
const PATIENCE: Duration = Duration::from_millis(500);
const POLL: Duration = Duration::from_millis(5);
/// Length of the last line of its messages that is kept, characters.
const MAX_MESSAGE: usize = 300;

/// Sound that arrived at once.
pub(super) struct Chunk {
    pub bytes: Vec<u8>,
    pub at: Now,
}

/// A process that writes sound; it ends when it is dropped.
pub(super) struct Process {
    child: Child,
    chunks: Receiver<Chunk>,
    message: Arc<Mutex<String>>,
}

impl Process {
    /// Starts `command` in a process group of its own, so that what it starts ends with it.
    pub fn start(command: &[String]) -> std::io::Result<Self> {
        let mut words = command.iter();
        let mut command = Command::new(words.next().map_or("", String::as_str));
        command.args(words).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn()?;
        let (sender, chunks) = sync_channel(CHUNKS_WAITING);
        let message = Arc::new(Mutex::new(String::new()));
        if let Some(stdout) = child.stdout.take() {
            std::thread::Builder::new().name("sound".into()).spawn(move || read_sound(stdout, &sender))?;
        }
        if let Some(stderr) = child.stderr.take() {
            let message = Arc::clone(&message);
            std::thread::Builder::new().name("messages".into()).spawn(move || read_messages(stderr, &message))?;
        }
        Ok(Self { child, chunks, message })
    }

    /// Waits for sound. It is disconnected once the process has ended.
    pub fn next(&self, patience: Duration) -> Result<Chunk, RecvTimeoutError> {
        self.chunks.recv_timeout(patience)
    }

    /// Ends the process; one that `is_ending` gets the time to. Returns how it ended, and the last line of its messages.
    pub fn end(mut self, is_ending: bool) -> (Option<ExitStatus>, String) {
        let in_peace = if is_ending { self.wait() } else { None };
        let status = in_peace.or_else(|| self.stop());
        let message = self.message.lock().unwrap_or_else(PoisonError::into_inner).clone();
        (status, message)
    }

    /// Asks the process to end, then kills it, and everything that it started.
    fn stop(&mut self) -> Option<ExitStatus> {
        let group = Pid::from_child(&self.child);
        // These fail where there is no process any more.
        let _ = kill_process_group(group, Signal::TERM);
        let status = self.wait();
        let _ = kill_process_group(group, Signal::KILL);
        status.or_else(|| self.wait())
    }

    fn wait(&mut self) -> Option<ExitStatus> {
        let started = Instant::now();
        loop {
            match self.child.try_wait() {
                Ok(None) if started.elapsed() < PATIENCE => std::thread::sleep(POLL),
                Ok(status) => return status,
                Err(_) => return None,
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Why a process ended, as text for people.
pub(super) fn describe(status: Option<ExitStatus>) -> String {
    match (status.and_then(|status| status.code()), status.and_then(|status| status.signal())) {
        (Some(0), _) => "ended".into(),
        (Some(code), _) => format!("failed with exit code {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended".into(),
    }
}

fn read_sound(mut stdout: ChildStdout, sender: &SyncSender<Chunk>) {
    let mut buffer = [0; CHUNK_BYTES];
    loop {
        match stdout.read(&mut buffer) {
            Ok(n) if n > 0 => {
                let chunk = Chunk { bytes: buffer[..n].to_vec(), at: Now::read() };
                if sender.send(chunk).is_err() {
                    return;
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            _ => return,
        }
    }
}

/// Keeps the last line.
fn read_messages(stderr: ChildStderr, message: &Mutex<String>) {
    let mut stderr = BufReader::new(stderr);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut stderr).take(4096).read_until(b'\n', &mut line) {
            Ok(n) if n > 0 => {
                let text = String::from_utf8_lossy(&line);
                let text: String = text.trim().chars().filter(|c| !c.is_control()).take(MAX_MESSAGE).collect();
                if !text.is_empty() {
                    *message.lock().unwrap_or_else(PoisonError::into_inner) = without_passwords(&text);
                }
            }
            _ => return,
        }
    }
}

/// `text` without the users and passwords of addresses, such as `rtsp://user:password@camera`.
fn without_passwords(text: &str) -> String {
    let mut parts = text.split("://");
    let mut clean = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| c == '/' || c.is_whitespace()).unwrap_or(part.len());
        let from = part[..end].rfind('@').map_or(0, |at| at + 1);
        clean += "://";
        clean += &part[from..];
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_in_addresses_are_not_shown() {
        for (text, expected) in [
            ("no address", "no address"),
            ("rtsp://camera/a: refused", "rtsp://camera/a: refused"),
            ("rtsp://me:secret@camera:554/a@b: refused", "rtsp://camera:554/a@b: refused"),
            ("from rtsp://me:p@ss@one to http://two", "from rtsp://one to http://two"),
            ("rtsp://", "rtsp://"),
        ] {
            assert_eq!(without_passwords(text), expected);
        }
    }
}
