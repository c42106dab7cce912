//! What holds whatever happens: any sequence of events, at any times.
#![allow(clippy::unwrap_used, reason = "a test's helpers may panic")]

use core::net::{IpAddr, Ipv4Addr};
use core::num::NonZeroU8;
use core::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use vrrp_fsm::{
    Action, Actions, Announce, Config, Event, FaultReason, Heard, Influence, Instant, Router, State,
};
use vrrp_proto::{Interval, Priority, Version};

/// Something that happens to a router.
#[derive(Debug, Clone)]
enum Step {
    /// An event, so many microseconds after the one before.
    After(u64, Event),
    /// The router's deadline passes, and it is told so late.
    Deadline { late_micros: u64 },
    /// The last advert comes once more.
    Again(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let wait = || prop_oneof![Just(0), 0..200_000_u64, 0..5_000_000_u64];
    let step = prop_oneof![
        6 => (wait(), event()).prop_map(|(micros, event)| Step::After(micros, event)),
        3 => prop_oneof![Just(0), 0..10_000_000_u64]
            .prop_map(|late_micros| Step::Deadline { late_micros }),
        3 => wait().prop_map(Step::Again),
    ];
    vec(step, 1..60)
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => heard().prop_map(Event::Advert),
        3 => Just(Event::Startup),
        1 => Just(Event::Shutdown),
        2 => Just(Event::Timer),
        3 => proptest::option::weighted(0.9, address()).prop_map(Event::PrimaryAddress),
        4 => (name(), influence())
            .prop_map(|(name, influence)| Event::Tracker { name: name.into(), influence }),
        1 => name().prop_map(|name| Event::TrackerRemoved { name: name.into() }),
        1 => fault().prop_map(Event::Fault),
        2 => fault().prop_map(Event::FaultCleared),
        1 => Just(Event::AddressesLost),
        2 => config().prop_map(Event::Reconfigure),
    ]
}

fn address() -> impl Strategy<Value = IpAddr> {
    (1..5_u8).prop_map(|last| IpAddr::V4(Ipv4Addr::new(192, 0, 2, last)))
}

fn priority() -> impl Strategy<Value = Priority> {
    prop_oneof![Just(0), Just(1), Just(100), Just(101), Just(254), Just(255), any::<u8>()]
        .prop_map(Priority::new)
}

fn interval() -> impl Strategy<Value = Interval> {
    prop_oneof![Just(1), Just(100), Just(4095), 1..=4095_u16]
        .prop_map(|centis| Interval::from_centis(centis).unwrap())
}

fn heard() -> impl Strategy<Value = Heard> {
    (address(), priority(), interval()).prop_map(|(source, priority, interval)| Heard {
        source,
        priority,
        interval,
    })
}

fn name() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("apache"), Just("disk"), Just("check")]
}

fn influence() -> impl Strategy<Value = Influence> {
    prop_oneof![
        4 => Just(Influence::None),
        4 => prop_oneof![-254..=254, any::<i32>()].prop_map(Influence::Weight),
        1 => Just(Influence::Fault),
        1 => Just(Influence::WeightedFault),
        1 => Just(Influence::Waiting),
    ]
}

fn fault() -> impl Strategy<Value = FaultReason> {
    prop_oneof![
        Just(FaultReason::InterfaceMissing),
        Just(FaultReason::NoCarrier),
        Just(FaultReason::NoPrimaryAddress),
        Just(FaultReason::InstallFailed),
        name().prop_map(|name| FaultReason::Tracker(name.into())),
        Just(FaultReason::Other("maintenance".into())),
    ]
}

fn config() -> impl Strategy<Value = Config> {
    let version = prop_oneof![Just(Version::V2), Just(Version::V3)];
    let numbers = (version, priority(), interval(), 1..=100_u8);
    let delays = prop_oneof![Just(Duration::ZERO), (1..10_000_u64).prop_map(Duration::from_millis)];
    (numbers, delays, announce(), any::<[bool; 4]>()).prop_map(
        |((version, priority, interval, adverts), preempt_delay, announce, flags)| Config {
            version,
            priority,
            interval,
            preempt: flags[0],
            preempt_delay,
            down_timer_adverts: NonZeroU8::new(adverts).unwrap(),
            lower_prio_no_advert: flags[1],
            higher_prio_send_advert: flags[2],
            owner_ignore_adverts: flags[3],
            announce,
        },
    )
}

