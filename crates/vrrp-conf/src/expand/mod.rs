//! The pre-pass: includes, conditional lines, variables, sequences and comments.
//!
//! It works line by line, as the language is defined: a line of a file loses its comment and
//! gains its continuation lines; then `@id` decides whether it counts, `$NAME=` defines,
//! `~SEQ` and `~LST` repeat the rest, and what remains has its variables replaced and goes
//! to the expanded text. Where a replacement is at the beginning of a line or brings several
//! lines, what it brings is looked at in the same way. Every byte that goes out takes its
//! [`Origin`] along.

mod include;
mod lexer;
mod line;
mod repeat;
mod variable;

use core::ops::Range;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) use include::{read_file, read_limited};
pub(crate) use lexer::may_direct;
use lexer::{Beginning, Doubt, Logical};
use line::Line;
use variable::{Random, Variable};

use crate::source::{ExpansionId, FileId, FileRange, Origin};
use crate::{Code, Diagnostic, Fix, Options, SourceMap, Span};

/// Expands a text and all that it includes; gives the expanded range of the map, or nothing
/// if a limit was reached before the end.
pub(crate) fn expand(
    name: &str,
    text: &str,
    options: &Options,
    sources: &mut SourceMap,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Span> {
    let start = sources.expanded_len();
    let mut expander = Expander::new(options, sources);
    let file = expander.sources.add_file(name.into(), text.into());
    expander.file(file, Path::new(name));
    let findings = core::mem::take(&mut expander.findings);
    let complete = !expander.stopped;
    if sources.expanded_len() == start {
        // So that a finding about nothing has a place.
        sources.push("\n", Origin { file, offset: 0, stands_for: 1, expansion: None });
    }
    let end = sources.expanded_len();
    diagnostics.extend(findings.into_iter().map(|finding| finding.place(sources)));
    complete.then_some(Span::new(start, end))
}

/// A diagnostic about text that does not go out.
struct Finding {
    diagnostic: Diagnostic,
    at: FileRange,
    expansion: Option<ExpansionId>,
}

impl Finding {
    /// Writes the text that it is about behind the expanded text, to have a span for it.
    fn place(self, sources: &mut SourceMap) -> Diagnostic {
        let start = sources.expanded_len();
        let text = Arc::clone(sources.file_text(self.at.file));
        let origin = Origin {
            file: self.at.file,
            offset: self.at.start,
            stands_for: 0,
            expansion: self.expansion,
        };
        sources.push(text.get(self.at.range()).unwrap_or_default(), origin);
        let span = Span::new(start, sources.expanded_len());
        let fix = self.diagnostic.fix.map(|fix| Fix { span, ..fix });
        Diagnostic { span: Some(span), fix, ..self.diagnostic }
    }
}

/// The state of an expansion.
struct Expander<'a> {
    options: &'a Options,
    sources: &'a mut SourceMap,
    findings: Vec<Finding>,
    variables: HashMap<Box<str>, Variable>,
    reported_undefined: HashSet<String>,
    config_id: Option<Arc<str>>,
    random: Random,
    include_check: include::Checks,
    /// The directory of the file being read.
    directory: PathBuf,
    include_depth: usize,
    files: usize,
    /// How many files the include lines so far have asked for, whether they exist or not.
    wanted_files: usize,
    /// How deep lines are within lines.
    line_depth: usize,
    expansions: usize,
    /// Where this expansion's output begins.
    start: u32,
    /// A limit is reached: nothing more is read.
    stopped: bool,
}

impl<'a> Expander<'a> {
    fn new(options: &'a Options, sources: &'a mut SourceMap) -> Self {
        let start = sources.expanded_len();
        Self {
            options,
            sources,
            findings: Vec::new(),
            variables: HashMap::new(),
            reported_undefined: HashSet::new(),
            config_id: None,
            random: Random::default(),
            include_check: include::Checks::default(),
            directory: PathBuf::new(),
            include_depth: 0,
            files: 1,
            wanted_files: 0,
            line_depth: 0,
            expansions: 0,
            start,
            stopped: false,
        }
    }

    /// Reads a file's lines, with the directory and the include checks set for it.
    fn file(&mut self, file: FileId, path: &Path) {
        let parent = path.parent().unwrap_or(Path::new("")).to_owned();
        let directory = core::mem::replace(&mut self.directory, parent);
        let checks = self.include_check;
        let text = Arc::clone(self.sources.file_text(file));
        self.check_bytes(file, &text);
        let mut doubts = Vec::new();
        let place = |range: Range<usize>| FileRange {
            file,
            start: range.start as u32,
            end: range.end as u32,
        };
        for line in lexer::logical_lines(&text, &mut doubts) {
            if self.stopped {
                break;
            }
            match line {
                Logical::Plain(range) => match lexer::is_plain(&text[range.clone()]) {
                    true => self.copy(place(range)),
                    false => self.line(Line::of(place(range), None)),
                },
                Logical::Continued(parts) => {
                    self.continued(&parts.into_iter().map(place).collect::<Vec<_>>());
                }
            }
        }
        for (at, doubt) in doubts {
            self.report_doubt(place(at..at + 1), doubt, &text);
        }
        self.include_check = checks;
        self.directory = directory;
    }

