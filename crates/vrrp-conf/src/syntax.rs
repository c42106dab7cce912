//! The parts that a text is made of, as the grammar has them, and the tree that they make.

use std::borrow::Cow;

use pest::Parser;
use pest::iterators::Pair;

use crate::{Span, bytes};

#[derive(pest_derive::Parser)]
#[grammar = "config.pest"]
struct Grammar;

/// A part of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) part: Part,
    /// Its first byte.
    pub(crate) start: u32,
    /// The byte behind its last.
    pub(crate) end: u32,
}

/// What a text is made of, besides white space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The first word of a line, or behind a brace.
    Keyword,
    /// A further word.
    Argument,
    /// `{`
    Open,
    /// `}`
    Close,
    /// A quote that is not closed on its line, within the word before.
    Unclosed,
}

impl Token {
    /// It as it stands in its text.
    pub(crate) fn text<'t>(&self, text: &'t str) -> &'t str {
        &text[self.start as usize..self.end as usize]
    }

    /// It in a text that begins so many bytes earlier.
    fn later(self, bytes: u32) -> Self {
        Self { start: self.start + bytes, end: self.end + bytes, ..self }
    }

    /// It in a text that begins so many bytes later.
    pub(crate) fn earlier(self, bytes: u32) -> Self {
        Self { start: self.start - bytes, end: self.end - bytes, ..self }
    }
}

/// So much of a text is looked at at once: no part goes beyond its line.
const BATCH_BYTES: usize = 16 << 10;

/// The parts of a text, in batches of lines.
pub(crate) fn batches(text: &str) -> impl Iterator<Item = Vec<Token>> {
    let mut start = 0;
    core::iter::from_fn(move || {
        let rest = text.get(start..).filter(|rest| !rest.is_empty())?;
        let least = BATCH_BYTES.min(rest.len());
        let line_end = rest.as_bytes()[least..].iter().position(|&byte| byte == b'\n');
        let len = line_end.map_or(rest.len(), |more| least + more + 1);
        let tokens = tokens(&rest[..len], start);
        start += len;
        Some(tokens)
    })
}

/// The first part of a text.
pub(crate) fn first(text: &str) -> Option<Token> {
    batches(text).flatten().next()
}

/// The parts of some lines, which begin at byte `base` of their text.
fn tokens(lines: &str, base: usize) -> Vec<Token> {
    let pairs = Grammar::parse(Rule::parts, lines).expect("any character is one of the parts");
    let mut tokens = Vec::with_capacity(lines.len() / 8);
    let mut word = Part::Keyword;
    for pair in pairs.flatten() {
        let part = match pair.as_rule() {
            Rule::words => {
                word = Part::Keyword;
                continue;
            }
            Rule::word => core::mem::replace(&mut word, Part::Argument),
            Rule::open => Part::Open,
            Rule::close => Part::Close,
            Rule::unclosed => Part::Unclosed,
            _ => continue,
        };
        let span = pair.as_span();
        let token = Token { part, start: span.start() as u32, end: span.end() as u32 };
        tokens.push(token.later(base as u32));
    }
    tokens
}

/// A word, with quotes and escapes undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word<'t> {
    pub(crate) text: Cow<'t, str>,
    pub(crate) span: Span,
    /// Some of it is in quotes.
    pub(crate) quoted: bool,
}

/// A line's words, and the block that they begin.
#[derive(Debug, Clone)]
pub(crate) struct Statement<'t> {
    /// At least one.
    pub(crate) words: Vec<Word<'t>>,
    pub(crate) body: Option<Body<'t>>,
}

/// What is between braces.
#[derive(Debug, Clone)]
pub(crate) struct Body<'t> {
    pub(crate) statements: Vec<Statement<'t>>,
    pub(crate) open: Span,
    pub(crate) close: Span,
}

impl<'t> Statement<'t> {
    /// The first word.
    pub(crate) fn keyword(&self) -> &Word<'t> {
        &self.words[0]
    }

    /// The other words.
    pub(crate) fn arguments(&self) -> &[Word<'t>] {
        &self.words[1..]
    }

    /// The place of the words and of the block.
    pub(crate) fn whole(&self) -> Span {
        self.body.as_ref().map_or(self.span(), |body| self.span().to(body.close))
    }

    /// Whether another one says the same, word for word.
    pub(crate) fn says_the_same(&self, other: &Self) -> bool {
        let texts = |one: &Self| one.words.iter().map(|word| word.text.clone()).collect::<Vec<_>>();
        if texts(self) != texts(other) {
            return false;
        }
        match (&self.body, &other.body) {
            (None, None) => true,
            (Some(one), Some(other)) => {
                let pairs = one.statements.iter().zip(&other.statements);
                one.statements.len() == other.statements.len()
                    && pairs.into_iter().all(|(one, other)| one.says_the_same(other))
            }
            _ => false,
        }
    }

    /// The place of the words.
    pub(crate) fn span(&self) -> Span {
        self.words[0].span.to(self.words[self.words.len() - 1].span)
    }
}

