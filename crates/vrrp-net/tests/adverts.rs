//! Adverts between two hosts: what leaves, what arrives, and what does not.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::AsFd;
use std::thread;
use std::time::Duration;

use common::{End, PATIENCE, eventually, ip, isolated, name, only, wire};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{Domain, Protocol, Socket, Type};
use vrrp_net::{
    AdvertReceiver, AdvertSender, DATAGRAM_BYTES_MAX, Interface, Link, LinkChange, NetError,
    VRRP_GROUP_V4, Wake,
};

/// A VRRPv3 message; to these sockets it is bytes.
const MESSAGE: [u8; 12] = [0x31, 51, 100, 1, 0, 100, 0x05, 0x72, 192, 0, 2, 100];
/// Another group, which VRRP may be configured to use.
const OTHER_GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 99);
const IP_HEADER_BYTES: usize = 20;

fn sender(end: &End) -> AdvertSender {
    sender_on(end, end.interface)
}

fn sender_on(end: &End, interface: Interface) -> AdvertSender {
    let mut sender = end.host.run(AdvertSender::open_v4).unwrap();
    sender.attach(interface).unwrap();
    sender
}

fn receiver(end: &End) -> AdvertReceiver {
    end.host.run(|| AdvertReceiver::open_v4(end.interface, &[VRRP_GROUP_V4])).unwrap()
}

/// What has arrived, after waiting for the first of it.
#[track_caller]
fn arrived(receiver: &mut AdvertReceiver) -> Vec<Vec<u8>> {
    assert_eq!(receiver.wait(Some(PATIENCE)), Ok(Wake::Readable));
    arrived_already(receiver)
}

fn arrived_already(receiver: &mut AdvertReceiver) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    receiver.drain(|datagram| packets.push(datagram.bytes.to_vec())).unwrap();
    packets
}

/// Sends an IPv4 packet as another implementation might.
fn send_with(end: &End, protocol: i32, ttl: u32, destination: Ipv4Addr, payload: &[u8]) {
    end.host.run(|| {
        let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(protocol))).unwrap();
        socket
            .bind_device_by_index_v4(std::num::NonZeroU32::new(end.interface.index.get()))
            .unwrap();
        socket.set_header_included_v4(false).unwrap();
        socket.set_multicast_ttl_v4(ttl).unwrap();
        socket.set_ttl_v4(ttl).unwrap();
        socket.send_to(payload, &SocketAddrV4::new(destination, 0).into()).unwrap();
    });
}

fn is_readable(fd: impl AsFd) -> bool {
    poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&Timespec::default())).unwrap() > 0
}

#[test]
fn an_advert_arrives_as_the_rfc_has_it() {
    isolated(|| {
        let (left, right) = wire();
        let (mut sender, mut receiver) = (sender(&left), receiver(&right));
        sender.send(left.address, VRRP_GROUP_V4.into(), &MESSAGE).unwrap();

        let packet = only(arrived(&mut receiver));
        assert_eq!(packet[0], 0x45, "version 4, a header without options");
        assert_eq!(packet[1], 0xc0, "type of service");
        assert_eq!(packet[2..4], [0, 32], "total length");
        assert_eq!(packet[6..8], [0, 0], "not a fragment, and DF is clear");
        assert_eq!(packet[8], 255, "TTL");
        assert_eq!(packet[9], 112, "protocol");
        assert_eq!(packet[12..16], [192, 0, 2, 1], "source");
        assert_eq!(packet[16..20], [224, 0, 0, 18], "destination");
        assert_eq!(packet[IP_HEADER_BYTES..], MESSAGE);
    });
}

