//! Links made, changed, moved and deleted.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use common::{Host, eventually, isolated, name};
use vrrp_net::{
    LinkChange, MacAddress, MacvlanMode, NetError, NetNs, NewLink, NewLinkKind, OperationalState,
    VethPeer,
};

const VIRTUAL_MAC: MacAddress = MacAddress([0, 0, 0x5e, 0, 1, 51]);

#[test]
fn a_cable_between_hosts_has_two_ends_that_know_each_other() {
    isolated(|| {
        let (mut left, mut right) = (Host::new(), Host::new());
        let macs = [MacAddress([2, 0, 0, 0, 0, 1]), MacAddress([2, 0, 0, 0, 0, 2])];
        let netns = Some(right.namespace.as_netns());
        let peer = VethPeer { name: name("r0"), mac: Some(macs[1]), netns };
        let kind = NewLinkKind::Veth(peer);
        left.netlink.create_link(&NewLink { name: name("l0"), kind, mac: Some(macs[0]) }).unwrap();

        let (l0, r0) = (left.link("l0"), right.link("r0"));
        assert_eq!([l0.mac, r0.mac], macs.map(Some));
        assert_eq!(l0.kind.as_deref(), Some("veth"));
        assert_eq!(l0.lower, Some(r0.interface.index));
        assert_eq!(r0.lower, Some(l0.interface.index));
        assert_eq!(l0.mtu_bytes, 1500);
        assert!(!l0.is_up() && !l0.is_running() && !l0.has_carrier());
        assert_eq!(l0.operational_state, OperationalState::Down);

        left.change(l0.interface.index, &LinkChange::UP);
        assert!(left.link("l0").is_up() && !left.link("l0").has_carrier());
        right.change(r0.interface.index, &LinkChange::UP);
        eventually("the cable works", || {
            let l0 = left.link("l0");
            (l0.is_running() && l0.operational_state == OperationalState::Up).then_some(())
        });
        assert!(left.link("l0").has_carrier());

        left.netlink.delete_link(l0.interface.index).unwrap();
        assert_eq!(left.netlink.link(name("l0")).unwrap(), None);
        eventually("the other end is gone as well", || {
            right.netlink.link_by_index(r0.interface.index).unwrap().is_none().then_some(())
        });
    });
}

#[test]
fn a_link_is_renamed_gets_another_mac_and_moves() {
    isolated(|| {
        let (mut left, mut right) = (Host::new(), Host::new());
        let bridge = NewLink { name: name("a"), kind: NewLinkKind::Bridge, mac: None };
        left.netlink.create_link(&bridge).unwrap();
        let error = left.netlink.create_link(&bridge).unwrap_err();
        assert_eq!(error.errno().unwrap().raw(), libc::EEXIST, "{error}");
        assert!(error.to_string().contains("create the link on a"), "{error}");

        left.plug("b", &right, "c");
        let index = right.interface("c").index;
        let change = LinkChange {
            name: Some(name("renamed")),
            mac: Some(VIRTUAL_MAC),
            mtu_bytes: Some(1400),
            ..LinkChange::default()
        };
        right.change(index, &change);
        let link = right.link("renamed");
        assert_eq!((link.interface.index, link.mac), (index, Some(VIRTUAL_MAC)));
        assert_eq!(link.mtu_bytes, 1400);

        let third = Host::new();
        let netns = Some(NetNs::Fd(std::os::fd::AsFd::as_fd(&third.namespace)));
        right.change(index, &LinkChange { netns, ..LinkChange::default() });
        assert_eq!(right.netlink.link(name("renamed")).unwrap(), None);
        let mut third = third;
        assert_eq!(third.link("renamed").mac, Some(VIRTUAL_MAC));
    });
}

#[test]
fn a_link_moves_to_where_a_process_is() {
    isolated(|| {
        let mut host = Host::new();
        let bridge = NewLink { name: name("a"), kind: NewLinkKind::Bridge, mac: None };
        let far = Host::new();
        host.netlink.create_link(&bridge).unwrap();
        host.plug("b", &far, "c");
        let index = host.interface("b").index;
        let mut sleeper =
            far.run(|| std::process::Command::new("sleep").arg("60").spawn().unwrap());
        let netns = Some(NetNs::Pid(sleeper.id()));
        let moved = host.netlink.change_link(index, &LinkChange { netns, ..LinkChange::default() });
        sleeper.kill().unwrap();
        sleeper.wait().unwrap();
        moved.unwrap();
        let mut far = far;
        assert_eq!(far.link("b").kind.as_deref(), Some("veth"));
        assert_eq!(far.link("b").lower, Some(far.link("c").interface.index));
    });
}

#[test]
fn a_port_goes_into_a_bridge_and_out_of_it() {
    isolated(|| {
        let (mut switch, host) = (Host::new(), Host::new());
        let bridge = NewLink { name: name("br"), kind: NewLinkKind::Bridge, mac: None };
        switch.netlink.create_link(&bridge).unwrap();
        switch.plug("port", &host, "eth0");
        let (bridge, port) = (switch.interface("br"), switch.interface("port"));
        assert_eq!(switch.link("port").master, None);
        let into = |master| LinkChange { master: Some(master), ..LinkChange::default() };
        switch.change(port.index, &into(Some(bridge.index)));
        assert_eq!(switch.link("port").master, Some(bridge.index));
        switch.change(port.index, &into(None));
        assert_eq!(switch.link("port").master, None);
    });
}

#[test]
fn a_macvlan_has_its_own_mac_on_another_link() {
    isolated(|| {
        let (mut host, other) = (Host::new(), Host::new());
        host.plug("eth0", &other, "eth0");
        let parent = host.interface("eth0");
        for (text, mode) in [("vrrp.51", MacvlanMode::Private), ("vrrp.52", MacvlanMode::Bridge)] {
            let kind = NewLinkKind::Macvlan { parent: parent.index, mode };
            let mac = Some(VIRTUAL_MAC);
            let created = host.netlink.create_link(&NewLink { name: name(text), kind, mac });
            if matches!(&created, Err(error) if error.errno().unwrap().raw() == libc::EOPNOTSUPP) {
                return common::skip("this kernel has no macvlan");
            }
            created.unwrap();
            let link = host.link(text);
            assert_eq!((link.mac, link.lower), (mac, Some(parent.index)));
            assert_eq!(link.kind.as_deref(), Some("macvlan"));
            host.netlink.delete_link(link.interface.index).unwrap();
        }
    });
}

#[test]
fn every_link_is_listed_and_a_missing_one_is_none() {
    isolated(|| {
        let (mut host, other) = (Host::new(), Host::new());
        // The list takes several datagrams of the kernel's.
        for number in 0..40 {
            host.plug(&format!("a{number}"), &other, &format!("b{number}"));
        }
        let links = host.netlink.links().unwrap();
        assert_eq!(links.len(), 41);
        for link in &links {
            let index = link.interface.index;
            assert_eq!(host.netlink.link_by_index(index).unwrap().as_ref(), Some(link));
            assert_eq!(host.netlink.link(link.interface.name).unwrap().as_ref(), Some(link));
        }
        assert_eq!(host.netlink.link(name("ghost")).unwrap(), None);
        let gone = links.iter().map(|link| link.interface.index.get()).max().unwrap() + 1000;
        let gone = vrrp_net::IfIndex::new(gone).unwrap();
        assert_eq!(host.netlink.link_by_index(gone).unwrap(), None);
        let error = host.netlink.delete_link(gone).unwrap_err();
        assert!(matches!(&error, NetError::Refused { .. }) && error.is_interface_unusable());
    });
}
