//! A corpus of sound configurations with all constructs of the language. That `keepalived -t`
//! agrees is seen to in `oracle.rs`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::{Path, PathBuf};

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
    let options = Options::default().read_only(true);
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
