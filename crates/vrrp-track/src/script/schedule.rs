//! When scripts start: ticks of a clock of their own, spread if they are many.

use std::time::{Duration, Instant};

/// Up to this many scripts all start at once: spreading them would only make the first results late.
const FEW: usize = 16;

/// The first runs of many scripts are spread over their interval, but at most over this.
const FIRST_RUNS_WITHIN: Duration = Duration::from_secs(1);

/// The ticks at which one script is due: every interval, from an origin that differs from script to script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticks {
    origin: Instant,
    interval: Duration,
}

impl Ticks {
    /// The ticks of the script at `place` among `count` that start now, and when it runs first.
    pub(super) fn spread(
        now: Instant,
        interval: Duration,
        place: usize,
        count: usize,
    ) -> (Self, Instant) {
        if count <= FEW {
            return (Self { origin: now, interval }, now);
        }
        let share = |whole: Duration| whole.mul_f64(place as f64 / count as f64);
        let ticks = Self { origin: now + share(interval), interval };
        (ticks, now + share(interval.min(FIRST_RUNS_WITHIN)))
    }

    /// The first tick after `instant`.
    pub(super) fn after(&self, instant: Instant) -> Instant {
        let Some(elapsed) = instant.checked_duration_since(self.origin) else { return self.origin };
        let into_interval = elapsed.as_nanos() % self.interval.as_nanos();
        let into_interval =
            u64::try_from(into_interval).map_or(Duration::ZERO, Duration::from_nanos);
        instant + (self.interval - into_interval)
    }

    /// When the next run is due after one that started at `started`. A run that came late, or first and
    /// early, has its successor at a tick again, between half and one and a half intervals later.
    pub(super) fn next(&self, started: Instant) -> Instant {
        self.after(started + self.interval / 2)
    }

    /// The same for a run that has just ended: ticks in between are skipped.
    pub(super) fn next_from(&self, started: Instant, now: Instant) -> Instant {
        self.after(now.max(started + self.interval / 2))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ms(value: u64) -> Duration {
        Duration::from_millis(value)
    }

    #[test]
    fn a_few_scripts_start_at_once() {
        let now = Instant::now();
        for place in 0..FEW {
            assert_eq!(Ticks::spread(now, ms(1000), place, FEW).1, now);
        }
    }

    #[test]
    fn many_scripts_start_evenly_within_the_interval() {
        let now = Instant::now();
        let starts = (0..100).map(|place| Ticks::spread(now, ms(500), place, 100).1 - now);
        assert!(starts.zip(0..).all(|(start, place)| start == ms(5 * place)));
    }

    #[test]
    fn first_runs_of_slow_scripts_come_within_a_second() {
        let now = Instant::now();
        let (ticks, first) = Ticks::spread(now, ms(60_000), 99, 100);
        assert_eq!(first, now + ms(990));
        assert_eq!(ticks.next(first), now + ms(59_400), "then they spread over the interval");
        let (ticks, first) = Ticks::spread(now, ms(60_000), 10, 100);
        assert_eq!(first, now + ms(100));
        assert_eq!(ticks.next(first), now + ms(66_000), "and none runs twice in a short time");
    }

    #[test]
    fn runs_are_counted_from_start_to_start_and_missed_ones_are_skipped() {
        let now = Instant::now();
        let (ticks, first) = Ticks::spread(now, ms(1000), 0, 1);
        assert_eq!(
            ticks.next_from(first + ms(3), now + ms(10)),
            now + ms(1000),
            "a run a little late"
        );
        assert_eq!(
            ticks.next_from(first, now + ms(2300)),
            now + ms(3000),
            "a run of 2.3 intervals"
        );
        assert_eq!(
            ticks.next_from(now + ms(2700), now + ms(2710)),
            now + ms(4000),
            "a run much late"
        );
    }

    proptest! {
        #[test]
        fn the_next_run_is_half_to_one_and_a_half_intervals_away(
            interval in 1_u64..100_000, place in 0_usize..100, count in 1_usize..100, late in 0_u64..1_000_000,
        ) {
            let now = Instant::now();
            let (ticks, _) = Ticks::spread(now, ms(interval), place % count, count);
            let started = now + ms(late);
            let gap = ticks.next(started).saturating_duration_since(started);
            prop_assert!(gap > ms(interval) / 2 || ticks.next(started) == ticks.origin);
            prop_assert!(gap <= ms(interval) * 3 / 2 || ticks.next(started) == ticks.origin);
        }
    }
}
