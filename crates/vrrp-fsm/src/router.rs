//! One virtual router.
//!
//! Every event goes the same way. The protocol's own (timer, advert) are answered by the state
//! they meet, [`Backup`] or [`Active`], whose deadlines live inside it: leaving a state is what
//! cancels its timers. The circumstances (faults, trackers, the address, the settings) are
//! taken in first and then settled in one place, [`Router::settle`], which asks what they
//! mean to the state at hand.
//!
//! There is one door into each state: [`Router::start`], [`Router::become_active`],
//! [`Router::step_down`], [`Router::enter_fault`]. A member of a sync group leaves two of them to
//! the group, starting and becoming active: see `member`.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;
use core::net::IpAddr;
use core::time::Duration;

use vrrp_proto::{Interval, Priority, Version};

use crate::active::Active;
use crate::trackers::Trackers;
use crate::{
    Action, Actions, Cause, Config, Contribution, Event, FaultReason, Heard, Influence, Instant,
    Peer, Report, State, Transition, active_down_interval, skew_time,
};

mod member;
mod resume;

pub use resume::Snapshot;

/// The state machine of one virtual router (RFC 9568 §6.4; RFC 3768 §6.4 for version 2).
///
/// It is told what happened through [`handle`](Self::handle) and answers with what to do. It
/// reads no clock and does no I/O: the caller asks for the [`deadline`](Self::deadline), waits
/// for it or for something else, and tells.
#[derive(Debug, Clone)]
pub struct Router {
    config: Config,
    phase: Phase,
    since: Option<Instant>,
    last_transition: Option<Transition>,
    primary: Option<IpAddr>,
    /// Those told as such; [`Router::faults`] has the rest.
    faults: BTreeSet<FaultReason>,
    trackers: Trackers,
    /// The priority that `config` and `trackers` make, as last told to the caller.
    effective: Priority,
    /// What ties it to its sync group, if it is in one.
    membership: Option<Membership>,
}

/// What a member of a sync group has besides.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Membership {
    /// Why nothing keeps it from starting any more.
    may_start: Option<Cause>,
    /// The members that wait for a verdict, by name.
    waiting: BTreeSet<Arc<str>>,
}

/// The state, with everything that ends when it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
enum Phase {
    Initialize,
    /// Started, and held back by a tracker without a verdict.
    Waiting,
    Backup(Backup),
    Active(Active),
    Fault,
}

#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Backup {
    /// Active_Down_Timer.
    active_down: Instant,
    /// What it will mean when that timer fires.
    expected: Takeover,
    /// The router heard last, accepted or not, unless it resigned.
    heard: Option<Peer>,
    /// The router whose advert was accepted last, unless it hands over.
    followed: Option<IpAddr>,
    /// Active_Adver_Interval once it was learnt; the own interval before.
    learnt: Option<Interval>,
    /// When a lower-priority Active Router was first heard: `preempt_delay` runs from here.
    lower_since: Option<Instant>,
    /// Why it would be Active already if its sync group let it: its timer has fired, and nothing
    /// was heard since that speaks against it.
    wants_active: Option<Cause>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
enum Takeover {
    Silence,
    Resignation(Peer),
    Preemption(Peer),
    Handover(Peer),
}

impl Router {
    /// A router in Initialize that knows nothing but its settings.
    ///
    /// Before it can take part it must be told its primary address and then to start.
    pub fn new(config: Config) -> Self {
        let trackers = Trackers::default();
        Self {
            effective: trackers.effective(config.priority),
            config,
            phase: Phase::Initialize,
            since: None,
            last_transition: None,
            primary: None,
            faults: BTreeSet::new(),
            trackers,
            membership: None,
        }
    }