fn announce() -> impl Strategy<Value = Announce> {
    let delay = || prop_oneof![Just(0), 1..7_u64].prop_map(Duration::from_secs);
    (delay(), delay(), delay(), any::<[u8; 3]>()).prop_map(
        |(delay, refresh, lower_prio_delay, rounds)| Announce {
            repeat: rounds[0],
            delay,
            refresh,
            refresh_repeat: rounds[1],
            lower_prio_repeat: rounds[2],
            lower_prio_delay,
        },
    )
}

/// A router, and what its actions have made of the world.
struct World {
    router: Router,
    now: Instant,
    last_advert: Option<Heard>,
    installed: bool,
}

impl World {
    fn new(config: Config) -> Self {
        let router = Router::new(config);
        Self { router, now: Instant::ZERO, last_advert: None, installed: false }
    }

    /// Lets one thing happen; returns the router before it and what came of it.
    fn step(&mut self, step: &Step) -> (Router, Event, Actions) {
        let event = match step {
            Step::After(micros, event) => {
                self.now = self.now + Duration::from_micros(*micros);
                event.clone()
            }
            Step::Deadline { late_micros } => {
                let late = Duration::from_micros(*late_micros);
                let deadline = self.router.deadline().unwrap_or(self.now) + late;
                self.now = self.now.max(deadline);
                Event::Timer
            }
            Step::Again(micros) => {
                self.now = self.now + Duration::from_micros(*micros);
                self.last_advert.map_or(Event::Timer, Event::Advert)
            }
        };
        if let Event::Advert(heard) = event {
            self.last_advert = Some(heard);
        }
        let before = self.router.clone();
        let actions = self.router.handle(self.now, event.clone());
        for action in &actions {
            match action {
                Action::InstallAddresses => self.installed = true,
                Action::RemoveAddresses => self.installed = false,
                _ => {}
            }
        }
        (before, event, actions)
    }
}

fn adverts(actions: &Actions) -> Vec<Priority> {
    let priority = |action: &Action| match action {
        Action::SendAdvert { priority } => Some(*priority),
        _ => None,
    };
    actions.iter().filter_map(priority).collect()
}

/// Everything there is to know of a router.
fn image(router: &Router) -> String {
    format!("{router:?}")
}

