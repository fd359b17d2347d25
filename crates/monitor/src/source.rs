//! One microphone or camera: its command is started, heard, watched and started again.

mod clock;
mod process;
mod recorder;

use std::io::{self, ErrorKind};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use features::{STREAM_START_BYTES, StreamFormat};
use predict::{Change, Classifier, Episode, Episodes, Listener, Options, Window, Windows};

use self::clock::StreamClock;
use self::process::{Chunk, Process, describe};
use self::recorder::Recorder;
use crate::backoff::Backoff;
use crate::shared::Shared;
use crate::time::text_of;
use crate::{ClipConfig, Level, Recorded, SourceConfig, SourceState};

/// A command that sends nothing for this long is started again.
const SILENCE: Duration = Duration::from_secs(10);
/// Pauses before the command is started again.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How often the end of the monitor is noticed while no sound arrives.
const POLL: Duration = Duration::from_millis(100);
const OPTIONS: Options = Options { top_k: 1, min_confidence: None, coverage: None };

/// A source that is heard by the thread that holds this.
pub(crate) struct Source {
    pub shared: Arc<Shared>,
    /// Its place among the sources.
    pub index: usize,
    pub config: SourceConfig,
}

/// Why a source is no longer heard.
enum Why {
    /// The monitor stops.
    Stopped,
    /// There is another model.
    OtherModel,
    /// The command ended.
    Ended,
    /// It sent nothing for [`SILENCE`].
    Silent,
    /// It sends this format in place of PCM.
    OtherFormat(&'static str),
    /// The model failed.
    Failed(String),
}

impl Source {
    /// Listens until the monitor stops.
    pub fn run(&self) {
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        while !self.shared.is_stopping() {
            let started = Instant::now();
            let listened = std::panic::catch_unwind(AssertUnwindSafe(|| self.listen()));
            let problem = listened.unwrap_or_else(|_| "this program made a mistake, which its log describes".into());
            if self.shared.is_stopping() {
                break;
            }
            if started.elapsed() > LONGEST_PAUSE {
                backoff.reset();
            }
            let pause = backoff.next_delay();
            tracing::warn!(source = self.config.name, problem, pause_seconds = pause.as_secs(), "not listening");
            let problem = format!("{problem}; the next attempt is after {} s", pause.as_secs());
            self.shared.state(self.index, SourceState::Waiting, Some(problem));
            self.pause(pause);
        }
    }

    fn pause(&self, pause: Duration) {
        let started = Instant::now();
        while !self.shared.is_stopping() && started.elapsed() < pause {
            std::thread::park_timeout(pause.saturating_sub(started.elapsed()));
        }
    }

    /// Starts the command and listens to its end. Returns why it ended, as text for people.
    fn listen(&self) -> String {
        self.shared.state(self.index, SourceState::Starting, None);
        let program = self.config.command.first().map_or("", String::as_str);
        let process = match Process::start(&self.config.command) {
            Ok(process) => process,
            Err(error) => return cannot_start(program, &error),
        };
        let mut stream = Stream::new(&self.config, self.shared.config.clips.as_ref());
        let why = loop {
            match self.hear(&process, &(self.shared.classifier)(), &mut stream) {
                Why::OtherModel => tracing::info!(source = self.config.name, "listening with the other model"),
                why => break why,
            }
        };
        let (status, message) = process.end(matches!(why, Why::Ended));
        let what = match why {
            Why::Failed(problem) => return problem,
            Why::OtherFormat(format) => {
                format!("sends {format} in place of raw PCM; add -t raw (arecord) or -f s16le (ffmpeg) to `command`")
            }
            Why::Silent => format!("sent no sound for {} s", SILENCE.as_secs()),
            _ => describe(status),
        };
        let message = if message.is_empty() { message } else { format!(": {message}") };
        format!("{program} {what}{message}")
    }

