//! Routers whose program is replaced again and again, and nobody notices; and one that forgets
//! something by it, which is noticed.
#![allow(clippy::unwrap_used, reason = "a test's helpers may panic")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::Value;
use vrrp::{Engine, EngineSnapshot, EventKind, Input, Instant, InterfaceView, Settings};
use vrrp_fsm::{Influence, State};
use vrrp_net::{
    Announcement, Change, Filter, Interface, InterfaceName, Kernel, Link, NetError, Outcome,
};
use vrrp_proto::{IpMeta, TableName};
use vrrp_sim::{Machine, Summary, Violation, explore};

/// What the other program does not learn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Forgets {
    Nothing,
    /// The interval that the Active Router advertises.
    LearntInterval,
    /// When it has to advertise again at the latest, and that it has done so at all.
    Adverts,
    /// What it has put into the kernel.
    Objects,
}

/// A router whose program is replaced before every fourth thing that it is told.
struct Upgraded<'a> {
    forgets: Forgets,
    engine: Engine,
    kernel: SharedKernel,
    /// Of the programs before.
    events: Vec<EventKind>,
    can_hear: bool,
    told: u64,
    /// The states in which one was replaced.
    upgrades: &'a [AtomicU64; 2],
}

impl<'a> Upgraded<'a> {
    fn new(
        forgets: Forgets,
        upgrades: &'a [AtomicU64; 2],
        settings: Arc<Settings>,
        kernel: Box<dyn Kernel>,
    ) -> Self {
        let kernel = SharedKernel(Arc::new(Mutex::new(kernel)));
        let engine = Engine::new(settings, Box::new(kernel.clone()));
        let (events, can_hear, told) = (Vec::new(), true, 0);
        Self { forgets, engine, kernel, events, can_hear, told, upgrades }
    }

    fn upgrade(&mut self, now: Instant) {
        self.told += 1;
        let is_its_turn = (now.as_micros() ^ self.told).is_multiple_of(4);
        if !is_its_turn || self.engine.has_ended() {
            return;
        }
        match self.engine.router().state() {
            State::Active => self.upgrades[0].fetch_add(1, Ordering::Relaxed),
            State::Backup => self.upgrades[1].fetch_add(1, Ordering::Relaxed),
            _ => 0,
        };
        self.events.append(&mut self.engine.take_events());
        let before = self.written_and_read(now);
        let settings = Arc::clone(self.engine.settings());
        let known = self.engine.router().contributions().iter();
        let influences = known.map(|known| (Arc::clone(&known.name), known.influence)).collect();
        let mut next = Engine::new(settings, Box::new(self.kernel.clone()));
        next.resume(now, self.engine.view().clone(), self.can_hear, influences, before);
        self.engine = next;
    }

    /// The snapshot, as the other program reads it.
    fn written_and_read(&self, now: Instant) -> EngineSnapshot {
        let mut written = serde_json::to_value(self.engine.snapshot(now)).unwrap();
        match self.forgets {
            Forgets::Nothing => {}
            Forgets::Objects => written["objects"] = Value::Array(Vec::new()),
            Forgets::LearntInterval => {
                let phase = &mut written["machine"]["phase"];
                phase.get_mut("Backup").into_iter().for_each(|it| it["learnt"] = Value::Null);
            }
            Forgets::Adverts => {
                let phase = &mut written["machine"]["phase"];
                if let Some(active) = phase.get_mut("Active") {
                    for time in ["next_advert", "late_at"] {
                        let later = active[time].as_u64().unwrap() + 60_000_000;
                        active[time] = later.into();
                    }
                }
            }
        }
        serde_json::from_value(written).unwrap()
    }
}

