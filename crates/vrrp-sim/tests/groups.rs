//! Sync groups between two machines that share two networks.
#![allow(clippy::unwrap_used, reason = "a test's helpers may panic")]

use std::sync::Arc;
use std::time::Duration;

use vrrp::{EventKind, Host, Setup, State, VirtualRouter};
use vrrp_net::{Call, Change};
use vrrp_sim::{Lan, LanHost};

struct Machine {
    lan: LanHost,
    host: Host,
}

impl Machine {
    fn new(lan: &Lan, last: u8) -> Self {
        let machine = lan.add_host();
        for (name, third) in [("eth0", 2), ("eth1", 3)] {
            machine.set_interface(name.parse().unwrap(), [192, 0, third, last].into(), 24);
        }
        let host = Host::on(Arc::new(machine.clone())).unwrap();
        Self { lan: machine, host }
    }

    fn states(&self) -> Vec<State> {
        self.host.observer().routers().iter().map(|router| router.state).collect()
    }

    fn group_state(&self) -> State {
        self.host.observer().groups()[0].state
    }

    /// The objects that its kernel was told to remove since the last time.
    fn removals(&self) -> Vec<String> {
        let calls = self.lan.recorder().take();
        let changes = calls.iter().filter_map(|call| match call {
            Call::Apply(changes) => Some(changes),
            _ => None,
        });
        let removed = |change: &Change| match change {
            Change::Remove(object) => Some(object.to_string()),
            _ => None,
        };
        changes.flatten().filter_map(removed).collect()
    }

    fn events(&self) -> Vec<String> {
        let told = std::iter::from_fn(|| self.host.events().try_next());
        let is_of_state = |kind: &EventKind| {
            matches!(
                kind,
                EventKind::Transition(_)
                    | EventKind::GroupTransition(_)
                    | EventKind::Stopped { .. }
                    | EventKind::GroupStopped
            )
        };
        told.filter(|event| is_of_state(&event.kind)).map(|event| event.to_string()).collect()
    }
}

fn router(name: &str, priority: u8) -> VirtualRouter {
    let (interface, vrid, address) = match name {
        "out" => ("eth0", 51, "192.0.2.200/24"),
        "in" => ("eth1", 52, "192.0.3.200/24"),
        _ => ("eth1", 53, "192.0.3.201/24"),
    };
    VirtualRouter::new(interface, vrid).name(name).priority(priority).address(address)
}

fn alone(priority: u8, names: &[&str]) -> Setup {
    names.iter().fold(Setup::default(), |setup, name| setup.with(&router(name, priority)).unwrap())
}

fn grouped(priority: u8, names: &[&str]) -> Setup {
    alone(priority, names).with_group("site", names.iter().copied())
}

/// Lets seconds pass, and looks often: at no time has a machine a part of its group.
fn pass(lan: &Lan, machines: &mut [&mut Machine], seconds: u64) {
    for _ in 0..seconds * 10 {
        let mut hosts: Vec<_> = machines.iter_mut().map(|machine| &mut machine.host).collect();
        lan.run(&mut hosts, Duration::from_millis(100)).unwrap();
        for machine in machines.iter() {
            let states = machine.states();
            assert!(states.iter().all(|state| *state == states[0]), "{states:?}");
            assert_eq!(machine.group_state(), states[0]);
        }
    }
}

const ACTIVE: [State; 2] = [State::Active; 2];
const BACKUP: [State; 2] = [State::Backup; 2];

fn pair(lan: &Lan) -> (Machine, Machine) {
    let (mut first, mut second) = (Machine::new(lan, 1), Machine::new(lan, 2));
    first.host.apply(grouped(200, &["out", "in"])).unwrap();
    second.host.apply(grouped(100, &["out", "in"])).unwrap();
    pass(lan, &mut [&mut first, &mut second], 5);
    assert_eq!((first.states(), second.states()), (ACTIVE.into(), BACKUP.into()));
    (first, second)
}

#[test]
fn all_addresses_move_when_the_machine_dies_and_when_it_is_back() {
    let lan = Lan::new();
    let (mut first, mut second) = pair(&lan);
    assert_eq!(
        first.events(),
        [
            "(site) sync group: Initialize to Backup: out, started",
            "(out) Initialize to Backup with priority 200: started",
            "(in) Initialize to Backup with priority 200: started",
            "(out) Backup to Active with priority 200: no other router was heard",
            "(in) Backup to Active with priority 200: no other router was heard",
            "(site) sync group: Backup to Active: out, no other router was heard",
        ]
    );
    pass(&lan, &mut [&mut second], 5);
    assert_eq!(second.states(), ACTIVE);
    assert_eq!(second.lan.objects().len(), 2);
    // It stood still, and hears its successor before it speaks.
    pass(&lan, &mut [&mut first, &mut second], 10);
    assert_eq!((first.states(), second.states()), (ACTIVE.into(), BACKUP.into()));
    assert_eq!((first.lan.objects().len(), second.lan.objects().len()), (2, 0));
}