    /// Takes one event in and returns what to do about it, complete and in order.
    ///
    /// `now` is the time of the event: for an advert its arrival, even if it was left lying
    /// for a while.
    pub fn handle(&mut self, now: Instant, event: Event) -> Actions {
        let mut out = Actions::default();
        self.step_down_if_late(now, &mut out);
        match event {
            Event::Startup => self.startup(now, &mut out),
            Event::Resume(snapshot) => self.resume(now, *snapshot, &mut out),
            Event::Shutdown => self.shutdown(now, &mut out),
            Event::Timer => self.timer(now, &mut out),
            Event::Advert(heard) => self.advert(now, heard, &mut out),
            Event::AddressesLost => self.addresses_lost(&mut out),
            Event::Reconfigure(config) => self.reconfigure(now, config, None, &mut out),
            Event::Reload { config, trackers } => {
                self.reconfigure(now, config, Some(trackers), &mut out);
            }
            circumstance => {
                let cause = self.take_in(circumstance);
                self.settle(now, cause, &mut out);
            }
        }
        out
    }

    /// When to send [`Event::Timer`] at the latest; `None` while no timer runs, which is in
    /// every state but Backup and Active, and in Backup while a sync group holds the router back.
    pub fn deadline(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Initialize | Phase::Waiting | Phase::Fault => None,
            Phase::Backup(backup) => backup.wants_active.is_none().then_some(backup.active_down),
            Phase::Active(active) => Some(active.deadline()),
        }
    }

    /// From when on this Active Router has been silent for so long that its peers may have
    /// succeeded it; `None` in every other state. It is
    /// [`down_timer_adverts`](Config::down_timer_adverts) intervals after its last advert, and two
    /// at least.
    ///
    /// Whatever it is told from then on, it first steps down, without a word. Only an address
    /// owner on its own, which is always Active (RFC 9568 §6.4.1), puts the addresses back and
    /// announces them anew.
    ///
    /// A program that takes the addresses of a router that hangs away waits until then, and has
    /// to tell the router nothing: if it wakes up, it finds that it is late.
    pub fn late_at(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Active(active) => Some(active.late_at()),
            _ => None,
        }
    }

    /// Whether it is [late](Self::late_at) and has to step down. Before it is told of anything
    /// that has arrived meanwhile, under the time of its arrival, it has to be told of
    /// [`Event::Timer`], under the time that it is.
    pub fn must_step_down(&self, now: Instant) -> bool {
        !self.is_always_active() && self.late_at().is_some_and(|late_at| now >= late_at)
    }

    /// Whether this advert would do nothing but restart the Active_Down_Timer.
    ///
    /// If so, its receiver may put it aside instead of waking the router's thread, and keep
    /// only the newest such advert with its time of arrival. The thread must then handle that
    /// one, with that time, before it handles anything else. The answer holds until
    /// [`handle`](Self::handle) is called with anything but such an advert.
    pub fn would_only_restart_timer(&self, heard: &Heard) -> bool {
        self.expected_advert() == Some(*heard)
    }

    /// The one advert of which [`would_only_restart_timer`](Self::would_only_restart_timer) is
    /// true: the repetition of the last one, if that was accepted. A receiver in another thread
    /// can be given it to compare with.
    pub fn expected_advert(&self) -> Option<Heard> {
        let Phase::Backup(backup) = &self.phase else { return None };
        let Peer { source, priority, interval, .. } = backup.heard?;
        let heard = Heard { source, priority, interval };
        let accepted = matches!(backup.expected, Takeover::Silence)
            && backup.lower_since.is_none()
            && backup.wants_active.is_none()
            && !self.outranks(priority);
        (accepted && !self.ignores(&heard)).then_some(heard)
    }
}

/// What the router knows and thinks, for status displays.
impl Router {
    /// The settings in force.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// The state.
    pub const fn state(&self) -> State {
        self.phase.state()
    }

    /// Since when it has been in that state; `None` before the first transition.
    pub const fn since(&self) -> Option<Instant> {
        self.since
    }

    /// The transition that led to that state, and with it the cause.
    pub const fn last_transition(&self) -> Option<&Transition> {
        self.last_transition.as_ref()
    }

    /// The effective priority: what this router advertises and competes with.
    pub const fn priority(&self) -> Priority {
        self.effective
    }

