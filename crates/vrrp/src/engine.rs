//! One virtual router with all its duties, without clock, socket or thread.
//!
//! The state machine of `vrrp-fsm` decides; around it stands what every program that runs one has
//! to do besides, and gets wrong: see [`Engine`].

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use vrrp_fsm::{
    Action, Actions, Contribution, Event, FaultReason, GroupRules, Influence, Instant, Peer,
    Report, Router, State, Weight,
};
use vrrp_net::{InterfaceName, Kernel, ObjectKey};
use vrrp_proto::{Interval, Priority, UnixTime};

use crate::debounce::{self, Debounced};
use crate::destination::Unicast;
use crate::events::EventKind;
use crate::holdings::{HolderId, Holdings};
use crate::input::Input;
use crate::outgoing::Signing;
use crate::port::{Leftovers, Port, PortError, Reconciled, address_of, is_routing};
use crate::safeguard::RouterSafeguard;
use crate::settings::Settings;
use crate::snapshot::{EngineSnapshot, by_name};
use crate::view::InterfaceView;

/// How long after addresses could not be installed it is worth another try: after each that fails
/// too, twice as long, since it unseats whoever is master meanwhile.
const INSTALL_RETRY: Duration = Duration::from_secs(30);
/// How often that is doubled.
const INSTALL_DOUBLINGS: u32 = 5;
/// How far apart it is told of losing adverts: each may set a program going.
const LOSERS_APART: Duration = Duration::from_secs(1);

/// One virtual router that runs wherever there is a [`Kernel`] to send and to hold objects.
///
/// It is told what happened and when ([`handle`](Self::handle), [`timer`](Self::timer)), acts on
/// its kernel at once, and says when it wants to be called again ([`deadline`](Self::deadline)).
/// Beyond the state machine it sees to this:
///
/// - what a dead predecessor left on the interfaces is removed before it takes part;
/// - who cannot hear, or has no socket to send from, takes no part;
/// - of what a change of the interface brings, the worse comes before the better, so that the
///   cause of a transition is the root of the matter;
/// - a master that stood still until others may have taken over steps down before it acts on
///   anything else;
/// - packets to addresses that it is not to accept are dropped from before they are there until after
///   they are gone;
/// - addresses that someone else removes are put back, those alone, and what it removed itself is
///   not mistaken for that;
/// - an installation that fails is tried again, ever more seldom;
/// - announcements go out in parts, between which everything else has its turn;
/// - other settings come into force without a resignation, and touch only what they change;
/// - what is to be done when its process is gone or stands still is left to a
///   [`Safeguard`](crate::Safeguard), if there is one, and after that has acted it is a backup before it says
///   anything.
///
/// Four duties are its caller's: adverts that have arrived are handled before a timer fires
/// ([`must_listen_first`](Self::must_listen_first)), only adverts that passed every check come
/// here, an address that routers move is never the source of adverts, which
/// [`Interfaces`](crate::Interfaces) sees to, and with `auth_hmac` it is told the time of day
/// ([`tell_time`](Self::tell_time)).
pub struct Engine {
    settings: Arc<Settings>,
    router: Router,
    port: Port,
    view: InterfaceView,
    debounced: Debounced,
    /// Whether the state machine wants the addresses to be there.
    is_installed: bool,
    /// Whether a peer was heard that knows the old checksum of unicast adverts alone.
    has_old_peer: bool,
    /// The peers that are this machine.
    own_peers: Vec<IpAddr>,
    sent: u64,
    send_errors: u64,
    became_active: u64,
    reports: BTreeMap<&'static str, u64>,
    started_at: Instant,
    events: Vec<EventKind>,
    /// What carrying out the last actions led to, for the router to hear next.
    follow_ups: VecDeque<Event>,
    /// When to try the addresses again that could not be installed.
    retry_install_at: Option<Instant>,
    /// How often in a row they could not be.
    failed_installs: u32,
    /// The same of routes and rules.
    retry_routes_at: Option<Instant>,
    failed_routes: u32,
    /// When to announce addresses on other interfaces again.
    announce_elsewhere_at: Option<Instant>,
    losers: Losers,
    has_ended: bool,
}

