//! Counters that one thread raises and another reads.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use vrrp_proto::{DropReason, Remark};

/// One counter. It only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Raises it; returns what it is then.
    pub(crate) fn add(&self, count: u64) -> u64 {
        self.0.fetch_add(count, Ordering::Relaxed) + count
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A counter for every reason to drop an advert.
#[derive(Debug, Default)]
pub(crate) struct Drops([Counter; DropReason::ALL.len()]);

impl Drops {
    /// Counts one more; returns how many there were for this reason.
    pub(crate) fn count(&self, reason: DropReason) -> u64 {
        self.0[reason.index()].add(1)
    }

    /// The reasons that occurred, by name.
    pub(crate) fn by_name(&self) -> BTreeMap<String, u64> {
        let counted = DropReason::ALL.iter().map(|reason| (reason, self.0[reason.index()].get()));
        counted.filter(|(_, n)| *n > 0).map(|(reason, n)| (reason.name().to_owned(), n)).collect()
    }
}

/// A counter for everything that is remarked on in an accepted advert.
#[derive(Debug, Default)]
pub(crate) struct RemarkCounts([Counter; Remark::ALL.len()]);

impl RemarkCounts {
    /// Counts one more; returns how many there were.
    pub(crate) fn count(&self, remark: Remark) -> u64 {
        self.0[remark.index()].add(1)
    }

    /// The remarks that occurred, by name.
    pub(crate) fn by_name(&self) -> BTreeMap<String, u64> {
        let counted = Remark::ALL.iter().map(|remark| (remark, self.0[remark.index()].get()));
        counted.filter(|(_, n)| *n > 0).map(|(remark, n)| (remark.name().to_owned(), n)).collect()
    }
}
