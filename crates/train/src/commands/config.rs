//! `wail config list|show`

use clap::Subcommand;

use crate::Error;
use crate::config::built_in::{self, BUILT_IN};

/// Arguments of `wail config`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the built-in configurations, each with its first line
    List,
    /// Print a built-in configuration, to copy and change
    Show {
        /// Its name in the list, such as sweep.toml
        name: String,
    },
}

/// Runs the action.
///
/// # Errors
/// [`Error::Config`] if there is no configuration of that name.
pub fn run(args: &Args) -> Result<(), Error> {
    match &args.action {
        Action::List => {
            for (name, text) in BUILT_IN {
                println!("{name:<14} {}", text.lines().next().unwrap_or_default().trim_start_matches("# "));
            }
            Ok(())
        }
        Action::Show { name } => {
            let text = built_in::find(name);
            let unknown = || Error::Config(format!("{name}: no such built-in config; see: wail config list"));
            print!("{}", text.ok_or_else(unknown)?);
            Ok(())
        }
    }
}
