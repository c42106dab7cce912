//! A corpus of sound configurations with all constructs of the language: vrrpd and
//! `keepalived -t` agree that they are.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use vrrp_conf::{Code, Diagnostic, Options, RenderOptions, load, parse_str};

fn corpus() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|suffix| suffix == "conf")).collect();
    files.sort();
    files
}

/// What is sound, and only not done yet, is no fault of the configuration.
fn is_fault(diagnostic: &Diagnostic) -> bool {
    diagnostic.is_error() && diagnostic.code != Code::NotSupportedYet
}

#[test]
fn every_configuration_of_the_corpus_is_sound() {
    assert!(corpus().len() >= 100);
    for path in corpus() {
        let loaded = load(&path, &Options::default()).unwrap();
        let text = loaded.render(RenderOptions::default());
        assert!(!loaded.diagnostics.iter().any(is_fault), "{}\n{text}", path.display());
    }
}

#[test]
fn the_corpus_reads_back_as_it_is_printed() {
    let options = Options { read_only: true, ..Options::default() };
    for path in corpus() {
        let loaded = load(&path, &options).unwrap();
        let text = loaded.render(RenderOptions::default());
        let config = loaded.config.unwrap_or_else(|| panic!("{}\n{text}", path.display()));
        let printed = config.to_conf();
        let again = parse_str("printed", &printed, &options);
        let text = again.render(RenderOptions::default());
        assert_eq!(again.config.as_ref(), Some(&config), "{}\n{printed}{text}", path.display());
    }
}

/// Runs `keepalived -t` on each file in a network namespace with the interfaces that the
/// corpus names, and prints the exit codes.
const SCRIPT: &str = "
    set -e
    ip link set lo up
    for pair in '0 1' '2 3'; do
        set -- $pair \"$@\"
        ip link add eth$1 type veth peer name eth$2
        shift 2
    done
    for i in 0 1 2 3; do
        ip address add 192.168.$i.1/24 dev eth$i
        ip link set eth$i up
    done
    set +e
    for file; do
        message=$(keepalived -t -f \"$file\" 2>&1)
        echo \"$? $file $(echo $message)\"
    done";

fn in_namespace(files: &[PathBuf]) -> Option<Output> {
    let keepalived = Command::new("keepalived").arg("--version").output();
    if keepalived.is_err() {
        return None;
    }
    let mut command = Command::new("unshare");
    let output = command.args(["--map-root-user", "--net", "sh", "-c", SCRIPT, "sh"]).args(files);
    output.output().ok().filter(|output| output.status.success())
}

#[test]
fn keepalived_agrees_that_the_corpus_is_sound() {
    let Some(output) = in_namespace(&corpus()) else {
        eprintln!("skipped: needs keepalived and network namespaces");
        assert!(std::env::var_os("CI").is_none(), "CI has both");
        return;
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let verdicts: BTreeMap<_, _> = text
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(code, rest)| (rest, code))
        .collect();
    assert_eq!(verdicts.len(), corpus().len(), "{text}");
    for (file, code) in verdicts {
        // 6 is said of scripts that run as root without `enable_script_security`, and also where
        // there is more to say, which has a line.
        let sound = code == "0" || (code == "6" && !file.contains("Line "));
        assert!(sound, "exit {code}: {file}");
    }
}