    /// Reports what is no text. A value that has some of it is reported again, as an error.
    fn check_bytes(&mut self, file: FileId, text: &str) {
        let range = |at: usize, len| FileRange { file, start: at as u32, end: (at + len) as u32 };
        let mut stand_ins = crate::bytes::stand_ins(text);
        if let Some(first) = stand_ins.next() {
            let message = match stand_ins.count() {
                0 => "a byte that is not UTF-8".to_owned(),
                more => format!("{} bytes that are not UTF-8, the first one here", more + 1),
            };
            let diagnostic = Diagnostic::new(Code::NotUtf8, Span::default(), message);
            self.report(range(first, 4), None, diagnostic);
        }
        if let Some(first) = text.bytes().position(|byte| byte == 0) {
            let message = "a zero byte: the file is damaged, or in UTF-16".to_owned();
            self.stop(range(first, 1), None, Code::UnexpectedText, message);
        }
        if !text.contains('\n')
            && let Some(first) = text.trim_ascii_end().find('\r')
        {
            let message = "lines that end in a carriage return alone are one long line".to_owned();
            self.stop(range(first, 1), None, Code::UnexpectedText, message);
        }
    }

    /// Reports a comment that is probably none, or no good one.
    fn report_doubt(&mut self, sign: FileRange, doubt: Doubt, text: &str) {
        let written = &text[sign.range()];
        let new = |code, message: String| Diagnostic::new(code, Span::default(), message);
        let apart = format!(" {written}");
        let diagnostic = match doubt {
            Doubt::InWord => new(Code::HiddenComment, format!("`{written}` ends the word"))
                .label("a comment begins here")
                .help("put the word in quotes if the sign belongs to it, else a space before it")
                .fix(Span::default(), apart),
            Doubt::InPassword(left) => {
                let count = match left {
                    1 => "1 character is left".to_owned(),
                    left => format!("{left} characters are left"),
                };
                let message = format!("`{written}` ends the password: {count}");
                new(Code::PasswordCut, message)
                    .label("a comment begins here")
                    .help("choose another password, on all routers")
                    .fix(Span::default(), apart)
            }
            Doubt::Foreign => {
                let message = "`//` begins no comment, and there are braces behind it".to_owned();
                new(Code::ForeignComment, message).help("a comment begins with `#` or `!`")
            }
        };
        self.report(sign, None, diagnostic);
    }

    /// Lines joined by a backslash: the lines of a definition, or one long line.
    fn continued(&mut self, parts: &[FileRange]) {
        let Some(&first) = parts.first() else { return };
        let head = Line::of(first, None);
        if let Some(name) = self.multiline_definition(&head) {
            let lines = parts[1..].iter().map(|&part| Line::of(part, None)).collect();
            self.define(&name, lines, first);
        } else if !self.is_switched_off(&head) {
            self.line(Line::joined(parts));
        }
    }

    /// A line without anything to expand.
    fn copy(&mut self, range: FileRange) {
        let text = Arc::clone(self.sources.file_text(range.file));
        let text = &text[range.range()];
        if lexer::is_blank(text) {
            return;
        }
        if lexer::may_direct(text) && self.directive(&Line::of(range, None)) {
            return;
        }
        if self.has_room(text.len() + 1, range, None) {
            let origin =
                Origin { file: range.file, offset: range.start, stands_for: 0, expansion: None };
            self.sources.push(text, origin);
            self.newline(Origin { offset: range.end, ..origin });
        }
    }

    /// Any line: decides what it is, and does that.
    fn line(&mut self, mut line: Line) {
        if self.stopped || !self.descend(&line) {
            return;
        }
        while let Some(step) = self.step(&mut line) {
            match step {
                Step::Again => {}
                Step::Several(lines) => {
                    lines.into_iter().for_each(|line| self.line(line));
                    break;
                }
                Step::Finished => {
                    self.emit(&line);
                    break;
                }
            }
        }
        self.line_depth -= 1;
    }

