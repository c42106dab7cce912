//! One router of the cluster: its program, the machine that it runs on, and the circumstances.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use vrrp::{Authentication, Input, Interfaces, Settings, VirtualAddress};
use vrrp_fsm::{Config, Heard, Influence, Instant, State};
use vrrp_net::{InterfaceName, NetEvent, RecordedMonitor};
use vrrp_proto::{Family, Priority, Rules, UnixTime, Version, Vrid};

use crate::clock::Clock;
use crate::kernel::{Held, SimKernel};
use crate::machine::Machine;
use crate::packet::{Kind, Packet};
use crate::scenario::{InterfaceState, Member, NodeId};

/// The virtual router that all of them form.
pub(crate) const VRID: Vrid = Vrid::new(51).expect("51 is not 0");

/// In a cluster the time of day stands still: its engines are told none.
const TIME_OF_DAY: UnixTime = UnixTime { secs: 0, fraction: 0 };

/// One router with everything around it.
#[derive(Debug)]
pub struct Node<M> {
    pub(crate) id: NodeId,
    pub(crate) settings: Arc<Settings>,
    /// Its configuration from the next start on.
    pub(crate) replacement: Option<Config>,
    pub(crate) clock: Clock,
    pub(crate) kernel: SimKernel,
    /// None while it does not run.
    pub(crate) process: Option<Process<M>>,
    pub(crate) frozen: bool,
    pub(crate) inbox: VecDeque<Delivery>,
    /// Whether it leaves adverts aside that only restart its timer.
    pub(crate) parks: bool,
    /// Such an advert, with the time of its arrival.
    pub(crate) parked: Option<(Instant, Heard)>,
    /// When its timer fires.
    pub(crate) wake: Option<Duration>,
    /// Whether its socket for adverts cannot be opened.
    pub(crate) deaf: bool,
    /// Whether it owns the addresses that were there when it was started, and has not been Active
    /// since.
    pub(crate) keeps_own: bool,
    pub(crate) trackers: BTreeMap<u8, Influence>,
    /// By receiver: whether its packets get there.
    pub(crate) links: Vec<bool>,
}

/// What ends with the program.
pub(crate) struct Process<M> {
    pub(crate) machine: M,
    pub(crate) interfaces: Interfaces,
    pub(crate) monitor: RecordedMonitor,
    /// Whether the monitor may have something to tell.
    pub(crate) has_news: bool,
    /// What it was told of the trackers.
    pub(crate) known: BTreeMap<u8, Influence>,
}

impl<M> std::fmt::Debug for Process<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Process").field("has_news", &self.has_news).finish_non_exhaustive()
    }
}

impl<M> Process<M> {
    /// What has happened to interfaces and addresses, as inputs.
    pub(crate) fn take_news(&mut self, how: News, kernel: &SimKernel) -> Vec<Input> {
        let mut events = Vec::new();
        self.monitor.read(&mut events).expect("a recorder's monitor can be read");
        self.has_news = false;
        let events = match how {
            News::Lost => vec![NetEvent::Resync(kernel.snapshot())],
            News::OneByOne | News::Together => events,
        };
        let mut inputs = Vec::new();
        let parts = if how == News::OneByOne { 1 } else { events.len().max(1) };
        for part in events.chunks(parts) {
            part.iter().for_each(|event| self.interfaces.take(event.clone()));
            inputs.extend(self.interfaces.news().into_iter().map(|(_, input)| input));
        }
        if events.is_empty() {
            // Whoever watches by other settings may have changed what is known.
            inputs.extend(self.interfaces.news().into_iter().map(|(_, input)| input));
        }
        inputs
    }
}

/// How the kernel's news reach a router.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum News {
    /// All of one moment at once.
    Together,
    /// One after the other.
    OneByOne,
    /// Not at all: there were too many, and it looks for itself.
    Lost,
}

/// What waits for a frozen router.
#[derive(Debug)]
pub(crate) enum Delivery {
    /// A packet, with the time of its arrival.
    Packet(Packet, Instant),
    Tracker(u8, Influence),
    Hearing(bool),
}

