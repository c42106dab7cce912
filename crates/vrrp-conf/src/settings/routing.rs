//! What routes and rules have in common: options in any order, and numbers with names.

use vrrp_proto::Family;

use super::Reader;
use crate::model::{Lookup, Prefix, Realms, Scope};
use crate::syntax::Word;
use crate::{Code, Diagnostic, Span, Spanned};

/// The words of an item, taken from the front.
pub(super) struct Words<'w, 't>(pub(super) &'w [Word<'t>]);

impl<'w, 't> Words<'w, 't> {
    pub(super) fn next(&mut self) -> Option<&'w Word<'t>> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    pub(super) fn peek(&self) -> Option<&'w Word<'t>> {
        self.0.first()
    }

    /// Takes the next word if it is this one.
    pub(super) fn take(&mut self, text: &str) -> bool {
        let is_next = self.peek().is_some_and(|word| word.text == text);
        if is_next {
            self.next();
        }
        is_next
    }
}

/// The words of an item's options, and what each is.
pub(super) type OptionTable<T> = [(&'static str, T)];

/// What an item has said so far about its family, and which options it has had.
pub(super) struct Item<T> {
    /// What the item is, for messages.
    pub(super) noun: &'static str,
    family: Option<Spanned<Family>>,
    seen: Vec<(T, Span)>,
    /// Options of one family, with where they stand.
    only: Vec<(Family, Spanned<String>)>,
}

impl<T: Copy + PartialEq> Item<T> {
    pub(super) fn new(noun: &'static str) -> Self {
        Self { noun, family: None, seen: Vec::new(), only: Vec::new() }
    }

    pub(super) fn family(&self) -> Family {
        self.family.map_or(Family::V4, |family| family.value)
    }

    /// Where an option was first given.
    pub(super) fn place(&self, option: T) -> Option<Span> {
        self.seen.iter().find(|(seen, _)| *seen == option).map(|(_, at)| *at)
    }

    /// Remembers that an option stands only in items of one family.
    pub(super) fn only(&mut self, family: Family, option: &Word<'_>) {
        self.only.push((family, Spanned::new(option.text.clone().into_owned(), option.span)));
    }
}

impl Reader<'_> {
    /// What a word stands for in a table; reports it if it stands for nothing.
    pub(super) fn option_of<T: Copy>(
        &mut self,
        table: &OptionTable<T>,
        noun: &str,
        word: &Word<'_>,
    ) -> Option<T> {
        let found = find(table, &word.text);
        if found.is_none() {
            let message = format!("`{}` is not an option of a {noun}", word.text);
            let mut diagnostic = Diagnostic::new(Code::UnknownOption, word.span, message);
            let names = table.iter().map(|(name, _)| *name);
            diagnostic.help = crate::did_you_mean::closest(&word.text, names)
                .map(|near| format!("did you mean `{near}`?"));
            self.push(diagnostic);
        }
        found
    }

    /// Reports an option that has been given before; the last one counts.
    pub(super) fn once<T: Copy + PartialEq>(
        &mut self,
        item: &mut Item<T>,
        option: T,
        word: &Word<'_>,
    ) {
        match item.place(option) {
            None => item.seen.push((option, word.span)),
            Some(first) => {
                let message = format!("`{}` is given twice", word.text);
                let diagnostic = Diagnostic::new(Code::Duplicate, word.span, message)
                    .also(first, "first given here");
                self.push(diagnostic.leniently(self.options, "the last one counts"));
            }
        }
    }

    /// The word behind an option; reports that there is none.
    pub(super) fn value_of<'w, 't>(
        &mut self,
        option: &Word<'_>,
        words: &mut Words<'w, 't>,
    ) -> Option<&'w Word<'t>> {
        let value = words.next();
        if value.is_none() {
            let message = format!("`{}` without a value", option.text);
            self.error(Code::OptionWithoutValue, option.span, message);
        }
        value
    }

    /// Takes note of a family; reports it if the item has said another one.
    pub(super) fn same_family<T>(
        &mut self,
        item: &mut Item<T>,
        family: Family,
        at: Span,
    ) -> Option<()> {
        let first = *item.family.get_or_insert(Spanned::new(family, at));
        if first.value == family {
            return Some(());
        }
        let message = format!("a {} has addresses of one family", item.noun);
        let diagnostic = Diagnostic::new(Code::MixedFamilies, at, message)
            .label(name_of(family))
            .also(first.span, name_of(first.value));
        self.push(diagnostic);
        None
    }

    /// Reports options that stand in items of the other family only.
    pub(super) fn check_family<T: Copy + PartialEq>(&mut self, item: &Item<T>) -> Option<()> {
        let wrong = item.only.iter().find(|(family, _)| *family != item.family());
        let Some((family, option)) = wrong else { return Some(()) };
        let message = format!("`{option}` is an option of {} only", name_of(*family));
        self.error(Code::UnknownOption, option.span, message);
        None
    }

    /// `ADDRESS[/LENGTH]`, or a word for all addresses, which has no family.
    pub(super) fn prefix_or_all<T>(
        &mut self,
        item: &mut Item<T>,
        word: &Word<'_>,
    ) -> Option<Option<Prefix>> {
        if word.text == "default6" {
            self.same_family(item, Family::V6, word.span)?;
            return Some(Some(Prefix::all(Family::V6)));
        }
        if is_all(&word.text) {
            return Some(None);
        }
        let (address, len) = self.prefix(word)?;
        self.same_family(item, Family::of(address), word.span)?;
        Some(Some(Prefix { address, len }))
    }

    /// A number as C writes it: decimal, `0x` hexadecimal, or octal behind a `0`.
    pub(super) fn c_number(&mut self, word: &Word<'_>, min: u64, max: u64) -> Option<u64> {
        let number = parse_c_number(&word.text);
        match number {
            Some(number) if (min..=max).contains(&number) => return Some(number),
            Some(_) => self.out_of_range(word, &min.to_string(), &max.to_string()),
            None => {
                let message = format!("`{}` is not a number", word.text);
                self.error(Code::NotANumber, word.span, message);
            }
        }
        None
    }

    /// A number, or a name for one.
    pub(super) fn lookup<T: Copy + TryFrom<u64>>(
        &mut self,
        word: &Word<'_>,
        names: &[(&str, T)],
        min: u64,
        max: u64,
    ) -> Option<Lookup<T>> {
        let text = &*word.text;
        if text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+')) {
            let number = self.c_number(word, min, max)?;
            return T::try_from(number).ok().map(Lookup::Number);
        }
        if let Some((_, number)) = names.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)) {
            return Some(Lookup::Number(*number));
        }
        let may_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
        if !text.is_empty() && text.chars().all(may_name) {
            return Some(Lookup::Name(text.into()));
        }
        let message = format!("`{text}` is neither a number nor a name");
        self.error(Code::NotANumber, word.span, message);
        None
    }

    pub(super) fn table(&mut self, word: &Word<'_>, min: u64) -> Option<Lookup<u32>> {
        self.lookup(word, TABLES, min, u64::from(u32::MAX))
    }

    pub(super) fn dsfield(&mut self, word: &Word<'_>) -> Option<Lookup<u8>> {
        self.lookup(word, DSFIELDS, 0, 255)
    }

    pub(super) fn route_protocol(&mut self, word: &Word<'_>) -> Option<Lookup<u8>> {
        self.lookup(word, PROTOCOLS, 0, 255)
    }

    pub(super) fn route_scope(&mut self, word: &Word<'_>) -> Option<Lookup<Scope>> {
        Some(match self.lookup(word, SCOPES, 0, 255)? {
            Lookup::Number(scope) => Lookup::Number(Scope(scope)),
            Lookup::Name(name) => Lookup::Name(name),
        })
    }

    /// `[FROM/]TO`.
    pub(super) fn realms(&mut self, word: &Word<'_>) -> Option<Realms> {
        let mut realm = |text: &str| {
            let word = Word { text: text.to_owned().into(), ..word.clone() };
            self.lookup(&word, REALMS, 0, 255)
        };
        match word.text.split_once('/') {
            Some((from, to)) => Some(Realms { from: Some(realm(from)?), to: realm(to)? }),
            None => Some(Realms { from: None, to: realm(&word.text)? }),
        }
    }

    /// The track group of a static item; others have none.
    pub(super) fn item_track_group(
        &mut self,
        option: &Word<'_>,
        words: &mut Words<'_, '_>,
        is_static: bool,
    ) -> Option<Spanned<std::sync::Arc<str>>> {
        let group = self.value_of(option, words)?;
        if !is_static {
            self.push(only_static(option));
            return None;
        }
        let group = Spanned::new((&*group.text).into(), group.span);
        self.refer(super::Kind::TrackGroup, &group).then_some(group)
    }

    pub(super) fn bad_routing(&mut self, at: Span, message: impl Into<String>) {
        self.error(Code::BadRouting, at, message.into());
    }
}

