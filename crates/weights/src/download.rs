//! Downloads that resume after an interruption and keep only a file with the right checksum.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use durable::{LockedFile, sha256_hex_of};
use ureq::Agent;
use ureq::http::{Response, StatusCode, header};

use crate::verify::part_path;
use crate::{Error, State, WeightFile, verify};

/// Time limits of a download.
#[derive(Debug, Clone, Copy)]
pub struct FetchLimits {
    /// Until the first response: name resolution, connection and response head together.
    pub connect: Duration,
    /// For the body in one attempt. If any bytes arrived in that time, another attempt continues the download.
    pub attempt: Duration,
}

impl Default for FetchLimits {
    fn default() -> Self {
        Self { connect: Duration::from_secs(20), attempt: Duration::from_secs(60) }
    }
}

/// Ensures that the file is in the folder `models` with the right checksum, and returns its path. A partial download is resumed,
/// a damaged file is replaced. `progress` receives (bytes received, total bytes). A second process that needs the same file waits
/// for the first.
///
/// # Errors
/// Every [`Error`] except [`Error::Register`].
pub fn fetch(
    entry: &WeightFile,
    models: &Path,
    limits: &FetchLimits,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<PathBuf, Error> {
    let path = models.join(&entry.file);
    if verify(entry, models)? == State::Verified {
        return Ok(path);
    }
    let part_path = part_path(entry, models);
    let on_disk = |source| Error::Io { path: part_path.clone(), source };
    std::fs::create_dir_all(models).map_err(on_disk)?;
    let mut part = LockedFile::wait_for(&part_path).map_err(on_disk)?;
    if verify(entry, models)? == State::Verified {
        // Another process had the lock and finished.
        return std::fs::remove_file(&part_path).map(|()| path).map_err(on_disk);
    }
    let done = complete(entry, &mut part.file, &part_path, limits, progress);
    if done.is_err() && part.file.metadata().map_err(on_disk)?.len() == 0 {
        std::fs::remove_file(&part_path).map_err(on_disk)?;
    }
    done?;
    part.check().map_err(on_disk)?;
    std::fs::rename(&part_path, &path).map_err(|source| Error::Io { path: path.clone(), source })?;
    Ok(path)
}

/// Downloads what `part` lacks and verifies the whole file.
fn complete(
    entry: &WeightFile,
    part: &mut File,
    part_path: &Path,
    limits: &FetchLimits,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(), Error> {
    let on_disk = |source| Error::Io { path: part_path.into(), source };
    let agent = agent(limits);
    let mut received = part.metadata().map_err(on_disk)?.len();
    if received > entry.bytes {
        part.set_len(0).map_err(on_disk)?;
        received = 0;
    }
    while received < entry.bytes {
        let before = received;
        let outcome = attempt(&agent, entry, part, received, progress);
        received = part.metadata().map_err(on_disk)?.len();
        match outcome {
            Ok(()) => {}
            Err(Stopped::Disk(source)) => return Err(on_disk(source)),
            Err(Stopped::Server(error)) => return Err(error),
            // As long as each attempt receives bytes, the next one may finish.
            Err(Stopped::Connection(_)) if received > before => {}
            Err(Stopped::Connection(source)) if received == 0 => {
                return Err(Error::Unreachable { url: entry.url.clone(), source: Box::new(source) });
            }
            Err(Stopped::Connection(_)) => {
                return Err(Error::Dropped { url: entry.url.clone(), received, expected: entry.bytes });
            }
        }
    }
    part.seek(SeekFrom::Start(0)).map_err(on_disk)?;
    let (found, _) = sha256_hex_of(&*part).map_err(on_disk)?;
    if found != entry.sha256 {
        part.set_len(0).map_err(on_disk)?;
        return Err(Error::Checksum { url: entry.url.clone(), found, expected: entry.sha256.clone() });
    }
    part.sync_all().map_err(on_disk)
}

fn agent(limits: &FetchLimits) -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .timeout_resolve(Some(limits.connect / 4))
        .timeout_connect(Some(limits.connect / 2))
        .timeout_recv_response(Some(limits.connect / 4))
        .timeout_recv_body(Some(limits.attempt))
        .build()
        .into()
}

/// Why an attempt ended early.
enum Stopped {
    Disk(io::Error),
    Server(Error),
    Connection(ureq::Error),
}

/// Requests the bytes from `received` on and appends them to `part`.
fn attempt(
    agent: &Agent,
    entry: &WeightFile,
    part: &mut File,
    received: u64,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(), Stopped> {
    // Ranges of a compressed body are not ranges of the file.
    let mut request = agent.get(&entry.url).header(header::ACCEPT_ENCODING, "identity");
    if received > 0 {
        request = request.header(header::RANGE, format!("bytes={received}-"));
    }
    let response = request.call().map_err(Stopped::Connection)?;
    let wrong_length = |found| Stopped::Server(Error::Length { url: entry.url.clone(), found, expected: entry.bytes });
    let mut received = match response.status() {
        StatusCode::PARTIAL_CONTENT if range_start(&response) == Some(received) => received,
        StatusCode::OK => 0, // the server ignores ranges and starts from the beginning
        // The server's file is shorter than the part on disk.
        StatusCode::RANGE_NOT_SATISFIABLE => {
            part.set_len(0).map_err(Stopped::Disk)?;
            return Err(wrong_length(received));
        }
        status => {
            return Err(Stopped::Server(Error::Status { url: entry.url.clone(), status: status.as_u16() }));
        }
    };
    if let Some(announced) = response.body().content_length()
        && received + announced != entry.bytes
    {
        return Err(wrong_length(received + announced));
    }
    part.set_len(received).map_err(Stopped::Disk)?;
    part.seek(SeekFrom::Start(received)).map_err(Stopped::Disk)?;
    let mut body = response.into_body().into_reader();
    let mut buffer = vec![0; 1 << 16];
    loop {
        progress(received, entry.bytes);
        match body.read(&mut buffer).map_err(|e| Stopped::Connection(e.into()))? {
            0 if received < entry.bytes => {
                return Err(Stopped::Connection(io::Error::from(ErrorKind::UnexpectedEof).into()));
            }
            0 => return Ok(()),
            n if received + n as u64 > entry.bytes => {
                part.set_len(0).map_err(Stopped::Disk)?;
                return Err(wrong_length(received + n as u64));
            }
            n => {
                part.write_all(&buffer[..n]).map_err(Stopped::Disk)?;
                received += n as u64;
            }
        }
    }
}

/// First byte of `Content-Range: bytes 100-199/200` (RFC 9110, section 14.4).
fn range_start<B>(response: &Response<B>) -> Option<u64> {
    let range = response.headers().get(header::CONTENT_RANGE)?.to_str().ok()?;
    range.strip_prefix("bytes ")?.split('-').next()?.parse().ok()
}