impl<M: Machine> Node<M> {
    pub(crate) fn new(
        id: NodeId,
        member: &Member,
        authentication: Authentication,
        member_count: usize,
    ) -> Self {
        // Clocks that agree would hide a comparison of two routers' times.
        let reading = Instant::from_micros(1_000_000_000 * (id as u64 + 1) + 137);
        let family = Family::of(member.address);
        let settings = settings(family, member.config.clone(), authentication, false);
        Self {
            id,
            kernel: SimKernel::new(id, settings.carrier, member.address),
            settings: Arc::new(settings),
            replacement: None,
            clock: Clock::new(reading, member.drift_ppm),
            process: None,
            frozen: false,
            inbox: VecDeque::new(),
            parks: member.parks,
            parked: None,
            wake: None,
            deaf: false,
            keeps_own: false,
            trackers: BTreeMap::new(),
            links: vec![true; member_count],
        }
    }

    /// Its place in the cluster.
    pub fn id(&self) -> NodeId {
        self.id
    }

    /// Its settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What its state machine is to go by.
    pub fn config(&self) -> &Config {
        &self.settings.machine
    }

    /// The address that it sends adverts from; `None` while it has none, or does not run.
    pub fn source(&self) -> Option<IpAddr> {
        self.machine().and_then(|machine| machine.engine().view().primary)
    }

    /// Its clock.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Which of its virtual addresses its kernel has.
    pub fn held(&self) -> Held {
        self.kernel.held
    }

    /// Whether it may have its addresses although it is not Active: it owns them, and they were
    /// there when it was started.
    pub fn keeps_own(&self) -> bool {
        self.keeps_own
    }

    /// Its interface.
    pub fn interface(&self) -> InterfaceState {
        self.kernel.interface
    }

    pub(crate) fn machine(&self) -> Option<&M> {
        self.process.as_ref().map(|process| &process.machine)
    }

    /// Whether it runs and is not frozen.
    pub fn is_awake(&self) -> bool {
        self.process.is_some() && !self.frozen
    }

    /// Its state; `None` while it does not run.
    pub fn state(&self) -> Option<State> {
        self.machine().map(|machine| machine.router().state())
    }

    /// Its effective priority; `None` while it does not run.
    pub fn priority(&self) -> Option<Priority> {
        self.machine().map(|machine| machine.router().priority())
    }

    /// Whether it is awake and an Active Router.
    pub fn is_active(&self) -> bool {
        self.is_awake() && self.state() == Some(State::Active)
    }

    /// Whether its interface and its sockets let it take part.
    pub fn is_able(&self) -> bool {
        let has_source = self.kernel.address.is_some() || self.config().priority.is_owner();
        self.is_on_the_wire() && has_source && !self.deaf
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
        Kind::of(self.config()) == Kind::of(other.config())
    }

    pub(crate) fn is_on_the_wire(&self) -> bool {
        self.kernel.interface == InterfaceState::Running
    }

    /// What it demands of adverts.
    pub(crate) fn rules(&self) -> Option<Rules<'_>> {
        let Settings { machine, authentication, advertised, .. } = &*self.settings;
        Some(Rules {
            own_sources: &self.machine()?.engine().view().addresses,
            authentication: authentication.as_proto(TIME_OF_DAY),
            ..Rules::new(machine.version, VRID, machine.interval, advertised.as_addresses())
        })
    }
}

/// The settings of a member with this configuration, and with one more address that no advert
/// names if it is to have that.
pub(crate) fn settings(
    family: Family,
    machine: Config,
    authentication: Authentication,
    has_extra: bool,
) -> Settings {
    let interface: InterfaceName = "eth0".parse().expect("a short name");
    let [first, second, extra] = virtual_addresses(family)
        .map(|address| VirtualAddress::new(address, if address.is_ipv4() { 24 } else { 64 }));
    let both = vec![first, second];
    let settings = Settings::new("sim", interface, VRID, machine.version, both);
    let mut settings = settings.expect("two addresses of a family that the version has");
    settings.addresses.extend(has_extra.then_some(extra));
    if machine.version == Version::V2 {
        settings.authentication = authentication;
    }
    settings.machine = machine;
    settings
}

fn virtual_addresses(family: Family) -> [IpAddr; 3] {
    match family {
        Family::V4 => [100, 101, 102].map(|last| IpAddr::V4(Ipv4Addr::new(192, 0, 2, last))),
        Family::V6 => [
            Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x100).into(),
            Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x100).into(),
            Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x101).into(),
        ],
    }
}
