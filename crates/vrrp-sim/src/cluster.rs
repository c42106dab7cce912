//! The cluster: routers, their clocks, the wire between them, and the next thing that happens.

use std::fmt;
use std::time::Duration;

use vrrp::{Input, Instant};
use vrrp_fsm::{Heard, Influence};
use vrrp_proto::Advert;

use crate::kernel::Sent;
use crate::machine::{Machine, Make};
use crate::node::{Delivery, News, Node};
use crate::occurrence::{Dropped, Occurrence, Stimulus, Turn};
use crate::packet::{Kind, Packet};
use crate::scenario::{NodeId, Scenario, Wire};
use crate::wire::{InFlight, Transit, flip, lateness};

/// What a frozen router's socket keeps for it.
const INBOX_LEN_MAX: usize = 32;

/// A scenario that runs.
///
/// [`step`](Self::step) jumps to whatever comes next: an incident of the schedule, a packet's
/// arrival, a router's deadline.
pub struct Cluster<'a, M> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) make: Make<'a, M>,
    pub(crate) now: Duration,
    pub(crate) nodes: Vec<Node<M>>,
    pub(crate) wire: Wire,
    in_flight: InFlight,
    pub(crate) incidents_done: usize,
    pub(crate) occurrences: Vec<Occurrence>,
}

/// What comes next. The order breaks ties: adverts are handled before timers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    Incident,
    Arrival,
    Timer(NodeId),
}

