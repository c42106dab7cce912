//! Braces that do not match.
//!
//! A line says where it belongs: its first word is a keyword of the block that it stands in,
//! or of one around it, or of one that has just been closed, or of one whose `{` is not there;
//! where words do not tell, indentation does. Each place at which this and the braces
//! contradict each other is one mistake, which is reported and mended: the brace that is
//! missing takes the place of a line break or a space, the one that is too many becomes a
//! space, and all else stays where it was.

use crate::keywords::{Block, Keyword, Shape};
use crate::lines::{Lines, telling_word};
use crate::syntax::{self, Part, Token};
use crate::{Code, Diagnostic, Limits, Span};

/// The text of some top-level blocks with its braces mended; `text` begins at byte `base` of the
/// map, and `next` is what follows it, if anything does.
///
/// It may happen that a brace finds no room; then the result is as unsound as the text was.
pub(crate) fn mend(
    text: &str,
    base: u32,
    top_level: &'static Block,
    next: Option<Span>,
    limits: &Limits,
    diagnostics: &mut Vec<Diagnostic>,
) -> String {
    let mut mender = Mender {
        text,
        base,
        top_level,
        mended: text.as_bytes().to_vec(),
        diagnostics,
        open: Vec::new(),
        closed: None,
        pending: None,
        lacking: 0,
        strays: None,
        last_end: 0,
    };
    let tokens: Vec<Token> = syntax::batches(text).flatten().collect();
    mender.lacking = tokens.iter().map(|token| balance(token.part)).sum();
    let mut lines = Lines::of(text);
    for (index, token) in tokens.iter().enumerate() {
        let begins_line = lines.step(token);
        if mender.diagnostics.len() >= limits.findings() {
            break;
        }
        let arguments = &tokens[index + 1..];
        let count = arguments.iter().take_while(|token| token.part == Part::Argument).count();
        let tokens = &tokens[index..=index + count];
        let place = Place { tokens, indentation: lines.indentation, begins_line };
        match token.part {
            Part::Keyword => mender.words(place),
            Part::Open => mender.open_brace(place),
            Part::Close => mender.close_brace(place),
            Part::Argument | Part::Unclosed => continue,
        }
        mender.last_end = place.to();
    }
    mender.finish(next);
    String::from_utf8(mender.mended).expect("only ASCII has been replaced, and by ASCII")
}

fn balance(part: Part) -> i64 {
    match part {
        Part::Open => 1,
        Part::Close => -1,
        _ => 0,
    }
}

/// Where the words of a statement are, or a brace.
#[derive(Debug, Clone, Copy)]
struct Place<'k> {
    /// The words, or the brace; at least one.
    tokens: &'k [Token],
    /// The indentation of its line.
    indentation: usize,
    begins_line: bool,
}

impl Place<'_> {
    fn at(&self) -> usize {
        self.tokens[0].start as usize
    }

    fn to(&self) -> usize {
        self.tokens[self.tokens.len() - 1].end as usize
    }

    /// The end of its `count`th word, or of the last one.
    fn word_end(&self, count: usize) -> usize {
        self.tokens[count.clamp(1, self.tokens.len()) - 1].end as usize
    }
}

/// What the lines of a block are.
#[derive(Debug, Clone, Copy)]
enum Content {
    Keywords(&'static Block),
    Items,
    /// Nothing is known of them.
    Any,
}

impl Content {
    fn of(keyword: Option<&Keyword>) -> Self {
        match keyword.map(|keyword| keyword.shape) {
            Some(Shape::Block(block)) => Self::Keywords(block),
            Some(Shape::Items(_)) => Self::Items,
            _ => Self::Any,
        }
    }

    /// Whether a word is one of its keywords.
    fn knows(self, word: &str) -> bool {
        let Self::Keywords(block) = self else { return false };
        // At the top level a `track_file` has a name, and is told by its other keyword.
        let is_elsewhere = word == "track_file" && block.find("vrrp_track_file").is_some();
        block.find(word).is_some() && !is_elsewhere
    }
}

/// A block that is open.
#[derive(Debug, Clone, Copy)]
struct Open<'k> {
    /// Its `{`; `None` if that is missing.
    brace: Option<usize>,
    /// The words that begin it.
    words: Place<'k>,
    content: Content,
}

/// Words that no brace has followed yet.
#[derive(Debug, Clone, Copy)]
struct Pending<'k> {
    words: Place<'k>,
    keyword: Option<&'static Keyword>,
}

struct Mender<'t, 'k, 'd> {
    text: &'t str,
    base: u32,
    top_level: &'static Block,
    mended: Vec<u8>,
    diagnostics: &'d mut Vec<Diagnostic>,
    open: Vec<Open<'k>>,
    /// The block that the last `}` has closed, and that brace.
    closed: Option<(Open<'k>, usize)>,
    pending: Option<Pending<'k>>,
    /// So many `}` are missing, all in all; if negative, so many `{`.
    lacking: i64,
    /// Braces in a row that close nothing: the finding, and its last brace.
    strays: Option<(usize, usize)>,
    /// The end of the last token.
    last_end: usize,
}

