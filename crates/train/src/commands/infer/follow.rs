//! `wail infer --follow -`: PCM of a microphone on standard input, one JSON line as each episode is confirmed, and one as it ends.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, SystemTime};

use model::EpisodeSettings;
use predict::{Change, Classifier, Episodes, Listener, Options, Window, Windows};
use serde::Serialize;

use super::output::json;
use crate::Error;
use crate::terminal::interrupt;
use crate::terminal::stdout::print;

/// Bytes per read: 0.1 s of what `arecord` sends by default, few enough for low latency.
const CHUNK_BYTES: usize = 3200;
/// Chunks that may wait for the model. If the model is slower than the sound, the pipe fills and the writer waits.
const CHUNKS_WAITING: usize = 64;
/// How often signals are checked while no sound arrives.
const PATIENCE: Duration = Duration::from_millis(100);

/// How the 16-bit little-endian PCM is laid out.
#[derive(Debug, Clone, Copy)]
pub(super) struct PcmFormat {
    pub sample_rate_hz: u32,
    pub n_channels: usize,
}

/// A line of the output.
#[derive(Serialize)]
struct Line<T> {
    /// What happened: `start` or `end` of an episode, or `alive`.
    event: &'static str,
    /// When it was printed by the clock of this machine, RFC 3339 in UTC.
    time: String,
    /// Length of the stream so far, s.
    stream_seconds: f64,
    #[serde(flatten)]
    what: T,
}

/// The last window, where nothing else happened.
#[derive(Serialize)]
struct Alive {
    #[serde(skip_serializing_if = "Option::is_none")]
    cry_score: Option<f32>,
    level_dbfs: f32,
}

fn print_line(event: &'static str, stream_seconds: f64, what: impl Serialize) -> Result<(), Error> {
    let time = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
    print(json(&Line { event, time, stream_seconds, what })?)
}

/// Prints what each window changes.
struct Reporter {
    episodes: Episodes,
    heartbeat_seconds: Option<f64>,
    last_beat_seconds: f64,
}

impl Reporter {
    fn hear(&mut self, window: Window) -> Result<(), Error> {
        let (seconds, cry_score, level_dbfs) =
            (window.span.end_seconds, window.prediction.cry_score, window.level_dbfs);
        if let Some(change) = self.episodes.push(window) {
            return report(&change, seconds);
        }
        match self.heartbeat_seconds {
            Some(every) if seconds - self.last_beat_seconds >= every => {
                self.last_beat_seconds = seconds;
                print_line("alive", seconds, Alive { cry_score, level_dbfs })
            }
            _ => Ok(()),
        }
    }
}

fn report(change: &Change, stream_seconds: f64) -> Result<(), Error> {
    match change {
        Change::Began(episode) => print_line("start", stream_seconds, episode),
        Change::Ended(episode) => print_line("end", stream_seconds, episode),
    }
}

/// Follows standard input to its end, or until SIGINT or SIGTERM; both end it without an error.
pub(super) fn run(
    classifier: &Classifier,
    settings: EpisodeSettings,
    options: &Options,
    PcmFormat { sample_rate_hz, n_channels }: PcmFormat,
    heartbeat_seconds: Option<f64>,
) -> Result<(), Error> {
    interrupt::listen("ending")?;
    let windows = Windows::from(settings);
    let mut listener = Listener::new(classifier, windows, *options, sample_rate_hz).map_err(Error::Request)?;
    let mut reporter = Reporter { episodes: Episodes::new(settings), heartbeat_seconds, last_beat_seconds: 0.0 };
    let chunks = read_in_background();
    let (frame_bytes, mut bytes, mut is_start) = (2 * n_channels, Vec::new(), true);
    while interrupt::check().is_ok() {
        match chunks.recv_timeout(PATIENCE) {
            Ok(Ok(chunk)) if chunk.is_empty() => break,
            Ok(Ok(chunk)) => bytes.extend(chunk),
            Ok(Err(source)) => return Err(Error::Io { what: "standard input".into(), source }),
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if std::mem::take(&mut is_start) {
            refuse_other_formats(&bytes)?;
        }
        let whole = bytes.len() - bytes.len() % frame_bytes;
        listener.push(&features::mono_from_pcm16(&bytes[..whole], n_channels), &mut |window| reporter.hear(window))?;
        bytes.drain(..whole);
    }
    let seconds = listener.seconds();
    listener.finish(&mut |window| reporter.hear(window))?;
    reporter.episodes.finish().map_or(Ok(()), |change| report(&change, seconds))
}

/// Fails if a stream that begins with `start` is not PCM but a file of sound, which would be heard as noise.
fn refuse_other_formats(start: &[u8]) -> Result<(), Error> {
    let is_mp3 = start.len() > 1 && start[0] == 0xff && start[1] & 0xe6 == 0xe2;
    let name = match start {
        _ if start.starts_with(b"RIFF") || start.starts_with(b"RF64") => "WAV",
        _ if start.starts_with(b"fLaC") => "FLAC",
        _ if start.starts_with(b"OggS") => "Ogg",
        _ if start.starts_with(b"ID3") || is_mp3 => "MP3",
        _ if start.starts_with(&[0x1a, 0x45, 0xdf, 0xa3]) => "WebM",
        _ if start.get(4..8) == Some(b"ftyp") => "MP4",
        _ => return Ok(()),
    };
    Err(Error::Config(format!(
        "standard input is {name} and not PCM; decode it first: ffmpeg -i - -f s16le -ar 16000 -ac 1 - | wail infer --follow -"
    )))
}

/// Reads standard input in a separate thread, so that waiting for sound does not delay signals. An empty chunk marks the end.
fn read_in_background() -> Receiver<io::Result<Vec<u8>>> {
    let (sender, chunks) = sync_channel(CHUNKS_WAITING);
    std::thread::spawn(move || {
        let mut stdin = io::stdin().lock();
        loop {
            let mut chunk = vec![0; CHUNK_BYTES];
            let read = stdin.read(&mut chunk).map(|n| {
                chunk.truncate(n);
                chunk
            });
            let is_last = read.as_ref().map_or(true, Vec::is_empty);
            if sender.send(read).is_err() || is_last {
                return;
            }
        }
    });
    chunks
}
