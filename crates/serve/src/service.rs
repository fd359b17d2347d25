//! The service: what its handlers share, and how a recording gets its answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use predict::{Classifier, Clips, Options, Prediction, Span, Windows};
use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::body::Memory;
use crate::fetch::Fetcher;
use crate::limits::Limits;
use crate::metrics::{Metrics, Stage};
use crate::pool::{Lost, Pool};
use crate::problem::Problem;
use crate::token::Token;
use crate::upload::Sound;

/// Threads that call the model. Each call uses all cores already; a second one fills the gaps between its layers.
const MODEL_THREADS: usize = 2;

/// What to serve, and to whom.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What clients may take.
    pub limits: Limits,
    /// What clients must know to get predictions.
    pub token: Option<Token>,
    /// Origins of pages that may call the API, such as `https://example.org`.
    pub origins: Vec<String>,
    /// Hosts that recordings may be fetched from; without any, none are fetched.
    pub url_hosts: Vec<String>,
}

/// What the handlers share.
pub struct Service {
    /// What to serve, and to whom.
    pub settings: Settings,
    /// What is counted and timed.
    pub metrics: Metrics,
    pub(crate) classifier: Arc<Classifier>,
    pub(crate) memory: Memory,
    pub(crate) fetcher: Option<Arc<Fetcher>>,
    decoders: Pool,
    model: Pool,
    places: Semaphore,
    stopping: AtomicBool,
}

/// The answer to one recording.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Answer {
    /// What the client called it.
    pub file: Option<String>,
    /// What the model says of its beginning; null if the recording cannot be used.
    pub prediction: Option<Prediction>,
    /// What to know about the sound before the prediction is trusted, for people.
    pub warnings: Vec<String>,
    /// What the model says of each window, if a window or a hop is given.
    pub segments: Vec<Segment>,
    /// Why there is no prediction; null if there is one.
    pub error: Option<String>,
}

/// What the model says of a stretch of a recording.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Segment {
    /// Which stretch.
    pub span: Span,
    /// What the model says of it.
    pub prediction: Prediction,
}

impl Service {
    /// Starts the threads.
    ///
    /// # Errors
    /// If the system gives no threads.
    pub fn new(classifier: Classifier, settings: Settings) -> std::io::Result<Self> {
        let n_decoders = settings.limits.n_decoders();
        Ok(Self {
            metrics: Metrics::default(),
            classifier: Arc::new(classifier),
            memory: Memory::new(&settings.limits),
            fetcher: (!settings.url_hosts.is_empty()).then(|| Arc::new(Fetcher::new(&settings))),
            decoders: Pool::new("decode", n_decoders, 8 * n_decoders)?,
            model: Pool::new("model", MODEL_THREADS, 0)?,
            places: Semaphore::new(settings.limits.queue as usize),
            stopping: AtomicBool::new(false),
            settings,
        })
    }

    /// Whether new requests are welcome.
    pub fn is_ready(&self) -> bool {
        !self.stopping.load(Ordering::Relaxed) && self.places.available_permits() > 0
    }

    /// From now on the service is not ready.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Classifies recordings, each on its own; an answer may be the reason why there is none. The work goes on, and keeps its place
    /// in the queue, when the client goes away.
    ///
    /// # Errors
    /// [`Problem::Busy`] if there is no room, [`Problem::Late`], [`Problem::Internal`], and those of `options` and `windows`.
    pub async fn classify(
        self: &Arc<Self>,
        sounds: Vec<Sound>,
        options: Options,
        windows: Option<Windows>,
    ) -> Result<Vec<Result<Answer, Problem>>, Problem> {
        self.classifier.check(&options)?;
        let service = Arc::clone(self);
        let work = async move {
            let n_places = u32::try_from(sounds.len()).map_err(|_| Problem::Busy)?;
            let _places = service.places.try_acquire_many(n_places).map_err(|_| Problem::Busy)?;
            let deadline = Instant::now() + service.settings.limits.answer_seconds;
            let mut answers = Vec::new();
            for sound in sounds {
                service.metrics.recordings.inc();
                let answer = service.answer(sound, options, windows, deadline).await;
                service.metrics.recordings.dec();
                answers.push(match answer {
                    Err(problem @ (Problem::Unusable(_) | Problem::Invalid(..))) => Err(problem),
                    answer => Ok(answer?),
                });
            }
            Ok(answers)
        };
        tokio::spawn(work).await.unwrap_or(Err(Problem::Internal))
    }

    async fn answer(
        self: &Arc<Self>,
        sound: Sound,
        options: Options,
        windows: Option<Windows>,
        deadline: Instant,
    ) -> Result<Answer, Problem> {
        let Sound { name, bytes, extension } = sound;
        let classifier = Arc::clone(&self.classifier);
        let cut = move || classifier.cut(&bytes, extension.as_deref(), windows.as_ref());
        let clips = self.decoders.run(deadline, cut).await.map_err(lost)??;
        self.metrics.timed(Stage::Decode, clips.decode_time);
        self.metrics.timed(Stage::Features, clips.feature_time);

        let Clips { images, windows, warnings, .. } = clips;
        self.metrics.batch(1 + windows.len());
        let service = Arc::clone(self);
        let classify = move || {
            let started = Instant::now();
            let outputs = service.classifier.outputs(&images);
            service.metrics.timed(Stage::Model, started.elapsed());
            outputs
        };
        let outputs = self.model.run(deadline, classify).await.map_err(lost)??;

        let mut predictions = outputs.iter().map(|output| self.classifier.decide(output, &options, vec![]));
        let prediction = predictions.next().transpose()?;
        let segments = windows.into_iter().zip(predictions);
        let segments = segments.map(|(span, prediction)| Ok(Segment { span, prediction: prediction? }));
        Ok(Answer {
            file: name,
            prediction,
            warnings,
            segments: segments.collect::<Result<_, Problem>>()?,
            error: None,
        })
    }
}

fn lost(lost: Lost) -> Problem {
    match lost {
        Lost::Late => Problem::Late,
        Lost::Panicked => {
            tracing::error!("a thread of the classifier panicked");
            Problem::Internal
        }
    }
}