/// What to say of a `track_group` of what moves with an instance.
pub(super) fn only_static(option: &Word<'_>) -> Diagnostic {
    let message = format!("`{}` is an option of static items only", option.text);
    Diagnostic::new(Code::UnknownOption, option.span, message)
        .help("leave it out: the instance itself tracks what moves with it")
}

/// What a word stands for.
pub(super) fn find<T: Copy>(table: &OptionTable<T>, text: &str) -> Option<T> {
    table.iter().find(|(name, _)| *name == text).map(|(_, option)| *option)
}

fn name_of(family: Family) -> &'static str {
    match family {
        Family::V4 => "IPv4",
        Family::V6 => "IPv6",
    }
}

/// A number as C writes it; one that is too large is the largest, so that it is out of any
/// range.
fn parse_c_number(text: &str) -> Option<u64> {
    let hexadecimal = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let (digits, radix) = match (hexadecimal, text.strip_prefix('0')) {
        (Some(digits), _) => (digits, 16),
        (None, Some(digits)) if !digits.is_empty() => (digits, 8),
        _ => (text, 10),
    };
    let negative = digits.strip_prefix('-').unwrap_or(digits);
    if negative.is_empty() || !negative.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    Some(u64::from_str_radix(digits, radix).unwrap_or(u64::MAX))
}

