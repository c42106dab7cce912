//! Random networks: machines, trouble, calm, one more failure and its repair.

use std::time::Duration;

use fastrand::Rng;
use vrrp_proto::{Family, Version};

use super::scenario::{Network, Peers, Role, Trouble};

/// What a network is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Theme {
    /// Machines whose routers stand and fall together.
    Groups,
    /// Routers that send to peers.
    Unicast,
    /// Clusters of both versions on one wire.
    Versions,
}

impl Network {
    /// The network of this seed.
    pub fn random(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let theme = match rng.u8(0..10) {
            0..5 => Theme::Groups,
            5..8 => Theme::Unicast,
            _ => Theme::Versions,
        };
        let family = match theme {
            Theme::Versions => Family::V4,
            _ => pick(&mut rng, [Family::V4, Family::V4, Family::V6]),
        };
        let network = Self {
            seed,
            family,
            wires: if theme == Theme::Groups { rng.usize(2..=3) } else { 1 },
            delay: Duration::from_micros(pick(&mut rng, [50, 100, 5_000])),
            machines: Vec::new(),
            schedule: Vec::new(),
            until: Duration::ZERO,
        };
        let mut generator = Generator { rng, network, at: Duration::ZERO };
        match theme {
            Theme::Groups => generator.groups(),
            Theme::Unicast => generator.unicast(),
            Theme::Versions => generator.versions(),
        }
        generator.opening();
        generator.trouble();
        generator.calm();
        generator.last_failure();
        generator.finish()
    }
}

/// Writes the machines, and then the schedule from its beginning to its end.
struct Generator {
    rng: Rng,
    network: Network,
    /// The end of the schedule so far.
    at: Duration,
}

/// Machines.
impl Generator {
    fn version(&mut self) -> (Version, Duration) {
        let version = match (self.network.family, self.rng.u8(0..3)) {
            (Family::V4, 0) => Version::V2,
            _ => Version::V3,
        };
        let millis = match version {
            Version::V2 => 1000,
            Version::V3 => pick(&mut self.rng, [100, 500, 1000, 1000, 2000]),
        };
        (version, Duration::from_millis(millis))
    }

    fn priority(&mut self) -> u8 {
        let any = self.rng.u8(1..=254);
        pick(&mut self.rng, [1, 50, 100, 100, 150, 200, 254, any])
    }

    fn role(&mut self, cluster: u8, version: Version, interval: Duration) -> Role {
        Role {
            cluster,
            wire: 0,
            vrid: 51 + cluster,
            version,
            priority: self.priority(),
            interval,
            preempt: self.rng.u8(0..5) > 0,
            peers: None,
            is_grouped: false,
        }
    }

    /// Machines with a group each, which has a member on every wire. Whoever is better on one wire
    /// is so on all: where not, two groups may take over and yield to each other for ever.
    fn groups(&mut self) {
        let count = pick(&mut self.rng, [2, 2, 3]);
        let (version, interval) = self.version();
        let (is_unicast, is_accompanied) = (self.rng.u8(0..4) == 0, self.rng.u8(0..3) == 0);
        let check_source = self.rng.bool();
        for machine in 0..count {
            let like = self.role(0, version, interval);
            let peers = (0..count).filter(|peer| *peer != machine).collect();
            let peers = is_unicast.then_some(Peers { machines: peers, check_source });
            let member = |wire: usize| Role {
                cluster: wire as u8,
                wire,
                vrid: 51 + wire as u8,
                peers: peers.clone(),
                is_grouped: true,
                ..like.clone()
            };
            let mut roles: Vec<_> = (0..self.network.wires).map(member).collect();
            if is_accompanied {
                roles.push(self.role(10, version, interval));
            }
            self.network.machines.push(roles);
        }
    }

    /// Routers that send to each other, and perhaps one that sends to them although it is
    /// nobody's peer.
    fn unicast(&mut self) {
        let count = pick(&mut self.rng, [2, 2, 3, 4]);
        let (version, interval) = self.version();
        let has_stranger = self.rng.u8(0..3) == 0;
        let check_source = has_stranger || self.rng.bool();
        for machine in 0..count {
            let machines = (0..count).filter(|peer| *peer != machine).collect();
            let mut role = self.role(0, version, interval);
            self.stretch(&mut role);
            role.peers = Some(Peers { machines, check_source });
            self.network.machines.push(vec![role]);
        }
        if has_stranger {
            let mut role = self.role(1, version, interval);
            role.peers = Some(Peers { machines: (0..count).collect(), check_source: true });
            role.vrid = 51;
            self.network.machines.push(vec![role]);
        }
    }

    /// VRRPv3 alone bears different intervals.
    fn stretch(&mut self, role: &mut Role) {
        if role.version == Version::V3 && self.rng.u8(0..3) == 0 {
            role.interval *= self.rng.u32(2..=4);
        }
    }

