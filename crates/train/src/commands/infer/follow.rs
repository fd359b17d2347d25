//! `wail infer --follow -`: sound of a microphone on standard input, one JSON line as each episode is confirmed, and one as it ends.

use std::io::{self, Cursor, Read};
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, SystemTime};

use features::{STREAM_START_BYTES, StreamFormat};
use model::EpisodeSettings;
use predict::{Change, Classifier, Episodes, Listener, Options, Window, Windows};
use serde::Serialize;

use super::output::json;
use super::pcm_check::{self, RateCheck};
use crate::Error;
use crate::terminal::interrupt;
use crate::terminal::progress::warn;
use crate::terminal::stdout::print;

/// Bytes per read: 0.1 s of what `arecord` sends by default, few enough for low latency.
const CHUNK_BYTES: usize = 3200;
/// Pieces that may wait for the model. If the model is slower than the sound, the pipe fills and the writer waits.
const PIECES_WAITING: usize = 64;
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
    pcm: PcmFormat,
    heartbeat_seconds: Option<f64>,
) -> Result<(), Error> {
    interrupt::listen("ending")?;
    let mut reporter = Reporter { episodes: Episodes::new(settings), heartbeat_seconds, last_beat_seconds: 0.0 };
    let mut listener: Option<Listener> = None;
    let pieces = hear_in_background(pcm);
    while interrupt::check().is_ok() {
        let (samples, sample_rate_hz) = match pieces.recv_timeout(PATIENCE) {
            Ok(piece) => piece?,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => break,
        };
        let listener = match &mut listener {
            Some(listener) => listener,
            none => {
                let windows = Windows::from(settings);
                none.insert(Listener::new(classifier, windows, *options, sample_rate_hz).map_err(Error::Request)?)
            }
        };
        listener.push(&samples, &mut |window| reporter.hear(window))?;
    }
    let Some(listener) = listener else { return Ok(()) };
    let seconds = listener.seconds();
    listener.finish(&mut |window| reporter.hear(window))?;
    reporter.episodes.finish().map_or(Ok(()), |change| report(&change, seconds))
}

/// Mono samples, full scale at ±1, and their rate, Hz.
type Piece = (Vec<f32>, u32);

/// Reads and decodes standard input in a separate thread, so that waiting for sound does not delay signals.
fn hear_in_background(pcm: PcmFormat) -> Receiver<Result<Piece, Error>> {
    let (sender, pieces) = sync_channel(PIECES_WAITING);
    std::thread::spawn(move || {
        let mut put = |samples: &[f32], sample_rate_hz| match sender.send(Ok((samples.to_vec(), sample_rate_hz))) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        };
        if let Err(error) = hear(pcm, &mut put) {
            // Nobody waits for it any more if this fails.
            let _ = sender.send(Err(error));
        }
    });
    pieces
}

/// Decodes standard input as what its first bytes say that it is, otherwise as `pcm`.
fn hear(pcm: PcmFormat, put: &mut dyn FnMut(&[f32], u32) -> ControlFlow<()>) -> Result<(), Error> {
    let io_error = |source| Error::Io { what: "standard input".into(), source };
    let mut start = Vec::new();
    io::stdin().take(STREAM_START_BYTES as u64).read_to_end(&mut start).map_err(io_error)?;
    match StreamFormat::of(&start) {
        StreamFormat::Decoded(_) => {
            let stream = Cursor::new(start).chain(io::stdin());
            features::decode_stream(stream, put).map_err(|error| Error::Data(format!("standard input: {error}")))
        }
        StreamFormat::FilesOnly(name) => Err(Error::Config(format!(
            "standard input is {name}, which is decoded from files only; decode it first: ffmpeg -i - -f s16le -ar 16000 -ac 1 - | \
             wail infer --follow -"
        ))),
        StreamFormat::Unknown => {
            if let Some(warning) = pcm_check::noise(&features::mono_from_pcm16(&start, 1)) {
                warn(warning);
            }
            hear_pcm(Cursor::new(start).chain(io::stdin()), pcm, put).map_err(io_error)
        }
    }
}

/// Passes on 16-bit little-endian PCM as it arrives.
fn hear_pcm(
    mut stream: impl Read,
    PcmFormat { sample_rate_hz, n_channels }: PcmFormat,
    put: &mut dyn FnMut(&[f32], u32) -> ControlFlow<()>,
) -> io::Result<()> {
    let mut rate_check = RateCheck::start(f64::from(sample_rate_hz) * n_channels as f64);
    let (mut chunk, mut bytes) = (vec![0; CHUNK_BYTES], Vec::new());
    loop {
        let n = stream.read(&mut chunk)?;
        bytes.extend_from_slice(&chunk[..n]);
        let whole = bytes.len() - bytes.len() % (2 * n_channels);
        if n == 0 || put(&features::mono_from_pcm16(&bytes[..whole], n_channels), sample_rate_hz).is_break() {
            return Ok(());
        }
        bytes.drain(..whole);
        if let Some(warning) = rate_check.after(n) {
            warn(&warning);
        }
    }
}