/// Whether a word means all addresses.
pub(super) fn is_all(word: &str) -> bool {
    matches!(word, "default" | "default6" | "all" | "any")
}

const TABLES: &[(&str, u32)] = &[("unspec", 0), ("default", 253), ("main", 254), ("local", 255)];

const SCOPES: &[(&str, u8)] =
    &[("global", 0), ("site", 200), ("link", 253), ("host", 254), ("nowhere", 255)];

const REALMS: &[(&str, u8)] = &[("cosmos", 0)];

/// keepalived's number among the makers of routes and rules.
pub(super) const KEEPALIVED: u8 = 18;

const PROTOCOLS: &[(&str, u8)] = &[
    ("unspec", 0),
    ("redirect", 1),
    ("kernel", 2),
    ("boot", 3),
    ("static", 4),
    ("gated", 8),
    ("ra", 9),
    ("mrt", 10),
    ("zebra", 11),
    ("bird", 12),
    ("dnrouted", 13),
    ("xorp", 14),
    ("ntk", 15),
    ("dhcp", 16),
    ("mrouted", 17),
    ("keepalived", KEEPALIVED),
    ("babel", 42),
    ("openr", 99),
    ("bgp", 186),
    ("isis", 187),
    ("ospf", 188),
    ("rip", 189),
    ("eigrp", 192),
];

const DSFIELDS: &[(&str, u8)] = &[
    ("default", 0),
    ("CS1", 0x20),
    ("CS2", 0x40),
    ("CS3", 0x60),
    ("CS4", 0x80),
    ("CS5", 0xa0),
    ("CS6", 0xc0),
    ("CS7", 0xe0),
    ("AF11", 0x28),
    ("AF12", 0x30),
    ("AF13", 0x38),
    ("AF21", 0x48),
    ("AF22", 0x50),
    ("AF23", 0x58),
    ("AF31", 0x68),
    ("AF32", 0x70),
    ("AF33", 0x78),
    ("AF41", 0x88),
    ("AF42", 0x90),
    ("AF43", 0x98),
    ("EF", 0xb8),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_c() {
        for (text, number) in [("0", 0), ("10", 10), ("0x1F", 31), ("010", 8), ("007", 7)] {
            assert_eq!(parse_c_number(text), Some(number), "{text}");
        }
        for text in ["", "0x", "08", "x", "1a", "-", "0x-1", "1.5"] {
            let number = parse_c_number(text);
            assert!(number.is_none() || number == Some(u64::MAX), "{text}");
        }
        assert_eq!(parse_c_number("-1"), Some(u64::MAX));
        assert_eq!(parse_c_number("99999999999999999999"), Some(u64::MAX));
    }
}
