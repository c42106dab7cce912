//! Words that mean nothing where they stand, and what was probably meant by them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::given::{COMMENT, comment_sign};
use super::rows::TOP_LEVEL;
use super::{Kind, MAX_SUGGESTIONS, Reader};
use crate::did_you_mean::closest;
use crate::keywords::{Block, Keyword, Shape};
use crate::syntax::Word;
use crate::{Code, Diagnostic, Spanned};

/// What was found amiss so far, so that what only follows from it is not reported too.
#[derive(Debug, Default)]
pub(super) struct Amiss {
    /// Keywords of the current block whose value could not be read.
    pub(super) failed: Vec<&'static str>,
    /// Keywords that stand in a wrong place somewhere, or could not be read in `global_defs`.
    misplaced: Vec<&'static str>,
    /// Where the keywords that stand in a wrong place in a row belong, and the finding.
    row: Option<(&'static str, usize)>,
    /// The text ends within the current block.
    pub(super) cut: bool,
    /// The text ends within a block: the rest may be missing.
    pub(super) ends_early: bool,
    /// A block could not be read: nobody knows what it would have defined and used.
    pub(super) unread: bool,
    /// Words for which a similar one was looked for.
    suggestions: usize,
    /// Kinds of which a name was not found.
    sought: HashSet<Kind>,
}

/// The place of what stands in no block.
const TOP: &str = "";

/// Keywords of old versions, which keepalived does not know any more, and what became of them.
const RENAMED: [(&str, &str); 2] =
    [("lvs_id", "router_id"), ("script_security", "enable_script_security")];

/// What a word that is no keyword of its block was meant to be.
enum Meant {
    /// A keyword, with its value glued to it.
    Glued(&'static Keyword, String),
    /// A keyword that has another name in this block.
    Similar(&'static Keyword),
    /// A keyword of another block, or of the top level.
    Elsewhere(&'static Keyword, &'static str),
    /// A word and a character that only looks like white space.
    Blank(char),
}

impl Reader<'_> {
    /// Reports a line whose first word is no keyword of its block; gives the keyword to read it
    /// as, so that one wrong letter is one finding.
    pub(super) fn unknown_keyword(
        &mut self,
        block: &'static Block,
        word: &Word<'_>,
        value: Option<&Word<'_>>,
        has_body: bool,
    ) -> Option<&'static Keyword> {
        let may_suggest = self.may_suggest();
        let meant = may_suggest.then(|| meant(block, &word.text, value, has_body)).flatten();
        if let Some(Meant::Elsewhere(keyword, place)) = meant {
            self.misplaced(word, keyword, place);
            return None;
        }
        self.known_keyword();
        let message = format!("unknown keyword `{}`", word.text);
        let mut diagnostic = Diagnostic::new(Code::UnknownKeyword, word.span, message);
        diagnostic.help = match &meant {
            Some(Meant::Glued(_, written)) => Some(format!("write `{written}`")),
            Some(Meant::Similar(keyword)) => Some(format!("did you mean `{}`?", keyword.name)),
            Some(Meant::Blank(c)) => {
                let code = u32::from(*c);
                Some(match c.is_whitespace() {
                    true => format!("U+{code:04X} does not separate words: write a space"),
                    false => format!("there is an invisible sign in it, U+{code:04X}: remove that"),
                })
            }
            _ => None,
        };
        if let Some(sign) = comment_sign(word).filter(|_| !has_body) {
            diagnostic = diagnostic.help(COMMENT).fix(word.span, sign);
        }
        self.push(diagnostic);
        match meant {
            Some(Meant::Glued(keyword, _)) => self.amiss.failed.push(keyword.name),
            Some(Meant::Similar(keyword)) if !self.options.lenient => return Some(keyword),
            Some(Meant::Similar(keyword)) => self.amiss.failed.push(keyword.name),
            _ => {}
        }
        None
    }

    /// Ends a row of keywords in a wrong place.
    pub(super) fn known_keyword(&mut self) {
        self.amiss.row = None;
    }

