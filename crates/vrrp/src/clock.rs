//! The daemon's clock: the kernel's monotonic one, as the state machine wants it.

use rustix::time::{ClockId, clock_gettime};
use vrrp_fsm::Instant;

/// Now, on CLOCK_MONOTONIC, in microseconds.
pub(crate) fn now() -> Instant {
    let time = clock_gettime(ClockId::Monotonic);
    // CLOCK_MONOTONIC counts up from the machine's start and is never negative.
    let (secs, nanos) = (time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs());
    Instant::from_micros(secs * 1_000_000 + nanos / 1_000)
}
