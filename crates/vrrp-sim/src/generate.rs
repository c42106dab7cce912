//! Random scenarios: a cluster, trouble, calm, and again.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU8;
use std::time::Duration;

use fastrand::Rng;
use vrrp_fsm::{Announce, Config, FaultReason, Influence};
use vrrp_proto::{Authentication, Family, Interval, Password, Priority, Version};

use crate::checks::Bounds;
use crate::scenario::{Cue, Incident, Member, NodeId, Scenario, Wire};

/// That of the clusters that have one.
static PASSWORD: Password = Password::from_octets(*b"s3cr3t\0\0");

/// What a scenario is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plot {
    /// Routers that elect one of them, whatever happens; then one of them fails.
    Troubles,
    /// Routers of both versions, which do not hear each other until the migration is done.
    TwoVersions,
    /// VRRPv2 routers with two intervals, which do not hear each other either.
    TwoIntervals,
    /// Two routers that own the addresses and hear each other.
    TwoOwners,
    /// Two routers that own the addresses and do not listen.
    DeafOwners,
    /// One router does not hear the best one, while everyone else does.
    OneWay,
}

impl Scenario {
    /// The scenario of this seed: two to five routers with settings of every kind, on a wire
    /// that is more or less reliable.
    pub fn random(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let plot = match rng.u8(0..100) {
            0..75 => Plot::Troubles,
            75..80 => Plot::TwoVersions,
            80..85 => Plot::TwoIntervals,
            85..90 => Plot::TwoOwners,
            90..95 => Plot::DeafOwners,
            _ => Plot::OneWay,
        };
        let mut writer = Writer::new(seed, plot, rng);
        writer.opening();
        writer.trouble();
        writer.calm();
        match plot {
            Plot::Troubles => writer.last_blow(),
            Plot::TwoVersions | Plot::TwoIntervals => writer.migration(),
            Plot::TwoOwners => writer.replace_an_owner(1),
            Plot::DeafOwners => writer.replace_an_owner(2),
            Plot::OneWay => writer.one_way(),
        }
        writer.finish()
    }
}

/// Members: who they are.
struct Casting<'r> {
    rng: &'r mut Rng,
    plot: Plot,
    family: Family,
}

