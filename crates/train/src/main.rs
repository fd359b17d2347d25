//! `wail`: the command line. See `wail --help`.

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
