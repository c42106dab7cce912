//! Findings as text for people.

use core::ops::Range;
use std::borrow::Cow;
use std::sync::Arc;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use serde::Serialize;

use crate::bytes::shown;
use crate::source::FileRange;
use crate::{Diagnostic, Location, Severity, SourceMap, Span};

/// How to write findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct RenderOptions {
    /// With the terminal's colours.
    pub color: bool,
}

impl RenderOptions {
    /// The same with the terminal's colours, or without.
    #[must_use]
    pub const fn color(mut self, color: bool) -> Self {
        self.color = color;
        self
    }
}

/// Places that are further apart than this have their lines shown apart.
const MAX_LINES_BETWEEN: u32 = 20;
/// Lines that are longer than this together are not shown: nobody reads them.
const MAX_EXCERPT_BYTES: usize = 16 << 10;
/// Characters of a message that are shown.
const MAX_SENTENCE_CHARS: usize = 200;
/// Steps of a chain of replacements that are shown.
const MAX_STEPS: usize = 4;

/// The findings as text: each with its place as `FILE:LINE:COLUMN`, the line and a caret, and
/// a count of them at the end.
pub fn render(diagnostics: &[Diagnostic], sources: &SourceMap, options: RenderOptions) -> String {
    let renderer = if options.color { Renderer::styled() } else { Renderer::plain() };
    let mut text = String::new();
    for diagnostic in diagnostics {
        text.push_str(&renderer.render(&[group(diagnostic, sources)]));
        let is_note = diagnostic.severity == Severity::Note;
        text.push_str(if is_note { "\n" } else { "\n\n" });
    }
    if let Some(count) = count(diagnostics) {
        text.push_str(&count);
        text.push('\n');
    }
    shown(text)
}

/// `2 errors, 1 warning`.
fn count(diagnostics: &[Diagnostic]) -> Option<String> {
    let of = |severity: Severity| {
        let count = diagnostics.iter().filter(|found| found.severity == severity).count();
        let plural = if count == 1 { "" } else { "s" };
        (count > 0).then(|| format!("{count} {severity}{plural}"))
    };
    match (of(Severity::Error), of(Severity::Warning)) {
        (Some(errors), Some(warnings)) => Some(format!("{errors}, {warnings}")),
        (count, other) => count.or(other),
    }
}

/// A place to mark.
struct Mark {
    at: FileRange,
    kind: AnnotationKind,
    label: Option<String>,
}

fn group<'s>(diagnostic: &'s Diagnostic, sources: &'s SourceMap) -> Group<'s> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => return note(diagnostic, sources),
    };
    let title = level.primary_title(visible(&diagnostic.message)).id(diagnostic.code.as_str());
    let mut group = Group::with_title(title);
    for (excerpt, marks) in by_excerpt(marks(diagnostic, sources), sources) {
        let (text, _) = sources.line_text(excerpt.file.file, excerpt.lines.clone());
        group = match text.len() > MAX_EXCERPT_BYTES {
            true => group.element(place(excerpt.file, sources)),
            false => group.element(snippet(&excerpt, marks, sources)),
        };
    }
    let notes = diagnostic.notes.iter().map(|note| Level::NOTE.message(visible(note)));
    let help = diagnostic.help.iter().map(|help| Level::HELP.message(visible(help)));
    group.elements(notes).elements(help)
}

/// A note is one line.
fn note<'s>(diagnostic: &'s Diagnostic, sources: &'s SourceMap) -> Group<'s> {
    let message = visible(&diagnostic.message);
    let title = match diagnostic.span.and_then(|span| sources.location(span)) {
        Some(place) => format!("{place}: {message}").into(),
        None => message,
    };
    Group::with_title(Level::NOTE.primary_title(title).id(diagnostic.code.as_str()))
}

