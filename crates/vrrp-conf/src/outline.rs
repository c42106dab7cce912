//! The top-level blocks of the expanded text, and whether its braces and quotes are sound.
//!
//! One pass over the parts that the grammar finds. The text falls into pieces, each of which
//! begins with a line that can only stand at the top level. A piece whose braces do not match is
//! mended (`mend`), which says what is wrong with them, and the others are as good as before. What
//! is passed on is balanced, closed and not too deep, so that a tree can be made of each block
//! alone.

use std::borrow::Cow;
use std::ops::Range;

use crate::keywords::Block;
use crate::lines::{Lines, telling_word};
use crate::mend::mend;
use crate::options::MAX_BLOCK_DEPTH;
use crate::syntax::{self, Part, Statement, Token, Word};
use crate::{Code, Diagnostic, Limits, Span};

/// The top-level blocks and lines of a text.
pub(crate) struct Outline<'t> {
    pub(crate) blocks: Vec<TopLevel<'t>>,
    /// What the blocks are made of, with places in each block's own text.
    tokens: Vec<Token>,
}

/// A top-level block or line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TopLevel<'t> {
    /// Its text, with braces and quotes that match.
    pub(crate) text: Cow<'t, str>,
    /// Where it is.
    pub(crate) span: Span,
    /// The text ends within it.
    pub(crate) is_cut: bool,
    tokens: Range<usize>,
}

impl Outline<'_> {
    /// The tree of a block.
    ///
    /// # Errors
    /// The place of what can be no part of it.
    pub(crate) fn tree<'b>(&self, block: &'b TopLevel<'_>) -> Result<Statement<'b>, Span> {
        syntax::statement(&block.text, block.span.start, self.tokens(block))
    }

    /// The first word of a block.
    pub(crate) fn keyword<'b>(&self, block: &'b TopLevel<'_>) -> Option<Word<'b>> {
        let first = self.tokens(block).first()?;
        Some(syntax::word(&block.text, block.span.start, first))
    }

    /// Whether a block has braces.
    pub(crate) fn has_body(&self, block: &TopLevel<'_>) -> bool {
        self.tokens(block).iter().any(|token| token.part == Part::Open)
    }

    fn tokens(&self, block: &TopLevel<'_>) -> &[Token] {
        &self.tokens[block.tokens.clone()]
    }
}

/// Splits `text`, which begins at byte `base` of the map, into the blocks of `top_level`.
pub(crate) fn outline<'t>(
    text: &'t str,
    base: u32,
    top_level: &'static Block,
    limits: &Limits,
    diagnostics: &mut Vec<Diagnostic>,
) -> Outline<'t> {
    let outline = Outline { blocks: Vec::new(), tokens: Vec::new() };
    let mut splitter = Splitter { text, base, top_level, limits, diagnostics, outline };
    let mut piece = Piece::default();
    let mut lines = Lines::of(text);
    for batch in syntax::batches(text) {
        for (index, token) in batch.iter().enumerate() {
            let begins_line = lines.step(token);
            if begins_line && token.part == Part::Keyword {
                let may_begin = piece.depth == 0 || lines.indentation <= piece.indentation;
                if may_begin && top_level.alone_begins(telling_word(text, &batch[index..])) {
                    let start = token.start as usize - lines.indentation;
                    splitter.finish(&mut piece, start);
                    piece.restart(start, lines.indentation);
                }
            }
            piece.take(*token);
            if splitter.diagnostics.len() + piece.quotes.len() >= limits.findings() {
                splitter.finish(&mut piece, token.end as usize);
                return splitter.outline;
            }
        }
    }
    splitter.finish(&mut piece, text.len());
    splitter.outline
}

struct Splitter<'t, 'd> {
    text: &'t str,
    base: u32,
    top_level: &'static Block,
    limits: &'d Limits,
    diagnostics: &'d mut Vec<Diagnostic>,
    outline: Outline<'t>,
}

