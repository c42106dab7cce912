//! What a virtual router is told to do.

use core::num::NonZeroU8;
use core::time::Duration;

use vrrp_proto::{Interval, Priority, Version};

/// Fewer intervals of silence are not late.
const ADVERTS_LATE_MIN: u32 = 2;

/// One virtual router's settings, as far as they decide anything.
///
/// The VRID, the addresses, the interface and the authentication are absent on purpose: they
/// say what an advert looks like and where it goes, not when it is sent. The caller keeps
/// them beside the [`Router`](crate::Router).
///
/// [`Config::new`] is the protocol's default; change what differs, and end with the defaults, so
/// that a setting which comes to be later needs no word here:
///
/// ```
/// use vrrp_fsm::Config;
/// use vrrp_proto::{Priority, Version};
///
/// let config = Config { priority: Priority::new(244), preempt: false, ..Config::new(Version::V3) };
/// assert_eq!(config.interval.as_centis(), 100);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Config {
    /// Selects the formulas, and whether the Active Router's interval is learnt (version 3).
    pub version: Version,
    /// The base priority. 255 is the address owner's and is never changed by a tracker;
    /// everything else is moved by contributions and kept within 1–254, so a 0 counts as 1.
    pub priority: Priority,
    /// The own Advertisement_Interval; `version` can carry it.
    pub interval: Interval,
    /// Preempt_Mode: whether to take over from an Active Router of lower priority. The
    /// address owner always does (RFC 9568 §6.1).
    pub preempt: bool,
    /// How long a lower-priority Active Router is left alone after it was first heard.
    pub preempt_delay: Duration,
    /// Whether the router that is followed hands over by advertising a priority that is lower than
    /// the own one: it is replaced after Skew_Time, as if it had resigned, and not after what is
    /// left of the Active_Down_Interval, as RFC 9568 has it.
    pub fast_handover: bool,
    /// Adverts that may be missed before a Backup Router takes over; the protocol's is 3.
    pub down_timer_adverts: NonZeroU8,
    /// Answer a losing advert with no advert, as RFC 5798 wants. Without announcements, too, it is
    /// silent: [`Announce::lower_prio_repeat`].
    pub lower_prio_no_advert: bool,
    /// Send a last advert before stepping down, which makes the winner announce itself again.
    pub higher_prio_send_advert: bool,
    /// As address owner, ignore every advert heard.
    pub owner_ignore_adverts: bool,
    /// When and how often to announce the addresses.
    pub announce: Announce,
}

impl Config {
    /// The defaults: priority 100, one second, preemption without delay, a fast
    /// hand-over, three adverts.
    pub const fn new(version: Version) -> Self {
        Self {
            version,
            priority: Priority::DEFAULT,
            interval: Interval::DEFAULT,
            preempt: true,
            preempt_delay: Duration::ZERO,
            fast_handover: true,
            down_timer_adverts: NonZeroU8::new(3).expect("3 is not zero"),
            lower_prio_no_advert: false,
            higher_prio_send_advert: false,
            owner_ignore_adverts: false,
            announce: Announce::DEFAULT,
        }
    }

    /// How long an Active Router may be silent: as many intervals as a Backup Router waits before it
    /// adds its Skew_Time.
    ///
    /// No peer's Active_Down_Interval is shorter. What the fastest has on top, two steps of Skew_Time,
    /// is left for an advert that is sent in the last moment to arrive, and for clocks that do not run
    /// alike. The interval is that of the last advert, since it is what the peers have learnt.
    ///
    /// Where one missing advert is enough, that would be the time at which the next one is due: a
    /// timer late by a few milliseconds must not cost the addresses.
    pub fn silence_max(&self) -> Duration {
        let adverts = u32::from(self.down_timer_adverts.get()).max(ADVERTS_LATE_MIN);
        self.interval.as_duration() * adverts
    }
}

/// How the addresses are announced (gratuitous ARP, unsolicited neighbour advertisements).
///
/// An announcement is a number of rounds; one round covers every address once. Zero rounds
/// are no announcement, a zero delay is no repetition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Announce {
    /// Rounds on becoming active, and again after `delay`: `garp_master_repeat`.
    pub repeat: u8,
    /// From becoming active to the second announcement: `garp_master_delay`.
    pub delay: Duration,
    /// Between announcements while active, zero for none: `garp_master_refresh`.
    pub refresh: Duration,
    /// Rounds of each of those: `garp_master_refresh_repeat`.
    pub refresh_repeat: u8,
    /// Rounds in answer to a losing advert: `garp_lower_prio_repeat`.
    pub lower_prio_repeat: u8,
    /// From a losing advert to the second answer: `garp_lower_prio_delay`.
    pub lower_prio_delay: Duration,
}

impl Announce {
    /// keepalived's: five rounds at once and five more after five seconds, no refresh.
    pub const DEFAULT: Self = Self {
        repeat: 5,
        delay: Duration::from_secs(5),
        refresh: Duration::ZERO,
        refresh_repeat: 1,
        lower_prio_repeat: 5,
        lower_prio_delay: Duration::from_secs(5),
    };
}

impl Default for Announce {
    fn default() -> Self {
        Self::DEFAULT
    }
}
