//! Sync groups that run, and what one thread drives: a router alone, or a group with its members.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::SystemTime;

use vrrp_fsm::{
    Action, Actions, GroupAction, GroupActions, GroupRules, GroupTransition, Instant, State,
};

use crate::events::{EventKind, EventSender};
use crate::plan::{Change, Setup, SyncGroup};
use crate::platform::Platform;
use crate::snapshot::GroupSnapshot;
use crate::unit::Unit;

/// How many transitions are remembered for the operator.
const HISTORY: usize = 32;
/// How often what members do for their group may be followed by something more to do, in a row.
const SETTLE_ROUNDS: usize = 8;

/// How a sync group stands.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct GroupStatus {
    /// Its name.
    pub name: Arc<str>,
    /// Its members' names.
    pub members: Vec<Arc<str>>,
    /// The state that all of them have; Initialize while one waits for first results.
    pub state: State,
    /// Its last transitions and when they were, oldest first.
    pub history: VecDeque<(GroupTransition, SystemTime)>,
}

/// What others see of a group without asking it.
#[derive(Debug)]
pub(crate) struct PublishedGroup(Mutex<GroupStatus>);

impl PublishedGroup {
    pub(crate) fn new(group: &SyncGroup) -> Self {
        let SyncGroup { name, members } = group.clone();
        let (state, history) = (State::Initialize, VecDeque::new());
        Self(Mutex::new(GroupStatus { name, members, state, history }))
    }

    /// How it stands, for another process to go on from.
    pub(crate) fn snapshot(&self) -> GroupSnapshot {
        let GroupStatus { name, state, history, .. } = self.status();
        GroupSnapshot { name, state, history: history.into() }
    }

    /// Goes on from how it stood in another process.
    pub(crate) fn resume(&self, before: &GroupSnapshot) {
        let mut status = self.lock();
        status.state = before.state;
        status.history = before.history.iter().cloned().collect();
    }

    /// Goes on with these members, if it is that group; says whether it is.
    pub(crate) fn take_members(&self, group: &SyncGroup) -> bool {
        let mut status = self.lock();
        let is_it = status.name == group.name;
        if is_it {
            status.members.clone_from(&group.members);
        }
        is_it
    }

    pub(crate) fn status(&self) -> GroupStatus {
        self.lock().clone()
    }

    fn take(&self, transition: GroupTransition) {
        let mut status = self.lock();
        status.state = transition.to;
        if status.history.len() == HISTORY {
            status.history.pop_front();
        }
        status.history.push_back((transition, SystemTime::now()));
    }

    fn lock(&self) -> MutexGuard<'_, GroupStatus> {
        // A state and its transition are put in together: a poisoned status is as good as any.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A sync group with its members, whoever drives it.
pub(crate) struct GroupUnit {
    rules: GroupRules,
    units: Vec<Unit>,
    published: Arc<PublishedGroup>,
    platform: Arc<dyn Platform>,
    events: EventSender,
    has_ended: bool,
}

impl GroupUnit {
    /// Makes routers members.
    pub(crate) fn new(
        mut units: Vec<Unit>,
        published: Arc<PublishedGroup>,
        platform: Arc<dyn Platform>,
        events: EventSender,
    ) -> Self {
        units.iter_mut().for_each(Unit::join_group);
        let members = units.iter().map(|unit| Arc::clone(unit.name())).collect();
        let rules = GroupRules::new(members).in_state(published.lock().state);
        Self { rules, units, published, platform, events, has_ended: false }
    }

    /// Drives the members until all are shut down, or another thread is to drive them.
    fn run(&mut self) {
        self.units.iter().for_each(Unit::wait_parked);
        loop {
            self.turn();
            if self.has_ended {
                return;
            }
            if self.stand_still() {
                continue;
            }
            let released: Vec<_> = self.units.iter_mut().map(Unit::take_release).collect();
            if released.contains(&true) {
                // Who was told to end before that ends here.
                return self.turn();
            }
            if self.units.iter().any(Unit::take_wake_up) {
                continue;
            }
            match self.deadline() {
                None => thread::park(),
                Some(at) => thread::park_timeout(at.saturating_since(self.platform.now())),
            }
        }
    }

