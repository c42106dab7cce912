//! Another setup, put into force, leads where a fresh start with it leads: for random pairs.
//!
//! `VRRP_SIM_SEED=7 cargo test -p vrrp-sim --test plan` runs one pair.
#![allow(clippy::unwrap_used, reason = "a test's helpers may panic")]

mod common;
mod sensor;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use common::env_number;
use fastrand::Rng;
use sensor::{Sensor, Sensors};
use vrrp::{Change, Host, Setup, State, VirtualAddress, VirtualRouter, Weight, plan};
use vrrp_net::{Call, Object};
use vrrp_sim::{Lan, LanHost};

const PAIRS: u64 = 300;
/// Longer than any router of these takes to find its place.
const SETTLING: Duration = Duration::from_secs(60);
const INTERFACES: [&str; 2] = ["eth0", "eth1"];
/// The peer's: no sum of a priority and weights below.
const PEER_PRIORITY: u8 = 125;

/// A router as the pairs vary it.
#[derive(Debug, Clone)]
struct Draft {
    name: String,
    interface: usize,
    vrid: u8,
    priority: u8,
    interval_ms: u64,
    group: u8,
    /// The last bytes, and whether on the other interface.
    addresses: Vec<(u8, bool)>,
    tracks: BTreeMap<usize, i32>,
}

/// A whole setup: numbers and addresses belong to one router each.
struct Drafts(Vec<Draft>);

impl Drafts {
    fn random(rng: &mut Rng) -> Self {
        let mut vrids = [1, 2, 3, 4, 5, 6];
        rng.shuffle(&mut vrids);
        let names = ["a", "b", "c", "d"];
        let mut drafts = Self(Vec::new());
        for (name, vrid) in names.iter().zip(vrids) {
            if rng.u8(0..4) > 0 {
                let draft = Draft {
                    name: (*name).to_owned(),
                    interface: rng.usize(..2),
                    vrid,
                    priority: 100,
                    interval_ms: 1000,
                    group: 18,
                    addresses: Vec::new(),
                    tracks: BTreeMap::new(),
                };
                drafts.0.push(draft);
            }
        }
        for index in 0..drafts.0.len() {
            (0..6).for_each(|_| drafts.vary(rng, index));
        }
        drafts.deal(rng);
        drafts
    }

    /// The same with a few differences.
    fn varied(&self, rng: &mut Rng) -> Self {
        if rng.u8(0..8) == 0 {
            return Self::random(rng);
        }
        let mut drafts = Self(self.0.clone());
        if !drafts.0.is_empty() && rng.u8(0..4) == 0 {
            drafts.0.remove(rng.usize(..drafts.0.len()));
        }
        for index in 0..drafts.0.len() {
            if rng.bool() {
                drafts.vary(rng, index);
            }
        }
        for _ in 0..rng.usize(0..3) {
            drafts.move_address(rng);
        }
        drafts.deal(rng);
        drafts
    }

    fn vary(&mut self, rng: &mut Rng, index: usize) {
        let is_free = |vrid: u8| self.0.iter().all(|draft| draft.vrid != vrid);
        let free = (1..=8).find(|vrid| is_free(*vrid)).unwrap();
        let draft = &mut self.0[index];
        match rng.u8(0..16) {
            0 => draft.name = format!("{}'", draft.name),
            1 => draft.vrid = free,
            2 => draft.interface = 1 - draft.interface,
            3 => draft.group = if draft.group == 18 { 99 } else { 18 },
            4..8 => draft.priority = rng.choice([90, 100, 150, 200, 255]).unwrap(),
            8..10 => draft.interval_ms = rng.choice([100, 1000, 2000]).unwrap(),
            _ => {
                let sensor = rng.usize(..sensor::COUNT);
                match rng.choice([None, Some(0), Some(10), Some(-20), Some(20)]).unwrap() {
                    Some(weight) => draft.tracks.insert(sensor, weight),
                    None => draft.tracks.remove(&sensor),
                };
            }
        }
    }

    fn move_address(&mut self, rng: &mut Rng) {
        if self.0.len() < 2 {
            return;
        }
        let (from, to) = (rng.usize(..self.0.len()), rng.usize(..self.0.len()));
        if let Some((last, _)) = self.0[from].addresses.pop() {
            let is_other = self.0[from].interface != self.0[to].interface;
            self.0[to].addresses.push((last, is_other));
        }
    }

    /// Gives every router without an address one that nobody has, and now and then one more.
    fn deal(&mut self, rng: &mut Rng) {
        for index in 0..self.0.len() {
            while self.0[index].addresses.is_empty() || rng.u8(0..6) == 0 {
                let is_free = |last: &u8| {
                    self.0.iter().all(|draft| draft.addresses.iter().all(|(it, _)| it != last))
                };
                let last = (200..250).find(is_free).unwrap();
                self.0[index].addresses.push((last, rng.u8(0..4) == 0));
            }
        }
    }

