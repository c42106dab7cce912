//! How a health source is named.

use std::fmt;
use std::sync::Arc;

use vrrp_track::{Kind, Source};

/// A tracker: names are unique within a kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrackerKey {
    /// What kind of thing is tracked.
    pub kind: Kind,
    /// Its name.
    pub name: Arc<str>,
}

impl TrackerKey {
    /// The tracker that this source is.
    pub fn of(source: &Source) -> Self {
        Self { kind: source.kind(), name: Arc::clone(source.name()) }
    }
}

impl fmt::Display for TrackerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}
