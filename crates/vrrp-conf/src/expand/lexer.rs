//! The lexer of the pre-pass: where its lines, comments, words, references and lists begin and end.
//!
//! It looks at texts alone and gives places in them; what they mean is for the rest of the pre-pass.
//! Behind the pre-pass, the grammar (`syntax`) does this.

use core::iter;
use core::ops::Range;

/// A line with those that continue it, without comments.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Logical {
    Plain(Range<usize>),
    Continued(Vec<Range<usize>>),
}

/// The lines of a file, joined where one ends in a backslash. Where comments begin that are
/// probably none, or no good ones, is added to `doubts`.
pub(super) fn logical_lines<'t>(
    text: &'t str,
    doubts: &'t mut Vec<(usize, Doubt)>,
) -> impl Iterator<Item = Logical> + 't {
    let mut lines = lines(text).inspect(|line| doubts.extend(line.doubt));
    iter::from_fn(move || {
        let mut line = lines.next()?;
        if !line.continues {
            return Some(Logical::Plain(line.range));
        }
        let mut parts = Vec::new();
        while line.continues {
            parts.push(line.range);
            match lines.next() {
                Some(next) => line = next,
                None => return Some(Logical::Continued(parts)),
            }
        }
        parts.push(line.range);
        Some(Logical::Continued(parts))
    })
}

/// A line of a file.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    /// It without its comment, the white space behind it, and the backslash that continues it.
    range: Range<usize>,
    continues: bool,
    /// Where its comment begins, if there is a doubt about it.
    doubt: Option<(usize, Doubt)>,
}

/// What is doubtful about a comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doubt {
    /// It seems to begin within a word, as in `/bin/x#y`.
    InWord,
    /// It ends a password, which has so many characters in front of it.
    InPassword(usize),
    /// It begins with `//`, and has braces, which would be taken for those of blocks.
    Foreign,
}

fn lines(text: &str) -> impl Iterator<Item = Line> {
    // Some editors begin a file with the mark of the byte order, which UTF-8 has no use for.
    let mut start = if text.starts_with('\u{feff}') { 3 } else { 0 };
    iter::from_fn(move || {
        (start < text.len()).then(|| {
            let end = text[start..].find('\n').map_or(text.len(), |len| start + len);
            let line = line(&text[start..end], start);
            start = end + 1;
            line
        })
    })
}

/// A line that begins at byte `start` of its text.
fn line(text: &str, start: usize) -> Line {
    let (at, is_foreign) = comment_start(text);
    let (before, comment) = text.split_at(at);
    let kept = before.trim_end();
    let rest = kept.strip_suffix('\\').filter(|rest| {
        // Two backslashes are one that stands for itself.
        let backslashes = rest.bytes().rev().take_while(|&byte| byte == b'\\').count();
        backslashes % 2 == 0
    });
    let len = rest.map_or(kept.len(), |rest| rest.trim_end().len());
    Line {
        range: start..start + len,
        continues: rest.is_some(),
        doubt: match is_foreign {
            true => Some(Doubt::Foreign),
            false => doubt(before, comment),
        }
        .map(|doubt| (start + at, doubt)),
    }
}

/// Where the `#` or `!` of a line's comment is, or its end; inside quotes neither begins one. And
/// where a `//` is in front of braces, which is `true`.
fn comment_start(line: &str) -> (usize, bool) {
    let (mut quote, mut last) = (None, b' ');
    let mut bytes = line.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match (byte, quote) {
            (b'\\', _) => {
                bytes.next();
            }
            (b'#' | b'!', None) => return (at, false),
            (b'/', None) if last.is_ascii_whitespace() && is_foreign(&line[at..]) => {
                return (at, true);
            }
            (b'"' | b'\'', None) => quote = Some(byte),
            (_, Some(open)) if byte == open => quote = None,
            _ => {}
        }
        last = byte;
    }
    (line.len(), false)
}

/// Whether a text begins like a comment of other languages, and has braces in it. Those of a
/// variable do no harm.
fn is_foreign(text: &str) -> bool {
    let comment = text.split(['#', '!']).next().unwrap_or_default();
    let mut braces = comment.char_indices().filter(|(_, c)| matches!(c, '{' | '}'));
    let is_variable = |at: usize| comment[..at].ends_with('$');
    text.starts_with("//")
        && braces.any(|(at, c)| {
            c == '{' && !is_variable(at)
                || c == '}' && {
                    let open = comment[..at].rfind('{');
                    !open.is_some_and(is_variable)
                }
        })
}

/// What is doubtful about the comment behind a text.
fn doubt(before: &str, comment: &str) -> Option<Doubt> {
    let is_word = before.ends_with(|c: char| !c.is_whitespace() && !"{}\"';".contains(c));
    let behind = comment.get(1..).filter(|_| is_word)?;
    let mut words = before.rsplit(|c: char| c.is_whitespace() || c == '{');
    let last = words.next().unwrap_or_default();
    if words.find(|word| !word.is_empty()) == Some("auth_pass") {
        return Some(Doubt::InPassword(last.chars().count()));
    }
    (!behind.starts_with([' ', '\t', '#', '!'])).then_some(Doubt::InWord)
}

