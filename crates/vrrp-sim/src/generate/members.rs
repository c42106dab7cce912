//! Who takes part in a random scenario.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU8;
use std::time::Duration;

use fastrand::Rng;
use vrrp_fsm::{Announce, Config};
use vrrp_proto::{Family, Interval, Priority, Version};

use super::situation::Situation;
use crate::scenario::Member;

/// What members are made of.
pub(super) struct Members<'r> {
    pub(super) rng: &'r mut Rng,
    pub(super) situation: Situation,
    pub(super) family: Family,
}

impl Members<'_> {
    pub(super) fn make(mut self) -> Vec<Member> {
        let count = self.rng.choice([2, 2, 2, 3, 3, 4, 5]).expect("not empty");
        let interval = self.interval();
        let spread = self.rng.choice([1, 1, 4, 20]).expect("not empty");
        let drift_max = self.rng.choice([0, 200, 10_000]).expect("not empty");
        let version = match (self.family, self.rng.u8(0..3)) {
            (Family::V4, 0) => Version::V2,
            _ => Version::V3,
        };
        let mut members: Vec<_> = self
            .addresses(count)
            .into_iter()
            .map(|address| Member {
                config: self.config(version, interval, spread),
                address,
                drift_ppm: self.rng.i32(-drift_max..=drift_max),
                parks: self.rng.bool(),
            })
            .collect();
        self.adapt(&mut members);
        members
    }

    fn interval(&mut self) -> u16 {
        let any = self.rng.u16(1..=4095);
        let usual = [1, 2, 5, 10, 25, 50, 100, 100, 100, 200, 1000, 4000, any];
        self.rng.choice(usual).expect("not empty")
    }

    /// Different ones, in no order.
    fn addresses(&mut self, count: usize) -> Vec<IpAddr> {
        let mut lasts: Vec<u8> = (1..=99).collect();
        self.rng.shuffle(&mut lasts);
        lasts.truncate(count);
        let address = |last: u8| match self.family {
            Family::V4 => IpAddr::V4(Ipv4Addr::new(192, 0, 2, last)),
            Family::V6 => IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, last.into())),
        };
        lasts.into_iter().map(address).collect()
    }

    fn config(&mut self, version: Version, centis: u16, spread: u16) -> Config {
        let rng = &mut *self.rng;
        let centis = match version {
            Version::V2 => 100 * u16::from(rng.u8(0..4) / 3 + 1),
            Version::V3 if rng.bool() => centis,
            Version::V3 => centis.saturating_mul(rng.u16(1..=spread)).min(4095),
        };
        let interval = match version {
            Version::V2 => Interval::from_secs(1),
            Version::V3 => Interval::from_centis(centis),
        };
        let interval = interval.expect("1 to 4095");
        let any = rng.u8(1..=254);
        let priority = rng.choice([1, 100, 100, 100, 101, 150, 200, 254, any]);
        let adverts = rng.choice([3, 3, 3, 3, 3, 3, 2, 5]);
        Config {
            priority: Priority::new(priority.expect("not empty")),
            interval,
            preempt: !one_in(rng, 6),
            preempt_delay: match one_in(rng, 8) {
                true => interval.as_duration() * rng.u32(1..10) / 2,
                false => Duration::ZERO,
            },
            down_timer_adverts: adverts.and_then(NonZeroU8::new).expect("not 0"),
            lower_prio_no_advert: one_in(rng, 8),
            higher_prio_send_advert: one_in(rng, 8),
            announce: Announce {
                refresh: interval.as_duration() * rng.choice([0, 0, 0, 7]).expect("not empty") / 10,
                ..Announce::DEFAULT
            },
            fast_handover: !one_in(rng, 4),
            ..Config::new(version)
        }
    }

    /// Makes the members those of the situation.
    fn adapt(&mut self, members: &mut [Member]) {
        let second = Interval::DEFAULT;
        match self.situation {
            Situation::Troubles if one_in(self.rng, 4) => {
                members[0].config.priority = Priority::OWNER;
                members[0].config.owner_ignore_adverts = one_in(self.rng, 3);
            }
            Situation::Troubles => {}
            Situation::TwoVersions => {
                for (index, member) in members.iter_mut().enumerate() {
                    let v2 = index == 0 || (index > 1 && self.rng.bool());
                    member.config.version = if v2 { Version::V2 } else { Version::V3 };
                    member.config.interval = second;
                }
            }
            Situation::TwoIntervals => {
                for (index, member) in members.iter_mut().enumerate() {
                    let slow = index == 0 || (index > 1 && self.rng.bool());
                    member.config.version = Version::V2;
                    member.config.interval =
                        Interval::from_secs(if slow { 3 } else { 1 }).expect("not 0");
                }
            }
            Situation::TwoOwners | Situation::DeafOwners => {
                for member in &mut members[..2] {
                    member.config.priority = Priority::OWNER;
                    member.config.owner_ignore_adverts = self.situation == Situation::DeafOwners;
                }
            }
            Situation::OneWay => {
                let mut priorities: Vec<u8> = (1..=254).collect();
                self.rng.shuffle(&mut priorities);
                for (member, priority) in members.iter_mut().zip(priorities) {
                    member.config.priority = Priority::new(priority);
                    member.config.preempt = true;
                }
            }
        }
        match self.situation {
            Situation::TwoVersions | Situation::TwoIntervals => {}
            Situation::DeafOwners | Situation::OneWay => share_interval(members),
            Situation::Troubles | Situation::TwoOwners => match members[0].config.version {
                Version::V2 => share_interval(members),
                Version::V3 => avoid_restless(members),
            },
        }
    }
}

fn share_interval(members: &mut [Member]) {
    let interval = members[0].config.interval;
    members.iter_mut().for_each(|member| member.config.interval = interval);
}

/// Leaves out the mixture that need not come to rest: two intervals, and a router that does not
/// answer losing adverts.
///
/// When it wins, an advert of the loser's may still be heard after its own, be it overtaken or
/// sent while yielding. The others learn the loser's interval from that. If it is the shorter
/// one they take over before the winner's next advert, yield to that, and so on.
fn avoid_restless(members: &mut [Member]) {
    let interval = members[0].config.interval;
    if members.iter().any(|member| member.config.interval != interval) {
        for member in members {
            member.config.lower_prio_no_advert = false;
            member.config.owner_ignore_adverts = false;
        }
    }
}

fn one_in(rng: &mut Rng, count: u32) -> bool {
    rng.u32(0..count) == 0
}
