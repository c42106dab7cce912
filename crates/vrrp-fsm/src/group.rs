//! Sync groups: routers that are Active together or not at all.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Deref;

use crate::{Action, Actions, Cause, Event, FaultReason, Instant, Router, State};

/// A sync group that owns its members: one event in, everybody's actions out, tagged and in order.
///
/// ```
/// use vrrp_fsm::{Config, Event, Group, Instant, Router, State};
/// use vrrp_proto::Version;
///
/// let mut group = Group::new();
/// for (name, address) in [("outside", "192.0.2.1"), ("inside", "198.51.100.1")] {
///     group.add(Instant::ZERO, name, Router::new(Config::new(Version::V3)));
///     let address = Event::PrimaryAddress(Some(address.parse()?));
///     let _ = group.handle(Instant::ZERO, name, address);
/// }
/// let _ = group.handle_all(Instant::ZERO, &Event::Startup);
/// assert_eq!(group.state(), State::Backup);
///
/// let silence = group.deadline().expect("a backup has a timer");
/// let _ = group.handle_all(silence, &Event::Timer);
/// assert!(group.members().all(|(_, router)| router.state() == State::Active));
/// # Ok::<(), core::net::AddrParseError>(())
/// ```
///
/// Whoever keeps each router beside its own sockets uses [`GroupRules`] instead.
#[derive(Debug, Clone, Default)]
pub struct Group {
    rules: GroupRules,
    routers: Vec<Router>,
}

impl Group {
    /// A group without members.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a router in, running or not, under a name that no other member has.
    ///
    /// One that was not started yet and is told to start becomes what the group is. One that runs
    /// keeps its state if that is the group's; otherwise whoever is better off gives way.
    pub fn add(
        &mut self,
        now: Instant,
        name: impl Into<Arc<str>>,
        mut router: Router,
    ) -> GroupActions {
        router.join();
        self.routers.push(router);
        self.rules.members.push(name.into());
        self.settle(now)
    }

    /// Lets a member go: with it what it does on its own from now on, and then the others'
    /// actions. To end it, tell it [`Event::Shutdown`].
    pub fn remove(&mut self, now: Instant, name: &str) -> Option<(Router, Actions, GroupActions)> {
        let index = self.position(name)?;
        let mut router = self.routers.remove(index);
        self.rules.members.remove(index);
        if index < self.rules.settled.len() {
            self.rules.settled.remove(index);
        }
        let actions = router.leave(now);
        Some((router, actions, self.settle(now)))
    }

    /// Tells a member of an event. One that nobody is called is told to nobody.
    pub fn handle(&mut self, now: Instant, name: &str, event: Event) -> GroupActions {
        let mut out = self.step_down_late(now);
        if let Some(index) = self.position(name) {
            out.extend(index, self.routers[index].handle(now, event));
        }
        out.0.extend(self.settle(now));
        out
    }

    /// Tells all members of an event before anything is decided: [`Event::Startup`],
    /// [`Event::Shutdown`], [`Event::Timer`], and what the group itself tracks.
    pub fn handle_all(&mut self, now: Instant, event: &Event) -> GroupActions {
        let mut out = self.step_down_late(now);
        for (index, router) in self.routers.iter_mut().enumerate() {
            out.extend(index, router.handle(now, event.clone()));
        }
        out.0.extend(self.settle(now));
        out
    }

    fn step_down_late(&mut self, now: Instant) -> GroupActions {
        let mut out = GroupActions::default();
        for (index, router) in self.routers.iter_mut().enumerate() {
            if router.must_step_down(now) {
                out.extend(index, router.handle(now, Event::Timer));
            }
        }
        if !out.is_empty() {
            out.0.extend(self.settle(now));
        }
        out
    }

    /// When to tell all of [`Event::Timer`] at the latest.
    pub fn deadline(&self) -> Option<Instant> {
        self.routers.iter().filter_map(Router::deadline).min()
    }

    /// The state that all members have.
    pub const fn state(&self) -> State {
        self.rules.state
    }

    /// The members with their names, in the order in which actions name them.
    pub fn members(&self) -> impl ExactSizeIterator<Item = (&Arc<str>, &Router)> {
        self.rules.members.iter().zip(&self.routers)
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.rules.members.iter().position(|member| **member == *name)
    }

    fn settle(&mut self, now: Instant) -> GroupActions {
        let mut routers: Vec<_> = self.routers.iter_mut().map(Some).collect();
        self.rules.settle(now, &mut routers)
    }
}

