//! `train infer FILE|DIR...`: whole recordings here, window by window in `timeline`, a microphone in `follow`.

mod follow;
mod timeline;

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use predict::{Classifier, Options, Prediction, Windows};
use serde::Serialize;

use crate::cli::{ComputeArgs, Inputs};
use crate::{Error, inputs};

/// From the beginning of a window to that of the next, s, when a microphone is followed.
const FOLLOW_HOP_SECONDS: f64 = 1.0;

/// Arguments of `train infer`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    inputs: Inputs,
    /// An .onnx or .safetensors model, an exported model's folder or a run's, or `newest` for the newest run in experiments/; without
    /// it the model that comes with the program
    #[arg(long, value_name = "PATH")]
    model: Option<PathBuf>,
    /// How many classes to list, the most probable first
    #[arg(long, value_name = "N", default_value_t = 3, allow_negative_numbers = true)]
    top_k: usize,
    /// Say "not sure" where the most probable class is less probable than this, 0 to 1
    #[arg(long, value_name = "P", value_parser = share)]
    min_confidence: Option<f64>,
    /// List the classes that cannot be ruled out, so that the list holds the true one this often (0.8, 0.9 or 0.95, as far as
    /// the recording is like those of validation), and say "not sure" unless it is one class
    #[arg(long, value_name = "C", value_parser = share)]
    coverage: Option<f64>,
    /// Hear a recording of any length in windows of so many seconds, at most what the model listens to, and tell when cries begin and end;
    /// neighbours with the same answer are one event
    #[arg(long, value_name = "SECONDS")]
    window: Option<f64>,
    /// From the beginning of a window to that of the next; without it half a window, and 1 s with --follow
    #[arg(long, value_name = "SECONDS")]
    hop: Option<f64>,
    /// Follow raw 16-bit little-endian PCM on standard input, named as -, and print one JSON line as each event begins
    #[arg(long)]
    follow: bool,
    /// Samples a second that --follow gets, Hz
    #[arg(long, value_name = "HZ", default_value_t = 16_000, value_parser = clap::value_parser!(u32).range(4000..=192_000), requires = "follow")]
    rate: u32,
    /// Channels that --follow gets
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=8), requires = "follow")]
    channels: u8,
    /// Form of the answer
    #[arg(long, value_enum, default_value = "table", conflicts_with = "follow")]
    format: Format,
    #[command(flatten)]
    compute: ComputeArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// One JSON value: an object for one file, a list for several
    Json,
    /// One JSON object a line
    Jsonl,
    /// One line a file, one column a class; with --window one line an event
    Csv,
    /// Events as a label track for Audacity; with --window, of one recording
    Audacity,
}

impl Args {
    /// The windows that were asked for; `None` for whole recordings.
    fn windows(&self, clip_seconds: f64) -> Option<Windows> {
        let asked = self.window.is_some() || self.hop.is_some() || self.follow;
        let window_seconds = self.window.unwrap_or(clip_seconds);
        let hop_seconds = self.hop.unwrap_or(if self.follow { FOLLOW_HOP_SECONDS } else { window_seconds / 2.0 });
        asked.then_some(Windows { window_seconds, hop_seconds })
    }
}

/// Classifies each file and prints the answers; files that cannot be read are told and make the exit code 3.
pub fn run(args: &Args) -> Result<(), Error> {
    let is_stdin = |path: &PathBuf| path.as_os_str() == "-";
    if args.follow != args.inputs.paths.iter().any(is_stdin) || args.follow && args.inputs.paths.len() > 1 {
        let use_it = "arecord -f S16_LE -r 16000 -c 1 | train infer --follow -";
        return Err(Error::Config(format!("--follow and the input - go together, and alone: {use_it}")));
    }
    let files = if args.follow { vec![] } else { inputs::sound_files(&args.inputs.paths)? };
    let compute = args.compute.find()?;
    let classifier = Classifier::find(args.model.as_deref(), Path::new("experiments"), &compute);
    let classifier = classifier.map_err(|e| Error::Weights(e.to_string()))?;
    eprintln!("model      {}, SHA-256 {}", classifier.name(), classifier.sha256());
    let options =
        Options { top_k: args.top_k, min_confidence: args.min_confidence.map(|p| p as f32), coverage: args.coverage };
    if let Some(windows) = args.windows(classifier.features().clip_seconds) {
        return match args.follow {
            true => follow::run(&classifier, windows, &options, args.rate, usize::from(args.channels)),
            false => timeline::run(&classifier, windows, &options, &files, args.format),
        };
    }
    let mut answers = Vec::new();
    let unreadable = inputs::each(&files, |path| {
        let prediction = classifier.classify_file(path, &options)?;
        for warning in &prediction.warnings {
            eprintln!("{}: {warning}", path.display());
        }
        answers.push((path.display().to_string(), prediction));
        Ok::<(), predict::Error>(())
    });
    let text = match args.format {
        Format::Table => table(&answers),
        Format::Json if files.len() == 1 => match answers.first() {
            Some((_, prediction)) => json(prediction)?,
            None => String::new(),
        },
        Format::Json => json(&answers.iter().map(Answer::new).collect::<Vec<_>>())?,
        Format::Jsonl => answers.iter().map(|answer| json(&Answer::new(answer))).collect::<Result<_, _>>()?,
        Format::Csv => csv_text(&classifier, &options, &answers)?,
        Format::Audacity => return Err(Error::Config("--format audacity is for events: give a --window, too".into())),
    };
    print(&text)?;
    inputs::all_read(unreadable, files.len())
}