    /// Looks at the beginning of a line; `None` if it has been dealt with.
    fn step(&mut self, line: &mut Line) -> Option<Step> {
        line.trim_start(self.sources);
        match lexer::beginning(line.peek()?.text(self.sources)) {
            Beginning::Condition(_) => self.condition(line).then_some(Step::Again),
            Beginning::Repetition(_) => self.repeat(line).then_some(Step::Finished),
            Beginning::Definition(_) => {
                let (name, value) = self.definition(line)?;
                let at = line.place(self.sources);
                self.define(&name, vec![value], at);
                None
            }
            Beginning::Reference => Some(self.replace(line, true)),
            Beginning::Words => Some(self.replace(line, false)),
        }
    }

    /// Takes `@id` or `@^id` off a line; gives whether the rest counts.
    fn condition(&mut self, line: &mut Line) -> bool {
        let text = line.peek().map_or("", |piece| piece.text(self.sources));
        let Beginning::Condition(wanted) = lexer::beginning(text) else { return true };
        let wanted = wanted.to_owned();
        line.advance("@".len() + wanted.len(), self.sources);
        match wanted.strip_prefix('^') {
            Some(unwanted) => *self.config_id() != *unwanted,
            None => *self.config_id() == *wanted,
        }
    }

    /// Whether a condition at the beginning of a line is not met.
    fn is_switched_off(&mut self, line: &Line) -> bool {
        let mut line = line.clone();
        line.trim_start(self.sources);
        line.first_char(self.sources) == Some('@') && !self.condition(&mut line)
    }

    /// The word that conditions are compared with.
    fn config_id(&mut self) -> Arc<str> {
        let given = self.options.config_id.as_deref();
        Arc::clone(self.config_id.get_or_insert_with(|| match given {
            Some(id) => id.into(),
            None => node_name().into(),
        }))
    }

    /// Writes a line to the expanded text, unless it is a directive of the pre-pass.
    fn emit(&mut self, line: &Line) {
        if line.is_blank(self.sources) {
            return;
        }
        if self.directive(line) {
            return;
        }
        let Some(last) = line.pieces().last().cloned() else { return };
        let bytes: usize = line.pieces().iter().map(|piece| piece.len()).sum();
        if !self.has_room(bytes + 1, last.at, last.expansion) {
            return;
        }
        for piece in line.pieces() {
            let text = piece.shared(self.sources);
            self.sources.push(text.as_str(), piece.origin());
        }
        self.newline(last.end_origin());
    }

    fn newline(&mut self, origin: Origin) {
        // A line break stands for itself where the file has one, so that plain text stays
        // one segment.
        let at = origin.offset as usize;
        let is_break = self.sources.file_text(origin.file).as_bytes().get(at) == Some(&b'\n');
        let stands_for = u32::from(!is_break);
        self.sources.push("\n", Origin { stands_for, ..origin });
    }

    fn descend(&mut self, line: &Line) -> bool {
        if self.line_depth >= self.options.limits.variable_depth {
            self.stop(
                line.place(self.sources),
                line.expansion(),
                Code::ExpansionTooDeep,
                format!("lines expand into lines more than {} deep", self.line_depth),
            );
            return false;
        }
        self.line_depth += 1;
        true
    }

    fn has_room(&mut self, more: usize, at: FileRange, expansion: Option<ExpansionId>) -> bool {
        let limit = self.options.limits.expanded_bytes;
        let used = (self.sources.expanded_len() - self.start) as usize;
        if used + more <= limit {
            return true;
        }
        let message = format!("the expanded configuration is larger than {limit} bytes");
        self.stop(at, expansion, Code::ExpansionTooLarge, message);
        false
    }

    /// Counts one replacement; `false` if there have been too many.
    fn count_expansion(&mut self, at: FileRange, expansion: Option<ExpansionId>) -> bool {
        let limit = self.options.limits.expansions;
        if self.expansions < limit {
            self.expansions += 1;
            return true;
        }
        let message = format!("more than {limit} replacements");
        self.stop(at, expansion, Code::ExpansionTooLarge, message);
        false
    }

    /// Reports that a limit is reached, and ends the expansion.
    fn stop(&mut self, at: FileRange, expansion: Option<ExpansionId>, code: Code, message: String) {
        if !core::mem::replace(&mut self.stopped, true) {
            self.report(at, expansion, Diagnostic::new(code, Span::default(), message));
        }
    }

    fn report(&mut self, at: FileRange, expansion: Option<ExpansionId>, diagnostic: Diagnostic) {
        self.findings.push(Finding { diagnostic, at, expansion });
        self.stopped |= self.findings.len() >= self.options.limits.findings();
    }
}

/// What the first look at a line found.
enum Step {
    /// The line has changed at its beginning: look again.
    Again,
    /// The line has become several.
    Several(Vec<Line>),
    /// Nothing is left to expand.
    Finished,
}

/// The first part of this machine's name.
fn node_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().split('.').next().unwrap_or_default().to_owned()
}
