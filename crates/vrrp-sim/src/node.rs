//! One router of the cluster: its machine, and the circumstances of that.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use vrrp_fsm::{Config, Event, FaultReason, Heard, Influence, Instant, State};
use vrrp_proto::{AddressList, Authentication, Interval, Priority, Rules, Version, Vrid};

use crate::clock::Clock;
use crate::machine::Machine;
use crate::scenario::{Member, NodeId};
use crate::told::Told;
use crate::wire::Packet;

/// The virtual router that all of them form.
pub(crate) const VRID: Vrid = Vrid::new(51).expect("51 is not 0");

/// One router with everything around it.
#[derive(Debug)]
pub struct Node<M> {
    pub(crate) id: NodeId,
    pub(crate) config: Config,
    /// Its settings from the next start on.
    pub(crate) replacement: Option<Config>,
    pub(crate) address: IpAddr,
    pub(crate) clock: Clock,
    /// None while it does not run.
    pub(crate) machine: Option<M>,
    pub(crate) frozen: bool,
    pub(crate) inbox: VecDeque<Delivery>,
    /// Whether it leaves adverts aside that only restart its timer.
    pub(crate) parks: bool,
    /// Such an advert, with the time of its arrival.
    pub(crate) parked: Option<(Instant, Heard)>,
    /// When its timer fires.
    pub(crate) wake: Option<Duration>,
    pub(crate) installed: bool,
    pub(crate) faults: BTreeSet<FaultReason>,
    /// What its machine knows of those and of the trackers.
    pub(crate) told: Told,
    pub(crate) trackers: BTreeMap<u8, Influence>,
    /// By receiver: whether its packets get there.
    pub(crate) links: Vec<bool>,
}

/// What waits for a frozen router.
#[derive(Debug)]
pub(crate) enum Delivery {
    Packet(Packet),
    News(Event),
}

impl<M: Machine> Node<M> {
    pub(crate) fn new(id: NodeId, member: &Member, member_count: usize) -> Self {
        // Clocks that agree would hide a comparison of two routers' times.
        let reading = Instant::from_micros(1_000_000_000 * (id as u64 + 1) + 137);
        Self {
            id,
            config: member.config.clone(),
            replacement: None,
            address: member.address,
            clock: Clock::new(reading, member.drift_ppm),
            machine: None,
            frozen: false,
            inbox: VecDeque::new(),
            parks: member.parks,
            parked: None,
            wake: None,
            installed: false,
            faults: BTreeSet::new(),
            told: Told::default(),
            trackers: BTreeMap::new(),
            links: vec![true; member_count],
        }
    }

    /// Its place in the cluster.
    pub fn id(&self) -> NodeId {
        self.id
    }

    /// Its settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Its primary address.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// Its clock.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Whether it runs and is not frozen.
    pub fn is_awake(&self) -> bool {
        self.machine.is_some() && !self.frozen
    }

    /// Its state; `None` while it does not run.
    pub fn state(&self) -> Option<State> {
        self.machine.as_ref().map(|machine| machine.router().state())
    }

    /// Its effective priority; `None` while it does not run.
    pub fn priority(&self) -> Option<Priority> {
        self.machine.as_ref().map(|machine| machine.router().priority())
    }

    /// Whether it is awake and an Active Router.
    pub fn is_active(&self) -> bool {
        self.is_awake() && self.state() == Some(State::Active)
    }

    /// Why it may not take part, trackers apart.
    pub fn faults(&self) -> impl Iterator<Item = &FaultReason> {
        self.faults.iter()
    }

    /// What its trackers found last.
    pub fn influences(&self) -> impl Iterator<Item = Influence> {
        self.trackers.values().copied()
    }

    /// Whether its packets get to `to`, as far as no single one is lost.
    pub fn reaches(&self, to: NodeId) -> bool {
        self.links[to]
    }

    /// Whether the two could elect one of them: they speak the same version, and in VRRPv2 at
    /// the same interval.
    pub fn understands(&self, other: &Self) -> bool {
        Kind::of(&self.config) == Kind::of(&other.config)
    }

    pub(crate) fn is_off_the_wire(&self) -> bool {
        self.faults.iter().any(FaultReason::prevents_sending)
    }

    pub(crate) fn rules<'r>(&'r self, shared: &'r Shared<'_>) -> Rules<'r> {
        let Config { version, interval, .. } = self.config;
        Rules {
            own_sources: std::slice::from_ref(&self.address),
            authentication: shared.authentication(version),
            ..Rules::new(version, VRID, interval, shared.addresses.as_addresses())
        }
    }
}

/// What two routers must have in common to hear each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    version: Version,
    /// VRRPv2's alone.
    interval: Option<Interval>,
}

impl Kind {
    pub(crate) fn of(config: &Config) -> Self {
        let Config { version, interval, .. } = *config;
        Self { version, interval: (version == Version::V2).then_some(interval) }
    }
}

/// What all routers have in common.
pub(crate) struct Shared<'a> {
    pub(crate) addresses: &'a AddressList,
    pub(crate) authentication: Authentication<'static>,
}

impl Shared<'_> {
    pub(crate) fn authentication(&self, version: Version) -> Authentication<'static> {
        match version {
            Version::V2 => self.authentication,
            Version::V3 => Authentication::None,
        }
    }
}
