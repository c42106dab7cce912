//! Every keyword of the language, in one table.
//!
//! The parser checks a block's words against it, the documentation is generated from it. A
//! keyword is in exactly one [`Class`]; to begin to support one is to change its line.

mod table;

use crate::did_you_mean;

pub use table::{FEATURES, TOP_LEVEL};

/// What vrrpd does with a keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
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
pub enum Effect {
    /// It works without, with a warning.
    Warn,
    /// Another router could be master, or another address up, than the setting wants: it is
    /// refused.
    Refuse,
}

/// What stands behind a keyword.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// Nothing.
    Flag,
    /// A truth value, or nothing for true.
    OptBool,
    /// A truth value.
    Bool,
    /// A whole number from the first to the second.
    Int(i64, i64),
    /// The same, or nothing.
    OptInt(i64, i64),
    /// A time in seconds, with decimals, from the first to the second in microseconds.
    Secs(u64, u64),
    /// A time in milliseconds, with decimals, from the first to the second in microseconds.
    Millis(u64, u64),
    /// One word; what it is, for the documentation.
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
pub struct Keyword {
    /// The keyword.
    pub name: &'static str,
    /// What vrrpd does with it.
    pub class: Class,
    /// What stands behind it.
    pub shape: Shape,
    /// The value without it, for the documentation.
    pub default: &'static str,
    /// What it means, for the documentation.
    pub about: &'static str,
}

impl Keyword {
    /// Whether braces may follow it.
    pub fn may_begin_block(&self) -> bool {
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

    /// Whether it may stand several times in a block, and adds up.
    pub fn accumulates(&self) -> bool {
        match self.shape {
            Shape::Block(block) => block.repeats,
            // The members of a group are in one list.
            Shape::Items(_) => self.name != "group",
            Shape::Anything => true,
            _ => matches!(self.name, "key" | "include_check"),
        }
    }
}

/// A kind of block.
#[derive(Debug)]
pub struct Block {
    /// What it is, for the documentation.
    pub about: &'static str,
    /// What the word between the keyword and the brace is, if there is one.
    pub argument: Option<&'static str>,
    /// It may stand several times.
    pub repeats: bool,
    /// What may stand in it.
    pub keywords: &'static [Keyword],
}

impl Block {
    /// The keyword with this name.
    pub fn find(&self, name: &str) -> Option<&'static Keyword> {
        find(self.keywords, name)
    }
}

/// A thing that is more than a keyword, and not done yet.
#[derive(Debug, Clone, Copy)]
pub struct Feature {
    /// Its name within the library.
    pub(crate) id: FeatureId,
    /// What it is.
    pub about: &'static str,
    /// Whether vrrpd does it.
    pub supported: bool,
}

/// Things that are more than a keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FeatureId {
    /// Instances whose addresses are IPv6.
    Ipv6Instances,
    /// IPv6 addresses among the excluded ones of an IPv4 instance, and the reverse.
    OtherFamilyExcluded,
    /// Authentication headers.
    AuthHeader,
}

impl FeatureId {
    /// The feature, if vrrpd does not do it.
    pub(crate) fn missing(self) -> Option<&'static Feature> {
        FEATURES.iter().find(|feature| feature.id == self && !feature.supported)
    }
}

/// The keyword with this name.
pub(crate) fn find(keywords: &'static [Keyword], name: &str) -> Option<&'static Keyword> {
    keywords.iter().find(|keyword| keyword.name == name)
}

/// The keyword that a misspelt one was probably meant to be.
pub(crate) fn similar(keywords: &'static [Keyword], name: &str) -> Option<&'static str> {
    did_you_mean::closest(name, keywords.iter().map(|keyword| keyword.name))
}

/// Whether a word begins a block at the top level and nowhere else.
pub(crate) fn is_only_top_level(name: &str) -> bool {
    // `track_file` also stands within instances, and means something else there.
    name != "track_file"
        && find(TOP_LEVEL.keywords, name).is_some_and(|keyword| keyword.may_begin_block())
}
