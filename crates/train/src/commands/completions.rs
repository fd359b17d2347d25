//! `wail completions SHELL`

use std::io;

use clap_complete::Shell;

use crate::Error;

/// Arguments of `wail completions`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell that the script is for
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the completion script of `program`.
pub fn run(args: &Args, mut program: clap::Command) -> Result<(), Error> {
    let name = program.get_name().to_owned();
    clap_complete::generate(args.shell, &mut program, name, &mut io::stdout());
    Ok(())
}
