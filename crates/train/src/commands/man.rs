//! `wail man`

use std::path::PathBuf;

use crate::Error;
use crate::terminal::stdout;

/// Arguments of `wail man`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Write wail.1 and a page for every command into this folder, instead of printing wail.1
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Prints or writes the manual of `program`.
///
/// # Errors
/// [`Error::Io`] if it cannot be printed or written.
pub fn run(args: &Args, program: clap::Command) -> Result<(), Error> {
    match &args.out {
        Some(folder) => {
            let written = std::fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(program, folder));
            written.map_err(Error::io(folder))
        }
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(program).render(&mut page).map_err(Error::encode("the manual page"))?;
            stdout::print(String::from_utf8_lossy(&page))
        }
    }
}