/// A sentence as it may be shown: what is invisible is written out, and what is very long,
/// because a word of the configuration is, is cut in the middle.
fn visible(text: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    if text.contains(is_invisible) {
        let written = |c: char| match is_invisible(c) {
            true => format!("\\u{{{:x}}}", u32::from(c)),
            false => c.to_string(),
        };
        text = text.chars().map(written).collect::<String>().into();
    }
    let half = MAX_SENTENCE_CHARS / 2;
    match (text.char_indices().nth(half), text.char_indices().nth_back(half)) {
        (Some((start, _)), Some((end, _))) if start < end => {
            format!("{}…{}", &text[..start], &text[end..]).into()
        }
        _ => text,
    }
}

/// Whether a character leaves no trace on a terminal, or changes what others look like.
fn is_invisible(c: char) -> bool {
    let of_direction = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control()
        || of_direction
        || matches!(c, '\u{a0}' | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{2029}')
        || matches!(c, '\u{2060}' | '\u{feff}')
}

/// The finding's place, its other places, and the way to it.
fn marks(diagnostic: &Diagnostic, sources: &SourceMap) -> Vec<Mark> {
    let mut marks = Vec::new();
    let mut mark = |span: Span, kind, label| {
        marks.extend(sources.resolve(span).map(|(at, _)| Mark { at, kind, label }));
    };
    if let Some(span) = diagnostic.span {
        let label = diagnostic.label.as_deref().map(visible).map(Cow::into_owned);
        mark(span, AnnotationKind::Primary, label);
    }
    for label in &diagnostic.labels {
        mark(label.span, AnnotationKind::Context, Some(visible(&label.text).into_owned()));
    }
    if let Some(span) = diagnostic.span {
        let steps = sources.steps(span);
        for (what, at) in steps.into_iter().take(MAX_STEPS) {
            let label = Some(format!("expanded from `{what}` here"));
            marks.push(Mark { at, kind: AnnotationKind::Context, label });
        }
    }
    marks
}

/// The marks in groups that are near each other, with the lines that each group needs.
fn by_excerpt(marks: Vec<Mark>, sources: &SourceMap) -> Vec<(Excerpt, Vec<Mark>)> {
    let mut excerpts: Vec<(Excerpt, Vec<Mark>)> = Vec::new();
    for mark in marks {
        let own = Excerpt::of(mark.at, sources);
        match excerpts.iter_mut().find(|(excerpt, _)| excerpt.is_near(&own)) {
            Some((excerpt, marks)) => {
                excerpt.lines.start = excerpt.lines.start.min(own.lines.start);
                excerpt.lines.end = excerpt.lines.end.max(own.lines.end);
                marks.push(mark);
            }
            None => excerpts.push((own, vec![mark])),
        }
    }
    excerpts
}

/// Some lines of a file.
struct Excerpt {
    file: FileRange,
    /// Counted from 0.
    lines: Range<u32>,
}

impl Excerpt {
    fn of(at: FileRange, sources: &SourceMap) -> Self {
        Self { file: at, lines: sources.lines(at) }
    }

    fn is_near(&self, other: &Self) -> bool {
        self.file.file == other.file.file
            && self.lines.start <= other.lines.end + MAX_LINES_BETWEEN
            && other.lines.start <= self.lines.end + MAX_LINES_BETWEEN
    }
}

/// A place without its line.
fn place(at: FileRange, sources: &SourceMap) -> Origin<'_> {
    let location = sources.locate(at);
    Origin::path(&**sources.file_name(at.file))
        .line(location.line as usize)
        .char_column(location.column as usize)
}

fn snippet<'s>(
    excerpt: &Excerpt,
    marks: Vec<Mark>,
    sources: &'s SourceMap,
) -> Snippet<'s, Annotation<'s>> {
    let (text, start) = sources.line_text(excerpt.file.file, excerpt.lines.clone());
    let annotations = marks.into_iter().map(|mark| {
        let from = (mark.at.start as usize).saturating_sub(start).min(text.len());
        let to = (mark.at.end as usize).saturating_sub(start).clamp(from, text.len());
        mark.kind.span(from..to).label(mark.label)
    });
    Snippet::source(without_secrets(text))
        .path(&**sources.file_name(excerpt.file.file))
        .line_start(excerpt.lines.start as usize + 1)
        .annotations(annotations)
}