impl<'a, M: Machine> Cluster<'a, M> {
    /// The scenario's first moment, with routers that `make` makes of their settings.
    pub fn new(scenario: &'a Scenario, make: Make<'a, M>) -> Self {
        let Scenario { members, authentication, .. } = scenario;
        let node = |(id, member)| Node::new(id, member, authentication.clone(), members.len());
        Self {
            scenario,
            make,
            now: Duration::ZERO,
            nodes: members.iter().enumerate().map(node).collect(),
            wire: scenario.wire,
            in_flight: InFlight::default(),
            incidents_done: 0,
            occurrences: Vec::new(),
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
    pub fn occurrences(&self) -> &[Occurrence] {
        &self.occurrences
    }

    /// Jumps to the next thing that happens and lets it happen, unless the scenario is over.
    pub fn step(&mut self) -> bool {
        let next = self.next().filter(|(at, _)| *at <= self.scenario.until);
        let Some((at, next)) = next else { return false };
        self.now = at;
        self.occurrences.clear();
        match next {
            Next::Incident => self.incident(),
            Next::Arrival => self.arrival(),
            Next::Timer(node) => self.timer(node),
        }
        true
    }

    fn next(&self) -> Option<(Duration, Next)> {
        let scheduled = self.scenario.schedule.get(self.incidents_done);
        let incident = scheduled.map(|scheduled| (scheduled.at, Next::Incident));
        let arrival = self.in_flight.next_at().map(|at| (at, Next::Arrival));
        let timers = self.nodes.iter().filter_map(|node| Some((node.wake?, Next::Timer(node.id))));
        timers.chain(incident).chain(arrival).min()
    }
}

/// Packets.
impl<M: Machine> Cluster<'_, M> {
    fn arrival(&mut self) {
        let packet = self.in_flight.pop().expect("it was seen to be next");
        let Packet { from, to, .. } = packet;
        let node = &mut self.nodes[to];
        if node.process.is_none() || node.deaf || !node.is_on_the_wire() {
            return;
        }
        let local = node.clock.read(self.now);
        if !node.frozen {
            self.receive(packet, local);
        } else if node.inbox.len() < INBOX_LEN_MAX {
            node.inbox.push_back(Delivery::Packet(packet, local));
        } else {
            self.drop(from, to, Dropped::Overflow);
        }
    }

    /// A packet is read that arrived at this time by the receiver's clock.
    pub(crate) fn receive(&mut self, packet: Packet, arrived: Instant) {
        let Packet { from, to, kind, ip, damaged, .. } = packet;
        let node = &self.nodes[to];
        if node.deaf || !node.is_on_the_wire() {
            return;
        }
        let foreign = kind != Kind::of(node.config());
        let Some(rules) = node.rules() else { return };
        match Advert::parse(&packet.message, &ip, &rules) {
            Ok(Advert { priority, interval, .. }) => {
                if damaged || foreign {
                    self.occurrences.push(Occurrence::WronglyAccepted { from, to });
                }
                self.hear(to, arrived, Heard { source: ip.source, priority, interval });
            }
            Err(error) if foreign => self.drop(from, to, Dropped::Foreign(error)),
            Err(error) if damaged => self.drop(from, to, Dropped::Damaged(error)),
            Err(error) => self.drop(from, to, Dropped::Refused(error)),
        }
    }

    /// An advert that only restarts the timer need not wake the router: it is enough to tell
    /// it before anything else is told.
    fn hear(&mut self, id: NodeId, local: Instant, heard: Heard) {
        let node = &mut self.nodes[id];
        let parks = node.parks;
        let Some(router) = node.machine().map(Machine::router) else { return };
        if parks && router.would_only_restart_timer(&heard) {
            let priority = router.priority();
            node.parked = Some((local, heard));
            self.occurrences.push(Occurrence::Parked { node: id, local, heard, priority });
            return;
        }
        self.take_parked(id);
        let advert = Stimulus::Advert(heard);
        self.turn(id, local, advert, |machine| machine.handle(local, Input::Advert(heard)));
        self.tell_news(id);
    }

    fn send(&mut self, from: NodeId, sent: Sent) {
        let node = &self.nodes[from];
        if !node.is_on_the_wire() {
            return;
        }
        let (kind, refused) = (Kind::of(node.config()), node.kernel.refuses_sending());
        for to in (0..self.nodes.len()).filter(|&to| to != from) {
            if refused {
                self.drop(from, to, Dropped::NotSent);
                continue;
            }
            if !self.nodes[from].links[to] {
                self.drop(from, to, Dropped::Cut);
                continue;
            }
            let transit = Transit::draw(&self.wire, self.scenario.seed, from, to, self.now);
            let (ip, message) = (sent.ip, sent.message.clone());
            let mut packet = Packet { from, to, kind, ip, message, damaged: false };
            if let Some(which) = transit.damage {
                packet.damage(which);
            }
            if transit.delays.is_empty() {
                self.drop(from, to, Dropped::Lost);
            }
            for delay in transit.delays {
                self.in_flight.push(self.now + delay, packet.clone());
            }
        }
    }

    fn drop(&mut self, from: NodeId, to: NodeId, why: Dropped) {
        self.occurrences.push(Occurrence::Dropped { from, to, why });
    }
}

/// Turns.
impl<M: Machine> Cluster<'_, M> {
    pub(crate) fn timer(&mut self, id: NodeId) {
        self.tell(id, Stimulus::Timer, Machine::timer);
    }

    pub(crate) fn tell_tracker(&mut self, id: NodeId, tracker: u8, influence: Influence) {
        if let Some(process) = &mut self.nodes[id].process {
            process.known.insert(tracker, influence);
        }
        let input = Input::Tracker { name: tracker_name(tracker), influence };
        self.tell(id, Stimulus::Tracker(tracker, influence), |machine, now| {
            machine.handle(now, input);
        });
    }

    pub(crate) fn tell_hearing(&mut self, id: NodeId, can_hear: bool) {
        self.tell(id, Stimulus::Hearing(can_hear), |machine, now| {
            machine.handle(now, Input::Hearing(can_hear));
        });
    }

    /// Gives a router a turn now, and whatever follows from it.
    pub(crate) fn tell(
        &mut self,
        id: NodeId,
        stimulus: Stimulus,
        act: impl FnOnce(&mut M, Instant),
    ) {
        let local = self.nodes[id].clock.read(self.now);
        self.take_parked(id);
        self.turn(id, local, stimulus, |machine| act(machine, local));
        self.tell_news(id);
    }

