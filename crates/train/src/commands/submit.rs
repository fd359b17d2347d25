//! `wail submit slurm|kubernetes`

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use submit::{Division, kubernetes, slurm};

use crate::Error;
use crate::args::{ConfigSource, SweepArgs, path_text};
use crate::config::Config;
use crate::terminal::stdout;

/// Environment variables that decide where files are; the jobs of Slurm get them as they are at submission.
const VARIABLES: [&str; 2] = ["WAIL_HOME", "WAIL_DATA"];

/// Arguments of `wail submit`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    scheduler: Scheduler,
}

#[derive(Debug, Subcommand)]
enum Scheduler {
    /// Write and submit three jobs of Slurm: prepare, train the shards, merge
    Slurm(SlurmArgs),
    /// Print the manifest of the jobs that train the shards and merge them
    Kubernetes(KubernetesArgs),
}

/// Which sweep, and how it is divided.
#[derive(Debug, clap::Args)]
struct ShardedArgs {
    #[command(flatten)]
    sweep: SweepArgs,
    /// Number of shards
    #[arg(long, value_name = "N")]
    shards: NonZeroUsize,
    /// Most shards at the same time [default: all]
    #[arg(long, value_name = "N")]
    parallel: Option<NonZeroUsize>,
    /// Retry the trials that failed in an earlier run
    #[arg(long)]
    retry_failed: bool,
}

#[derive(Debug, clap::Args)]
struct SlurmArgs {
    #[command(flatten)]
    sharded: ShardedArgs,
    /// Folder of the scripts and of the jobs' output [default: slurm/NAME]
    #[arg(long, value_name = "DIR")]
    scripts: Option<PathBuf>,
    /// Print the scripts and the commands that submit them; write and submit nothing
    #[arg(long)]
    dry_run: bool,
    /// Options of sbatch for all jobs, such as --partition=cpu --time=4:00:00
    #[arg(last = true, value_name = "OPTION OF SBATCH")]
    options: Vec<String>,
}

#[derive(Debug, clap::Args)]
struct KubernetesArgs {
    #[command(flatten)]
    sharded: ShardedArgs,
    /// Container image with the program
    #[arg(long, value_name = "IMAGE")]
    image: String,
    /// Persistent volume claim with the recordings; all pods mount it, as their working folder
    #[arg(long, value_name = "NAME")]
    claim: String,
    /// Request and limit of each container, such as cpu=4 or nvidia.com/gpu=1; may be repeated
    #[arg(long = "resource", value_name = "NAME=AMOUNT", value_parser = resource)]
    resources: Vec<(String, String)>,
}

/// Submits the jobs and prints their numbers, or prints what would be submitted.
pub fn run(args: &Args) -> Result<(), Error> {
    match &args.scheduler {
        Scheduler::Slurm(args) => {
            let jobs = args.jobs()?;
            stdout::print(if args.dry_run { jobs.to_text() } else { jobs.submit()? })
        }
        Scheduler::Kubernetes(args) => stdout::print(args.manifest()?),
    }
}

impl ShardedArgs {
    fn load(&self) -> Result<(ConfigSource, Config, Division), Error> {
        let (source, config) = self.sweep.load()?;
        let shards = self.shards.get();
        let parallel = self.parallel.map_or(shards, |most| most.get().min(shards));
        Ok((source, config, Division { shards, parallel, retry_failed: self.retry_failed }))
    }
}

impl SlurmArgs {
    fn jobs(&self) -> Result<slurm::Jobs, Error> {
        let (_, config, division) = self.sharded.load()?;
        let here = |source| Error::Io { what: "the working folder and this program".into(), source };
        let scripts = self.scripts.clone().unwrap_or_else(|| Path::new("slurm").join(&config.name));
        let variables = VARIABLES.iter().filter_map(|name| Some(((*name).into(), std::env::var(name).ok()?)));
        let place = slurm::Place {
            program: path_text(&std::env::current_exe().map_err(here)?)?,
            folder: path_text(&std::env::current_dir().map_err(here)?)?,
            scripts: path_text(&scripts)?,
            variables: variables.collect(),
            options: self.options.clone(),
        };
        Ok(slurm::Jobs::new(&config.name, &self.sharded.sweep.words(None)?, division, &place)?)
    }
}

impl KubernetesArgs {
    fn manifest(&self) -> Result<String, Error> {
        let (source, config, division) = self.sharded.load()?;
        let sweep = self.sharded.sweep.words(Some(Path::new(kubernetes::CONFIG)))?;
        let Self { image, claim, resources, .. } = self;
        let place = kubernetes::Place { image: image.clone(), claim: claim.clone(), resources: resources.clone() };
        Ok(kubernetes::manifest(&config.name, &source.text()?, &sweep, division, &place))
    }
}

/// Reads `NAME=AMOUNT`.
fn resource(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, amount)) if !name.is_empty() && !amount.is_empty() => Ok((name.into(), amount.into())),
        _ => Err("the form is NAME=AMOUNT, such as cpu=4".into()),
    }
}
