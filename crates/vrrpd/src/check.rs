//! `vrrpd check`, and the reading of configurations for all who need one.

use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::process::ExitCode;

use vrrp_conf::{Code, Includes, Limits, Loaded, Options, RenderOptions};

use crate::cli::{CheckArgs, Format};
use crate::exit;

/// Reads a configuration file as the daemon does.
pub(crate) fn load(path: &Path, config_id: Option<&str>, lenient: bool) -> io::Result<Loaded> {
    let options = Options {
        config_id: config_id.map(str::to_owned),
        lenient,
        includes: Includes::Follow,
        limits: Limits::default(),
    };
    vrrp_conf::load(path, &options)
}

/// The findings as text, with colours if standard error is a terminal.
pub(crate) fn rendered(loaded: &Loaded) -> String {
    let color = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    vrrp_conf::render(&loaded.diagnostics, &loaded.sources, RenderOptions { color })
}

/// Runs the subcommand.
pub(crate) fn run(args: &CheckArgs) -> ExitCode {
    match (&args.explain, &args.file) {
        (Some(code), _) => explain(code),
        (None, Some(file)) => check(file, args),
        (None, None) => ExitCode::from(exit::USAGE),
    }
}

fn explain(code: &str) -> ExitCode {
    match code.parse::<Code>() {
        Ok(code) => {
            exit::print(format_args!("{code}: {}\n\n{}", code.title(), code.explanation()));
            exit::OK
        }
        Err(error) => {
            eprintln!("vrrpd: {error}");
            ExitCode::from(exit::USAGE)
        }
    }
}

fn check(file: &Path, args: &CheckArgs) -> ExitCode {
    let loaded = match load(file, args.config_id.as_deref(), args.lenient) {
        Ok(loaded) => loaded,
        Err(error) => {
            eprintln!("vrrpd: cannot read {}: {error}", file.display());
            return ExitCode::from(exit::USAGE);
        }
    };
    match args.format {
        Format::Text => eprint!("{}", rendered(&loaded)),
        Format::Json => {
            let json = vrrp_conf::to_json(&loaded.diagnostics, &loaded.sources);
            exit::print(format_args!("{json}"));
        }
    }
    if loaded.has_errors() {
        return ExitCode::from(exit::CONFIG);
    }
    if args.format == Format::Text {
        let instances = loaded.config.map_or(0, |config| config.instances.len());
        exit::print(format_args!("{}: valid, {instances} virtual router(s)", file.display()));
    }
    exit::OK
}
