//! What happened, typed and numbered, for whoever reads it: a log, a status, programs to run.
//!
//! Events are data; they become text where they are read (`Display`).

use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crossbeam_channel::{Receiver, Sender, unbounded};
use vrrp_fsm::{GroupTransition, Report, Transition};
use vrrp_net::{InterfaceName, NetError, ObjectKey};
use vrrp_proto::{DecodeError, Family, Priority, Remark};
use vrrp_track::Update;

use crate::port::PortError;

/// How many events wait for their reader at the most; more are lost, and their numbers missing.
pub const EVENTS_MAX: usize = 16_384;

/// Something that happened.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Event {
    /// Counts up from 1. A gap says how many were lost.
    pub number: u64,
    /// When.
    pub at: SystemTime,
    /// The name of the router, or of the sync group, that it happened to; `None` for what concerns
    /// several.
    pub router: Option<Arc<str>>,
    /// What.
    pub kind: EventKind,
}

impl Event {
    /// An event that did not come from a service: to try out what reads events.
    pub fn new(number: u64, at: SystemTime, router: Option<Arc<str>>, kind: EventKind) -> Self {
        Self { number, at, router, kind }
    }
}

impl fmt::Display for Event {
    /// `(VI_1) Backup to Active with priority 244: no other router was heard`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.router {
            Some(router) => write!(f, "({router}) {}", self.kind),
            None => self.kind.fmt(f),
        }
    }
}

/// How much an event matters to an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Good to know.
    Info,
    /// Something is not as it should be.
    Warning,
    /// Something does not work.
    Error,
}

/// What happened.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum EventKind {
    /// The state has changed.
    Transition(Transition),
    /// The router has ended; it resigned if it was Active.
    Stopped {
        /// The effective priority at the end.
        priority: Priority,
    },
    /// The effective priority has changed.
    PriorityChanged {
        /// Before.
        from: Priority,
        /// Now.
        to: Priority,
    },
    /// The state machine has something to tell.
    Report(Report),
    /// The router is Active, and has heard a losing advert: once a second at most, and after the last
    /// one in any case.
    LoserHeard {
        /// The effective priority.
        priority: Priority,
    },
    /// New settings are in force.
    Reconfigured,
    /// Addresses and packet filters that a predecessor left behind were removed.
    LeftoversRemoved {
        /// How many addresses.
        addresses: usize,
        /// How many filters.
        filters: usize,
        /// How many routes and rules.
        routes: usize,
    },
    /// Someone else removed addresses, and they are back.
    PutBack {
        /// Which.
        addresses: Vec<IpAddr>,
    },
    /// Someone else removed routes or rules, and they are back.
    RoutesPutBack {
        /// Which.
        routes: Vec<ObjectKey>,
    },
    /// Addresses or routes have to wait, because their interface does not exist.
    AddressesWait {
        /// The interface.
        interface: InterfaceName,
    },
    /// The kernel did not do something.
    Problem {
        /// What, and why not.
        error: PortError,
        /// How often that happened so far.
        count: u64,
    },
    /// An advert was dropped.
    Dropped {
        /// Its sender.
        source: IpAddr,
        /// Why.
        error: DecodeError,
        /// How many were dropped for this reason so far.
        count: u64,
    },
    /// An accepted advert was odd.
    Odd {
        /// Its sender.
        source: IpAddr,
        /// How.
        remark: Remark,
        /// How many were so far.
        count: u64,
    },
    /// A peer of a unicast router is this machine, and is left out.
    OwnPeer {
        /// The peer.
        peer: IpAddr,
    },
    /// A peer of a unicast router has sent the checksum that keepalived sent up to 1.3.6: it is
    /// sent by this router from now on.
    OldPeer {
        /// The peer.
        peer: IpAddr,
    },
    /// A tracker has another verdict, or its first one.
    Tracker(Update),
    /// No adverts can be received on an interface.
    NotListening {
        /// The interface; none if it is all of them.
        interface: Option<InterfaceName>,
        /// The family of the adverts.
        family: Family,
        /// Why.
        error: NetError,
    },
    /// Links and addresses could not be read; what was missed is made up for.
    LinksUnread {
        /// Why.
        error: NetError,
    },
    /// The router cannot run, and will be started again.
    Died {
        /// Why.
        why: Arc<str>,
        /// When it will be started again.
        again_in: Duration,
    },
    /// A router that had died runs again.
    Restarted,
    /// The state of a sync group has changed: after its members' states, except that its first
    /// Backup comes before theirs.
    GroupTransition(GroupTransition),
    /// A sync group has ended: after its members, if they have ended too.
    GroupStopped,
}