impl Engine {
    /// A router that has not started yet.
    pub fn new(settings: Arc<Settings>, kernel: Box<dyn Kernel>) -> Self {
        Self::sharing(settings, kernel, Holdings::default(), HolderId(0), Signing::default(), None)
    }

    /// The same, one of several whose objects may be the same.
    pub(crate) fn sharing(
        settings: Arc<Settings>,
        kernel: Box<dyn Kernel>,
        holdings: Holdings,
        holder: HolderId,
        signing: Signing,
        safeguard: Option<Arc<dyn RouterSafeguard>>,
    ) -> Self {
        Self {
            router: Router::new(settings.machine.clone()),
            port: Port::new(Arc::clone(&settings), kernel, holdings, holder, signing, safeguard),
            settings,
            view: InterfaceView::default(),
            debounced: Debounced::default(),
            is_installed: false,
            has_old_peer: false,
            own_peers: Vec::new(),
            sent: 0,
            send_errors: 0,
            became_active: 0,
            reports: BTreeMap::new(),
            started_at: Instant::ZERO,
            events: Vec::new(),
            follow_ups: VecDeque::new(),
            retry_install_at: None,
            announce_elsewhere_at: None,
            retry_routes_at: None,
            failed_routes: 0,
            failed_installs: 0,
            losers: Losers::default(),
            has_ended: false,
        }
    }

    /// Begins to take part, as soon as nothing stands in the way.
    pub fn start(
        &mut self,
        now: Instant,
        view: InterfaceView,
        can_hear: bool,
        influences: Vec<(Arc<str>, Influence)>,
    ) {
        self.learn(now, view, can_hear, influences);
        self.remove_leftovers();
        self.tell(now, Event::Startup);
    }

    /// Begins, in place of [`start`](Self::start), where another engine has ended without a word: the
    /// same virtual router under the same clock. What that one held is this one's, and nobody is told
    /// of anything but what has changed by now.
    pub fn resume(
        &mut self,
        now: Instant,
        view: InterfaceView,
        can_hear: bool,
        influences: Vec<(Arc<str>, Influence)>,
        before: EngineSnapshot,
    ) {
        let EngineSnapshot { machine, objects, signing, reports, .. } = before;
        self.reports =
            Report::NAMES.iter().filter_map(|name| Some((*name, *reports.get(*name)?))).collect();
        self.port.resume(objects, signing);
        self.learn(now, view, can_hear, influences);
        self.has_old_peer = before.has_old_peer;
        if let Err(error) = self.port.has_old_peer(before.has_old_peer) {
            self.problem(error.into());
        }
        self.failed_installs = before.failed_installs;
        self.retry_install_at = before.retry_install_at;
        if self.retry_install_at.is_some() {
            self.tell(now, Event::Fault(FaultReason::InstallFailed));
        }
        self.is_installed = machine.state() == State::Active;
        self.tell(now, Event::Resume(Box::new(machine)));
        match self.is_installed {
            true => self.adopt(now, before.rounds_left),
            // What the kernel has refused to remove before.
            false => self.remove(),
        }
    }

    /// How it stands, for another engine to go on from. This one must do nothing any more then,
    /// unless there is no other.
    pub fn snapshot(&self, now: Instant) -> EngineSnapshot {
        EngineSnapshot {
            machine: self.router.snapshot(now),
            objects: self.port.objects_held().to_vec(),
            signing: self.port.signing(),
            reports: by_name(self.reports.clone()),
            has_old_peer: self.has_old_peer,
            rounds_left: self.port.rounds_left(),
            failed_installs: self.failed_installs,
            retry_install_at: self.retry_install_at,
        }
    }