    /// Every tracker's influence by name. What an address owner's say in points is not
    /// counted.
    pub fn contributions(&self) -> &[Contribution] {
        self.trackers.as_slice()
    }

    /// Every reason not to take part.
    pub fn faults(&self) -> impl Iterator<Item = FaultReason> {
        let no_address = self.primary.is_none().then_some(FaultReason::NoPrimaryAddress);
        let failed = self.trackers.names(|influence| self.is_fault(influence));
        let told = self.faults.iter().cloned();
        no_address.into_iter().chain(told).chain(failed.cloned().map(FaultReason::Tracker))
    }

    /// Whom a router in Initialize or Fault has to wait for: the trackers without a verdict, and
    /// the members of its sync group that wait for theirs.
    pub fn waiting_for(&self) -> impl Iterator<Item = &str> {
        let trackers = self.own_waiting();
        trackers.chain(self.waiting_members()).map(|name| &**name)
    }

    /// Whether it would be Active already if its sync group let it.
    pub fn is_held_back(&self) -> bool {
        self.wants_active().is_some()
    }

    /// The address that adverts are sent from.
    pub const fn primary_address(&self) -> Option<IpAddr> {
        self.primary
    }

    /// The Active Router as a Backup Router sees it: the sender of the last advert, unless it
    /// resigned. `None` in every other state.
    pub const fn active_router(&self) -> Option<&Peer> {
        match &self.phase {
            Phase::Backup(backup) => backup.heard.as_ref(),
            _ => None,
        }
    }

    /// The router that it follows as Backup: the one whose advert it accepted last, unless that has
    /// begun to hand over.
    pub const fn followed(&self) -> Option<IpAddr> {
        match &self.phase {
            Phase::Backup(backup) => backup.followed,
            _ => None,
        }
    }

    /// Active_Adver_Interval: what the Active Router advertises, as far as it was learnt;
    /// otherwise, and always in version 2, the own interval.
    pub fn active_adver_interval(&self) -> Interval {
        match &self.phase {
            Phase::Backup(backup) => backup.interval(&self.config),
            _ => self.config.interval,
        }
    }

    /// Skew_Time for the effective priority.
    pub fn skew_time(&self) -> Duration {
        self.skew_of(self.effective)
    }

    /// Active_Down_Interval for the effective priority.
    pub fn active_down_interval(&self) -> Duration {
        let Config { version, down_timer_adverts, .. } = self.config;
        let interval = self.active_adver_interval();
        active_down_interval(version, self.effective, interval, down_timer_adverts)
    }

    fn skew_of(&self, priority: Priority) -> Duration {
        skew_time(self.config.version, priority, self.active_adver_interval())
    }
}

/// Starting and stopping.
impl Router {
    fn startup(&mut self, now: Instant, out: &mut Actions) {
        if !matches!(self.phase, Phase::Initialize) {
            return;
        }
        self.phase = Phase::Waiting;
        if let Some(reason) = self.first_fault() {
            self.enter_fault(now, reason, out);
        } else if self.is_eligible() {
            self.may_start(now, Cause::Startup, out);
        }
    }

    /// Starts, or lets its sync group do so.
    fn may_start(&mut self, now: Instant, cause: Cause, out: &mut Actions) {
        match &mut self.membership {
            Some(membership) => membership.may_start = Some(cause),
            None => self.start(now, cause, out),
        }
    }

    /// RFC 9568 §6.4.1, on Startup and whenever a router may take part again: the address
    /// owner is Active at once, everyone else watches for a full interval.
    fn start(&mut self, now: Instant, cause: Cause, out: &mut Actions) {
        if self.effective.is_owner() {
            return self.become_active(now, cause, out);
        }
        self.enter_backup(now, None, cause, out);
    }

