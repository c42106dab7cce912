//! `include` and what it checks.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use super::line::Line;
use super::{Expander, lexer};
use crate::source::{ExpansionId, FileRange};
use crate::{Code, Diagnostic, Includes, Span};

/// The longest path that Linux takes.
const MAX_PATTERN_BYTES: usize = 4096;
/// How many brace expressions an include line may have.
const MAX_BRACES: usize = 64;

/// What has to be true of an include line's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Checks {
    readable: bool,
    matches: bool,
    wildcard_matches: bool,
    brace_matches: bool,
}

impl Checks {
    const ALL: Self =
        Self { readable: true, matches: true, wildcard_matches: true, brace_matches: true };

    /// The checks of an `include` keyword, on top of these.
    fn with_keyword(self, keyword: &str) -> Option<Self> {
        match keyword {
            "include" => Some(self),
            "includer" => Some(Self { readable: true, ..self }),
            "includem" => Some(Self { readable: true, matches: true, ..self }),
            "includew" => Some(Self { readable: true, wildcard_matches: true, ..self }),
            "includeb" => Some(Self { readable: true, brace_matches: true, ..self }),
            "includea" => Some(Self::ALL),
            _ => None,
        }
    }

    /// The checks that `include_check` with these words leaves.
    fn with_words(self, words: &[&str]) -> Self {
        if words.is_empty() {
            return Self::ALL;
        }
        let relative = words[0].starts_with(['+', '-']);
        let mut checks = if relative { self } else { Self::default() };
        for word in words {
            let on = !word.starts_with('-');
            match word.trim_start_matches(['+', '-']) {
                "readable" => checks.readable = on,
                "match" => (checks.matches, checks.readable) = (on, on || checks.readable),
                "wildcard_match" => {
                    (checks.wildcard_matches, checks.readable) = (on, on || checks.readable);
                }
                "brace_match" => {
                    (checks.brace_matches, checks.readable) = (on, on || checks.readable);
                }
                _ => {}
            }
        }
        checks
    }
}

/// An include line at work.
struct Include<'t> {
    pattern: &'t str,
    checks: Checks,
    at: FileRange,
    expansion: Option<ExpansionId>,
}

impl Expander<'_> {
    /// Obeys a directive; `true` if the line is nothing else.
    pub(super) fn directive(&mut self, line: &Line) -> bool {
        if !line.all().any(|piece| lexer::may_direct(piece.text(self.sources))) {
            return false;
        }
        let text = line.text(self.sources);
        let (keyword, rest) = lexer::directive(&text);
        match keyword {
            "include_check" => {
                let words: Vec<_> = rest.split_whitespace().collect();
                self.include_check = self.include_check.with_words(&words);
                false
            }
            "random_seed" => {
                if let Ok(seed) = rest.parse() {
                    self.random.seed(seed);
                }
                false
            }
            _ => match self.include_check.with_keyword(keyword) {
                Some(checks) => {
                    let (at, expansion) = (line.place(self.sources), line.expansion());
                    self.include(&Include { pattern: rest, checks, at, expansion });
                    true
                }
                None => false,
            },
        }
    }

    fn include(&mut self, include: &Include<'_>) {
        if matches!(self.options.includes, Includes::Refuse) {
            let message = "files are not included here".to_owned();
            return self.complain(include, Code::IncludeRefused, message);
        }
        let pattern = lexer::unquoted(include.pattern);
        if pattern.is_empty() {
            let message = "an include without a file".to_owned();
            return self.complain(include, Code::IncludeFailed, message);
        }
        let alternatives = match braces(pattern, self.options.limits.files) {
            Ok(alternatives) => alternatives,
            Err(problem) => return self.complain(include, Code::IncludeFailed, problem.to_owned()),
        };
        self.wanted_files += alternatives.len();
        if self.wanted_files > self.options.limits.files {
            return self.too_many_files(include);
        }
        let has_braces = alternatives.len() > 1;
        for alternative in alternatives {
            self.include_alternative(include, &alternative, has_braces);
        }
    }

    fn include_alternative(&mut self, include: &Include<'_>, pattern: &str, has_braces: bool) {
        let path = self.directory.join(pattern);
        if !pattern.contains(['*', '?', '[']) {
            return match self.exists(&path) {
                true => self.include_file(include, &path),
                false => {
                    let checks = include.checks;
                    let wanted = checks.matches || (has_braces && checks.brace_matches);
                    self.missing(include, wanted, format!("there is no file `{}`", path.display()));
                }
            };
        }
        let paths = self.matches(&path);
        if paths.is_empty() {
            let wanted = include.checks.wildcard_matches;
            self.missing(include, wanted, format!("no file matches `{pattern}`"));
        }
        for path in paths {
            self.include_file(include, &path);
        }
    }

    fn exists(&self, path: &Path) -> bool {
        match &self.options.includes {
            Includes::From(loader) => !loader.find(path).is_empty(),
            _ => path.exists(),
        }
    }

    /// The files that a pattern matches, no more than may be read.
    fn matches(&self, pattern: &Path) -> Vec<PathBuf> {
        let limit = self.options.limits.files;
        if let Includes::From(loader) = &self.options.includes {
            return loader.find(pattern).into_iter().take(limit).collect();
        }
        let paths = glob::glob(&pattern.display().to_string()).map(|paths| {
            paths.filter_map(Result::ok).filter(|path| path.is_file()).take(limit).collect()
        });
        paths.unwrap_or_default()
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        let limit = self.options.limits.expanded_bytes;
        match &self.options.includes {
            Includes::From(loader) => read_limited(&*loader.read(path)?, limit),
            _ => read_file(path, limit),
        }
    }

    fn missing(&mut self, include: &Include<'_>, wanted: bool, message: String) {
        let code = if wanted { Code::IncludeFailed } else { Code::IncludeMissing };
        self.complain(include, code, message);
    }

    fn include_file(&mut self, include: &Include<'_>, path: &Path) {
        if self.stopped || !self.may_include(include, path) {
            return;
        }
        match self.read(path) {
            Ok(text) => {
                self.files += 1;
                self.include_depth += 1;
                let name = path.display().to_string();
                let file = self.sources.add_file(name.into(), text.into());
                self.file(file, path);
                self.include_depth -= 1;
            }
            Err(error) => {
                let readable = include.checks.readable;
                let code = if readable { Code::IncludeFailed } else { Code::IncludeMissing };
                self.complain(include, code, format!("cannot read `{}`: {error}", path.display()));
            }
        }
    }

    fn may_include(&mut self, include: &Include<'_>, path: &Path) -> bool {
        let limits = self.options.limits;
        if self.files >= limits.files {
            self.too_many_files(include);
            return false;
        }
        if self.include_depth >= limits.include_depth {
            let depth = limits.include_depth;
            let message = format!("`{}` is included more than {depth} files deep", path.display());
            self.stop(include.at, include.expansion, Code::ExpansionTooDeep, message);
            return false;
        }
        true
    }

    fn too_many_files(&mut self, include: &Include<'_>) {
        let message = format!("more than {} files are included", self.options.limits.files);
        self.stop(include.at, include.expansion, Code::ExpansionTooDeep, message);
    }

    fn complain(&mut self, include: &Include<'_>, code: Code, message: String) {
        let diagnostic = Diagnostic::new(code, Span::default(), message);
        self.report(include.at, include.expansion, diagnostic);
    }
}