    /// Once more its sockets that take time to close, as far as there are descriptors for that.
    pub(crate) fn slow_sockets(&self) -> Vec<OwnedFd> {
        let sockets = self.port.slow_sockets().into_iter();
        sockets.filter_map(|socket| socket.try_clone_to_owned().ok()).collect()
    }

    /// Advertises now instead of later, if it is Active.
    pub fn advertise_early(&mut self, now: Instant) {
        let actions = self.router.advertise_early(now);
        self.carry_out(now, actions);
        self.follow_up(now);
    }

    /// Takes in what is known before it begins.
    fn learn(
        &mut self,
        now: Instant,
        view: InterfaceView,
        can_hear: bool,
        influences: Vec<(Arc<str>, Influence)>,
    ) {
        self.started_at = now;
        for (name, influence) in influences {
            self.tell(now, Event::Tracker { name, influence });
        }
        self.take_interfaces(now, view);
        self.take_hearing(now, can_hear);
    }

    /// Adverts are signed as of this time of day until it is told another. With `auth_hmac` in the
    /// settings it has to be told before each call in which it may send; one that is never told
    /// signs as of 1970.
    pub fn tell_time(&mut self, time_of_day: UnixTime) {
        self.port.tell_time(time_of_day);
    }

    /// Takes in what happened at this time.
    pub fn handle(&mut self, now: Instant, input: Input) {
        if self.router.must_step_down(now) {
            // Before the kernel is touched: addresses that were taken from a router that hung are
            // not put back.
            self.tell(now, Event::Timer);
        }
        match input {
            Input::Advert(heard) => self.tell(now, Event::Advert(heard)),
            Input::SignedAdvert(heard, sequence) => {
                self.port.heard(sequence);
                self.tell(now, Event::Advert(heard));
            }
            Input::Interfaces(view) => self.take_interfaces(now, view),
            Input::Tracker { name, influence } => {
                self.tell(now, Event::Tracker { name, influence });
            }
            Input::Removed(objects) => self.put_back(now, &objects),
            Input::Hearing(can_hear) => self.take_hearing(now, can_hear),
            Input::Reconfigure { settings, view, influences } => {
                self.reconfigure(now, settings, view, influences);
            }
            Input::OldPeer(peer) => self.take_old_peer(peer),
            Input::Drain(true) => self.tell(now, Event::Fault(FaultReason::Drained)),
            Input::Drain(false) => self.tell(now, Event::FaultCleared(FaultReason::Drained)),
            Input::Shutdown => self.shutdown(now),
        }
    }

    /// When to call [`timer`](Self::timer) at the latest.
    pub fn deadline(&self) -> Option<Instant> {
        let deadlines = [
            self.router.deadline(),
            self.retry_install_at,
            self.retry_routes_at,
            self.port.announce_deadline(),
            self.debounced.deadline(),
            self.announce_elsewhere_at,
            self.losers.due_at,
        ];
        deadlines.into_iter().flatten().min()
    }

    /// Whether everything that has arrived must be handled before [`timer`](Self::timer) is called
    /// at this time: a timer of the protocol is due, and what has arrived may speak against it.
    ///
    /// That is so for a backup, and for a master whose timer is so late that another router may be
    /// active by now: the machine or this process stood still. It then listens before it speaks.
    /// One that is so late that it [must step down](vrrp_fsm::Router::must_step_down) says nothing
    /// when it does, and is not to hear under old times what it would answer: for that one `timer`
    /// comes first.
    pub fn must_listen_first(&self, now: Instant) -> bool {
        if self.router.must_step_down(now) {
            return false;
        }
        let Some(due) = self.router.deadline().filter(|due| *due <= now) else { return false };
        let interval = self.settings.machine.interval.as_duration();
        self.router.state() == State::Backup || now.saturating_since(due) >= interval
    }

