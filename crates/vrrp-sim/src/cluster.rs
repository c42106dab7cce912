//! The cluster: routers, their clocks, the wire between them, and the next thing that happens.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use arrayvec::ArrayVec;
use vrrp_fsm::{Action, Config, Event, FaultReason, Heard, Instant};
use vrrp_proto::{AddressList, Advert, Family, IpMeta, Priority};

use crate::happening::{Dropped, Happening, Turn};
use crate::machine::Machine;
use crate::node::{Delivery, Kind, Node, Shared, VRID};
use crate::scenario::{Incident, NodeId, Scenario, Wire};
use crate::told::Told;
use crate::wire::{Fate, InFlight, MESSAGE_LEN_MAX, Packet, lateness};

/// What a frozen router's socket keeps for it.
const INBOX_LEN_MAX: usize = 32;

/// A scenario that runs.
///
/// [`step`](Self::step) jumps to whatever comes next: an incident of the script, a packet's
/// arrival, a router's deadline.
pub struct Cluster<'a, M> {
    scenario: &'a Scenario,
    make: &'a dyn Fn(&Config) -> M,
    addresses: AddressList,
    now: Duration,
    nodes: Vec<Node<M>>,
    wire: Wire,
    in_flight: InFlight,
    cues_done: usize,
    happenings: Vec<Happening>,
}

/// What comes next. The order breaks ties: adverts are handled before timers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    Cue,
    Arrival,
    Timer(NodeId),
}

impl<'a, M: Machine> Cluster<'a, M> {
    /// The scenario's first moment, with machines that `make` makes of their settings.
    pub fn new(scenario: &'a Scenario, make: &'a dyn Fn(&Config) -> M) -> Self {
        let members = scenario.members.iter().enumerate();
        let nodes = members.map(|(id, member)| Node::new(id, member, scenario.members.len()));
        Self {
            scenario,
            make,
            addresses: virtual_addresses(scenario.family()),
            now: Duration::ZERO,
            nodes: nodes.collect(),
            wire: scenario.wire,
            in_flight: InFlight::default(),
            cues_done: 0,
            happenings: Vec::new(),
        }
    }

    /// The time that has passed.
    pub fn now(&self) -> Duration {
        self.now
    }

    /// The routers.
    pub fn nodes(&self) -> &[Node<M>] {
        &self.nodes
    }

    /// The wire at present.
    pub fn wire(&self) -> &Wire {
        &self.wire
    }

    /// What the last step has done, in order.
    pub fn happenings(&self) -> &[Happening] {
        &self.happenings
    }

    /// Jumps to the next thing that happens and lets it happen, unless the scenario is over.
    pub fn step(&mut self) -> bool {
        let next = self.next().filter(|(at, _)| *at <= self.scenario.until);
        let Some((at, next)) = next else { return false };
        self.now = at;
        self.happenings.clear();
        match next {
            Next::Cue => self.cue(),
            Next::Arrival => self.arrival(),
            Next::Timer(node) => self.tell(node, Event::Timer),
        }
        true
    }

    fn next(&self) -> Option<(Duration, Next)> {
        let cue = self.scenario.script.get(self.cues_done).map(|cue| (cue.at, Next::Cue));
        let arrival = self.in_flight.next_at().map(|at| (at, Next::Arrival));
        let timers = self.nodes.iter().filter_map(|node| Some((node.wake?, Next::Timer(node.id))));
        timers.chain(cue).chain(arrival).min()
    }

    fn cue(&mut self) {
        let incident = self.scenario.script[self.cues_done].incident.clone();
        self.cues_done += 1;
        self.happenings.push(Happening::Incident(incident.clone()));
        match incident {
            Incident::Start(node) => self.start(node),
            Incident::Stop(node) => self.stop(node),
            Incident::Crash(node) => self.crash(node),
            Incident::Replace { node, config } => self.nodes[node].replacement = Some(*config),
            Incident::Freeze { node, clock_stops } => self.freeze(node, clock_stops),
            Incident::Thaw(node) => self.thaw(node),
            Incident::Track { node, tracker, influence } => {
                self.nodes[node].trackers.insert(tracker, influence);
                self.news(node, Event::Tracker { name: tracker_name(tracker), influence });
            }
            Incident::Fault { node, reason } => self.fault(node, reason),
            Incident::Clear { node, reason } => self.clear(node, reason),
            Incident::AddressesLost(node) => self.lose_addresses(node),
            Incident::Link { from, to, up } => self.nodes[from].links[to] = up,
            Incident::Wire(wire) => self.wire = wire,
            Incident::Census { .. } => {}
        }
    }
}

