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

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{Cli, Command, StatusArgs};

/// The C library's allocator keeps a cache for each thread, which hundreds of threads that hardly
/// ever allocate would fill once and keep.
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    // Both are this program run again by itself in another part, and return only if it is not.
    vrrp::track::shim::intercept();
    vrrp_lab::intercept();
    match Cli::parse().command {
        Command::Run(args) => run::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Config(args) => check::config(&args),
        Command::Status(args) => status(&args),
        Command::Demo(args) => demo::run(&args),
    }
}

fn status(args: &StatusArgs) -> ExitCode {
    let status = match control::ask(&args.run_dir) {
        Ok(status) => status,
        Err(error) => {
            eprintln!("vrrpd: {error}");
            return ExitCode::from(exit::UNAVAILABLE);
        }
    };
    if !args.json {
        exit::print(format_args!("{}", status.to_string().trim_end()));
        return exit::OK;
    }
    match serde_json::to_string_pretty(&status) {
        Ok(text) => {
            exit::print(format_args!("{text}"));
            exit::OK
        }
        Err(error) => {
            eprintln!("vrrpd: {error}");
            ExitCode::from(exit::UNAVAILABLE)
        }
    }
}
