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

/// What there is a counter for.
pub(crate) trait Counted: Copy + 'static {
    const ALL: &'static [Self];
    fn index(self) -> usize;
    fn name(self) -> &'static str;
}

/// A counter for everything of a kind.
#[derive(Debug)]
pub(crate) struct Counters<T, const N: usize>([Counter; N], std::marker::PhantomData<T>);

/// A counter for every reason to drop an advert.
pub(crate) type Drops = Counters<DropReason, { DropReason::ALL.len() }>;

/// A counter for everything that is remarked on in an accepted advert.
pub(crate) type RemarkCounts = Counters<Remark, { Remark::ALL.len() }>;

impl<T, const N: usize> Default for Counters<T, N> {
    fn default() -> Self {
        Self([const { Counter(AtomicU64::new(0)) }; N], std::marker::PhantomData)
    }
}

impl<T: Counted, const N: usize> Counters<T, N> {
    /// Counts one more; returns how many there were of it.
    pub(crate) fn count(&self, of: T) -> u64 {
        self.0[of.index()].add(1)
    }

    /// Adds what was counted before, by name; a name that is not known any more counts no more.
    pub(crate) fn add_all(&self, counted: &BTreeMap<String, u64>) {
        for of in T::ALL {
            self.0[of.index()].add(counted.get(of.name()).copied().unwrap_or_default());
        }
    }

    /// What occurred, by name.
    pub(crate) fn by_name(&self) -> BTreeMap<&'static str, u64> {
        let counted = T::ALL.iter().map(|of| (of.name(), self.0[of.index()].get()));
        counted.filter(|(_, count)| *count > 0).collect()
    }
}

impl Counted for DropReason {
    const ALL: &'static [Self] = &Self::ALL;

    fn index(self) -> usize {
        Self::index(self)
    }

    fn name(self) -> &'static str {
        Self::name(self)
    }
}

impl Counted for Remark {
    const ALL: &'static [Self] = &Self::ALL;

    fn index(self) -> usize {
        Self::index(self)
    }

    fn name(self) -> &'static str {
        Self::name(self)
    }
}
