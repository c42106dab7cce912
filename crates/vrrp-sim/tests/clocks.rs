//! Signed adverts on hosts whose clocks of day are set ahead and back.
#![allow(clippy::unwrap_used, reason = "a test's helpers may panic")]

use std::sync::Arc;
use std::time::Duration;

use vrrp::{Authentication, Hmac, Host, Setup, State, VirtualRouter};
use vrrp_proto::{AntiReplay, HmacKey, HmacMode};
use vrrp_sim::{Lan, LanHost};

const WINDOW: AntiReplay = AntiReplay::Timestamp { window_secs: 5 };
const HOUR_SECS: i64 = 3600;

fn machine(lan: &Lan, last: u8, priority: u8, anti_replay: AntiReplay) -> (LanHost, Host) {
    let machine = lan.add_host();
    machine.set_interface("eth0".parse().unwrap(), [192, 0, 2, last].into(), 24);
    let mut host = Host::on(Arc::new(machine.clone())).unwrap();
    let router = VirtualRouter::new("eth0", 51).priority(priority).address("192.0.2.200/24");
    let mut settings = router.build().unwrap();
    let keys = vec![HmacKey::new(1, &[7; 32]).unwrap()];
    let hmac = Hmac::new(keys, 1, HmacMode::Enforce, anti_replay).unwrap();
    settings.authentication = Authentication::Hmac(hmac);
    host.apply(Setup { routers: vec![Arc::new(settings)], ..Setup::default() }).unwrap();
    (machine, host)
}

/// A master and its backup, with their machines.
struct Pair {
    lan: Lan,
    machines: [LanHost; 2],
    hosts: [Host; 2],
}

impl Pair {
    fn new(anti_replay: AntiReplay) -> Self {
        let lan = Lan::new();
        let (first_machine, first) = machine(&lan, 1, 200, anti_replay);
        let (second_machine, second) = machine(&lan, 2, 100, anti_replay);
        let machines = [first_machine, second_machine];
        let mut pair = Self { lan, machines, hosts: [first, second] };
        pair.run(10);
        assert_eq!(pair.states(), [State::Active, State::Backup]);
        pair
    }

    fn run(&mut self, secs: u64) {
        let [first, second] = &mut self.hosts;
        self.lan.run(&mut [first, second], Duration::from_secs(secs)).unwrap();
    }

    fn states(&self) -> [State; 2] {
        self.hosts.each_ref().map(|host| host.observer().routers()[0].state)
    }

    /// How often each has become Active.
    fn became_active(&self) -> [u64; 2] {
        self.hosts.each_ref().map(|host| host.observer().routers()[0].became_active)
    }

    /// How many adverts each has dropped for this reason.
    fn dropped(&self, reason: &str) -> [u64; 2] {
        self.hosts.each_ref().map(|host| {
            host.observer().routers()[0].adverts_dropped.get(reason).copied().unwrap_or_default()
        })
    }
}

/// A host whose clock is off is refused, and refuses, for as long as it is: two masters. They are
/// one again as soon as it is right, not an hour later.
#[test]
fn a_host_whose_clock_is_off_is_refused_until_it_is_right_again() {
    for (whose, ahead_secs) in [(0, HOUR_SECS), (0, -HOUR_SECS), (1, HOUR_SECS), (1, -HOUR_SECS)] {
        let mut pair = Pair::new(WINDOW);
        pair.machines[whose].set_clock(ahead_secs);
        pair.run(30);
        assert_eq!(pair.states(), [State::Active; 2], "{whose} {ahead_secs}");
        assert!(pair.dropped("stale").iter().all(|count| *count > 20), "{whose} {ahead_secs}");
        pair.machines[whose].set_clock(0);
        pair.run(2);
        assert_eq!(pair.states(), [State::Active, State::Backup], "{whose} {ahead_secs}");
        pair.run(20);
        assert_eq!(pair.became_active(), [1, 1], "{whose} {ahead_secs}");
    }
}

#[test]
fn clocks_that_are_set_ahead_and_back_together_leave_one_master() {
    for ahead_secs in [HOUR_SECS, -HOUR_SECS] {
        let mut pair = Pair::new(WINDOW);
        for ahead_secs in [ahead_secs, 0] {
            pair.machines.iter().for_each(|machine| machine.set_clock(ahead_secs));
            pair.run(30);
            assert_eq!(pair.states(), [State::Active, State::Backup], "{ahead_secs}");
        }
        assert_eq!(pair.became_active(), [1, 0], "{ahead_secs}");
        assert_eq!(pair.dropped("replay"), [0, 0], "{ahead_secs}");
    }
}

/// A clock that is put right by less than the window hides nobody for longer than that.
#[test]
fn a_small_correction_is_over_within_the_window() {
    for ahead_secs in [-4, 4, -6, 6] {
        let mut pair = Pair::new(WINDOW);
        pair.machines[1].set_clock(3);
        pair.run(5);
        pair.machines[0].set_clock(ahead_secs);
        pair.run(15);
        pair.machines[0].set_clock(0);
        pair.run(10);
        assert_eq!(pair.states(), [State::Active, State::Backup], "{ahead_secs}");
    }
}

#[test]
fn numbers_that_only_grow_need_no_clock_that_agrees() {
    let mut pair = Pair::new(AntiReplay::Monotonic);
    for ahead_secs in [HOUR_SECS, 0, -HOUR_SECS, 0] {
        pair.machines[0].set_clock(ahead_secs);
        pair.run(30);
    }
    assert_eq!(pair.states(), [State::Active, State::Backup]);
    assert_eq!(pair.became_active(), [1, 0]);
}
