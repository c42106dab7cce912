//! The top-level blocks of the expanded text, and whether its braces and quotes are sound.
//!
//! One pass over the bytes. The text falls into pieces, each of which begins with a line that
//! can only stand at the top level. A piece whose braces do not match is mended (`mend`), which
//! says what is wrong with them, and the others are as good as before. What is passed on is
//! balanced, closed and not too deep, so that each block can be parsed alone and nothing in it
//! can make the parser fail or overflow.

use std::borrow::Cow;

use crate::keywords;
use crate::mend::mend;
use crate::options::MAX_BLOCK_DEPTH;
use crate::{Code, Diagnostic, Limits, Span};

/// A top-level block or line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TopLevel<'t> {
    /// Its text, with braces and quotes that match.
    pub(crate) text: Cow<'t, str>,
    /// Where it is.
    pub(crate) span: Span,
    /// The text ends within it.
    pub(crate) is_cut: bool,
}

impl TopLevel<'_> {
    /// Its first word, as it is written.
    pub(crate) fn keyword(&self) -> &str {
        first_word(&self.text)
    }
}

/// Splits `text`, which begins at byte `base` of the map, into its top-level blocks.
pub(crate) fn outline<'t>(
    text: &'t str,
    base: u32,
    limits: &Limits,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<TopLevel<'t>> {
    let mut outline = Outline { text, base, limits, diagnostics, blocks: Vec::new() };
    let mut piece = Piece::new(0, 0);
    for (start, end) in lines(text) {
        let line = &text[start..end];
        let content = line.trim_start();
        let indentation = line.len() - content.len();
        let may_begin = piece.depth == 0 || indentation <= piece.indentation;
        if may_begin && keywords::is_only_top_level(telling_word(content)) {
            outline.finish(&mut piece, start);
            piece.restart(start, indentation);
        }
        piece.line(text, start, end);
        if outline.diagnostics.len() + piece.quotes.len() >= limits.findings() {
            outline.finish(&mut piece, end);
            return outline.blocks;
        }
    }
    outline.finish(&mut piece, text.len());
    outline.blocks
}

struct Outline<'t, 'd> {
    text: &'t str,
    base: u32,
    limits: &'d Limits,
    diagnostics: &'d mut Vec<Diagnostic>,
    blocks: Vec<TopLevel<'t>>,
}

impl<'t> Outline<'t, '_> {
    /// Passes the blocks of a piece on, up to a place.
    fn finish(&mut self, piece: &mut Piece, end: usize) {
        let max_depth = self.limits.block_depth.min(MAX_BLOCK_DEPTH);
        if piece.max_depth > max_depth {
            let message = format!("blocks are nested more than {max_depth} deep");
            let span = self.span(piece.deepest, piece.deepest + 1);
            return self.diagnostics.push(Diagnostic::new(Code::TooDeep, span, message));
        }
        piece.end_block();
        if piece.is_sound() && piece.quotes.is_empty() {
            let (text, base) = (self.text, self.base);
            let block = |&(start, end): &(usize, usize)| TopLevel {
                text: Cow::Borrowed(&text[start..end]),
                span: Span::new(base + start as u32, base + end as u32),
                is_cut: false,
            };
            return piece.blocks.iter().map(block).for_each(|block| self.pass_on(block));
        }
        let mended = self.mended(piece, end);
        let last = self.diagnostics.last();
        let is_cut = last.is_some_and(|found| found.code == Code::UnclosedAtEnd);
        let at = piece.start;
        let mut piece = Piece::new(0, 0);
        for (start, end) in lines(&mended) {
            piece.line(&mended, start, end);
        }
        piece.end_block();
        for &(start, end) in piece.blocks.iter().filter(|_| piece.is_sound()) {
            let text = Cow::Owned(mended[start..end].to_owned());
            let is_cut = is_cut && end == mended.len();
            self.pass_on(TopLevel { text, span: self.span(at + start, at + end), is_cut });
        }
    }

    fn pass_on(&mut self, block: TopLevel<'t>) {
        let max = self.limits.block_bytes;
        if block.text.len() <= max {
            return self.blocks.push(block);
        }
        let start = block.span.start;
        let word = first_word(&block.text).len().clamp(1, 80) as u32;
        let message = format!("a block of more than {max} bytes");
        let at = Span::new(start, start + word);
        self.diagnostics.push(Diagnostic::new(Code::BlockTooLarge, at, message));
    }

    /// The text of a piece with the braces that it lacks, and without those that are too many.
    /// What remains is where it was.
    fn mended(&mut self, piece: &Piece, end: usize) -> String {
        let mut text = self.text[piece.start..end].to_owned();
        for &at in &piece.quotes {
            let diagnostic = Diagnostic::new(
                Code::UnclosedQuote,
                self.span(at, at + 1),
                "this quote is not closed on its line",
            )
            .help("close it, or write `\\` before it if it is meant as it stands");
            self.diagnostics.push(diagnostic);
            let at = at - piece.start;
            text.replace_range(at..at + 1, " ");
        }
        if piece.is_sound() {
            return text;
        }
        let next = (end < self.text.len()).then(|| {
            let indentation = self.text[end..].len() - self.text[end..].trim_start().len();
            let start = end + indentation;
            self.span(start, start + first_word(&self.text[start..]).len())
        });
        mend(&text, self.base + piece.start as u32, next, self.limits, self.diagnostics)
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.base + start as u32, self.base + end as u32)
    }
}

/// Some top-level blocks whose braces are judged together.
struct Piece {
    start: usize,
    indentation: usize,
    depth: usize,
    max_depth: usize,
    /// The brace that is `max_depth` deep.
    deepest: usize,
    /// A brace had no partner.
    stray: bool,
    /// Quotes that are not closed.
    quotes: Vec<usize>,
    /// Where the block that is being read begins, and what has been read of it ends.
    current: Option<(usize, usize)>,
    blocks: Vec<(usize, usize)>,
}

