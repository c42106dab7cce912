//! `vrrpd check` and `vrrpd config`, and the reading of configurations for all who need one.

mod fix;
mod input;
mod system;

use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use vrrp_conf::cluster::{self, Cluster};
use vrrp_conf::{Code, Diagnostic, Loaded, RenderOptions, SourceMap, parse_str};

use self::input::Input;
use crate::cli::{CheckArgs, ConfigArgs, Format};
use crate::{exit, logging};

/// What `--explain` takes for the list of all codes.
const ALL_CODES: &str = "all";
/// How wide an explanation is.
const TEXT_COLUMNS: usize = 80;

/// Reads a configuration file as the daemon does.
pub(crate) fn load(path: &Path, config_id: Option<&str>, lenient: bool) -> io::Result<Loaded> {
    vrrp_conf::load(path, &input::options(config_id, lenient))
}

/// The findings as text, with colours if standard error is a terminal.
pub(crate) fn rendered(diagnostics: &[Diagnostic], sources: &SourceMap) -> String {
    vrrp_conf::render(diagnostics, sources, RenderOptions::default().color(logging::has_colors()))
}

/// Runs `vrrpd config`.
pub(crate) fn config(args: &ConfigArgs) -> ExitCode {
    let (name, text) = match input::read(&args.file, None) {
        Ok(read) => read,
        Err(error) => return usage(&error),
    };
    let options = input::options(args.config_id.as_deref(), args.lenient);
    let loaded = parse_str(&name, &text, &options);
    eprint!("{}", rendered(&loaded.diagnostics, &loaded.sources));
    let Some(config) = loaded.config else { return ExitCode::from(exit::CONFIG) };
    let config = if args.secrets { config } else { config.without_secrets() };
    let text = if args.json { config.to_json() } else { config.to_conf() };
    exit::print(format_args!("{}", text.trim_end()));
    exit::OK
}

/// Runs `vrrpd check`.
pub(crate) fn run(args: &CheckArgs) -> ExitCode {
    if let Some(code) = &args.explain {
        return explain(code);
    }
    let inputs = match input::read_all(args) {
        Ok(inputs) => inputs,
        Err(error) => return usage(&error),
    };
    if args.system && inputs.len() > 1 {
        return usage(&"--system looks at this machine: give the file of this machine alone");
    }
    let mut cluster = parsed(&inputs);
    if args.diff {
        return fix::show(&cluster);
    }
    if args.fix {
        if let Err((name, error)) = fix::write(&cluster) {
            return usage(&format_args!("cannot write {name}: {error}"));
        }
        match input::read_all(args) {
            Ok(inputs) => cluster = parsed(&inputs),
            Err(error) => return usage(&error),
        }
    }
    judge(args, cluster)
}

fn parsed(inputs: &[Input]) -> Cluster {
    let texts: Vec<_> =
        inputs.iter().map(|input| (&*input.name, &*input.text, &input.options)).collect();
    cluster::parse(&texts)
}

fn judge(args: &CheckArgs, mut cluster: Cluster) -> ExitCode {
    if args.system {
        let configs = cluster.members.iter().filter_map(|member| member.config.as_ref());
        for found in configs.map(system::check) {
            match found {
                Ok(found) => cluster.diagnostics.extend(found),
                Err(error) => {
                    eprintln!("vrrpd: cannot look at this machine: {error}");
                    return ExitCode::from(exit::UNAVAILABLE);
                }
            }
        }
    }
    // Where nothing is wrong, what is not VRRP is named in the line that says so.
    let skipped = skipped(&cluster);
    match args.format {
        Format::Text if !skipped.is_empty() => {}
        Format::Text => eprint!("{}", rendered(&cluster.diagnostics, &cluster.sources)),
        Format::Json => {
            let json = vrrp_conf::to_json(&cluster.diagnostics, &cluster.sources);
            exit::print(format_args!("{}", json.trim_end()));
        }
    }
    if cluster.diagnostics.iter().any(Diagnostic::is_error) {
        return ExitCode::from(exit::CONFIG);
    }
    if args.format == Format::Text {
        for member in &cluster.members {
            let instances = member.config.as_ref().map_or(0, |config| config.instances.len());
            exit::print(format_args!(
                "{}: valid, virtual routers: {instances}{skipped}",
                member.name
            ));
        }
    }
    exit::OK
}

/// What the only file belongs to besides VRRP, if nothing else is to be said about it.
fn skipped(cluster: &Cluster) -> String {
    let is_note = |found: &Diagnostic| found.code == Code::NotOurs;
    if cluster.members.len() > 1 || !cluster.diagnostics.iter().all(is_note) {
        return String::new();
    }
    let parts = cluster.diagnostics.iter().filter_map(|found| found.label.as_deref());
    match parts.collect::<Vec<_>>().as_slice() {
        [] => String::new(),
        parts => format!(", skipped: {}", parts.join(", ")),
    }
}

fn explain(code: &str) -> ExitCode {
    if code.eq_ignore_ascii_case(ALL_CODES) {
        for code in Code::ALL {
            exit::print(format_args!("{code}  {}", code.title()));
        }
        return exit::OK;
    }
    match code.parse::<Code>() {
        Ok(code) => {
            let text = wrapped(code.explanation());
            exit::print(format_args!("{code}: {}\n\n{text}", code.title()));
            exit::OK
        }
        Err(error) => {
            usage(&format_args!("{error}\n`vrrpd check --explain {ALL_CODES}` lists them"))
        }
    }
}

/// A text of long lines, broken between words.
fn wrapped(text: &str) -> String {
    let mut lines = String::new();
    for line in text.lines() {
        let mut column = 0;
        for word in line.split(' ') {
            let len = word.chars().count();
            let fits = column == 0 || column + 1 + len <= TEXT_COLUMNS;
            let between = if column == 0 {
                ""
            } else if fits {
                " "
            } else {
                "\n"
            };
            column = if fits { column + between.len() + len } else { len };
            let _ = write!(lines, "{between}{word}");
        }
        lines.push('\n');
    }
    lines.trim_end().to_owned()
}

fn usage(error: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("vrrpd: {error}");
    ExitCode::from(exit::USAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn explanations_fit_a_terminal_and_keep_their_words() {
        for code in Code::ALL {
            let text = wrapped(code.explanation());
            assert!(text.lines().all(|line| line.chars().count() <= TEXT_COLUMNS), "{text}");
            assert!(text.split_whitespace().eq(code.explanation().split_whitespace()));
        }
        assert_eq!(wrapped("one\n\ntwo"), "one\n\ntwo");
    }
}