    fn shutdown(&mut self, now: Instant, out: &mut Actions) {
        match self.phase {
            Phase::Initialize => {}
            // Nobody was told that it had started.
            Phase::Waiting => self.phase = Phase::Initialize,
            Phase::Active(_) => {
                out.push(Action::SendAdvert { priority: Priority::RESIGN });
                out.push(Action::RemoveAddresses);
                self.transition(now, Phase::Initialize, Cause::Shutdown, out);
            }
            Phase::Backup(_) | Phase::Fault => {
                self.transition(now, Phase::Initialize, Cause::Shutdown, out);
            }
        }
    }
}

/// Changes of state. Everyone of them passes here.
impl Router {
    fn transition(&mut self, now: Instant, phase: Phase, cause: Cause, out: &mut Actions) {
        let from = self.state();
        self.phase = phase;
        self.since = Some(now);
        let transition = Transition { from, to: self.state(), cause, priority: self.effective };
        self.last_transition = Some(transition.clone());
        out.push(Action::Transition(transition));
    }

    fn become_active(&mut self, now: Instant, cause: Cause, out: &mut Actions) {
        out.push(Action::SendAdvert { priority: self.effective });
        out.push(Action::InstallAddresses);
        out.announce(self.config.announce.repeat);
        let active = Active::new(now, &self.config);
        self.transition(now, Phase::Active(active), cause, out);
    }

    /// The Active Router loses to `peer`: RFC 9568 §6.4.3.
    fn step_down(&mut self, now: Instant, peer: Peer, cause: Cause, out: &mut Actions) {
        if self.config.higher_prio_send_advert {
            out.push(Action::SendAdvert { priority: self.effective });
        }
        out.push(Action::RemoveAddresses);
        self.enter_backup(now, Some(peer), cause, out);
        if self.learns(self.config.interval, peer.interval) {
            out.report(Report::IntervalLearnt {
                source: peer.source,
                from: self.config.interval,
                to: peer.interval,
            });
        }
    }

    /// An Active Router that stood still until others have succeeded it is a Backup Router that
    /// does not know it yet. It neither resigns nor answers what arrived meanwhile.
    fn step_down_if_late(&mut self, now: Instant, out: &mut Actions) {
        let Phase::Active(active) = &self.phase else { return };
        let cause = Cause::Late { silent: active.silence(now) };
        if !self.must_step_down(now) {
            return;
        }
        out.push(Action::RemoveAddresses);
        self.watch_with_group(now, cause, out);
    }

    /// Nobody succeeds an address owner for long, and it is Active whatever it hears; as a member
    /// of a sync group it is what the others are.
    fn is_always_active(&self) -> bool {
        self.effective.is_owner() && self.membership.is_none()
    }

    /// An address owner that stood still takes the addresses back from whoever succeeded it.
    fn take_back(&mut self, now: Instant, silent: Duration, out: &mut Actions) {
        out.push(Action::SendAdvert { priority: self.effective });
        out.push(Action::InstallAddresses);
        out.announce(self.config.announce.repeat);
        out.report(Report::TakenBack { silent });
        self.phase = Phase::Active(Active::new(now, &self.config));
    }

    /// Waits for a full Active_Down_Interval, counted in the interval of `peer` if there is
    /// one to follow.
    fn enter_backup(&mut self, now: Instant, peer: Option<Peer>, cause: Cause, out: &mut Actions) {
        let backup = Backup {
            active_down: now,
            expected: Takeover::Silence,
            heard: peer,
            followed: peer.map(|peer| peer.source),
            learnt: peer.map(|peer| peer.interval),
            lower_since: None,
            wants_active: None,
        };
        self.transition(now, Phase::Backup(backup), cause, out);
        self.restart_active_down(now);
    }

    fn enter_fault(&mut self, now: Instant, reason: FaultReason, out: &mut Actions) {
        if matches!(self.phase, Phase::Active(_)) {
            if !self.faults().any(|reason| reason.prevents_sending()) {
                out.push(Action::SendAdvert { priority: Priority::RESIGN });
            }
            out.push(Action::RemoveAddresses);
        }
        self.transition(now, Phase::Fault, Cause::Fault(reason), out);
    }
}

