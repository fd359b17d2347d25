//! `wail track RUN --track SINK`

use std::path::PathBuf;

use crate::Error;
use crate::terminal::stderr;
use crate::tracking::run_files;
use crate::tracking::target::TrackTarget;

/// Arguments of `wail track`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folders of runs, finished or not
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,
    #[command(flatten)]
    track: TrackArgs,
}

/// What else is told of a run.
#[derive(Debug, clap::Args)]
pub struct TrackArgs {
    /// Also tell TensorBoard (event files in DIR/RUN) or an MLflow server; may be repeated [DIR: tensorboard; URL: the environment
    /// variable MLFLOW_TRACKING_URI]
    #[arg(long, value_name = "tensorboard[:DIR]|mlflow[:URL]", value_parser = TrackTarget::parse)]
    pub track: Vec<TrackTarget>,
}

/// Sends what the sinks do not have of each run.
pub fn run(args: &Args) -> Result<(), Error> {
    if args.track.track.is_empty() {
        return Err(Error::Config("name a sink: --track tensorboard, or --track mlflow:http://HOST:5000".into()));
    }
    for run in &args.runs {
        let events = run_files::events(run)?;
        for target in &args.track.track {
            target.send(&events).map_err(Error::Tracking)?;
        }
        stderr::line(format_args!("tracked    {}", run.display()));
    }
    Ok(())
}
