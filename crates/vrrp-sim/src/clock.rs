//! A router's own clock: not quite as fast as the others, and not running while its machine
//! is paused.

use std::time::Duration;

use vrrp_fsm::Instant;

const MILLION: u64 = 1_000_000;

/// A monotonic clock that drifts and can be stopped.
///
/// The simulation's own time is a [`Duration`] since its start; what a router reads is an
/// [`Instant`]. The types keep the two apart.
#[derive(Debug, Clone)]
pub struct Clock {
    /// How many microseconds it counts in a true second.
    micros_per_sec: u64,
    /// When it was set to `reading`.
    set_at: Duration,
    reading: Instant,
    stopped: bool,
}

impl Clock {
    /// A clock that shows `reading` at the start and gains so many parts in a million.
    ///
    /// # Panics
    /// If the drift is not within ±100,000.
    pub fn new(reading: Instant, drift_ppm: i32) -> Self {
        assert!(drift_ppm.unsigned_abs() <= 100_000, "a clock that drifts by {drift_ppm} ppm");
        let micros_per_sec = MILLION.saturating_add_signed(drift_ppm.into());
        Self { micros_per_sec, set_at: Duration::ZERO, reading, stopped: false }
    }

    /// What it shows at that time.
    pub fn read(&self, at: Duration) -> Instant {
        if self.stopped {
            return self.reading;
        }
        let passed_micros = micros(at.saturating_sub(self.set_at));
        self.reading + Duration::from_micros(scale(passed_micros, self.micros_per_sec, MILLION))
    }

    /// The first time at which it shows at least `reading`; for a stopped clock, if it went on
    /// at once.
    pub fn when(&self, reading: Instant) -> Duration {
        let wait_micros = micros(reading.saturating_since(self.reading));
        // Rounded up: what is counted in that time is then rounded down to no less.
        let passed = u128::from(wait_micros) * u128::from(MILLION);
        let passed_micros = passed.div_ceil(u128::from(self.micros_per_sec));
        self.set_at + Duration::from_micros(u64::try_from(passed_micros).unwrap_or(u64::MAX))
    }

    /// Stops it, as a paused virtual machine's clock stops.
    pub fn stop(&mut self, at: Duration) {
        self.reading = self.read(at);
        self.set_at = at;
        self.stopped = true;
    }

    /// Lets it go on from where it stopped.
    pub fn resume(&mut self, at: Duration) {
        if self.stopped {
            self.set_at = at;
            self.stopped = false;
        }
    }

    /// How long the clock takes to count `counted`, rounded up.
    pub fn true_length(&self, counted: Duration) -> Duration {
        let micros = scale(micros(counted), MILLION, self.micros_per_sec);
        Duration::from_micros(micros.saturating_add(1))
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn scale(value: u64, numerator: u64, denominator: u64) -> u64 {
    let scaled = u128::from(value) * u128::from(numerator) / u128::from(denominator);
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn a_fast_clock_is_ahead() {
        let clock = Clock::new(Instant::from_micros(7), 10_000);
        assert_eq!(clock.read(secs(100)), Instant::from_micros(101_000_007));
        assert_eq!(clock.true_length(secs(101)), secs(100) + Duration::from_micros(1));
    }

    #[test]
    fn a_deadline_is_the_first_time_that_shows_it() {
        for drift_ppm in [-10_000, -137, -1, 0, 1, 137, 10_000] {
            let clock = Clock::new(Instant::from_micros(12_345), drift_ppm);
            for wait in [0, 1, 2, 609_375, 3_609_375, 163_800_000] {
                let deadline = clock.read(Duration::ZERO) + Duration::from_micros(wait);
                let at = clock.when(deadline);
                assert!(clock.read(at) >= deadline);
                let before = at.saturating_sub(Duration::from_micros(1));
                assert!(at.is_zero() || clock.read(before) < deadline, "{drift_ppm} {wait}");
            }
        }
    }

    #[test]
    fn a_stopped_clock_goes_on_where_it_stopped() {
        let mut clock = Clock::new(Instant::ZERO, 0);
        clock.stop(secs(5));
        assert_eq!(clock.read(secs(9)), Instant::from_micros(5_000_000));
        clock.resume(secs(10));
        assert_eq!(clock.read(secs(11)), Instant::from_micros(6_000_000));
        assert_eq!(clock.when(Instant::from_micros(7_000_000)), secs(12));
    }
}