impl EventKind {
    /// Its name for programs. It never changes; more may come.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Transition(_) => "transition",
            Self::Stopped { .. } => "stopped",
            Self::PriorityChanged { .. } => "priority_changed",
            Self::Report(report) => report.name(),
            Self::Reconfigured => "reconfigured",
            Self::LeftoversRemoved { .. } => "leftovers_removed",
            Self::PutBack { .. } => "put_back",
            Self::RoutesPutBack { .. } => "routes_put_back",
            Self::AddressesWait { .. } => "addresses_wait",
            Self::Problem { .. } => "problem",
            Self::Dropped { .. } => "advert_dropped",
            Self::Odd { .. } => "advert_odd",
            Self::LoserHeard { .. } => "loser_heard",
            Self::OwnPeer { .. } => "own_peer",
            Self::OldPeer { .. } => "old_peer",
            Self::Tracker(_) => "tracker",
            Self::NotListening { .. } => "not_listening",
            Self::LinksUnread { .. } => "links_unread",
            Self::Died { .. } => "died",
            Self::Restarted => "restarted",
            Self::GroupTransition(_) => "group_transition",
            Self::GroupStopped => "group_stopped",
        }
    }

    /// How much it matters.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::Problem { error: PortError::Encode(_) | PortError::Objects { .. }, .. }
            | Self::NotListening { .. }
            | Self::LinksUnread { .. }
            | Self::Died { .. } => Severity::Error,
            Self::Report(Report::FaultLifted(_))
            | Self::Transition(_)
            | Self::Stopped { .. }
            | Self::PriorityChanged { .. }
            | Self::LoserHeard { .. }
            | Self::Reconfigured
            | Self::Tracker(_)
            | Self::Restarted
            | Self::GroupTransition(_)
            | Self::GroupStopped => Severity::Info,
            _ => Severity::Warning,
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transition(transition) => transition.fmt(f),
            Self::Stopped { .. } => f.write_str("stopped"),
            Self::PriorityChanged { from, to } => write!(f, "effective priority {from} -> {to}"),
            Self::Report(report) => report.fmt(f),
            Self::LoserHeard { .. } => f.write_str("a router advertises that loses"),
            Self::Reconfigured => f.write_str("new settings are in force"),
            Self::LeftoversRemoved { addresses, filters, routes } => {
                let kinds = [
                    (addresses, "address(es)"),
                    (filters, "packet filter(s)"),
                    (routes, "route(s) or rule(s)"),
                ];
                let there = kinds.iter().filter(|(count, _)| **count > 0);
                let words: Vec<_> = there.map(|(count, kind)| format!("{count} {kind}")).collect();
                write!(f, "removed {} that a predecessor left behind", words.join(" and "))
            }
            Self::PutBack { addresses } => put_back(f, addresses),
            Self::RoutesPutBack { routes } => put_back(f, routes),
            Self::AddressesWait { interface } => {
                write!(f, "what it has on {interface} has to wait: there is no such interface")
            }
            Self::Problem { error, .. } => error.fmt(f),
            Self::Dropped { source, error, count } => {
                write!(f, "dropped an advert from {source}: {error} ({count} like this so far)")
            }
            Self::Odd { source, remark, count } => {
                write!(f, "an advert from {source}: {remark} ({count} like this so far)")
            }
            Self::OwnPeer { peer } => {
                write!(f, "its peer {peer} is an address of this machine, and is left out")
            }
            Self::OldPeer { peer } => {
                write!(
                    f,
                    "{peer} sends the unicast checksum of old versions (keepalived up to 1.3.6): \
                     so does this router from now on"
                )
            }
            Self::Tracker(update) => write!(f, "tracker {update}"),
            Self::NotListening { error, .. } => write!(f, "cannot listen: {error}"),
            Self::LinksUnread { error } => error.fmt(f),
            Self::Died { why, again_in } => {
                write!(f, "it cannot run: {why}; it will be started again in {again_in:?}")
            }
            Self::Restarted => f.write_str("it runs again"),
            Self::GroupTransition(transition) => write!(f, "sync group: {transition}"),
            Self::GroupStopped => f.write_str("sync group: stopped"),
        }
    }
}

