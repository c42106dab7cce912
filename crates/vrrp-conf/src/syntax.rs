//! The untyped tree of a block: statements of words, each with its place.

use std::borrow::Cow;

use pest::Parser;
use pest::iterators::Pair;

use crate::Span;

#[derive(pest_derive::Parser)]
#[grammar = "config.pest"]
struct Grammar;

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

    /// The place of the words.
    pub(crate) fn span(&self) -> Span {
        self.words[0].span.to(self.words[self.words.len() - 1].span)
    }
}

/// Parses one block or line of the top level, which begins at byte `base` of the map.
///
/// # Errors
/// The place, if the text is none. That the outline has looked at braces and quotes makes
/// this a matter of a single stray character.
pub(crate) fn parse(text: &str, base: u32) -> Result<Statement<'_>, Span> {
    let mut pairs = Grammar::parse(Rule::block, text).map_err(|error| {
        let (start, end) = match error.location {
            pest::error::InputLocation::Pos(at) => (at, at + 1),
            pest::error::InputLocation::Span(span) => span,
        };
        Span::new(base + start as u32, base + end.min(text.len()) as u32)
    })?;
    let block = pairs.next().expect("a successful parse yields its rule");
    let found = block.into_inner().find(|pair| pair.as_rule() == Rule::statement);
    Ok(statement(found.expect("the grammar's block holds a statement"), base))
}

fn statement(pair: Pair<'_, Rule>, base: u32) -> Statement<'_> {
    let (mut words, mut body) = (Vec::new(), None);
    for pair in pair.into_inner() {
        match pair.as_rule() {
            Rule::word => words.push(word(&pair, base)),
            _ => body = Some(self::body(pair, base)),
        }
    }
    Statement { words, body }
}

fn body(pair: Pair<'_, Rule>, base: u32) -> Body<'_> {
    let start = span(&pair, base).start;
    let statements = pair.into_inner().map(|pair| statement(pair, base)).collect();
    Body { statements, open: Span::new(start - 1, start) }
}

fn word<'t>(pair: &Pair<'t, Rule>, base: u32) -> Word<'t> {
    let (text, quoted) = unquoted(pair.as_str());
    Word { text, span: span(pair, base), quoted }
}

fn span(pair: &Pair<'_, Rule>, base: u32) -> Span {
    let span = pair.as_span();
    Span::new(base + span.start() as u32, base + span.end() as u32)
}

/// A word with its quotes and escapes undone (`\t`, `\101`, `\x41`, `\cC`, `\"`), and whether
/// there were quotes.
fn unquoted(written: &str) -> (Cow<'_, str>, bool) {
    let is_plain = |text: &str| !text.bytes().any(|byte| matches!(byte, b'"' | b'\'' | b'\\'));
    if is_plain(written) {
        return (Cow::Borrowed(written), false);
    }
    let inside = written.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    if let Some(inside) = inside.filter(|inside| is_plain(inside)) {
        return (Cow::Borrowed(inside), true);
    }
    let mut bytes = Vec::with_capacity(written.len());
    let (mut quote, mut quoted) = (None, false);
    let mut rest = written.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        match (byte, quote) {
            (b'\\', _) => {
                let (value, used) = escape(rest);
                bytes.extend(value);
                rest = &rest[used..];
            }
            (b'"' | b'\'', None) => (quote, quoted) = (Some(byte), true),
            (_, Some(open)) if byte == open => quote = None,
            _ => bytes.push(byte),
        }
    }
    (Cow::Owned(crate::bytes::decode(bytes)), quoted)
}

/// What an escape stands for, given what is behind the backslash, and how much of that it is.
fn escape(rest: &[u8]) -> (Option<u8>, usize) {
    let digits = |from: usize, radix: u32, max: usize| {
        let is_digit = |byte: &&u8| char::from(**byte).is_digit(radix);
        rest[from..].iter().take(max).take_while(is_digit).count()
    };
    let number = |from: usize, count: usize, radix: u32| {
        let value = |value: u8, byte: &u8| {
            let digit = char::from(*byte).to_digit(radix).unwrap_or(0) as u8;
            value.wrapping_mul(radix as u8).wrapping_add(digit)
        };
        rest[from..from + count].iter().fold(0, value)
    };
    match rest {
        [] => (Some(b'\\'), 0),
        [b'a', ..] => (Some(0x07), 1),
        [b'b', ..] => (Some(0x08), 1),
        [b'E', ..] => (Some(0x1b), 1),
        [b'f', ..] => (Some(0x0c), 1),
        [b'n', ..] => (Some(b'\n'), 1),
        [b'r', ..] => (Some(b'\r'), 1),
        [b't', ..] => (Some(b'\t'), 1),
        [b'v', ..] => (Some(0x0b), 1),
        [b'0'..=b'7', ..] => {
            let count = digits(0, 8, 3);
            (Some(number(0, count, 8)), count)
        }
        [b'x', next, ..] if next.is_ascii_hexdigit() => {
            let count = digits(1, 16, usize::MAX);
            (Some(number(1, count, 16)), count + 1)
        }
        [b'c', control, ..] if control.is_ascii() => (Some(control & 0x1f), 2),
        [other, ..] => (Some(*other), 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
