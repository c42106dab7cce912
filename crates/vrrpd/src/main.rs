//! The daemon: threads, channels, signals, notify programs and the control socket around the VRRP
//! libraries. `docs/ARCHITECTURE.md` is the map.

mod check;
mod cli;
mod demo;
mod exit;
mod logging;
mod notify;
mod run;
mod setup;
mod upgrade;
mod users;

use std::fmt::Display;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;
use serde::Serialize;
use vrrp_control::{AskError, Client, DrainRequest, RunDir};

use crate::cli::{
    Cli, Command, EventsArgs, ExplainArgs, ReleaseArgs, ReloadArgs, StatusArgs, UndrainArgs,
    UpgradeArgs,
};

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
        Command::Explain(args) => explain(&args),
        Command::Events(args) => events(&args),
        Command::Reload(args) => reload(&args),
        Command::Upgrade(args) => upgrade(&args),
        Command::Drain(args) => drain(&args.what, true, args.wait.map(Duration::from_secs)),
        Command::Undrain(args) => drain(&args, false, None),
        Command::Release(args) => release(&args),
        Command::Demo(args) => demo::run(&args),
    }
}

fn status(args: &StatusArgs) -> ExitCode {
    match Client::of(&args.run_dir).status() {
        Ok(status) => show(&status, args.json),
        Err(error) => unavailable(&error),
    }
}

fn explain(args: &ExplainArgs) -> ExitCode {
    let status = match Client::of(&args.run_dir).status() {
        Ok(status) => status,
        Err(error) => return unavailable(&error),
    };
    let names = status.instances.iter().map(|instance| instance.name.as_str());
    let wanted = names.filter(|name| args.instance.as_deref().is_none_or(|wanted| wanted == *name));
    let texts: Vec<_> =
        wanted.filter_map(|name| status.explain(name)).map(|e| e.to_string()).collect();
    if let (Some(instance), []) = (&args.instance, texts.as_slice()) {
        eprintln!("vrrpd: the daemon has no instance {instance}");
        return ExitCode::from(exit::USAGE);
    }
    exit::print(format_args!("{}", texts.join("\n").trim_end()));
    exit::OK
}

fn events(args: &EventsArgs) -> ExitCode {
    let events = match Client::of(&args.run_dir).events(args.since) {
        Ok(events) => events,
        Err(error) => return unavailable(&error),
    };
    for line in events {
        let text = match line.map(|line| match args.json {
            false => Ok(line.to_string()),
            true => serde_json::to_string(&line),
        }) {
            Ok(Ok(text)) => text,
            Ok(Err(error)) => return unavailable(&error),
            Err(error) => return unavailable(&error),
        };
        if !exit::print(format_args!("{text}")) {
            return exit::OK;
        }
    }
    unavailable(&"the daemon has ended")
}

fn reload(args: &ReloadArgs) -> ExitCode {
    let report = match Client::of(&args.run_dir).reload(args.dry_run) {
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

fn upgrade(args: &UpgradeArgs) -> ExitCode {
    let binary = match args.binary.as_deref().map(std::path::absolute).transpose() {
        Ok(binary) => binary,
        Err(error) => {
            eprintln!("vrrpd: {error}");
            return ExitCode::from(exit::USAGE);
        }
    };
    let refused = |why: &dyn Display| {
        eprintln!("vrrpd: not upgraded, everything is as it was: {why}");
        ExitCode::from(exit::CONFIG)
    };
    let report = match Client::of(&args.run_dir).upgrade(binary.as_deref()) {
        Ok(report) => report,
        Err(AskError::Refused { why, .. }) => return refused(&why),
        Err(error) => return unavailable(&error),
    };
    let shown = show(&report, args.json);
    report.refused.as_ref().map_or(shown, |why| refused(why))
}

/// Keeps instances from taking part, or lets them take part again.
fn drain(args: &UndrainArgs, drain: bool, wait: Option<Duration>) -> ExitCode {
    let client = Client::of(&args.run_dir);
    let report = match client.drain(&DrainRequest { name: args.name.clone(), drain }) {
        Ok(report) => report,
        Err(error) => return unavailable(&error),
    };
    if let Some(why) = &report.refused {
        eprintln!("vrrpd: {why}");
        return ExitCode::from(exit::USAGE);
    }
    let shown = show(&report, args.json);
    let unheard: Vec<_> = report.unheard().collect();
    if drain && !unheard.is_empty() {
        let names = unheard.join(", ");
        eprintln!("vrrpd: warning: of {names} no other node was ever heard: there may be none");
    }
    let Some(limit) = wait else { return shown };
    match client.wait_for_successors(&report, limit) {
        Ok(alone) if alone.is_empty() => shown,
        Ok(alone) => {
            let (names, secs) = (alone.join(", "), limit.as_secs());
            eprintln!(
                "vrrpd: no other node has become master of {names} within {secs} s; `vrrpd undrain` \
                 takes the addresses back"
            );
            ExitCode::from(exit::CONFIG)
        }
        Err(error) => unavailable(&error),
    }
}

fn release(args: &ReleaseArgs) -> ExitCode {
    // Held, so that no daemon begins meanwhile.
    let run_dir = match RunDir::hold(args.run_dir.clone()) {
        Ok(run_dir) => run_dir,
        Err(error) => return unavailable(&error),
    };
    match vrrp_guard::release(&run_dir.path().join(run::RECORD)) {
        Ok(0) => exit::OK,
        Ok(count) => {
            eprintln!("vrrpd: removed {count} object(s) of a daemon that was killed");
            exit::OK
        }
        Err(error) => unavailable(&error),
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