    /// Reports a keyword that belongs into another block; once for several in a row.
    fn misplaced(&mut self, word: &Word<'_>, keyword: &'static Keyword, place: &'static str) {
        if !self.amiss.misplaced.contains(&keyword.name) {
            self.amiss.misplaced.push(keyword.name);
        }
        if let Some((_, finding)) = self.amiss.row.filter(|(other, _)| *other == place) {
            let label = format!("so do the lines behind it, down to `{}`", word.text);
            self.diagnostics[finding].label = Some(label);
            return;
        }
        let message = format!("`{}` does not belong here", word.text);
        let diagnostic = Diagnostic::new(Code::Misplaced, word.span, message).help(match place {
            TOP => "it belongs to the top level, outside of all braces".to_owned(),
            _ => format!("it belongs into `{place}`"),
        });
        self.amiss.row = Some((place, self.diagnostics.len()));
        self.push(diagnostic);
    }

    /// Keeps what could not be read in `global_defs` in mind for all that follows.
    pub(super) fn end_global_defs(&mut self) {
        let failed = core::mem::take(&mut self.amiss.failed);
        self.amiss.misplaced.extend(failed);
    }

    /// Whether to look for a similar word once more: a generated file may have a mistake in each
    /// of its blocks.
    pub(super) fn may_suggest(&mut self) -> bool {
        self.amiss.suggestions += 1;
        self.amiss.suggestions <= MAX_SUGGESTIONS
    }

    /// Whether that a setting is not there only follows from what has been reported.
    ///
    /// In lenient mode that was a warning, which does not stand for an error.
    pub(super) fn is_excused(&self, what: &str, code: Code) -> bool {
        let Amiss { cut, failed, misplaced, .. } = &self.amiss;
        let reported = *cut || failed.contains(&what) || misplaced.contains(&what);
        reported && (!self.options.lenient || code.is_tolerated())
    }

    /// Reports a name that nothing defines.
    pub(super) fn unknown_reference(&mut self, kind: Kind, name: &Spanned<Arc<str>>) {
        if self.amiss.ends_early {
            return;
        }
        self.amiss.sought.insert(kind);
        let message = format!("there is no {} `{name}`", kind.name());
        let diagnostic = Diagnostic::new(Code::UnknownReference, name.span, message);
        if !self.may_suggest() {
            return self.push(diagnostic);
        }
        let diagnostic = if let Some(other) = self.used_as(name, |other| other != kind) {
            let at = self.definitions[&(other, Arc::clone(&name.value))].at;
            let place = other.tracked_in().unwrap_or("the block that takes it");
            diagnostic
                .also(at, format!("this is a {}", other.name()))
                .help(format!("write it into `{place}`"))
        } else if let Some(near) = self.near_name(kind, name) {
            let definition = self.definitions.get_mut(&(kind, Arc::clone(&near)));
            let at = definition.map(|definition| {
                definition.used = true;
                definition.at
            });
            let help = format!("did you mean `{near}`?");
            let diagnostic = diagnostic.help(help);
            at.into_iter().fold(diagnostic, |found, at| found.also(at, "defined here"))
        } else {
            diagnostic.help(format!("define it: `{} {name} {{ … }}`", kind.name()))
        };
        self.push(diagnostic);
    }

    /// A kind of thing, of those that are wanted, which has the name; it counts as used.
    pub(super) fn used_as(&mut self, name: &str, is_wanted: impl Fn(Kind) -> bool) -> Option<Kind> {
        let mut kinds = Kind::ALL.into_iter().filter(|kind| is_wanted(*kind));
        kinds.find(|kind| {
            let definition = self.definitions.get_mut(&(*kind, name.into()));
            definition.map(|definition| definition.used = true).is_some()
        })
    }