/// Writes to standard output, and sees to it that it is there at once.
fn print(text: &str) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    let printed = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    printed.map_err(|e| Error::Failed(format!("standard output: {e}")))
}

/// A prediction with its file.
#[derive(Serialize)]
struct Answer<'a> {
    file: &'a str,
    #[serde(flatten)]
    prediction: &'a Prediction,
}

impl<'a> Answer<'a> {
    fn new((file, prediction): &'a (String, Prediction)) -> Self {
        Self { file, prediction }
    }
}

/// A number from 0 to 1.
fn share(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "it is no number".to_owned())?;
    if (0.0..=1.0).contains(&value) { Ok(value) } else { Err("it is 0 to 1".into()) }
}

fn json(value: &impl Serialize) -> Result<String, Error> {
    Ok(serde_json::to_string(value).map_err(|e| Error::Failed(format!("JSON: {e}")))? + "\n")
}

fn table(answers: &[(String, Prediction)]) -> String {
    let width = answers.iter().map(|(file, _)| file.chars().count()).max().unwrap_or(0);
    answers
        .iter()
        .map(|(file, prediction)| {
            let ranked: Vec<String> =
                prediction.top_k.iter().map(|r| format!("{:>5.1} % {}", 100.0 * r.probability, r.label)).collect();
            if let Some((true, score)) = prediction.not_a_cry.zip(prediction.cry_score) {
                return format!("{file:<width$}  not a cry (score {score:.2})\n");
            }
            let unsure = if prediction.abstains == Some(true) { "not sure  " } else { "" };
            let set = prediction.prediction_set.as_ref().map_or(String::new(), |set| match set.as_slice() {
                [] => "  none is likely enough".into(),
                set => format!("  it may be {}", set.join(", ")),
            });
            format!("{file:<width$}  {unsure}{}{set}\n", ranked.join("  "))
        })
        .collect()
}

fn csv_text(classifier: &Classifier, options: &Options, answers: &[(String, Prediction)]) -> Result<String, Error> {
    let labels = classifier.labels();
    let mut header: Vec<String> = ["file", "label", "probability"].map(String::from).into();
    header.extend(labels.iter().map(|label| format!("p_{label}")));
    header.extend((options.min_confidence.is_some() || options.coverage.is_some()).then(|| "abstains".into()));
    header.extend(options.coverage.map(|_| "prediction_set".into()));
    let gate = ["cry_score", "not_a_cry"].map(String::from);
    header.extend(gate.into_iter().filter(|_| classifier.has_gate()));
    let mut rows = vec![header];
    for (file, prediction) in answers {
        let mut row = vec![file.clone(), prediction.label.clone(), prediction.probability.to_string()];
        row.extend(labels.iter().map(|label| prediction.all_probs[label].to_string()));
        row.extend(prediction.abstains.map(|abstains| abstains.to_string()));
        row.extend(prediction.prediction_set.as_ref().map(|set| set.join("|")));
        row.extend(prediction.cry_score.map(|score| score.to_string()));
        row.extend(prediction.not_a_cry.map(|not_a_cry| not_a_cry.to_string()));
        rows.push(row);
    }
    csv_of(&rows)
}

/// Rows as CSV.
fn csv_of<T: AsRef<[u8]>>(rows: &[impl AsRef<[T]>]) -> Result<String, Error> {
    let fail = |e: String| Error::Failed(format!("CSV: {e}"));
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(row.as_ref()).map_err(|e| fail(e.to_string()))?;
    }
    let bytes = writer.into_inner().map_err(|e| fail(e.to_string()))?;
    String::from_utf8(bytes).map_err(|e| fail(e.to_string()))
}
