//! A block's statements, read as the rows of its table say.

use core::net::IpAddr;
use std::time::Duration;

use super::Reader;
use super::row::{Draft, Row, Table};
use super::value::{owned, parse_integer, script_user};
use crate::keywords::{Block, Effect, Feature, Keyword, Shape, Support};
use crate::model::{Command, InterfaceName, ScriptUser, Weight};
use crate::syntax::{Body, Statement, Word};
use crate::{Code, Diagnostic, Span};

/// A setting as it is given: its value, read as the row says.
#[derive(Debug)]
pub(super) struct Given<'t, 's> {
    /// The keyword's place.
    pub(super) at: Span,
    /// The value's place; the keyword's, where there is no value.
    pub(super) span: Span,
    pub(super) value: Value<'t, 's>,
}

/// What stands behind a keyword.
#[derive(Debug)]
pub(super) enum Value<'t, 's> {
    Bool(bool),
    Int(i64),
    OptInt(Option<i64>),
    Time(Duration),
    Interface(InterfaceName),
    Ip(IpAddr),
    Choice(&'static str),
    Weight(Weight),
    Program(Vec<String>),
    Command(Option<Command>),
    User(ScriptUser),
    Words(&'s [Word<'t>]),
    Nested(&'s Statement<'t>, &'s Body<'t>),
    Anything,
}

const SECOND_MICROS: u64 = 1_000_000;
const MILLI_MICROS: u64 = 1_000;

