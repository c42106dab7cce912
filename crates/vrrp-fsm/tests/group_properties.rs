//! What holds in a sync group whatever happens to its members, and whenever.
#![allow(clippy::unwrap_used, reason = "a test's helpers may panic")]

use core::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use vrrp_fsm::{
    Action, Cause, Config, Event, FaultReason, Group, GroupAction, GroupActions, Influence,
    Instant, Router, State,
};

#[allow(dead_code, reason = "other tests need the rest")]
mod invariants;
mod strategies;

use strategies::{config, event};

/// Something that happens to a group.
#[derive(Debug, Clone)]
enum Step {
    /// An event of one member, so many microseconds after the one before.
    One(u64, usize, Event),
    /// An event of all.
    All(u64, Event),
    /// The group's deadline passes, and it is told so late.
    Deadline(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let wait = || prop_oneof![Just(0), 0..200_000_u64, 0..5_000_000_u64];
    let for_all =
        || prop_oneof![4 => Just(Event::Startup), 1 => Just(Event::Shutdown), 2 => event()];
    let step = prop_oneof![
        8 => (wait(), any::<usize>(), event()).prop_map(|(at, who, event)| Step::One(at, who, event)),
        3 => (wait(), for_all()).prop_map(|(at, event)| Step::All(at, event)),
        6 => prop_oneof![Just(0), 0..10_000_000_u64].prop_map(Step::Deadline),
    ];
    vec(step, 1..80)
}

/// A member as it should be.
struct Expected {
    /// It handles the same events on its own: what it knows of faults is what the member has to.
    alone: Router,
    has_started: bool,
    installed: bool,
}

struct World {
    group: Group,
    now: Instant,
    expected: Vec<Expected>,
    /// As the transitions told say.
    state: State,
}

impl World {
    fn new(configs: &[Config]) -> Self {
        let mut group = Group::new();
        for (index, config) in configs.iter().enumerate() {
            let added = group.add(Instant::ZERO, name(index), Router::new(config.clone()));
            assert!(added.is_empty());
        }
        let expected = configs.iter().map(|config| Expected {
            alone: Router::new(config.clone()),
            has_started: false,
            installed: false,
        });
        let expected = expected.collect();
        Self { group, now: Instant::ZERO, expected, state: State::Initialize }
    }

    /// A group that can take part, told so and started.
    fn started(configs: &[Config]) -> Self {
        let mut world = Self::new(configs);
        world.make_healthy();
        world
    }

    fn make_healthy(&mut self) {
        let here = Event::PrimaryAddress(Some("192.0.2.250".parse().unwrap()));
        self.all(here);
        for reason in self.known_faults() {
            self.all(Event::FaultCleared(reason));
        }
        for name in ["apache", "disk", "check"] {
            self.all(Event::Tracker { name: name.into(), influence: Influence::None });
        }
        self.all(Event::Startup);
    }

    fn known_faults(&self) -> Vec<FaultReason> {
        self.expected.iter().flat_map(|expected| expected.alone.faults()).collect()
    }

    fn happen(&mut self, step: &Step) {
        match step {
            Step::One(micros, who, event) => {
                self.now = self.now + Duration::from_micros(*micros);
                self.one(who % self.expected.len(), event.clone());
            }
            Step::All(micros, event) => {
                self.now = self.now + Duration::from_micros(*micros);
                self.all(event.clone());
            }
            Step::Deadline(late) => self.deadline(Duration::from_micros(*late)),
        }
    }

    fn one(&mut self, who: usize, event: Event) {
        self.expect(who, &event);
        let actions = self.group.handle(self.now, &name(who), event);
        self.check(&actions);
    }

    fn all(&mut self, event: Event) {
        for who in 0..self.expected.len() {
            self.expect(who, &event);
        }
        let actions = self.group.handle_all(self.now, &event);
        self.check(&actions);
    }

    fn deadline(&mut self, late: Duration) {
        let Some(deadline) = self.group.deadline() else { return };
        self.now = self.now.max(deadline + late);
        self.all(Event::Timer);
        if self.now < Instant::from_micros(u64::MAX) {
            assert!(self.group.deadline().is_none_or(|next| next > self.now), "it would spin");
        }
    }

    fn expect(&mut self, who: usize, event: &Event) {
        let expected = &mut self.expected[who];
        match event {
            Event::Startup => expected.has_started = true,
            Event::Shutdown => expected.has_started = false,
            _ => {}
        }
        let _ = expected.alone.handle(self.now, event.clone());
    }

    fn check(&mut self, actions: &GroupActions) {
        self.check_actions(actions);
        self.check_states();
        self.check_faults();
        self.check_deadline();
    }