/// How much white space a text begins with.
pub(super) fn blank_len(text: &str) -> usize {
    text.len() - text.trim_ascii_start().len()
}

/// Whether there is nothing but white space.
pub(super) fn is_blank(text: &str) -> bool {
    text.trim_ascii().is_empty()
}

/// Where the text within white space is.
pub(super) fn trimmed(text: &str) -> Range<usize> {
    let start = blank_len(text);
    start..start + text.trim_ascii().len()
}

/// The first word of a text that begins with it.
pub(super) fn word(text: &str) -> &str {
    text.split_ascii_whitespace().next().unwrap_or_default()
}

/// What the beginning of a line says of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Beginning<'t> {
    /// `@id` or `@^id`: the rest counts or not. The word is without the `@`.
    Condition(&'t str),
    /// `~SEQ(` and the like: the word is without the parenthesis.
    Repetition(&'t str),
    /// `$NAME=`
    Definition(&'t str),
    /// A `$` of something else.
    Reference,
    /// What words there are is not for the pre-pass to say.
    Words,
}

/// What a line's text, which begins without white space, begins with.
pub(super) fn beginning(text: &str) -> Beginning<'_> {
    match text.as_bytes().first() {
        Some(b'@') => Beginning::Condition(&word(text)[1..]),
        Some(b'~') => match text.split_once('(') {
            Some((kind, _)) => Beginning::Repetition(kind),
            None => Beginning::Words,
        },
        Some(b'$') => match name(&text[1..]).filter(|name| text[1 + name.len()..].starts_with('='))
        {
            Some(name) => Beginning::Definition(name),
            None => Beginning::Reference,
        },
        _ => Beginning::Words,
    }
}

/// Whether nothing of a line is for the pre-pass: it can be copied as it is.
pub(super) fn is_plain(text: &str) -> bool {
    !text.contains('$') && !text[blank_len(text)..].starts_with(['@', '~'])
}

/// Whether a line may be a directive of the pre-pass.
pub(crate) fn may_direct(text: &str) -> bool {
    let text = &text[blank_len(text)..];
    text.starts_with("include") || text.starts_with("random_seed")
}

/// A line's first word and, without white space around it, the rest.
pub(super) fn directive(line: &str) -> (&str, &str) {
    let line = line.trim();
    let (keyword, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    (keyword, rest.trim())
}

/// A text without the quotes around it.
pub(super) fn unquoted(text: &str) -> &str {
    let mut chars = text.chars();
    match (chars.next(), chars.next_back()) {
        (Some(open @ ('"' | '\'')), Some(close)) if open == close => &text[1..text.len() - 1],
        _ => text,
    }
}

/// The name of a variable at the beginning of a text.
pub(super) fn name(text: &str) -> Option<&str> {
    let len = text.bytes().take_while(|&byte| byte == b'_' || byte.is_ascii_alphanumeric()).count();
    let starts_well = text.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
    (len > 0 && starts_well).then(|| &text[..len])
}

/// A reference to a variable within a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reference<'t> {
    pub(super) range: Range<usize>,
    pub(super) name: &'t str,
    /// What is behind the name, for predefined variables that take something.
    pub(super) arguments: &'t str,
}

/// The first reference in a text; `next` is the character behind the text, on the same line.
pub(super) fn reference(text: &str, next: Option<char>) -> Option<Reference<'_>> {
    let dollars = text.match_indices('$').map(|(at, _)| at);
    dollars.filter_map(|start| reference_at(text, start, next)).next()
}

fn reference_at(text: &str, start: usize, next: Option<char>) -> Option<Reference<'_>> {
    let rest = &text[start + 1..];
    if let Some(inner) = rest.strip_prefix('{') {
        let name = name(inner)?;
        let behind = &inner[name.len()..];
        // The others end with their name, which keeps many `${` on one line cheap.
        let takes_arguments = matches!(name, "_RANDOM" | "_ENV");
        let len = if takes_arguments { behind.find(['}', '$'])? } else { 0 };
        return behind[len..].starts_with('}').then(|| Reference {
            range: start..start + name.len() + len + 3,
            name,
            arguments: behind[..len].trim_ascii(),
        });
    }
    let name = name(rest)?;
    let behind = rest[name.len()..].chars().next().or(next);
    behind.is_none_or(char::is_whitespace).then_some(Reference {
        range: start..start + 1 + name.len(),
        name,
        arguments: "",
    })
}

/// The words between the commas of a text.
pub(super) fn elements(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim)
}

/// The comma-separated elements of a list, each a word or several words in braces.
///
/// # Errors
/// What is wrong with it.
pub(super) fn tuples(text: &str) -> Result<Vec<Vec<String>>, &'static str> {
    let mut tuples = Vec::new();
    let mut rest = text.trim();
    loop {
        if let Some(inner) = rest.strip_prefix('{') {
            let (inner, behind) = inner.split_once('}').ok_or(OPEN_BRACE)?;
            tuples.push(elements(inner).map(str::to_owned).collect());
            rest = behind.trim_start();
            match rest.strip_prefix(',') {
                Some(next) => rest = next.trim_start(),
                None if rest.is_empty() => return Ok(tuples),
                None => return Err("elements of a list are separated by commas"),
            }
        } else {
            let (word, behind) = rest.split_once(',').unwrap_or((rest, ""));
            tuples.push(vec![word.trim().to_owned()]);
            if word.len() == rest.len() {
                return Ok(tuples);
            }
            rest = behind.trim_start();
        }
    }
}

