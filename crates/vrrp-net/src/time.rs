//! When a packet arrived.

use std::fmt;
use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};

/// A point in time on the kernel's `CLOCK_MONOTONIC`, in microseconds since the clock's zero.
///
/// Unlike [`std::time::Instant`] it can be handed to whoever counts time in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(u64);

impl Timestamp {
    /// Now.
    pub fn now() -> Self {
        Self::after(monotonic())
    }

    /// The point so many microseconds after the clock's zero.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the clock's zero.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    fn after(zero: Duration) -> Self {
        Self(u64::try_from(zero.as_micros()).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06} s", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

/// The monotonic clock and the wall clock, read in one breath.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clocks {
    monotonic: Duration,
    wall: Duration,
}

impl Clocks {
    pub(crate) fn now() -> Self {
        Self { monotonic: monotonic(), wall: since_zero(clock_gettime(ClockId::Realtime)) }
    }

    /// When a packet arrived that the kernel stamped by the wall clock, and that a socket yielded
    /// now, which was empty last at `empty_at`.
    ///
    /// The wall clock may have been set since the packet was stamped. Whatever it says, the packet
    /// arrived neither later than now nor before the socket was empty.
    pub(crate) fn arrival(self, stamp: Option<Duration>, empty_at: Duration) -> Timestamp {
        let age = stamp.map_or(Duration::ZERO, |stamp| self.wall.saturating_sub(stamp));
        let age_max = self.monotonic.saturating_sub(empty_at);
        Timestamp::after(self.monotonic.saturating_sub(age.min(age_max)))
    }
}

/// Now on `CLOCK_MONOTONIC`, as the time since its zero.
pub(crate) fn monotonic() -> Duration {
    since_zero(clock_gettime(ClockId::Monotonic))
}

/// Zero for a clock that is before its zero: a wall clock before 1970.
fn since_zero(time: Timespec) -> Duration {
    let secs = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(secs, u32::try_from(time.tv_nsec).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOCKS: Clocks =
        Clocks { monotonic: Duration::from_secs(1000), wall: Duration::from_secs(50_000) };

    fn arrival(stamp_secs: u64, empty_at_secs: u64) -> u64 {
        let stamp = Duration::from_secs(stamp_secs);
        CLOCKS.arrival(Some(stamp), Duration::from_secs(empty_at_secs)).as_micros() / 1_000_000
    }

    #[test]
    fn a_packet_is_as_old_as_its_stamp_says() {
        assert_eq!(arrival(50_000, 900), 1000);
        assert_eq!(arrival(49_998, 900), 998);
    }

    #[test]
    fn a_wall_clock_that_was_set_makes_no_packet_older_than_it_can_be() {
        assert_eq!(arrival(1, 997), 997, "set forward by half a day");
        assert_eq!(arrival(60_000, 997), 1000, "set back");
    }

    #[test]
    fn a_packet_without_a_stamp_arrived_now() {
        assert_eq!(CLOCKS.arrival(None, Duration::ZERO), Timestamp::from_micros(1_000_000_000));
    }
}
