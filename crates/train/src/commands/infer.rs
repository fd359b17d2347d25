//! `wail infer FILE|DIR...`

mod follow;
mod output;
mod recordings;
mod summary;
mod timeline;

use std::path::{Path, PathBuf};

use model::{Compute, ComputeArgs};
use predict::{Classifier, Labels, Options, Windows};

use crate::Error;
use crate::args::{Inputs, number_in};
use crate::pieces::{Share, Target};
use crate::shard_args::ShardArgs;
use crate::terminal::{inputs, stderr, stdout};
use output::{Answers, Format};

/// Hop of the windows when a microphone is followed, s.
const FOLLOW_HOP_SECONDS: f64 = 1.0;

/// Arguments of `wail infer`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    inputs: Inputs,
    /// An .onnx or .safetensors model, a state dict of PyTorch (with --labels), the folder of an exported model or of a run,
    /// `newest` for the newest run in experiments/, or the address of a published model (s3://BUCKET/models/NAME/ALIAS) [default: wail-compact, the model built into the program]
    #[arg(long, value_name = "PATH")]
    model: Option<PathBuf>,
    /// The classes of a model of PyTorch (a state dict, .pt or .pth) in the order of its outputs, separated by commas, or a file
    /// with one on each line
    #[arg(long, value_name = "LABEL,...|FILE", requires = "model")]
    labels: Option<Labels>,
    /// How many classes to list, the most probable first
    #[arg(long, value_name = "N", default_value_t = 3, allow_negative_numbers = true)]
    top_k: usize,
    /// Answer "not sure" if the most probable class is less probable than this, 0 to 1
    #[arg(long, value_name = "P", value_parser = number_in(0..=1))]
    min_confidence: Option<f64>,
    /// List every class that cannot be ruled out, so that the list contains the true class with this probability (0.8, 0.9 or
    /// 0.95, if the recording is like those of validation), and answer "not sure" unless the list has exactly one class
    #[arg(long, value_name = "C", value_parser = number_in(0..=1))]
    coverage: Option<f64>,
    /// Classify windows of this length, at most the model's clip length, in a recording of any length, and report when cries
    /// begin and end; neighbouring windows with the same answer are one event
    #[arg(long, value_name = "SECONDS")]
    window: Option<f64>,
    /// Time from the start of one window to the start of the next [default: half a window, 1 s with --follow]
    #[arg(long, value_name = "SECONDS")]
    hop: Option<f64>,
    /// Follow raw 16-bit little-endian PCM on standard input, named as -, and print one JSON line as each event begins
    #[arg(long)]
    follow: bool,
    /// Sample rate of the PCM that --follow reads, Hz
    #[arg(long, value_name = "HZ", default_value_t = 16_000, value_parser = clap::value_parser!(u32).range(4000..=192_000), requires = "follow")]
    rate: u32,
    /// Channels of the PCM that --follow reads
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=8), requires = "follow")]
    channels: u8,
    /// Say which parts of a recording its answer depends on: how much its odds fall if half a second of one of eight bands is
    /// silenced. It takes about a hundred times as long
    #[arg(long, conflicts_with_all = ["window", "hop", "follow"])]
    explain: bool,
    /// Format of the answers
    #[arg(long, value_enum, default_value = "table", conflicts_with = "follow")]
    format: Format,
    /// File to write the answers to, when all are there [default: standard output, as they come]
    #[arg(long, value_name = "FILE", conflicts_with = "follow")]
    out: Option<PathBuf>,
    #[command(flatten)]
    shard: ShardArgs,
    #[command(flatten)]
    compute: ComputeArgs,
}

impl Args {
    /// The requested windows; `None` for whole recordings.
    fn windows(&self, clip_seconds: f64) -> Option<Windows> {
        let hop_seconds = self.hop.or(self.follow.then_some(FOLLOW_HOP_SECONDS));
        Windows::requested(self.window, hop_seconds, clip_seconds)
    }

    /// What decides the answers besides the files.
    fn settings(&self, classifier: &Classifier, compute: &Compute) -> Vec<(&'static str, String)> {
        vec![
            ("model", classifier.sha256().into()),
            ("engine", compute.describe_for(classifier.info().arch)),
            ("labels", classifier.labels().join(",")),
            ("options", format!("{:?}", self.options())),
            ("windows", format!("{:?}", self.windows(classifier.features().clip_seconds))),
            ("explain", self.explain.to_string()),
            ("format", format!("{:?}", self.format)),
        ]
    }

    fn options(&self) -> Options {
        Options { top_k: self.top_k, min_confidence: self.min_confidence.map(|p| p as f32), coverage: self.coverage }
    }
}

/// Classifies each file and prints the answers. Unreadable files have their reason in place of an answer and give exit code 3.
pub fn run(args: &Args) -> Result<(), Error> {
    let is_stdin = |path: &PathBuf| path.as_os_str() == "-";
    if args.follow != args.inputs.paths.iter().any(is_stdin) || args.follow && args.inputs.paths.len() > 1 {
        let example = "arecord -f S16_LE -r 16000 -c 1 | wail infer --follow -";
        return Err(Error::Config(format!("--follow and the input - go together, without other inputs: {example}")));
    }
    let files = if args.follow { vec![] } else { inputs::sound_files(&args.inputs.paths)? };
    if args.format == Format::Audacity && files.len() > 1 {
        return Err(Error::Config(format!("--format audacity labels one recording, not {}", files.len())));
    }
    if args.explain && args.format == Format::Csv {
        return Err(Error::Config("--explain has no columns: choose --format table, json or jsonl".into()));
    }
    let compute = args.compute.find().map_err(Error::Compute)?;
    let experiments = Path::new("experiments");
    let found = Classifier::find_labelled(args.model.as_deref(), args.labels.as_ref(), experiments, &compute);
    let classifier = found.map_err(Error::of_model)?;
    let options = args.options();
    classifier.check(&options).map_err(Error::Request)?;
    let windows = args.windows(classifier.features().clip_seconds);
    windows.as_ref().map_or(Ok(()), |windows| classifier.check_windows(windows)).map_err(Error::Request)?;
    stderr::line(format_args!("model      {}, SHA-256 {}", classifier.name(), classifier.sha256()));
    if let Some(windows) = windows.filter(|_| args.follow) {
        return follow::run(&classifier, windows, &options, args.rate, usize::from(args.channels));
    }
    if args.format == Format::Audacity && windows.is_none() {
        return Err(Error::Config("--format audacity labels events: give a --window, too".into()));
    }
    let shard = args.shard.resolve()?;
    let share = Share::of(shard, files.len());
    let answer = |answers: &mut Answers| match windows {
        Some(windows) => timeline::run(&classifier, windows, &options, &files, &share, answers),
        None => recordings::run(&classifier, &options, args.explain, &files, &share, answers),
    };
    let Some(out) = &args.out else {
        if shard.is_some() {
            return Err(Error::Config("a shard needs a file for its answers: --out FILE".into()));
        }
        return answer(&mut Answers { format: args.format, print: &mut |text| stdout::print(text) })?.finish();
    };
    let target = Target::new(out, shard, &files, args.settings(&classifier, &compute));
    if target.is_made()? {
        return Ok(());
    }
    let mut text = String::new();
    let mut print = |part: String| {
        text += &part;
        Ok(())
    };
    let summary = answer(&mut Answers { format: args.format, print: &mut print })?;
    target.write(text.as_bytes())?;
    summary.finish()
}
