//! What a monitor hears.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::thread;
use std::time::{Duration, Instant};

use common::{End, Host, PATIENCE, ip, isolated, name, wire};
use vrrp_net::{
    AddressSpec, InterfaceAddress, Link, LinkChange, MacAddress, Monitor, NetEvent, NewLink,
    NewLinkKind, Snapshot, Wake,
};

fn monitor(host: &Host) -> (Monitor, Snapshot) {
    host.run(Monitor::open).unwrap()
}

/// Reads events until one is as expected; gives back what the expectation made of it.
#[track_caller]
fn heard<T>(
    monitor: &mut Monitor,
    what: &str,
    mut expected: impl FnMut(&NetEvent) -> Option<T>,
) -> T {
    let deadline = Instant::now() + PATIENCE;
    let mut all = Vec::new();
    while Instant::now() < deadline {
        let mut events = Vec::new();
        monitor.wait(&mut events, Some(PATIENCE)).unwrap();
        if let Some(it) = events.iter().find_map(&mut expected) {
            return it;
        }
        all.append(&mut events);
    }
    panic!("{what}: not heard, but {all:#?}");
}

/// What a monitor says about one link, whatever it says about others.
fn changed(index: u32, is_so: impl Fn(&Link) -> bool) -> impl FnMut(&NetEvent) -> Option<Link> {
    move |event| match event {
        NetEvent::LinkChanged(link) if link.interface.index.get() == index && is_so(link) => {
            Some(link.clone())
        }
        _ => None,
    }
}

fn gone(end: &End) -> impl FnMut(&NetEvent) -> Option<()> {
    let interface = end.interface;
    move |event| (*event == NetEvent::LinkGone(interface)).then_some(())
}

#[test]
fn a_monitor_starts_with_what_is_there() {
    isolated(|| {
        let (left, _right) = wire();
        let (_monitor, snapshot) = monitor(&left.host);
        assert!(snapshot.link(left.interface.index).unwrap().is_running());
        let has = |it: &&InterfaceAddress| it.address == left.address && it.prefix_len == 24;
        assert_eq!(snapshot.addresses.iter().filter(has).count(), 1);
    });
}

#[test]
fn a_link_that_goes_down_and_up_is_heard() {
    isolated(|| {
        let (mut left, _right) = wire();
        let index = left.interface.index;
        let (mut monitor, _) = monitor(&left.host);
        left.host.change(index, &LinkChange::DOWN);
        heard(&mut monitor, "down", changed(index.get(), |it| !it.is_up()));
        left.host.change(index, &LinkChange::UP);
        heard(&mut monitor, "up", changed(index.get(), |it| it.is_running() && it.has_carrier()));
    });
}

#[test]
fn a_carrier_that_is_lost_because_of_the_other_end_is_heard() {
    isolated(|| {
        let (left, mut right) = wire();
        let (mut monitor, _) = monitor(&left.host);
        right.host.change(right.interface.index, &LinkChange::DOWN);
        let lost = changed(left.interface.index.get(), |it| it.is_up() && !it.has_carrier());
        let link = heard(&mut monitor, "no carrier", lost);
        assert!(!link.is_running());
        right.host.change(right.interface.index, &LinkChange::UP);
        let back = changed(left.interface.index.get(), Link::is_running);
        heard(&mut monitor, "carrier", back);
    });
}

#[test]
fn a_link_that_is_deleted_and_made_anew_is_heard_with_another_index() {
    isolated(|| {
        let (mut left, right) = wire();
        let (mut monitor, _) = monitor(&left.host);
        left.host.netlink.delete_link(left.interface.index).unwrap();
        heard(&mut monitor, "gone", gone(&left));

        left.host.plug("left", &right.host, "right");
        let new = heard(&mut monitor, "made anew", |event| match event {
            NetEvent::LinkChanged(link) if link.interface.name == name("left") => {
                Some(link.interface)
            }
            _ => None,
        });
        assert_ne!(new.index, left.interface.index);
    });
}

#[test]
fn a_link_that_is_renamed_or_moved_is_heard() {
    isolated(|| {
        let (mut left, right) = wire();
        let index = left.interface.index;
        let (mut monitor, _) = monitor(&left.host);
        let mac = MacAddress([2, 0, 0, 0, 0, 7]);
        left.host.change(index, &LinkChange { mac: Some(mac), ..LinkChange::DOWN });
        heard(&mut monitor, "another MAC", changed(index.get(), |it| it.mac == Some(mac)));
        let rename = LinkChange { name: Some(name("other")), ..LinkChange::default() };
        left.host.change(index, &rename);
        let renamed = changed(index.get(), |it| it.interface.name == name("other"));
        left.interface = heard(&mut monitor, "another name", renamed).interface;
        let netns = Some(right.host.namespace.as_netns());
        left.host.change(index, &LinkChange { netns, ..LinkChange::default() });
        heard(&mut monitor, "moved away", gone(&left));
    });
}