impl<'k> Mender<'_, 'k, '_> {
    fn words(&mut self, place: Place<'k>) {
        let word = telling_word(self.text, place.tokens);
        self.open_pending(word, place);
        let content = self.content(0);
        if !content.knows(word) {
            if let Some(count) = self.ended(word, place) {
                let evidence = match self.open.iter().rev().nth(count) {
                    Some(open) => format!("this belongs into `{}`", self.name_of(open)),
                    None => "this stands at the top level".to_owned(),
                };
                (0..count).for_each(|_| self.end_before(place, &evidence));
            } else if let Some((closed, at)) = self.closed.filter(|_| !self.is_within(word, place))
            {
                self.closed_early(closed, at, place);
            }
        }
        let keyword = match self.content(0) {
            Content::Keywords(block) => block.find(word),
            _ => None,
        };
        self.pending = Some(Pending { words: place, keyword });
    }

    fn first_word(&self, place: Place<'_>) -> &str {
        place.tokens[0].text(self.text)
    }

    fn name_of(&self, open: &Open<'_>) -> &str {
        self.first_word(open.words)
    }

    /// What the block is that is open around `outer` others.
    fn content(&self, outer: usize) -> Content {
        match self.open.iter().rev().nth(outer) {
            Some(open) => open.content,
            None => Content::Keywords(self.top_level),
        }
    }

    /// How many blocks must have ended before a line whose word the innermost does not know.
    fn ended(&self, word: &str, place: Place<'k>) -> Option<usize> {
        let innermost = self.open.last()?;
        let is_deeper = place.indentation > innermost.words.indentation;
        let certain = match innermost.content {
            Content::Keywords(_) => true,
            Content::Items => self.lacking > 0 || !is_deeper,
            Content::Any => !is_deeper,
        };
        let count = (1..=self.open.len()).find(|&count| self.content(count).knows(word))?;
        certain.then_some(count)
    }

    /// Whether a word that is no keyword of any open block may well stand where it does.
    fn is_within(&self, word: &str, place: Place<'k>) -> bool {
        let Some((closed, _)) = self.closed else { return true };
        match (self.content(0), closed.content) {
            (Content::Keywords(_), Content::Keywords(block)) => block.find(word).is_none(),
            (Content::Keywords(_), _) => {
                self.lacking >= 0 || place.indentation <= closed.words.indentation
            }
            _ => true,
        }
    }

    /// Opens the block of the words before, if it has no `{` and what follows is its content.
    fn open_pending(&mut self, word: &str, next: Place<'k>) {
        let Some(pending) = self.pending.take() else { return };
        let content = Content::of(pending.keyword);
        let is_deeper = next.indentation > pending.words.indentation;
        let is_known = (0..=self.open.len()).any(|outer| self.content(outer).knows(word));
        let is_inside = is_deeper && !is_known;
        let opens = match pending.keyword.map(|keyword| keyword.shape) {
            Some(Shape::Block(_)) => content.knows(word) || is_inside,
            Some(Shape::Items(_)) => !is_known,
            Some(Shape::Anything) => is_inside && self.lacking < 0,
            // Items begin no blocks, and of what is not known nobody knows what does.
            None => {
                let may_begin = matches!(self.content(0), Content::Keywords(_));
                is_inside && self.lacking < 0 && may_begin
            }
            _ => false,
        };
        if opens {
            self.open_behind(pending, content);
        }
    }

    /// Opens a block whose `{` is missing.
    fn open_behind(&mut self, pending: Pending<'k>, content: Content) {
        let words = pending.words;
        let count = match content {
            Content::Keywords(block) => 1 + usize::from(block.argument.is_some()),
            Content::Items => 1,
            Content::Any => usize::MAX,
        };
        let end = words.word_end(count);
        let name = self.first_word(words);
        let message = format!("`{name}` begins a block, and its `{{` is missing");
        let diagnostic = Diagnostic::new(Code::BlockMissing, self.span(words.at(), end), message)
            .label("a `{` must stand behind this");
        self.diagnostics.push(diagnostic);
        self.insert(b'{', end);
        self.open.push(Open { brace: None, words, content });
        self.lacking += 1;
    }

    fn open_brace(&mut self, place: Place<'k>) {
        self.strays = None;
        let Some(pending) = self.pending.take() else {
            self.stray(place, "a `{` without a keyword before it");
            self.lacking -= 1;
            return;
        };
        let content = Content::of(pending.keyword);
        let is_block = pending.keyword.is_none_or(Keyword::may_begin_block);
        if !is_block && self.lacking > 0 {
            let word = self.first_word(pending.words);
            self.stray(place, &format!("`{word}` does not begin a block"));
            self.lacking -= 1;
            return;
        }
        self.closed = None;
        self.open.push(Open { brace: Some(place.at()), words: pending.words, content });
    }

