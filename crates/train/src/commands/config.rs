//! `wail config list|show|keys`

use clap::Subcommand;

use crate::Error;
use crate::config::built_in::{self, BUILT_IN};
use crate::config::{Config, reference};
use crate::pretrain::config::PretrainConfig;
use crate::terminal::stdout;

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
    /// Print every key with its default and meaning, as Markdown
    Keys,
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
                let first_line = text.lines().next().unwrap_or_default().trim_start_matches("# ");
                stdout::line(format_args!("{name:<14} {first_line}"))?;
            }
            Ok(())
        }
        Action::Keys => stdout::print(keys()?),
        Action::Show { name } => {
            let text = built_in::find(name);
            let unknown = || Error::Config(format!("{name}: no such built-in config; see: wail config list"));
            stdout::print(text.ok_or_else(unknown)?)
        }
    }
}

/// Every key of both kinds of configuration, as Markdown: the text of `docs/config.md`.
fn keys() -> Result<String, Error> {
    Ok(format!(
        "# Configuration\n\n\
         Every key of a configuration with its default and meaning. This page is generated from the types: `wail config keys`\n\
         prints it. A file states only what differs from the defaults, and `--set table.key=value` overrides it.\n\
         [Training](train.md) says where configurations are looked for.\n\n\
         ## Sweep\n\nFor `wail --config sweep.toml`. With YAMNet some defaults differ: its own front end, `backbone.pooling = \"cry\"`,\n\
         `backbone.weights = \"yamnet\"`, `backbone.when_missing = \"fail\"` and `train.augmented_views = 0`.\n\n{}\
         ## Pretraining\n\nFor `wail pretrain --config pretrain.toml`.\n\n{}",
        reference::tables::<Config>()?,
        reference::tables::<PretrainConfig>()?.trim_end().to_owned() + "\n",
    ))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_page_lists_every_key() {
        let path = "../../docs/config.md";
        let page = keys().unwrap();
        for part in [
            "`learning_rate` | `[0.0001, 0.001, 0.01]`",
            "`recorder_csv` | –",
            "`weighted`: ",
            "`kind = \"csv\"`",
            "### `[augment]`",
        ] {
            assert!(page.contains(part), "{part} is missing");
        }
        if std::env::var_os("WAIL_UPDATE_CONFIG").is_some() {
            std::fs::write(path, &page).unwrap();
        }
        assert!(std::fs::read_to_string(path).unwrap() == page, "run this test with WAIL_UPDATE_CONFIG=1");
    }
}
