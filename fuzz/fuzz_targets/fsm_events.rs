//! Any events at any times: the state machine does not panic, and what must hold for one router
//! holds after each of them.
#![no_main]

use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU8;
use std::time::Duration;

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use vrrp_fsm::{
    Action, Actions, Announce, Config, Event, FaultReason, Heard, Influence, Instant, Router,
    State, Verdict, Weight,
};
use vrrp_proto::{Interval, Priority, Version};

fuzz_target!(|story: (Settings, Vec<Step>)| {
    let (settings, steps) = story;
    let mut world = World::new(settings.config());
    for step in steps {
        world.step(step);
    }
});

/// Something that happens.
#[derive(Debug, Arbitrary)]
enum Step {
    /// This, so much later.
    After(u32, What),
    /// The deadline passes, and the router learns it so much later.
    Deadline { late_micros: u32 },
    /// The last advert comes again, so much later.
    Again(u32),
    /// Time passes until the clock's end is near.
    EndOfTime,
}

#[derive(Debug, Arbitrary)]
enum What {
    Startup,
    Shutdown,
    Timer,
    Advert { last: u8, priority: u8, centis: u16 },
    PrimaryAddress(Option<u8>),
    Tracker { name: u8, judged: Judged },
    TrackerRemoved { name: u8 },
    Fault(Reason),
    FaultCleared(Reason),
    AddressesLost,
    Reconfigure(Settings),
}

/// What a tracker's finding is turned into.
#[derive(Debug, Arbitrary)]
enum Judged {
    Verdict { points: i32, reverse: bool, up: Option<bool> },
    Value { points: i32, reverse: bool, value: i32 },
    Points(i32),
}

#[derive(Debug, Arbitrary)]
enum Reason {
    InterfaceMissing,
    InterfaceDown,
    NoCarrier,
    NoPrimaryAddress,
    InstallFailed,
    Tracker(u8),
    Other(u8),
}

#[derive(Debug, Arbitrary)]
struct Settings {
    v2: bool,
    priority: u8,
    interval: u16,
    flags: [bool; 4],
    preempt_delay_micros: u32,
    adverts: NonZeroU8,
    rounds: [u8; 3],
    delays_micros: [Option<u32>; 3],
}

impl Settings {
    fn config(&self) -> Config {
        let delay = |index: usize| {
            self.delays_micros[index].map_or(Duration::ZERO, |micros| micros_of(micros))
        };
        Config {
            version: if self.v2 { Version::V2 } else { Version::V3 },
            priority: Priority::new(self.priority),
            interval: match self.v2 {
                true => Interval::from_secs(self.interval as u8).unwrap_or(Interval::DEFAULT),
                false => interval(self.interval),
            },
            preempt: self.flags[0],
            preempt_delay: micros_of(self.preempt_delay_micros),
            down_timer_adverts: self.adverts,
            lower_prio_no_advert: self.flags[1],
            higher_prio_send_advert: self.flags[2],
            owner_ignore_adverts: self.flags[3],
            announce: Announce {
                repeat: self.rounds[0],
                delay: delay(0),
                refresh: delay(1),
                refresh_repeat: self.rounds[1],
                lower_prio_repeat: self.rounds[2],
                lower_prio_delay: delay(2),
            },
        }
    }
}

fn micros_of(micros: u32) -> Duration {
    Duration::from_micros(micros.into())
}

fn interval(centis: u16) -> Interval {
    Interval::from_centis(centis % 4096).unwrap_or(Interval::DEFAULT)
}

/// One of a few, so that events meet.
fn address(last: u8) -> IpAddr {
    Ipv4Addr::new(192, 0, 2, last % 4).into()
}

fn name(name: u8) -> std::sync::Arc<str> {
    ["apache", "disk", "check"][usize::from(name % 3)].into()
}

impl Judged {
    fn influence(&self) -> Influence {
        match *self {
            Self::Verdict { points, reverse, up } => {
                let verdict = match up {
                    None => Verdict::Unknown,
                    Some(true) => Verdict::Up,
                    Some(false) => Verdict::Down,
                };
                Weight { points: points % 256, reverse }.judge(verdict)
            }
            Self::Value { points, reverse, value } => Weight { points, reverse }.judge_value(value),
            Self::Points(points) => Influence::Weight(points),
        }
    }
}

impl Reason {
    fn reason(&self) -> FaultReason {
        match self {
            Self::InterfaceMissing => FaultReason::InterfaceMissing,
            Self::InterfaceDown => FaultReason::InterfaceDown,
            Self::NoCarrier => FaultReason::NoCarrier,
            Self::NoPrimaryAddress => FaultReason::NoPrimaryAddress,
            Self::InstallFailed => FaultReason::InstallFailed,
            Self::Tracker(number) => FaultReason::Tracker(name(*number)),
            Self::Other(number) => FaultReason::Other(name(*number)),
        }
    }
}

