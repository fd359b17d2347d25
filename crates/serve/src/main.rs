//! `wail-serve`: the classifier over HTTP. See `wail-serve --help`.

use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    match serve::cli::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}