#[test]
fn a_sender_hears_neither_itself_nor_anybody() {
    isolated(|| {
        let (left, right) = wire();
        let (mut from_left, mut from_right) = (sender(&left), sender(&right));
        let (mut at_left, mut at_right) = (receiver(&left), receiver(&right));

        from_left.send(left.address, VRRP_GROUP_V4.into(), &MESSAGE).unwrap();
        assert_eq!(arrived(&mut at_right).len(), 1);
        // A copy to the own host would have been queued before the packet left.
        assert_eq!(arrived_already(&mut at_left), Vec::<Vec<u8>>::new());

        from_right.send(right.address, VRRP_GROUP_V4.into(), &MESSAGE).unwrap();
        send_with(&right, libc::IPPROTO_RAW, 255, VRRP_GROUP_V4, &MESSAGE);
        from_right.send(right.address, VRRP_GROUP_V4.into(), &MESSAGE).unwrap();
        eventually("both adverts arrive", || {
            (at_left.drain(|_| ()).unwrap().datagrams > 0).then_some(())
        });
        assert!(!is_readable(&from_left), "neither protocol 112 nor 255 is kept for a sender");
    });
}

#[test]
fn a_receiver_hears_its_interface_and_its_groups_only() {
    isolated(|| {
        let (mut left, mut right) = wire();
        left.host.plug("left2", &right.host, "right2");
        let (left2, right2) = (left.host.interface("left2"), right.host.interface("right2"));
        left.host.change(left2.index, &LinkChange::UP);
        right.host.change(right2.index, &LinkChange::UP);
        eventually("the second cable works", || {
            let ends = [left.host.link("left2"), right.host.link("right2")];
            ends.iter().all(Link::is_running).then_some(())
        });

        let mut first = receiver(&right);
        let mut second = right
            .host
            .run(|| AdvertReceiver::open_v4(right2, &[VRRP_GROUP_V4, OTHER_GROUP]))
            .unwrap();
        let mut from_left = sender(&left);
        let mut from_left2 = sender_on(&left, left2);

        // Each is sent to one interface; a third receiver's group must not become the first's.
        from_left.send(left.address, OTHER_GROUP.into(), b"other group, first").unwrap();
        from_left.send(left.address, VRRP_GROUP_V4.into(), b"first").unwrap();
        from_left2.send(left.address, VRRP_GROUP_V4.into(), b"second").unwrap();
        from_left2.send(left.address, OTHER_GROUP.into(), b"other group, second").unwrap();

        let payloads = |packets: Vec<Vec<u8>>| -> Vec<Vec<u8>> {
            packets.into_iter().map(|packet| packet[IP_HEADER_BYTES..].to_vec()).collect()
        };
        assert_eq!(payloads(arrived(&mut first)), [b"first"]);
        let mut at_second = Vec::new();
        eventually("both arrive", || {
            at_second.extend(payloads(arrived_already(&mut second)));
            (at_second.len() >= 2).then_some(())
        });
        assert_eq!(at_second, [&b"second"[..], b"other group, second"]);
    });
}

#[test]
fn a_group_that_is_joined_elsewhere_does_not_arrive() {
    isolated(|| {
        let (left, right) = wire();
        let mut first = receiver(&right);
        let mut second =
            right.host.run(|| AdvertReceiver::open_v4(right.interface, &[OTHER_GROUP])).unwrap();
        let mut from_left = sender(&left);
        from_left.send(left.address, OTHER_GROUP.into(), &MESSAGE).unwrap();
        assert_eq!(arrived(&mut second).len(), 1);
        assert_eq!(arrived_already(&mut first).len(), 0);

        first.join_v4(OTHER_GROUP).unwrap();
        from_left.send(left.address, OTHER_GROUP.into(), &MESSAGE).unwrap();
        assert_eq!(arrived(&mut first).len(), 1);
    });
}

