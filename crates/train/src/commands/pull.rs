//! `wail pull URL`: a published model, or a run that was pushed as it is.

use std::path::{Path, PathBuf};

use experiment::folder;
use experiment::journal::JOURNAL_FILE;
use registry::{ModelUrl, Registry, Resolved};

use crate::Error;
use crate::terminal::{stderr, stdout};

/// Digits of a version in the name of its folder.
const SHORT: usize = 12;

/// Arguments of `wail pull`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Address of a published model or run, by alias or by version, such as s3://BUCKET/models/NAME/production
    #[arg(value_name = "URL")]
    url: String,
    /// Folder to write [default: models/NAME-VERSION, with 12 digits of the version]. Shards of a run may go into one folder
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
}

/// Writes the files of the version, each after its SHA-256 was checked, and prints the folder.
pub fn run(args: &Args) -> Result<(), Error> {
    let not_a_url = || Error::Config(format!("{}: not the address of a store, such as s3://BUCKET/...", args.url));
    let url = ModelUrl::parse(&args.url).ok_or_else(not_a_url)??;
    let Resolved { registry, version, manifest, .. } = Registry::resolve(&url)?;
    let name = registry.url().rsplit('/').next().unwrap_or_default();
    let short = version.as_str().get(..SHORT).unwrap_or_default();
    let output = args.output.clone().unwrap_or_else(|| Path::new("models").join(format!("{name}-{short}")));
    let is_run = manifest.files.keys().any(|name| Path::new(name).ends_with(JOURNAL_FILE));
    if !is_run {
        refuse_others(&output, &|name| manifest.files.contains_key(name))?;
    }
    stderr::line(format_args!("version    {version}"));
    for name in manifest.files.keys() {
        let path = output.join(name);
        folder::write(&path, &registry.file(&manifest, name)?)?;
    }
    stdout::line(output.display())
}

/// Fails if the folder holds a file that is not of the version: together they would be another model.
fn refuse_others(folder: &Path, is_ours: &dyn Fn(&str) -> bool) -> Result<(), Error> {
    let Ok(entries) = folder.read_dir() else { return Ok(()) };
    for entry in entries {
        let name = entry.map_err(Error::io(folder))?.file_name();
        if !is_ours(&name.to_string_lossy()) {
            let folder = folder.display();
            return Err(Error::Config(format!(
                "{folder}: it holds {}, which is not of this version; name an empty folder: --output DIR",
                name.display()
            )));
        }
    }
    Ok(())
}
