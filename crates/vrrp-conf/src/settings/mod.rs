//! The settings of the language: a row for each (`rows`), and what is made of them: a model from a
//! tree, and a text from a model.
//!
//! Blocks may stand in any order, so they are read by kind: first what holds for all, then
//! what instances refer to, then the instances, then what refers to them. Only one block's
//! tree exists at a time.

mod address;
mod clash;
mod doubt;
mod encap;
mod given;
mod global;
mod group;
mod instance;
mod meant;
mod metric;
mod network;
mod peers;
mod resolve;
mod route;
mod routing;
mod row;
mod rows;
mod rule;
mod seen;
mod shell;
mod strict;
#[cfg(test)]
mod tests;
mod track;
mod unknown;
mod value;

use std::collections::HashMap;
use std::sync::Arc;

use clash::Taken;
use global::Defaults;
use row::Row;
pub(crate) use rows::FEATURES;
use rows::{TOP_LEVEL, Top};
use seen::Seen;
use unknown::Amiss;

use vrrp_proto::Family;

use crate::keywords::{Block, Keyword, Support};
use crate::model::Config;
use crate::outline::{Outline, TopLevel};
use crate::print::Lines;
use crate::syntax::{Body, Statement, Word};
use crate::{Code, Diagnostic, Options, Span, Spanned, bytes};

impl Config {
    /// The configuration as keepalived.conf text, with every default. Reading it gives an equal
    /// model. Passwords and keys are in it: see [`without_secrets`](Self::without_secrets).
    pub fn to_conf(&self) -> String {
        let mut lines = Lines::default();
        TOP_LEVEL.show(self, self, &mut lines);
        lines.text()
    }
}

/// What may stand at the top level.
pub(crate) fn top_level() -> &'static Block {
    &TOP_LEVEL.block
}

/// Reads the blocks of a text, which begins at byte `base` of the map, into a model.
pub(crate) fn read(
    text: &str,
    base: u32,
    outline: &Outline<'_>,
    options: &Options,
    diagnostics: &mut Vec<Diagnostic>,
) -> Config {
    let mut reader = Reader {
        text,
        base,
        options,
        diagnostics,
        config: Config::default(),
        defaults: Defaults::default(),
        definitions: HashMap::new(),
        taken: Taken::default(),
        amiss: Amiss::default(),
        tracked: Seen::new(),
        grouped: HashMap::new(),
        next_preferences: HashMap::new(),
        lines: HashMap::new(),
        not_ours: Vec::new(),
    };
    // What is not there may use what is, and define what is used.
    reader.amiss.unread = reader.diagnostics.iter().any(|found| HIDING.contains(&found.code));
    let ends_early = |found: &Diagnostic| found.code == Code::UnclosedAtEnd;
    reader.amiss.ends_early = reader.diagnostics.iter().any(ends_early);
    let blocks = reader.known_blocks(outline);
    for phase in Phase::ALL {
        for &(row, block) in blocks.iter().filter(|(row, _)| row.phase == phase) {
            if reader.is_full() {
                break;
            }
            reader.amiss.cut = block.is_cut;
            reader.top_level_block(row, outline, block);
        }
    }
    reader.amiss.unread |= reader.is_full();
    reader.check_interface_delays();
    reader.report_unused();
    reader.report_not_ours();
    reader.report_nothing(base);
    reader.config
}

/// Findings of texts that are not complete.
const HIDING: &[Code] = &[
    Code::IncludeFailed,
    Code::IncludeMissing,
    Code::IncludeRefused,
    Code::ExpansionTooDeep,
    Code::ExpansionTooLarge,
    Code::UnclosedAtEnd,
    Code::TooDeep,
    Code::BlockTooLarge,
];

/// Similar words are looked for so many times: a generated file may have a mistake in each of
/// its blocks.
const MAX_SUGGESTIONS: usize = 200;

/// When a kind of block is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Global,
    Definitions,
    Instances,
    Groups,
    Static,
}