#[test]
fn adverts_with_another_ttl_and_unicast_ones_arrive_too() {
    isolated(|| {
        let (left, right) = wire();
        let mut receiver = receiver(&right);
        send_with(&left, 112, 254, VRRP_GROUP_V4, &MESSAGE);
        assert_eq!(only(arrived(&mut receiver))[8], 254);
        send_with(&left, 112, 64, Ipv4Addr::new(192, 0, 2, 2), &MESSAGE);
        let packet = only(arrived(&mut receiver));
        assert_eq!((packet[8], &packet[16..20]), (64, &[192, 0, 2, 2][..]));
    });
}

#[test]
fn an_oversized_datagram_is_cut_off_and_says_so() {
    isolated(|| {
        let (mut left, mut right) = wire();
        for end in [&mut left, &mut right] {
            let jumbo = LinkChange { mtu_bytes: Some(9000), ..LinkChange::default() };
            end.host.change(end.interface.index, &jumbo);
        }
        let (mut sender, mut receiver) = (sender(&left), receiver(&right));
        let fits = vec![1; DATAGRAM_BYTES_MAX - IP_HEADER_BYTES];
        let too_long = vec![2; DATAGRAM_BYTES_MAX - IP_HEADER_BYTES + 1];
        for message in [&fits, &too_long, &MESSAGE.to_vec()] {
            sender.send(left.address, VRRP_GROUP_V4.into(), message).unwrap();
        }
        let mut seen = Vec::new();
        eventually("all three arrive", || {
            receiver
                .drain(|it| seen.push((it.wire_len, it.bytes.len(), it.is_oversized())))
                .unwrap();
            (seen.len() == 3).then_some(())
        });
        let max = DATAGRAM_BYTES_MAX;
        assert_eq!(seen, [(max, max, false), (max + 1, max, true), (32, 32, false)]);
    });
}

#[test]
fn a_message_beyond_the_mtu_is_refused_and_not_fragmented() {
    isolated(|| {
        let (left, _right) = wire();
        let mut sender = sender(&left);
        let error = sender.send(left.address, VRRP_GROUP_V4.into(), &[0; 1481]).unwrap_err();
        assert_eq!(error.errno().unwrap().raw(), libc::EMSGSIZE, "{error}");
        sender.send(left.address, VRRP_GROUP_V4.into(), &[0; 1480]).unwrap();
        let error = sender.send(left.address, VRRP_GROUP_V4.into(), &[0; 70_000]).unwrap_err();
        assert!(matches!(error, NetError::TooLong { len: 70_000, .. }), "{error}");
    });
}

#[test]
fn addresses_of_the_other_family_are_refused() {
    isolated(|| {
        let (left, _right) = wire();
        let error = sender(&left).send(ip("fe80::1"), ip("ff02::12"), &MESSAGE).unwrap_err();
        assert!(matches!(error, NetError::Family { .. }), "{error}");
    });
}

#[test]
fn a_link_that_is_down_or_gone_is_told_apart_from_congestion() {
    isolated(|| {
        let (mut left, _right) = wire();
        let mut sender = sender(&left);
        let index = left.interface.index;
        left.host.change(index, &LinkChange::DOWN);
        let error = sender.send(left.address, VRRP_GROUP_V4.into(), &MESSAGE).unwrap_err();
        assert!(error.is_interface_unusable() && !error.is_congestion(), "{error}");
        assert!(error.to_string().contains("on left"), "{error}");

        left.host.netlink.delete_link(index).unwrap();
        let error = sender.send(left.address, VRRP_GROUP_V4.into(), &MESSAGE).unwrap_err();
        assert!(error.is_interface_unusable(), "{error}");
        let error = left.host.run(|| AdvertReceiver::open_v4(left.interface, &[])).unwrap_err();
        assert!(error.is_interface_unusable(), "{error}");
        let error = sender.attach(left.interface).unwrap_err();
        assert!(error.is_interface_unusable(), "{error}");
    });
}

