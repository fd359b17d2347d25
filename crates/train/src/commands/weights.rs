//! `wail weights list|fetch|verify`

use clap::Subcommand;
use dataset::{count, is};
use weights::{FetchLimits, Register, State, WeightFile, verify};

use crate::Error;
use crate::backbone::{fetch_with_progress, models_dir};
use crate::terminal::stdout;

/// Arguments of `wail weights`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the known weight files with their state and address, and the folder that they belong in
    List,
    /// Download a weight file, or resume a partial download
    Fetch {
        /// Its name in the list
        name: String,
    },
    /// Verify the SHA-256 of the files in models/
    Verify {
        /// Its name in the list [default: every file in models/]
        name: Option<String>,
    },
}

/// Runs the action.
pub fn run(args: &Args) -> Result<(), Error> {
    let register = Register::embedded()?;
    let models = &models_dir();
    match &args.action {
        Action::List => {
            for entry in &register.weights {
                let state = describe(&verify(entry, models)?);
                let WeightFile { name, arch, bytes, url, .. } = entry;
                stdout::line(format_args!("{name:<24} {arch:<9} {bytes:>11} bytes  {state}\n  {url}"))?;
            }
            let folder = std::path::absolute(models).unwrap_or_else(|_| models.clone());
            stdout::line(format_args!(
                "\nFolder: {}\nPut a file that you downloaded yourself there, under the last part of its address.",
                folder.display()
            ))?;
            Ok(())
        }
        Action::Fetch { name } => {
            let entry = named(&register, name)?;
            stdout::line(fetch_with_progress(&entry.name, entry, &FetchLimits::default())?.display())
        }
        Action::Verify { name } => {
            let entries: Vec<&WeightFile> = match name {
                Some(name) => vec![named(&register, name)?],
                None => register.weights.iter().collect(),
            };
            let mut bad = 0;
            for entry in entries {
                let state = verify(entry, models)?;
                stdout::line(format_args!("{:<24} {}", entry.name, describe(&state)))?;
                // A file that was not asked for by name may be missing.
                bad += usize::from(match state {
                    State::Verified => false,
                    State::Missing => name.is_some(),
                    _ => true,
                });
            }
            match bad {
                0 => Ok(()),
                _ => Err(Error::Weights(format!(
                    "{} {} missing or damaged; to fetch: wail weights fetch NAME",
                    count(bad, "weight file"),
                    is(bad)
                ))),
            }
        }
    }
}

fn named<'a>(register: &'a Register, name: &str) -> Result<&'a WeightFile, Error> {
    register.find(name).ok_or_else(|| {
        let known: Vec<&str> = register.weights.iter().map(|entry| entry.name.as_str()).collect();
        Error::Config(format!("{name}: no such weights; known are {}", known.join(", ")))
    })
}

fn describe(state: &State) -> String {
    match state {
        State::Missing => "missing".into(),
        State::Partial { bytes } => format!("partial, {bytes} bytes"),
        State::Verified => "verified".into(),
        State::Damaged { reason } => format!("DAMAGED: {reason}"),
    }
}