impl What {
    fn event(&self) -> Event {
        match self {
            Self::Startup => Event::Startup,
            Self::Shutdown => Event::Shutdown,
            Self::Timer => Event::Timer,
            Self::Advert { last, priority, centis } => Event::Advert(Heard {
                source: address(*last),
                priority: Priority::new(*priority),
                interval: interval(*centis),
            }),
            Self::PrimaryAddress(last) => Event::PrimaryAddress(last.map(address)),
            Self::Tracker { name: number, judged } => {
                Event::Tracker { name: name(*number), influence: judged.influence() }
            }
            Self::TrackerRemoved { name: number } => Event::TrackerRemoved { name: name(*number) },
            Self::Fault(reason) => Event::Fault(reason.reason()),
            Self::FaultCleared(reason) => Event::FaultCleared(reason.reason()),
            Self::AddressesLost => Event::AddressesLost,
            Self::Reconfigure(settings) => Event::Reconfigure(settings.config()),
        }
    }
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

    fn step(&mut self, step: Step) {
        let event = match step {
            Step::After(micros, what) => {
                self.now = self.now + micros_of(micros);
                what.event()
            }
            Step::Deadline { late_micros } => {
                let deadline = self.router.deadline().unwrap_or(self.now);
                self.now = self.now.max(deadline + micros_of(late_micros));
                Event::Timer
            }
            Step::Again(micros) => {
                self.now = self.now + micros_of(micros);
                self.last_advert.map_or(Event::Timer, Event::Advert)
            }
            Step::EndOfTime => {
                self.now = self.now.max(Instant::from_micros(u64::MAX - 1_000_000));
                Event::Timer
            }
        };
        if let Event::Advert(heard) = event {
            self.last_advert = Some(heard);
        }
        let before = self.router.clone();
        let actions = self.router.handle(self.now, event.clone());
        self.check_addresses(&actions);
        check_adverts(&before, &self.router, &actions);
        check_transition(&before, &self.router, &actions);
        self.check_part();
        self.check_deadline(&event);
        self.check_parking(&before, &event, &actions);
    }

    fn check_addresses(&mut self, actions: &Actions) {
        for action in actions {
            match action {
                Action::InstallAddresses => self.installed = true,
                Action::RemoveAddresses => self.installed = false,
                _ => {}
            }
        }
        assert_eq!(self.installed, self.router.state() == State::Active);
    }

    /// Who has a fault takes no part, who takes part has none, and priorities are in range.
    fn check_part(&self) {
        let router = &self.router;
        let faulty = router.faults().next().is_some();
        match router.state() {
            State::Backup | State::Active => assert!(!faulty),
            State::Fault => assert!(faulty || router.waiting_for().next().is_some()),
            State::Initialize => {}
        }
        assert_eq!(router.priority().is_owner(), router.config().priority.is_owner());
        assert!(!router.priority().is_resignation());
    }

    fn check_deadline(&self, event: &Event) {
        let router = &self.router;
        let takes_part = matches!(router.state(), State::Backup | State::Active);
        assert_eq!(router.deadline().is_some(), takes_part);
        let Some(deadline) = router.deadline() else { return };
        let longest = match router.state() {
            State::Backup => router.active_down_interval(),
            _ => router.config().interval.as_duration(),
        };
        assert!(deadline <= self.now + longest);
        let end_of_time = self.now == Instant::from_micros(u64::MAX);
        assert!(*event != Event::Timer || deadline > self.now || end_of_time, "it would spin");
    }

    /// An expected advert does nothing but restart the timer; of several only the last counts.
    fn check_parking(&self, before: &Router, event: &Event, actions: &Actions) {
        let Event::Advert(heard) = event else { return };
        if !before.would_only_restart_timer(heard) {
            return;
        }
        assert!(actions.is_empty());
        assert_eq!(self.router.deadline(), Some(self.now + self.router.active_down_interval()));
        assert_eq!(self.router.expected_advert(), before.expected_advert());
    }
}

/// Only an Active Router advertises; it resigns when it leaves for anything but Backup.
fn check_adverts(before: &Router, after: &Router, actions: &Actions) {
    let mut adverts = actions.iter().filter_map(|action| match action {
        Action::SendAdvert { priority } => Some(*priority),
        _ => None,
    });
    let states = (before.state(), after.state());
    match adverts.next() {
        None => {}
        Some(Priority::RESIGN) => {
            assert_eq!(states.0, State::Active);
            assert!(matches!(states.1, State::Initialize | State::Fault));
        }
        Some(priority) => {
            assert!(states.0 == State::Active || states.1 == State::Active);
            assert_eq!(priority, after.priority());
        }
    }
    assert_eq!(adverts.next(), None);
}

/// Every change of state is reported, once and truly.
fn check_transition(before: &Router, after: &Router, actions: &Actions) {
    let mut transitions = actions.iter().filter_map(|action| match action {
        Action::Transition(transition) => Some(transition),
        _ => None,
    });
    if before.state() == after.state() {
        assert_eq!(transitions.next(), None);
        return;
    }
    let transition = transitions.next();
    assert_eq!(transition, after.last_transition());
    let told = transition.map(|transition| (transition.from, transition.to));
    assert_eq!(told, Some((before.state(), after.state())));
    assert_eq!(transitions.next(), None);
    assert!(transition.is_some_and(|transition| !transition.to_string().is_empty()));
}