/// Incidents.
impl<M: Machine> Cluster<'_, M> {
    fn start(&mut self, id: NodeId) {
        let node = &mut self.nodes[id];
        if node.machine.is_some() {
            return;
        }
        if let Some(config) = node.replacement.take() {
            node.config = config;
        }
        node.machine = Some((self.make)(&node.config));
        node.told = Told::default();
        let address =
            (!node.faults.contains(&FaultReason::NoPrimaryAddress)).then_some(node.address);
        let faults: Vec<_> = node.faults.iter().cloned().map(Event::Fault).collect();
        let trackers: Vec<_> = node
            .trackers
            .iter()
            .map(|(&tracker, &influence)| Event::Tracker { name: tracker_name(tracker), influence })
            .collect();
        self.tell(id, Event::PrimaryAddress(address));
        faults.into_iter().chain(trackers).for_each(|event| self.tell(id, event));
        self.tell(id, Event::Startup);
    }

    fn stop(&mut self, id: NodeId) {
        if self.nodes[id].is_awake() {
            self.tell(id, Event::Shutdown);
            self.nodes[id].machine = None;
            self.nodes[id].wake = None;
        }
    }

    fn crash(&mut self, id: NodeId) {
        let now = self.now;
        let node = &mut self.nodes[id];
        node.machine = None;
        node.wake = None;
        node.installed = false;
        node.frozen = false;
        node.inbox.clear();
        node.parked = None;
        node.clock.resume(now);
    }

    fn freeze(&mut self, id: NodeId, clock_stops: bool) {
        let now = self.now;
        let node = &mut self.nodes[id];
        if node.is_awake() {
            node.frozen = true;
            node.wake = None;
            if clock_stops {
                node.clock.stop(now);
            }
        }
    }

    /// What has arrived is handled before the timer.
    fn thaw(&mut self, id: NodeId) {
        let now = self.now;
        let node = &mut self.nodes[id];
        if !node.frozen {
            return;
        }
        node.frozen = false;
        node.clock.resume(now);
        for delivery in std::mem::take(&mut node.inbox) {
            match delivery {
                Delivery::Packet(packet) => self.receive(packet),
                Delivery::News(event) => self.tell(id, event),
            }
        }
        self.tell(id, Event::Timer);
    }

    fn fault(&mut self, id: NodeId, reason: FaultReason) {
        self.nodes[id].faults.insert(reason.clone());
        match reason {
            FaultReason::NoPrimaryAddress => self.news(id, Event::PrimaryAddress(None)),
            reason => self.news(id, Event::Fault(reason)),
        }
    }

    fn clear(&mut self, id: NodeId, reason: FaultReason) {
        self.nodes[id].faults.remove(&reason);
        let address = self.nodes[id].address;
        match reason {
            FaultReason::NoPrimaryAddress => self.news(id, Event::PrimaryAddress(Some(address))),
            reason => self.news(id, Event::FaultCleared(reason)),
        }
    }

    fn lose_addresses(&mut self, id: NodeId) {
        if self.nodes[id].is_awake() {
            self.nodes[id].installed = false;
            self.tell(id, Event::AddressesLost);
        }
    }

    /// Tells the router, or leaves it a message.
    fn news(&mut self, id: NodeId, event: Event) {
        let node = &mut self.nodes[id];
        match node.frozen {
            true => node.inbox.push_back(Delivery::News(event)),
            false => self.tell(id, event),
        }
    }
}

