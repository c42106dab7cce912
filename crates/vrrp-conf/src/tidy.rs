//! Findings in the order of the text, each mistake once.

use std::collections::HashSet;

use crate::source::FileRange;
use crate::{Code, Diagnostic, SourceMap, Span};

/// Sorts findings by their places, and leaves out those that only repeat another one.
pub(crate) fn tidy(found: Vec<Diagnostic>, sources: &SourceMap) -> Vec<Diagnostic> {
    let mut found = without_unclosed_lines(found, sources);
    found.sort_by_cached_key(|found| (found.span.map(|span| sources.order(span)), found.code));
    let mut tidy = Tidy { kept: Vec::with_capacity(found.len()), at: None, repeated: Vec::new() };
    for diagnostic in found {
        let place = diagnostic.span.and_then(|span| sources.resolve(span));
        tidy.take(diagnostic, place.map(|(at, _)| at));
    }
    tidy.end_place();
    tidy.kept
}

/// Where a quote is not closed, nothing else on the line is what it seems.
fn without_unclosed_lines(found: Vec<Diagnostic>, sources: &SourceMap) -> Vec<Diagnostic> {
    let line = |found: &Diagnostic| {
        let (at, _) = sources.resolve(found.span?)?;
        Some((at.file, sources.lines(at).start))
    };
    let quotes = found.iter().filter(|found| found.code == Code::UnclosedQuote);
    let spoilt: HashSet<_> = quotes.filter_map(line).collect();
    if spoilt.is_empty() {
        return found;
    }
    let counts = |found: &Diagnostic| {
        found.code == Code::UnclosedQuote || line(found).is_none_or(|line| !spoilt.contains(&line))
    };
    found.into_iter().filter(counts).collect()
}

struct Tidy {
    kept: Vec<Diagnostic>,
    /// The place of the last finding.
    at: Option<FileRange>,
    /// The kinds of findings there, and how many are like the first of each.
    repeated: Vec<Repeated>,
}

struct Repeated {
    code: Code,
    /// The first one's place in the expanded text; each repetition has another.
    span: Span,
    kept: usize,
    more: usize,
}

impl Tidy {
    fn take(&mut self, found: Diagnostic, at: Option<FileRange>) {
        if self.at != at {
            self.end_place();
            self.at = at;
        } else if found.code == Code::UndefinedVariable && self.explains_last(&found) {
            return;
        }
        if let Some(span) = found.span {
            let code = match found.code {
                Code::UnclosedAtEnd => Code::UnclosedBrace,
                code => code,
            };
            match self.repeated.iter_mut().find(|other| other.code == code) {
                Some(other) if other.span == span => {}
                Some(other) => return other.more += 1,
                None => {
                    let kept = self.kept.len();
                    self.repeated.push(Repeated { code, span, kept, more: 0 });
                }
            }
        }
        self.kept.push(found);
    }

    /// Whether an error at the same place is due to an undefined variable; says so there.
    fn explains_last(&mut self, variable: &Diagnostic) -> bool {
        let Some(last) = self.kept.last_mut().filter(|last| last.is_error()) else { return false };
        last.notes.push(variable.message.clone());
        last.help = variable.help.clone().or(last.help.take());
        true
    }

    /// Says how often findings at one place were repeated.
    fn end_place(&mut self) {
        for Repeated { kept, more, .. } in self.repeated.drain(..).filter(|other| other.more > 0) {
            let note = format!("and {} more like it from the same place", grouped(more));
            self.kept[kept].notes.push(note);
        }
    }
}

/// A number with a comma between groups of three digits.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn digits_are_grouped() {
        assert_eq!([7, 4999, 1_234_567].map(grouped), ["7", "4,999", "1,234,567"]);
    }
}
