//! One virtual router: a thread that owns its state machine, its priority and its send path.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crossbeam_channel::Sender;
use log::Level;
use vrrp_fsm::{
    Action, Actions, Event, FaultReason, Influence, Instant, Report, Router, State, Transition,
};
use vrrp_proto::{Priority, Version};

use crate::clock;
use crate::inbox::{Inbox, Message};
use crate::links::LinkView;
use crate::notify::{Line, Story, Teller};
use crate::port::Port;
use crate::receiver::{Drainer, Route};
use crate::settings::Settings;
use crate::status::{
    AdvertCounters, Contribution, DroppedAdvert, InstanceStatus, MasterStatus, PriorityStatus,
    TransitionStatus,
};
use crate::words::{self, Told};

/// Deep enough for netlink answers, shallow enough for hundreds of instances.
const STACK_BYTES: usize = 256 << 10;
/// How many transitions are remembered for the operator.
const HISTORY: usize = 32;
/// How long after addresses could not be installed it is worth another try: after each that fails
/// too, twice as long, since it unseats whoever is master meanwhile.
const INSTALL_RETRY: Duration = Duration::from_secs(30);
/// How often that is doubled.
const INSTALL_DOUBLINGS: u32 = 5;
/// How many messages are taken in before a deadline that has come is looked at.
const DRAIN_MESSAGES: usize = crate::inbox::INBOX_MESSAGES;

/// What an instance is told by the rest of the daemon.
#[derive(Debug)]
pub(crate) enum Order {
    /// How its interface is now.
    Link(LinkView),
    /// What a tracker now means to it.
    Tracker { name: Arc<str>, influence: Influence },
    /// An interface of its addresses was missing and is there.
    CarrierCame,
    /// An address of its own was removed from an interface.
    AddressRemoved(IpAddr),
    /// Whether adverts can be received may have changed.
    Hearing,
    /// Tell how things stand.
    Tell(Sender<InstanceStatus>),
    /// Stop taking part, and end.
    Stop,
}

/// What an instance is made of.
pub(crate) struct Parts {
    pub(crate) settings: Arc<Settings>,
    pub(crate) route: Arc<Route>,
    pub(crate) inbox: Inbox,
    pub(crate) drainer: Drainer,
    pub(crate) port: Port,
    pub(crate) teller: Teller,
    pub(crate) link: LinkView,
    /// What its trackers mean to it before their first reading.
    pub(crate) influences: Vec<(Arc<str>, Influence)>,
}

/// Starts the thread of an instance.
pub(crate) fn spawn(parts: Parts) -> io::Result<JoinHandle<()>> {
    // The kernel keeps 15 bytes of a thread's name.
    let name: String = parts.settings.name.chars().take(15).collect();
    thread::Builder::new()
        .name(name)
        .stack_size(STACK_BYTES)
        .spawn(move || Instance::new(parts).run())
}

struct Instance {
    settings: Arc<Settings>,
    router: Router,
    route: Arc<Route>,
    inbox: Inbox,
    drainer: Drainer,
    port: Port,
    teller: Teller,
    link: LinkView,
    installed: bool,
    sent: u64,
    send_errors: u64,
    became_active: u64,
    history: VecDeque<TransitionStatus>,
    reports: BTreeMap<&'static str, u64>,
    started_at: Instant,
    /// What carrying out the last actions led to, for the router to hear next.
    follow_ups: VecDeque<Event>,
    /// When to try the addresses again that could not be installed.
    retry_install_at: Option<Instant>,
    /// How often in a row they could not be.
    failed_installs: u32,
    stopping: bool,
}

impl Instance {
    fn new(parts: Parts) -> Self {
        let Parts { settings, route, inbox, drainer, port, teller, link, influences } = parts;
        let mut router = Router::new(settings.router.clone());
        let now = clock::now();
        for (name, influence) in influences {
            // Before Startup the router takes everything in without an action.
            let _ = router.handle(now, Event::Tracker { name, influence });
        }
        Self {
            settings,
            router,
            route,
            inbox,
            drainer,
            port,
            teller,
            link,
            installed: false,
            sent: 0,
            send_errors: 0,
            became_active: 0,
            history: VecDeque::with_capacity(HISTORY),
            reports: BTreeMap::new(),
            started_at: now,
            follow_ups: VecDeque::new(),
            retry_install_at: None,
            failed_installs: 0,
            stopping: false,
        }
    }

    fn run(mut self) {
        self.take_link(self.link.clone());
        self.take_hearing();
        self.remove_leftovers();
        self.handle(clock::now(), Event::Startup);
        while !self.stopping {
            self.republish();
            self.wait();
        }
    }