    fn setup(&self, sensors: &Sensors) -> Setup {
        self.0
            .iter()
            .fold(Setup::default(), |setup, draft| setup.with(&draft.router(sensors)).unwrap())
    }
}

impl Draft {
    fn router(&self, sensors: &Sensors) -> VirtualRouter {
        let mut router = VirtualRouter::new(INTERFACES[self.interface], self.vrid)
            .name(self.name.as_str())
            .priority(self.priority)
            .interval(Duration::from_millis(self.interval_ms))
            .group([224, 0, 0, self.group].into());
        for (last, is_other) in &self.addresses {
            let mut address = VirtualAddress::new([192, 0, 2, *last].into(), 24);
            let other = INTERFACES[1 - self.interface];
            address.device = is_other.then(|| other.parse().unwrap());
            router = router.virtual_address(address);
        }
        for (sensor, weight) in &self.tracks {
            router = router.track(Weight::new(*weight), Sensor::new(*sensor, sensors));
        }
        router
    }
}

/// A host with a peer on a network of their own.
struct Bench {
    lan: Lan,
    machine: LanHost,
    host: Host,
    peer: Host,
    sensors: Sensors,
    calls: Vec<Call>,
}

impl Bench {
    fn new(sensors: &Sensors) -> Self {
        let lan = Lan::new();
        let machine = |last: u8| {
            let machine = lan.add_host();
            for (number, name) in INTERFACES.iter().enumerate() {
                let address = [192, 0, 2 + number as u8, last].into();
                machine.set_interface(name.parse().unwrap(), address, 24);
            }
            machine
        };
        let (machine, other) = (machine(1), machine(9));
        let host = Host::on(Arc::new(machine.clone())).unwrap();
        let mut peer = Host::on(Arc::new(other)).unwrap();
        for vrid in [1, 3, 5] {
            for name in INTERFACES {
                let router = VirtualRouter::new(name, vrid).priority(PEER_PRIORITY);
                peer.add(router.address("198.51.100.1/24")).unwrap();
            }
        }
        Self { lan, machine, host, peer, sensors: sensors.clone(), calls: Vec::new() }
    }

    /// Puts a setup into force, and returns what was asked of the kernel for that.
    fn apply(&mut self, setup: &Setup) -> (Vec<Change>, Vec<Call>) {
        self.take();
        let plan = self.host.apply(setup.clone()).unwrap();
        let calls = self.take();
        (plan, calls)
    }

    fn settle(&mut self) {
        // What sources read reaches the routers at once: before any time has passed.
        self.sensors.report();
        self.lan.run(&mut [&mut self.host, &mut self.peer], SETTLING).unwrap();
        self.take();
    }

    fn take(&mut self) -> Vec<Call> {
        let calls = self.machine.recorder().take();
        self.calls.extend(calls.iter().cloned());
        calls
    }

    fn states(&self) -> BTreeMap<String, State> {
        let routers = self.host.observer().routers();
        routers.iter().map(|it| (it.settings.name.to_string(), it.state)).collect()
    }

    /// Everything that has to be the same, in words.
    fn standing(&self) -> BTreeSet<String> {
        let observer = self.host.observer();
        let routers = observer.routers().into_iter().map(|it| {
            format!(
                "{}: {} {} faults {:?} trackers {:?} waits {:?} installed {} every {} died {:?}",
                it.settings.name,
                it.state,
                it.priority,
                it.faults.iter().collect::<BTreeSet<_>>(),
                it.contributions.iter().map(|it| format!("{it:?}")).collect::<BTreeSet<_>>(),
                it.waiting_for,
                it.is_installed,
                it.interval,
                it.died,
            )
        });
        let groups = self.groups();
        let receivers = observer.receivers().into_iter().map(|it| {
            let groups = it.interface.and_then(|name| groups.get(&name.to_string()));
            format!("{:?} listens {}: {groups:?}", it.interface, it.is_listening)
        });
        let objects = self.machine.objects().into_iter().map(|object| format!("{object:?}"));
        routers.chain(receivers).chain(objects).collect()
    }

    /// The groups that were joined last on every interface.
    fn groups(&self) -> BTreeMap<String, BTreeSet<IpAddr>> {
        let joined = self.calls.iter().filter_map(|call| match call {
            Call::SetGroups { interface, groups } => {
                Some(((*interface)?.name.to_string(), groups.iter().copied().collect()))
            }
            _ => None,
        });
        joined.collect()
    }
}

#[derive(Debug, Default)]
struct Seen {
    backups: u64,
    faults: u64,
    kept: u64,
    moved: u64,
    changes: u64,
}

/// Who holds what, by the setup and the states: object to router.
fn holders(setup: &Setup, states: &BTreeMap<String, State>) -> BTreeMap<String, String> {
    let active = setup.routers.iter().filter(|it| states.get(&*it.name) == Some(&State::Active));
    let all = active.flat_map(|router| {
        router.addresses.iter().map(|address| {
            let place = format!("{} {address}", router.device_of(address));
            (place, router.name.to_string())
        })
    });
    all.collect()
}

