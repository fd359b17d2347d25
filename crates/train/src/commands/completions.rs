//! `wail completions SHELL`

use clap_complete::Shell;

use crate::Error;
use crate::terminal::stdout;

/// Arguments of `wail completions`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell that the script is for
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the completion script of `program`.
///
/// # Errors
/// [`Error::Io`] if it cannot be printed.
pub fn run(args: &Args, mut program: clap::Command) -> Result<(), Error> {
    let name = program.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut program, name, &mut script);
    stdout::print(String::from_utf8_lossy(&script))
}