proptest! {
    #[test]
    fn addresses_are_installed_exactly_while_active(config in config(), steps in steps()) {
        let mut world = World::new(config);
        for step in &steps {
            let _ = world.step(step);
            prop_assert_eq!(world.installed, world.router.state() == State::Active);
        }
    }

    #[test]
    fn only_an_active_router_advertises_and_resigns_last(config in config(), steps in steps()) {
        let mut world = World::new(config);
        for step in &steps {
            let (before, _, actions) = world.step(step);
            let states = (before.state(), world.router.state());
            match adverts(&actions)[..] {
                [] => {}
                [Priority::RESIGN] => {
                    prop_assert!(states.0 == State::Active && states.1 != State::Active);
                    prop_assert_ne!(states.1, State::Backup);
                }
                [priority] => {
                    prop_assert!(states.0 == State::Active || states.1 == State::Active);
                    prop_assert_eq!(priority, world.router.priority());
                }
                _ => prop_assert!(false, "two adverts at once: {:?}", actions),
            }
            let announces = actions.iter().any(|action| matches!(action, Action::Announce { .. }));
            prop_assert!(!announces || states.1 == State::Active);
            let empty = Action::Announce { rounds: 0 };
            prop_assert!(!actions.contains(&empty));
        }
    }

    #[test]
    fn every_change_of_state_is_reported_once(config in config(), steps in steps()) {
        let mut world = World::new(config);
        for step in &steps {
            let (before, _, actions) = world.step(step);
            let transitions: Vec<_> = actions
                .iter()
                .filter_map(|action| match action {
                    Action::Transition(transition) => Some(transition),
                    _ => None,
                })
                .collect();
            let states = (before.state(), world.router.state());
            if states.0 == states.1 {
                prop_assert!(transitions.is_empty());
                prop_assert_eq!(before.since(), world.router.since());
                continue;
            }
            prop_assert_eq!(transitions.len(), 1);
            prop_assert_eq!((transitions[0].from, transitions[0].to), states);
            prop_assert_eq!(transitions[0].priority, world.router.priority());
            prop_assert_eq!(world.router.since(), Some(world.now));
            prop_assert_eq!(world.router.last_transition(), Some(transitions[0]));
        }
    }

    #[test]
    fn a_started_router_reports_every_change_of_priority(config in config(), steps in steps()) {
        let mut world = World::new(config);
        for step in &steps {
            let (before, _, actions) = world.step(step);
            let (from, to) = (before.priority(), world.router.priority());
            let reported = actions.contains(&Action::PriorityChanged { from, to });
            let told = world.router.since().is_some() && world.router.state() != State::Initialize;
            prop_assert!(!reported || from != to);
            prop_assert!(reported || from == to || !told, "{:?} from {} to {}", actions, from, to);
            let owner = world.router.config().priority.is_owner();
            prop_assert_eq!(to.is_owner(), owner);
            prop_assert!(!to.is_resignation());
        }
    }

    #[test]
    fn a_router_takes_part_exactly_while_nothing_forbids_it(config in config(), steps in steps()) {
        let mut world = World::new(config);
        for step in &steps {
            let _ = world.step(step);
            let router = &world.router;
            let hindered = router.faults().next().is_some();
            match router.state() {
                State::Backup | State::Active => prop_assert!(!hindered),
                State::Fault => {
                    prop_assert!(hindered || router.waiting_for().next().is_some());
                }
                State::Initialize => {}
            }
        }
    }

    #[test]
    fn a_deadline_exists_exactly_while_taking_part_and_is_in_reach(
        config in config(),
        steps in steps(),
    ) {
        let mut world = World::new(config);
        for step in &steps {
            let (_, event, _) = world.step(step);
            let router = &world.router;
            let Some(deadline) = router.deadline() else {
                prop_assert!(matches!(router.state(), State::Initialize | State::Fault));
                continue;
            };
            let longest = match router.state() {
                State::Backup => router.active_down_interval(),
                State::Active => router.config().interval.as_duration(),
                state => return Err(TestCaseError::fail(format!("a deadline in {state}"))),
            };
            prop_assert!(deadline <= world.now + longest);
            prop_assert!(event != Event::Timer || deadline > world.now, "the timer would spin");
        }
    }

    #[test]
    fn an_early_timer_changes_nothing(config in config(), steps in steps()) {
        let mut world = World::new(config);
        for step in &steps {
            let _ = world.step(step);
            if world.router.deadline().is_none_or(|deadline| world.now < deadline) {
                let before = image(&world.router);
                let actions = world.router.handle(world.now, Event::Timer);
                prop_assert!(actions.is_empty());
                prop_assert_eq!(before, image(&world.router));
            }
        }
    }

    /// What parking an advert rests on: it does nothing but move the deadline, and of several
    /// only the last one matters.
    #[test]
    fn an_expected_advert_only_restarts_the_timer(
        config in config(),
        steps in steps(),
        gap in 0..2_000_000_u64,
    ) {
        let mut world = World::new(config);
        for step in &steps {
            let (before, event, actions) = world.step(step);
            let Event::Advert(heard) = event else { continue };
            if !before.would_only_restart_timer(&heard) {
                continue;
            }
            let router = &world.router;
            prop_assert!(actions.is_empty());
            prop_assert_eq!(router.deadline(), Some(world.now + router.active_down_interval()));
            prop_assert_eq!(router.state(), State::Backup);
            prop_assert_eq!(router.expected_advert(), before.expected_advert());

            let later = world.now + Duration::from_micros(gap);
            let (mut both, mut last) = (router.clone(), before);
            prop_assert!(both.handle(later, event.clone()).is_empty());
            prop_assert!(last.handle(later, event).is_empty());
            prop_assert_eq!(image(&both), image(&last));
        }
    }
}