    /// Waits for a message or the next deadline, and handles what came.
    fn wait(&mut self) {
        let deadlines =
            [self.router.deadline(), self.retry_install_at, self.port.announce_deadline()];
        let message = self.inbox.next(deadlines.into_iter().flatten().min());
        self.take_parked();
        if let Some(message) = message {
            self.take(message);
        }
        self.take_deadlines();
    }

    /// Does what is due: the protocol first, the announcements last, and of these a few frames
    /// between two looks at everything else.
    fn take_deadlines(&mut self) {
        let now = clock::now();
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if is_due(self.router.deadline()) {
            self.take_timer();
        }
        if self.retry_install_at.take_if(|at| *at <= now).is_some() {
            self.handle(now, Event::FaultCleared(FaultReason::InstallFailed));
        }
        if is_due(self.port.announce_deadline())
            && let Err(error) = self.port.announce_some()
        {
            self.remark(Level::Warn, error);
        }
    }

    /// Lets a timer fire only when nothing that has arrived speaks against it.
    fn take_timer(&mut self) {
        if self.router.state() == State::Backup || self.was_away() {
            self.drainer.drain();
            self.take_parked();
            for _ in 0..DRAIN_MESSAGES {
                match self.inbox.try_next() {
                    Some(message) => self.take(message),
                    None => break,
                }
            }
        }
        if !self.stopping {
            self.handle(clock::now(), Event::Timer);
        }
    }

    /// Whether a timer is so late that another router may be active by now: the machine or this
    /// process stood still. A master then listens before it speaks.
    fn was_away(&self) -> bool {
        let late = self.router.deadline().map(|due| clock::now().saturating_since(due));
        late.is_some_and(|late| late >= self.settings.router.interval.as_duration())
    }

    /// Handles the repeated advert that was left in the mailbox, if there is one.
    fn take_parked(&mut self) {
        if let Some((at, heard)) = self.route.mailbox.take() {
            self.handle(at, Event::Advert(heard));
        }
    }

    /// Says which advert needs no wake-up from now on.
    fn republish(&mut self) {
        let route = Arc::clone(&self.route);
        while let Some((at, heard)) =
            route.mailbox.publish(&self.inbox, self.router.expected_advert())
        {
            self.handle(at, Event::Advert(heard));
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Advert { at, heard } => self.handle(at, Event::Advert(heard)),
            Message::Order(order) => self.obey(order),
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Link(link) => self.take_link(link),
            Order::Tracker { name, influence } => {
                self.handle(clock::now(), Event::Tracker { name, influence });
            }
            Order::AddressRemoved(address) => {
                if self.installed && self.settings.guards(address) {
                    self.remark(Level::Warn, format!("someone else removed {address}"));
                    self.handle(clock::now(), Event::AddressesLost);
                }
            }
            Order::CarrierCame => self.complete_addresses(),
            Order::Hearing => self.take_hearing(),
            // Whoever asked may have given up waiting.
            Order::Tell(reply) => drop(reply.try_send(self.status())),
            Order::Stop => self.stop(),
        }
    }

    fn stop(&mut self) {
        self.stopping = true;
        self.handle(clock::now(), Event::Shutdown);
        let told = Told { state: words::STOP, priority: self.router.priority() };
        self.tell(told, "stopped".to_owned());
    }

    /// Brings the sockets and the router to the interface as it is now.
    fn take_link(&mut self, link: LinkView) {
        let socket_fault = || FaultReason::Other(Arc::from("no socket on the interface"));
        let opened = self.port.follow(&link);
        self.route.demands().own_sources.clone_from(&link.addresses);
        self.link = link;
        let now = clock::now();
        match opened {
            Ok(()) => self.handle(now, Event::FaultCleared(socket_fault())),
            Err(error) => {
                self.remark(Level::Error, error);
                self.handle(now, Event::Fault(socket_fault()));
            }
        }
        // What became worse comes first and what became better last, so that the cause of a
        // transition is the root of the matter: an interface that is gone has no address either.
        let (worse, better): (Vec<_>, Vec<_>) = self
            .link
            .faults(self.settings.track_primary)
            .into_iter()
            .partition(|(_, is_present)| *is_present);
        for (reason, _) in worse {
            self.handle(now, Event::Fault(reason));
        }
        self.handle(now, Event::PrimaryAddress(self.link.primary));
        for (reason, _) in better {
            self.handle(now, Event::FaultCleared(reason));
        }
    }

    /// Who cannot hear must not take part: it would be master beside every other one.
    fn take_hearing(&mut self) {
        let deaf = FaultReason::Other(Arc::from("adverts cannot be received on the interface"));
        let event = match self.drainer.is_deaf() {
            true => Event::Fault(deaf),
            false => Event::FaultCleared(deaf),
        };
        self.handle(clock::now(), event);
    }

