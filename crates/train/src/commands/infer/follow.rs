//! `wail infer --follow -`: PCM of a microphone on standard input, one JSON line as each event begins.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use predict::{Classifier, Listener, Options, Timeline, Windows};

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

/// Follows standard input to its end, or until SIGINT or SIGTERM; both end it without an error.
pub(super) fn run(
    classifier: &Classifier,
    windows: Windows,
    options: &Options,
    sample_rate_hz: u32,
    n_channels: usize,
) -> Result<(), Error> {
    interrupt::listen("ending")?;
    let mut listener = Listener::new(classifier, windows, *options, sample_rate_hz).map_err(Error::Request)?;
    let chunks = read_in_background();
    let mut timeline = Timeline::default();
    let mut printed_seconds = f64::NEG_INFINITY;
    let mut show = |span, prediction: predict::Prediction| -> Result<(), Error> {
        timeline.push(span, &prediction);
        match timeline.open() {
            Some(event) if event.start_seconds > printed_seconds => {
                printed_seconds = event.start_seconds;
                print(json(event)?)
            }
            _ => Ok(()),
        }
    };
    let frame_bytes = 2 * n_channels;
    let mut bytes = Vec::new();
    while interrupt::check().is_ok() {
        match chunks.recv_timeout(PATIENCE) {
            Ok(Ok(chunk)) if chunk.is_empty() => break,
            Ok(Ok(chunk)) => bytes.extend(chunk),
            Ok(Err(source)) => return Err(Error::Io { what: "standard input".into(), source }),
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => break,
        }
        let whole = bytes.len() - bytes.len() % frame_bytes;
        listener.push(&features::mono_from_pcm16(&bytes[..whole], n_channels), &mut show)?;
        bytes.drain(..whole);
    }
    listener.finish(&mut show)
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