    /// Addresses are installed exactly while their member is Active; transitions follow one
    /// another.
    fn check_actions(&mut self, actions: &GroupActions) {
        for action in actions.iter() {
            match action {
                GroupAction::Member { member, action: Action::InstallAddresses } => {
                    self.expected[*member].installed = true;
                }
                GroupAction::Member { member, action: Action::RemoveAddresses } => {
                    self.expected[*member].installed = false;
                }
                GroupAction::Transition(transition) => {
                    assert_eq!(transition.from, self.state);
                    assert_ne!(transition.from, transition.to);
                    self.state = transition.to;
                }
                GroupAction::Member { .. } => {}
            }
        }
        assert_eq!(self.state, self.group.state());
        for (expected, (name, router)) in self.expected.iter().zip(self.group.members()) {
            assert_eq!(expected.installed, router.state() == State::Active, "{name}");
        }
    }

    /// All members that take part, or cannot, are in one state; it is the group's. One that waits
    /// for its first verdict is not there yet.
    fn check_states(&self) {
        let states: Vec<_> = self.group.members().map(|(_, router)| router.state()).collect();
        let there = states.iter().filter(|state| **state != State::Initialize);
        assert!(there.clone().all(|state| *state == self.group.state()), "{states:?}");
        let is_anybody_there = there.count() > 0;
        assert_eq!(is_anybody_there, self.group.state() != State::Initialize, "{states:?}");
    }

    /// Nobody's fault is lost or invented, and all others know of it.
    fn check_faults(&self) {
        let is_members = |fault: &FaultReason| matches!(fault, FaultReason::Member(_));
        for (index, (_, router)) in self.group.members().enumerate() {
            let (of_members, own): (Vec<_>, Vec<_>) = router.faults().partition(is_members);
            let expected: Vec<_> = self.expected[index].alone.faults().collect();
            assert_eq!(own, expected, "{}", name(index));
            let has_fault =
                |other: &Expected| other.has_started && other.alone.faults().next().is_some();
            let others = self.expected.iter().enumerate();
            let others = others.filter(|(other, expected)| *other != index && has_fault(expected));
            let known: Vec<_> =
                others.map(|(other, _)| FaultReason::Member(name(other).into())).collect();
            assert_eq!(of_members, known, "{}", name(index));
            if let State::Backup | State::Active = router.state() {
                assert!(own.is_empty() && of_members.is_empty());
            }
        }
    }

    /// A group that takes part has a timer.
    fn check_deadline(&self) {
        let takes_part = matches!(self.group.state(), State::Backup | State::Active);
        let is_blocked = self.group.members().any(|(_, router)| {
            // It was started, and waits for its first verdict.
            router.state() == State::Initialize && router.waiting_for().next().is_some()
        });
        if takes_part && !is_blocked {
            assert!(self.group.deadline().is_some());
        }
    }
}

fn name(index: usize) -> String {
    format!("VI_{index}")
}

fn configs() -> impl Strategy<Value = Vec<Config>> {
    vec(config(), 2..=4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_invariants_hold_whatever_happens(configs in configs(), steps in steps()) {
        let mut world = World::new(&configs);
        for step in &steps {
            world.happen(step);
        }
    }

    #[test]
    fn a_running_group_keeps_them_too(configs in configs(), steps in steps()) {
        let mut world = World::started(&configs);
        for step in &steps {
            world.happen(step);
        }
    }

    /// However a group came to be what it is: once nothing is wrong and nobody is heard, all its
    /// members become Active.
    #[test]
    fn silence_makes_a_healthy_group_active(configs in configs(), steps in steps()) {
        let mut world = World::new(&configs);
        for step in &steps {
            world.happen(step);
        }
        world.make_healthy();
        for _ in 0..configs.len() {
            if world.group.state() != State::Active {
                world.deadline(Duration::ZERO);
            }
        }
        prop_assert_eq!(world.group.state(), State::Active);
        prop_assert!(world.expected.iter().all(|expected| expected.installed));
    }

    /// Members that leave go on alone as if they had never been in a group: none stays held back.
    #[test]
    fn nobody_that_has_left_is_held_back(configs in configs(), steps in steps()) {
        let mut world = World::started(&configs);
        for step in &steps {
            world.happen(step);
        }
        for index in 0..configs.len() {
            let (mut router, ..) = world.group.remove(world.now, &name(index)).unwrap();
            let expected = &world.expected[index];
            let is_member = |fault: FaultReason| matches!(fault, FaultReason::Member(_));
            prop_assert!(!router.faults().any(is_member) && !router.is_held_back());
            prop_assert!(router.faults().eq(expected.alone.faults()));
            if expected.has_started && router.faults().next().is_none()
                && router.waiting_for().next().is_none()
            {
                let deadline = router.deadline();
                prop_assert!(deadline.is_some());
                if router.state() == State::Backup {
                    let now = world.now.max(deadline.unwrap());
                    let _ = router.handle(now, Event::Timer);
                    prop_assert_eq!(router.state(), State::Active);
                    let follows = matches!(
                        router.last_transition().unwrap().cause,
                        Cause::Member(_)
                    );
                    prop_assert!(!follows);
                }
            }
        }
    }
}
