//! The state that all handlers share, and the path of a recording to its answer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use model::EpisodeSettings;
use monitor::Monitor;
use predict::{Classifier, Clips, Episode, Episodes, Explainer, OcclusionMap, Options, Prediction, Window, Windows};
use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::body::{Memory, Reserved};
use crate::fetch::Fetcher;
use crate::metrics::{Metrics, Stage};
use crate::pool::{Lost, Pool};
use crate::problem::Problem;
use crate::settings::Settings;
use crate::sound::Sound;

/// How many recordings an explanation counts as in the queue. It takes as many calls of the model for a clip of 8 s.
const EXPLANATION_SLOTS: u32 = 16;

/// The state that all handlers share.
pub struct Service {
    /// What to serve, and to which clients.
    pub settings: Settings,
    /// Counters, gauges and histograms.
    pub metrics: Metrics,
    /// Listens to microphones and cameras, if the service was started with `--monitor`.
    pub monitor: Option<Monitor>,
    /// The model for requests that begin now.
    classifier: Arc<RwLock<Arc<Classifier>>>,
    pub(crate) memory: Memory,
    pub(crate) fetcher: Option<Arc<Fetcher>>,
    decoders: Pool,
    model: Pool,
    /// One permit per recording that is waiting or being classified.
    slots: Semaphore,
    stopping: AtomicBool,
}

/// What a request asks for.
#[derive(Debug, Clone, Copy)]
pub struct Question {
    /// Options of each prediction.
    pub options: Options,
    /// How to find episodes in windows of the recording, if at all.
    pub episodes: Option<EpisodeSettings>,
    /// Whether to explain the prediction for the first clip.
    pub explain: bool,
}

/// The answer to one recording.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Answer {
    /// File name that the client gave.
    pub file: Option<String>,
    /// Prediction for the first clip of the recording; null if the recording is not usable.
    pub prediction: Option<Prediction>,
    /// Quality warnings, as text for people, such as a recording that is too short.
    pub warnings: Vec<String>,
    /// Prediction for each window, if episodes are asked for.
    pub segments: Vec<Window>,
    /// Episodes of crying, if they are asked for.
    pub episodes: Vec<Episode>,
    /// How much the prediction depends on each part of the clip; absent unless `explain` is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explanation: Option<OcclusionMap>,
    /// Why there is no prediction, as text for people; null if there is one.
    pub error: Option<String>,
}

impl Service {
    /// A service that answers with `classifier`. Starts the threads.
    ///
    /// # Errors
    /// The I/O error if the operating system refuses a thread.
    pub fn new(classifier: Classifier, settings: Settings) -> std::io::Result<Self> {
        let n_decoders = settings.limits.n_decoders();
        // Calls that are under way together share the cores, so one for each core is best.
        let n_model_threads = std::thread::available_parallelism().map_or(2, |n| n.get());
        let clip_bytes = clip_bytes(&classifier);
        Ok(Self {
            metrics: Metrics::default(),
            monitor: None,
            classifier: Arc::new(RwLock::new(Arc::new(classifier))),
            memory: Memory::new(settings.limits.memory_bytes(clip_bytes)),
            fetcher: (!settings.url_hosts.is_empty()).then(|| Arc::new(Fetcher::new(&settings))),
            decoders: Pool::new("decode", n_decoders, 8 * n_decoders)?,
            model: Pool::new("model", n_model_threads, 0)?,
            slots: Semaphore::new(settings.limits.queue as usize),
            stopping: AtomicBool::new(false),
            settings,
        })
    }

    /// The model for a request that begins now. The request keeps it to its end.
    pub fn classifier(&self) -> Arc<Classifier> {
        current(&self.classifier)
    }