/// Reads a regular file of limited size; bytes that are no UTF-8 become stand-ins. Waits for
/// nobody: neither for a pipe's writer nor for what the kernel has yet to say (`/proc/kmsg`).
pub(crate) fn read_file(path: &Path, limit: usize) -> io::Result<String> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    read_limited(file, limit)
}

/// Reads at most `limit` bytes; more is an error.
pub(crate) fn read_limited(source: impl Read, limit: usize) -> io::Result<String> {
    let mut bytes = Vec::new();
    source.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > limit {
        return Err(io::Error::other(format!("larger than {limit} bytes")));
    }
    Ok(crate::bytes::decode(bytes))
}

/// The words that a csh-style brace expression stands for, at most `limit`.
fn braces(pattern: &str, limit: usize) -> Result<Vec<String>, &'static str> {
    if pattern.len() > MAX_PATTERN_BYTES {
        return Err("that is longer than the path of a file can be");
    }
    if pattern.matches('{').count() > MAX_BRACES {
        return Err("there are too many braces in it");
    }
    let mut finished = Vec::new();
    let mut open = vec![pattern.to_owned()];
    while let Some(pattern) = open.pop() {
        if finished.len() + open.len() >= limit {
            return Err("the braces stand for too many files");
        }
        match lexer::first_braces(&pattern)? {
            None => finished.push(pattern),
            Some((before, alternatives, after)) => {
                let words = alternatives.into_iter().rev();
                open.extend(words.map(|word| format!("{before}{word}{after}")));
            }
        }
    }
    Ok(finished)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_expand_in_order_and_nest() {
        let words = |pattern| braces(pattern, 100).unwrap();
        assert_eq!(words("a"), ["a"]);
        assert_eq!(words("{foo/{,cat,dog},bar}"), ["foo/", "foo/cat", "foo/dog", "bar"]);
        assert_eq!(words("{a,b}{c,d}"), ["ac", "ad", "bc", "bd"]);
        assert!(braces("{a", 100).is_err());
        assert!(braces(&"{".repeat(4096), 100).is_err());
        assert!(braces(&format!("{{a,b}}{}", "x".repeat(5000)), 100).is_err());
        assert!(braces(&"{a,b}".repeat(40), 100).is_err(), "2⁴⁰ words");
    }

    #[test]
    fn include_check_sets_adds_and_removes() {
        let none = Checks::default();
        assert_eq!(none.with_words(&[]), Checks::ALL);
        let matching = none.with_words(&["match"]);
        assert!(matching.matches && matching.readable && !matching.wildcard_matches);
        let both = matching.with_words(&["+brace_match", "-match"]);
        assert!(both.brace_matches && !both.matches);
    }
}
