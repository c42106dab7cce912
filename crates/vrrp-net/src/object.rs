//! What a virtual router has the kernel keep: objects, and changes to them.

use std::fmt;

use crate::address::{AddressKey, AddressSpec, InterfaceAddress};
use crate::filter::Filter;
use crate::route::{RouteKey, RouteSpec};
use crate::rule::{RuleKey, RuleSpec};

/// Something that the kernel keeps for a virtual router while that is active, as it is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Object {
    /// An address on an interface.
    Address(AddressSpec),
    /// A packet filter, which drops what is sent to an address of this host.
    Filter(Filter),
    /// A route.
    Route(Box<RouteSpec>),
    /// A policy rule.
    Rule(Box<RuleSpec>),
}

impl Object {
    /// Its kind.
    pub const fn kind(&self) -> ObjectKind {
        match self {
            Self::Address(_) => ObjectKind::Address,
            Self::Filter(_) => ObjectKind::Filter,
            Self::Route(_) => ObjectKind::Route,
            Self::Rule(_) => ObjectKind::Rule,
        }
    }

    /// What tells it from the other objects: two of one key cannot both be there.
    pub fn key(&self) -> ObjectKey {
        match self {
            Self::Address(spec) => ObjectKey::Address(spec.key()),
            Self::Filter(filter) => ObjectKey::Filter(*filter),
            Self::Route(route) => ObjectKey::Route(route.key()),
            Self::Rule(rule) => ObjectKey::Rule(rule.key()),
        }
    }
}

impl From<Filter> for Object {
    fn from(filter: Filter) -> Self {
        Self::Filter(filter)
    }
}

impl From<RuleSpec> for Object {
    fn from(rule: RuleSpec) -> Self {
        Self::Rule(Box::new(rule))
    }
}

impl From<RouteSpec> for Object {
    fn from(route: RouteSpec) -> Self {
        Self::Route(Box::new(route))
    }
}

impl From<AddressSpec> for Object {
    fn from(spec: AddressSpec) -> Self {
        Self::Address(spec)
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(spec) => spec.fmt(f),
            Self::Filter(filter) => write!(f, "filter {filter}"),
            Self::Route(route) => route.fmt(f),
            Self::Rule(rule) => rule.fmt(f),
        }
    }
}

/// The kinds of objects, in the order in which they are added: what is needed comes before what
/// needs it. They are removed in reverse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ObjectKind {
    /// A link, such as a macvlan.
    Link,
    /// A packet filter: nothing may arrive at an address that is to be closed.
    Filter,
    /// An address, which goes on a link.
    Address,
    /// A route, which may want an address for its source.
    Route,
    /// A rule, which leads to a table of routes.
    Rule,
}

/// What an object is, whatever it is like: by this, what is wanted is compared with what is there.
///
/// Keys are ordered by kind first, in the order of [`ObjectKind`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ObjectKey {
    /// A packet filter.
    Filter(Filter),
    /// An address.
    Address(AddressKey),
    /// A route.
    Route(RouteKey),
    /// A policy rule.
    Rule(RuleKey),
}

impl ObjectKey {
    /// The kind of object.
    pub const fn kind(&self) -> ObjectKind {
        match self {
            Self::Address(_) => ObjectKind::Address,
            Self::Filter(_) => ObjectKind::Filter,
            Self::Route(_) => ObjectKind::Route,
            Self::Rule(_) => ObjectKind::Rule,
        }
    }
}

impl From<&InterfaceAddress> for ObjectKey {
    fn from(there: &InterfaceAddress) -> Self {
        Self::Address(there.key())
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(key) => key.fmt(f),
            Self::Filter(filter) => write!(f, "filter {filter}"),
            Self::Route(key) => key.fmt(f),
            Self::Rule(key) => key.fmt(f),
        }
    }
}

/// One thing to do about an object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Change {
    /// Let it be there.
    Add(Object),
    /// Let it not be there. Only what its [`key`](Object::key) says matters.
    Remove(Object),
}

impl Change {
    /// What it is about.
    pub const fn object(&self) -> &Object {
        match self {
            Self::Add(object) | Self::Remove(object) => object,
        }
    }

    /// Whether it adds.
    pub const fn is_add(&self) -> bool {
        matches!(self, Self::Add(_))
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.is_add() { "add" } else { "remove" };
        write!(f, "{verb} {}", self.object())
    }
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// It was not there, and now it is.
    Added,
    /// It was to be added and was there already; it was left as it was.
    AlreadyThere,
    /// It was there, and now it is not.
    Removed,
    /// It was there, and now it is not; and the kernel removed so many others along with it,
    /// which were put back as they were.
    RemovedAndOthersPutBack(usize),
    /// It was to be removed and was not there, or its interface was not.
    NotThere,
}

impl Outcome {
    /// Whether anything is different now.
    pub const fn is_change(self) -> bool {
        !matches!(self, Self::AlreadyThere | Self::NotThere)
    }
}
