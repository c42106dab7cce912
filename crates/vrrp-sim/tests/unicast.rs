//! Unicast routers on a simulated network: what they send, octet by octet, and who hears whom.
#![allow(clippy::unwrap_used, reason = "a test's helpers may panic")]

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use vrrp::{
    Destination, Host, OldChecksum, Setup, SetupError, State, Unicast, UnicastPeer, VirtualRouter,
};
use vrrp_net::{AddressSpec, Call, InterfaceAddress};
use vrrp_proto::{HopLimits, Version};
use vrrp_sim::{Lan, LanHost};

fn ip(last: u8) -> IpAddr {
    [192, 0, 2, last].into()
}

fn machine(lan: &Lan, last: u8) -> (LanHost, Host) {
    let machine = lan.add_host();
    machine.set_interface("eth0".parse().unwrap(), ip(last), 24);
    let host = Host::on(Arc::new(machine.clone())).unwrap();
    (machine, host)
}

/// The virtual router of the captures: VRID 51, 192.0.2.100, from 192.0.2.1 to these.
fn router(own: u8, peers: impl IntoIterator<Item = u8>) -> VirtualRouter {
    let peers = peers.into_iter().map(ip);
    VirtualRouter::new("eth0", 51).address("192.0.2.100/24").unicast(ip(own), peers)
}

fn unicast(router: VirtualRouter, unicast: Unicast) -> VirtualRouter {
    router.destination(Destination::Unicast(unicast))
}

/// Destination, hop limit and content of the adverts among these calls.
fn adverts(calls: &[Call]) -> Vec<(IpAddr, u8, String)> {
    let advert = |call: &Call| match call {
        Call::SendAdvert { destination, hop_limit, message, .. } => {
            let message = message.iter().map(|byte| format!("{byte:02x}")).collect();
            Some((*destination, *hop_limit, message))
        }
        _ => None,
    };
    calls.iter().filter_map(advert).collect()
}

/// The first advert of a router to each of its peers, and its last ones.
fn first_and_last(router: VirtualRouter, peers: usize) -> [Vec<(IpAddr, u8, String)>; 2] {
    let lan = Lan::new();
    let (machine, mut host) = machine(&lan, 1);
    host.add(router).unwrap();
    lan.run(&mut [&mut host], Duration::from_secs(5)).unwrap();
    host.shutdown().unwrap();
    let sent = adverts(&machine.recorder().take());
    [sent[..peers].to_vec(), sent[sent.len() - peers..].to_vec()]
}

#[test]
fn adverts_to_peers_are_keepaliveds_octet_by_octet() {
    let sent = |to: u8, hops: u8, message: &str| (ip(to), hops, message.to_owned());
    // ka227-v3-ipv4-unicast and ka243-v3-ipv4-unicast; the second copy without the trailer of
    // ka243-v3-ipv4-unicast-hmac-2peers.
    assert_eq!(
        first_and_last(router(1, [3, 2]), 2),
        [
            vec![
                sent(3, 255, "3133640100642381c0000264"),
                sent(2, 255, "3133640100642382c0000264")
            ],
            vec![
                sent(3, 255, "3133000100648781c0000264"),
                sent(2, 255, "3133000100648782c0000264")
            ],
        ]
    );
    // ka227-v3-ipv4-unicast-oldcsum and ka243-v3-ipv4-unicast-oldcsum.
    let old = Unicast { old_checksum: OldChecksum::Always, ..Unicast::to([ip(3)]) };
    assert_eq!(
        first_and_last(unicast(router(1, []), old), 1),
        [
            vec![sent(3, 255, "3133640100640572c0000264")],
            vec![sent(3, 255, "3133000100646972c0000264")],
        ]
    );
    // ka227-v2-ipv4-unicast-pass and ka243-v2-ipv4-unicast-pass.
    let few_hops = Unicast { hop_limit: 5, ..Unicast::to([ip(3)]) };
    let router = router(1, []).version(Version::V2).password("12345678");
    assert_eq!(
        first_and_last(unicast(router, few_hops), 1),
        [
            vec![sent(3, 5, "213364010101e690c00002643132333435363738")],
            vec![sent(3, 5, "2133000101014a91c00002643132333435363738")],
        ]
    );
}

fn state(host: &Host) -> State {
    host.observer().routers()[0].state
}

fn master(host: &Host, at: usize) -> Option<IpAddr> {
    host.observer().routers()[at].active_router.and_then(|active| active.source)
}