#[test]
fn a_port_that_enters_or_leaves_a_bridge_has_changed_and_is_not_gone() {
    isolated(|| {
        let (mut left, _right) = wire();
        let bridge = NewLink { name: name("br"), kind: NewLinkKind::Bridge, mac: None };
        left.host.netlink.create_link(&bridge).unwrap();
        let bridge = left.host.interface("br");
        let index = left.interface.index;
        let (mut events, snapshot) = monitor(&left.host);
        assert_eq!(snapshot.link(index).unwrap().master, None);
        let into = |master| LinkChange { master: Some(master), ..LinkChange::default() };
        left.host.change(index, &into(Some(bridge.index)));
        let port = heard(&mut events, "in", changed(index.get(), |it| it.master.is_some()));

        // What it is a port of, the snapshot says.
        let (_, snapshot) = monitor(&left.host);
        assert_eq!(snapshot.link(index).unwrap().master, Some(bridge.index));
        let master = snapshot.link(port.master.unwrap()).unwrap();
        assert_eq!((master.interface, master.kind.as_deref()), (bridge, Some("bridge")));

        left.host.change(index, &into(None));
        // A mark behind whatever the bridge says about the port that left.
        left.host.change(index, &LinkChange { mtu_bytes: Some(1400), ..LinkChange::default() });
        let mut last_master = port.master;
        let mut is_out = false;
        heard(&mut events, "the mark", |event| match event {
            NetEvent::LinkGone(interface) => panic!("{interface} is said to be gone"),
            NetEvent::LinkChanged(link) if link.interface.index == index => {
                last_master = link.master;
                is_out |= link.master.is_none() && link.mtu_bytes == 1500;
                (link.mtu_bytes == 1400).then_some(())
            }
            _ => None,
        });
        assert!(is_out, "it was heard that the port left");
        assert_eq!(last_master, None);
    });
}

#[test]
fn addresses_that_come_and_go_are_heard_whoever_did_it() {
    isolated(|| {
        let (mut left, _right) = wire();
        let (mut monitor, _) = monitor(&left.host);
        for address in ["192.0.2.100", "2001:db8::100"] {
            let spec = AddressSpec::host(left.interface, ip(address));
            left.host.add(&spec);
            heard(&mut monitor, "added", |event| match event {
                NetEvent::AddressAdded(it) => spec.is(it).then_some(()),
                _ => None,
            });
            left.host.netlink.remove_addresses(std::slice::from_ref(&spec))[0].clone().unwrap();
            heard(&mut monitor, "removed", |event| match event {
                NetEvent::AddressRemoved(it) => spec.is(it).then_some(()),
                _ => None,
            });
        }
        // The kernel takes the addresses of a link that is deleted, and says so.
        left.host.netlink.delete_link(left.interface.index).unwrap();
        heard(&mut monitor, "removed with its link", |event| match event {
            NetEvent::AddressRemoved(it) => (it.address == left.address).then_some(()),
            _ => None,
        });
    });
}

#[test]
fn whether_a_link_forwards_ipv6_is_known_and_its_change_is_heard() {
    isolated(|| {
        let (mut left, _right) = wire();
        let index = left.interface.index;
        let (mut monitor, snapshot) = monitor(&left.host);
        assert!(!snapshot.link(index).unwrap().forwards_ipv6);
        let path = format!("/proc/sys/net/ipv6/conf/{}/forwarding", left.interface.name);
        for (text, is_expected) in [("1", true), ("0", false)] {
            left.host.run(|| std::fs::write(&path, text)).unwrap();
            heard(&mut monitor, "another forwarding", |event| match *event {
                NetEvent::ForwardingChanged { interface, forwards_ipv6 } => {
                    (interface == index && forwards_ipv6 == is_expected).then_some(())
                }
                _ => None,
            });
            let name = left.interface.name.to_string();
            assert_eq!(left.host.link(&name).forwards_ipv6, is_expected);
        }
    });
}

#[test]
fn a_monitor_that_could_not_keep_up_starts_over_with_everything() {
    isolated(|| {
        let (mut left, _right) = wire();
        let (mut monitor, _) = left.host.run(|| Monitor::with_receive_buffer(16 * 1024)).unwrap();
        let address = |last| AddressSpec::host(left.interface, ip(&format!("203.0.113.{last}")));
        let many: Vec<_> = (0..=255).map(address).collect();
        let added = left.host.netlink.add_addresses(&many);
        assert!(added.iter().all(Result::is_ok));
        let removed = left.host.netlink.remove_addresses(&many[1..]);
        assert!(removed.iter().all(Result::is_ok));

        let snapshot = heard(&mut monitor, "a resync", |event| match event {
            NetEvent::Resync(snapshot) => Some(snapshot.clone()),
            _ => None,
        });
        assert!(snapshot.addresses.iter().any(|it| many[0].is(it)));
        assert!(!snapshot.addresses.iter().any(|it| many[1..].iter().any(|spec| spec.is(it))));
        assert!(snapshot.link(left.interface.index).unwrap().is_running());

        // And goes on from there.
        left.host.change(left.interface.index, &LinkChange::DOWN);
        let down = changed(left.interface.index.get(), |it| !it.is_up());
        heard(&mut monitor, "down after the resync", down);
    });
}

#[test]
fn a_waiting_monitor_can_be_woken() {
    isolated(|| {
        let host = Host::new();
        let (mut monitor, _) = monitor(&host);
        let mut events = Vec::new();
        assert_eq!(monitor.wait(&mut events, Some(Duration::ZERO)), Ok(Wake::TimedOut));
        let waker = monitor.waker();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| monitor.wait(&mut events, Some(PATIENCE)));
            waker.wake();
            assert_eq!(waiting.join().unwrap(), Ok(Wake::Woken));
        });
        assert_eq!(events, []);
    });
}