/// Lines of a file with an asterisk for each byte of a password or a key, and of what follows it, so
/// that all else stays where it is.
fn without_secrets(lines: &str) -> Cow<'_, str> {
    let mut shown = Cow::Borrowed(lines);
    let words = ["auth_pass", "key"].into_iter().flat_map(|word| lines.match_indices(word));
    for (at, word) in words {
        let start = at + word.len();
        // `active_key` is followed by no secret.
        if word == "key" && lines[..at].ends_with('_') {
            continue;
        }
        let line = lines[start..].lines().next().unwrap_or_default();
        let value = line.trim_start_matches([' ', '\t']);
        if value.len() == line.len() {
            continue;
        }
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
        let closed = quote.and_then(|quote| value[1..].find(quote));
        // Up to the end of the block, or to a comment that is no part of it.
        let ends = [value.find('}'), value.find(" #"), value.find(" !")];
        let end = ends.into_iter().flatten().min().unwrap_or(value.len());
        let len = closed.map_or(end, |len| len + 2);
        let hidden = value[..len].bytes().map(|byte| match byte {
            b' ' | b'\t' => char::from(byte),
            _ => '*',
        });
        let from = start + line.len() - value.len();
        shown.to_mut().replace_range(from..from + len, &hidden.collect::<String>());
    }
    shown
}

/// The findings as JSON for editors and CI: an array of objects with `severity`, `code`,
/// `message`, `file`, `line`, `column`, `end_line`, `end_column`, `label`, `labels`,
/// `expanded_from`, `notes` and `help`.
pub fn to_json(diagnostics: &[Diagnostic], sources: &SourceMap) -> String {
    let mut text = String::from("[");
    for (index, diagnostic) in diagnostics.iter().enumerate() {
        text.push_str(if index == 0 { "\n  " } else { ",\n  " });
        let object = serde_json::to_string(&JsonFinding::of(diagnostic, sources));
        text.push_str(&object.expect("its keys are strings, and writing to memory cannot fail"));
    }
    text.push_str(if diagnostics.is_empty() { "]\n" } else { "\n]\n" });
    shown(text)
}

#[derive(Serialize)]
struct JsonFinding<'d> {
    severity: String,
    code: &'static str,
    message: &'d str,
    #[serde(flatten)]
    place: Option<JsonPlace>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'d str>,
    labels: Vec<JsonLabel<'d>>,
    expanded_from: Vec<JsonStep>,
    notes: &'d [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<&'d str>,
}

#[derive(Serialize)]
struct JsonPlace {
    file: Arc<str>,
    line: u32,
    column: u32,
    end_line: u32,
    end_column: u32,
}

#[derive(Serialize)]
struct JsonLabel<'d> {
    text: &'d str,
    #[serde(flatten)]
    place: Option<JsonPlace>,
}

#[derive(Serialize)]
struct JsonStep {
    what: Arc<str>,
    file: Arc<str>,
    line: u32,
    column: u32,
}

impl<'d> JsonFinding<'d> {
    fn of(diagnostic: &'d Diagnostic, sources: &SourceMap) -> Self {
        let place = |span| JsonPlace::of(span, sources);
        let labels = diagnostic.labels.iter();
        let steps = diagnostic.span.map(|span| sources.expansions(span)).unwrap_or_default();
        let steps = steps.into_iter().map(|step| JsonStep {
            what: step.what,
            file: step.used_at.file,
            line: step.used_at.line,
            column: step.used_at.column,
        });
        Self {
            severity: diagnostic.severity.to_string(),
            code: diagnostic.code.as_str(),
            message: &diagnostic.message,
            place: diagnostic.span.and_then(place),
            label: diagnostic.label.as_deref(),
            labels: labels
                .map(|label| JsonLabel { text: &label.text, place: place(label.span) })
                .collect(),
            expanded_from: steps.collect(),
            notes: &diagnostic.notes,
            help: diagnostic.help.as_deref(),
        }
    }
}

impl JsonPlace {
    fn of(span: Span, sources: &SourceMap) -> Option<Self> {
        let (start, end) = sources.range(span)?;
        let Location { file, line, column } = start;
        Some(Self { file, line, column, end_line: end.line, end_column: end.column })
    }
}