#[test]
fn peers_elect_one_and_others_do_not_hear_of_it() {
    let lan = Lan::new();
    let ((_, mut first), (_, mut second), (_, mut other)) =
        (machine(&lan, 1), machine(&lan, 2), machine(&lan, 3));
    first.add(router(1, [2]).priority(200)).unwrap();
    second.add(router(2, [1])).unwrap();
    other.add(router(3, [1, 2])).unwrap();
    let hosts = &mut [&mut first, &mut second, &mut other];
    lan.run(hosts, Duration::from_secs(10)).unwrap();
    assert_eq!((state(&first), state(&second)), (State::Active, State::Backup));
    assert_eq!(state(&other), State::Active, "nobody speaks to it");
    first.shutdown().unwrap();
    lan.run(&mut [&mut second], Duration::from_secs(1)).unwrap();
    assert_eq!(state(&second), State::Active);
}

/// Two routers of one number on one interface, and each one's other member.
#[test]
fn routers_of_one_number_are_led_by_peer_then_by_address() {
    let named = |name: &str, own: u8, peers: Vec<u8>, address: &str| {
        let peers = peers.into_iter().map(ip);
        let router = VirtualRouter::new("eth0", 51).name(name).address(address);
        router.unicast(ip(own), peers)
    };
    let lan = Lan::new();
    let ((both, mut host), (_, mut two), (_, mut three), (_, mut stranger)) =
        (machine(&lan, 1), machine(&lan, 2), machine(&lan, 3), machine(&lan, 4));
    both.set_interface("eth1".parse().unwrap(), ip(11), 24);
    host.add(named("a", 1, vec![2], "192.0.2.100/24").priority(50)).unwrap();
    host.add(named("b", 11, vec![3], "192.0.2.101/24").priority(50)).unwrap();
    // The second one's peer sends to the first one's address: the peer counts.
    two.add(named("a", 2, vec![1], "192.0.2.100/24")).unwrap();
    three.add(named("b", 3, vec![1], "192.0.2.101/24")).unwrap();
    let hosts = &mut [&mut host, &mut two, &mut three];
    lan.run(hosts, Duration::from_secs(10)).unwrap();
    assert_eq!((master(&host, 0), master(&host, 1)), (Some(ip(2)), Some(ip(3))));

    // Nobody's peer: it is heard by the router whose address it sends to.
    stranger.add(named("b", 4, vec![11], "192.0.2.101/24").priority(200)).unwrap();
    let hosts = &mut [&mut host, &mut two, &mut three, &mut stranger];
    lan.run(hosts, Duration::from_secs(10)).unwrap();
    assert_eq!(master(&host, 0), Some(ip(2)));
    let received = |at: usize| host.observer().routers()[at].adverts_received;
    assert!(received(1) > received(0), "the stranger's and the peer's");
}

#[test]
fn a_stranger_is_dropped_where_sources_are_checked() {
    let checks = Unicast { check_source: true, ..Unicast::to([ip(2)]) };
    let peer =
        UnicastPeer { hop_limits: HopLimits { min: 254, max: 255 }, ..UnicastPeer::new(ip(2)) };
    let limits = Unicast { peers: vec![peer], ..Unicast::to([]) };
    for (unicasts, expected) in [(checks, "unknown_source"), (limits, "unknown_source")] {
        let lan = Lan::new();
        let ((_, mut host), (_, mut stranger)) = (machine(&lan, 1), machine(&lan, 4));
        host.add(unicast(router(1, []), unicasts)).unwrap();
        stranger.add(router(4, [1]).priority(200)).unwrap();
        lan.run(&mut [&mut host, &mut stranger], Duration::from_secs(10)).unwrap();
        assert_eq!(state(&host), State::Active);
        assert!(host.observer().routers()[0].adverts_dropped[expected] > 0);
    }
}

#[test]
fn one_peer_that_sends_the_old_checksum_is_sent_it() {
    let lan = Lan::new();
    let ((machine1, mut host), (_, mut old)) = (machine(&lan, 1), machine(&lan, 2));
    let always = Unicast { old_checksum: OldChecksum::Always, ..Unicast::to([ip(1)]) };
    old.add(unicast(router(2, []), always)).unwrap();
    lan.run(&mut [&mut old], Duration::from_secs(5)).unwrap();
    host.add(router(1, [2]).priority(200)).unwrap();
    lan.run(&mut [&mut host, &mut old], Duration::from_secs(6)).unwrap();
    let sent = adverts(&machine1.recorder().take());
    let is_ours = |message: &str| message.starts_with("3133c8010064") && old_sum(message);
    assert!(!sent.is_empty() && sent.iter().all(|(_, _, message)| is_ours(message)), "{sent:?}");
    // New settings keep to it, and those that never want it do not.
    let never = Unicast { old_checksum: OldChecksum::Never, ..Unicast::to([ip(2)]) };
    for (destination, is_old) in [(Unicast::to([ip(2)]), true), (never, false)] {
        host.reconfigure(unicast(router(1, []), destination).priority(201)).unwrap();
        lan.run(&mut [&mut host, &mut old], Duration::from_secs(3)).unwrap();
        let sent = adverts(&machine1.recorder().take());
        assert_eq!(old_sum(&sent.last().unwrap().2), is_old, "{sent:?}");
    }
}

