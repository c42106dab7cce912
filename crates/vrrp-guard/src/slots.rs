//! The memory that the daemon and its guard share: when each router last advertised, and what it
//! would resign with now.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};

use vrrp_net::{NetError, SharedWords, Timestamp};

/// How many routers there can be.
pub(crate) const SLOTS: u32 = 4096;
/// The words of a slot: a cache line of its own.
const LINE_WORDS: usize = 8;
/// The words of each of the two places for a resignation; what is never used takes no memory.
const PLACE_WORDS: usize = 256;
const WORD_BYTES: usize = size_of::<u64>();
const WORDS: usize = SLOTS as usize * (LINE_WORDS + 2 * PLACE_WORDS);

/// The stamp of a router that nobody looks after.
const NONE: u64 = 0;
/// The stamp of a router whose objects the guard has removed.
const RELIEVED: u64 = u64::MAX;

/// All slots.
#[derive(Debug)]
pub(crate) struct Slots(SharedWords);

/// What there is for one router. A process that dies in the middle of writing leaves what was there
/// before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot<'a> {
    /// In microseconds.
    stamp: &'a AtomicU64,
    /// Which place has the resignation, and how many octets it has.
    current: &'a AtomicU64,
    places: [&'a [AtomicU64]; 2],
}

impl Slots {
    pub(crate) fn create() -> Result<(Self, OwnedFd), NetError> {
        let (words, memory) = SharedWords::create(WORDS)?;
        Ok((Self(words), memory))
    }

    pub(crate) fn open(memory: BorrowedFd<'_>) -> Result<Self, NetError> {
        SharedWords::open(memory, WORDS).map(Self)
    }

    /// The slot of this number, which is below [`SLOTS`].
    pub(crate) fn slot(&self, number: u32) -> Slot<'_> {
        let (lines, places) = self.0.as_slice().split_at(SLOTS as usize * LINE_WORDS);
        let number = number as usize;
        let line = &lines[number * LINE_WORDS..][..LINE_WORDS];
        let (one, other) =
            places[number * 2 * PLACE_WORDS..][..2 * PLACE_WORDS].split_at(PLACE_WORDS);
        Slot { stamp: &line[0], current: &line[1], places: [one, other] }
    }
}

/// The router's side.
impl Slot<'_> {
    /// Begins to be looked after.
    pub(crate) fn begin(self, now: Timestamp) {
        self.stamp.store(now.as_micros(), Ordering::Release);
    }

    /// Is not looked after any more.
    pub(crate) fn end(self) {
        self.current.store(0, Ordering::Relaxed);
        self.stamp.store(NONE, Ordering::Release);
    }

    /// The router is about to advertise. Not if the guard has acted: then this answers false.
    pub(crate) fn advertise(self, now: Timestamp) -> bool {
        let later = |stamp| (stamp != RELIEVED).then_some(now.as_micros());
        self.stamp.fetch_update(Ordering::AcqRel, Ordering::Acquire, later).is_ok()
    }

    pub(crate) fn was_relieved(self) -> bool {
        self.stamp.load(Ordering::Acquire) == RELIEVED
    }

    /// Replaces the resignation; one that is too long is none.
    pub(crate) fn put_resignation(self, octets: &[u8]) {
        let place = usize::from(self.current.load(Ordering::Relaxed) >> 32 == 0);
        let octets = if octets.len() <= PLACE_WORDS * WORD_BYTES { octets } else { &[] };
        for (word, octets) in self.places[place].iter().zip(octets.chunks(WORD_BYTES)) {
            let mut whole = [0; WORD_BYTES];
            whole[..octets.len()].copy_from_slice(octets);
            word.store(u64::from_ne_bytes(whole), Ordering::Relaxed);
        }
        let current = (place as u64) << 32 | octets.len() as u64;
        self.current.store(current, Ordering::Release);
    }
}

/// The guard's side.
impl Slot<'_> {
    /// When the router last advertised; `None` if nobody looks after it, or the guard has acted.
    pub(crate) fn advertised_at(self) -> Option<Timestamp> {
        let stamp = self.stamp.load(Ordering::Acquire);
        (stamp != NONE && stamp != RELIEVED).then_some(Timestamp::from_micros(stamp))
    }

    /// Forbids the router to advertise, unless it has done so since then.
    pub(crate) fn relieve(self, advertised_at: Timestamp) -> bool {
        let (old, order) = (advertised_at.as_micros(), Ordering::AcqRel);
        self.stamp.compare_exchange(old, RELIEVED, order, Ordering::Relaxed).is_ok()
    }

    /// The resignation.
    pub(crate) fn resignation(self) -> Vec<u8> {
        let current = self.current.load(Ordering::Acquire);
        let place = self.places[usize::from(current >> 32 != 0)];
        let octets = place.iter().flat_map(|word| word.load(Ordering::Relaxed).to_ne_bytes());
        octets.take(current as u32 as usize).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    fn at(micros: u64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    #[test]
    fn who_has_advertised_is_not_relieved_and_who_is_relieved_does_not_advertise() {
        let (slots, memory) = Slots::create().unwrap();
        let others = Slots::open(memory.as_fd()).unwrap();
        let (router, guard) = (slots.slot(SLOTS - 1), others.slot(SLOTS - 1));
        assert_eq!(guard.advertised_at(), None);
        router.begin(at(7));
        assert_eq!(guard.advertised_at(), Some(at(7)));
        assert!(router.advertise(at(9)));
        assert!(!guard.relieve(at(7)) && !router.was_relieved());
        assert!(guard.relieve(at(9)) && router.was_relieved());
        assert!(!router.advertise(at(11)));
        assert_eq!(guard.advertised_at(), None);
        router.end();
        assert!(!router.was_relieved() && router.advertise(at(12)));
        assert_eq!(slots.slot(SLOTS - 2).advertised_at(), None);
    }

    #[test]
    fn the_last_whole_resignation_counts() {
        let (slots, _memory) = Slots::create().unwrap();
        let slot = slots.slot(3);
        assert!(slot.resignation().is_empty());
        for len in [1, 8, 9, 100, PLACE_WORDS * WORD_BYTES, 0, 5] {
            let octets: Vec<u8> = (0..len).map(|octet| octet as u8 ^ 0x5a).collect();
            slot.put_resignation(&octets);
            assert_eq!(slot.resignation(), octets);
        }
        slot.put_resignation(&[1; PLACE_WORDS * WORD_BYTES + 1]);
        assert!(slot.resignation().is_empty());
        assert!(slots.slot(4).resignation().is_empty());
    }
}
