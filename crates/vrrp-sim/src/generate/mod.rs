//! Random scenarios: a cluster, trouble, calm, and again.

mod members;
mod situation;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use fastrand::Rng;
use vrrp::Authentication;
use vrrp_fsm::{Config, Influence};
use vrrp_proto::{Family, Password, Priority};

use crate::checks::Bounds;
use crate::scenario::{Incident, InterfaceState, Member, NodeId, Scenario, Scheduled, Wire};
use members::Members;
use situation::Situation;

impl Scenario {
    /// The scenario of this seed: two to five routers with settings of every kind, on a wire
    /// that is more or less reliable.
    pub fn random(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let situation = match rng.u8(0..100) {
            0..75 => Situation::Troubles,
            75..80 => Situation::TwoVersions,
            80..85 => Situation::TwoIntervals,
            85..90 => Situation::TwoOwners,
            90..95 => Situation::DeafOwners,
            _ => Situation::OneWay,
        };
        let mut generator = Generator::new(seed, situation, rng);
        generator.opening();
        generator.trouble();
        generator.calm();
        match situation {
            Situation::Troubles => generator.last_failure(),
            Situation::TwoVersions | Situation::TwoIntervals => generator.migration(),
            Situation::TwoOwners => generator.replace_an_owner(1),
            Situation::DeafOwners => generator.replace_an_owner(2),
            Situation::OneWay => generator.one_way(),
        }
        generator.finish()
    }
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

/// Writes the schedule, from its beginning to its end.
struct Generator {
    rng: Rng,
    situation: Situation,
    scenario: Scenario,
    bounds: Bounds,
    /// The end of the schedule so far.
    at: Duration,
}

impl Generator {
    fn new(seed: u64, situation: Situation, mut rng: Rng) -> Self {
        let family = match situation {
            Situation::TwoVersions | Situation::TwoIntervals => Family::V4,
            _ => rng.choice([Family::V4, Family::V4, Family::V6]).expect("not empty"),
        };
        let members = Members { rng: &mut rng, situation, family }.make();
        let authentication = match rng.bool() {
            true => Authentication::Password(Password::from_text("s3cr3t")),
            false => Authentication::None,
        };
        let wire = wire(&mut rng, &members);
        let schedule = Vec::new();
        let until = Duration::ZERO;
        let scenario = Scenario { seed, members, authentication, wire, schedule, until };
        let bounds = Bounds::of(&scenario);
        Self { rng, situation, scenario, bounds, at: Duration::ZERO }
    }

    fn finish(mut self) -> Scenario {
        self.scenario.until = self.at + self.bounds.interval_max * 5;
        self.scenario.schedule.sort_by_key(|one| one.at);
        self.scenario
    }

    fn count(&self) -> usize {
        self.scenario.members.len()
    }

    fn node(&mut self) -> NodeId {
        self.rng.usize(0..self.scenario.members.len())
    }

    fn schedule(&mut self, at: Duration, incident: Incident) {
        self.scenario.schedule.push(Scheduled { at, incident });
    }

    fn now(&mut self, incident: Incident) {
        self.schedule(self.at, incident);
    }

    fn up_to(&mut self, max: Duration) -> Duration {
        Duration::from_micros(self.rng.u64(0..=max.as_micros() as u64))
    }

    /// Lets the cluster come to rest, and then counts the Active Routers.
    fn rest(&mut self, times: u32, actives: usize) {
        self.at += self.bounds.settled * times + self.bounds.interval_max;
        self.now(Incident::Expect { actives });
    }

