//! The command line: the list of commands, and which function each calls.

use std::path::Path;

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser, Subcommand};

use crate::config::built_in;
use crate::{Error, commands};

const AFTER_HELP: &str = "To begin:
      wail infer cry.wav            classify a recording with the built-in model
      wail --config sweep.toml      train on data/raw/CLASS/*.wav, one folder per class; sweep.toml is built in
                                    (wail config show sweep.toml prints it). Without recordings it uses synthetic cries
      wail infer cry.wav --model newest

Folders, relative to the working folder:
      reads   configs/ (or the built-in configs), data/raw/, models/
      writes  experiments/ (--out), data/synthetic/, data/cache/ and models/
    If WAIL_HOME names a folder, data/cache/ and models/ are inside it instead.

    Exit codes: 0 done, 1 failed, 2 wrong use or config, 3 bad input data, 4 a missing or unverifiable weight file,\n\
    75 not finished, run the same command again: stopped by a signal, another process is at work, shards are missing, or an alias moved.\n\
    Data goes to stdout, everything else to stderr.";

/// Trains and runs classifiers that say why a baby cries. Without a command, runs the sweep that --config names.
#[derive(Debug, Parser)]
#[command(name = "wail", version, after_help = AFTER_HELP, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(flatten)]
    sweep: commands::sweep::Args,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Classify recordings with a trained model: why does the baby cry?
    Infer(commands::infer::Args),
    /// Compare the cries that are found in long recordings with those that are in them
    Evaluate(commands::evaluate::Args),
    /// Train a backbone from scratch on recordings and synthetic cries
    Pretrain(commands::pretrain::Args),
    /// List the trials of a sweep with their costs, and which shard does which
    Plan(commands::plan::Args),
    /// Fill the caches of a sweep before its shards start
    Prepare(commands::prepare::Args),
    /// Join the shards of a run, or of files and folders: the same bytes as from one machine
    Merge(commands::merge::Args),
    /// Run a sweep in shards on a cluster: jobs for Slurm or Kubernetes
    Submit(commands::submit::Args),
    /// Render the report of a finished run (report.html, report.md), or compare several (comparison.html)
    Report(commands::report::Args),
    /// Export a trained model to a folder: ONNX, safetensors, burn record and model card
    Export(commands::export::Args),
    /// Send a run to TensorBoard or MLflow, or what they missed of it
    Track(commands::track::Args),
    /// Publish a model in a store as a version that never changes, such as s3://BUCKET/models/NAME
    Push(commands::push::Args),
    /// Download a published model
    Pull(commands::pull::Args),
    /// Publish a model in place of the current one, if it is shown to be better on the same recordings
    Promote(commands::promote::Args),
    /// Check a corpus for copies, leaks between splits, shortcuts and bad recordings
    Audit(commands::audit::Args),
    /// Print a table of recordings from annotations by Audacity, Raven or Praat
    Table(commands::table::Args),
    /// Write waveforms, mel spectrograms or images as float32 .npy, to compare with other tools
    Features(commands::features::Args),
    /// Write the backbone's embeddings as float32 .npy, one row per file
    Embed(commands::embed::Args),
    /// Check an encoder in an ONNX file: what it takes and gives, its speed, and the configuration for it
    Encoders(commands::encoders::Args),
    /// List, download or verify the known weight files
    Weights(commands::weights::Args),
    /// Generate a labelled synthetic corpus, sounds that are not cries, or nights with cries at known times
    Synth(commands::synth::Args),
    /// List or print the built-in configurations
    Config(commands::config::Args),
    /// Print a completion script for a shell
    Completions(commands::completions::Args),
    /// Print the manual page, or write one for every command
    Man(commands::man::Args),
}

/// Parses the arguments of the process and runs the command. A closed pipe on standard output is a quiet end.
///
/// # Errors
/// The command's [`Error`]. Wrong arguments end the process with code 2 and a hint.
pub fn run() -> Result<(), Error> {
    let cli = Cli::try_parse().unwrap_or_else(|error| with_tip(error).exit());
    match cli.run() {
        Err(Error::ClosedPipe) => Ok(()),
        result => result,
    }
}

/// Adds what was probably meant to the error of an unknown command.
fn with_tip(mut error: clap::Error) -> clap::Error {
    let unknown = match (error.kind(), error.get(ContextKind::InvalidSubcommand)) {
        (ErrorKind::InvalidSubcommand, Some(ContextValue::String(unknown))) => unknown.clone(),
        _ => return error,
    };
    if let Some(tip) = tip(&unknown) {
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![StyledStr::from(tip)]));
    }
    error
}

/// What was probably meant by `word` in place of a command, if it is not a mistyped one.
fn tip(word: &str) -> Option<String> {
    let path = Path::new(word);
    match word {
        "train" | "run" => Some("the main job has no command: wail --config sweep.toml".into()),
        "predict" | "classify" => Some("to classify recordings: wail infer FILE".into()),
        "serve" => Some("the service is a program of its own: wail-serve".into()),
        _ if path.extension().is_some_and(|extension| extension == "toml") || built_in::find(word).is_some() => {
            Some(format!("to run a config: wail --config {word}"))
        }
        _ if path.exists() || path.extension().is_some() => Some(format!("to classify recordings: wail infer {word}")),
        _ => None,
    }
}

impl Cli {
    fn run(self) -> Result<(), Error> {
        match self.command {
            None => commands::sweep::run(&self.sweep),
            Some(Command::Infer(args)) => commands::infer::run(&args),
            Some(Command::Evaluate(args)) => commands::evaluate::run(&args),
            Some(Command::Pretrain(args)) => commands::pretrain::run(&args),
            Some(Command::Plan(args)) => commands::plan::run(&args),
            Some(Command::Prepare(args)) => commands::prepare::run(&args),
            Some(Command::Merge(args)) => commands::merge::run(&args),
            Some(Command::Submit(args)) => commands::submit::run(&args),
            Some(Command::Report(args)) => commands::report::run(&args),
            Some(Command::Export(args)) => commands::export::run(&args),
            Some(Command::Track(args)) => commands::track::run(&args),
            Some(Command::Push(args)) => commands::push::run(&args),
            Some(Command::Pull(args)) => commands::pull::run(&args),
            Some(Command::Promote(args)) => commands::promote::run(&args),
            Some(Command::Audit(args)) => commands::audit::run(&args),
            Some(Command::Table(args)) => commands::table::run(&args),
            Some(Command::Features(args)) => commands::features::run(&args),
            Some(Command::Embed(args)) => commands::embed::run(&args),
            Some(Command::Encoders(args)) => commands::encoders::run(&args),
            Some(Command::Weights(args)) => commands::weights::run(&args),
            Some(Command::Synth(args)) => commands::synth::run(&args),
            Some(Command::Config(args)) => commands::config::run(&args),
            Some(Command::Completions(args)) => commands::completions::run(&args, Cli::command()),
            Some(Command::Man(args)) => commands::man::run(&args, Cli::command()),
        }
    }
}