#[test]
fn an_interface_made_anew_needs_new_sockets_and_gets_them() {
    isolated(|| {
        let (mut left, mut right) = wire();
        let mut old = receiver(&right);
        left.host.netlink.delete_link(left.interface.index).unwrap();
        left.host.plug("left", &right.host, "right");
        for (end, link) in [(&mut left, "left"), (&mut right, "right")] {
            let old = end.interface;
            end.interface = end.host.interface(link);
            assert_eq!(end.interface.name, old.name);
            end.host.change(end.interface.index, &LinkChange::UP);
        }
        assert_ne!(right.interface.index, old.interface().index, "indices are not used again");
        left.wait_until("the new cable works", Link::is_running);
        right.wait_until("at both ends", Link::is_running);

        let (mut sender, mut new) = (sender(&left), receiver(&right));
        sender.send(left.address, VRRP_GROUP_V4.into(), &MESSAGE).unwrap();
        assert_eq!(arrived(&mut new).len(), 1);
        assert_eq!(arrived_already(&mut old).len(), 0);
    });
}

#[test]
fn what_is_drained_and_what_overflowed_is_what_arrived() {
    const FLOOD: usize = 20_000;
    isolated(|| {
        let (left, right) = wire();
        let (mut sender, mut receiver) = (sender(&left), receiver(&right));
        for _ in 0..FLOOD {
            sender.send(left.address, VRRP_GROUP_V4.into(), &MESSAGE).unwrap();
        }
        let mut drained = 0;
        eventually("everything is accounted for", || {
            drained += receiver.drain(|_| ()).unwrap().datagrams;
            (drained + receiver.overflowed().unwrap() as usize == FLOOD).then_some(())
        });
        assert!(receiver.overflowed().unwrap() > 0, "the flood was too small to prove anything");
        assert!(drained > 100, "only {drained} fit into the receive buffer");
    });
}

#[test]
fn one_call_delivers_a_bounded_number_in_order() {
    isolated(|| {
        let (left, right) = wire();
        let (mut sender, mut receiver) = (sender(&left), receiver(&right));
        for number in 0..600_u16 {
            sender.send(left.address, VRRP_GROUP_V4.into(), &number.to_be_bytes()).unwrap();
        }
        let mut numbers = Vec::new();
        let mut calls = 0;
        eventually("all of them arrive", || {
            calls += 1;
            receiver
                .drain(|it| numbers.push(u16::from_be_bytes([it.bytes[20], it.bytes[21]])))
                .unwrap();
            assert!(numbers.len() <= 512 * calls);
            (numbers.len() == 600).then_some(())
        });
        assert!(calls > 1);
        assert!(numbers.into_iter().eq(0..600));
    });
}

#[test]
fn a_waiting_receiver_can_be_woken() {
    isolated(|| {
        let (left, right) = wire();
        let mut receiver = receiver(&right);
        assert_eq!(receiver.wait(Some(Duration::ZERO)), Ok(Wake::TimedOut));
        thread::scope(|scope| {
            let waker = receiver.waker();
            let waiting = scope.spawn(|| receiver.wait(Some(PATIENCE)));
            waker.wake();
            assert_eq!(waiting.join().unwrap(), Ok(Wake::Woken));
        });
        sender(&left).send(left.address, VRRP_GROUP_V4.into(), &MESSAGE).unwrap();
        assert_eq!(arrived(&mut receiver).len(), 1);
    });
}

#[test]
fn a_group_that_cannot_be_joined_is_named_with_the_interface() {
    isolated(|| {
        let (left, _right) = wire();
        let ghost = vrrp_net::Interface { name: name("ghost"), ..left.interface };
        // The index counts; the name is for people.
        let receiver = left.host.run(|| AdvertReceiver::open_v4(ghost, &[VRRP_GROUP_V4])).unwrap();
        let error = receiver.join_v4(VRRP_GROUP_V4).unwrap_err();
        assert!(error.to_string().contains("on ghost"), "{error}");
        assert_eq!(error.errno().unwrap().raw(), libc::EADDRINUSE);
    });
}