    /// Takes away what a killed predecessor left on the interfaces. The owner of the addresses
    /// keeps them: it is about to use them.
    fn remove_leftovers(&mut self) {
        if self.settings.router.priority.is_owner() {
            return;
        }
        match self.port.remove_addresses() {
            Ok(0) => {}
            Ok(count) => self.remark(
                Level::Warn,
                format!("removed {count} address(es) that a predecessor left behind"),
            ),
            Err(error) => self.remark(Level::Error, error),
        }
    }

    /// Handles one event, and then whatever carrying it out led to.
    fn handle(&mut self, now: Instant, event: Event) {
        let actions = self.router.handle(now, event);
        self.carry_out(actions);
        self.follow_up();
    }

    fn follow_up(&mut self) {
        while let Some(event) = self.follow_ups.pop_front() {
            let actions = self.router.handle(clock::now(), event);
            self.carry_out(actions);
        }
    }

    fn carry_out(&mut self, actions: Actions) {
        for action in actions {
            match action {
                Action::SendAdvert { priority } => self.send(priority),
                Action::InstallAddresses => self.install(),
                Action::RemoveAddresses => self.remove(),
                Action::Announce { rounds } => self.announce(rounds),
                Action::Transition(transition) => self.record(transition),
                Action::PriorityChanged { from, to } => {
                    self.remark(Level::Info, format!("effective priority {from} -> {to}"));
                }
                Action::Report(report) => self.report(report),
            }
        }
    }

    fn send(&mut self, priority: Priority) {
        match self.port.send_advert(priority) {
            Ok(()) => self.sent += 1,
            Err(error) => {
                self.send_errors += 1;
                // A line now and then, not one a packet: the counter has the rest.
                if self.send_errors.is_power_of_two() {
                    self.remark(Level::Warn, error);
                }
            }
        }
    }

    fn install(&mut self) {
        self.installed = true;
        match self.port.add_addresses() {
            Ok(missing) => {
                self.failed_installs = 0;
                if let Some(missing) = missing {
                    let text = "have to wait: there is no such interface";
                    self.remark(Level::Warn, format!("its addresses on {missing} {text}"));
                }
            }
            Err(error) => {
                self.remark(Level::Error, error);
                self.retry_install_at = Some(clock::now() + install_pause(self.failed_installs));
                self.failed_installs = self.failed_installs.saturating_add(1);
                self.follow_ups.push_back(Event::Fault(FaultReason::InstallFailed));
            }
        }
    }

    /// Puts the addresses there that had no interface before, or tries all of them again.
    fn complete_addresses(&mut self) {
        if let Some(retry_at) = &mut self.retry_install_at {
            *retry_at = clock::now();
        } else if self.installed {
            self.install();
            self.announce(self.settings.router.announce.repeat);
            self.follow_up();
        }
    }

    fn remove(&mut self) {
        self.installed = false;
        self.port.stop_announcing();
        if let Err(error) = self.port.remove_addresses() {
            self.remark(Level::Error, error);
        }
    }

    fn announce(&mut self, rounds: u8) {
        if let Err(error) = self.port.announce(rounds) {
            self.remark(Level::Warn, error);
        }
    }

    fn record(&mut self, transition: Transition) {
        let Transition { from, to, ref cause, priority } = transition;
        self.became_active += u64::from(to == State::Active);
        if self.history.len() == HISTORY {
            self.history.pop_front();
        }
        self.history.push_back(TransitionStatus {
            from: words::state(from).to_owned(),
            to: words::state(to).to_owned(),
            priority: priority.get(),
            why: cause.to_string(),
            at_unix_ms: unix_ms(),
        });
        if let Some(told) = Told::of(to, priority) {
            self.tell(told, words::TransitionLine(transition));
        }
    }

    fn tell(&self, told: Told, line: impl Line + 'static) {
        let (instance, notify) =
            (Arc::clone(&self.settings.name), Arc::clone(&self.settings.notify));
        self.teller.tell(Story::Transition { instance, notify, told, line: Box::new(line) });
    }

    fn report(&mut self, report: Report) {
        // These come from this machine, not from a neighbour, and status lists the faults.
        match report {
            Report::FaultAdded(_) => return self.remark(Level::Warn, report),
            Report::FaultLifted(_) => return self.remark(Level::Info, report),
            _ => {}
        }
        let name = words::report_name(&report);
        let count = self.reports.entry(name).or_default();
        *count += 1;
        // The first tells, and then one now and then: a neighbour must not fill the log.
        if count.is_power_of_two() {
            self.remark(Level::Warn, report);
        }
    }

    fn remark(&self, level: Level, line: impl Line + 'static) {
        self.teller.remark(&self.settings.name, level, line);
    }

