//! Routers that do not accept what is sent to their addresses, on a simulated network: the order of
//! filters and addresses, and what happens where a filter is refused.
#![allow(clippy::unwrap_used, reason = "a test's helpers may panic")]

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use vrrp::{EventKind, Host, Setup, State, VirtualRouter};
use vrrp_net::{Call, Errno, Filter, Interface, NetError, Object, ObjectKind, Operation};
use vrrp_sim::{Lan, LanHost};

const VIP: &str = "192.0.2.200";

fn machine(lan: &Lan, address: &str) -> (LanHost, Interface) {
    let machine = lan.add_host();
    let address: IpAddr = address.parse().unwrap();
    let interface = machine.set_interface("eth0".parse().unwrap(), address, 24);
    (machine, interface)
}

fn host(machine: &LanHost) -> Host {
    Host::on(Arc::new(machine.clone())).unwrap()
}

fn router(accept: bool) -> VirtualRouter {
    VirtualRouter::new("eth0", 51).priority(200).address(&format!("{VIP}/24")).accept(accept)
}

fn filter(address: &str, on: Interface) -> Filter {
    Filter::new("vrrpd".parse().unwrap(), address.parse().unwrap(), on)
}

fn state(host: &Host) -> State {
    host.observer().routers()[0].state
}

/// What was asked of the kernel since the last time: whether it was added, and its kind.
fn changes(machine: &LanHost) -> Vec<(bool, ObjectKind)> {
    let changes = machine.recorder().take().into_iter().filter_map(|call| match call {
        Call::Apply(changes) => Some(changes),
        _ => None,
    });
    changes.flatten().map(|change| (change.is_add(), change.object().kind())).collect()
}

fn run(lan: &Lan, host: &mut Host) {
    lan.run(&mut [host], Duration::from_secs(5)).unwrap();
}

#[test]
fn an_address_is_closed_before_it_is_there_and_until_it_is_gone() {
    let lan = Lan::new();
    let (machine, eth0) = machine(&lan, "192.0.2.1");
    let mut host = host(&machine);
    host.add(router(false)).unwrap();
    lan.run(&mut [&mut host], Duration::from_secs(1)).unwrap();
    machine.recorder().take();
    run(&lan, &mut host);
    assert_eq!(state(&host), State::Active);
    assert_eq!(changes(&machine), [(true, ObjectKind::Filter), (true, ObjectKind::Address)]);
    assert_eq!(machine.objects()[0], filter(VIP, eth0).into());

    // One more, and one less: never open in between.
    let more = router(false).address("192.0.2.201/24");
    host.apply(Setup::default().with(&more).unwrap()).unwrap();
    run(&lan, &mut host);
    let (add, remove) = (|kind| (true, kind), |kind| (false, kind));
    let [filter, address] = [ObjectKind::Filter, ObjectKind::Address];
    assert_eq!(changes(&machine), [add(filter), add(address)]);
    host.apply(Setup::default().with(&router(false)).unwrap()).unwrap();
    run(&lan, &mut host);
    assert_eq!(changes(&machine), [remove(address), remove(filter)]);
    host.shutdown().unwrap();
    assert_eq!(changes(&machine), [remove(address), remove(filter)]);
    assert_eq!(machine.objects(), []);
}

#[test]
fn accepting_or_not_changes_in_place_and_the_address_goes_last_all_the_same() {
    let lan = Lan::new();
    let (machine, _) = machine(&lan, "192.0.2.1");
    let mut host = host(&machine);
    host.add(router(true)).unwrap();
    run(&lan, &mut host);
    machine.recorder().take();
    for accept in [false, true, false] {
        host.apply(Setup::default().with(&router(accept)).unwrap()).unwrap();
        run(&lan, &mut host);
        assert_eq!(changes(&machine), [(!accept, ObjectKind::Filter)]);
        assert_eq!(state(&host), State::Active);
    }
    // The filter came after the address, and goes after it too.
    host.shutdown().unwrap();
    assert_eq!(changes(&machine), [(false, ObjectKind::Address), (false, ObjectKind::Filter)]);
}

