//! Words as values: numbers, times, addresses, programs.

use core::net::IpAddr;
use std::borrow::Cow;
use std::time::Duration;

use super::{Reader, meant};
use crate::decimal::{decimal, parse_decimal};
use crate::model::{Command, InterfaceName, ScriptUser, Weight};
use crate::syntax::Word;
use crate::{Code, Diagnostic, Span, Spanned};

impl Diagnostic {
    /// The same about a word behind an address, with what to do if that is one more address.
    pub(super) fn one_address_per_line(self, word: &str) -> Self {
        let address = word.trim_end_matches(',').split('/').next().unwrap_or_default();
        match address.parse::<IpAddr>() {
            Ok(_) => self.help("write each address on a line of its own"),
            Err(_) => self,
        }
    }
}

impl Reader<'_> {
    /// A whole number from `min` to `max`.
    pub(super) fn integer(&mut self, word: &Word<'_>, min: i64, max: i64) -> Option<i64> {
        let Some(number) = parse_integer(&word.text) else {
            let message = format!("`{}` is not a number", word.text);
            let diagnostic = Diagnostic::new(Code::NotANumber, word.span, message);
            self.push(diagnostic.meant(meant::integer(&word.text)));
            return None;
        };
        if (min..=max).contains(&number) {
            return Some(number);
        }
        self.out_of_range(word, &format!("{min}"), &format!("{max}"));
        None
    }

    /// A time whose unit is `unit_micros`, from `min` to `max` in microseconds.
    pub(super) fn time(
        &mut self,
        word: &Word<'_>,
        unit_micros: u64,
        min: u64,
        max: u64,
    ) -> Option<Duration> {
        let Some(micros) = parse_decimal(&word.text, unit_micros) else {
            let message = format!("`{}` is not a time", word.text);
            let unit = if unit_micros == 1_000 { "milliseconds" } else { "seconds" };
            let diagnostic = Diagnostic::new(Code::NotATime, word.span, message)
                .label(format!("a number of {unit}, without a unit"));
            self.push(diagnostic.meant(meant::time(&word.text, unit_micros)));
            return None;
        };
        if (min..=max).contains(&micros) {
            return Some(Duration::from_micros(micros));
        }
        self.out_of_range(word, &decimal(min, unit_micros), &decimal(max, unit_micros));
        None
    }

    pub(super) fn out_of_range(&mut self, word: &Word<'_>, min: &str, max: &str) {
        let message = format!("`{}` is out of range", word.text);
        let diagnostic = Diagnostic::new(Code::OutOfRange, word.span, message)
            .label(format!("must be {min} to {max}"));
        self.push(diagnostic);
    }

    pub(super) fn boolean(&mut self, word: &Word<'_>) -> Option<bool> {
        match &*word.text {
            "on" | "true" | "yes" => Some(true),
            "off" | "false" | "no" => Some(false),
            other => {
                let message = format!("`{other}` is not a truth value");
                let diagnostic = Diagnostic::new(Code::NotABoolean, word.span, message)
                    .label("must be `on`, `off`, `true`, `false`, `yes` or `no`");
                self.push(diagnostic.did_you_mean(meant::boolean(other)));
                None
            }
        }
    }

    pub(super) fn address(&mut self, word: &Word<'_>) -> Option<IpAddr> {
        self.address_text(&word.text, word.span)
    }

    pub(super) fn address_text(&mut self, text: &str, span: Span) -> Option<IpAddr> {
        let address = text.parse().ok();
        if address.is_none() {
            let message = format!("`{text}` is not an IP address");
            let diagnostic = Diagnostic::new(Code::NotAnAddress, span, message);
            self.push(diagnostic.meant(meant::address(text)));
        }
        address
    }

    /// `ADDRESS[/LENGTH]`.
    pub(super) fn prefix(&mut self, word: &Word<'_>) -> Option<(IpAddr, u8)> {
        let (address, length) = match word.text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (&*word.text, None),
        };
        let address = self.address_text(address, word.span)?;
        let max = if address.is_ipv4() { 32 } else { 128 };
        let Some(length) = length else { return Some((address, max)) };
        match length.parse() {
            Ok(length) if length <= max => Some((address, length)),
            _ => {
                let message = format!("`{length}` is not the length of a prefix");
                let diagnostic = Diagnostic::new(Code::BadPrefix, word.span, message)
                    .label(format!("must be 0 to {max}"));
                self.push(diagnostic.meant(meant::address(&word.text)));
                // keepalived goes on with the address alone.
                self.lenient().then_some((address, max))
            }
        }
    }

    /// The address of one host. keepalived takes one with a prefix length as well, and ignores it.
    pub(super) fn host(&mut self, word: &Word<'_>) -> Option<IpAddr> {
        let Some((text, length)) = word.text.split_once('/') else { return self.address(word) };
        let address = self.address_text(text, word.span)?;
        let message = format!("`/{length}` means nothing here");
        let diagnostic = Diagnostic::new(Code::IdlePrefix, word.span, message)
            .label("one host's address")
            .help(format!("write `{address}`"))
            .fix(word.span, address.to_string());
        self.push(diagnostic);
        Some(address)
    }

    pub(super) fn interface(&mut self, word: &Word<'_>) -> Option<InterfaceName> {
        match word.text.parse() {
            Ok(name) => {
                self.check_sign(word);
                Some(name)
            }
            Err(error) => {
                let message = format!("`{}` cannot be the name of an interface", word.text);
                let mut diagnostic = Diagnostic::new(Code::BadInterface, word.span, message)
                    .label(error.to_string());
                diagnostic.help = word.text.split_once(':').map(|(interface, _)| {
                    format!("write `{interface}`, and `label {}` behind an address", word.text)
                });
                self.push(diagnostic);
                None
            }
        }
    }

    /// Warns of a sign that ends lines in other languages.
    fn check_sign(&mut self, word: &Word<'_>) {
        let name = word.text.trim_end_matches([';', ',']);
        if !word.quoted && name.len() < word.text.len() {
            let message =
                format!("the interface's name is `{}`, with its last character", word.text);
            let diagnostic = Diagnostic::new(Code::NameWithSign, word.span, message)
                .help(format!("write `{name}`"));
            self.push(diagnostic);
        }
    }

    /// One of some words.
    pub(super) fn choice(
        &mut self,
        word: &Word<'_>,
        choices: &'static [&'static str],
    ) -> Option<&'static str> {
        if let Some(choice) = choices.iter().find(|choice| **choice == word.text) {
            return Some(choice);
        }
        let list: Vec<_> = choices.iter().map(|choice| format!("`{choice}`")).collect();
        let message = format!("`{}` is none of {}", word.text, list.join(", "));
        let near = meant::choice(&word.text, choices);
        let diagnostic = Diagnostic::new(Code::NotAChoice, word.span, message).did_you_mean(near);
        // keepalived takes any other word for this one.
        self.push(match near {
            Some("BACKUP") => diagnostic.fix(word.span, "BACKUP"),
            _ => diagnostic,
        });
        None
    }

    /// `NUMBER [reverse|noreverse]`; gives the rest of the words.
    pub(super) fn weight<'w, 't>(
        &mut self,
        words: &'w [Word<'t>],
        limit: i64,
    ) -> Option<(Weight, &'w [Word<'t>])> {
        let (number, rest) = words.split_first()?;
        let value = match parse_integer(&number.text) {
            Some(value) if value.abs() <= limit => Some(value as i32),
            Some(_) => {
                let message = format!("the weight `{}` is out of range", number.text);
                let diagnostic = Diagnostic::new(Code::BadWeight, number.span, message)
                    .label(format!("must be -{limit} to {limit}"));
                self.push(diagnostic);
                None
            }
            None => {
                let message = format!("the weight `{}` is not a number", number.text);
                let diagnostic = Diagnostic::new(Code::NotANumber, number.span, message);
                self.push(diagnostic.meant(meant::integer(&number.text)));
                None
            }
        };
        let direction = rest.first().map(|word| &*word.text);
        let (reverse, rest) = match direction {
            Some("reverse") => (true, &rest[1..]),
            Some("noreverse" | "no_reverse") => (false, &rest[1..]),
            _ => (false, rest),
        };
        value.map(|value| (Weight { value, reverse }, rest))
    }

    /// A program and its arguments, from one word.
    pub(super) fn program(&mut self, word: &Word<'_>) -> Option<Vec<String>> {
        match split_command(&word.text) {
            Ok(words) if words.first().is_some_and(|program| !program.is_empty()) => {
                self.warn_of_shell_syntax(word);
                Some(words)
            }
            Ok(_) => {
                self.error(Code::BadCommand, word.span, "no program is named".to_owned());
                None
            }
            Err(quote) => {
                let message = format!("the {quote} within this command is not closed");
                self.error(Code::BadCommand, word.span, message);
                None
            }
        }
    }

    /// `PROGRAM [USER [GROUP]]`; a group of user and group, where the program names none, is
    /// filled in later.
    pub(super) fn command(&mut self, words: &[Word<'_>]) -> Option<Command> {
        let (program, user) = words.split_first()?;
        let words = self.program(program)?;
        let user = user.first().map(|first| {
            let span = user.last().map_or(first.span, |last| first.span.to(last.span));
            Spanned::new(script_user(user), span)
        });
        Some(Command { words, user })
    }

    pub(super) fn lenient(&self) -> bool {
        self.options.lenient
    }
}

