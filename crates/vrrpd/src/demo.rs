//! `vrrpd demo`.

use std::process::ExitCode;

use crate::cli::DemoArgs;

pub(crate) fn run(_args: &DemoArgs) -> ExitCode {
    ExitCode::FAILURE
}