impl Phase {
    /// In order.
    const ALL: [Self; 5] =
        [Self::Global, Self::Definitions, Self::Instances, Self::Groups, Self::Static];
}

/// What names are unique among.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Instance,
    Script,
    Process,
    File,
    Bfd,
    SyncGroup,
    TrackGroup,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Instance => "vrrp_instance",
            Self::Script => "vrrp_script",
            Self::Process => "vrrp_track_process",
            Self::File => "track_file",
            Self::Bfd => "bfd_instance",
            Self::SyncGroup => "vrrp_sync_group",
            Self::TrackGroup => "track_group",
        }
    }

    /// All kinds.
    const ALL: [Self; 7] = [
        Self::Instance,
        Self::Script,
        Self::Process,
        Self::File,
        Self::Bfd,
        Self::SyncGroup,
        Self::TrackGroup,
    ];

    /// The block that refers to it by its name.
    fn tracked_in(self) -> Option<&'static str> {
        match self {
            Self::Script => Some("track_script"),
            Self::Process => Some("track_process"),
            Self::File => Some("track_file"),
            Self::Bfd => Some("track_bfd"),
            Self::Instance => Some("group"),
            Self::SyncGroup | Self::TrackGroup => None,
        }
    }

    /// Whether it does nothing unless something refers to it.
    fn wants_use(self) -> bool {
        matches!(self, Self::Script | Self::Process | Self::File | Self::Bfd)
    }
}

#[derive(Debug, Clone, Copy)]
struct Definition {
    at: Span,
    /// All of its block.
    whole: Span,
    used: bool,
    /// It could not be read: what refers to it is not to blame.
    broken: bool,
}

/// The model in the making.
struct Reader<'o> {
    /// The expanded text, which begins at byte `base` of the map.
    text: &'o str,
    base: u32,
    options: &'o Options,
    diagnostics: &'o mut Vec<Diagnostic>,
    config: Config,
    defaults: Defaults,
    definitions: HashMap<(Kind, Arc<str>), Definition>,
    taken: Taken,
    amiss: Amiss,
    /// What the current block tracks; interfaces have no kind.
    tracked: Seen<(Option<Kind>, Arc<str>)>,
    /// The sync group of each instance that has one, and where it is said.
    grouped: HashMap<Arc<str>, (Arc<str>, Span)>,
    /// The preferences of the next rules without one.
    next_preferences: HashMap<Family, u32>,
    /// Where the top level's lines that are no blocks are.
    lines: HashMap<&'static str, Span>,
    /// The parts of keepalived that are not VRRP, with the first line of each, and how many more
    /// there are.
    not_ours: Vec<(&'static str, Spanned<String>, usize)>,
}