/// Packets.
impl<M: Machine> Cluster<'_, M> {
    fn arrival(&mut self) {
        let packet = self.in_flight.pop().expect("it was seen to be next");
        let Packet { from, to, .. } = packet;
        let node = &mut self.nodes[to];
        if !node.frozen {
            self.receive(packet);
        } else if node.inbox.len() < INBOX_LEN_MAX {
            node.inbox.push_back(Delivery::Packet(packet));
        } else {
            self.drop(from, to, Dropped::Overflow);
        }
    }

    fn receive(&mut self, packet: Packet) {
        let Packet { from, to, kind, ip, damaged, .. } = packet;
        let node = &self.nodes[to];
        if node.machine.is_none() || node.is_off_the_wire() {
            return;
        }
        let foreign = kind != Kind::of(&node.config);
        let shared = self.shared();
        match Advert::parse(&packet.message, &ip, &node.rules(&shared)) {
            Ok(Advert { priority, interval, .. }) => {
                if damaged || foreign {
                    self.happenings.push(Happening::WronglyAccepted { from, to });
                }
                self.hear(to, Heard { source: ip.source, priority, interval });
            }
            Err(error) if foreign => self.drop(from, to, Dropped::Foreign(error)),
            Err(error) if damaged => self.drop(from, to, Dropped::Damaged(error)),
            Err(error) => self.drop(from, to, Dropped::Refused(error)),
        }
    }

    /// An advert that only restarts the timer need not wake the router: it is enough to tell
    /// it before anything else is told.
    fn hear(&mut self, id: NodeId, heard: Heard) {
        let now = self.now;
        let node = &mut self.nodes[id];
        match &node.machine {
            Some(machine) if node.parks && machine.router().would_only_restart_timer(&heard) => {
                let (local, priority) = (node.clock.read(now), machine.router().priority());
                node.parked = Some((local, heard));
                let parked = Happening::Parked { node: id, local, heard, priority };
                self.happenings.push(parked);
            }
            _ => self.tell(id, Event::Advert(heard)),
        }
    }

    fn send(&mut self, from: NodeId, priority: Priority) {
        if self.nodes[from].is_off_the_wire() {
            return;
        }
        let (ip, message) = self.encode(from, priority);
        let kind = Kind::of(&self.nodes[from].config);
        for to in (0..self.nodes.len()).filter(|&to| to != from) {
            if !self.nodes[from].links[to] {
                self.drop(from, to, Dropped::Cut);
                continue;
            }
            let fate = Fate::draw(&self.wire, self.scenario.seed, from, to, self.now);
            let message = message.clone();
            let mut packet = Packet { from, to, kind, ip, message, damaged: false };
            if let Some(which) = fate.damage {
                packet.damage(which);
            }
            if fate.delays.is_empty() {
                self.drop(from, to, Dropped::Lost);
            }
            for delay in fate.delays {
                self.in_flight.push(self.now + delay, packet.clone());
            }
        }
    }

    fn encode(&self, from: NodeId, priority: Priority) -> (IpMeta, ArrayVec<u8, MESSAGE_LEN_MAX>) {
        let Node { config: Config { version, interval, .. }, address, .. } = &self.nodes[from];
        let shared = self.shared();
        let addresses = shared.addresses.as_addresses();
        let authentication = shared.authentication(*version);
        let advert = Advert {
            authentication,
            ..Advert::new(*version, VRID, priority, *interval, addresses)
        };
        let ip = IpMeta::multicast(*address);
        let mut buffer = [0; MESSAGE_LEN_MAX];
        let len = advert.write(&ip, &mut buffer).expect("a scenario's settings fit its version");
        let message = buffer[..len].iter().copied().collect();
        (ip, message)
    }

    fn drop(&mut self, from: NodeId, to: NodeId, why: Dropped) {
        self.happenings.push(Happening::Dropped { from, to, why });
    }

    fn shared(&self) -> Shared<'_> {
        Shared { addresses: &self.addresses, authentication: self.scenario.authentication }
    }
}

/// Turns.
impl<M: Machine> Cluster<'_, M> {
    fn tell(&mut self, id: NodeId, event: Event) {
        let node = &mut self.nodes[id];
        let now = node.clock.read(self.now);
        if let Some((arrived, heard)) = node.parked.take() {
            self.turn(id, arrived, Event::Advert(heard), true);
        }
        self.turn(id, now, event, false);
    }

    fn turn(&mut self, id: NodeId, local: Instant, event: Event, parked: bool) {
        let node = &mut self.nodes[id];
        node.told.note(&event);
        let (mute, waiting) = (node.told.is_mute(), node.told.is_waiting());
        let Some(machine) = &mut node.machine else { return };
        let (before, priority_before) = (machine.router().state(), machine.router().priority());
        let actions = machine.handle(local, event.clone());
        let (after, priority) = (machine.router().state(), machine.router().priority());
        for action in &actions {
            match action {
                Action::InstallAddresses => node.installed = true,
                Action::RemoveAddresses => node.installed = false,
                _ => {}
            }
        }
        let installed = node.installed;
        self.set_wake(id);
        for action in &actions {
            if let Action::SendAdvert { priority } = action {
                self.send(id, *priority);
            }
        }
        let node = id;
        let turn = Turn {
            node,
            local,
            event,
            before,
            priority_before,
            actions,
            after,
            priority,
            installed,
            mute,
            waiting,
            parked,
        };
        self.happenings.push(Happening::Turn(turn));
    }

    fn set_wake(&mut self, id: NodeId) {
        let node = &mut self.nodes[id];
        let deadline = node.machine.as_ref().and_then(Machine::deadline);
        node.wake = deadline.map(|deadline| {
            let late = lateness(&self.wire, self.scenario.seed, id, deadline.as_micros());
            self.now.max(node.clock.when(deadline) + late)
        });
    }
}

impl<M> fmt::Debug for Cluster<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("now", &self.now).finish_non_exhaustive()
    }
}

fn tracker_name(tracker: u8) -> std::sync::Arc<str> {
    format!("tracker{tracker}").into()
}

fn virtual_addresses(family: Family) -> AddressList {
    let addresses: [IpAddr; 2] = match family {
        Family::V4 => [100, 101].map(|last| IpAddr::V4(Ipv4Addr::new(192, 0, 2, last))),
        Family::V6 => [
            Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x100).into(),
            Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x100).into(),
        ],
    };
    AddressList::from_addresses(family, addresses).expect("two addresses of one family")
}