    /// Does what is due: the protocol first, the announcements last, and of these a few frames.
    pub fn timer(&mut self, now: Instant) {
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if let Some(view) = self.debounced.due(now) {
            self.take_interfaces(now, view);
        }
        if is_due(self.router.deadline()) {
            self.tell(now, Event::Timer);
        }
        if self.retry_routes_at.take_if(|at| *at <= now).is_some() {
            self.complete_addresses(now, self.failed_installs);
        }
        if self.retry_install_at.take_if(|at| *at <= now).is_some() {
            self.tell(now, Event::FaultCleared(FaultReason::InstallFailed));
        }
        if is_due(self.losers.due_at) {
            self.tell_of_losers(now);
        }
        if is_due(self.announce_elsewhere_at) {
            self.port.announce_elsewhere(now);
            self.plan_announcing_elsewhere(now);
        }
        if is_due(self.port.announce_deadline())
            && let Err(error) = self.port.announce_some(now)
        {
            self.problem(error);
        }
    }

    /// What happened since the last time, in order.
    pub fn take_events(&mut self) -> Vec<EventKind> {
        // The list goes with what is in it: there may be nothing to tell for days.
        std::mem::take(&mut self.events)
    }

    /// Leaves starting and becoming Active to a sync group from now on.
    pub(crate) fn join_group(&mut self) {
        GroupRules::join(&mut self.router);
    }

    /// Stands on its own again.
    pub(crate) fn leave_group(&mut self, now: Instant) {
        let actions = GroupRules::leave(now, &mut self.router);
        self.do_for_group(now, actions);
    }

    /// The state machine, for the rules of its sync group.
    pub(crate) fn router_mut(&mut self) -> &mut Router {
        &mut self.router
    }

    /// Does what its sync group wants of it.
    pub(crate) fn do_for_group(&mut self, now: Instant, actions: Actions) {
        self.carry_out(now, actions);
        self.follow_up(now);
    }

    /// Whether something happened that [`take_events`](Self::take_events) has to tell.
    pub(crate) fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// Whether it was shut down.
    pub fn has_ended(&self) -> bool {
        self.has_ended
    }
}

/// How it stands.
impl Engine {
    /// The settings in force.
    pub fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }

    /// The state machine, to look at.
    pub fn router(&self) -> &Router {
        &self.router
    }

    /// Its interfaces as they count: one that went down or came up may not do so yet.
    pub fn view(&self) -> &InterfaceView {
        &self.view
    }

    /// What the signatures of the next engine have to continue from.
    pub(crate) fn signing(&self) -> Signing {
        self.port.signing()
    }

    /// When it was started.
    pub(crate) fn started_at(&self) -> Instant {
        self.started_at
    }

    /// Whether it is to have its addresses.
    pub fn is_installed(&self) -> bool {
        self.is_installed
    }

    /// How many adverts it sent, and how many more it could not send.
    pub fn adverts_sent(&self) -> (u64, u64) {
        (self.sent, self.send_errors)
    }

    /// How often it became Active.
    pub fn became_active(&self) -> u64 {
        self.became_active
    }

    /// How many announcements it sent.
    pub fn announced(&self) -> u64 {
        self.port.announced()
    }

    /// What the state machine has reported and how often, by name.
    pub fn reports(&self) -> &BTreeMap<&'static str, u64> {
        &self.reports
    }

    /// Who is Active as far as it knows: this router, or the sender of the last advert.
    pub fn active_router(&self) -> Option<ActiveRouter> {
        if self.router.state() == State::Active {
            let (source, priority) = (self.view.primary, self.router.priority());
            return Some(ActiveRouter { source, priority, is_this_node: true });
        }
        let Peer { source, priority, .. } = *self.router.active_router()?;
        Some(ActiveRouter { source: Some(source), priority, is_this_node: false })
    }

    /// The interval that it goes by: its own, or the one that it has learnt.
    pub fn interval(&self) -> Interval {
        self.router.active_adver_interval()
    }
}

/// When it is told of losing adverts.
#[derive(Debug, Default)]
struct Losers {
    told_at: Option<Instant>,
    /// When to tell of one that was put off.
    due_at: Option<Instant>,
}