/// The tree of one statement whose braces match and are not too deep; its text begins at byte
/// `base` of the map.
///
/// # Errors
/// The place of a `{` without words before it.
pub(crate) fn statement<'t>(
    text: &'t str,
    base: u32,
    tokens: &[Token],
) -> Result<Statement<'t>, Span> {
    Tree { text, base, tokens: tokens.iter() }.statement()
}

/// A tree in the making.
struct Tree<'t, 'k> {
    text: &'t str,
    base: u32,
    /// Those that are left.
    tokens: core::slice::Iter<'k, Token>,
}

impl<'t> Tree<'t, '_> {
    fn statement(&mut self) -> Result<Statement<'t>, Span> {
        let mut words = Vec::with_capacity(2);
        while let Some(token) = self.tokens.as_slice().first() {
            match token.part {
                Part::Keyword if words.is_empty() => words.push(self.word(token)),
                Part::Argument => words.push(self.word(token)),
                Part::Unclosed => {}
                Part::Open if words.is_empty() => return Err(self.span(token)),
                Part::Open => {
                    let open = self.span(token);
                    self.tokens.next();
                    let (statements, close) = self.statements()?;
                    let close = close.unwrap_or(open);
                    return Ok(Statement { words, body: Some(Body { statements, open, close }) });
                }
                Part::Keyword | Part::Close => break,
            }
            self.tokens.next();
        }
        Ok(Statement { words, body: None })
    }

    /// The statements up to the `}` that ends them, and that brace.
    fn statements(&mut self) -> Result<(Vec<Statement<'t>>, Option<Span>), Span> {
        let (mut statements, mut close) = (Vec::new(), None);
        while let Some(token) = self.tokens.as_slice().first() {
            if token.part == Part::Close {
                close = Some(self.span(token));
                self.tokens.next();
                break;
            }
            statements.push(self.statement()?);
        }
        Ok((statements, close))
    }

    fn span(&self, token: &Token) -> Span {
        Span::new(self.base + token.start, self.base + token.end)
    }

    fn word(&self, token: &Token) -> Word<'t> {
        word(self.text, self.base, token)
    }
}

/// The word of a token in a text that begins at byte `base` of the map.
pub(crate) fn word<'t>(text: &'t str, base: u32, token: &Token) -> Word<'t> {
    let span = Span::new(base + token.start, base + token.end);
    let (text, quoted) = unquoted(token.text(text));
    Word { text, span, quoted }
}

/// A word's text, and whether it is in quotes, at least a part of it.
fn unquoted(written: &str) -> (Cow<'_, str>, bool) {
    let is_plain = |text: &str| !text.bytes().any(|byte| matches!(byte, b'"' | b'\'' | b'\\'));
    if is_plain(written) {
        return (Cow::Borrowed(written), false);
    }
    let inside = written.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    if let Some(inside) = inside.filter(|inside| is_plain(inside)) {
        return (Cow::Borrowed(inside), true);
    }
    let pairs = Grammar::parse(Rule::text, written).expect("any character is a part of a word");
    let (mut text, mut quoted) = (Vec::with_capacity(written.len()), false);
    for pair in pairs.flatten() {
        match pair.as_rule() {
            Rule::double | Rule::single | Rule::quote => quoted = true,
            Rule::plain | Rule::in_double | Rule::in_single => {
                text.extend_from_slice(pair.as_str().as_bytes());
            }
            Rule::symbol => symbol(&pair, &mut text),
            _ => {}
        }
    }
    (Cow::Owned(bytes::decode(text)), quoted)
}