/// Whether the checksum of a message from 192.0.2.1 is that of a packet to 224.0.0.18.
fn old_sum(message: &str) -> bool {
    let word = |at: usize| u32::from_str_radix(&message[at..at + 4], 16).unwrap();
    let sum: u32 = (0..message.len()).step_by(4).map(word).sum();
    // Source, destination, protocol and length.
    let sum = sum + 0xc000 + 0x0201 + 0xe000 + 0x0012 + 112 + message.len() as u32 / 2;
    (sum & 0xffff) + (sum >> 16) == 0xffff
}

#[test]
fn without_a_peer_it_takes_no_part_and_its_own_address_is_left_out() {
    let lan = Lan::new();
    let (machine, mut host) = machine(&lan, 1);
    host.add(router(1, [])).unwrap();
    lan.run(&mut [&mut host], Duration::from_secs(5)).unwrap();
    assert_eq!(state(&host), State::Fault);
    assert_eq!(host.observer().routers()[0].why(), "it has no unicast peer");
    host.reconfigure(router(1, [1, 2])).unwrap();
    lan.run(&mut [&mut host], Duration::from_secs(5)).unwrap();
    assert_eq!(state(&host), State::Active);
    let sent = adverts(&machine.recorder().take());
    assert!(!sent.is_empty() && sent.iter().all(|(to, ..)| *to == ip(2)), "{sent:?}");
}

#[test]
fn one_number_needs_peers_apart() {
    let with = |name: &str, peers: [u8; 2]| router(1, peers).name(name);
    let apart = Setup::default().with(&with("a", [2, 3])).unwrap();
    assert!(apart.with(&with("b", [4, 5])).unwrap().check().is_ok());
    let common = apart.with(&with("b", [5, 3])).unwrap();
    assert!(matches!(common.check(), Err(SetupError::Peer { peer, .. }) if peer == ip(3)));
    // Beside a group there is room for peers.
    let group = VirtualRouter::new("eth0", 51).name("c").address("192.0.2.100/24");
    assert!(apart.with(&group).unwrap().check().is_ok());
}

#[test]
fn peers_are_single_addresses_of_the_family() {
    for wrong in ["224.0.0.18", "2001:db8::1", "0.0.0.0"] {
        let wrong: IpAddr = wrong.parse().unwrap();
        let router = || VirtualRouter::new("eth0", 51).address("192.0.2.100/24");
        assert!(router().unicast(None, [wrong]).build().is_err());
        assert!(router().source(wrong).build().is_err());
    }
    let twice = router(1, [2, 2]).build().unwrap_err();
    assert_eq!(twice.to_string(), "192.0.2.2 is a peer twice");
}

/// The source of the adverts of a router over IPv6, and the last advert.
fn over_ipv6(destination: Option<&str>) -> (IpAddr, String) {
    let lan = Lan::new();
    let machine = lan.add_host();
    let (local, global) = ("fe80::ff:fe00:a".parse().unwrap(), "2001:db8:0:1::1".parse().unwrap());
    let interface = machine.set_interface("eth0".parse().unwrap(), global, 64);
    let local = AddressSpec::new(interface, local, 64);
    machine.recorder().set_address(InterfaceAddress::of(&local));
    let mut host = Host::on(Arc::new(machine.clone())).unwrap();
    let router = VirtualRouter::new("eth0", 51).address("fe80::51/64");
    let router = router.address("2001:db8:0:1::100/64");
    let peer = destination.map(|peer| peer.parse::<IpAddr>().unwrap());
    host.add(match peer {
        Some(peer) => router.unicast(None, [peer]),
        None => router,
    })
    .unwrap();
    lan.run(&mut [&mut host], Duration::from_secs(5)).unwrap();
    let calls = machine.recorder().take();
    let source = calls.iter().find_map(|call| match call {
        Call::SendAdvert { source, .. } => Some(*source),
        _ => None,
    });
    (source.unwrap(), adverts(&calls).pop().unwrap().2)
}

#[test]
fn over_ipv6_the_source_is_link_local_unless_a_peer_is_not() {
    let (local, global): (IpAddr, IpAddr) =
        ("fe80::ff:fe00:a".parse().unwrap(), "2001:db8:0:1::1".parse().unwrap());
    assert_eq!(over_ipv6(None).0, local);
    assert_eq!(over_ipv6(Some("fe80::2")).0, local);
    // ka227-v3-ipv6-unicast and ka243-v3-ipv6-unicast.
    let expected = "313364020064e0c9fe80000000000000000000000000005120010db80000000100000000000001\
                    00";
    assert_eq!(over_ipv6(Some("2001:db8:0:1::3")), (global, expected.to_owned()));
}