impl Piece {
    fn new(start: usize, indentation: usize) -> Self {
        Self {
            start,
            indentation,
            depth: 0,
            max_depth: 0,
            deepest: 0,
            stray: false,
            quotes: Vec::new(),
            current: None,
            blocks: Vec::new(),
        }
    }

    /// Begins anew, with the memory of the last piece.
    fn restart(&mut self, start: usize, indentation: usize) {
        let mut blocks = core::mem::take(&mut self.blocks);
        blocks.clear();
        *self = Self { blocks, ..Self::new(start, indentation) };
    }

    fn is_sound(&self) -> bool {
        self.depth == 0 && !self.stray
    }

    fn line(&mut self, text: &str, start: usize, end: usize) {
        let mut tokens = Tokens::of(text, start, end);
        for (token, at, to) in &mut tokens {
            match token {
                Token::Words if self.depth == 0 => {
                    self.end_block();
                    self.current = Some((at, to));
                }
                Token::Words => {}
                Token::Open => self.open(at),
                Token::Close if self.depth == 0 => self.stray = true,
                Token::Close => {
                    self.depth -= 1;
                    self.current = self.current.map(|(start, _)| (start, to));
                    if self.depth == 0 {
                        self.end_block();
                    }
                }
            }
        }
        self.quotes.append(&mut tokens.unclosed);
    }

    fn open(&mut self, at: usize) {
        self.stray |= self.current.is_none();
        self.depth += 1;
        if self.depth > self.max_depth {
            (self.max_depth, self.deepest) = (self.depth, at);
        }
    }

    fn end_block(&mut self) {
        self.blocks.extend(self.current.take());
    }
}

/// What a line is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token {
    /// Words up to a brace or the end of the line.
    Words,
    Open,
    Close,
}

/// The parts of a line, with where they begin and end.
pub(crate) struct Tokens<'t> {
    text: &'t [u8],
    at: usize,
    end: usize,
    /// The next `}` or quote behind the last `${`.
    reference_end: usize,
    /// Quotes without a partner on the line; they count as any other character.
    unclosed: Vec<usize>,
}

impl<'t> Tokens<'t> {
    pub(crate) fn of(text: &'t str, start: usize, end: usize) -> Self {
        let text = text.as_bytes();
        Self { text, at: start, end, reference_end: 0, unclosed: Vec::new() }
    }

    /// The end of the words that begin here.
    fn words(&mut self) -> usize {
        let mut last = self.at;
        while self.at < self.end {
            let at = self.at;
            match self.text[at] {
                b'{' | b'}' => break,
                b'\\' => self.at = (at + 1).min(self.end - 1),
                quote @ (b'"' | b'\'') => match self.closing_quote(at, quote) {
                    Some(close) => self.at = close,
                    None => self.unclosed.push(at),
                },
                b'$' => self.at = self.closing_brace(at),
                _ => {}
            }
            if !is_blank(self.text[self.at]) {
                last = self.at;
            }
            self.at += 1;
        }
        last + 1
    }

    /// The place of the quote that closes the one at `open`.
    fn closing_quote(&self, open: usize, quote: u8) -> Option<usize> {
        let known = self.unclosed.iter().rev().take(2).any(|&other| self.text[other] == quote);
        let mut at = if known { self.end } else { open + 1 };
        while at < self.end {
            match self.text[at] {
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
    fn closing_brace(&mut self, at: usize) -> usize {
        if at + 1 >= self.end || self.text[at + 1] != b'{' {
            return at;
        }
        let from = at + 2;
        if self.reference_end < from {
            let ends = |&byte: &u8| matches!(byte, b'}' | b'"' | b'\'');
            let len = self.text[from..self.end].iter().position(ends);
            self.reference_end = len.map_or(self.end, |len| from + len);
        }
        match self.text[..self.end].get(self.reference_end) {
            Some(b'}') => self.reference_end,
            _ => at,
        }
    }
}

impl Iterator for Tokens<'_> {
    type Item = (Token, usize, usize);

    fn next(&mut self) -> Option<Self::Item> {
        let blanks = self.text[self.at..self.end].iter().take_while(|byte| is_blank(**byte));
        self.at += blanks.count();
        let start = self.at;
        let (token, end) = match self.text[..self.end].get(start)? {
            b'{' => (Token::Open, start + 1),
            b'}' => (Token::Close, start + 1),
            _ => (Token::Words, self.words()),
        };
        self.at = self.at.max(end);
        Some((token, start, end))
    }
}

/// The places of the lines of a text, without their ends.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = (usize, usize)> {
    let mut start = 0;
    core::iter::from_fn(move || {
        let rest = text.get(start..).filter(|rest| !rest.is_empty())?;
        let line = (start, rest.find('\n').map_or(text.len(), |len| start + len));
        start = line.1 + 1;
        Some(line)
    })
}

/// Whether a byte separates words.
pub(crate) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | 0x0b | 0x0c)
}

/// The first word of a text, up to white space, a brace or a quote.
pub(crate) fn first_word(text: &str) -> &str {
    let ends = |byte: u8| byte == b'\n' || is_blank(byte) || b"{}\"'".contains(&byte);
    &text[..text.bytes().position(ends).unwrap_or(text.len())]
}

/// The first word of a line; `track_file` with a name is the top level's, which has another
/// name for it.
pub(crate) fn telling_word(line: &str) -> &str {
    let word = first_word(line);
    let has_name = || !first_word(line[word.len()..].trim_start_matches([' ', '\t'])).is_empty();
    if word == "track_file" && has_name() { "vrrp_track_file" } else { word }
}