/// The timers.
impl Router {
    fn timer(&mut self, now: Instant, out: &mut Actions) {
        match &mut self.phase {
            Phase::Backup(backup) if now >= backup.active_down => {
                let cause = backup.cause(now);
                self.may_become_active(now, cause, out);
            }
            // Whoever is not always Active has stepped down before this.
            Phase::Active(active) if now >= active.late_at() => {
                let silent = active.silence(now);
                self.take_back(now, silent, out);
            }
            Phase::Active(active) => active.timer(now, &self.config, self.effective, out),
            _ => {}
        }
    }

    /// Becomes Active, or lets its sync group know that it would.
    fn may_become_active(&mut self, now: Instant, cause: Cause, out: &mut Actions) {
        match (&self.membership, &mut self.phase) {
            (Some(_), Phase::Backup(backup)) => {
                backup.wants_active.get_or_insert(cause);
            }
            _ => self.become_active(now, cause, out),
        }
    }

    fn restart_active_down(&mut self, now: Instant) {
        let active_down = now + self.active_down_interval();
        if let Phase::Backup(backup) = &mut self.phase {
            backup.set_active_down(active_down);
        }
    }
}

impl Phase {
    const fn state(&self) -> State {
        match self {
            Self::Initialize | Self::Waiting => State::Initialize,
            Self::Backup(_) => State::Backup,
            Self::Active(_) => State::Active,
            Self::Fault => State::Fault,
        }
    }
}

impl Backup {
    /// Waits anew.
    fn set_active_down(&mut self, at: Instant) {
        self.active_down = at;
        self.wants_active = None;
    }

    fn interval(&self, config: &Config) -> Interval {
        match config.version {
            Version::V2 => config.interval,
            Version::V3 => self.learnt.unwrap_or(config.interval),
        }
    }

    fn succeeds_a_resignation(&self) -> bool {
        matches!(self.expected, Takeover::Resignation(_))
    }

    fn succeeds_a_handover(&self) -> bool {
        matches!(self.expected, Takeover::Handover(_))
    }

    /// Whether its timer runs for a Skew_Time only.
    fn waits_for_skew(&self) -> bool {
        self.succeeds_a_resignation() || self.succeeds_a_handover()
    }

    /// The router that it follows wants to be replaced by whoever is better: the fastest of them
    /// is the best one, as after a resignation. But nobody waits longer for it than it would have.
    fn follow_handover(&mut self, peer: Peer, skewed: Instant) {
        self.followed = None;
        self.active_down = self.active_down.min(skewed);
        self.expected = Takeover::Handover(peer);
    }

    fn cause(&self, now: Instant) -> Cause {
        let late = now.saturating_since(self.active_down);
        match self.expected {
            Takeover::Silence => Cause::ActiveDown { last: self.heard, late },
            Takeover::Resignation(peer) => Cause::Resignation { peer, late },
            Takeover::Preemption(peer) => Cause::Preemption { peer, late },
            Takeover::Handover(peer) => Cause::Handover { peer, late },
        }
    }
}

/// Adverts.
impl Router {
    fn advert(&mut self, now: Instant, heard: Heard, out: &mut Actions) {
        let taking_part = matches!(self.phase, Phase::Backup(_) | Phase::Active(_));
        if taking_part && self.primary == Some(heard.source) {
            return out.report(Report::OwnAddress(heard.at(now)));
        }
        if !taking_part || self.ignores(&heard) {
            return;
        }
        match &self.phase {
            Phase::Active(_) => self.advert_as_active(now, heard.at(now), out),
            _ => self.advert_as_backup(now, heard.at(now), out),
        }
    }

