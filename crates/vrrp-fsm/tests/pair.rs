//! Two routers on an in-memory wire: `step` jumps to whatever comes next, a delivery or a
//! deadline.
#![allow(clippy::unwrap_used, reason = "a test's helpers may panic")]

use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;

use vrrp_fsm::{Action, Config, Event, Heard, Influence, Instant, Router, State};
use vrrp_proto::{Interval, Priority, Version};

/// From one router to the other.
const LATENCY: Duration = Duration::from_micros(200);
/// More than anything here takes: what goes on longer will never end.
const STEPS_MAX: usize = 10_000;
const A: usize = 0;
const B: usize = 1;

struct Node {
    router: Router,
    address: IpAddr,
    inbox: Vec<(Instant, Heard)>,
    /// A router that crashed neither hears nor acts, and keeps its addresses.
    crashed: bool,
    installed: bool,
}

impl Node {
    fn next(&self) -> Option<(Instant, Event)> {
        let advert = self.inbox.first().map(|&(at, heard)| (at, Event::Advert(heard)));
        let timer = self.router.deadline().map(|at| (at, Event::Timer));
        // Adverts first: a timer must not overtake what has arrived.
        [advert, timer].into_iter().flatten().min_by_key(|(at, _)| *at)
    }
}

struct Pair {
    now: Instant,
    nodes: [Node; 2],
    /// Whether the wire carries adverts.
    connected: bool,
}

impl Pair {
    fn new(a: Config, b: Config) -> Self {
        let node = |config, last| Node {
            router: Router::new(config),
            address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, last)),
            inbox: Vec::new(),
            crashed: false,
            installed: false,
        };
        Self { now: Instant::ZERO, nodes: [node(a, 1), node(b, 2)], connected: true }
    }

    /// Both started, one after the other, and settled: `A` Active, `B` Backup.
    fn settled(a: Config, b: Config) -> Self {
        let mut pair = Self::new(a, b);
        for node in [A, B] {
            pair.start(node);
            pair.run_for(Duration::from_secs(10));
        }
        pair.assert_states(State::Active, State::Backup);
        pair
    }

    fn start(&mut self, node: usize) {
        let address = self.nodes[node].address;
        self.tell(node, Event::PrimaryAddress(Some(address)));
        self.tell(node, Event::Startup);
    }

    fn tell(&mut self, node: usize, event: Event) {
        for action in self.nodes[node].router.handle(self.now, event) {
            match action {
                Action::SendAdvert { priority } => self.send(node, priority),
                Action::InstallAddresses => self.nodes[node].installed = true,
                Action::RemoveAddresses => self.nodes[node].installed = false,
                _ => {}
            }
        }
    }

    fn send(&mut self, from: usize, priority: Priority) {
        if self.connected {
            let Node { address, router, .. } = &self.nodes[from];
            let heard = Heard { source: *address, priority, interval: router.config().interval };
            self.nodes[1 - from].inbox.push((self.now + LATENCY, heard));
        }
    }

    /// Jumps to the next thing that happens, unless it happens after `until`.
    fn step(&mut self, until: Instant) -> bool {
        let alive = (A..=B).filter(|&node| !self.nodes[node].crashed);
        let next = alive.filter_map(|node| Some((node, self.nodes[node].next()?)));
        let Some((node, (at, event))) = next.min_by_key(|(_, (at, _))| *at) else { return false };
        if at > until {
            return false;
        }
        self.now = self.now.max(at);
        if let Event::Advert(_) = event {
            self.nodes[node].inbox.remove(0);
        }
        self.tell(node, event);
        true
    }

    fn run_for(&mut self, time: Duration) {
        let until = self.now + time;
        let steps = (0..STEPS_MAX).take_while(|_| self.step(until)).count();
        assert!(steps < STEPS_MAX, "the clock stands still at {}", self.now);
        self.now = until;
    }

    /// Steps until `done`; returns how long it took.
    fn time_until(&mut self, done: impl Fn(&Self) -> bool) -> Duration {
        let start = self.now;
        let limit = start + Duration::from_secs(600);
        for _ in 0..STEPS_MAX {
            if done(self) {
                return self.now.saturating_since(start);
            }
            assert!(self.step(limit), "nothing happens any more");
        }
        panic!("not within {STEPS_MAX} steps");
    }

    fn state(&self, node: usize) -> State {
        self.nodes[node].router.state()
    }

    fn assert_states(&self, a: State, b: State) {
        assert_eq!((self.state(A), self.state(B)), (a, b));
        for node in self.nodes.iter().filter(|node| !node.crashed) {
            assert_eq!(node.installed, node.router.state() == State::Active);
        }
    }
}

fn with_priority(priority: u8) -> Config {
    Config { priority: Priority::new(priority), ..Config::new(Version::V3) }
}

fn tracker(influence: Influence) -> Event {
    Event::Tracker { name: "apache".into(), influence }
}