/// What is behind a backslash, and the backslash itself if nothing is.
fn symbol(pair: &Pair<'_, Rule>, text: &mut Vec<u8>) {
    let Some(inner) = pair.clone().into_inner().next() else { return text.push(b'\\') };
    let digits = |radix: u8| {
        let value = |value: u8, digit: char| {
            let digit = digit.to_digit(radix.into()).unwrap_or_default() as u8;
            value.wrapping_mul(radix).wrapping_add(digit)
        };
        inner.as_str().chars().fold(0, value)
    };
    let byte = match (inner.as_rule(), inner.as_str()) {
        (Rule::octal, _) => digits(8),
        (Rule::hexadecimal, _) => digits(16),
        (Rule::control, control) => control.as_bytes()[0] & 0x1f,
        (_, "a") => 0x07,
        (_, "b") => 0x08,
        (_, "E") => 0x1b,
        (_, "f") => 0x0c,
        (_, "n") => b'\n',
        (_, "r") => b'\r',
        (_, "t") => b'\t',
        (_, "v") => 0x0b,
        (_, other) => return text.extend_from_slice(other.as_bytes()),
    };
    text.push(byte);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, base: u32) -> Result<Statement<'_>, Span> {
        statement(text, base, &tokens(text, 0))
    }

    fn words(text: &str) -> Vec<String> {
        parse(text, 0).unwrap().words.into_iter().map(|word| word.text.into_owned()).collect()
    }

    #[test]
    fn quotes_join_and_escapes_are_undone() {
        assert_eq!(words(r#"abcd" efg h jkl "mnop"#), ["abcd efg h jkl mnop"]);
        assert_eq!(words(r#"abcd "efg h jkl" mnop"#), ["abcd", "efg h jkl", "mnop"]);
        assert_eq!(words(r#"a "\t\\\"\x41\101\cA" 'b "c"'"#), ["a", "\t\\\"AA\u{1}", "b \"c\""]);
        assert_eq!(words(r#"a "" b"#), ["a", "", "b"]);
        assert_eq!(words(r"a ${X}b \{ é"), ["a", "${X}b", "{", "é"]);
    }

    #[test]
    fn braces_may_stand_anywhere() {
        for text in ["a b{c d}", "a b { c d }", "a b\n{\nc d\n}\n", "a b {\n c d }"] {
            let statement = parse(text, 0).unwrap();
            let body = statement.body.unwrap();
            assert_eq!(statement.words.len(), 2, "{text}");
            assert_eq!(body.statements.len(), 1, "{text}");
            assert_eq!(body.statements[0].words.len(), 2, "{text}");
        }
    }

    #[test]
    fn a_line_break_ends_a_statement() {
        let statement = parse("a {\n b c\n d { e\n f } g\n}", 0).unwrap();
        let body = statement.body.unwrap();
        let keywords: Vec<_> = body.statements.iter().map(|s| &*s.keyword().text).collect();
        assert_eq!(keywords, ["b", "d", "g"]);
        assert_eq!(body.statements[1].body.as_ref().unwrap().statements.len(), 2);
    }

    #[test]
    fn spans_are_those_of_the_text() {
        let text = "a \"b c\" {\n  d\n}";
        let statement = parse(text, 100).unwrap();
        assert_eq!(statement.words[1].span, Span::new(102, 107));
        let body = statement.body.unwrap();
        assert_eq!(body.statements[0].keyword().span, Span::new(112, 113));
        assert_eq!(body.open, Span::new(108, 109));
    }

    #[test]
    fn a_text_falls_into_parts_wherever_its_batches_end() {
        let line = "a \"b c\" ${D E}{ # }\n";
        let text = line.repeat(3 * BATCH_BYTES / line.len());
        let all: Vec<Token> = batches(&text).flatten().collect();
        assert_eq!(all, tokens(&text, 0));
        let parts: Vec<_> = all[..6].iter().map(|token| (token.part, token.text(&text))).collect();
        let expected = [
            (Part::Keyword, "a"),
            (Part::Argument, "\"b c\""),
            (Part::Argument, "${D E}"),
            (Part::Open, "{"),
            (Part::Keyword, "#"),
            (Part::Close, "}"),
        ];
        assert_eq!(parts, expected);
    }

    #[test]
    fn a_quote_without_a_partner_is_a_letter_and_told() {
        let text = "a b'c d\n'e";
        let parts = tokens(text, 0);
        let parts: Vec<_> = parts.iter().map(|token| (token.part, token.text(text))).collect();
        let expected = [
            (Part::Keyword, "a"),
            (Part::Argument, "b'c"),
            (Part::Unclosed, "'"),
            (Part::Argument, "d"),
            (Part::Keyword, "'e"),
            (Part::Unclosed, "'"),
        ];
        assert_eq!(parts, expected);
    }

    #[test]
    fn a_brace_without_words_is_no_part_of_a_tree() {
        assert_eq!(parse("a {\n { b }\n}", 10).unwrap_err(), Span::new(15, 16));
    }
}