impl<'t> Splitter<'t, '_> {
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
            let text = self.text;
            for block in &piece.blocks {
                let tokens = &piece.tokens[block.clone()];
                let at = place(tokens);
                self.pass_on(text[at.clone()].into(), at.start, tokens, false);
            }
            return;
        }
        let mended = self.mended(piece, end);
        let last = self.diagnostics.last();
        let is_cut = last.is_some_and(|found| found.code == Code::UnclosedAtEnd);
        let start = piece.start;
        let mut piece = Piece::default();
        syntax::batches(&mended).flatten().for_each(|token| piece.take(token));
        piece.end_block();
        for block in piece.blocks.iter().filter(|_| piece.is_sound()) {
            let tokens = &piece.tokens[block.clone()];
            let at = place(tokens);
            let text = Cow::Owned(mended[at.clone()].to_owned());
            self.pass_on(text, start + at.start, tokens, is_cut && at.end == mended.len());
        }
    }

    /// Passes on a block that begins at byte `start` with the first of its tokens.
    fn pass_on(&mut self, text: Cow<'t, str>, start: usize, tokens: &[Token], is_cut: bool) {
        let max = self.limits.block_bytes;
        if text.len() > max {
            let word = (tokens[0].end - tokens[0].start).min(80) as usize;
            let message = format!("a block of more than {max} bytes");
            let at = self.span(start, start + word);
            return self.diagnostics.push(Diagnostic::new(Code::BlockTooLarge, at, message));
        }
        let known = self.outline.tokens.len();
        self.outline.tokens.extend(tokens.iter().map(|token| token.earlier(tokens[0].start)));
        let span = self.span(start, start + text.len());
        let tokens = known..self.outline.tokens.len();
        self.outline.blocks.push(TopLevel { text, span, is_cut, tokens });
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
            let meant = self.keyword_around(piece, at);
            self.diagnostics.push(diagnostic.did_you_mean(meant));
            // A keyword is read without it.
            if meant.is_none() {
                let at = at - piece.start;
                text.replace_range(at..at + 1, " ");
            }
        }
        if piece.is_sound() {
            return text;
        }
        let next = syntax::first(&self.text[end..]);
        let next = next.map(|next| self.span(end + next.start as usize, end + next.end as usize));
        let base = self.base + piece.start as u32;
        mend(&text, base, self.top_level, next, self.limits, self.diagnostics)
    }

    /// The keyword that a block's first word was probably meant to be, if the quote at `at` is
    /// within that word.
    fn keyword_around(&self, piece: &Piece, at: usize) -> Option<&'static str> {
        let firsts = piece.blocks.iter().map(|block| &piece.tokens[block.start]);
        let is_around = |word: &&Token| (word.start as usize..word.end as usize).contains(&at);
        let word = firsts.into_iter().find(is_around)?.text(self.text).replace(['"', '\''], "");
        let known = self.top_level.find(&word).or_else(|| self.top_level.similar(&word));
        known.map(|keyword| keyword.name)
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.base + start as u32, self.base + end as u32)
    }
}

/// Some top-level blocks whose braces are judged together.
#[derive(Default)]
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
    /// Words and braces.
    tokens: Vec<Token>,
    /// The tokens of the block that is being read.
    current: Option<Range<usize>>,
    /// The tokens of each block.
    blocks: Vec<Range<usize>>,
}

impl Piece {
    /// Begins anew, with the memory of the last piece.
    fn restart(&mut self, start: usize, indentation: usize) {
        let (mut tokens, mut blocks) =
            (core::mem::take(&mut self.tokens), core::mem::take(&mut self.blocks));
        tokens.clear();
        blocks.clear();
        *self = Self { start, indentation, tokens, blocks, ..Self::default() };
    }

    fn is_sound(&self) -> bool {
        self.depth == 0 && !self.stray
    }

    fn take(&mut self, token: Token) {
        let index = self.tokens.len();
        match token.part {
            Part::Unclosed => return self.quotes.push(token.start as usize),
            Part::Keyword if self.depth == 0 => {
                self.end_block();
                self.current = Some(index..index);
            }
            Part::Keyword | Part::Argument => {}
            Part::Open => {
                self.stray |= self.current.is_none();
                self.depth += 1;
                if self.depth > self.max_depth {
                    (self.max_depth, self.deepest) = (self.depth, token.start as usize);
                }
            }
            Part::Close if self.depth == 0 => self.stray = true,
            Part::Close => self.depth -= 1,
        }
        self.tokens.push(token);
        if let Some(current) = &mut self.current {
            current.end = self.tokens.len();
        }
        if token.part == Part::Close && self.depth == 0 {
            self.end_block();
        }
    }

    fn end_block(&mut self) {
        self.blocks.extend(self.current.take());
    }
}

/// Where the tokens of a block are in their text.
fn place(tokens: &[Token]) -> Range<usize> {
    let (first, last) = (tokens.first(), tokens.last());
    first.map_or(0, |first| first.start as usize)..last.map_or(0, |last| last.end as usize)
}