impl Reader<'_> {
    /// The blocks whose keyword is known and ours; the others are reported.
    fn known_blocks<'b>(
        &mut self,
        outline: &'b Outline<'_>,
    ) -> Vec<(&'static Row<Top>, &'b TopLevel<'b>)> {
        let mut known = Vec::with_capacity(outline.blocks.len());
        // A block without its braces, whose lines may follow.
        let mut bare: Option<&Keyword> = None;
        for block in &outline.blocks {
            if self.is_full() {
                break;
            }
            let Some(word) = outline.keyword(block) else { continue };
            let found = match TOP_LEVEL.row(&word.text) {
                None if bare.is_some_and(|bare| bare.holds(&word.text)) => continue,
                None => self.unknown_block(outline, block, &word),
                found => found,
            };
            bare = found.map(|row| &row.keyword).filter(|_| !outline.has_body(block));
            match found.map(|row| (row, row.keyword.support)) {
                None => {}
                Some((_, Support::NotOurs(part))) => self.not_ours(&word, part),
                Some((row, _)) => known.push((row, block)),
            }
        }
        known
    }

    /// Reports a block or line of the top level that is none.
    fn unknown_block(
        &mut self,
        outline: &Outline<'_>,
        block: &TopLevel<'_>,
        word: &Word<'_>,
    ) -> Option<&'static Row<Top>> {
        let words = outline.tree(block);
        let value = words.as_ref().ok().and_then(|words| words.arguments().first());
        let has_body = outline.has_body(block);
        let meant = self.unknown_keyword(&TOP_LEVEL.block, word, value, has_body);
        self.amiss.unread |= meant.is_none() && has_body;
        TOP_LEVEL.row(meant?.name)
    }

    fn top_level_block(
        &mut self,
        row: &'static Row<Top>,
        outline: &Outline<'_>,
        block: &TopLevel<'_>,
    ) {
        let text = &*block.text;
        match outline.tree(block) {
            Ok(statement) => {
                // Only these make something of a text that is none.
                if text.bytes().any(|byte| matches!(byte, b'\\' | 0xf4)) {
                    self.check_text(&statement);
                }
                self.top_level(row, &statement);
            }
            Err(span) => {
                let message = "this cannot be part of a configuration";
                let diagnostic = Diagnostic::new(Code::UnexpectedText, span, message);
                let is_template = text.contains("{{") || text.contains("{%");
                self.push(match is_template {
                    true => diagnostic.help("this is a template: fill it in first"),
                    false => diagnostic,
                });
                self.amiss.unread = true;
            }
        }
    }

    /// Reports words that are no text; a password may be any bytes.
    fn check_text(&mut self, statement: &Statement<'_>) {
        let is_password = statement.keyword().text == "auth_pass";
        let words = &statement.words[..if is_password { 1 } else { statement.words.len() }];
        for word in words {
            let zero = word.text.contains('\0');
            if zero || bytes::stand_ins(&word.text).next().is_some() {
                let message = match zero {
                    true => "a word with a zero byte",
                    false => "a word with bytes that are not UTF-8",
                };
                self.error(Code::NotText, word.span, message.to_owned());
            }
        }
        for statement in statement.body.iter().flat_map(|body| &body.statements) {
            self.check_text(statement);
        }
    }

    /// The text of a span as it stands there.
    fn written(&self, span: Span) -> &str {
        let at = |place: u32| place.saturating_sub(self.base) as usize;
        self.text.get(at(span.start)..at(span.end)).unwrap_or_default()
    }

    fn top_level(&mut self, row: &'static Row<Top>, statement: &Statement<'_>) {
        self.check_line(&row.keyword, statement);
        let Some(given) = self.setting(&TOP_LEVEL.block, &row.keyword, statement) else { return };
        let mut top = Top::default();
        row.fill(self, &mut top, given);
        let global = &mut self.config.global;
        global.instance_name = top.instance_name.or(global.instance_name.take());
        global.net_namespace = top.net_namespace.or(global.net_namespace.take());
    }

    fn static_addresses(&mut self, body: &Body<'_>) {
        let addresses = self.addresses(body, true);
        for group in addresses.iter().filter_map(|address| address.track_group.as_ref()) {
            self.refer(Kind::TrackGroup, group);
        }
        self.config.static_addresses.extend(addresses);
    }

    fn static_routes(&mut self, body: &Body<'_>) {
        let mut routes = core::mem::take(&mut self.config.static_routes);
        self.routes(&mut routes, body, true);
        self.config.static_routes = routes;
    }

    fn static_rules(&mut self, body: &Body<'_>) {
        let mut rules = core::mem::take(&mut self.config.static_rules);
        self.rules(&mut rules, body, true);
        self.config.static_rules = rules;
    }

    /// Reports a line of the top level that is there twice.
    fn check_line(&mut self, keyword: &'static Keyword, statement: &Statement<'_>) {
        if keyword.repeats {
            return;
        }
        let first = self.lines.insert(keyword.name, statement.span());
        if let Some(first) = first {
            if self.says_the_same(first, statement.span()) {
                let message = format!("`{}` is set twice, to the same", keyword.name);
                return self.said_twice(statement.span(), first, statement.span(), message);
            }
            let message = format!("`{}` is set twice", keyword.name);
            let diagnostic = Diagnostic::new(Code::Duplicate, statement.span(), message)
                .also(first, "first set here")
                .leniently(self.options, "the last one counts");
            self.push(diagnostic);
        }
    }

    /// Whether two places have the same words.
    fn says_the_same(&self, first: Span, second: Span) -> bool {
        let words = |span| self.written(span).split_ascii_whitespace();
        words(first).eq(words(second))
    }

    /// Warns of what has been said before, word for word; `whole` can go.
    fn said_twice(&mut self, at: Span, first: Span, whole: Span, message: String) {
        let diagnostic = Diagnostic::new(Code::SaidTwice, at, message)
            .also(first, "first here")
            .help("remove one of the two")
            .fix(whole, "");
        self.push(diagnostic);
    }

    /// Reads a block with a name, unless the name is taken.
    fn named(
        &mut self,
        kind: Kind,
        statement: &Statement<'_>,
        body: &Body<'_>,
        read: fn(&mut Self, Spanned<Arc<str>>, &Body<'_>) -> Option<()>,
    ) {
        let Some(word) = statement.arguments().first() else { return };
        let name = Spanned::new(Arc::<str>::from(&*word.text), word.span);
        let key = (kind, Arc::clone(&name.value));
        let whole = statement.whole();
        if let Some(&first) = self.definitions.get(&key) {
            if self.says_the_same(first.whole, whole) {
                let message = format!("the {} `{name}` is there twice", kind.name());
                return self.said_twice(word.span, first.at, whole, message);
            }
            let message = format!("the {} `{name}` is defined twice", kind.name());
            let diagnostic = Diagnostic::new(Code::DefinedTwice, word.span, message)
                .also(first.at, "first defined here")
                .help("give one of them another name");
            return self.push(diagnostic);
        }
        self.amiss.failed.clear();
        self.tracked.clear();
        let at = word.span;
        let definition = Definition { at, whole, used: false, broken: false };
        self.definitions.insert(key.clone(), definition);
        if read(self, name, body).is_none() {
            self.definitions.insert(key, Definition { used: true, broken: true, ..definition });
        }
    }

    /// Whether a name is defined and could be read, which counts as a use; reports it if it is
    /// not defined.
    fn refer(&mut self, kind: Kind, name: &Spanned<Arc<str>>) -> bool {
        if let Some(definition) = self.definitions.get_mut(&(kind, Arc::clone(&name.value))) {
            definition.used = true;
            return !definition.broken;
        }
        self.unknown_reference(kind, name);
        false
    }

    /// Warns of a text in which no instance is even tried.
    fn report_nothing(&mut self, base: u32) {
        let is_instance = |(kind, _): &(Kind, _)| *kind == Kind::Instance;
        if !self.amiss.unread && !self.definitions.keys().any(is_instance) {
            let message = "no `vrrp_instance` is configured";
            let at = Span::new(base, base);
            self.push(Diagnostic::new(Code::NothingConfigured, at, message));
        }
    }

    fn no_body(&mut self, statement: &Statement<'_>) {
        if let Some(body) = &statement.body {
            let message = "a block does not belong here".to_owned();
            self.error(Code::Misplaced, body.open, message);
        }
    }

    fn error(&mut self, code: Code, span: Span, message: String) {
        self.push(Diagnostic::new(code, span, message));
    }

    /// Says what lenient mode does about the findings from one on.
    fn say_leniently(&mut self, from: usize, outcome: &str) {
        let found = self.diagnostics.split_off(from);
        let found = found.into_iter().map(|found| found.leniently(self.options, outcome));
        self.diagnostics.extend(found);
    }

    fn push(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Whether so much was found that nobody wants more.
    fn is_full(&self) -> bool {
        self.diagnostics.len() >= self.options.limits.findings()
    }
}