    /// RFC 9568 §6.4.2.
    fn advert_as_backup(&mut self, now: Instant, peer: Peer, out: &mut Actions) {
        let skew_time = self.skew_time();
        let lower = self.outranks(peer.priority);
        let Config { preempt_delay, fast_handover, .. } = self.config;
        // What waited while it was Active may be the oldest part of what has arrived since.
        let is_old = self.since.is_some_and(|since| now < since);
        let Phase::Backup(backup) = &mut self.phase else { return };

        if peer.priority.is_resignation() {
            if !is_old {
                let skewed = now + skew_time;
                let is_under_way = backup.succeeds_a_handover() && backup.wants_active.is_none();
                let at = if is_under_way { backup.active_down.min(skewed) } else { skewed };
                backup.set_active_down(at);
                backup.expected = Takeover::Resignation(peer);
            }
            backup.heard = backup.heard.filter(|heard| heard.source != peer.source);
            return;
        }
        backup.heard = Some(peer);
        if lower {
            let since = *backup.lower_since.get_or_insert(now);
            if now >= since + preempt_delay {
                // Discarded: the timer goes on.
                if fast_handover && !is_old && backup.followed == Some(peer.source) {
                    backup.follow_handover(peer, now + skew_time);
                } else if !backup.waits_for_skew() {
                    backup.expected = Takeover::Preemption(peer);
                }
                return;
            }
        } else {
            backup.lower_since = None;
        }
        self.accept(now, peer, out);
    }

    /// Follows `peer`: its interval, and for another Active_Down_Interval its word.
    fn accept(&mut self, now: Instant, peer: Peer, out: &mut Actions) {
        let followed = self.active_adver_interval();
        if self.learns(followed, peer.interval) {
            out.report(Report::IntervalLearnt {
                source: peer.source,
                from: followed,
                to: peer.interval,
            });
        }
        let Phase::Backup(backup) = &mut self.phase else { return };
        backup.learnt = Some(peer.interval);
        backup.followed = Some(peer.source);
        backup.expected = Takeover::Silence;
        self.restart_active_down(self.since.map_or(now, |since| now.max(since)));
    }

    /// RFC 9568 §6.4.3.
    fn advert_as_active(&mut self, now: Instant, peer: Peer, out: &mut Actions) {
        if peer.priority.is_resignation() {
            self.while_active(|active, config, own| active.answer(now, config, own, out));
        } else if (peer.priority, Some(peer.source)) > (self.effective, self.primary) {
            let cause = if peer.priority > self.effective {
                Cause::HigherPriority(peer)
            } else if self.effective.is_owner() {
                Cause::TwoOwners(peer)
            } else {
                Cause::HigherAddress(peer)
            };
            return self.step_down(now, peer, cause, out);
        } else {
            self.while_active(|active, config, own| active.refute(now, config, own, out));
        }
        self.report_loser(peer, out);
    }

    fn report_loser(&self, peer: Peer, out: &mut Actions) {
        match (self.effective.is_owner(), peer.priority) {
            (true, Priority::OWNER) => out.report(Report::TwoOwners(peer)),
            (true, _) => out.report(Report::OwnerHeard(peer)),
            (false, Priority::RESIGN) => {}
            (false, _) => out.report(Report::LosingAdvert(peer)),
        }
    }

    fn while_active(&mut self, act: impl FnOnce(&mut Active, &Config, Priority)) {
        if let Phase::Active(active) = &mut self.phase {
            act(active, &self.config, self.effective);
        }
    }

    /// Whether an advert is none to this router: as address owner, if told so, every one is.
    fn ignores(&self, heard: &Heard) -> bool {
        self.primary == Some(heard.source)
            || (self.config.owner_ignore_adverts && self.effective.is_owner())
    }

    /// Whether this router wants to replace the sender: Preempt_Mode, which an owner always
    /// has, and a lower priority. A Backup Router never compares addresses.
    fn outranks(&self, priority: Priority) -> bool {
        (self.config.preempt || self.effective.is_owner()) && priority < self.effective
    }

    /// Whether `advertised` is news to a router that follows `followed`.
    fn learns(&self, followed: Interval, advertised: Interval) -> bool {
        self.config.version == Version::V3 && advertised != followed
    }
}