/// The router that is Active.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActiveRouter {
    /// Its primary address; none while this node is Active without one.
    pub source: Option<IpAddr>,
    /// The priority that it advertises.
    pub priority: Priority,
    /// Whether it is this node.
    pub is_this_node: bool,
}

/// What it is told.
impl Engine {
    /// After so long a standstill that its safeguard has removed its objects, and others may be
    /// Active, steps down before it says anything; or has its objects again if it is Active
    /// nevertheless.
    ///
    /// `now` is the time now, and not that of what is handled next, which may have waited. Says
    /// whether it was so.
    pub(crate) fn heed_safeguard(&mut self, now: Instant) -> bool {
        let was_relieved = self.port.was_relieved();
        if was_relieved {
            self.take_back_or_step_down(now);
        }
        was_relieved
    }

    #[inline(never)]
    fn take_back_or_step_down(&mut self, now: Instant) {
        self.port.revoke_will();
        // So late, it steps down, unless it is always Active.
        self.tell(now, Event::Timer);
        let held = self.port.held();
        if self.is_installed {
            self.put_back(now, &held);
        } else {
            // It was not Active, and had what the kernel had refused to remove.
            self.remove();
        }
    }

    fn shutdown(&mut self, now: Instant) {
        self.has_ended = true;
        self.tell(now, Event::Shutdown);
        self.events.push(EventKind::Stopped { priority: self.router.priority() });
    }

    /// Takes in the interfaces as they are now.
    fn take_interfaces(&mut self, now: Instant, view: InterfaceView) {
        let works = view.is_running && view.carriers.iter().all(|(_, it)| it.is_running);
        let view = self.debounce(now, view);
        self.follow_interfaces(now, view);
        if works {
            self.restore_routes(now);
        }
    }

    /// Sees to it that routes and rules are there: the kernel takes them away along with links and
    /// addresses, without a word and even if the link counts as up all the time.
    #[inline(never)]
    fn restore_routes(&mut self, now: Instant) {
        let has_some = !(self.settings.routes.is_empty() && self.settings.rules.is_empty());
        if has_some && self.is_installed {
            self.port.forget_routes();
            self.complete_addresses(now, self.failed_installs);
        }
    }

    /// What the interfaces count as.
    fn debounce(&mut self, now: Instant, actual: InterfaceView) -> InterfaceView {
        let (delays, machine) = (&self.settings.link_delays, &self.settings.machine);
        let longest = debounce::longest(self.interval(), machine.down_timer_adverts);
        let delays = |name| delays.get(&name).map(|delays| delays.at_most(longest));
        self.debounced.take(now, actual, delays)
    }

    /// Brings the sockets and the router to the interfaces as they count now.
    #[inline(never)]
    fn follow_interfaces(&mut self, now: Instant, view: InterfaceView) {
        let socket_fault = || FaultReason::Other(Arc::from("no socket on the interface"));
        let failed_before = self.failed_installs;
        let followed = self.port.follow(&view);
        let before = std::mem::replace(&mut self.view, view);
        self.tell_own_peers();
        match followed {
            Ok(()) => self.tell(now, Event::FaultCleared(socket_fault())),
            Err(error) => {
                self.problem(error);
                self.tell(now, Event::Fault(socket_fault()));
            }
        }
        // What became worse comes first and what became better last, so that the cause of a
        // transition is the root of the matter: an interface that is gone has no address either.
        let no_peer = FaultReason::Other(Arc::from("it has no unicast peer"));
        let has_none = |unicast: &Unicast| unicast.peers.is_empty();
        let is_alone = self.settings.destination.unicast().is_some_and(has_none);
        let faults = self.view.faults(self.settings.track_interface).into_iter();
        let (worse, better): (Vec<_>, Vec<_>) =
            faults.chain([(no_peer, is_alone)]).partition(|(_, is_present)| *is_present);
        for (reason, _) in worse {
            self.tell(now, Event::Fault(reason));
        }
        self.tell(now, Event::PrimaryAddress(self.view.primary));
        for (name, influence) in self.devices(&self.view) {
            self.tell(now, Event::Tracker { name, influence });
        }
        for (reason, _) in better {
            self.tell(now, Event::FaultCleared(reason));
        }
        if before.carriers != self.view.carriers {
            self.complete_addresses(now, failed_before);
        }
    }