impl Machine for Upgraded<'_> {
    fn start(
        &mut self,
        now: Instant,
        view: InterfaceView,
        can_hear: bool,
        influences: Vec<(Arc<str>, Influence)>,
    ) {
        self.can_hear = can_hear;
        self.engine.start(now, view, can_hear, influences);
    }

    fn handle(&mut self, now: Instant, input: Input) {
        match &input {
            // A program that starts looks at the interfaces itself.
            Input::Interfaces(_) | Input::Removed(_) => {}
            _ => self.upgrade(now),
        }
        if let Input::Hearing(can_hear) = &input {
            self.can_hear = *can_hear;
        }
        self.engine.handle(now, input);
    }

    fn timer(&mut self, now: Instant) {
        self.upgrade(now);
        self.engine.timer(now);
    }

    fn deadline(&self) -> Option<Instant> {
        self.engine.deadline()
    }

    fn must_listen_first(&self, now: Instant) -> bool {
        self.engine.must_listen_first(now)
    }

    fn take_events(&mut self) -> Vec<EventKind> {
        let mut events = std::mem::take(&mut self.events);
        events.extend(self.engine.take_events());
        events
    }

    fn engine(&self) -> &Engine {
        &self.engine
    }
}

/// The kernel that one program after the other uses.
#[derive(Clone)]
struct SharedKernel(Arc<Mutex<Box<dyn Kernel>>>);

impl SharedKernel {
    fn kernel(&self) -> MutexGuard<'_, Box<dyn Kernel>> {
        self.0.lock().unwrap()
    }
}

impl Kernel for SharedKernel {
    fn attach(&mut self, interface: Option<Interface>) -> Result<(), NetError> {
        self.kernel().attach(interface)
    }

    fn detach(&mut self) {
        self.kernel().detach();
    }

    fn link(&mut self, name: InterfaceName) -> Result<Option<Link>, NetError> {
        self.kernel().link(name)
    }

    fn apply(&mut self, changes: &[Change]) -> Vec<Result<Outcome, NetError>> {
        self.kernel().apply(changes)
    }

    fn filters(&mut self, table: TableName) -> Result<Vec<Filter>, NetError> {
        self.kernel().filters(table)
    }

    fn send_advert(&mut self, ip: &IpMeta, message: &[u8]) -> Result<(), NetError> {
        self.kernel().send_advert(ip, message)
    }

    fn announce(&mut self, announcements: &[Announcement]) -> Result<usize, NetError> {
        self.kernel().announce(announcements)
    }
}

/// Runs scenarios with routers that are upgraded; says how often Active and Backup Routers were.
fn run(forgets: Forgets, seeds: u64) -> (Result<Summary, (u64, Violation)>, [u64; 2]) {
    let upgrades = [AtomicU64::new(0), AtomicU64::new(0)];
    let make = |settings, kernel| Upgraded::new(forgets, &upgrades, settings, kernel);
    let explored = explore(0..seeds, &make);
    let explored = explored.map_err(|(seed, finding)| (seed, finding.violation));
    (explored, upgrades.map(AtomicU64::into_inner))
}

#[test]
fn nobody_notices_that_programs_are_replaced() {
    let (explored, upgrades) = run(Forgets::Nothing, 300);
    let summary = explored.unwrap_or_else(|(seed, found)| panic!("seed {seed}: {found:?}"));
    let alone = explore(0..300, &Engine::new).unwrap();
    assert_eq!(
        (summary.takeovers, summary.splits, summary.settlings),
        (alone.takeovers, alone.splits, alone.settlings)
    );
    assert!(upgrades.iter().all(|count| *count > 1_000), "{upgrades:?}");
}

#[test]
fn what_a_program_does_not_learn_is_noticed() {
    let found = |forgets| run(forgets, 1_000).0.expect_err("nothing was noticed").1;
    let interval = found(Forgets::LearntInterval);
    let is_it =
        matches!(interval, Violation::TookOverEarly { .. } | Violation::TookOverLate { .. });
    assert!(is_it, "{interval:?}");
    found(Forgets::Adverts);
    found(Forgets::Objects);
}