    fn close_brace(&mut self, place: Place<'k>) {
        if let Some(pending) = self.pending.take() {
            self.open_before_close(pending, place);
        }
        // A brace that stands under an outer block's beginning, and not under the one that it
        // closes, tells which one lacks its own.
        let matches = |open: &Open<'_>| open.words.indentation == place.indentation;
        let outer = self.open.iter().rev().position(matches).filter(|_| place.begins_line);
        if let Some(count) = outer {
            let name = self.name_of(&self.open[self.open.len() - 1 - count]);
            let evidence = format!("this one stands under the beginning of `{name}`");
            for _ in 0..count.min(usize::try_from(self.lacking).unwrap_or(0)) {
                self.end_before(place, &evidence);
            }
        }
        match self.open.pop() {
            Some(open) => {
                self.strays = None;
                self.closed = Some((open, place.at()));
            }
            None => {
                self.lacking += 1;
                self.stray(place, "a `}` without a `{`");
            }
        }
    }

    /// Opens the block of the words before, if it has no `{` and this `}` is its end.
    fn open_before_close(&mut self, pending: Pending<'k>, close: Place<'k>) {
        let Some(keyword) = pending.keyword else { return };
        let under = close.indentation >= pending.words.indentation || !close.begins_line;
        let is_block = matches!(keyword.shape, Shape::Block(_) | Shape::Items(_));
        if self.lacking < 0 && is_block && under {
            self.open_behind(pending, Content::of(Some(keyword)));
        }
    }

    /// Ends the innermost block before a token, which is the evidence that it has ended.
    fn end_before(&mut self, place: Place<'k>, evidence: &str) {
        let Some(open) = self.open.pop() else { return };
        self.insert(b'}', self.last_end);
        self.lacking -= 1;
        let Some(brace) = open.brace else { return };
        let at = self.span(place.at(), place.word_end(1));
        let diagnostic = self.unclosed(brace, Code::UnclosedBrace).also(at, evidence);
        self.diagnostics.push(diagnostic);
    }

    fn unclosed(&self, brace: usize, code: Code) -> Diagnostic {
        let message = match code {
            Code::UnclosedAtEnd => "the file ends within this block",
            _ => "this block is not closed",
        };
        Diagnostic::new(code, self.span(brace, brace + 1), message)
            .label("this `{` has no `}`")
            .help("add a `}` on a line of its own at the end of the block")
    }

    /// Opens a block again: what stands behind its end belongs to it.
    fn closed_early(&mut self, closed: Open<'k>, at: usize, place: Place<'k>) {
        let block = self.name_of(&closed);
        let message = format!("this `}}` closes `{block}` too early");
        let diagnostic = Diagnostic::new(Code::ClosedEarly, self.span(at, at + 1), message)
            .also(
                self.span(place.at(), place.word_end(1)),
                format!("this belongs into `{block}`, and stands behind its end"),
            )
            .help("remove the `}`, or move what is behind it");
        self.diagnostics.push(diagnostic);
        self.mended[at] = b' ';
        self.lacking += 1;
        self.open.push(closed);
        self.closed = None;
    }

    /// Reports a brace that is too many, once for several in a row.
    fn stray(&mut self, place: Place<'k>, what: &str) {
        self.mended[place.at()] = b' ';
        if let Some((finding, last)) = self.strays
            && self.last_end == last
        {
            self.strays = Some((finding, place.to()));
            let diagnostic = &mut self.diagnostics[finding];
            diagnostic.label = Some("so are those that follow it".to_owned());
            return;
        }
        let diagnostic = Diagnostic::new(Code::StrayBrace, self.span(place.at(), place.to()), what)
            .help("remove it, or look above for a block that is closed too early");
        self.strays = Some((self.diagnostics.len(), place.to()));
        self.diagnostics.push(diagnostic);
    }

    /// Closes what is open at the end.
    fn finish(&mut self, next: Option<Span>) {
        let missing = self.open.len();
        self.mended.extend(b"\n}".repeat(missing));
        let mut braces = self.open.iter().rev().filter_map(|open| open.brace);
        let Some(innermost) = braces.next() else { return };
        let mut diagnostic = match next {
            Some(next) => self
                .unclosed(innermost, Code::UnclosedBrace)
                .also(next, "a block of the top level begins here"),
            None => self.unclosed(innermost, Code::UnclosedAtEnd),
        };
        for outer in braces {
            diagnostic = diagnostic.also(self.span(outer, outer + 1), "nor has this one");
        }
        self.diagnostics.push(diagnostic);
    }

    /// Writes a brace over white space, or a line break, at or behind a place.
    fn insert(&mut self, brace: u8, from: usize) {
        let rest = &mut self.mended[from..];
        let gap = rest.iter().take_while(|byte| byte.is_ascii_whitespace() || b"{}".contains(byte));
        let len = gap.count();
        if let Some(place) = rest[..len].iter_mut().find(|byte| byte.is_ascii_whitespace()) {
            *place = brace;
        }
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.base + start as u32, self.base + end as u32)
    }
}
