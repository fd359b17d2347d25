//! `wail`: the command line. See `wail --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    match train::cli::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            train::terminal::stderr::line(format_args!("error: {error}"));
            ExitCode::from(error.exit_code())
        }
    }
}