    /// Listens to `process` with one model.
    fn hear(&self, process: &Process, classifier: &Arc<Classifier>, stream: &mut Stream) -> Why {
        let settings = match self.shared.config.episode_settings(classifier) {
            Ok(settings) => settings,
            Err(error) => return Why::Failed(error.to_string()),
        };
        let listener = Listener::new(classifier, Windows::from(settings), OPTIONS, self.config.sample_rate);
        let mut listener = match listener {
            Ok(listener) => listener,
            Err(error) => return Why::Failed(error.to_string()),
        };
        if let Some(recorder) = &mut stream.recorder {
            recorder.prepare(&settings);
        }
        let mut episodes = Episodes::new(settings);
        let offset_seconds = stream.seconds();
        let mut reporter = Reporter { source: self, stream, offset_seconds, open: None };
        let why = loop {
            let chunk = match self.next_chunk(process, classifier) {
                Ok(chunk) => chunk,
                Err(why) => break why,
            };
            let mono = match reporter.take(&chunk) {
                Ok(mono) => mono,
                Err(format) => break Why::OtherFormat(format),
            };
            let heard = listener.push(&mono, &mut |window| {
                reporter.level(&window);
                reporter.report(episodes.push(window), false);
                Ok(())
            });
            if let Err(error) = heard {
                break Why::Failed(failed(&error));
            }
        };
        let rest = listener.finish(&mut |window| {
            reporter.level(&window);
            reporter.report(episodes.push(window), false);
            Ok(())
        });
        reporter.report(episodes.finish(), true);
        match rest {
            Ok(()) => why,
            Err(error) => Why::Failed(failed(&error)),
        }
    }

    /// Waits for sound, for as long as the model stays.
    fn next_chunk(&self, process: &Process, classifier: &Arc<Classifier>) -> Result<Chunk, Why> {
        let started = Instant::now();
        loop {
            if self.shared.is_stopping() {
                return Err(Why::Stopped);
            }
            if !Arc::ptr_eq(classifier, &(self.shared.classifier)()) {
                return Err(Why::OtherModel);
            }
            match process.next(POLL) {
                Ok(chunk) => return Ok(chunk),
                Err(RecvTimeoutError::Disconnected) => return Err(Why::Ended),
                Err(RecvTimeoutError::Timeout) if started.elapsed() < SILENCE => {}
                Err(RecvTimeoutError::Timeout) => return Err(Why::Silent),
            }
        }
    }
}

fn failed(error: &predict::Error) -> String {
    format!("the model failed: {error}")
}

fn cannot_start(program: &str, error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => {
            format!("{program} cannot be started, because there is no such program; install it, or change `command`")
        }
        _ => format!("{program} cannot be started: {error}"),
    }
}

/// The sound of a command since its start.
struct Stream {
    sample_rate_hz: u32,
    n_channels: usize,
    /// A frame of which a part has arrived; at first, the start of the stream.
    rest: Vec<u8>,
    /// Whether its start was found to be PCM, as far as that can be told.
    is_pcm: bool,
    /// Number of samples so far.
    n_samples: usize,
    clock: StreamClock,
    /// Where clips are kept.
    recorder: Option<Recorder>,
}

impl Stream {
    fn new(config: &SourceConfig, clips: Option<&ClipConfig>) -> Self {
        let (sample_rate_hz, n_channels) = (config.sample_rate, config.channels);
        let recorder = clips.map(|clips| Recorder::new(sample_rate_hz, clips.before_seconds));
        Self {
            sample_rate_hz,
            n_channels,
            rest: vec![],
            is_pcm: false,
            n_samples: 0,
            clock: StreamClock::default(),
            recorder,
        }
    }

    fn seconds(&self) -> f64 {
        self.n_samples as f64 / f64::from(self.sample_rate_hz)
    }

    /// The samples of `chunk`. Fails with the name of the format if the stream is not PCM, which would be heard as noise.
    fn take(&mut self, chunk: &Chunk) -> Result<Vec<f32>, &'static str> {
        self.rest.extend(&chunk.bytes);
        if !self.is_pcm {
            if self.rest.len() < STREAM_START_BYTES {
                return Ok(vec![]);
            }
            match StreamFormat::of(&self.rest) {
                StreamFormat::Decoded(name) | StreamFormat::FilesOnly(name) => return Err(name),
                StreamFormat::Unknown => self.is_pcm = true,
            }
        }
        let whole = self.rest.len() - self.rest.len() % (2 * self.n_channels);
        let mono = features::mono_from_pcm16(&self.rest[..whole], self.n_channels);
        self.rest.drain(..whole);
        self.n_samples += mono.len();
        let seconds = mono.len() as f64 / f64::from(self.sample_rate_hz);
        self.clock.arrived(seconds, self.seconds(), chunk.at);
        if let Some(recorder) = &mut self.recorder {
            recorder.push(&mono);
        }
        Ok(mono)
    }
}