    /// What the other interfaces that its addresses need mean to it: they count like tracked ones
    /// without a weight.
    fn devices(&self, view: &InterfaceView) -> Vec<(Arc<str>, Influence)> {
        let influence = |device: InterfaceName| {
            let is_running = view.carrier(device).is_some_and(|carrier| carrier.is_running);
            (device_name(device), Weight::new(0).judge(is_running))
        };
        self.settings.devices().into_iter().map(influence).collect()
    }

    /// Who cannot hear must not take part: it would be master beside every other one.
    fn take_hearing(&mut self, now: Instant, can_hear: bool) {
        let deaf = FaultReason::Other(Arc::from("adverts cannot be received on the interface"));
        self.tell(now, if can_hear { Event::FaultCleared(deaf) } else { Event::Fault(deaf) });
    }

    /// A peer that knows but the old checksum of unicast adverts is sent that from now on.
    fn take_old_peer(&mut self, peer: IpAddr) {
        if self.has_old_peer {
            return;
        }
        self.has_old_peer = true;
        match self.port.has_old_peer(true) {
            Ok(()) => self.events.push(EventKind::OldPeer { peer }),
            Err(error) => self.problem(error.into()),
        }
    }

    /// Tells of peers that are this machine itself, which are left out.
    fn tell_own_peers(&mut self) {
        let unicast = self.settings.destination.unicast();
        let peers = unicast.into_iter().flat_map(|unicast| &unicast.peers);
        let is_own = |peer: &IpAddr| self.view.is_own(*peer);
        let own: Vec<_> = peers.map(|peer| peer.address).filter(is_own).collect();
        let told = std::mem::replace(&mut self.own_peers, own);
        let new = self.own_peers.iter().filter(|peer| !told.contains(peer));
        self.events.extend(new.map(|&peer| EventKind::OwnPeer { peer }));
    }

    /// Takes away what a killed predecessor left in the kernel.
    #[inline(never)]
    fn remove_leftovers(&mut self) {
        match self.port.remove_leftovers() {
            Ok(none) if none == Leftovers::default() => {}
            Ok(Leftovers { addresses, filters, routes }) => {
                self.events.push(EventKind::LeftoversRemoved { addresses, filters, routes });
            }
            Err(error) => self.problem(error),
        }
    }

    /// Makes what another engine held its own, by the difference alone, and goes on announcing.
    #[inline(never)]
    fn adopt(&mut self, now: Instant, rounds_left: u8) {
        let held = self.port.held();
        match self.port.install() {
            Ok(done) => {
                let (rounds, added) = (self.settings.machine.announce.repeat, done.added.clone());
                self.take_missing(now, done);
                self.port.announce(now, rounds, Some(&added));
            }
            Err(error) => self.give_up_installing(now, error),
        }
        self.follow_up(now);
        // Somebody may have removed some of it meanwhile.
        self.put_back(now, &held);
        if self.is_installed {
            self.port.announce(now, rounds_left, None);
            self.plan_announcing_elsewhere(now);
        }
    }

    /// Puts objects back that someone else has taken away. Those that were taken away here, and
    /// are there again, show as what they are: the kernel has them already.
    #[inline(never)]
    fn put_back(&mut self, now: Instant, removed: &[ObjectKey]) {
        if !self.is_installed {
            return;
        }
        match self.port.put_back(removed) {
            Ok(done) => {
                let addresses: Vec<_> = done.added.iter().filter_map(address_of).collect();
                let routes: Vec<_> = done.added.iter().copied().filter(is_routing).collect();
                self.take_missing(now, done);
                if !routes.is_empty() {
                    self.events.push(EventKind::RoutesPutBack { routes });
                }
                if !addresses.is_empty() {
                    self.events.push(EventKind::PutBack { addresses });
                    self.tell(now, Event::AddressesLost);
                }
            }
            Err(error) => self.give_up_installing(now, error),
        }
        self.follow_up(now);
    }

