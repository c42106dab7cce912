//! The exit codes: few, and stable.

use std::process::ExitCode;

/// All went well.
pub(crate) const OK: ExitCode = ExitCode::SUCCESS;
/// The configuration has errors.
pub(crate) const CONFIG: u8 = 1;
/// Wrong usage, or a file that cannot be read. (Also clap's own code.)
pub(crate) const USAGE: u8 = 2;
/// The daemon cannot run, or does not answer.
pub(crate) const UNAVAILABLE: u8 = 3;

/// Writes to standard output; says whether anybody reads it. A reader that has gone away
/// (`vrrpd status | head -1`) is no error; whatever else is in the way ends the program.
pub(crate) fn print(text: std::fmt::Arguments<'_>) -> bool {
    use std::io::Write as _;
    match writeln!(std::io::stdout().lock(), "{text}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            eprintln!("vrrpd: cannot write the output: {error}");
            std::process::exit(UNAVAILABLE.into());
        }
        outcome => outcome.is_ok(),
    }
}
