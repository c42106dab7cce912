//! The top-level blocks of the expanded text, and whether its braces and quotes are sound.
//!
//! One pass over the bytes. What it passes on is balanced, closed and not too deep, so that
//! each block can be parsed alone and nothing in it can make the parser fail or overflow.

use crate::keywords;
use crate::{Code, Diagnostic, Span};

/// A top-level block or line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TopLevel<'t> {
    /// Its first word, as it is written.
    pub(crate) keyword: &'t str,
    /// Where it is.
    pub(crate) span: Span,
    /// So many braces are missing at its end, because the text ends there.
    pub(crate) unclosed: usize,
}

/// Splits `text`, which begins at byte `base` of the map, into its top-level blocks.
pub(crate) fn outline<'t>(
    text: &'t str,
    base: u32,
    max_depth: usize,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<TopLevel<'t>> {
    let mut scanner = Scanner {
        text,
        base,
        max_depth,
        diagnostics,
        blocks: Vec::new(),
        open: Vec::new(),
        suspect: None,
        current: None,
    };
    scanner.scan();
    scanner.blocks
}

/// A brace that is open.
#[derive(Debug, Clone, Copy)]
struct Open {
    at: u32,
    /// The indentation of its line.
    indentation: usize,
}

/// The block or line being read.
#[derive(Debug, Clone, Copy)]
struct Current<'t> {
    keyword: &'t str,
    start: usize,
    /// Something is wrong in it: it is not passed on.
    broken: bool,
}

struct Scanner<'t, 'd> {
    text: &'t str,
    base: u32,
    max_depth: usize,
    diagnostics: &'d mut Vec<Diagnostic>,
    blocks: Vec<TopLevel<'t>>,
    open: Vec<Open>,
    /// The block that was closed by a brace that looks like another block's.
    suspect: Option<Open>,
    current: Option<Current<'t>>,
}