    /// The name of this kind that is nearest to one. Thousands are not searched.
    fn near_name(&self, kind: Kind, name: &str) -> Option<Arc<str>> {
        let names = self.definitions.keys().filter(|(other, _)| *other == kind);
        closest(name, names.take(1000).map(|(_, name)| &**name)).map(Arc::from)
    }

    /// Reports definitions that do nothing because nothing refers to them.
    pub(super) fn report_unused(&mut self) {
        if self.amiss.unread {
            return;
        }
        let unused = self
            .definitions
            .iter()
            .filter(|((kind, _), definition)| kind.wants_use() && !definition.used)
            // It may be the one that was meant where another name stands.
            .filter(|((kind, _), _)| !self.amiss.sought.contains(kind));
        let interfaces = self.config.instances.iter().flat_map(|one| &one.tracks.interfaces);
        let interfaces: HashMap<_, _> =
            interfaces.map(|track| (track.target.as_bytes(), track.target.span)).collect();
        let unused = unused.map(|((kind, name), definition)| {
            let message = format!("the {} `{name}` is never tracked", kind.name());
            let diagnostic = Diagnostic::new(Code::Unused, definition.at, message);
            match kind.tracked_in() {
                Some(place) => match interfaces.get(name.as_bytes()) {
                    Some(&at) => diagnostic
                        .also(at, "this is an interface of the same name")
                        .help(format!("write it into `{place}`, if the {} is meant", kind.name())),
                    None => diagnostic.help(format!("name it in the `{place}` of an instance")),
                },
                None => diagnostic,
            }
        });
        let unused: Vec<_> = unused.collect();
        self.diagnostics.extend(unused);
    }
}

fn meant(
    block: &'static Block,
    word: &str,
    value: Option<&Word<'_>>,
    has_body: bool,
) -> Option<Meant> {
    if let Some(blank) = word.chars().find(|&c| is_blank(c)) {
        return Some(Meant::Blank(blank));
    }
    let (name, glued) = word.split_once(['=', ':']).unwrap_or((word.trim_end_matches(';'), ""));
    if name.len() < word.len()
        && let Some(keyword) = block.find(name)
    {
        let value = value.map_or(glued, |value| &value.text);
        return Some(Meant::Glued(keyword, format!("{name} {value}").trim_end().to_owned()));
    }
    // What global_defs calls `vrrp_NAME` is `NAME` in an instance, often.
    let other = word.strip_prefix("vrrp_").and_then(|name| block.find(name));
    let other = other.or_else(|| block.find(&format!("vrrp_{word}")));
    if let Some(keyword) = other.filter(|other| other.may_begin_block() == has_body) {
        return Some(Meant::Similar(keyword));
    }
    let now = RENAMED.iter().find(|(old, _)| *old == word);
    if let Some(keyword) = now.and_then(|(_, now)| block.find(now)) {
        return Some(Meant::Similar(keyword));
    }
    if let Some((keyword, place)) = elsewhere(word) {
        return Some(Meant::Elsewhere(keyword, place));
    }
    block.similar(word).map(Meant::Similar)
}

/// White space, or nothing, for people, and a letter to the language.
fn is_blank(c: char) -> bool {
    !c.is_ascii() && (c.is_whitespace() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{feff}'))
}

/// The keyword with this name of any block, and where it belongs.
fn elsewhere(name: &str) -> Option<(&'static Keyword, &'static str)> {
    if let Some(keyword) = TOP_LEVEL.block.find(name) {
        return Some((keyword, TOP));
    }
    let mut blocks: Vec<&'static Keyword> = TOP_LEVEL.block.keywords.iter().collect();
    while !blocks.is_empty() {
        let inner = blocks.iter().filter_map(|parent| match parent.shape {
            Shape::Block(block) => Some((*parent, block)),
            _ => None,
        });
        let inner: Vec<_> = inner.collect();
        for (parent, block) in &inner {
            if let Some(keyword) = block.find(name) {
                return Some((keyword, parent.name));
            }
        }
        blocks = inner.iter().flat_map(|(_, block)| block.keywords).collect();
    }
    None
}