    fn status(&self) -> InstanceStatus {
        let Settings { name, interface, vrid, family, .. } = &*self.settings;
        let now = clock::now();
        let state = self.router.state();
        let since = self.router.since().unwrap_or(self.started_at);
        InstanceStatus {
            name: name.to_string(),
            interface: interface.to_string(),
            vrid: vrid.get(),
            family: family.to_string(),
            vrrp_version: self.settings.router.version.get(),
            state: words::state(state).to_owned(),
            since_ms: millis(since, now),
            why: self.why(),
            priority: self.priority_status(),
            faults: self.router.faults().map(|fault| fault.to_string()).collect(),
            waiting_for: self.router.waiting_for().map(|name| name.to_string()).collect(),
            master: self.master(),
            peer_checksum: self.peer_checksum(),
            advert_interval_ms: self.settings.router.interval.as_micros() / 1000,
            master_advert_interval_ms: self.router.active_adver_interval().as_micros() / 1000,
            timer_ms: self.router.deadline().map(|deadline| millis(now, deadline)),
            addresses: self.settings.shown_addresses(),
            addresses_installed: self.installed,
            adverts: self.adverts(),
            became_master: self.became_active,
            announcements_sent: self.port.announced(),
            remarks: self.remarks(),
            history: self.history.iter().cloned().collect(),
        }
    }

    /// Why the state is what it is: what led to it and, for a backup, whom it gives way to. What
    /// led to FAULT may be over while another fault is not: there it is the faults of now.
    fn why(&self) -> String {
        let Some(transition) = self.history.back() else {
            return "no first result yet".to_owned();
        };
        if self.router.state() == State::Fault {
            let faults: Vec<_> = self.router.faults().map(|fault| fault.to_string()).collect();
            return faults.join("; ");
        }
        match self.router.active_router().map(ToString::to_string) {
            Some(peer) if !transition.why.contains(&peer) => {
                format!("{}; gives way to {peer}", transition.why)
            }
            _ => transition.why.clone(),
        }
    }

    fn priority_status(&self) -> PriorityStatus {
        let contributions = self.router.contributions().iter().map(|known| Contribution {
            name: known.name.to_string(),
            adds: match known.influence {
                Influence::Weight(points) => points,
                _ => 0,
            },
        });
        PriorityStatus {
            effective: self.router.priority().get(),
            base: self.settings.router.priority.get(),
            contributions: contributions.collect(),
        }
    }

    fn master(&self) -> Option<MasterStatus> {
        if self.router.state() == State::Active {
            let priority = self.router.priority().get();
            let address = self.link.primary;
            return Some(MasterStatus { address, priority, this_node: true });
        }
        self.router.active_router().map(|peer| MasterStatus {
            address: Some(peer.source),
            priority: peer.priority.get(),
            this_node: false,
        })
    }

    /// Which of the checksums of version 3 over IPv4 the last sound advert had.
    fn peer_checksum(&self) -> Option<String> {
        let has_two = self.settings.router.version == Version::V3;
        let seen = self.route.demands().seen_checksum.filter(|_| has_two);
        seen.map(|form| form.name().to_owned())
    }

    fn adverts(&self) -> AdvertCounters {
        let received = &self.route.received;
        let mut dropped = received.drops.by_name();
        let crowded_out = received.crowded_out.get();
        if crowded_out > 0 {
            dropped.insert("inbox_full".to_owned(), crowded_out);
        }
        AdvertCounters {
            sent: self.sent,
            send_errors: self.send_errors,
            received: received.accepted.get(),
            parked: self.route.mailbox.parked_total(),
            dropped,
            last_dropped: received.last_drop().map(|last| DroppedAdvert {
                source: last.source,
                reason: last.error.reason().name().to_owned(),
                why: last.error.to_string(),
                ago_ms: millis(last.at, clock::now()),
            }),
        }
    }

    fn remarks(&self) -> BTreeMap<String, u64> {
        let mut remarks = self.route.received.remarks.by_name();
        remarks.extend(self.reports.iter().map(|(name, count)| ((*name).to_owned(), *count)));
        remarks
    }
}

/// How long to wait after an installation that failed, as so many before it in a row.
fn install_pause(failed_before: u32) -> Duration {
    INSTALL_RETRY * (1 << failed_before.min(INSTALL_DOUBLINGS))
}

fn millis(from: Instant, to: Instant) -> u64 {
    to.as_micros().saturating_sub(from.as_micros()) / 1000
}

fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_refused_are_tried_ever_less_often_and_never_given_up() {
        let pauses = [0, 1, 2, 5, 6, u32::MAX].map(|failed| install_pause(failed).as_secs());
        assert_eq!(pauses, [30, 60, 120, 960, 960, 960]);
    }
}
