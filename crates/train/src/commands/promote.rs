//! `wail promote CANDIDATE --over URL --data DIR`

use std::path::PathBuf;

use dataset::audit::RecorderRule;
use dataset::{Corpus, count};
use durable::is_store_url;
use model::ComputeArgs;
use registry::{ModelUrl, Named, Registry};

use crate::Error;
use crate::args::number_in;
use crate::config::DataConfig;
use crate::corpus::bucket;
use crate::promotion::candidate::ComparedModel;
use crate::promotion::comparison::{ComparisonInputs, Margins, ModelComparison};
use crate::promotion::gate::GateScores;
use crate::terminal::stdout;

/// Arguments of `wail promote`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of a finished run, or the address of a version that was published from one
    #[arg(value_name = "CANDIDATE")]
    candidate: PathBuf,
    /// Alias that the candidate is to take over, such as s3://BUCKET/models/NAME/production
    #[arg(long, value_name = "URL")]
    over: String,
    /// Recordings that decide, one folder per class; may be in a bucket, s3://BUCKET/PATH
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// How much better the candidate must be: the lower end of the 95 % interval of the difference in macro-F1 must be above this;
    /// negative to allow a loss
    #[arg(long, value_name = "DIFFERENCE", default_value_t = 0.0, allow_negative_numbers = true, value_parser = number_in(-1..=1))]
    margin: f64,
    /// How much lower the gate's recall and how much higher its false-alarm rate may be
    #[arg(long, value_name = "SHARE", default_value_t = 0.02, value_parser = number_in(-1..=1))]
    gate_margin: f64,
    /// Leave out the recordings that one of the two models was trained on, and those of their recorders
    #[arg(long)]
    only_unseen: bool,
    /// Folder of sounds that are not cries, for the gates [default: generated ones]
    #[arg(long, value_name = "DIR")]
    not_a_cry: Option<PathBuf>,
    /// Regular expression on the path below --data whose first group is the recorder [default: Donate-a-Cry file names]
    #[arg(long, value_name = "REGEX", conflicts_with = "recorder_csv")]
    recorder_pattern: Option<String>,
    /// CSV file with columns path (below --data) and recorder
    #[arg(long, value_name = "FILE")]
    recorder_csv: Option<PathBuf>,
    /// Compare only: publish nothing and leave the alias as it is
    #[arg(long)]
    dry_run: bool,
    /// Seed of the resamples and of the generated sounds
    #[arg(long, value_name = "N", default_value_t = 42)]
    seed: u64,
    #[command(flatten)]
    compute: ComputeArgs,
}

/// Compares, prints the comparison, and moves the alias if the candidate is better.
pub fn run(args: &Args) -> Result<(), Error> {
    let not_an_alias =
        || Error::Config(format!("{}: name an alias, such as s3://BUCKET/models/NAME/production", args.over));
    let over = ModelUrl::parse(&args.over).ok_or_else(not_an_alias)??;
    let Named::Alias(alias) = &over.named else { return Err(not_an_alias()) };
    let resolved = Registry::resolve(&over)?;
    // Where the alias points now: it moves only if it still does after the comparison.
    let before = resolved.alias.as_ref().map(|(_, alias)| alias.clone());
    let compute = args.compute.find().map_err(Error::Compute)?;
    let candidate = ComparedModel::load(&args.candidate, &compute)?;
    let current = ComparedModel::published(resolved, &compute)?;
    let cache = DataConfig::default().cache_dir();
    let root = match args.data.to_str().filter(|text| is_store_url(text)) {
        Some(url) => bucket::local_copy(url, &cache)?,
        None => args.data.clone(),
    };
    let corpus = Corpus::scan_cached(&root, &cache)?;
    let recorders = RecorderRule::new(args.recorder_pattern.as_deref(), args.recorder_csv.as_deref(), &corpus)?;
    let found = ModelComparison::new(&ComparisonInputs {
        candidate: &candidate,
        current: &current,
        corpus: &corpus,
        recorders: &recorders,
        cache: &cache,
        not_cries: args.not_a_cry.as_deref(),
        only_unseen: args.only_unseen,
        seed: args.seed,
    })?;
    print(&candidate, &current, &found)?;
    let problems = found.problems(&Margins { macro_f1: args.margin, gate: args.gate_margin });
    if !problems.is_empty() {
        return Err(Error::NotBetter(problems.join("\n       ")));
    }
    if args.dry_run {
        return stdout::line("verdict    the candidate is better; --dry-run leaves the alias as it is");
    }
    let registry = Registry::open(&over.registry)?;
    let version = candidate.push(&registry)?;
    registry.move_alias(alias, &version, before.as_ref())?;
    stdout::line(format_args!("verdict    the candidate is better\npromoted   {} is now {version}", args.over))
}

fn print(candidate: &ComparedModel, current: &ComparedModel, found: &ModelComparison) -> Result<(), Error> {
    let ModelComparison { n_recordings, n_groups, n_left_out, paired, .. } = found;
    let knows = |count: Option<usize>| match count {
        Some(n) => format!("trained on {n} of the recordings or their recorders"),
        None => "does not say what it was trained on".into(),
    };
    let left_out =
        if *n_left_out == 0 { String::new() } else { format!("; {} left out", count(*n_left_out, "known one")) };
    let interval =
        paired.difference.interval.map_or("no interval".into(), |[low, high]| format!("95 % {low:+.4} to {high:+.4}"));
    for line in [
        format!("candidate  {}: {}", candidate.classifier.name(), knows(found.candidate_knows)),
        format!("current    {}: {}", current.classifier.name(), knows(found.current_knows)),
        format!("recordings {n_recordings} in {}{left_out}", count(*n_groups, "group")),
        format!("macro-F1   {:.4}, current {:.4}", paired.first, paired.second),
        format!(
            "difference {:+.4} ({interval}; groups resampled in pairs), p = {:.4}",
            paired.difference.value, paired.p
        ),
        format!("gate       {}; current: {}", gate(found.gates.candidate), gate(found.gates.current)),
    ] {
        stdout::line(line)?;
    }
    Ok(())
}

fn gate(scores: Option<GateScores>) -> String {
    scores.map_or("none".into(), |GateScores { recall, false_alarm_rate }| {
        format!("{:.1} % of the cries, {:.1} % of other sounds pass", 100.0 * recall, 100.0 * false_alarm_rate)
    })
}