fn place(object: &Object) -> String {
    match object {
        Object::Address(spec) => {
            format!("{} {}/{}", spec.interface.name, spec.address, spec.prefix_len)
        }
        other => panic!("{other:?}"),
    }
}

fn check_pair(seed: u64, seen: &mut Seen) {
    let rng = &mut Rng::with_seed(seed);
    let (sensors, other_sensors) = (Sensors::random(rng), Sensors::default());
    let drafts = Drafts::random(rng);
    let new_drafts = drafts.varied(rng);
    let (old, new) = (drafts.setup(&sensors), new_drafts.setup(&sensors));
    check_plan(&old, &new);

    let mut bench = Bench::new(&sensors);
    bench.apply(&old);
    bench.settle();
    let before = bench.states();
    let (plan, calls) = bench.apply(&new);
    let after = bench.states();
    check_application(seed, [&old, &new], [&before, &after], &plan, &calls, seen);
    bench.settle();

    other_sensors.copy(&sensors);
    let mut fresh = Bench::new(&other_sensors);
    fresh.apply(&new_drafts.setup(&other_sensors));
    fresh.settle();
    let plan = lines(&plan);
    let (one, other) = (bench.standing(), fresh.standing());
    let extra: Vec<_> = one.difference(&other).collect();
    let missing: Vec<_> = other.difference(&one).collect();
    assert!(one == other, "seed {seed}, {plan:#?}\ninstead of {missing:#?}\nthere is {extra:#?}");
    let states = fresh.states();
    let count = |state| states.values().filter(|it| **it == state).count() as u64;
    seen.backups += count(State::Backup);
    seen.faults += count(State::Fault);
    seen.changes += plan.len() as u64;
}

fn lines(plan: &[Change]) -> Vec<String> {
    plan.iter().map(ToString::to_string).collect()
}

/// Every change has one line, and what is equal needs none.
fn check_plan(old: &Setup, new: &Setup) {
    for change in plan(old, new) {
        let line = change.to_string();
        assert!(!line.is_empty() && !line.contains('\n'), "{line}");
    }
    assert_eq!(plan(old, old), []);
    assert_eq!(plan(new, new), []);
}

/// Nobody who stays resigns, and what an Active router has before and an Active one afterwards is
/// not touched.
fn check_application(
    seed: u64,
    [old, new]: [&Setup; 2],
    [before, after]: [&BTreeMap<String, State>; 2],
    plan: &[Change],
    calls: &[Call],
    seen: &mut Seen,
) {
    let is_another = |name: &str| {
        plan.iter().any(|change| match change {
            Change::Replace { new, .. } | Change::Start(new) => &*new.name == name,
            _ => false,
        })
    };
    let stays: BTreeSet<_> = new
        .routers
        .iter()
        .filter(|router| !is_another(&router.name))
        // A tracker that is new to it may be a fault that it had not: then it resigns.
        .filter(|router| after.get(&*router.name) != Some(&State::Fault))
        .map(|router| router.vrid.get())
        .collect();
    let (had, has) = (holders(old, before), holders(new, after));
    let kept = has.iter().filter(|(place, name)| had.contains_key(*place) && !is_another(name));
    let kept: BTreeMap<_, _> = kept.collect();
    seen.kept += kept.len() as u64;
    seen.moved += kept.iter().filter(|(place, name)| had[**place] != ***name).count() as u64;
    for call in calls {
        match call {
            Call::SendAdvert { message, .. } => {
                let (vrid, priority) = (message[1], message[2]);
                assert!(
                    priority > 0 || !stays.contains(&vrid),
                    "seed {seed}, {:#?}: {vrid} resigns, {before:?}",
                    lines(plan)
                );
            }
            Call::Apply(changes) => {
                for change in changes {
                    let place = place(change.object());
                    // One that moves is added where it is already, which leaves it as it is.
                    let moves = kept.get(&place).is_some_and(|name| had[&place] != **name);
                    let is_touched = kept.contains_key(&place) && !(moves && change.is_add());
                    assert!(!is_touched, "seed {seed}, {:#?}: {change}", lines(plan));
                }
            }
            _ => {}
        }
    }
}

#[test]
fn a_setup_put_into_force_leads_where_a_fresh_start_leads() {
    let seeds = match env_number("VRRP_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..PAIRS,
    };
    let (is_all, mut seen) = (seeds.clone().count() > 1, Seen::default());
    seeds.for_each(|seed| check_pair(seed, &mut seen));
    println!("{seen:?}");
    // A test of pairs in which nothing happens would show nothing.
    let Seen { backups, faults, kept, moved, changes } = seen;
    assert!(!is_all || [backups, faults, moved].iter().all(|it| *it > 20), "{seen:?}");
    assert!(!is_all || (kept > PAIRS && changes > PAIRS), "{kept} {changes}");
}
