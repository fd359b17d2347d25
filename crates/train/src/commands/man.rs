//! `wail man`

use std::io;
use std::path::PathBuf;

use crate::Error;

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
/// [`Error::Io`] if it cannot be written.
pub fn run(args: &Args, program: clap::Command) -> Result<(), Error> {
    let (written, what) = match &args.out {
        Some(folder) => {
            let written = std::fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(program, folder));
            (written, folder.display().to_string())
        }
        None => (clap_mangen::Man::new(program).render(&mut io::stdout()), "the manual page".into()),
    };
    written.map_err(|source| Error::Io { what, source })
}