/// Reports what one model hears.
struct Reporter<'a> {
    source: &'a Source,
    stream: &'a mut Stream,
    /// Length of the stream before it, s.
    offset_seconds: f64,
    /// The episode that lasts.
    open: Option<Recorded>,
}

impl Reporter<'_> {
    fn take(&mut self, chunk: &Chunk) -> Result<Vec<f32>, &'static str> {
        let was_silent = self.stream.n_samples == 0;
        let mono = self.stream.take(chunk)?;
        if was_silent && !mono.is_empty() {
            self.source.shared.state(self.source.index, SourceState::Listening, None);
        }
        Ok(mono)
    }

    fn level(&self, window: &Window) {
        let level = Level {
            source: self.source.config.name.clone(),
            time: self.time(window.span.end_seconds),
            level_dbfs: window.level_dbfs,
            cry_score: window.prediction.cry_score,
        };
        self.source.shared.level(self.source.index, level);
    }

    fn report(&mut self, change: Option<Change>, interrupted: bool) {
        match change {
            Some(Change::Began(episode)) => {
                if let Some(recorder) = &mut self.stream.recorder {
                    recorder.begin(self.offset_seconds + episode.start_seconds);
                }
                let began = self.time(episode.start_seconds);
                let confirmed = self.time(episode.confirmed_seconds);
                let recorded = self.recorded(episode, 0, began, confirmed);
                self.open = Some(self.source.shared.start_episode(self.source.index, recorded));
            }
            Some(Change::Ended(episode)) => {
                let Some(open) = self.open.take() else { return };
                let clip_onset_seconds = self.keep_clip(open.id, &episode);
                let ended = episode.end_seconds.map(|seconds| self.time(seconds));
                let recorded = self.recorded(episode, open.id, open.began, open.confirmed);
                let has_clip = clip_onset_seconds.is_some();
                let recorded = Recorded { ended, interrupted, has_clip, clip_onset_seconds, ..recorded };
                self.source.shared.end_episode(self.source.index, recorded);
            }
            None => {}
        }
    }

    /// Keeps the clip of an episode that ended. Returns where its onset is in it, s.
    fn keep_clip(&mut self, id: u64, episode: &Episode) -> Option<f64> {
        let end_seconds = self.offset_seconds + episode.end_seconds?;
        let clip = self.stream.recorder.as_mut()?.end(end_seconds)?;
        let is_kept = self.source.shared.keep_clip(id, &clip.samples, self.stream.sample_rate_hz);
        is_kept.then_some(clip.onset_seconds)
    }

    fn recorded(&self, episode: Episode, id: u64, began: String, confirmed: String) -> Recorded {
        Recorded {
            id,
            source: self.source.config.name.clone(),
            began,
            confirmed,
            ended: None,
            seconds: episode.end_seconds.unwrap_or(episode.confirmed_seconds) - episode.start_seconds,
            label: episode.label,
            probability: episode.probability,
            all_probs: episode.all_probs,
            cry_score: episode.cry_score,
            peak_cry_score: episode.peak_cry_score,
            level_dbfs: episode.level_dbfs,
            interrupted: false,
            has_clip: false,
            clip_onset_seconds: None,
            review: None,
        }
    }

    /// The time at which second `seconds` was heard.
    fn time(&self, seconds: f64) -> String {
        text_of(self.stream.clock.unix_seconds(self.offset_seconds + seconds))
    }
}

impl Drop for Reporter<'_> {
    /// After a panic, the episode that lasted has ended.
    fn drop(&mut self) {
        if let Some(open) = self.open.take() {
            self.source.shared.end_episode(self.source.index, open.interrupted());
        }
    }
}