/// The circumstances: faults, trackers, the address, the settings.
impl Router {
    /// Notes a fact. If it bears on taking part: why the state may change.
    fn take_in(&mut self, event: Event) -> Option<Cause> {
        match event {
            Event::Fault(FaultReason::NoPrimaryAddress) => self.set_primary(None),
            Event::PrimaryAddress(primary) => self.set_primary(primary),
            Event::Fault(FaultReason::Tracker(name)) => self.set_tracker(name, Influence::Fault),
            Event::FaultCleared(FaultReason::Tracker(name)) => self.clear_tracker(name),
            Event::Tracker { name, influence } => self.set_tracker(name, influence),
            Event::TrackerRemoved { name } => {
                let before = self.trackers.remove(&name);
                match self.tracker_changed(name, before, Influence::None) {
                    // It never gave a verdict.
                    Some(Cause::Ready(_)) => Some(Cause::Reconfigured),
                    cause => cause,
                }
            }
            Event::Fault(reason) => {
                self.faults.insert(reason.clone()).then_some(Cause::Fault(reason))
            }
            Event::FaultCleared(reason) => {
                self.faults.remove(&reason).then_some(Cause::FaultCleared(reason))
            }
            // No circumstances: `handle` answers them itself.
            Event::Startup
            | Event::Resume(_)
            | Event::Shutdown
            | Event::Timer
            | Event::Advert(_)
            | Event::AddressesLost
            | Event::Reconfigure(_)
            | Event::Reload { .. } => None,
        }
    }

    fn set_primary(&mut self, primary: Option<IpAddr>) -> Option<Cause> {
        match (mem::replace(&mut self.primary, primary), primary) {
            (None, Some(_)) => Some(Cause::FaultCleared(FaultReason::NoPrimaryAddress)),
            (Some(_), None) => Some(Cause::Fault(FaultReason::NoPrimaryAddress)),
            _ => None,
        }
    }

    fn set_tracker(&mut self, name: Arc<str>, influence: Influence) -> Option<Cause> {
        let before = self.trackers.set(&name, influence);
        self.tracker_changed(name, before, influence)
    }

    fn clear_tracker(&mut self, name: Arc<str>) -> Option<Cause> {
        match self.trackers.get(&name) {
            Influence::Fault => self.set_tracker(name, Influence::None),
            _ => None,
        }
    }

    fn tracker_changed(&self, name: Arc<str>, from: Influence, to: Influence) -> Option<Cause> {
        match (self.is_fault(from), self.is_fault(to)) {
            (false, true) => Some(Cause::Fault(FaultReason::Tracker(name))),
            (true, false) => Some(Cause::FaultCleared(FaultReason::Tracker(name))),
            _ => (from == Influence::Waiting).then_some(Cause::Ready(name)),
        }
    }

    /// Draws the consequences of changed circumstances.
    fn settle(&mut self, now: Instant, cause: Option<Cause>, out: &mut Actions) {
        let effective = self.trackers.effective(self.config.priority);
        let before = mem::replace(&mut self.effective, effective);
        match self.phase {
            // Nobody is told before the start.
            Phase::Initialize => return,
            Phase::Backup(_) | Phase::Active(_) => match self.first_fault() {
                Some(reason) => self.enter_fault(now, reason, out),
                None => self.apply_priority(now, before, out),
            },
            Phase::Waiting | Phase::Fault => self.settle_outside(now, cause, out),
        }
        if before != effective {
            out.push(Action::PriorityChanged { from: before, to: effective });
        }
    }

    /// As [`settle`](Self::settle), for a router that does not take part.
    fn settle_outside(&mut self, now: Instant, cause: Option<Cause>, out: &mut Actions) {
        match (self.first_fault(), cause) {
            (Some(reason), _) if matches!(self.phase, Phase::Waiting) => {
                self.enter_fault(now, reason, out);
            }
            (None, Some(cause)) if self.is_eligible() => self.may_start(now, cause, out),
            (_, Some(Cause::Fault(reason))) => out.report(Report::FaultAdded(reason)),
            (_, Some(Cause::FaultCleared(reason))) => out.report(Report::FaultLifted(reason)),
            _ => {}
        }
    }

