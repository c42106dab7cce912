//! Findings as text for people.

use core::fmt::Write;
use core::ops::Range;
use std::borrow::Cow;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use crate::bytes::shown;
use crate::source::FileRange;
use crate::{Diagnostic, Severity, SourceMap, Span};

/// How to write findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RenderOptions {
    /// With the terminal's colours.
    pub color: bool,
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
        text.push_str("\n\n");
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
    Snippet::source(text)
        .path(&**sources.file_name(excerpt.file.file))
        .line_start(excerpt.lines.start as usize + 1)
        .annotations(annotations)
}

/// The findings as JSON for editors and CI: an array of objects with `severity`, `code`,
/// `message`, `file`, `line`, `column`, `end_line`, `end_column`, `label`, `labels`,
/// `expanded_from`, `notes` and `help`.
pub fn to_json(diagnostics: &[Diagnostic], sources: &SourceMap) -> String {
    let mut text = String::from("[");
    for (index, diagnostic) in diagnostics.iter().enumerate() {
        text.push_str(if index == 0 { "\n" } else { ",\n" });
        json_object(&mut text, diagnostic, sources);
    }
    text.push_str(if diagnostics.is_empty() { "]\n" } else { "\n]\n" });
    shown(text)
}

fn json_object(text: &mut String, diagnostic: &Diagnostic, sources: &SourceMap) {
    let Diagnostic { severity, code, message, .. } = diagnostic;
    let _ = write!(text, "  {{\"severity\":\"{severity}\",\"code\":\"{code}\",\"message\":");
    json_string(text, message);
    if let Some(span) = diagnostic.span {
        json_place(text, span, sources);
    }
    if let Some(label) = &diagnostic.label {
        text.push_str(",\"label\":");
        json_string(text, label);
    }
    text.push_str(",\"labels\":[");
    for (index, label) in diagnostic.labels.iter().enumerate() {
        text.push_str(if index == 0 { "{\"text\":" } else { ",{\"text\":" });
        json_string(text, &label.text);
        json_place(text, label.span, sources);
        text.push('}');
    }
    text.push_str("],\"expanded_from\":[");
    let steps = diagnostic.span.map(|span| sources.expansions(span)).unwrap_or_default();
    for (index, step) in steps.iter().enumerate() {
        text.push_str(if index == 0 { "{\"what\":" } else { ",{\"what\":" });
        json_string(text, &step.what);
        text.push_str(",\"file\":");
        json_string(text, &step.used_at.file);
        let _ =
            write!(text, ",\"line\":{},\"column\":{}}}", step.used_at.line, step.used_at.column);
    }
    text.push_str("],\"notes\":[");
    for (index, note) in diagnostic.notes.iter().enumerate() {
        text.push_str(if index == 0 { "" } else { "," });
        json_string(text, note);
    }
    text.push(']');
    if let Some(help) = &diagnostic.help {
        text.push_str(",\"help\":");
        json_string(text, help);
    }
    text.push('}');
}

fn json_place(text: &mut String, span: Span, sources: &SourceMap) {
    let Some((at, _)) = sources.resolve(span) else { return };
    let (start, end) = (sources.locate(at), sources.locate_end(at));
    text.push_str(",\"file\":");
    json_string(text, &start.file);
    let _ = write!(
        text,
        ",\"line\":{},\"column\":{},\"end_line\":{},\"end_column\":{}",
        start.line, start.column, end.line, end.column
    );
}

/// A JSON string (RFC 8259 §7).
pub(crate) fn json_string(text: &mut String, value: &str) {
    text.push('"');
    for c in value.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            c if u32::from(c) < 0x20 => {
                let _ = write!(text, "\\u{:04x}", u32::from(c));
            }
            c => text.push(c),
        }
    }
    text.push('"');
}
