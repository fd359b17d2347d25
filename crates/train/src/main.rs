//! `train`: the command line of Wail. See `train --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    match train::cli::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}
