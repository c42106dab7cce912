//! Objects that are removed whoever has them.

use std::cmp::Reverse;
use std::fmt;

use vrrp_net::{Change, NetError, Netlink, Object};

/// What became of it.
#[derive(Debug)]
pub(crate) struct Removal {
    /// How many were there, and are not any more.
    pub(crate) removed: usize,
    pub(crate) refusals: Vec<NetError>,
}

impl Removal {
    /// Removes each of these objects once, in the reverse order of their kinds.
    pub(crate) fn of(netlink: &mut Netlink, mut objects: Vec<Object>) -> Self {
        objects.sort_by_key(|object| (Reverse(object.kind()), object.key()));
        objects.dedup_by_key(|object| object.key());
        let changes: Vec<_> = objects.into_iter().map(Change::Remove).collect();
        let (mut removed, mut refusals) = (0, Vec::new());
        for outcome in netlink.apply(&changes) {
            match outcome {
                Ok(outcome) => removed += usize::from(outcome.is_change()),
                Err(error) => refusals.push(error),
            }
        }
        Self { removed, refusals }
    }
}

impl fmt::Display for Removal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "removed {} object(s)", self.removed)?;
        match self.refusals.first() {
            Some(first) => {
                write!(f, ", {} could not be, the first because: {first}", self.refusals.len())
            }
            None => Ok(()),
        }
    }
}