/// The first few, and how many more.
fn put_back(f: &mut fmt::Formatter<'_>, all: &[impl fmt::Display]) -> fmt::Result {
    const SHOWN: usize = 3;
    f.write_str("someone else removed ")?;
    for (index, one) in all.iter().take(SHOWN).enumerate() {
        write!(f, "{}{one}", if index > 0 { ", " } else { "" })?;
    }
    if let Some(more @ 1..) = all.len().checked_sub(SHOWN) {
        write!(f, " and {more} more")?;
    }
    f.write_str(": put back")
}

/// Where events come out, in their order. Clones share one queue: each event goes to one of them.
#[derive(Debug, Clone)]
pub struct Events(Receiver<Event>);

impl Events {
    /// The next event, if there is one.
    pub fn try_next(&self) -> Option<Event> {
        self.0.try_recv().ok()
    }

    /// The next event, waited for up to `timeout`; `None` also when no more can come.
    pub fn next_within(&self, timeout: Duration) -> Option<Event> {
        self.0.recv_timeout(timeout).ok()
    }
}

impl Iterator for Events {
    type Item = Event;

    /// The next event, waited for; `None` when no more can come, because all has ended.
    fn next(&mut self) -> Option<Event> {
        self.0.recv().ok()
    }
}

/// Where events go in. Never blocks.
#[derive(Debug, Clone)]
pub(crate) struct EventSender(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// The sender with the number of the event before: numbers leave in their order.
    queue: Mutex<(u64, Option<Sender<Event>>)>,
    lost: AtomicU64,
}

impl EventSender {
    pub(crate) fn new() -> (Self, Events) {
        let (sender, receiver) = unbounded();
        let shared = Shared { queue: Mutex::new((0, Some(sender))), lost: AtomicU64::new(0) };
        (Self(Arc::new(shared)), Events(receiver))
    }

    /// Says what happened now.
    pub(crate) fn send(&self, router: Option<Arc<str>>, kind: EventKind) {
        let mut queue = self.0.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.0 += 1;
        let event = Event { number: queue.0, at: SystemTime::now(), router, kind };
        // A reader that is too slow sees the gap; one that is gone does not care.
        let room = queue.1.as_ref().filter(|sender| sender.len() < EVENTS_MAX);
        if room.is_none_or(|sender| sender.send(event).is_err()) {
            self.0.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts on from this number.
    pub(crate) fn go_on_from(&self, number: u64) {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner).0 = number;
    }

    /// The number of the last event.
    pub(crate) fn last(&self) -> u64 {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    /// Says that nothing more will happen: readers come to the end.
    pub(crate) fn close(&self) {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner).1 = None;
    }

    /// How many events found no place.
    pub(crate) fn lost(&self) -> u64 {
        self.0.lost.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_numbered_and_a_slow_reader_sees_the_gap() {
        let (sender, events) = EventSender::new();
        for _ in 0..EVENTS_MAX + 2 {
            sender.send(None, EventKind::Reconfigured);
        }
        assert_eq!(sender.lost(), 2);
        assert_eq!(events.try_next().map(|event| event.number), Some(1));
        while events.try_next().is_some() {}
        sender.send(None, EventKind::Restarted);
        assert_eq!(events.try_next().map(|event| event.number), Some(EVENTS_MAX as u64 + 3));
    }

    #[test]
    fn many_addresses_put_back_are_one_short_line() {
        let addresses = (1..=5).map(|last| IpAddr::from([192, 0, 2, last])).collect();
        assert_eq!(
            EventKind::PutBack { addresses }.to_string(),
            "someone else removed 192.0.2.1, 192.0.2.2, 192.0.2.3 and 2 more: put back"
        );
    }
}
