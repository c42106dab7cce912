//! When the next announcement may go out where announcements are to be paced: on one interface, or
//! on several that lead to the same switch, for all routers of the host together.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use vrrp_fsm::Instant;
use vrrp_proto::Family;

/// Who shares a pace: the announcements of one family on an interface, or on those of a name that
/// several have in common.
pub(crate) type PaceKey = (Arc<str>, Family);

/// The paces of a host.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pacer(Arc<Mutex<HashMap<PaceKey, Instant>>>);

impl Pacer {
    /// The time at which one announcement may go out: the first that nobody has asked for.
    pub(crate) fn reserve(&self, now: Instant, key: PaceKey, pace: Duration) -> Instant {
        // A time too late is all that an interrupted change can leave.
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let next = free.entry(key).or_insert(now);
        let reserved = now.max(*next);
        *next = reserved + pace;
        reserved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Duration = Duration::from_millis(100);

    #[test]
    fn whoever_shares_a_pace_waits_for_the_others_and_nobody_else_does() {
        let pacer = Pacer::default();
        let start = Instant::from_micros(1_000_000);
        let reserve = |now, name: &str, family| pacer.reserve(now, (name.into(), family), PACE);
        assert_eq!(reserve(start, "eth0", Family::V4), start);
        assert_eq!(reserve(start, "eth0", Family::V4), start + PACE);
        assert_eq!(reserve(start, "eth0", Family::V6), start);
        assert_eq!(reserve(start, "eth1", Family::V4), start);
        let later = start + 5 * PACE;
        assert_eq!(reserve(later, "eth0", Family::V4), later, "what was not used is lost");
    }
}
