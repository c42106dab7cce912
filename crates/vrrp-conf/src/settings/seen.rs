//! What is there twice.

use core::hash::Hash;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::Span;

/// Where each item of a list stood first.
#[derive(Debug)]
pub(super) struct Seen<T>(HashMap<T, Span>);

impl<T> Default for Seen<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T: Eq + Hash> Seen<T> {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Remembers an item; gives its first place if it has been there before.
    pub(super) fn before(&mut self, item: T, at: Span) -> Option<Span> {
        match self.0.entry(item) {
            Entry::Occupied(first) => Some(*first.get()),
            Entry::Vacant(place) => {
                place.insert(at);
                None
            }
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