#[test]
fn one_network_that_is_lost_moves_all_and_brings_all_back() {
    let lan = Lan::new();
    let (mut first, mut second) = pair(&lan);
    first.events();
    first.lan.set_carrier("eth1".parse().unwrap(), false);
    pass(&lan, &mut [&mut first, &mut second], 5);
    assert_eq!((first.states(), second.states()), ([State::Fault; 2].into(), ACTIVE.into()));
    assert_eq!(
        first.events(),
        [
            "(in) Active to Fault with priority 200: the interface has no carrier",
            "(out) Active to Fault with priority 200: in of its sync group cannot take part",
            "(site) sync group: Active to Fault: in, the interface has no carrier",
        ]
    );
    first.lan.set_carrier("eth1".parse().unwrap(), true);
    pass(&lan, &mut [&mut first, &mut second], 10);
    assert_eq!((first.states(), second.states()), (ACTIVE.into(), BACKUP.into()));
}

#[test]
fn a_group_hands_over_as_one_and_ends_after_its_members() {
    let lan = Lan::new();
    let (mut first, mut second) = pair(&lan);
    first.host.apply(Setup::default()).unwrap();
    let events = first.events();
    let ends = events.iter().filter(|event| event.ends_with(" stopped"));
    let ends: Vec<_> =
        ends.map(String::as_str).filter(|event| !event.contains("Initialize")).collect();
    assert_eq!(ends, ["(out) stopped", "(in) stopped", "(site) sync group: stopped"]);
    assert_eq!(events.last().unwrap(), "(site) sync group: stopped");
    let resigned_at = lan.now();
    pass(&lan, &mut [&mut second], 1);
    assert_eq!(second.states(), ACTIVE);
    let since = second.host.observer().routers()[0].since.unwrap();
    assert!(since.saturating_since(resigned_at) < Duration::from_secs(1), "in skew time");
}

#[test]
fn a_member_that_is_added_or_leaves_disturbs_nobody() {
    let lan = Lan::new();
    let (mut first, mut second) = pair(&lan);
    first.removals();
    for names in [&["out", "in", "more"][..], &["more", "in", "out"], &["out", "in"]] {
        for (machine, priority) in [(&mut second, 100), (&mut first, 200)] {
            machine.host.apply(grouped(priority, names)).unwrap();
        }
        pass(&lan, &mut [&mut first, &mut second], 2);
        assert!(first.states().iter().all(|state| *state == State::Active));
        assert!(second.states().iter().all(|state| *state == State::Backup));
    }
    let removals = first.removals();
    assert!(removals.iter().all(|object| object.starts_with("192.0.3.201/")), "{removals:?}");
    let events = first.events();
    let only_more = |event: &&String| event.contains("to ") && !event.contains("more");
    assert_eq!(events.iter().skip(6).filter(only_more).count(), 0, "{events:#?}");
    pass(&lan, &mut [&mut second], 5);
    assert_eq!(second.states(), ACTIVE);
}

#[test]
fn routers_become_a_group_and_stand_alone_again_without_losing_their_addresses() {
    let lan = Lan::new();
    let (mut first, mut second) = (Machine::new(&lan, 1), Machine::new(&lan, 2));
    first.host.apply(alone(200, &["out", "in"])).unwrap();
    second.host.apply(alone(100, &["out", "in"])).unwrap();
    let mut hosts = [&mut first.host, &mut second.host];
    lan.run(&mut hosts, Duration::from_secs(5)).unwrap();
    first.removals();
    second.host.apply(grouped(100, &["out", "in"])).unwrap();
    first.host.apply(grouped(200, &["out", "in"])).unwrap();
    pass(&lan, &mut [&mut first, &mut second], 5);
    assert_eq!((first.states(), first.group_state()), (ACTIVE.into(), State::Active));
    first.host.apply(alone(200, &["out", "in"])).unwrap();
    first.lan.set_carrier("eth1".parse().unwrap(), false);
    lan.run(&mut [&mut first.host, &mut second.host], Duration::from_secs(5)).unwrap();
    assert_eq!(first.states(), [State::Active, State::Fault], "each for itself");
    assert_eq!(first.removals(), ["192.0.3.200/24 dev eth1"]);
    assert_eq!(second.states(), BACKUP, "the other machine's are still a group");
}

#[test]
fn a_member_that_stays_backup_elsewhere_keeps_the_group_from_it() {
    let lan = Lan::new();
    let (mut first, mut second) = (Machine::new(&lan, 1), Machine::new(&lan, 2));
    first.host.apply(alone(200, &["in"])).unwrap();
    second.host.apply(grouped(100, &["out", "in"])).unwrap();
    lan.run(&mut [&mut first.host, &mut second.host], Duration::from_secs(10)).unwrap();
    assert_eq!(second.states(), BACKUP);
    let out = &second.host.observer().routers()[0];
    assert!(out.is_held_back);
    assert!(out.why().ends_with("waits for the others of its sync group"), "{}", out.why());
    first.host.apply(Setup::default()).unwrap();
    lan.run(&mut [&mut first.host, &mut second.host], Duration::from_secs(1)).unwrap();
    assert_eq!(second.states(), ACTIVE);
}