    fn opening(&mut self) {
        let spread = self.bounds.active_down_max * self.rng.u32(0..3) / 2;
        for node in 0..self.count() {
            let at = self.up_to(spread);
            self.schedule(at, Incident::Start(node));
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
        self.at = self.scenario.schedule.iter().map(|one| one.at).max().unwrap_or_default();
    }

    /// Something that begins and may end.
    fn one_trouble(&mut self, from: Duration, to: Duration) {
        let node = self.node();
        match self.rng.u8(0..20) {
            0 => self.between(from, Incident::Crash(node), to, Incident::Start(node)),
            1 => self.between(from, Incident::Stop(node), to, Incident::Start(node)),
            2 => self.between(from, Incident::Kill(node), to, Incident::Start(node)),
            3 | 4 => {
                let clock_stops = self.rng.bool();
                let freeze = Incident::Freeze { node, clock_stops };
                self.between(from, freeze, to, Incident::Thaw(node));
            }
            5..8 => {
                let (failure, repair) = self.interface_failure(node);
                self.between(from, failure, to, repair);
            }
            8 => {
                // It takes part again, if a kernel refused it, when it is told to try.
                let refuse = |refuses| Incident::RefuseAddresses { node, refuses };
                let lost = Incident::AddressesLost { node, all: self.rng.bool() };
                self.between(from, refuse(true), to, refuse(false));
                let during = from + (to - from) / 2;
                if self.rng.bool() {
                    self.schedule(during, lost);
                }
            }
            9 => {
                let refuse = |refuses| Incident::RefuseSending { node, refuses };
                self.between(from, refuse(true), to, refuse(false));
            }
            10..13 => {
                let tracker = self.rng.u8(0..2);
                let [influence, later] = [self.influence(), self.influence()];
                let track = |influence| Incident::Track { node, tracker, influence };
                self.between(from, track(influence), to, track(later));
            }
            13 => {
                let other = self.node();
                let link = |up| Incident::Link { from: node, to: other, up };
                self.between(from, link(false), to, link(true));
            }
            14 => self.partition(from, to),
            15 => {
                let loss = self.rng.choice([300, 700, 1000]).expect("not empty");
                let wire = self.scenario.wire;
                let worse = Incident::Wire(Wire { loss, ..wire });
                self.between(from, worse, to, Incident::Wire(wire));
            }
            16 if self.is_reconfigured(node) => {
                let [now, later] = [self.reconfiguration(node), self.reconfiguration(node)];
                self.between(from, now, to, later);
            }
            17 => {
                let address = self.another_address(node);
                self.schedule(from, Incident::Address { node, address: Some(address) });
            }
            _ => {
                let all = self.rng.bool();
                self.schedule(from, Incident::AddressesLost { node, all });
            }
        }
    }

    /// What keeps a router from being heard or from hearing, and what ends that.
    fn interface_failure(&mut self, node: NodeId) -> (Incident, Incident) {
        let interface = |state| Incident::Interface { node, state };
        let member = &self.scenario.members[node];
        let (own, is_owner) = (Some(member.address), member.config.priority.is_owner());
        let down = match self.rng.u8(0..5) {
            0 => InterfaceState::Missing,
            1 => InterfaceState::Down,
            2 => InterfaceState::NoCarrier,
            // The owner of the addresses sends from them if it has no other.
            3 if !is_owner => {
                let address = |address| Incident::Address { node, address };
                return (address(None), address(own));
            }
            _ => {
                return (Incident::Deaf { node, deaf: true }, Incident::Deaf { node, deaf: false });
            }
        };
        (interface(down), interface(InterfaceState::Running))
    }

    /// Other settings of the same virtual router: a priority, an address.
    fn reconfiguration(&mut self, node: NodeId) -> Incident {
        let own = &self.scenario.members[node].config;
        let priority = match own.priority.is_owner() {
            true => own.priority,
            false => Priority::new(self.rng.u8(1..=254)),
        };
        let config = Box::new(Config { priority, ..own.clone() });
        // An owner that is killed and started takes nothing away but what its settings name by then.
        let has_extra = !own.priority.is_owner() && self.rng.bool();
        Incident::Reconfigure { node, config, has_extra }
    }

    /// An address that no other router has or will have.
    fn another_address(&mut self, node: NodeId) -> IpAddr {
        let last = 110 + 20 * node as u8 + self.rng.u8(0..20);
        match self.scenario.family() {
            Family::V4 => Ipv4Addr::new(192, 0, 2, last).into(),
            Family::V6 => Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 1, last.into()).into(),
        }
    }

    fn between(&mut self, from: Duration, begin: Incident, to: Duration, end: Incident) {
        self.schedule(from, begin);
        self.schedule(to, end);
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
        self.now(Incident::Wire(self.scenario.wire.without_loss()));
        for node in 0..self.count() {
            self.repair(node);
            for tracker in 0..2 {
                let influence = self.good_news();
                self.now(Incident::Track { node, tracker, influence });
            }
            for to in 0..self.count() {
                self.now(Incident::Link { from: node, to, up: true });
            }
            self.now(Incident::Thaw(node));
            self.now(Incident::Start(node));
            self.try_again(node);
        }
        let actives = match self.situation {
            Situation::Troubles | Situation::TwoOwners | Situation::OneWay => 1,
            Situation::TwoVersions | Situation::TwoIntervals | Situation::DeafOwners => 2,
        };
        self.rest(1, actives);
    }

    /// Whoever was refused its addresses tries again: told by its settings, or by its interface.
    fn try_again(&mut self, node: NodeId) {
        if self.is_reconfigured(node) {
            let config = Box::new(self.scenario.members[node].config.clone());
            self.now(Incident::Reconfigure { node, config, has_extra: false });
        } else {
            self.now(Incident::Interface { node, state: InterfaceState::NoCarrier });
            self.now(Incident::Interface { node, state: InterfaceState::Running });
        }
    }

    /// Whether it gets other settings while it runs. No standard says what becomes of a delay of
    /// preemption then.
    fn is_reconfigured(&self, node: NodeId) -> bool {
        self.scenario.members[node].config.preempt_delay.is_zero()
    }

    /// Its kernel and its interface are as they should be.
    fn repair(&mut self, node: NodeId) {
        let address = Some(self.scenario.members[node].address);
        self.now(Incident::Interface { node, state: InterfaceState::Running });
        self.now(Incident::Address { node, address });
        self.now(Incident::Deaf { node, deaf: false });
        self.now(Incident::RefuseAddresses { node, refuses: false });
        self.now(Incident::RefuseSending { node, refuses: false });
    }

    fn good_news(&mut self) -> Influence {
        match self.situation {
            // Nobody is better than the best.
            Situation::OneWay => Influence::None,
            _ => self.rng.choice([Influence::None, Influence::Weight(20)]).expect("not empty"),
        }
    }

    /// One router falls out of a cluster that is in order, the others go on, it comes back.
    fn last_failure(&mut self) {
        let node = self.node();
        let (failure, repair) = match self.rng.u8(0..6) {
            0 => (Incident::Crash(node), Incident::Start(node)),
            1 => (Incident::Stop(node), Incident::Start(node)),
            2 => (Incident::Kill(node), Incident::Start(node)),
            3 => {
                let clock_stops = self.rng.bool();
                (Incident::Freeze { node, clock_stops }, Incident::Thaw(node))
            }
            _ => self.interface_failure(node),
        };
        self.now(failure);
        self.rest(1, 1);
        self.now(repair);
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
        debug_assert!(
            matches!(self.situation, Situation::TwoOwners | Situation::DeafOwners) && actives <= 2
        );
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