impl Casting<'_> {
    fn members(&mut self) -> Vec<Member> {
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
            ..Config::new(version)
        }
    }

    /// Makes the members those of the plot.
    fn adapt(&mut self, members: &mut [Member]) {
        let second = Interval::DEFAULT;
        match self.plot {
            Plot::Troubles if one_in(self.rng, 4) => {
                members[0].config.priority = Priority::OWNER;
                members[0].config.owner_ignore_adverts = one_in(self.rng, 3);
            }
            Plot::Troubles => {}
            Plot::TwoVersions => {
                for (index, member) in members.iter_mut().enumerate() {
                    let v2 = index == 0 || (index > 1 && self.rng.bool());
                    member.config.version = if v2 { Version::V2 } else { Version::V3 };
                    member.config.interval = second;
                }
            }
            Plot::TwoIntervals => {
                for (index, member) in members.iter_mut().enumerate() {
                    let slow = index == 0 || (index > 1 && self.rng.bool());
                    member.config.version = Version::V2;
                    member.config.interval =
                        Interval::from_secs(if slow { 3 } else { 1 }).expect("not 0");
                }
            }
            Plot::TwoOwners | Plot::DeafOwners => {
                for member in &mut members[..2] {
                    member.config.priority = Priority::OWNER;
                    member.config.owner_ignore_adverts = self.plot == Plot::DeafOwners;
                }
            }
            Plot::OneWay => {
                let mut priorities: Vec<u8> = (1..=254).collect();
                self.rng.shuffle(&mut priorities);
                for (member, priority) in members.iter_mut().zip(priorities) {
                    member.config.priority = Priority::new(priority);
                    member.config.preempt = true;
                }
            }
        }
        match self.plot {
            Plot::TwoVersions | Plot::TwoIntervals => {}
            Plot::DeafOwners | Plot::OneWay => share_interval(members),
            Plot::Troubles | Plot::TwoOwners => match members[0].config.version {
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

/// A wire on which intervals are kept well enough that nobody takes over while nothing is lost.
fn wire(rng: &mut Rng, members: &[Member]) -> Wire {
    let shortest = members.iter().map(|member| member.config.interval.as_duration()).min();
    let shortest = shortest.unwrap_or_default();
    let delay_max = shortest / rng.choice([2, 10, 100]).expect("not empty");
    Wire {
        delay_min: Duration::from_micros(50),
        delay_max: delay_max.max(Duration::from_micros(50)),
        loss: rng.choice([0, 0, 10, 50, 200, 400]).expect("not empty"),
        duplication: rng.choice([0, 20, 200]).expect("not empty"),
        corruption: rng.choice([0, 0, 20]).expect("not empty"),
        lateness_max: shortest / rng.choice([10, 100, 100_000]).expect("not empty"),
    }
}

/// Writes the script, from its beginning to its end.
struct Writer {
    rng: Rng,
    plot: Plot,
    scenario: Scenario,
    bounds: Bounds,
    /// The end of the script so far.
    at: Duration,
}

impl Writer {
    fn new(seed: u64, plot: Plot, mut rng: Rng) -> Self {
        let family = match plot {
            Plot::TwoVersions | Plot::TwoIntervals => Family::V4,
            _ => rng.choice([Family::V4, Family::V4, Family::V6]).expect("not empty"),
        };
        let members = Casting { rng: &mut rng, plot, family }.members();
        let authentication = match rng.bool() {
            true => Authentication::Password(&PASSWORD),
            false => Authentication::None,
        };
        let wire = wire(&mut rng, &members);
        let script = Vec::new();
        let until = Duration::ZERO;
        let scenario = Scenario { seed, members, authentication, wire, script, until };
        let bounds = Bounds::of(&scenario);
        Self { rng, plot, scenario, bounds, at: Duration::ZERO }
    }

    fn finish(mut self) -> Scenario {
        self.scenario.until = self.at + self.bounds.interval_max * 5;
        self.scenario.script.sort_by_key(|cue| cue.at);
        self.scenario
    }

    fn count(&self) -> usize {
        self.scenario.members.len()
    }

    fn node(&mut self) -> NodeId {
        self.rng.usize(0..self.scenario.members.len())
    }

    fn cue(&mut self, at: Duration, incident: Incident) {
        self.scenario.script.push(Cue { at, incident });
    }

    fn now(&mut self, incident: Incident) {
        self.cue(self.at, incident);
    }

    fn up_to(&mut self, max: Duration) -> Duration {
        Duration::from_micros(self.rng.u64(0..=max.as_micros() as u64))
    }

    /// Lets the cluster come to rest, and then counts the Active Routers.
    fn rest(&mut self, times: u32, actives: usize) {
        self.at += self.bounds.settled * times + self.bounds.interval_max;
        self.now(Incident::Census { actives });
    }

    fn opening(&mut self) {
        let spread = self.bounds.active_down_max * self.rng.u32(0..3) / 2;
        for node in 0..self.count() {
            let at = self.up_to(spread);
            self.cue(at, Incident::Start(node));
        }
    }

    fn trouble(&mut self) {
        let incidents = self.rng.u32(2..15);
        let span = self.bounds.active_down_max * (2 + incidents / 2);
        for _ in 0..incidents {
            let from = self.up_to(span);
            let length = match self.rng.bool() {
                true => self.up_to(self.bounds.active_down_max * 3),
                false => self.up_to(self.bounds.interval_max * 2),
            };
            self.one_trouble(from, from + length);
        }
        self.at = self.scenario.script.iter().map(|cue| cue.at).max().unwrap_or_default();
    }

    /// Something that begins and may end.
    fn one_trouble(&mut self, from: Duration, to: Duration) {
        let node = self.node();
        match self.rng.u8(0..13) {
            0 => self.between(from, Incident::Crash(node), to, Incident::Start(node)),
            1 => self.between(from, Incident::Stop(node), to, Incident::Start(node)),
            2 | 3 => {
                let clock_stops = self.rng.bool();
                let freeze = Incident::Freeze { node, clock_stops };
                self.between(from, freeze, to, Incident::Thaw(node));
            }
            4 | 5 => {
                let reason = self.reason();
                let fault = Incident::Fault { node, reason: reason.clone() };
                self.between(from, fault, to, Incident::Clear { node, reason });
            }
            6..9 => {
                let tracker = self.rng.u8(0..2);
                let [influence, later] = [self.influence(), self.influence()];
                let track = |influence| Incident::Track { node, tracker, influence };
                self.between(from, track(influence), to, track(later));
            }
            9 => {
                let other = self.node();
                let link = |up| Incident::Link { from: node, to: other, up };
                self.between(from, link(false), to, link(true));
            }
            10 => self.partition(from, to),
            11 => {
                let loss = self.rng.choice([300, 700, 1000]).expect("not empty");
                let wire = self.scenario.wire;
                let worse = Incident::Wire(Wire { loss, ..wire });
                self.between(from, worse, to, Incident::Wire(wire));
            }
            _ => self.cue(from, Incident::AddressesLost(node)),
        }
    }

    fn between(&mut self, from: Duration, begin: Incident, to: Duration, end: Incident) {
        self.cue(from, begin);
        self.cue(to, end);
    }

    /// Some routers on this side, some on that.
    fn partition(&mut self, from: Duration, to: Duration) {
        let sides: Vec<bool> = (0..self.count()).map(|_| self.rng.bool()).collect();
        for a in 0..self.count() {
            for b in (0..self.count()).filter(|&b| sides[a] != sides[b]) {
                let link = |up| Incident::Link { from: a, to: b, up };
                self.between(from, link(false), to, link(true));
            }
        }
    }

    fn reason(&mut self) -> FaultReason {
        match self.rng.u8(0..5) {
            0 => FaultReason::InterfaceDown,
            1 => FaultReason::NoCarrier,
            2 => FaultReason::NoPrimaryAddress,
            3 => FaultReason::InstallFailed,
            _ => FaultReason::Other("maintenance".into()),
        }
    }

    fn influence(&mut self) -> Influence {
        match self.rng.u8(0..8) {
            0 => Influence::None,
            1 => Influence::Fault,
            2 => Influence::WeightedFault,
            3 => Influence::Waiting,
            _ => Influence::Weight(self.rng.i32(-254..=253)),
        }
    }

    /// Everything is well again, but for who happens to be better than whom.
    fn calm(&mut self) {
        let reasons = [
            FaultReason::InterfaceDown,
            FaultReason::NoCarrier,
            FaultReason::NoPrimaryAddress,
            FaultReason::InstallFailed,
            FaultReason::Other("maintenance".into()),
        ];
        self.now(Incident::Wire(self.scenario.wire.without_loss()));
        for node in 0..self.count() {
            for reason in reasons.clone() {
                self.now(Incident::Clear { node, reason });
            }
            for tracker in 0..2 {
                let influence = self.good_news();
                self.now(Incident::Track { node, tracker, influence });
            }
            for to in 0..self.count() {
                self.now(Incident::Link { from: node, to, up: true });
            }
            self.now(Incident::Thaw(node));
            self.now(Incident::Start(node));
        }
        let actives = match self.plot {
            Plot::Troubles | Plot::TwoOwners | Plot::OneWay => 1,
            Plot::TwoVersions | Plot::TwoIntervals | Plot::DeafOwners => 2,
        };
        self.rest(1, actives);
    }

    fn good_news(&mut self) -> Influence {
        match self.plot {
            // Nobody is better than the best.
            Plot::OneWay => Influence::None,
            _ => self.rng.choice([Influence::None, Influence::Weight(20)]).expect("not empty"),
        }
    }

    /// One router falls out of a cluster that is in order, the others go on, it comes back.
    fn last_blow(&mut self) {
        let node = self.node();
        let (blow, cure) = match self.rng.u8(0..4) {
            0 => (Incident::Crash(node), Incident::Start(node)),
            1 => (Incident::Stop(node), Incident::Start(node)),
            2 => {
                let clock_stops = self.rng.bool();
                (Incident::Freeze { node, clock_stops }, Incident::Thaw(node))
            }
            _ => {
                let reason = self.reason();
                let fault = Incident::Fault { node, reason: reason.clone() };
                (fault, Incident::Clear { node, reason })
            }
        };
        self.now(blow);
        self.rest(1, 1);
        self.now(cure);
        self.rest(1, 1);
    }

    /// The members of the first one's kind become like the others.
    fn migration(&mut self) {
        let like = self.scenario.members[1].config.clone();
        for node in 0..self.count() {
            let own = &self.scenario.members[node].config;
            let (version, interval) = (like.version, like.interval);
            if (own.version, own.interval) == (version, interval) {
                continue;
            }
            let config = Box::new(Config { version, interval, ..own.clone() });
            self.now(Incident::Stop(node));
            self.now(Incident::Replace { node, config });
            self.now(Incident::Start(node));
        }
        self.rest(1, 1);
    }

    /// So many of two owners are Active until one of them is corrected.
    fn replace_an_owner(&mut self, actives: usize) {
        debug_assert!(matches!(self.plot, Plot::TwoOwners | Plot::DeafOwners) && actives <= 2);
        let node = self.rng.usize(0..2);
        let own = &self.scenario.members[node].config;
        let config = Box::new(Config { priority: Priority::DEFAULT, ..own.clone() });
        self.now(Incident::Stop(node));
        self.now(Incident::Replace { node, config });
        self.now(Incident::Start(node));
        self.rest(1, 1);
    }

    /// The best router is not heard by one other, which takes over beside it until the way is
    /// mended.
    fn one_way(&mut self) {
        let members = &self.scenario.members;
        let best = (0..members.len()).max_by_key(|&node| members[node].config.priority);
        let from = best.expect("at least two members");
        let to = (from + self.rng.usize(1..self.count())) % self.count();
        self.now(Incident::Link { from, to, up: false });
        let places = self.count() as u32;
        self.rest(places, 2);
        self.now(Incident::Link { from, to, up: true });
        self.rest(1, 1);
    }
}