/// What makes routers a sync group, for a caller who keeps them.
///
/// - All members are Active, or none is. They become Active when each would be so on its own: its
///   timer has fired, and nothing was heard since that speaks against it. So nobody preempts
///   alone, and the longest `preempt_delay` counts.
/// - A member that loses to another router takes all others with it. They do not resign: whoever
///   has won on one link is about to win on all.
/// - While one member cannot take part, none does: the others are told
///   [`FaultReason::Member`], and resign. When the last fault has gone, all start together.
/// - All start together: nobody while one waits for a verdict. Address owners become Active at
///   once only if all members are owners.
/// - A member that was not started, or has ended, does not count. One that starts beside Active
///   ones becomes Active with them; if it loses, all step down.
///
/// # What the caller owes
///
/// Beyond what each [`Router`] wants of its caller:
///
/// - **Joined before they start.** [`join`](Self::join) comes before a router's
///   [`Event::Startup`], and all are started before the first [`settle`](Self::settle).
/// - **Settled at once.** After a member has handled an event, and its actions are carried out,
///   [`settle`](Self::settle) comes before anything else is told to any member; and what it
///   returns is carried out in order before anything else.
/// - **Ears before alarms, for all.** Before it settles after a timer, everything that has
///   arrived for *any* member is handled: a member that was held back may have to hear that its
///   master is there after all.
/// - **Who is late comes first.** Before any member is told of anything, each that
///   [has to step down](Router::must_step_down) is told of [`Event::Timer`], and the group is
///   settled. Another member's advert would keep its peers from succeeding a group that steps
///   down.
/// - **Who died is none.** A member whose machine is lost is handed over as `None` until there is
///   a new one, which has joined. That counts as a fault.
/// - **Ending together.** Once one member was told to end with the others, the group is not
///   settled any more: the first to end would make the others start anew or fail.
/// - **Group transitions** are told to nobody else: reporting them is the caller's.
#[derive(Debug, Clone)]
pub struct GroupRules {
    members: Vec<Arc<str>>,
    state: State,
    /// Each member's state and since when it has it, as they were settled last.
    settled: Vec<Option<(State, Option<Instant>)>>,
}

impl Default for GroupRules {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

/// A member's state machine; none while it has none.
type Seat<'a> = Option<&'a mut Router>;

impl GroupRules {
    /// A group of routers with these names, none of which has started.
    pub const fn new(members: Vec<Arc<str>>) -> Self {
        Self { members, state: State::Initialize, settled: Vec::new() }
    }

    /// The members' names, in the order in which actions name them.
    pub fn members(&self) -> &[Arc<str>] {
        &self.members
    }

    /// The state that all members have.
    pub const fn state(&self) -> State {
        self.state
    }

    /// Goes on from that state: that of a group whose members were others, so that it is no
    /// transition.
    #[must_use]
    pub const fn in_state(mut self, state: State) -> Self {
        self.state = state;
        self
    }

    /// Makes a router, running or not, leave starting and becoming Active to a group.
    pub fn join(router: &mut Router) {
        router.join();
    }

    /// Makes a router stand on its own again, and says what it does for that.
    pub fn leave(now: Instant, router: &mut Router) -> Actions {
        router.leave(now)
    }

    /// Draws the conclusions of what has happened to members, which come in the order of
    /// [`members`](Self::members): afterwards all are Active or none is.
    ///
    /// # Panics
    /// If there are not as many routers as members.
    pub fn settle(&mut self, now: Instant, routers: &mut [Option<&mut Router>]) -> GroupActions {
        assert_eq!(routers.len(), self.members.len(), "a place for each member");
        let mut out = GroupActions::default();
        self.share_faults(now, routers, &mut out);
        self.step_down(now, routers, &mut out);
        self.start(now, routers, &mut out);
        take_over(now, routers, &mut out);
        self.report(routers, &mut out);
        out
    }

    /// What keeps one from taking part keeps all, and does so no longer: the worse comes first.
    fn share_faults(&self, now: Instant, routers: &mut [Seat<'_>], out: &mut GroupActions) {
        let is_faulty = |router: &Seat<'_>| {
            router.as_ref().is_none_or(|router| router.has_started() && router.has_own_fault())
        };
        let waits = |router: &Seat<'_>| {
            router.as_ref().is_some_and(|router| router.has_started() && router.has_own_waiting())
        };
        let faulty: Vec<_> = routers.iter().map(is_faulty).collect();
        let waiting: Vec<_> = routers.iter().map(waits).collect();
        for worse in [true, false] {
            for (index, router) in present(routers) {
                if !worse {
                    out.extend(index, router.forget_members_but(now, &self.members));
                }
                for (other, member) in self.members.iter().enumerate() {
                    if other == index {
                        continue;
                    }
                    if waiting[other] == worse {
                        out.extend(index, router.member_waits(now, member, worse));
                    }
                    if faulty[other] == worse && router.knows_fault_of(member) != worse {
                        let reason = FaultReason::Member(Arc::clone(member));
                        let event = match worse {
                            true => Event::Fault(reason),
                            false => Event::FaultCleared(reason),
                        };
                        out.extend(index, router.handle(now, event));
                    }
                }
            }
        }
    }