#[test]
fn the_higher_priority_becomes_active_alone() {
    let mut pair = Pair::new(with_priority(200), with_priority(100));
    pair.start(A);
    pair.start(B);
    let took = pair.time_until(|pair| pair.state(A) == State::Active);
    assert_eq!(took, Duration::from_micros(3_218_750));
    for _ in 0..100 {
        assert!(pair.step(pair.now + Duration::from_secs(60)));
        pair.assert_states(State::Active, State::Backup);
    }
}

#[test]
fn a_crash_is_noticed_within_the_active_down_interval() {
    let mut pair = Pair::settled(with_priority(200), with_priority(100));
    let last_heard = pair.nodes[B].router.active_router().unwrap().heard_at;
    pair.nodes[A].crashed = true;
    pair.time_until(|pair| pair.state(B) == State::Active);
    assert_eq!(pair.now.saturating_since(last_heard), Duration::from_micros(3_609_375));
}

#[test]
fn a_graceful_stop_hands_over_within_skew_time() {
    let mut pair = Pair::settled(with_priority(200), with_priority(100));
    pair.tell(A, Event::Shutdown);
    let took = pair.time_until(|pair| pair.state(B) == State::Active);
    assert_eq!(took, LATENCY + Duration::from_micros(609_375));
    pair.assert_states(State::Initialize, State::Active);
}

#[test]
fn the_returning_higher_priority_preempts_once() {
    let mut pair = Pair::settled(with_priority(200), with_priority(100));
    pair.tell(A, Event::Shutdown);
    pair.run_for(Duration::from_secs(5));
    pair.assert_states(State::Initialize, State::Active);
    pair.start(A);
    let took = pair.time_until(|pair| pair.state(A) == State::Active);
    assert_eq!(took, Duration::from_micros(3_218_750));
    pair.time_until(|pair| pair.state(B) == State::Backup);
    pair.run_for(Duration::from_secs(60));
    pair.assert_states(State::Active, State::Backup);
}

#[test]
fn without_preemption_the_returning_router_waits_for_its_turn() {
    let patient = Config { preempt: false, ..with_priority(200) };
    let mut pair = Pair::settled(patient, with_priority(100));
    pair.tell(A, Event::Shutdown);
    pair.run_for(Duration::from_secs(5));
    pair.start(A);
    pair.run_for(Duration::from_secs(60));
    pair.assert_states(State::Backup, State::Active);
    pair.tell(B, Event::Shutdown);
    pair.run_for(Duration::from_secs(1));
    pair.assert_states(State::Active, State::Initialize);
}

#[test]
fn a_healed_split_ends_with_the_next_advert_at_the_higher_address() {
    let mut pair = Pair::settled(with_priority(100), with_priority(100));
    pair.connected = false;
    pair.run_for(Duration::from_secs(10));
    pair.assert_states(State::Active, State::Active);
    pair.connected = true;
    let took = pair.time_until(|pair| pair.state(A) == State::Backup);
    assert!(took <= Duration::from_secs(1) + 2 * LATENCY, "{took:?}");
    pair.assert_states(State::Backup, State::Active);
}

#[test]
fn a_fall_of_priority_hands_over_and_its_rise_takes_back() {
    let mut pair = Pair::settled(with_priority(244), with_priority(240));
    pair.tell(A, tracker(Influence::Weight(-10)));
    pair.time_until(|pair| pair.state(B) == State::Active);
    pair.time_until(|pair| pair.state(A) == State::Backup);
    pair.run_for(Duration::from_secs(10));
    pair.assert_states(State::Backup, State::Active);
    pair.tell(A, tracker(Influence::None));
    pair.time_until(|pair| pair.state(A) == State::Active);
    pair.run_for(Duration::from_secs(10));
    pair.assert_states(State::Active, State::Backup);
}

#[test]
fn a_fault_hands_over_within_skew_time() {
    let mut pair = Pair::settled(with_priority(244), with_priority(240));
    pair.tell(A, tracker(Influence::Fault));
    let took = pair.time_until(|pair| pair.state(B) == State::Active);
    assert_eq!(took, LATENCY + Duration::from_micros(62_500));
    pair.assert_states(State::Fault, State::Active);
}

#[test]
fn a_backup_follows_the_interval_of_a_faster_active_router() {
    let interval = Interval::from_centis(10).unwrap();
    let fast = Config { interval, ..with_priority(200) };
    let mut pair = Pair::settled(fast, with_priority(100));
    pair.nodes[A].crashed = true;
    let took = pair.time_until(|pair| pair.state(B) == State::Active);
    assert!(took <= Duration::from_micros(360_937), "{took:?}");
}

#[test]
fn the_owner_takes_its_addresses_back_at_once() {
    let mut pair = Pair::settled(with_priority(255), with_priority(254));
    pair.tell(A, Event::Shutdown);
    pair.run_for(Duration::from_secs(10));
    pair.assert_states(State::Initialize, State::Active);
    pair.start(A);
    assert_eq!(pair.state(A), State::Active);
    let took = pair.time_until(|pair| pair.state(B) == State::Backup);
    assert_eq!(took, LATENCY);
}
