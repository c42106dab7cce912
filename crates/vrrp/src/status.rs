//! How a router stands, for those who look at it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use vrrp_fsm::{Contribution, FaultReason, Instant, State, Transition};
use vrrp_proto::{ChecksumForm, Interval, Priority};

use crate::engine::{ActiveRouter, Engine};
use crate::route::{Dropped, Route};
use crate::settings::Settings;

/// A transition that lies in the past.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Past {
    /// What changed.
    pub transition: Transition,
    /// When.
    pub at: SystemTime,
}

/// How one router stands.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RouterStatus {
    /// Its settings.
    pub settings: Arc<Settings>,
    /// Its state; Initialize while it waits for first results.
    pub state: State,
    /// Since when it is in that state.
    pub since: Option<Instant>,
    /// Why it does not run at all at the moment, although it should.
    pub died: Option<Arc<str>>,
    /// When it is tried again after that.
    pub restart_at: Option<Instant>,
    /// The effective priority.
    pub priority: Priority,
    /// What each tracker means to it.
    pub contributions: Vec<Contribution>,
    /// Why it cannot take part.
    pub faults: Vec<FaultReason>,
    /// The trackers whose first result it waits for.
    pub waiting_for: Vec<Arc<str>>,
    /// Whether it would be Active already if the other members of its sync group were ready too.
    pub is_held_back: bool,
    /// Who is Active, as far as this node knows.
    pub active_router: Option<ActiveRouter>,
    /// The interval that it goes by as a backup: the Active Router's, in version 3.
    pub interval: Interval,
    /// When its running timer (advert, or Active_Down) ends.
    pub deadline: Option<Instant>,
    /// Whether the addresses are on their interfaces because of this router.
    pub is_installed: bool,
    /// Adverts that it sent.
    pub adverts_sent: u64,
    /// Adverts that it could not send.
    pub send_errors: u64,
    /// Adverts heard that passed every check.
    pub adverts_received: u64,
    /// Those of them that only repeated the one before, and woke nobody.
    pub adverts_parked: u64,
    /// Adverts dropped, by reason; reasons that never occurred are left out.
    pub adverts_dropped: BTreeMap<&'static str, u64>,
    /// The last advert that was dropped for what it is.
    pub last_dropped: Option<Dropped>,
    /// Which of the checksums of version 3 over IPv4 the last sound advert had.
    pub seen_checksum: Option<ChecksumForm>,
    /// How often it became Active.
    pub became_active: u64,
    /// Announcements that it sent.
    pub announced: u64,
    /// What was odd without being dropped, and what its state machine reported, by name.
    pub remarks: BTreeMap<&'static str, u64>,
    /// The last transitions, oldest first.
    pub history: Arc<[Past]>,
}

impl RouterStatus {
    /// A router that has not started.
    pub(crate) fn new(settings: Arc<Settings>) -> Self {
        Self {
            state: State::Initialize,
            since: None,
            died: None,
            restart_at: None,
            priority: settings.machine.priority,
            contributions: Vec::new(),
            faults: Vec::new(),
            waiting_for: Vec::new(),
            is_held_back: false,
            active_router: None,
            interval: settings.machine.interval,
            deadline: None,
            is_installed: false,
            adverts_sent: 0,
            send_errors: 0,
            adverts_received: 0,
            adverts_parked: 0,
            adverts_dropped: BTreeMap::new(),
            last_dropped: None,
            seen_checksum: None,
            became_active: 0,
            announced: 0,
            remarks: BTreeMap::new(),
            history: Arc::default(),
            settings,
        }
    }

    /// A router that runs, without what others count.
    pub(crate) fn of(engine: &Engine, history: &Arc<[Past]>, became_active: u64) -> Self {
        let router = engine.router();
        Self {
            state: router.state(),
            since: Some(router.since().unwrap_or(engine.started_at())),
            priority: router.priority(),
            contributions: router.contributions().to_vec(),
            faults: router.faults().collect(),
            waiting_for: router.waiting_for().map(Arc::from).collect(),
            is_held_back: router.is_held_back(),
            active_router: engine.active_router(),
            interval: engine.interval(),
            is_installed: engine.is_installed(),
            became_active,
            remarks: engine.reports().clone(),
            history: Arc::clone(history),
            ..Self::new(Arc::clone(engine.settings()))
        }
    }

    /// Adds what the receiver has counted.
    pub(crate) fn take_received(&mut self, route: &Route) {
        let received = &route.received;
        self.adverts_received = received.accepted.get();
        self.adverts_parked = route.mailbox.parked_total();
        self.adverts_dropped = received.drops.by_name();
        let crowded_out = received.crowded_out.get();
        if crowded_out > 0 {
            self.adverts_dropped.insert("inbox_full", crowded_out);
        }
        self.last_dropped = route.last_drop();
        self.seen_checksum = route.seen_checksum();
        self.remarks.extend(received.remarks.by_name());
    }

    /// Why the state is what it is: what led to it and, for a backup, whom it gives way to. What
    /// led to Fault may be over while another fault is not: there it is the faults of now.
    pub fn why(&self) -> String {
        if let Some(died) = &self.died {
            return died.to_string();
        }
        let Some(Past { transition, .. }) = self.history.last() else {
            return "no first result yet".to_owned();
        };
        if self.state == State::Fault {
            let faults: Vec<_> = self.faults.iter().map(ToString::to_string).collect();
            return faults.join("; ");
        }
        let why = transition.cause.to_string();
        if self.is_held_back {
            return format!("{why}; would be active, and waits for the others of its sync group");
        }
        let gives_way = self.active_router.filter(|active| !active.is_this_node);
        let peer = gives_way.and_then(|ActiveRouter { source, priority, .. }| {
            Some(format!("{} (priority {priority})", source?))
        });
        match peer {
            Some(peer) if !why.contains(&peer) => format!("{why}; gives way to {peer}"),
            _ => why,
        }
    }
}