/// `USER [GROUP]`; at least the user is there.
pub(super) fn script_user(words: &[Word<'_>]) -> ScriptUser {
    let text = |word: &Word<'_>| word.text.clone().into_owned();
    ScriptUser { user: words.first().map(text).unwrap_or_default(), group: words.get(1).map(text) }
}

pub(super) fn parse_integer(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let number: i64 = match digits.bytes().all(|byte| byte.is_ascii_digit()) {
        true => digits.parse().ok()?,
        false => return None,
    };
    Some(if negative { -number } else { number })
}

/// The words of a command line: white space separates, quotes of both kinds join.
///
/// # Errors
/// The quote that is not closed.
fn split_command(text: &str) -> Result<Vec<String>, char> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in text.chars() {
        match (c, quote) {
            (_, Some(open)) if c == open => quote = None,
            (_, Some(_)) => word.get_or_insert_default().push(c),
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (_, None) if c.is_whitespace() => words.extend(word.take()),
            (_, None) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    match quote {
        Some(quote) => Err(quote),
        None => Ok(words),
    }
}

/// A word's text, as the model keeps it.
pub(super) fn owned(word: &Word<'_>) -> Spanned<String> {
    Spanned::new(Cow::clone(&word.text).into_owned(), word.span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_split_as_a_shell_would_without_expansion() {
        let split = |text| split_command(text).unwrap();
        assert_eq!(split("/bin/x  a 'b c' d\"e f\"g"), ["/bin/x", "a", "b c", "de fg"]);
        assert_eq!(split("/bin/x ''"), ["/bin/x", ""]);
        assert_eq!(split_command("/bin/x 'a"), Err('\''));
    }
}