    /// Does all there is to do at the moment, without waiting.
    fn turn(&mut self) {
        // Before another member's advert keeps its peers from succeeding them all.
        if self.units.iter_mut().fold(false, |any, unit| unit.step_down_if_late() | any) {
            self.settle();
        }
        self.units.iter_mut().for_each(Unit::turn);
        self.settle();
        // What a member hears of its mailbox may concern the others, and then their templates.
        while self.publish_templates() {
            self.settle();
        }
        if !self.has_ended && self.units.iter().all(Unit::has_ended) {
            self.has_ended = true;
            self.published.lock().state = State::Initialize;
            let group = Arc::clone(&self.published.lock().name);
            self.events.send(Some(group), EventKind::GroupStopped);
        }
    }

    /// Says which adverts need no wake-up, and whether a member has handled one for that.
    fn publish_templates(&mut self) -> bool {
        self.units.iter_mut().fold(false, |has_heard, unit| unit.publish_template() | has_heard)
    }

    /// Stands still once all members were told to; says whether it did.
    fn stand_still(&mut self) -> bool {
        if !self.units.iter().all(Unit::is_to_stand_still) {
            return false;
        }
        self.units.iter_mut().for_each(Unit::listen);
        self.settle();
        let orders: Vec<_> = self.units.iter_mut().filter_map(Unit::answer_standing).collect();
        orders.first().inspect(|order| order.wait());
        !orders.is_empty()
    }

    fn deadline(&self) -> Option<Instant> {
        self.units.iter().filter_map(Unit::deadline).min()
    }

    /// Lets the group draw its conclusions, unless its members are about to end one after the
    /// other, or to belong to another group.
    fn settle(&mut self) {
        if self.units.iter().any(Unit::is_ending) {
            return;
        }
        if self.units.iter().all(Unit::is_held_back) {
            self.units.iter_mut().for_each(Unit::listen);
        }
        for _ in 0..SETTLE_ROUNDS {
            match catch_unwind(AssertUnwindSafe(|| self.decide())) {
                Ok(actions) if actions.is_empty() => {
                    if self.rules.state() == State::Initialize {
                        // Nothing was done, but whom it waits for may have changed.
                        self.units.iter().for_each(Unit::show);
                    }
                    return;
                }
                Ok(actions) => self.carry_out(actions),
                Err(_) => {
                    // The panic has left its text. Nobody's state machine can be trusted.
                    let why = "its sync group has panicked";
                    return self.units.iter_mut().for_each(|unit| unit.die_with_group(why));
                }
            }
        }
    }

    fn decide(&mut self) -> GroupActions {
        let now = self.platform.now();
        let mut routers: Vec<_> = self.units.iter_mut().map(Unit::router_mut).collect();
        self.rules.settle(now, &mut routers)
    }

    fn carry_out(&mut self, actions: GroupActions) {
        let mut actions = actions.into_iter().peekable();
        while let Some(action) = actions.next() {
            match action {
                GroupAction::Transition(transition) => {
                    self.published.take(transition.clone());
                    let group = Arc::clone(&self.published.lock().name);
                    self.events.send(Some(group), EventKind::GroupTransition(transition));
                }
                GroupAction::Member { member, action } => {
                    let mut all: Vec<Action> = vec![action];
                    while let Some(GroupAction::Member { action, .. }) =
                        actions.next_if(|next| is_of(next, member))
                    {
                        all.push(action);
                    }
                    self.units[member].do_for_group(Actions::from_iter(all));
                }
            }
        }
    }
}

fn is_of(action: &GroupAction, of: usize) -> bool {
    matches!(action, GroupAction::Member { member, .. } if *member == of)
}

/// What one thread drives.
pub(crate) enum Driven {
    Alone(Box<Unit>),
    Group(Box<GroupUnit>),
}

impl Driven {
    /// By which its thread is found.
    pub(crate) fn key(&self) -> Arc<str> {
        match self {
            Self::Alone(unit) => Arc::clone(unit.name()),
            Self::Group(group) => group_key(&group.published.lock().name),
        }
    }

    /// Drives it until it has ended, or another thread is to drive it; then it is given back.
    pub(crate) fn run(mut self) -> Self {
        match &mut self {
            Self::Alone(unit) => unit.run(),
            Self::Group(group) => group.run(),
        }
        self
    }

    /// Does all there is to do at the moment, without waiting.
    pub(crate) fn turn(&mut self) {
        match self {
            Self::Alone(unit) => {
                unit.turn();
                unit.publish_template();
            }
            Self::Group(group) => group.turn(),
        }
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Alone(unit) => unit.deadline(),
            Self::Group(group) => group.deadline(),
        }
    }

