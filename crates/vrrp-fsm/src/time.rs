//! The caller's clock as an integer, so that a test can write a time as a literal.

use core::fmt;
use core::ops::Add;
use core::time::Duration;

/// A point on the caller's monotonic clock, in microseconds since a start of its choosing.
///
/// The state machine never reads a clock: every `now` comes from the caller, on Linux from
/// `CLOCK_MONOTONIC`. Arithmetic saturates, since a time at the far end of the range means
/// "never" and must not wrap to "at once".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(u64);

impl Instant {
    /// The clock's start.
    pub const ZERO: Self = Self(0);

    /// The point so many microseconds after the clock's start.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the clock's start.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// The time from `earlier` to here, or zero if `earlier` is later.
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// This point moved by `to - from`: what becomes of a deadline whose delay changed.
    pub(crate) fn shifted(self, from: Duration, to: Duration) -> Self {
        Self((self + to).0.saturating_sub(micros(from)))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, delay: Duration) -> Self {
        Self(self.0.saturating_add(micros(delay)))
    }
}

impl fmt::Display for Instant {
    /// Seconds with all six decimals: `3.609375 s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06} s", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn far_future_saturates_instead_of_wrapping() {
        assert_eq!(Instant::from_micros(7) + Duration::MAX, Instant::from_micros(u64::MAX));
        assert_eq!(
            Instant::from_micros(1).saturating_since(Instant::from_micros(2)),
            Duration::ZERO
        );
    }

    #[test]
    fn a_shift_goes_both_ways() {
        let (short, long) = (Duration::from_micros(10), Duration::from_micros(25));
        assert_eq!(Instant::from_micros(100).shifted(short, long), Instant::from_micros(115));
        assert_eq!(Instant::from_micros(100).shifted(long, short), Instant::from_micros(85));
        assert_eq!(Instant::from_micros(5).shifted(long, short), Instant::ZERO);
    }

    #[test]
    fn prints_seconds() {
        assert_eq!(Instant::from_micros(3_609_375).to_string(), "3.609375 s");
    }
}
