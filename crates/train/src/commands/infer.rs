//! `wail infer FILE|DIR...`

mod episodes;
mod follow;
mod output;
mod pcm_check;
mod recordings;
mod summary;
mod text_grid;

use std::io;
use std::path::{Path, PathBuf};

use model::{Compute, ComputeArgs, EpisodeSettings};
use predict::{Classifier, Options};
use tempfile::NamedTempFile;

use super::episode_args::EpisodeArgs;
use super::model_args::{ModelArgs, announce};
use crate::Error;
use crate::args::{Inputs, number_in};
use crate::pieces::{Share, Target};
use crate::shard_args::ShardArgs;
use crate::terminal::{inputs, stdout};
use follow::PcmFormat;
use output::{Answers, Format};

/// Arguments of `wail infer`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    inputs: Inputs,
    #[command(flatten)]
    model: ModelArgs,
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
    /// Find the episodes of crying in recordings of any length: when each begins and ends, how loud it is, and its most probable reason.
    /// --window and --hop ask for them, too
    #[arg(long)]
    episodes: bool,
    /// Follow the sound on standard input, named as -, and print one JSON line as each episode is confirmed, and one as it ends
    #[arg(long)]
    follow: bool,
    /// Sample rate of the raw 16-bit little-endian PCM that --follow reads, Hz
    #[arg(long, value_name = "HZ", default_value_t = 16_000, value_parser = clap::value_parser!(u32).range(4000..=192_000), requires = "follow")]
    rate: u32,
    /// Channels of that PCM
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=8), requires = "follow")]
    channels: u8,
    /// With --follow, also print a line every so many seconds of the stream, so that whoever reads it knows that it is alive
    #[arg(long, value_name = "SECONDS", requires = "follow", value_parser = number_in(1..=86_400))]
    heartbeat: Option<f64>,
    /// Say which parts of a recording its answer depends on: how much its odds fall if half a second of one of eight bands is
    /// silenced. It takes about a hundred times as long
    #[arg(long, conflicts_with_all = ["episodes", "window", "hop", "follow"])]
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
    // Last, since its heading is that of all that follow.
    #[command(flatten)]
    episode: EpisodeArgs,
}

impl Args {
    /// How to find episodes; `None` for answers to whole recordings.
    fn episode_settings(&self, classifier: &Classifier) -> Result<Option<EpisodeSettings>, Error> {
        let is_asked = self.episodes || self.follow || self.episode.window.is_some() || self.episode.hop.is_some();
        (is_asked || self.format.marks_one_recording()).then(|| self.episode.settings(classifier)).transpose()
    }

    /// What decides the answers besides the files.
    fn settings(
        &self,
        classifier: &Classifier,
        episodes: Option<&EpisodeSettings>,
        compute: &Compute,
    ) -> Vec<(&'static str, String)> {
        vec![
            ("model", classifier.sha256().into()),
            ("engine", compute.describe_for(classifier.info().arch)),
            ("labels", classifier.labels().join(",")),
            ("options", format!("{:?}", self.options())),
            ("episodes", format!("{episodes:?}")),
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
    let n_stdin = args.inputs.paths.iter().filter(|path| is_stdin(path)).count();
    if args.follow && (n_stdin, args.inputs.paths.len()) != (1, 1) {
        let example = "arecord -f S16_LE -r 16000 -c 1 | wail infer --follow -";
        return Err(Error::Config(format!("--follow needs the input - and no other: {example}")));
    }
    let shard = args.shard.resolve()?;
    if n_stdin > 1 || n_stdin == 1 && shard.is_some() {
        return Err(Error::Config("standard input, named as -, can be read once, and not by a shard".into()));
    }
    let held = if n_stdin == 1 && !args.follow { Some(hold_stdin()?) } else { None };
    let stdin = held.as_ref().map(NamedTempFile::path);
    let of_path = |path: &PathBuf| stdin.filter(|_| is_stdin(path)).map_or_else(|| path.clone(), Path::to_path_buf);
    let paths: Vec<PathBuf> = args.inputs.paths.iter().map(of_path).collect();
    let files = if args.follow { vec![] } else { inputs::sound_files(&paths)? };
    if args.format.marks_one_recording() && files.len() > 1 {
        return Err(Error::Config(format!(
            "this --format marks the episodes of one recording, not of {}",
            files.len()
        )));
    }
    if args.explain && args.format == Format::Csv {
        return Err(Error::Config("--explain has no columns: choose --format table, json or jsonl".into()));
    }
    let (classifier, compute) = args.model.load(&args.compute)?;
    let options = args.options();
    classifier.check(&options).map_err(Error::Request)?;
    let settings = args.episode_settings(&classifier)?;
    settings.as_ref().map_or(Ok(()), |settings| classifier.check_episodes(settings)).map_err(Error::Request)?;
    announce(&classifier);
    if let Some(settings) = settings.filter(|_| args.follow) {
        let format = PcmFormat { sample_rate_hz: args.rate, n_channels: usize::from(args.channels) };
        return follow::run(&classifier, settings, &options, format, args.heartbeat);
    }
    let share = Share::of(shard, files.len());
    let answer = |answers: &mut Answers| match &settings {
        Some(settings) => episodes::run(&classifier, settings, &options, &files, &share, answers),
        None => recordings::run(&classifier, &options, args.explain, &files, &share, answers),
    };
    let Some(out) = &args.out else {
        if shard.is_some() {
            return Err(Error::Config("a shard needs a file for its answers: --out FILE".into()));
        }
        return answer(&mut Answers { format: args.format, stdin, print: &mut |text| stdout::print(text) })?.finish();
    };
    let target = Target::new(out, shard, &files, args.settings(&classifier, settings.as_ref(), &compute));
    if target.is_made()? {
        return Ok(());
    }
    let mut text = String::new();
    let mut print = |part: String| {
        text += &part;
        Ok(())
    };
    let summary = answer(&mut Answers { format: args.format, stdin, print: &mut print })?;
    target.write(text.as_bytes())?;
    summary.finish()
}

/// Writes standard input to a temporary file, since sound files are not read from their start to their end only.
fn hold_stdin() -> Result<NamedTempFile, Error> {
    let hold = || {
        let mut file = NamedTempFile::new()?;
        io::copy(&mut io::stdin(), &mut file)?;
        Ok(file)
    };
    hold().map_err(|source| Error::Io { what: "standard input".into(), source })
}