    /// Makes a changed effective priority felt.
    ///
    /// A fall is advertised at once, so that a better router learns of it without waiting for
    /// the next advert; a rise has time until then. Handing over even faster would be a
    /// resignation instead of an advert here, which a router may only send when another is
    /// known to be better.
    fn apply_priority(&mut self, now: Instant, before: Priority, out: &mut Actions) {
        let after = self.effective;
        if after == before {
            return;
        }
        let (skew_before, skew_after) = (self.skew_of(before), self.skew_of(after));
        match &mut self.phase {
            Phase::Backup(_) if after.is_owner() => {
                self.may_become_active(now, Cause::Reconfigured, out);
            }
            Phase::Backup(backup) => {
                backup.active_down = backup.active_down.shifted(skew_before, skew_after);
                if backup.succeeds_a_handover() {
                    // There may be no advert until it would take over.
                    self.reconsider(out);
                }
            }
            Phase::Active(active) if after < before => {
                active.advertise(now, &self.config, after, out);
            }
            _ => {}
        }
    }

    fn addresses_lost(&mut self, out: &mut Actions) {
        if matches!(self.phase, Phase::Active(_)) {
            out.push(Action::InstallAddresses);
            out.announce(self.config.announce.repeat);
            out.report(Report::AddressesLost);
        }
    }

    /// New settings, and other trackers if some are given. Equal ones are nothing.
    fn reconfigure(
        &mut self,
        now: Instant,
        config: Config,
        trackers: Option<Vec<Contribution>>,
        out: &mut Actions,
    ) {
        let trackers = trackers.map_or_else(|| self.trackers.clone(), Trackers::from);
        if (&config, &trackers) == (&self.config, &self.trackers) {
            return;
        }
        let (skew_before, wait_before) = (self.skew_time(), self.active_down_interval());
        let before = mem::replace(&mut self.config, config);
        self.trackers = trackers;
        let (skew_after, wait_after) = (self.skew_time(), self.active_down_interval());
        match &mut self.phase {
            Phase::Backup(backup) if backup.waits_for_skew() => {
                backup.active_down = backup.active_down.shifted(skew_before, skew_after);
            }
            Phase::Active(active) => active.reconfigure(now, &before, &self.config),
            _ => {}
        }
        self.settle(now, Some(Cause::Reconfigured), out);
        self.reconsider(out);
        if wait_before != wait_after && !self.waits_for_skew() {
            // Not shifted: the old timer was set for adverts at the old interval.
            self.restart_active_down(now);
        }
    }

    /// Judges the Active Router that was heard last by what counts now: one that may not be
    /// replaced any more, or not yet, is followed as if it never might have been.
    fn reconsider(&mut self, out: &mut Actions) {
        let Phase::Backup(Backup { heard: Some(peer), .. }) = self.phase else { return };
        let (lower, delay) = (self.outranks(peer.priority), self.config.preempt_delay);
        let Phase::Backup(backup) = &mut self.phase else { return };
        backup.lower_since = backup.lower_since.filter(|_| lower);
        let is_left_alone = backup.lower_since.is_none_or(|since| peer.heard_at < since + delay);
        let is_under_way =
            matches!(backup.expected, Takeover::Preemption(_) | Takeover::Handover(_));
        if is_left_alone && is_under_way {
            self.accept(peer.heard_at, peer, out);
        }
    }

    fn waits_for_skew(&self) -> bool {
        matches!(&self.phase, Phase::Backup(backup) if backup.waits_for_skew())
    }

    fn first_fault(&self) -> Option<FaultReason> {
        self.faults().next()
    }

    /// Whether nothing stands in the way of taking part.
    fn is_eligible(&self) -> bool {
        self.first_fault().is_none() && self.waiting_for().next().is_none()
    }

    fn is_fault(&self, influence: Influence) -> bool {
        match influence {
            Influence::Fault => true,
            Influence::WeightedFault => !self.config.priority.is_owner(),
            Influence::None | Influence::Weight(_) | Influence::Waiting => false,
        }
    }
}