    /// A cluster of each version, and perhaps one machine that speaks the wrong one.
    fn versions(&mut self) {
        let second = Duration::from_secs(1);
        let count = pick(&mut self.rng, [2, 3, 3]);
        for machine in 0..count {
            let mut roles = Vec::new();
            for (cluster, version) in [(0, Version::V2), (1, Version::V3)] {
                if machine < 2 || self.rng.bool() {
                    let mut role = self.role(cluster, version, second);
                    self.stretch(&mut role);
                    roles.push(role);
                }
            }
            self.network.machines.push(roles);
        }
        if self.rng.bool() {
            let (vrid, version) = pick(&mut self.rng, [(51, Version::V3), (52, Version::V2)]);
            let role = Role { vrid, ..self.role(2, version, second) };
            self.network.machines.push(vec![role]);
        }
    }
}

/// The schedule.
impl Generator {
    fn now(&mut self, trouble: Trouble) {
        self.network.schedule.push((self.at, trouble));
    }

    fn between(&mut self, from: Duration, begin: Trouble, to: Duration, end: Trouble) {
        self.network.schedule.extend([(from, begin), (to, end)]);
    }

    fn machine(&mut self) -> usize {
        self.rng.usize(0..self.network.machines.len())
    }

    fn up_to(&mut self, max: Duration) -> Duration {
        Duration::from_micros(self.rng.u64(0..=max.as_micros() as u64))
    }

    fn opening(&mut self) {
        let spread = self.network.interval_max() * self.rng.u32(0..6);
        for machine in 0..self.network.machines.len() {
            let at = self.up_to(spread);
            self.network.schedule.push((at, Trouble::Start(machine)));
        }
    }

    fn trouble(&mut self) {
        let count = self.rng.u32(1..8);
        let span = self.network.interval_max() * (8 + 3 * count);
        for _ in 0..count {
            let from = self.up_to(span);
            let length = match self.rng.bool() {
                true => self.up_to(self.network.interval_max() * 12),
                false => self.up_to(self.network.interval_max() * 2),
            };
            self.one_trouble(from, from + length);
        }
        self.at = self.network.schedule.iter().map(|(at, _)| *at).max().unwrap_or_default();
    }

    /// Something that begins and ends.
    fn one_trouble(&mut self, from: Duration, to: Duration) {
        let machine = self.machine();
        match self.rng.u8(0..12) {
            0 => self.between(from, Trouble::Crash(machine), to, Trouble::Start(machine)),
            1 => self.between(from, Trouble::Stop(machine), to, Trouble::Start(machine)),
            2 | 3 => self.between(from, Trouble::Freeze(machine), to, Trouble::Thaw(machine)),
            4..7 => {
                let wire = self.rng.usize(0..self.network.wires);
                let carrier = |up| Trouble::Carrier { machine, wire, up };
                self.between(from, carrier(false), to, carrier(true));
            }
            7..10 => {
                let (other, wire) = (self.machine(), self.rng.usize(0..self.network.wires));
                let is_one_way = self.rng.u8(0..3) > 0;
                let way = |from, to, open| Trouble::Way { from, to, wire, open };
                self.between(from, way(machine, other, false), to, way(machine, other, true));
                if !is_one_way {
                    self.between(from, way(other, machine, false), to, way(other, machine, true));
                }
            }
            _ => {
                let loss = pick(&mut self.rng, [100, 300, 700, 1000]);
                self.between(from, Trouble::Loss(loss), to, Trouble::Loss(0));
            }
        }
    }

    /// Everything is well again.
    fn calm(&mut self) {
        let (count, wires) = (self.network.machines.len(), self.network.wires);
        self.now(Trouble::Loss(0));
        for machine in 0..count {
            for wire in 0..wires {
                self.now(Trouble::Carrier { machine, wire, up: true });
                for to in 0..count {
                    self.now(Trouble::Way { from: machine, to, wire, open: true });
                }
            }
            self.now(Trouble::Thaw(machine));
            self.now(Trouble::Start(machine));
        }
        self.rest();
    }

    fn rest(&mut self) {
        self.at += self.network.settled() + self.network.interval_max() * 2;
    }

    /// One machine fails altogether or in one place, the others go on, it comes back.
    fn last_failure(&mut self) {
        let (machine, wire) = (self.machine(), self.rng.usize(0..self.network.wires));
        let carrier = |up| Trouble::Carrier { machine, wire, up };
        let (failure, repair) = match self.rng.u8(0..5) {
            0 => (Trouble::Crash(machine), Trouble::Start(machine)),
            1 => (Trouble::Stop(machine), Trouble::Start(machine)),
            2 => (Trouble::Freeze(machine), Trouble::Thaw(machine)),
            _ => (carrier(false), carrier(true)),
        };
        self.now(failure);
        self.rest();
        self.now(repair);
        self.rest();
    }

    fn finish(mut self) -> Network {
        self.network.until = self.at;
        self.network.schedule.sort_by_key(|(at, _)| *at);
        self.network
    }
}

fn pick<T, const N: usize>(rng: &mut Rng, of: [T; N]) -> T {
    rng.choice(of).expect("not empty")
}