const OPEN_BRACE: &str = "a `{` has no `}`";

/// A pattern's first brace expression: what is before, the alternatives, what is behind.
pub(super) type Braces<'p> = (&'p str, Vec<&'p str>, &'p str);

/// The first brace expression of a pattern for files, as the C shell has them.
///
/// # Errors
/// What is wrong with it.
pub(super) fn first_braces(pattern: &str) -> Result<Option<Braces<'_>>, &'static str> {
    let Some(open) = pattern.find('{') else { return Ok(None) };
    let (mut depth, mut from, mut alternatives) = (0_usize, open + 1, Vec::new());
    for (at, byte) in pattern.bytes().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => {
                alternatives.push(&pattern[from..at]);
                return Ok(Some((&pattern[..open], alternatives, &pattern[at + 1..])));
            }
            b'}' => depth -= 1,
            b',' if depth == 1 => {
                alternatives.push(&pattern[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    Err(OPEN_BRACE)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of a text, those that are continued joined by `+`, and the doubts.
    fn lines(text: &str) -> (Vec<String>, Vec<(usize, Doubt)>) {
        let mut doubts = Vec::new();
        let shown = |line| match line {
            Logical::Plain(range) => text[range].to_owned(),
            Logical::Continued(parts) => {
                parts.into_iter().map(|part| &text[part]).collect::<Vec<_>>().join("+")
            }
        };
        let lines = logical_lines(text, &mut doubts).map(shown).collect();
        (lines, doubts)
    }

    #[test]
    fn comments_end_lines_outside_of_quotes() {
        assert_eq!(lines("a # b\n\"a # b\" # c\n a\\#b\r\n").0, ["a", "\"a # b\"", " a\\#b"]);
        assert_eq!(lines("'it\" # ' ! x\n#\n\"a\\\"#\" b").0, ["'it\" # '", "", "\"a\\\"#\" b"]);
        assert_eq!(lines("\u{feff}a S3cr!t\nb x #y\n").1, [(9, Doubt::InWord)]);
    }

    #[test]
    fn a_password_ends_at_any_sign_of_a_comment() {
        for (line, left) in [
            ("auth_pass P@##D321!", 2),
            ("auth_pass ab!!", 2),
            (" authentication { auth_pass a!b }", 1),
            ("auth_pass secret# a note", 6),
        ] {
            let at = line.find(['#', '!']).unwrap();
            assert_eq!(lines(line).1, [(at, Doubt::InPassword(left))], "{line}");
        }
        for line in ["auth_pass abc #!x", "auth_pass \"a!b\"", "auth_pass a\\!b", "auth_pass !x"] {
            assert_eq!(lines(line).1, [], "{line}");
        }
    }

    #[test]
    fn a_comment_of_another_language_ends_a_line_if_it_has_braces() {
        assert_eq!(lines("a // {VRID} b").0, ["a"]);
        assert_eq!(lines("// }").1, [(0, Doubt::Foreign)]);
        for line in ["a // b", "a x//{", "a '// {'", "a // b # {", "a // ${B}"] {
            assert_eq!(lines(line).1, [], "{line}");
        }
    }

    #[test]
    fn a_backslash_at_the_end_joins_and_two_do_not() {
        assert_eq!(lines("a \\\n b\\ # c\nd\ne").0, ["a+ b+d", "e"]);
        assert_eq!(lines("a \\\\\nb\\").0, ["a \\\\", "b"]);
        assert_eq!(lines("\\").0, [""]);
    }

    #[test]
    fn the_beginning_of_a_line_tells_what_it_is() {
        use Beginning::*;
        for (text, expected) in [
            ("@main x", Condition("main")),
            ("@^main", Condition("^main")),
            ("@", Condition("")),
            ("~SEQ(A, 1) x", Repetition("~SEQ")),
            ("~SEQ A", Words),
            ("$A=x", Definition("A")),
            ("$A =x", Reference),
            ("${A}", Reference),
            ("$=", Reference),
            ("priority 1", Words),
            ("", Words),
        ] {
            assert_eq!(beginning(text), expected, "{text}");
        }
    }

    #[test]
    fn a_reference_without_braces_ends_at_white_space_only() {
        let found = |text| reference(text, None).map(|found| (found.range.start, found.range.end));
        assert_eq!(found("a $B c"), Some((2, 4)));
        assert_eq!(found("a $B.c ${D}e"), Some((7, 11)));
        assert_eq!(found("$1 $ ${} ${1} ${A B} $"), None);
        assert_eq!(found("${_RANDOM 1 2}"), Some((0, 14)));
        assert_eq!(reference("$B", Some('x')), None);
    }
}