    /// Goes by other settings without leaving its state.
    #[inline(never)]
    fn reconfigure(
        &mut self,
        now: Instant,
        settings: Arc<Settings>,
        view: InterfaceView,
        influences: Vec<(Arc<str>, Influence)>,
    ) {
        let failed_before = self.failed_installs;
        let before = std::mem::replace(&mut self.settings, Arc::clone(&settings));
        let view = self.debounce(now, view);
        if let Err(error) = self.port.reconfigure(Arc::clone(&settings), &view) {
            self.problem(error.into());
        }
        let devices = self.devices(&view).into_iter();
        let all = influences.into_iter().chain(devices);
        let trackers = all.map(|(name, influence)| Contribution { name, influence }).collect();
        self.tell(now, Event::Reload { config: settings.machine.clone(), trackers });
        self.follow_interfaces(now, view);
        self.complete_addresses(now, failed_before);
        if before.announce_elsewhere != settings.announce_elsewhere {
            self.plan_announcing_elsewhere(now);
        }
        if *before != *settings {
            self.events.push(EventKind::Reconfigured);
        }
    }
}

/// What the state machine wants done.
impl Engine {
    /// Tells the state machine, and does what it says.
    #[inline(never)]
    fn tell(&mut self, now: Instant, event: Event) {
        let actions = self.router.handle(now, event);
        self.carry_out(now, actions);
        self.follow_up(now);
    }

    /// Tells what carrying out its actions led to.
    fn follow_up(&mut self, now: Instant) {
        while let Some(event) = self.follow_ups.pop_front() {
            let actions = self.router.handle(now, event);
            self.carry_out(now, actions);
        }
    }

    fn carry_out(&mut self, now: Instant, actions: Actions) {
        for action in actions {
            match action {
                Action::SendAdvert { priority } => self.send(priority),
                Action::InstallAddresses => self.install(now),
                Action::RemoveAddresses => self.remove(),
                Action::Announce { rounds } => self.port.announce(now, rounds, None),
                Action::Transition(transition) => {
                    self.became_active += u64::from(transition.to == State::Active);
                    self.events.push(EventKind::Transition(transition));
                }
                Action::PriorityChanged { from, to } => {
                    self.events.push(EventKind::PriorityChanged { from, to });
                }
                Action::Report(report) => {
                    if matches!(report, Report::LosingAdvert(_) | Report::OwnerHeard(_)) {
                        self.tell_of_losers(now);
                    }
                    self.report(report);
                }
            }
        }
    }

    fn send(&mut self, priority: Priority) {
        match self.port.send_advert(priority) {
            Ok(packets) => self.sent += u64::from(packets > 0),
            Err(error) => {
                let is_partial =
                    matches!(error, PortError::Peers { failed, all, .. } if failed < all);
                self.sent += u64::from(is_partial);
                self.send_errors += 1;
                // One now and then, not one a packet: the counter has the rest.
                if self.send_errors.is_power_of_two() {
                    let count = self.send_errors;
                    self.events.push(EventKind::Problem { error, count });
                }
            }
        }
    }

    #[inline(never)]
    fn install(&mut self, now: Instant) {
        self.is_installed = true;
        self.plan_announcing_elsewhere(now);
        match self.port.install() {
            Ok(done) => {
                self.failed_installs = 0;
                if let Some(interface) = done.missing {
                    self.events.push(EventKind::AddressesWait { interface });
                }
                self.took_all(now, done);
            }
            Err(error) => self.give_up_installing(now, error),
        }
    }

