//! The daemon: threads, channels, signals, notify programs and the control socket around the VRRP
//! libraries. `docs/ARCHITECTURE.md` is the map.

mod check;
mod cli;
mod control;
mod demo;
mod exit;
mod logging;
mod notify;
mod run;
mod rundir;
mod setup;
mod status;
mod users;
mod words;

use std::fmt::Display;
use std::process::ExitCode;

use clap::Parser as _;
use serde::Serialize;

use crate::cli::{Cli, Command, ReloadArgs, StatusArgs};

/// The C library's allocator keeps a cache for each thread, which hundreds of threads that hardly
/// ever allocate would fill once and keep.
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    // These are this program run again by itself in another part, and return only if it is not.
    vrrp_guard::intercept(run::GUARD);
    vrrp::track::shim::intercept();
    vrrp_lab::intercept();
    match Cli::parse().command {
        Command::Run(args) => run::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Config(args) => check::config(&args),
        Command::Status(args) => status(&args),
        Command::Reload(args) => reload(&args),
        Command::Demo(args) => demo::run(&args),
    }
}

fn status(args: &StatusArgs) -> ExitCode {
    match control::ask_status(&args.run_dir) {
        Ok(status) => show(&status, args.json),
        Err(error) => unavailable(&error),
    }
}

fn reload(args: &ReloadArgs) -> ExitCode {
    let report = match control::ask_reload(&args.run_dir, args.dry_run) {
        Ok(report) => report,
        Err(error) => return unavailable(&error),
    };
    if !args.json {
        eprint!("{}", report.diagnostics);
    }
    let shown = show(&report, args.json);
    match &report.refused {
        None => shown,
        Some(why) => {
            eprintln!("vrrpd: not reloaded, the configuration before it is in force: {why}");
            ExitCode::from(exit::CONFIG)
        }
    }
}

/// Prints an answer, for people or as JSON.
fn show(answer: &(impl Display + Serialize), as_json: bool) -> ExitCode {
    let text = match as_json {
        false => answer.to_string(),
        true => match serde_json::to_string_pretty(answer) {
            Ok(text) => text,
            Err(error) => return unavailable(&error),
        },
    };
    if !text.trim_end().is_empty() {
        exit::print(format_args!("{}", text.trim_end()));
    }
    exit::OK
}

fn unavailable(error: &dyn Display) -> ExitCode {
    eprintln!("vrrpd: {error}");
    ExitCode::from(exit::UNAVAILABLE)
}
