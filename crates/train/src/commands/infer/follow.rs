//! `train infer --follow -`: a microphone's PCM on standard input, one JSON line as each event begins.

use std::io::Read;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use predict::{Classifier, Listener, Options, Timeline, Windows};

use super::{json, print};
use crate::{Error, interrupt};

/// Most that is read at once: 0.1 s of what `arecord` gives by default, and little enough to be heard at once.
const CHUNK_BYTES: usize = 3200;
/// Chunks that may wait for the model. If it is slower than the sound, the pipe fills and whoever writes waits.
const CHUNKS_WAITING: usize = 64;
/// How often a signal is looked for where no sound comes.
const PATIENCE: Duration = Duration::from_millis(100);

/// Follows standard input to its end, or until SIGINT or SIGTERM: both end it well.
pub(super) fn run(
    classifier: &Classifier,
    windows: Windows,
    options: &Options,
    sample_rate_hz: u32,
    n_channels: usize,
) -> Result<(), Error> {
    interrupt::listen("ending")?;
    let config = |e: predict::Error| Error::Config(e.to_string());
    let mut listener = Listener::new(classifier, windows, *options, sample_rate_hz).map_err(config)?;
    // Reading waits for sound; a thread of its own may, while this one sees signals.
    let (sender, chunks) = sync_channel::<std::io::Result<Vec<u8>>>(CHUNKS_WAITING);
    std::thread::spawn(move || {
        let mut stdin = std::io::stdin().lock();
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
    let mut timeline = Timeline::default();
    let mut told_seconds = f64::NEG_INFINITY;
    let mut hear = |span, prediction: predict::Prediction| -> Result<(), Error> {
        timeline.push(span, &prediction);
        match timeline.open() {
            Some(event) if event.start_seconds > told_seconds => {
                told_seconds = event.start_seconds;
                print(&json(event)?)
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
            Ok(Err(error)) => return Err(Error::Failed(format!("standard input: {error}"))),
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => break,
        }
        let whole = bytes.len() - bytes.len() % frame_bytes;
        listener.push(&features::mono_from_pcm16(&bytes[..whole], n_channels), &mut hear)?;
        bytes.drain(..whole);
    }
    listener.finish(&mut hear)
}