    /// What was announced now is to be announced again after a while.
    fn plan_announcing_elsewhere(&mut self, now: Instant) {
        let every = self.settings.announce_elsewhere.filter(|_| self.is_installed);
        self.announce_elsewhere_at = every.map(|every| now + every);
    }

    /// Everything that was missing was tried.
    fn took_all(&mut self, now: Instant, done: Reconciled) {
        self.retry_routes_at = None;
        if done.refused.is_none() {
            self.failed_routes = 0;
        }
        self.take_missing(now, done);
    }

    /// Tries routes again later that the kernel refused.
    fn take_missing(&mut self, now: Instant, done: Reconciled) {
        if let Some(error) = done.refused {
            self.retry_routes_at = Some(now + install_pause(self.failed_routes));
            self.failed_routes = self.failed_routes.saturating_add(1);
            self.problem(error);
        }
    }

    fn give_up_installing(&mut self, now: Instant, error: PortError) {
        self.problem(error);
        self.retry_install_at = Some(now + install_pause(self.failed_installs));
        self.failed_installs = self.failed_installs.saturating_add(1);
        self.follow_ups.push_back(Event::Fault(FaultReason::InstallFailed));
    }

    /// Brings the addresses to the settings and the interfaces of now, and announces what is new;
    /// or tries all of them again, unless it has failed with just these since `failed_before`.
    #[inline(never)]
    fn complete_addresses(&mut self, now: Instant, failed_before: u32) {
        if self.failed_installs > failed_before {
            return;
        }
        if let Some(retry_at) = &mut self.retry_install_at {
            *retry_at = now;
        } else if self.is_installed {
            match self.port.install() {
                Ok(done) => {
                    if !done.added.is_empty() {
                        let rounds = self.settings.machine.announce.repeat;
                        self.port.announce(now, rounds, Some(&done.added));
                    }
                    self.took_all(now, done);
                }
                Err(error) => self.give_up_installing(now, error),
            }
            self.follow_up(now);
        }
    }

    #[inline(never)]
    fn remove(&mut self) {
        self.is_installed = false;
        self.announce_elsewhere_at = None;
        self.losers.due_at = None;
        self.retry_routes_at = None;
        self.port.stop_announcing();
        if let Err(error) = self.port.remove() {
            self.problem(error);
        }
    }

    /// Tells that a losing advert was heard, or puts it off if that was told just now.
    fn tell_of_losers(&mut self, now: Instant) {
        let next_at = self.losers.told_at.map(|at| at + LOSERS_APART);
        self.losers.due_at = next_at.filter(|at| *at > now);
        if self.losers.due_at.is_none() {
            self.losers.told_at = Some(now);
            self.events.push(EventKind::LoserHeard { priority: self.router.priority() });
        }
    }

    #[inline(never)]
    fn report(&mut self, report: Report) {
        let Some(name) = counted_as(&report) else {
            // These come from this machine, not from a neighbour.
            return self.events.push(EventKind::Report(report));
        };
        let count = self.reports.entry(name).or_default();
        *count += 1;
        // The first tells, and then one now and then: a neighbour must not fill the log.
        if count.is_power_of_two() {
            self.events.push(EventKind::Report(report));
        }
    }

    fn problem(&mut self, error: PortError) {
        self.events.push(EventKind::Problem { error, count: 1 });
    }
}

/// A name that no tracker of a configuration can have.
fn device_name(device: InterfaceName) -> Arc<str> {
    format!("{device} (of an address)").into()
}

/// The name under which a report is counted; `None` for those that are not.
fn counted_as(report: &Report) -> Option<&'static str> {
    match report {
        Report::TakenBack { .. } | Report::FaultAdded(_) | Report::FaultLifted(_) => None,
        counted => Some(counted.name()),
    }
}

/// How long to wait after an installation that failed, as so many before it in a row.
fn install_pause(failed_before: u32) -> Duration {
    INSTALL_RETRY * (1 << failed_before.min(INSTALL_DOUBLINGS))
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
