//! What `vrrpd check` and `vrrpd config` are to read: files, or standard input, each under one or
//! several identifiers.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use vrrp_conf::{Limits, Options};

use crate::cli::CheckArgs;

/// What stands for standard input among the files.
const STDIN: &str = "-";

/// A text to read as the configuration of one machine.
pub(super) struct Input {
    pub(super) name: String,
    pub(super) text: String,
    pub(super) options: Options,
}

/// Why nothing can be checked.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(super) enum InputError {
    #[error("-i {0}: there is one identifier for all files already")]
    SecondIdentifier(String),
    #[error("-i {0}: the file is none of those to check")]
    OtherFile(String),
    #[error("{0} is there twice: to check it as several machines, give it `-i ID={0}` for each")]
    Twice(String),
    #[error("cannot read {0}: {1}")]
    Unreadable(String, String),
}

/// How a configuration is read, by the daemon too.
pub(super) fn options(config_id: Option<&str>, lenient: bool) -> Options {
    let options = Options::default().lenient(lenient);
    match config_id {
        Some(id) => options.config_id(id),
        None => options,
    }
}

/// Reads all that is to be checked.
pub(super) fn read_all(args: &CheckArgs) -> Result<Vec<Input>, InputError> {
    let identifiers = Identifiers::of(&args.config_id, &args.files)?;
    let mut seen = BTreeSet::new();
    let mut inputs = Vec::new();
    for file in &args.files {
        if !seen.insert(file) {
            return Err(InputError::Twice(file.display().to_string()));
        }
        let (name, text) = read(file, args.stdin_name.as_deref())?;
        for identifier in identifiers.of_file(file) {
            let options = options(identifier, args.lenient);
            inputs.push(Input { name: name.clone(), text: text.clone(), options });
        }
    }
    Ok(inputs)
}

/// Reads a file, or standard input: the name that findings call it, and the text.
pub(super) fn read(file: &Path, stdin_name: Option<&str>) -> Result<(String, String), InputError> {
    let is_stdin = file == Path::new(STDIN);
    let name = match stdin_name {
        Some(name) if is_stdin => name.to_owned(),
        None if is_stdin => "<stdin>".to_owned(),
        _ => file.display().to_string(),
    };
    let limits = Limits::default();
    let text = match is_stdin {
        true => vrrp_conf::read_text(io::stdin().lock(), &limits),
        false => File::open(file).and_then(|file| vrrp_conf::read_text(file, &limits)),
    };
    match text {
        Ok(text) => Ok((name, text)),
        Err(error) => Err(InputError::Unreadable(name, error.to_string())),
    }
}

/// The identifiers given with `-i`: one for all files, others for one each.
#[derive(Debug, PartialEq)]
struct Identifiers<'a> {
    for_all: Option<&'a str>,
    for_one: Vec<(&'a Path, &'a str)>,
}

impl<'a> Identifiers<'a> {
    fn of(given: &'a [String], files: &[PathBuf]) -> Result<Self, InputError> {
        let mut identifiers = Self { for_all: None, for_one: Vec::new() };
        for word in given {
            match word.split_once('=') {
                None if identifiers.for_all.replace(word).is_some() => {
                    return Err(InputError::SecondIdentifier(word.clone()));
                }
                None => {}
                Some((_, file)) if !files.iter().any(|known| known == Path::new(file)) => {
                    return Err(InputError::OtherFile(word.clone()));
                }
                Some((identifier, file)) => {
                    identifiers.for_one.push((Path::new(file), identifier));
                }
            }
        }
        Ok(identifiers)
    }

    /// What a file is to be read as, at least once.
    fn of_file(&self, file: &Path) -> Vec<Option<&'a str>> {
        let own = self.for_one.iter().filter(|(known, _)| *known == file);
        let own: Vec<_> = own.map(|(_, identifier)| Some(*identifier)).collect();
        if own.is_empty() { vec![self.for_all] } else { own }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words<const N: usize>(words: [&str; N]) -> [String; N] {
        words.map(str::to_owned)
    }

    #[test]
    fn an_identifier_is_for_all_files_or_for_the_one_it_names() {
        let files = [PathBuf::from("a.conf"), PathBuf::from("b.conf")];
        let given = words(["x", "y=b.conf", "z=b.conf"]);
        let identifiers = Identifiers::of(&given, &files).unwrap();
        assert_eq!(identifiers.of_file(&files[0]), [Some("x")]);
        assert_eq!(identifiers.of_file(&files[1]), [Some("y"), Some("z")]);
        let other = words(["y=c.conf"]);
        let error = Identifiers::of(&other, &files).unwrap_err();
        assert_eq!(error, InputError::OtherFile("y=c.conf".to_owned()));
        let second = words(["x", "y"]);
        let error = Identifiers::of(&second, &files).unwrap_err();
        assert_eq!(error, InputError::SecondIdentifier("y".to_owned()));
    }
}