    /// Answers requests that begin from now on with `classifier`, and listens with it.
    ///
    /// # Errors
    /// Why the former model stays: the input of `classifier` needs more memory than the service started with, or it does not fit the
    /// settings of the monitor.
    pub fn replace(&self, classifier: Classifier) -> Result<(), String> {
        if self.settings.limits.memory_bytes(clip_bytes(&classifier)) > self.memory.size() {
            return Err("the new model needs more memory for its input than --memory-mib".into());
        }
        let fits = self.monitor.as_ref().map_or(Ok(()), |monitor| monitor.check(&classifier));
        fits.map_err(|error| error.to_string())?;
        *self.classifier.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(classifier);
        Ok(())
    }

    /// Starts listening to what `config` names.
    ///
    /// # Errors
    /// As [`Monitor::start`].
    pub fn start_monitor(&mut self, config: monitor::Config) -> Result<(), monitor::Error> {
        let classifier = Arc::clone(&self.classifier);
        self.monitor = Some(Monitor::start(config, move || current(&classifier))?);
        Ok(())
    }

    /// Whether a new request would be accepted: the service is not stopping, a slot and memory for a clip are free, and neither all
    /// threads that decode nor all threads that run the model are stuck.
    pub fn is_ready(&self) -> bool {
        let has_room = self.slots.available_permits() > 0 && self.memory.n_free() >= clip_bytes(&self.classifier());
        let is_alive = || self.decoders.is_alive() && self.model.is_alive();
        !self.stopping.load(Ordering::Relaxed) && has_room && is_alive()
    }

    /// Number of recordings that are waiting or being classified.
    pub fn n_recordings(&self) -> usize {
        self.settings.limits.queue as usize - self.slots.available_permits()
    }

    /// Makes the service not ready from now on.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Classifies recordings one after the other with `classifier`. A recording that is not usable has its [`Problem`] in place of the answer. If the
    /// client disconnects, recordings that wait leave the queue; a step that has started ends, and keeps its memory until then.
    ///
    /// # Errors
    /// [`Problem::Busy`] if the queue is full or there is too little memory for the model's inputs, [`Problem::Late`],
    /// [`Problem::Internal`], and [`Problem::Invalid`] for options and windows that the model does not support.
    pub async fn classify(
        self: &Arc<Self>,
        classifier: &Arc<Classifier>,
        sounds: Vec<Sound>,
        question: Question,
    ) -> Result<Vec<Result<Answer, Problem>>, Problem> {
        let Question { options, episodes, explain } = question;
        let windows = episodes.map(Windows::from);
        classifier.check(&options)?;
        let explanation_len = if explain { classifier.max_explanation_len() } else { 0 };
        let n_bytes = size_of::<f32>() * (classifier.max_images_len(windows.as_ref())? + explanation_len);
        if n_bytes + self.settings.limits.body_bytes() > self.memory.size() {
            let (name, problem) = match explain {
                true => ("explain", "an explanation needs more memory than the service has"),
                false => ("hop", "so many windows need more memory than the service has; choose a longer hop"),
            };
            return Err(Problem::Invalid(vec!["query", name], problem.into()));
        }
        let n_sounds = u32::try_from(sounds.len()).map_err(|_| Problem::Busy)?;
        let of_explanation = if explain { EXPLANATION_SLOTS.min(self.settings.limits.queue) } else { 0 };
        let n_slots = n_sounds.max(of_explanation);
        let _slots = self.slots.try_acquire_many(n_slots).map_err(|_| Problem::Busy)?;
        let inputs = Arc::new(self.memory.reserve(n_bytes)?);
        let deadline = Instant::now() + self.settings.limits.answer_seconds;
        let mut answers = Vec::new();
        for sound in sounds {
            answers.push(match self.answer(classifier, sound, question, &inputs, deadline).await {
                Err(problem @ (Problem::Unusable(_) | Problem::Invalid(..))) => Err(problem),
                answer => Ok(answer?),
            });
        }
        Ok(answers)
    }

