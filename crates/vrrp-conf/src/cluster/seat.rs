//! Who takes part in a virtual router, and how findings speak of it.

use core::fmt;

use crate::model::{Config, Instance};
use crate::{Code, Diagnostic, Span};

/// An instance and the member that it is of.
#[derive(Clone, Copy)]
pub(super) struct Seat<'c> {
    /// What the member is called.
    pub(super) file: &'c str,
    pub(super) config: &'c Config,
    pub(super) instance: &'c Instance,
}

/// A virtual router, and who takes part in it: one instance of each member at most.
pub(super) struct VirtualRouter<'c> {
    pub(super) seats: Vec<Seat<'c>>,
}

/// A place in a member's file and what is to be said about it.
pub(super) struct Place {
    pub(super) at: Span,
    pub(super) text: String,
}

impl<'c> Seat<'c> {
    /// Whether something was not said, but is so by default: it has the place of the name.
    pub(super) fn is_default(&self, at: Span) -> bool {
        at == self.instance.name.span
    }

    /// A text about a place, which says if it is a default.
    pub(super) fn place(&self, at: Span, text: impl fmt::Display) -> Place {
        let suffix = if self.is_default(at) { " by default" } else { "" };
        Place { at, text: format!("{text}{suffix}") }
    }

    pub(super) fn is_owner(&self) -> bool {
        self.instance.priority.is_owner()
    }
}

/// As messages name it: `` `VI_1` of a.conf ``.
impl fmt::Display for Seat<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` of {}", self.instance.name, self.file)
    }
}

impl Place {
    /// A finding at this place, which has to do with another one.
    pub(super) fn finding(self, code: Code, message: String, other: Place) -> Diagnostic {
        Diagnostic::new(code, self.at, message).label(self.text).also(other.at, other.text)
    }
}

/// The members whose value is not that of most, each with one that has the value of most. Where
/// no value is that of most, the first member's is taken for it.
pub(super) fn odd_ones<'s, 'c, T: PartialEq>(
    seats: &'s [Seat<'c>],
    value: impl Fn(&Instance) -> T,
) -> Vec<(&'s Seat<'c>, &'s Seat<'c>)> {
    let values: Vec<T> = seats.iter().map(|seat| value(seat.instance)).collect();
    let alike = |at: &usize| values.iter().filter(|other| **other == values[*at]).count();
    // Of several maxima, `max_by_key` returns the last.
    let Some(usual) = (0..seats.len()).rev().max_by_key(alike) else { return Vec::new() };
    let odd = (0..seats.len()).filter(|&at| values[at] != values[usual]);
    odd.map(|at| (&seats[at], &seats[usual])).collect()
}