    pub(crate) fn take_parked(&mut self, id: NodeId) {
        if let Some((arrived, heard)) = self.nodes[id].parked.take() {
            self.turn(id, arrived, Stimulus::Advert(heard), |machine| {
                machine.handle(arrived, Input::Advert(heard));
            });
            if let Some(Occurrence::Turn(turn)) = self.occurrences.last_mut() {
                turn.parked = true;
            }
        }
    }

    /// Tells a router what has happened to its interfaces and addresses, by itself or by others.
    pub(crate) fn tell_news(&mut self, id: NodeId) {
        self.tell_news_as(id, None);
    }

    /// The same, and how it reaches the router.
    pub(crate) fn tell_news_as(&mut self, id: NodeId, how: Option<News>) {
        let mut how = how;
        loop {
            let node = &mut self.nodes[id];
            let (local, is_owner) = (node.clock.read(self.now), node.settings.is_owner());
            let Some(process) = node.process.as_mut().filter(|process| process.has_news) else {
                return;
            };
            let how = how.take().unwrap_or_else(|| {
                // The owner may have no address but those that come and go one by one here.
                let one_by_one = !is_owner && flip(self.scenario.seed, id, self.now);
                if one_by_one { News::OneByOne } else { News::Together }
            });
            for input in process.take_news(how, &node.kernel) {
                self.take_parked(id);
                let (stimulus, moved) = match &input {
                    Input::Interfaces(view) => {
                        let machine = self.nodes[id].machine();
                        let before = machine.map(|machine| &machine.engine().view().carriers);
                        (Stimulus::Interfaces, before != Some(&view.carriers))
                    }
                    _ => (Stimulus::Removed, false),
                };
                self.turn(id, local, stimulus, |machine| machine.handle(local, input));
                if let Some(Occurrence::Turn(turn)) = self.occurrences.last_mut() {
                    turn.moved = moved;
                }
            }
        }
    }

    /// Lets a router do something at this time by its clock, and notes what.
    pub(crate) fn turn(
        &mut self,
        id: NodeId,
        local: Instant,
        stimulus: Stimulus,
        act: impl FnOnce(&mut M),
    ) {
        let node = &mut self.nodes[id];
        let told_at = node.clock.read(self.now);
        let Some(process) = &mut node.process else { return };
        let router = process.machine.router();
        let (before, priority_before) = (router.state(), router.priority());
        act(&mut process.machine);
        let mut asked = node.kernel.take_asked(&node.settings);
        process.has_news |= asked.is_changed;
        let events = process.machine.take_events();
        let view = process.machine.engine().view();
        let mute = !view.is_running || view.primary.is_none();
        let router = process.machine.router();
        let (after, priority) = (router.state(), router.priority());
        let waiting = process.known.values().any(|influence| *influence == Influence::Waiting);
        let unheard = node.inbox.iter().any(|waits| matches!(waits, Delivery::Packet(..)));
        node.keeps_own &= after != vrrp_fsm::State::Active;
        let held = node.kernel.held;
        self.set_wake(id);
        // What follows from an advert is told after it.
        let sent = std::mem::take(&mut asked.sent);
        for sent in &sent {
            self.send(id, sent.clone());
        }
        asked.sent = sent;
        self.occurrences.push(Occurrence::Turn(Turn {
            node: id,
            local,
            told_at,
            stimulus,
            before,
            priority_before,
            events,
            asked,
            after,
            priority,
            held,
            mute,
            waiting,
            moved: false,
            unheard,
            parked: false,
        }));
    }

    fn set_wake(&mut self, id: NodeId) {
        let node = &mut self.nodes[id];
        let deadline = node.machine().and_then(Machine::deadline);
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

pub(crate) fn tracker_name(tracker: u8) -> std::sync::Arc<str> {
    format!("tracker{tracker}").into()
}