    /// Decodes and classifies one recording. `inputs` is the memory for the model's inputs.
    async fn answer(
        self: &Arc<Self>,
        classifier: &Arc<Classifier>,
        sound: Sound,
        Question { options, episodes, explain }: Question,
        inputs: &Arc<Reserved>,
        deadline: Instant,
    ) -> Result<Answer, Problem> {
        let Sound { name, bytes, extension } = sound;
        let (model, reserved) = (Arc::clone(classifier), Arc::clone(inputs));
        let windows = episodes.map(Windows::from);
        let cut = move || {
            let clips = model.cut(&bytes, extension.as_deref(), windows.as_ref())?;
            let explainer = explain.then(|| model.explainer(&bytes, extension.as_deref())).transpose()?;
            drop((bytes, reserved));
            Ok::<_, predict::Error>((clips, explainer))
        };
        let (clips, explainer) = self.decoders.run(deadline, cut).await.map_err(lost)??;
        self.metrics.timed(Stage::Decode, clips.decode_time);
        self.metrics.timed(Stage::Features, clips.feature_time);

        let Clips { images, windows, levels_dbfs, warnings, .. } = clips;
        self.metrics.batch(1 + windows.len());
        let (service, model, reserved) = (Arc::clone(self), Arc::clone(classifier), Arc::clone(inputs));
        let classify = move || {
            let started = Instant::now();
            let outputs = model.outputs(&images);
            drop((images, reserved));
            service.metrics.timed(Stage::Model, started.elapsed());
            outputs
        };
        let outputs = self.model.run(deadline, classify).await.map_err(lost)??;

        let explanation = match explainer {
            Some(explainer) => Some(self.explain(classifier, explainer, inputs, deadline).await?),
            None => None,
        };
        let mut predictions = outputs.iter().map(|output| classifier.decide(output, &options, vec![]));
        let prediction = predictions.next().transpose()?;
        let segments = windows
            .into_iter()
            .zip(levels_dbfs)
            .zip(predictions)
            .map(|((span, level_dbfs), prediction)| Ok(Window { span, level_dbfs, prediction: prediction? }));
        let segments: Vec<Window> = segments.collect::<Result<_, Problem>>()?;
        let episodes = episodes.map_or(vec![], |settings| Episodes::of_windows(settings, &segments));
        Ok(Answer { file: name, prediction, warnings, segments, episodes, explanation, error: None })
    }

    /// Explains a prediction step by step, so that other requests get the model in between, and none goes on after the deadline.
    async fn explain(
        self: &Arc<Self>,
        classifier: &Arc<Classifier>,
        mut explainer: Explainer,
        inputs: &Arc<Reserved>,
        deadline: Instant,
    ) -> Result<OcclusionMap, Problem> {
        let mut has_more = true;
        while has_more {
            let (service, model, reserved) = (Arc::clone(self), Arc::clone(classifier), Arc::clone(inputs));
            let step = move || {
                let started = Instant::now();
                let has_more = explainer.step(&model)?;
                drop(reserved);
                service.metrics.timed(Stage::Model, started.elapsed());
                Ok::<_, predict::Error>((explainer, has_more))
            };
            self.metrics.batch(Explainer::PASSES_PER_STEP);
            (explainer, has_more) = self.model.run(deadline, step).await.map_err(lost)??;
        }
        Ok(explainer.finish())
    }
}

fn current(classifier: &RwLock<Arc<Classifier>>) -> Arc<Classifier> {
    Arc::clone(&classifier.read().unwrap_or_else(PoisonError::into_inner))
}

/// Size of the model's input for one clip, bytes.
fn clip_bytes(classifier: &Classifier) -> usize {
    size_of::<f32>() * classifier.features().record_len()
}

fn lost(lost: Lost) -> Problem {
    match lost {
        Lost::Late => Problem::Late,
        Lost::Panicked => {
            tracing::error!("decoding or classification panicked");
            Problem::Internal
        }
    }
}
