//! What a shell would make of a command, which no shell runs.

use super::Reader;
use crate::keywords::{Keyword, Shape};
use crate::syntax::Word;
use crate::{Code, Diagnostic};

/// What words begin with that a shell does not hand to a program.
const SIGNS: [&str; 7] = ["|", "&&", ">", "<", "1>", "2>", "&>"];

impl Reader<'_> {
    /// Warns of shell syntax within a command: it goes to the program as it stands.
    pub(super) fn warn_of_shell_syntax(&mut self, word: &Word<'_>) {
        let Some(sign) = outside_of_quotes(&word.text).into_iter().find(|word| is_syntax(word))
        else {
            return;
        };
        let message = format!("no shell runs this command: `{sign}` is an argument of the program");
        let help = match word.text.contains(['"', '\'']) {
            true => "put it into a script, and run that".to_owned(),
            false => format!("write `\"/bin/sh -c '{}'\"`, or put it into a script", word.text),
        };
        self.push(Diagnostic::new(Code::ShellSyntax, word.span, message).help(help));
    }

    /// Reports a command that is not in quotes and goes on with shell syntax.
    pub(super) fn has_no_shell_syntax(
        &mut self,
        keyword: &Keyword,
        words: &[Word<'_>],
    ) -> Option<()> {
        let is_command =
            matches!(keyword.shape, Shape::Program | Shape::Command | Shape::OptCommand);
        let Some((first, rest)) = words.split_first().filter(|_| is_command) else {
            return Some(());
        };
        let is_sign = |word: &&Word<'_>| !word.quoted && is_syntax(&word.text);
        let Some(sign) = rest.iter().find(is_sign) else { return Some(()) };
        let message = format!("`{}` is shell syntax, and no shell runs this command", sign.text);
        let texts: Vec<_> = words.iter().map(|word| &*word.text).collect();
        let text = texts.join(" ");
        let diagnostic = Diagnostic::new(Code::BadCommand, first.span.to(sign.span), message);
        self.push(match text.contains(['"', '\'']) {
            true => diagnostic.help("put it into a script, and run that"),
            false => {
                diagnostic.help(format!("write `\"/bin/sh -c '{text}'\"`, or put it into a script"))
            }
        });
        None
    }
}

/// Whether a shell would take a word for something else than an argument.
fn is_syntax(word: &str) -> bool {
    matches!(word, "&" | ";")
        || SIGNS.iter().any(|sign| word.starts_with(sign))
        || word.ends_with(';')
        || word.contains("$(")
        || word.contains('`')
}

/// The words of a command that have no quotes.
fn outside_of_quotes(text: &str) -> Vec<&str> {
    let (mut words, mut start, mut quote, mut is_quoted) = (Vec::new(), 0, None, false);
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        match (c, quote) {
            ('"' | '\'', None) => (quote, is_quoted) = (Some(c), true),
            (_, Some(open)) if c == open => quote = None,
            (_, None) if c.is_whitespace() => {
                words.extend(Some(&text[start..at]).filter(|word| !is_quoted && !word.is_empty()));
                (start, is_quoted) = (at + c.len_utf8(), false);
            }
            _ => {}
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shell_syntax_is_known_from_arguments() {
        let sign = |text| outside_of_quotes(text).into_iter().find(|word| is_syntax(word));
        for (text, expected) in [
            ("/bin/x || exit 1", Some("||")),
            ("/bin/x > /dev/null 2>&1", Some(">")),
            ("/bin/x 2>/dev/null", Some("2>/dev/null")),
            ("</dev/tcp/127.0.0.1/80", Some("</dev/tcp/127.0.0.1/80")),
            ("cd /tmp; ls", Some("/tmp;")),
            ("/bin/kill $(pidof x)", Some("$(pidof")),
            ("/bin/sh -c '/bin/x || exit 1'", None),
            ("/bin/sh -c \"a | b\"", None),
            ("/bin/curl http://h/?a=1&b=2", None),
            ("/bin/x -e a;b --le=3 x>y", None),
        ] {
            assert_eq!(sign(text), expected, "{text}");
        }
    }
}
