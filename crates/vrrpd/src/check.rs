//! `vrrpd check` and `vrrpd config`, and the reading of configurations for all who need one.

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use vrrp_conf::cluster::{self, Cluster};
use vrrp_conf::{Code, Diagnostic, Includes, Limits, Loaded, Options, RenderOptions, SourceMap};

use crate::cli::{CheckArgs, ConfigArgs, Format};
use crate::{exit, system};

/// Reads a configuration file as the daemon does.
pub(crate) fn load(path: &Path, config_id: Option<&str>, lenient: bool) -> io::Result<Loaded> {
    vrrp_conf::load(path, &options(config_id, lenient))
}

fn options(config_id: Option<&str>, lenient: bool) -> Options {
    Options {
        config_id: config_id.map(str::to_owned),
        lenient,
        read_only: false,
        includes: Includes::Follow,
        limits: Limits::default(),
    }
}

/// The findings as text, with colours if standard error is a terminal.
pub(crate) fn rendered(diagnostics: &[Diagnostic], sources: &SourceMap) -> String {
    let color = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    vrrp_conf::render(diagnostics, sources, RenderOptions { color })
}

/// Runs `vrrpd config`.
pub(crate) fn config(args: &ConfigArgs) -> ExitCode {
    let loaded = match load(&args.file, args.config_id.as_deref(), args.lenient) {
        Ok(loaded) => loaded,
        Err(error) => return unreadable(&args.file.display().to_string(), &error),
    };
    eprint!("{}", rendered(&loaded.diagnostics, &loaded.sources));
    let Some(config) = loaded.config else { return ExitCode::from(exit::CONFIG) };
    let text = if args.json { config.to_json() } else { config.to_conf() };
    exit::print(format_args!("{}", text.trim_end()));
    exit::OK
}

/// Runs `vrrpd check`.
pub(crate) fn run(args: &CheckArgs) -> ExitCode {
    if let Some(code) = &args.explain {
        return explain(code);
    }
    let identifiers = match Identifiers::of(&args.config_id, &args.files) {
        Ok(identifiers) => identifiers,
        Err(error) => {
            eprintln!("vrrpd: {error}");
            return ExitCode::from(exit::USAGE);
        }
    };
    let of = |file: &PathBuf| options(identifiers.of_file(file), args.lenient);
    let options: Vec<_> = args.files.iter().map(of).collect();
    let files: Vec<_> = args.files.iter().map(PathBuf::as_path).zip(&options).collect();
    match read(&files) {
        Ok(cluster) => judge(args, cluster),
        Err((name, error)) => unreadable(&name, &error),
    }
}

/// A file alone is no cluster: that the others are missing is no finding.
fn read(files: &[(&Path, &Options)]) -> Result<Cluster, (String, io::Error)> {
    let [(path, options)] = files else { return cluster::load(files) };
    let name = path.display().to_string();
    let loaded = vrrp_conf::load(path, options).map_err(|error| (name.clone(), error))?;
    let Loaded { config, diagnostics, sources } = loaded;
    Ok(Cluster { members: vec![cluster::Member { name, config }], diagnostics, sources })
}

fn judge(args: &CheckArgs, mut cluster: Cluster) -> ExitCode {
    if args.system {
        for config in cluster.members.iter().filter_map(|member| member.config.as_ref()) {
            cluster.diagnostics.extend(system::check(config));
        }
    }
    match args.format {
        Format::Text => eprint!("{}", rendered(&cluster.diagnostics, &cluster.sources)),
        Format::Json => {
            let json = vrrp_conf::to_json(&cluster.diagnostics, &cluster.sources);
            exit::print(format_args!("{json}"));
        }
    }
    if cluster.diagnostics.iter().any(Diagnostic::is_error) {
        return ExitCode::from(exit::CONFIG);
    }
    if args.format == Format::Text {
        for member in &cluster.members {
            let instances = member.config.as_ref().map_or(0, |config| config.instances.len());
            exit::print(format_args!("{}: valid, virtual routers: {instances}", member.name));
        }
    }
    exit::OK
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

fn unreadable(name: &str, error: &io::Error) -> ExitCode {
    eprintln!("vrrpd: cannot read {name}: {error}");
    ExitCode::from(exit::USAGE)
}

/// The identifiers given with `-i`: one for all files, others for one each.
#[derive(Debug, PartialEq)]
struct Identifiers<'a> {
    for_all: Option<&'a str>,
    for_one: Vec<(&'a Path, &'a str)>,
}

impl<'a> Identifiers<'a> {
    fn of(given: &'a [String], files: &[PathBuf]) -> Result<Self, String> {
        let mut identifiers = Self { for_all: None, for_one: Vec::new() };
        for word in given {
            match word.split_once('=') {
                None if identifiers.for_all.replace(word).is_some() => {
                    return Err(format!(
                        "-i {word}: there is one identifier for all files already"
                    ));
                }
                None => {}
                Some((_, file)) if !files.iter().any(|known| known == Path::new(file)) => {
                    return Err(format!("-i {word}: {file} is none of the files to check"));
                }
                Some((identifier, file)) => {
                    identifiers.for_one.push((Path::new(file), identifier));
                }
            }
        }
        Ok(identifiers)
    }

    fn of_file(&self, file: &Path) -> Option<&'a str> {
        let own = self.for_one.iter().find(|(known, _)| *known == file);
        own.map(|(_, identifier)| *identifier).or(self.for_all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_for_all_files_or_for_the_one_it_names() {
        let files = [PathBuf::from("a.conf"), PathBuf::from("b.conf")];
        let given = ["x".to_owned(), "y=b.conf".to_owned()];
        let identifiers = Identifiers::of(&given, &files).unwrap();
        assert_eq!(identifiers.of_file(&files[0]), Some("x"));
        assert_eq!(identifiers.of_file(&files[1]), Some("y"));
        assert!(Identifiers::of(&["y=c.conf".to_owned()], &files).is_err());
        assert!(Identifiers::of(&["x".to_owned(), "y".to_owned()], &files).is_err());
    }
}
