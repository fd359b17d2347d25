//! `wail push MODEL URL`, and of a run as it is with `--run`.

use std::path::{Path, PathBuf};

use experiment::folder;
use experiment::journal::JOURNAL_FILE;
use model::ComputeArgs;
use predict::Classifier;
use registry::{Files, Registry};

use crate::Error;
use crate::promotion::model_files::ModelFiles;
use crate::terminal::stdout;

/// Arguments of `wail push`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of a finished run, which is exported; folder of an exported model; or an .onnx or .safetensors model
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// Where its versions are, such as s3://BUCKET/models/NAME, gs://, az:// or file:///PATH
    #[arg(value_name = "URL")]
    registry: String,
    /// Write the folder of the run as it is, finished or not, with its shards, instead of the model: wail pull gets it back
    #[arg(long)]
    run: bool,
    /// Also let this alias, such as production, name the new version, without a comparison (for one, see wail promote)
    #[arg(long, value_name = "NAME")]
    alias: Option<String>,
    #[command(flatten)]
    compute: ComputeArgs,
}

/// Publishes the model or the run and prints the address of its version.
pub fn run(args: &Args) -> Result<(), Error> {
    let registry = Registry::open(&args.registry)?;
    let current = args.alias.as_deref().map(|name| registry.alias(name)).transpose()?.flatten();
    let version = match args.run {
        true => registry.push(&run_files(&args.model)?)?,
        false => {
            let compute = args.compute.find().map_err(Error::Compute)?;
            // A model that cannot be loaded is not published.
            Classifier::find(Some(&args.model), Path::new("experiments"), &compute).map_err(Error::of_model)?;
            registry.push(&ModelFiles::find(&args.model)?.files)?
        }
    };
    stdout::line(format_args!("{}/{version}", registry.url()))?;
    let Some(name) = &args.alias else { return Ok(()) };
    if current.as_ref().is_none_or(|alias| alias.version != version) {
        registry.move_alias(name, &version, current.as_ref())?;
    }
    stdout::line(format_args!("{}/{name}", registry.url()))
}

/// The files of a run or of its shards.
fn run_files(run: &Path) -> Result<Files, Error> {
    let names = folder::files(run)?;
    if !names.iter().any(|name| Path::new(name).ends_with(JOURNAL_FILE)) {
        return Err(Error::Data(format!("{}: not the folder of a run", run.display())));
    }
    Ok(Files::of_folder(run, &names)?)
}
