//! What a keyword is, and a block of them: the parts of a row that need no types.
//!
//! The rows themselves are in `settings::rows`. Whether vrrpd does what a keyword says is
//! decided by its row's [`Support`] alone.

use crate::did_you_mean;

/// What vrrpd does with a keyword, or with a thing that is more than one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Support {
    /// Does what it says.
    Supported,
    /// Understood, and there is nothing to do; the reason.
    Accepted(&'static str),
    /// Understood, and not done yet.
    NotYet(Effect),
    /// Belongs to a part of keepalived that is not VRRP; which.
    NotOurs(&'static str),
}

/// What becomes of a configuration whose setting is not done yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It works without, with a warning.
    Warn,
    /// Another router could be master, or another address up, than the setting wants: it is
    /// refused.
    Refuse,
}

/// What stands behind a keyword.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    /// Nothing.
    Flag,
    /// A truth value, or nothing for true.
    OptBool,
    /// A whole number from the first to the second.
    Int(i64, i64),
    /// The same, or nothing.
    OptInt(i64, i64),
    /// A number of rounds; one beyond the range is the nearest in lenient mode.
    Rounds(i64, i64),
    /// A time in seconds, with decimals, from the first to the second in microseconds.
    Secs(u64, u64),
    /// A time in milliseconds, with decimals, from the first to the second in microseconds.
    Millis(u64, u64),
    /// One word; what it is, for the reference.
    Word(&'static str),
    /// The name of a network interface.
    Interface,
    /// An address.
    Ip,
    /// An IPv4 multicast address.
    Group4,
    /// An IPv6 multicast address.
    Group6,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A whole number within ±the limit, and perhaps `reverse`.
    Weight(i64),
    /// A program with its arguments, one word if it has several; nothing behind it.
    Program,
    /// The same, and perhaps a user and a group.
    Command,
    /// The same, or nothing.
    OptCommand,
    /// A user, and perhaps a group.
    User,
    /// Words with a syntax of their own, at least and at most so many.
    Words(usize, usize, &'static str),
    /// A block with keywords.
    Block(&'static Block),
    /// A block whose lines are items; the syntax of one.
    Items(&'static str),
    /// A block, or a line, whose content is of no interest.
    Anything,
}

/// A keyword within a block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keyword {
    pub(crate) name: &'static str,
    pub(crate) support: Support,
    pub(crate) shape: Shape,
    /// It may stand several times in a block, and adds up.
    pub(crate) repeats: bool,
    /// The value without it, for the reference.
    pub(crate) default: &'static str,
    /// What it means, for the reference.
    pub(crate) about: &'static str,
}

impl Keyword {
    /// Whether braces may follow it.
    pub(crate) fn may_begin_block(&self) -> bool {
        matches!(self.shape, Shape::Block(_) | Shape::Items(_) | Shape::Anything)
    }

    /// Whether a line with this first word, which is no keyword outside, may stand in it.
    pub(crate) fn holds(&self, word: &str) -> bool {
        match self.shape {
            Shape::Block(block) => block.find(word).is_some(),
            Shape::Items(_) => true,
            _ => false,
        }
    }
}

/// A kind of block.
#[derive(Debug)]
pub(crate) struct Block {
    /// What it is, for the reference.
    pub(crate) about: &'static str,
    /// What the word between the keyword and the brace is, if there is one.
    pub(crate) argument: Option<&'static str>,
    /// It may stand several times.
    pub(crate) repeats: bool,
    /// What may stand in it.
    pub(crate) keywords: &'static [Keyword],
}

impl Block {
    pub(crate) const fn new(about: &'static str, keywords: &'static [Keyword]) -> Self {
        Self { about, argument: None, repeats: false, keywords }
    }

    /// The same with a word between the keyword and the brace.
    pub(crate) const fn named(self, argument: &'static str) -> Self {
        Self { argument: Some(argument), ..self }
    }

    /// The same, several times.
    pub(crate) const fn repeated(self) -> Self {
        Self { repeats: true, ..self }
    }

    /// The keyword with this name.
    pub(crate) fn find(&self, name: &str) -> Option<&'static Keyword> {
        self.keywords.iter().find(|keyword| keyword.name == name)
    }

    /// The keyword that a misspelt one was probably meant to be.
    pub(crate) fn similar(&self, name: &str) -> Option<&'static Keyword> {
        let near = did_you_mean::closest(name, self.keywords.iter().map(|keyword| keyword.name))?;
        self.find(near)
    }

    /// Whether a word begins a block in this one, the top level, and nowhere else.
    pub(crate) fn alone_begins(&self, name: &str) -> bool {
        // `track_file` also stands within instances, and means something else there.
        name != "track_file" && self.find(name).is_some_and(Keyword::may_begin_block)
    }
}

/// A thing that is more than a keyword.
#[derive(Debug)]
pub(crate) struct Feature {
    pub(crate) about: &'static str,
    pub(crate) support: Support,
}
