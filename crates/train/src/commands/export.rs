//! `wail export RUN [--trial ID] --out DIR`

use std::path::PathBuf;

use report::card::HubMetadata;

use crate::terminal::stdout;
use crate::{Error, export};

/// Arguments of `wail export`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of a finished run
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// Trial of its leaderboard to export [default: the best]
    #[arg(long, value_name = "ID")]
    trial: Option<String>,
    /// TOML file that says how the model finds episodes, as `wail evaluate --fit` prints it [default: as the run chose]
    #[arg(long, value_name = "FILE")]
    episode_settings: Option<PathBuf>,
    /// Folder to write, such as models/NAME; existing files are replaced
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Licence of the model in its card, an identifier of the Hugging Face Hub such as cc-by-4.0 [default: other]
    #[arg(long, value_name = "ID")]
    licence: Option<String>,
    /// Name of a licence that is `other`
    #[arg(long, value_name = "NAME", conflicts_with = "licence")]
    licence_name: Option<String>,
    /// Address of the text of a licence that is `other`
    #[arg(long, value_name = "URL", conflicts_with = "licence")]
    licence_link: Option<String>,
    /// Data set of the Hugging Face Hub that the model was trained on, such as USER/NAME; may be given several times
    #[arg(long = "dataset", value_name = "ID")]
    datasets: Vec<String>,
}

/// Exports the model and prints its folder.
pub fn run(args: &Args) -> Result<(), Error> {
    let hub = HubMetadata {
        licence: args.licence.clone(),
        licence_name: args.licence_name.clone(),
        licence_link: args.licence_link.clone(),
        datasets: args.datasets.clone(),
    };
    export::export(&args.run, args.trial.as_deref(), args.episode_settings.as_deref(), &args.out, &hub)?;
    stdout::line(args.out.display())
}