    /// One that gives way takes the others with it.
    fn step_down(&self, now: Instant, routers: &mut [Seat<'_>], out: &mut GroupActions) {
        let Some(leader) = routers.iter().position(|router| is(router, State::Backup)) else {
            return;
        };
        for (index, router) in present(routers) {
            out.extend(index, router.step_down_with_group(now, &self.members[leader]));
        }
    }

    fn start(&self, now: Instant, routers: &mut [Seat<'_>], out: &mut GroupActions) {
        let can_start = |router: &Seat<'_>| router.as_ref().is_some_and(|one| one.can_start());
        let Some(leader) = routers.iter().position(can_start) else { return };
        let any = |state| routers.iter().any(|router| is(router, state));
        let all_own = started(routers).all(|router| router.priority().is_owner());
        let as_active = any(State::Active) || (all_own && !any(State::Backup));
        for (index, router) in present(routers) {
            if router.can_start() {
                let actions = router.start_with_group(now, as_active, &self.members[leader]);
                out.extend(index, actions);
            }
        }
    }

    /// Tells what has become of the group: after its members, as keepalived does; only that it
    /// has begun comes before.
    fn report(&mut self, routers: &[Seat<'_>], out: &mut GroupActions) {
        let to = state_of(routers);
        let from = core::mem::replace(&mut self.state, to);
        let settled = |router: &Router| (router.state(), router.since());
        let now: Vec<_> =
            routers.iter().map(|router| router.as_ref().map(|router| settled(router))).collect();
        let before = core::mem::replace(&mut self.settled, now);
        if from == to {
            return;
        }
        let causes: Vec<_> = self
            .members
            .iter()
            .zip(routers)
            .enumerate()
            .filter_map(|(index, (member, router))| {
                let router = router.as_ref()?;
                let transition = router.last_transition()?;
                let is_new =
                    before.get(index) != Some(&Some(settled(router))) && transition.to == to;
                is_new.then(|| (Arc::clone(member), transition.cause.clone()))
            })
            .collect();
        let led_by = causes.iter().find(|(_, cause)| !cause.is_a_members()).or(causes.first());
        let transition = GroupTransition { from, to, led_by: led_by.cloned() };
        let place = match (from, to) {
            (State::Initialize, State::Backup) => 0,
            _ => out.0.len(),
        };
        out.0.insert(place, GroupAction::Transition(transition));
    }
}

/// All become Active once each of them would be so on its own.
fn take_over(now: Instant, routers: &mut [Seat<'_>], out: &mut GroupActions) {
    if !started(routers).all(|router| router.wants_active().is_some()) {
        return;
    }
    for (index, router) in present(routers) {
        out.extend(index, router.become_active_with_group(now));
    }
}

/// Those who have a machine, with their numbers.
fn present<'a>(routers: &'a mut [Seat<'_>]) -> impl Iterator<Item = (usize, &'a mut Router)> {
    let with_number = routers.iter_mut().enumerate();
    with_number.filter_map(|(index, router)| Some((index, &mut **router.as_mut()?)))
}

fn started<'a>(routers: &'a [Seat<'_>]) -> impl Iterator<Item = &'a Router> {
    routers.iter().flatten().map(|router| &**router).filter(|router| router.has_started())
}

fn is(router: &Seat<'_>, state: State) -> bool {
    router.as_ref().is_some_and(|router| router.state() == state)
}

/// What all members are; at most one that waits for a verdict is behind.
fn state_of(routers: &[Seat<'_>]) -> State {
    let any = |state| routers.iter().any(|router| is(router, state));
    let by_rank = [State::Fault, State::Backup, State::Active];
    by_rank.into_iter().find(|state| any(*state)).unwrap_or(State::Initialize)
}

/// Something that a group wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupAction {
    /// By a member.
    Member {
        /// Its place among the members.
        member: usize,
        /// What.
        action: Action,
    },
    /// The state of the group has changed, and so have its members'.
    Transition(GroupTransition),
}

/// A change of the state that all members have.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct GroupTransition {
    /// The state before.
    pub from: State,
    /// The state now.
    pub to: State,
    /// The member that led, and why it did; none where nobody has changed but who belongs to the
    /// group.
    pub led_by: Option<(Arc<str>, Cause)>,
}

impl fmt::Display for GroupTransition {
    /// `Backup to Active: VI_1, no other router was heard`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, led_by } = self;
        match led_by {
            Some((member, cause)) => write!(f, "{from} to {to}: {member}, {cause}"),
            None => write!(f, "{from} to {to}: other members"),
        }
    }
}

/// Everything that one event led to in a group, in order.
///
/// Dereferences to a slice and iterates by value. It must not be dropped unread: the routers have
/// already changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[must_use = "the members have already changed their state: their actions must be carried out"]
pub struct GroupActions(Vec<GroupAction>);

impl GroupActions {
    fn extend(&mut self, member: usize, actions: Actions) {
        self.0.extend(actions.into_iter().map(|action| GroupAction::Member { member, action }));
    }
}

impl Deref for GroupActions {
    type Target = [GroupAction];

    fn deref(&self) -> &[GroupAction] {
        &self.0
    }
}

impl IntoIterator for GroupActions {
    type Item = GroupAction;
    type IntoIter = alloc::vec::IntoIter<GroupAction>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
