//! What happens to routers.

use std::sync::Arc;

use vrrp::{Input, Interfaces};
use vrrp_fsm::{Config, Influence};

use crate::cluster::{Cluster, tracker_name};
use crate::kernel::Held;
use crate::machine::Machine;
use crate::node::{Delivery, News, Node, Process, settings};
use crate::occurrence::{Occurrence, Stimulus};
use crate::scenario::{Incident, NodeId};
use crate::wire::flip;

impl<M: Machine> Cluster<'_, M> {
    /// The next incident of the schedule.
    pub(crate) fn incident(&mut self) {
        let incident = self.scenario.schedule[self.incidents_done].incident.clone();
        self.incidents_done += 1;
        self.occurrences.push(Occurrence::Incident(incident.clone()));
        match incident {
            Incident::Start(node) => self.start(node),
            Incident::Stop(node) => self.stop(node),
            Incident::Crash(node) => self.crash(node),
            Incident::Kill(node) => self.kill(node),
            Incident::Replace { node, config } => self.nodes[node].replacement = Some(*config),
            Incident::Reconfigure { node, config, has_extra } => {
                self.reconfigure(node, *config, has_extra);
            }
            Incident::Freeze { node, clock_stops } => self.freeze(node, clock_stops),
            Incident::Thaw(node) => self.thaw(node),
            Incident::Track { node, tracker, influence } => self.track(node, tracker, influence),
            Incident::Interface { node, state } => {
                self.change(node, |node| node.kernel.set_interface(state));
            }
            Incident::Address { node, address } => {
                self.change(node, |node| node.kernel.set_address(address));
            }
            Incident::AddressesLost { node, all } => {
                self.change(node, |node| node.kernel.lose_addresses(all));
            }
            Incident::Deaf { node, deaf } => self.deafen(node, deaf),
            Incident::RefuseAddresses { node, refuses } => {
                self.nodes[node].kernel.refuse_addresses(refuses);
            }
            Incident::RefuseSending { node, refuses } => {
                self.nodes[node].kernel.refuse_sending(refuses);
            }
            Incident::Link { from, to, up } => self.nodes[from].links[to] = up,
            Incident::Wire(wire) => self.wire = wire,
            Incident::Expect { .. } => {}
        }
    }

    fn start(&mut self, id: NodeId) {
        let node = &mut self.nodes[id];
        if node.process.is_some() {
            return;
        }
        if let Some(config) = node.replacement.take() {
            let (family, authentication) =
                (node.settings.family, self.scenario.authentication.clone());
            node.settings = Arc::new(settings(family, config, authentication, false));
        }
        node.kernel.look(&node.settings);
        node.keeps_own = node.settings.is_owner() && node.kernel.held != Held::Nothing;
        let (monitor, snapshot) = node.kernel.monitor();
        let mut interfaces = Interfaces::default();
        interfaces.resync(snapshot);
        let view = interfaces.watch(&node.settings);
        let machine = (self.make)(Arc::clone(&node.settings), node.kernel.open());
        let known = node.trackers.clone();
        node.process = Some(Process { machine, interfaces, monitor, has_news: true, known });
        let (can_hear, influences) = (!node.deaf, node.named_influences());
        self.tell(id, Stimulus::Start, |machine, now| {
            machine.start(now, view, can_hear, influences);
        });
    }

    fn stop(&mut self, id: NodeId) {
        if !self.nodes[id].is_awake() {
            return;
        }
        let local = self.nodes[id].clock.read(self.now);
        self.take_parked(id);
        self.turn(id, local, Stimulus::Shutdown, |machine| {
            machine.handle(local, Input::Shutdown);
        });
        self.nodes[id].end();
    }

    fn crash(&mut self, id: NodeId) {
        self.kill(id);
        self.nodes[id].kernel.lose_addresses(true);
    }

    fn kill(&mut self, id: NodeId) {
        let node = &mut self.nodes[id];
        node.end();
        node.frozen = false;
        node.inbox.clear();
        node.clock.resume(self.now);
    }

    fn reconfigure(&mut self, id: NodeId, config: Config, has_extra: bool) {
        let node = &mut self.nodes[id];
        let Some(process) = node.process.as_mut().filter(|_| !node.frozen) else { return };
        let (family, authentication) = (node.settings.family, self.scenario.authentication.clone());
        node.settings = Arc::new(settings(family, config, authentication, has_extra));
        let view = process.interfaces.watch(&node.settings);
        process.known.clone_from(&node.trackers);
        process.has_news = true;
        node.kernel.look(&node.settings);
        let (settings, influences) = (Arc::clone(&node.settings), node.named_influences());
        self.tell(id, Stimulus::Reconfigure, |machine, now| {
            machine.handle(now, Input::Reconfigure { settings, view, influences });
        });
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

    /// What has arrived waits in its sockets: it is handled before the timer if the router says
    /// that it has to be, and else after that.
    fn thaw(&mut self, id: NodeId) {
        let node = &mut self.nodes[id];
        if !node.frozen {
            return;
        }
        node.frozen = false;
        node.clock.resume(self.now);
        // Its socket for events may have been too small for all that happened.
        let how = if flip(self.scenario.seed, id, self.now) { News::Lost } else { News::Together };
        if let Some(process) = &mut self.nodes[id].process {
            process.has_news = true;
        }
        self.tell_news_as(id, Some(how));
        let node = &self.nodes[id];
        let local = node.clock.read(self.now);
        let listens = node.machine().is_some_and(|machine| machine.must_listen_first(local));
        if !listens {
            self.timer(id);
        }
        while let Some(delivery) = self.nodes[id].inbox.pop_front() {
            match delivery {
                Delivery::Packet(packet, arrived) => self.receive(packet, arrived),
                Delivery::Tracker(tracker, influence) => self.tell_tracker(id, tracker, influence),
                Delivery::Hearing(can_hear) => self.tell_hearing(id, can_hear),
            }
        }
        self.timer(id);
    }

    fn track(&mut self, id: NodeId, tracker: u8, influence: Influence) {
        let node = &mut self.nodes[id];
        node.trackers.insert(tracker, influence);
        match node.frozen {
            true => node.inbox.push_back(Delivery::Tracker(tracker, influence)),
            false => self.tell_tracker(id, tracker, influence),
        }
    }

    fn deafen(&mut self, id: NodeId, deaf: bool) {
        let node = &mut self.nodes[id];
        node.deaf = deaf;
        match node.frozen {
            true => node.inbox.push_back(Delivery::Hearing(!deaf)),
            false => self.tell_hearing(id, !deaf),
        }
    }

    /// Something happens to the interface or the addresses of a machine, of which its router
    /// hears if it can.
    fn change(&mut self, id: NodeId, change: impl FnOnce(&mut Node<M>)) {
        let node = &mut self.nodes[id];
        change(node);
        node.kernel.look(&node.settings);
        let frozen = node.frozen;
        if let Some(process) = &mut node.process {
            process.has_news = true;
            if !frozen {
                self.tell_news(id);
            }
        }
    }
}

impl<M: Machine> Node<M> {
    /// Its process is no more.
    fn end(&mut self) {
        self.process = None;
        self.parked = None;
        self.wake = None;
    }

    fn named_influences(&self) -> Vec<(Arc<str>, Influence)> {
        let named = |(tracker, influence): (&u8, &Influence)| (tracker_name(*tracker), *influence);
        self.trackers.iter().map(named).collect()
    }
}
