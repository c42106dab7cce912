//! The two formulas of RFC 9568 §6.1 (RFC 3768 §6.1 for VRRPv2).

use core::num::NonZeroU8;
use core::time::Duration;

use vrrp_proto::{Interval, Priority, Version};

/// Skew_Time: how much later than the fastest backup this priority takes over.
///
/// | version | formula |
/// |---|---|
/// | 2 | (256 − priority) / 256 seconds, whatever the interval (RFC 3768 §6.1) |
/// | 3 | (256 − priority) · Active_Adver_Interval / 256 (RFC 9568 §6.1) |
///
/// Computed in microseconds, rounded down once.
///
/// ```
/// use core::time::Duration;
/// use vrrp_fsm::skew_time;
/// use vrrp_proto::{Interval, Priority, Version};
///
/// let quarter = Interval::from_centis(25).expect("1 to 4095");
/// assert_eq!(skew_time(Version::V2, Priority::DEFAULT, quarter), Duration::from_micros(609_375));
/// assert_eq!(skew_time(Version::V3, Priority::DEFAULT, quarter), Duration::from_micros(152_343));
/// ```
pub const fn skew_time(version: Version, priority: Priority, interval: Interval) -> Duration {
    let unit_micros = match version {
        Version::V2 => 1_000_000,
        Version::V3 => interval.as_micros(),
    };
    let steps = 256 - priority.get() as u64;
    Duration::from_micros(steps * unit_micros / 256)
}

/// Active_Down_Interval: how long a Backup Router stays quiet without an accepted advert.
///
/// `adverts` · `interval` + [`skew_time`]; the protocol's `adverts` is 3, keepalived's
/// `down_timer_adverts` changes it. `interval` is the own one in VRRPv2, the Active
/// Router's in VRRPv3.
pub const fn active_down_interval(
    version: Version,
    priority: Priority,
    interval: Interval,
    adverts: NonZeroU8,
) -> Duration {
    let quiet_micros = adverts.get() as u64 * interval.as_micros();
    skew_time(version, priority, interval).saturating_add(Duration::from_micros(quiet_micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn down_micros(version: Version, priority: u8, centis: u16, adverts: u8) -> u128 {
        let interval = Interval::from_centis(centis).unwrap();
        let adverts = NonZeroU8::new(adverts).unwrap();
        active_down_interval(version, Priority::new(priority), interval, adverts).as_micros()
    }

    #[test]
    fn active_down_interval_has_the_published_values() {
        assert_eq!(down_micros(Version::V2, 100, 100, 3), 3_609_375);
        assert_eq!(down_micros(Version::V2, 100, 200, 3), 6_609_375);
        assert_eq!(down_micros(Version::V3, 100, 100, 3), 3_609_375);
        assert_eq!(down_micros(Version::V3, 100, 200, 3), 7_218_750);
        assert_eq!(down_micros(Version::V3, 100, 25, 3), 902_343);
        assert_eq!(down_micros(Version::V3, 100, 100, 1), 1_609_375);
        assert_eq!(down_micros(Version::V3, 100, 1, 3), 36_093);
        assert_eq!(down_micros(Version::V2, 150, 100, 3), 3_414_062);
        assert_eq!(down_micros(Version::V2, 254, 100, 3), 3_007_812);
        assert_eq!(down_micros(Version::V2, 255, 100, 3), 3_003_906);
    }

    #[test]
    fn the_longest_values_fit() {
        assert_eq!(down_micros(Version::V3, 0, 4095, 255), 256 * 40_950_000);
    }
}