#[test]
fn without_its_filter_an_address_is_not_put_up() {
    let lan = Lan::new();
    let (machine, eth0) = machine(&lan, "192.0.2.1");
    let mut host = host(&machine);
    host.add(router(false)).unwrap();
    lan.run(&mut [&mut host], Duration::from_secs(1)).unwrap();
    let refused = NetError::Filter {
        operation: Operation::AddFilter,
        filter: filter(VIP, eth0),
        errno: Errno::from_raw(95),
        explanation: None,
    };
    // Its first advert is refused too: that comes before everything else.
    machine.recorder().refuse_next(refused.clone());
    machine.recorder().refuse_next(refused);
    lan.run(&mut [&mut host], Duration::from_secs(3)).unwrap();
    assert_eq!(machine.objects(), []);
    assert_eq!(state(&host), State::Fault);
    let told: Vec<_> = std::iter::from_fn(|| host.events().try_next()).collect();
    assert!(told.iter().any(|it| it.to_string().contains("packet filter")), "{told:?}");
    lan.run(&mut [&mut host], Duration::from_secs(40)).unwrap();
    assert_eq!(state(&host), State::Active, "it is tried again");
    assert_eq!(machine.objects().len(), 2);
}

#[test]
fn what_a_predecessor_filtered_is_removed_whoever_comes() {
    for (priority, accept) in [(200, true), (200, false), (255, true)] {
        let lan = Lan::new();
        let (machine, eth0) = machine(&lan, "192.0.2.1");
        for address in [VIP, "192.0.2.250"] {
            machine.recorder().set_object(filter(address, eth0).into());
        }
        let other = Filter { table: "other".parse().unwrap(), ..filter(VIP, eth0) };
        machine.recorder().set_object(other.into());
        let mut host = host(&machine);
        host.add(router(accept).priority(priority)).unwrap();
        lan.run(&mut [&mut host], Duration::from_millis(1)).unwrap();
        let left: Vec<_> = machine
            .objects()
            .into_iter()
            .filter(|object| matches!(object, Object::Filter(_)))
            .collect();
        assert_eq!(left, [other.into()], "{priority} {accept}");
        let told = std::iter::from_fn(|| host.events().try_next());
        let removed = told.filter_map(|event| match event.kind {
            EventKind::LeftoversRemoved { addresses, filters, .. } => Some((addresses, filters)),
            _ => None,
        });
        assert_eq!(removed.collect::<Vec<_>>(), [(0, 2)], "{priority} {accept}");
    }
}

#[test]
fn an_owner_takes_what_is_sent_to_its_addresses() {
    let lan = Lan::new();
    let (machine, _) = machine(&lan, "192.0.2.1");
    let mut host = host(&machine);
    host.add(router(false).priority(255)).unwrap();
    run(&lan, &mut host);
    assert_eq!(state(&host), State::Active);
    let kinds: Vec<_> = machine.objects().iter().map(Object::kind).collect();
    assert_eq!(kinds, [ObjectKind::Address]);
}

#[test]
fn a_link_local_address_is_closed_on_its_own_link() {
    let lan = Lan::new();
    let (machine, eth0) = machine(&lan, "fe80::1");
    let mut host = host(&machine);
    let router = VirtualRouter::new("eth0", 51)
        .address("fe80::100/64")
        .address("2001:db8::100/64")
        .accept(false);
    host.add(router).unwrap();
    run(&lan, &mut host);
    assert_eq!(state(&host), State::Active);
    let mut filters: Vec<_> = machine.objects();
    filters.truncate(2);
    filters.sort_by_key(Object::key);
    let expected = [filter("2001:db8::100", eth0).into(), filter("fe80::100", eth0).into()];
    assert_eq!(filters, expected);
    assert_eq!(filter("fe80::100", eth0).interface, Some(eth0.index));
}
