//! The caller's clock as an integer, so that a test can write a time as a literal.

use core::fmt;
use core::ops::Add;
use core::time::Duration;

/// A point on the caller's monotonic clock, in microseconds since a start of its choosing.
///
/// The state machine never reads a clock: every `now` comes from the caller, on Linux from
/// `CLOCK_MONOTONIC`. Arithmetic saturates, since a time at the far end of the range means
/// "never" and must not wrap to "at once".
///
/// From the standard library's clock it is made with an origin that is kept, and so is a time to
/// sleep from a deadline:
///
/// ```
/// use vrrp_fsm::Instant;
///
/// let origin = std::time::Instant::now();
/// let now = || Instant::from(origin.elapsed());
/// // What arrived earlier has its own time.
/// let arrived = std::time::Instant::now();
/// let heard_at = Instant::from(arrived.duration_since(origin));
/// assert!(heard_at <= now());
///
/// let deadline = now() + std::time::Duration::from_secs(3);
/// let sleep = deadline.saturating_since(now());
/// assert!(sleep.as_secs() <= 3);
/// // And where a wait takes a point in time:
/// let until = origin.checked_add(deadline.since_start());
/// assert!(until.is_some_and(|until| until > arrived));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
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

    /// The time from the clock's start to here: the inverse of `From<Duration>`.
    pub const fn since_start(self) -> Duration {
        Duration::from_micros(self.0)
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

impl From<Duration> for Instant {
    /// The point so long after the clock's start, in whole microseconds, rounded down.
    fn from(since_start: Duration) -> Self {
        Self(micros(since_start))
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
    fn a_duration_since_the_start_is_a_point_and_back() {
        let duration = Duration::from_nanos(3_609_375_999);
        assert_eq!(Instant::from(duration), Instant::from_micros(3_609_375));
        assert_eq!(Instant::from(duration).since_start(), Duration::from_micros(3_609_375));
        assert_eq!(Instant::from(Duration::MAX), Instant::from_micros(u64::MAX));
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