impl<'t> Scanner<'t, '_> {
    fn scan(&mut self) {
        let mut start = 0;
        while start < self.text.len() {
            let end = self.text[start..].find('\n').map_or(self.text.len(), |len| start + len);
            self.line(start, end);
            start = end + 1;
        }
        let unclosed = self.open.len();
        match (self.open.last(), &self.suspect) {
            (None, _) => {}
            (Some(_), Some(_)) => self.report_unclosed(None),
            (Some(innermost), None) => {
                let at = innermost.at as usize;
                let message = "the file ends within this block";
                let span = self.span(at, at + 1);
                let diagnostic = Diagnostic::new(Code::UnclosedAtEnd, span, message)
                    .label("this `{` has no `}`")
                    .help("add a `}` on a line of its own at the end of the block");
                self.diagnostics.push(diagnostic);
            }
        }
        self.finish_unclosed(self.text.len(), unclosed);
    }

    fn line(&mut self, start: usize, end: usize) {
        let line = &self.text[start..end];
        let content = line.trim_start();
        if content.is_empty() {
            return;
        }
        let indentation = line.len() - content.len();
        let first = start + indentation;
        self.begin(first, content);
        let bytes = self.text.as_bytes();
        let mut at = first;
        while at < end {
            match bytes[at] {
                b'\\' => at += 1,
                quote @ (b'"' | b'\'') => match closing_quote(&bytes[..end], at, quote) {
                    Some(close) => at = close,
                    None => {
                        self.report_quote(at);
                        return;
                    }
                },
                b'$' => at = reference_end(&bytes[..end], at),
                b'{' => self.open_brace(at, indentation),
                b'}' => self.close_brace(at, at == first, indentation),
                _ => {}
            }
            at += 1;
        }
    }

    /// Notes where a top-level block or line begins, and ends what was before it.
    fn begin(&mut self, at: usize, content: &'t str) {
        let keyword = first_word(content);
        if !self.open.is_empty() {
            if keywords::is_only_top_level(keyword) && content[keyword.len()..].contains('{') {
                self.report_unclosed(Some(at));
                self.finish(at);
                self.current = Some(Current { keyword, start: at, broken: false });
            }
            return;
        }
        if keyword.is_empty() && content.starts_with('{') && self.current.is_some() {
            return;
        }
        self.finish(at);
        self.current = Some(Current { keyword, start: at, broken: false });
    }

    /// Passes the current block or line on, up to a place.
    fn finish(&mut self, end: usize) {
        self.finish_unclosed(end, 0);
    }

    fn finish_unclosed(&mut self, end: usize, unclosed: usize) {
        let Some(current) = self.current.take() else { return };
        if current.broken || current.keyword.is_empty() {
            return;
        }
        let text = self.text[current.start..end].trim_end();
        let span = self.span(current.start, current.start + text.len());
        self.blocks.push(TopLevel { keyword: current.keyword, span, unclosed });
    }

    fn open_brace(&mut self, at: usize, indentation: usize) {
        if let Some(current) = self.current.as_mut().filter(|current| current.keyword.is_empty()) {
            current.broken = true;
            self.report_stray(at, "a `{` without a keyword before it");
        }
        if self.open.len() == self.max_depth {
            let message = format!("blocks are nested more than {} deep", self.max_depth);
            self.report(Diagnostic::new(Code::TooDeep, self.span(at, at + 1), message));
        }
        self.open.push(Open { at: at as u32, indentation });
    }

    fn close_brace(&mut self, at: usize, begins_line: bool, indentation: usize) {
        let Some(open) = self.open.pop() else {
            self.report_stray(at, "a `}` without a `{`");
            return;
        };
        // A brace that stands under an outer block's beginning, and not under the one that
        // it closes, tells which one lacks its own.
        let looks_outer = self.open.iter().any(|outer| outer.indentation == indentation);
        if begins_line && indentation != open.indentation && looks_outer && self.suspect.is_none() {
            self.suspect = Some(open);
        }
        if self.open.is_empty() {
            self.suspect = None;
            let rest = self.text[at + 1..].trim_start_matches([' ', '\t', '\r']);
            if !rest.is_empty() && !rest.starts_with('\n') {
                let next = self.text.len() - rest.len();
                self.finish(at + 1);
                self.begin_behind(next);
            }
        }
    }

    /// Begins a block behind the end of another one, on the same line.
    fn begin_behind(&mut self, at: usize) {
        let content = &self.text[at..];
        let line = &content[..content.find('\n').unwrap_or(content.len())];
        self.current = Some(Current { keyword: first_word(line), start: at, broken: false });
    }

    fn report_unclosed(&mut self, next_block: Option<usize>) {
        let innermost = self.open.last().copied();
        self.open.clear();
        let Some(open) = self.suspect.take().or(innermost) else { return };
        let at = open.at as usize;
        let message = "this block is not closed";
        let mut diagnostic = Diagnostic::new(Code::UnclosedBrace, self.span(at, at + 1), message)
            .label("this `{` has no `}`")
            .help("add a `}` on a line of its own at the end of the block");
        if let Some(next) = next_block {
            let word = first_word(&self.text[next..]);
            let span = self.span(next, next + word.len());
            diagnostic = diagnostic.also(span, "a block of the top level begins here");
        }
        self.report(diagnostic);
    }

    fn report_stray(&mut self, at: usize, what: &str) {
        let diagnostic = Diagnostic::new(Code::StrayBrace, self.span(at, at + 1), what)
            .help("remove it, or look above for a block that is closed too early");
        self.report(diagnostic);
    }

    fn report_quote(&mut self, at: usize) {
        let diagnostic = Diagnostic::new(
            Code::UnclosedQuote,
            self.span(at, at + 1),
            "this quote is not closed on its line",
        )
        .help("close it, or write `\\` before it if it is meant as it stands");
        self.report(diagnostic);
    }

    /// Reports something after which the current block cannot be read.
    fn report(&mut self, diagnostic: Diagnostic) {
        if let Some(current) = &mut self.current {
            current.broken = true;
        }
        self.diagnostics.push(diagnostic);
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.base + start as u32, self.base + end as u32)
    }
}

/// The place of the quote that closes the one at `open`.
fn closing_quote(line: &[u8], open: usize, quote: u8) -> Option<usize> {
    let mut at = open + 1;
    while at < line.len() {
        match line[at] {
            b'\\' => at += 1,
            byte if byte == quote => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}

/// The last byte of a `${NAME}` at `at`, whose braces are part of a word; `at` if there is
/// none.
fn reference_end(line: &[u8], at: usize) -> usize {
    if line.get(at + 1) != Some(&b'{') {
        return at;
    }
    let inside = line[at + 2..].iter().position(|&byte| matches!(byte, b'}' | b'"' | b'\''));
    match inside.map(|len| at + 2 + len) {
        Some(end) if line[end] == b'}' => end,
        _ => at,
    }
}

/// The first word of a text, up to white space, a brace or a quote.
fn first_word(text: &str) -> &str {
    let end = text.find(|c: char| c.is_whitespace() || matches!(c, '{' | '}' | '"' | '\''));
    &text[..end.unwrap_or(text.len())]
}