    pub(crate) fn has_messages(&self) -> bool {
        self.units().iter().any(Unit::has_messages)
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.units().iter().all(Unit::has_ended)
    }

    /// Lets the routers end that were told to although nobody drives them, and gives back the
    /// others.
    pub(crate) fn end_what_was_told_to(self) -> Vec<Unit> {
        let mut units = self.into_units();
        units.iter_mut().for_each(Unit::take_end);
        units.retain(|unit| !unit.has_ended());
        units
    }

    /// Shows why it does not run although it should.
    pub(crate) fn show_waiting(&self, why: &Arc<str>) {
        self.units().iter().for_each(|unit| unit.show_waiting(Arc::clone(why)));
    }

    pub(crate) fn units(&self) -> &[Unit] {
        match self {
            Self::Alone(unit) => std::slice::from_ref(unit),
            Self::Group(group) => &group.units,
        }
    }

    /// The routers that have not ended.
    pub(crate) fn into_units(self) -> Vec<Unit> {
        let mut units = match self {
            Self::Alone(unit) => vec![*unit],
            Self::Group(group) => group.units,
        };
        units.retain(|unit| !unit.has_ended());
        units
    }
}

/// By which the thread of a group is found. No router's name has a line end.
fn group_key(name: &str) -> Arc<str> {
    format!("{name}\r").into()
}

/// Who is driven together: the names of the routers, by the key of their thread.
fn threads(setup: &Setup) -> BTreeMap<Arc<str>, Vec<Arc<str>>> {
    let in_group: BTreeSet<_> = setup.groups.iter().flat_map(|group| &group.members).collect();
    let alone = setup.routers.iter().map(|router| &router.name);
    let alone = alone.filter(|name| !in_group.contains(name));
    let alone = alone.map(|name| (Arc::clone(name), vec![Arc::clone(name)]));
    let groups = setup.groups.iter();
    alone.chain(groups.map(|group| (group_key(&group.name), group.members.clone()))).collect()
}

/// Which threads a change of setups ends and begins.
pub(crate) struct Moves {
    /// The keys of those that end.
    pub(crate) ending: Vec<Arc<str>>,
    /// Of each of these a router that stays: to be told that all of its thread are given away.
    pub(crate) released: Vec<Arc<str>>,
    /// The keys of those that begin.
    pub(crate) beginning: Vec<Arc<str>>,
    /// The routers of new threads that have to wait for nobody.
    at_once: BTreeSet<Arc<str>>,
}

impl Moves {
    pub(crate) fn new(old: &Setup, new: &Setup, plan: &[Change]) -> Self {
        let (mut fresh, mut replaced) = (BTreeSet::new(), BTreeSet::new());
        for change in plan {
            match change {
                Change::Start(new) => drop(fresh.insert(Arc::clone(&new.name))),
                Change::Replace { new, .. } => drop(replaced.insert(Arc::clone(&new.name))),
                _ => {}
            }
        }
        let (before, after) = (threads(old), threads(new));
        let stays: BTreeSet<_> = new.routers.iter().map(|router| &router.name).collect();
        let is_new = |name| fresh.contains(name) || replaced.contains(name);
        let is_same = |key: &Arc<str>| {
            let members = after.get(key);
            members == before.get(key) && !members.iter().any(|all| all.iter().any(is_new))
        };
        let ending: Vec<_> = before.keys().filter(|key| !is_same(key)).cloned().collect();
        let beginning: Vec<_> = after.keys().filter(|key| !is_same(key)).cloned().collect();
        let survives = |name: &&Arc<str>| stays.contains(*name) && !replaced.contains(&***name);
        // One for each thread: it gives away all that it has.
        let released = ending.iter().filter_map(|key| before[key].iter().find(survives));
        let released = released.cloned().collect();
        let waits_for_nobody =
            |members: &&Vec<Arc<str>>| members.iter().all(|name| fresh.contains(name));
        let at_once = beginning.iter().filter(|key| !ending.contains(key));
        let at_once = at_once.map(|key| &after[key]).filter(waits_for_nobody);
        Self { released, at_once: at_once.flatten().cloned().collect(), ending, beginning }
    }

    /// Whether a new router's thread waits for nothing that ends or is given away.
    pub(crate) fn is_at_once(&self, unit: &Unit) -> bool {
        self.at_once.contains(unit.name())
    }
}

#[cfg(test)]
mod tests;