impl Reader<'_> {
    /// Fills a draft with what the statements of a block say; what is wrong is reported and left
    /// out.
    pub(super) fn fill<D: Draft>(
        &mut self,
        table: &'static Table<D>,
        draft: &mut D,
        body: &Body<'_>,
    ) {
        for (row, given) in self.block(table, &body.statements) {
            row.fill(self, draft, given);
        }
    }

    /// Reads the statements of a block.
    fn block<'t, 's, D: Draft>(
        &mut self,
        table: &'static Table<D>,
        statements: &'s [Statement<'t>],
    ) -> Vec<(&'static Row<D>, Given<'t, 's>)> {
        let mut settings = Vec::with_capacity(statements.len());
        let mut seen: Vec<(&'static str, &Statement<'_>)> = Vec::with_capacity(statements.len());
        // A block without its braces, whose lines may follow.
        let mut bare: Option<&Keyword> = None;
        for statement in statements {
            let word = statement.keyword();
            let Some(row) = table.row(&word.text) else {
                if !bare.is_some_and(|bare| bare.holds(&word.text)) {
                    settings.extend(self.misspelt(table, statement));
                }
                continue;
            };
            let keyword = &row.keyword;
            self.known_keyword();
            bare = Some(keyword).filter(|_| statement.body.is_none());
            if let Support::NotOurs(part) = keyword.support {
                self.not_ours(word, part);
                continue;
            }
            let first = seen.iter().find(|(name, _)| *name == keyword.name);
            match first {
                Some(&(_, first)) if !keyword.repeats => {
                    let given = self.setting(&table.block, keyword, statement);
                    // What the first one was told is said.
                    let is_told = |found: &Diagnostic| found.span == Some(word.span);
                    self.diagnostics.pop_if(|found| is_told(found));
                    self.report_duplicate(statement, first);
                    settings.extend(given.map(|given| (row, given)));
                    continue;
                }
                Some(_) => {}
                None => seen.push((keyword.name, statement)),
            }
            let given = self.setting(&table.block, keyword, statement);
            settings.extend(given.map(|given| (row, given)));
        }
        settings
    }

    /// Reads a statement whose keyword is unknown, and reads it as what was meant.
    fn misspelt<'t, 's, D: Draft>(
        &mut self,
        table: &'static Table<D>,
        statement: &'s Statement<'t>,
    ) -> Option<(&'static Row<D>, Given<'t, 's>)> {
        let value = statement.arguments().first();
        let has_body = statement.body.is_some();
        let meant = self.unknown_keyword(&table.block, statement.keyword(), value, has_body);
        let Some(row) = meant.and_then(|keyword| table.row(keyword.name)) else {
            self.amiss.unread |= has_body;
            return None;
        };
        let reported = self.diagnostics.len();
        let given = self.setting(&table.block, &row.keyword, statement);
        // The line may have been meant otherwise after all.
        self.diagnostics.truncate(reported);
        given.map(|given| (row, given))
    }

    /// Reads one statement of which the keyword is known and ours.
    pub(super) fn setting<'t, 's>(
        &mut self,
        block: &'static Block,
        keyword: &'static Keyword,
        statement: &'s Statement<'t>,
    ) -> Option<Given<'t, 's>> {
        let reported = self.diagnostics.len();
        let value = match self.has_right_body(block, keyword, statement) {
            true => self.value(block, keyword, statement),
            false => None,
        };
        let Some(value) = value else {
            self.say_default(keyword, reported);
            self.amiss.failed.push(keyword.name);
            self.amiss.unread |= keyword.may_begin_block();
            return None;
        };
        let word = statement.keyword();
        let arguments = statement.arguments();
        self.warn_of_keyword_as_argument(block, keyword, arguments);
        let span = match (keyword.shape, arguments.first(), arguments.last()) {
            // What stands behind a flag is one word too many, and reported.
            (Shape::Flag, ..) => word.span,
            (_, Some(first), Some(last)) => first.span.to(last.span),
            _ => word.span,
        };
        let is_off = matches!(value, Value::Bool(false) | Value::Time(Duration::ZERO));
        if !is_off {
            self.report_support(keyword, word);
        }
        Some(Given { at: word.span, span, value })
    }

    /// Says what holds in lenient mode without a line that could not be read.
    fn say_default(&mut self, keyword: &Keyword, reported: usize) {
        let outcome = match keyword.default {
            "" => "the line is ignored".to_owned(),
            default => format!("the line is ignored, and the default holds: {default}"),
        };
        self.say_leniently(reported, &outcome);
    }

    fn value<'t, 's>(
        &mut self,
        block: &'static Block,
        keyword: &'static Keyword,
        statement: &'s Statement<'t>,
    ) -> Option<Value<'t, 's>> {
        let words = statement.arguments();
        self.has_no_sign(keyword, words)?;
        self.has_plain_quotes(keyword, words)?;
        self.has_no_shell_syntax(keyword, words)?;
        self.has_right_count(block, keyword, statement)?;
        let first = words.first();
        Some(match (keyword.shape, first) {
            (Shape::Flag, _) | (Shape::OptBool, None) => Value::Bool(true),
            (Shape::OptBool, Some(word)) => Value::Bool(self.boolean(word)?),
            (Shape::Int(min, max), Some(word)) => Value::Int(self.integer(word, min, max)?),
            (Shape::Rounds(min, max), Some(word)) => {
                let number = self.integer(word, min, max);
                Value::Int(number.or_else(|| self.nearest_rounds(word, min, max))?)
            }
            (Shape::OptInt(min, max), Some(word)) => {
                Value::OptInt(Some(self.integer(word, min, max)?))
            }
            (Shape::OptInt(..), None) => Value::OptInt(None),
            (Shape::Secs(min, max), Some(word)) => {
                Value::Time(self.time(word, SECOND_MICROS, min, max)?)
            }
            (Shape::Millis(min, max), Some(word)) => {
                Value::Time(self.time(word, MILLI_MICROS, min, max)?)
            }
            (Shape::Word(_) | Shape::Words(..), _) => Value::Words(words),
            (Shape::Interface, Some(word)) => Value::Interface(self.interface(word)?),
            (Shape::Ip, Some(word)) => Value::Ip(self.host(word)?),
            (Shape::Group4, Some(word)) => Value::Ip(self.group(word, true)?),
            (Shape::Group6, Some(word)) => Value::Ip(self.group(word, false)?),
            (Shape::Choice(choices), Some(word)) => Value::Choice(self.choice(word, choices)?),
            (Shape::Weight(limit), Some(_)) => {
                let (weight, rest) = self.weight(words, limit)?;
                self.no_more(rest);
                Value::Weight(weight)
            }
            (Shape::Program, Some(word)) => Value::Program(self.program(word)?),
            (Shape::Command | Shape::OptCommand, Some(_)) => {
                Value::Command(Some(self.command(words)?))
            }
            (Shape::OptCommand, None) => Value::Command(None),
            (Shape::User, Some(_)) => Value::User(script_user(words)),
            (Shape::Block(_) | Shape::Items(_), _) => {
                Value::Nested(statement, statement.body.as_ref()?)
            }
            (Shape::Anything, _) => Value::Anything,
            // The count has been checked.
            (_, None) => return None,
        })
    }

    /// In lenient mode, rounds of announcements that are out of range are the nearest number
    /// that is not; other values out of range are as if they were not there.
    fn nearest_rounds(&mut self, word: &Word<'_>, min: i64, max: i64) -> Option<i64> {
        let number = parse_integer(&word.text).filter(|_| self.lenient());
        let nearest = number?.clamp(min, max);
        self.say_leniently(self.diagnostics.len() - 1, &format!("it is {nearest}"));
        Some(nearest)
    }

    fn group(&mut self, word: &Word<'_>, v4: bool) -> Option<IpAddr> {
        let address = self.address(word)?;
        if address.is_multicast() && address.is_ipv4() == v4 {
            return Some(address);
        }
        let family = if v4 { "IPv4" } else { "IPv6" };
        let message = format!("`{address}` is not an {family} multicast address");
        self.error(Code::NotAnAddress, word.span, message);
        None
    }

    /// Whether a block stands where one must, and only there.
    fn has_right_body(
        &mut self,
        block: &Block,
        keyword: &Keyword,
        statement: &Statement<'_>,
    ) -> bool {
        let wants = matches!(keyword.shape, Shape::Block(_) | Shape::Items(_));
        let name = keyword.name;
        match &statement.body {
            // The end of the text is what is wrong.
            None if wants && self.amiss.cut && !self.options.lenient => false,
            None if wants => {
                let message = format!("`{name}` begins a block");
                let diagnostic = Diagnostic::new(Code::BlockMissing, statement.span(), message)
                    .label("a `{` is missing here");
                self.push(diagnostic);
                false
            }
            Some(body) if !wants && !matches!(keyword.shape, Shape::Anything) => {
                let message = format!("`{name}` does not begin a block");
                let mut diagnostic = Diagnostic::new(Code::Misplaced, body.open, message);
                // Two lines that were joined.
                let words = statement.arguments().iter();
                let other = words.filter_map(|word| block.find(&word.text)).next_back();
                if let Some(other) = other {
                    self.amiss.failed.push(other.name);
                    self.amiss.unread = true;
                    let help = format!("write `{}` on a line of its own", other.name);
                    diagnostic = diagnostic.help(help);
                }
                self.push(diagnostic);
                false
            }
            _ => true,
        }
    }

    /// Reports a `=` or a `:` between a keyword and its value.
    fn has_no_sign(&mut self, keyword: &Keyword, words: &[Word<'_>]) -> Option<()> {
        let Some((sign, values)) = words.split_first() else { return Some(()) };
        if sign.quoted || !matches!(&*sign.text, "=" | ":" | ":=") {
            return Some(());
        }
        let values: Vec<_> = values.iter().map(|word| &*word.text).collect();
        let message = format!("there is no `{}` between a keyword and its value", sign.text);
        let value = if values.is_empty() { "VALUE".to_owned() } else { values.join(" ") };
        let diagnostic = Diagnostic::new(Code::TrailingWords, sign.span, message)
            .help(format!("write `{} {value}`", keyword.name));
        self.push(diagnostic);
        None
    }

    /// Reports a command in the quotes of a word processor, which are letters here.
    fn has_plain_quotes(&mut self, keyword: &Keyword, words: &[Word<'_>]) -> Option<()> {
        let is_command = matches!(keyword.shape, Shape::Program | Shape::Command);
        let first = words.first().filter(|_| is_command);
        let quotes = ['\u{201c}', '\u{201d}', '\u{201e}', '\u{2018}', '\u{2019}', '\u{ab}'];
        let Some(word) = first.filter(|word| word.text.starts_with(quotes)) else {
            return Some(());
        };
        let sign = word.text.chars().next().unwrap_or_default();
        let message = format!("`{sign}` does not quote: it is part of the word");
        let diagnostic = Diagnostic::new(Code::BadCommand, word.span, message)
            .help("write `\"` before and behind the command");
        self.push(diagnostic);
        None
    }

    /// Whether there are enough words, and reports those beyond.
    fn has_right_count(
        &mut self,
        block: &Block,
        keyword: &Keyword,
        statement: &Statement<'_>,
    ) -> Option<()> {
        let words = statement.arguments();
        let (min, max) = match keyword.shape {
            Shape::Flag | Shape::Items(_) => (0, 0),
            Shape::Block(block) => {
                let count = usize::from(block.argument.is_some());
                (count, count)
            }
            Shape::OptBool | Shape::OptInt(..) => (0, 1),
            // What is behind a weight is looked at with it.
            Shape::Weight(_) => (1, usize::MAX),
            Shape::Command => (1, 3),
            Shape::OptCommand => (0, 3),
            Shape::User => (1, 2),
            Shape::Words(min, max, _) => (min, max),
            Shape::Anything => (0, usize::MAX),
            _ => (1, 1),
        };
        if words.len() < min {
            let word = statement.keyword();
            let what = match keyword.shape {
                Shape::Block(_) => "a name",
                _ => "a value",
            };
            let message = format!("`{}` without {what}", keyword.name);
            let diagnostic = Diagnostic::new(Code::MissingValue, statement.span(), message)
                .label(format!("{what} must stand behind `{}`", word.text));
            self.push(diagnostic);
            return None;
        }
        if let Some(rest) = words.get(max..) {
            let program = matches!(keyword.shape, Shape::Program);
            let first = rest.first().and_then(|word| block.find(&word.text));
            self.amiss.failed.extend(first.map(|keyword| keyword.name));
            if matches!(keyword.shape, Shape::Flag) && first.is_none() {
                self.word_behind_flag(statement, rest);
                return Some(());
            }
            if keyword.name == "auth_pass" {
                self.words_behind_password(rest);
                return Some(());
            }
            let help = match first {
                Some(keyword) => Some(format!("write `{}` on a line of its own", keyword.name)),
                None => program.then(|| "put the program and its arguments in quotes".to_owned()),
            };
            self.no_more_behind(rest, help);
        }
        Some(())
    }

    /// Reports words that are one too many.
    pub(super) fn no_more(&mut self, rest: &[Word<'_>]) {
        self.no_more_behind(rest, None);
    }

    fn no_more_behind(&mut self, rest: &[Word<'_>], help: Option<String>) {
        let (Some(first), Some(last)) = (rest.first(), rest.last()) else { return };
        let message = match rest.len() {
            1 => format!("`{}` is one word too many", first.text),
            count => format!("{count} words too many"),
        };
        let mut diagnostic =
            Diagnostic::new(Code::TrailingWords, first.span.to(last.span), message);
        let sign = comment_sign(first).filter(|_| help.is_none());
        diagnostic.help = help.or_else(|| sign.is_some().then(|| COMMENT.to_owned()));
        self.push(match sign {
            Some(sign) => diagnostic.fix(first.span, sign),
            None if diagnostic.help.is_none() => diagnostic.fix(first.span.to(last.span), ""),
            None => diagnostic,
        });
    }

    fn warn_of_keyword_as_argument(
        &mut self,
        block: &'static Block,
        keyword: &Keyword,
        words: &[Word<'_>],
    ) {
        let is_word = matches!(keyword.shape, Shape::Word(_) | Shape::Words(..) | Shape::Command);
        // A password may be any word, and is not shown.
        if !is_word || keyword.name == "auth_pass" {
            return;
        }
        let is_keyword = |word: &&Word<'_>| !word.quoted && block.find(&word.text).is_some();
        let Some(word) = words.iter().find(is_keyword) else { return };
        let is_told = |found: &Diagnostic| {
            let has = |span: Span| span.start <= word.span.start && word.span.end <= span.end;
            found.code == Code::TrailingWords && found.span.is_some_and(has)
        };
        if self.diagnostics.last().is_some_and(is_told) {
            return;
        }
        let (name, text) = (keyword.name, &word.text);
        let message = format!("the keyword `{text}` is an argument of `{name}` here");
        let diagnostic = Diagnostic::new(Code::KeywordAsArgument, word.span, message)
            .note("a line's words belong to its first keyword")
            .help(format!("if it is meant as a keyword, write `{text}` on a line of its own"));
        self.push(diagnostic);
    }

    /// Remembers a line of another part of keepalived.
    pub(super) fn not_ours(&mut self, word: &Word<'_>, part: &'static str) {
        match self.not_ours.iter_mut().find(|(other, ..)| *other == part) {
            Some((_, _, more)) => *more += 1,
            None => self.not_ours.push((part, owned(word), 0)),
        }
    }

    /// Says which other parts of keepalived there is something of, each once.
    pub(super) fn report_not_ours(&mut self) {
        for (part, first, more) in core::mem::take(&mut self.not_ours) {
            let more = match more {
                0 => String::new(),
                1 => " (and one more)".to_owned(),
                more => format!(" (and {more} more)"),
            };
            let message = format!("`{first}`{more} belongs to {part}, which vrrpd does not do");
            self.push(Diagnostic::new(Code::NotOurs, first.span, message).label(part));
        }
    }

    /// Warns of what stands behind a keyword that takes no value.
    fn word_behind_flag(&mut self, statement: &Statement<'_>, rest: &[Word<'_>]) {
        let (Some(first), Some(last)) = (rest.first(), rest.last()) else { return };
        let word = statement.keyword();
        let message = format!("`{}` takes no value", word.text);
        let at = first.span.to(last.span);
        let diagnostic =
            Diagnostic::new(Code::WordBehindFlag, at, message).label("ignored: it is on");
        let is_off = matches!(&*first.text, "off" | "no" | "false" | "0");
        self.push(match comment_sign(first) {
            Some(fix) => diagnostic.help(COMMENT).fix(first.span, fix),
            None if is_off => diagnostic.help("remove the line if it is to be off"),
            None => {
                let help = format!("write `{}` alone", word.text);
                diagnostic.help(help).fix(at, "")
            }
        });
    }

    /// Reports words behind a password, which are not shown: they may be meant as a part of it.
    fn words_behind_password(&mut self, rest: &[Word<'_>]) {
        let (Some(first), Some(last)) = (rest.first(), rest.last()) else { return };
        let at = first.span.to(last.span);
        let diagnostic = Diagnostic::new(Code::TrailingWords, at, "a password is one word")
            .help("put it in quotes, on all routers at once, if it has spaces");
        self.push(diagnostic);
    }

    /// Reports a keyword that is not done yet.
    fn report_support(&mut self, keyword: &Keyword, word: &Word<'_>) {
        let Support::NotYet(effect) = keyword.support else { return };
        let name = keyword.name;
        let diagnostic = match effect {
            Effect::Warn => {
                let message = format!("`{name}` has no effect yet");
                Diagnostic::new(Code::NoEffectYet, word.span, message)
            }
            Effect::Refuse => {
                let message = format!("`{name}` is not supported yet");
                Diagnostic::new(Code::NotSupportedYet, word.span, message)
                    .note("without it another router could be master, or another address be up")
                    .help(format!("remove `{name}`, or keep keepalived for this router"))
            }
        };
        self.push(diagnostic);
    }

    /// Reports a thing that is more than a keyword, and not done yet.
    pub(super) fn report_feature(&mut self, feature: &Feature, at: Span) {
        let Support::NotYet(_) = feature.support else { return };
        let message = format!("{} is not supported yet", feature.about);
        let diagnostic = Diagnostic::new(Code::NotSupportedYet, at, message)
            .help("do without it, or keep keepalived for this router");
        self.push(diagnostic);
    }

    fn report_duplicate(&mut self, statement: &Statement<'_>, first: &Statement<'_>) {
        let word = statement.keyword();
        let is_line = statement.body.is_none();
        if is_line && statement.says_the_same(first) {
            let message = format!("`{}` is set twice, to the same", word.text);
            let (at, whole) = (statement.span(), statement.whole());
            return self.said_twice(at, first.keyword().span, whole, message);
        }
        let message = format!("`{}` is set twice", word.text);
        let diagnostic = Diagnostic::new(Code::Duplicate, statement.span(), message)
            .also(first.keyword().span, "first set here")
            .leniently(self.options, "the last one counts")
            .help("remove one of the two");
        self.push(diagnostic);
    }
}

/// What to say where another language's comment begins.
pub(super) const COMMENT: &str = "a comment begins with `#` or `!`";

/// A word that begins a comment in other languages, as it begins one here.
pub(super) fn comment_sign(word: &Word<'_>) -> Option<String> {
    let rest = word.text.strip_prefix("//").or_else(|| word.text.strip_prefix(';'));
    rest.filter(|_| !word.quoted).map(|rest| format!("#{rest}"))
}
