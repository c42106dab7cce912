//! Adverts between two hosts: what leaves, what arrives, and what does not.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::os::fd::AsFd;
use std::thread;
use std::time::Duration;

use common::{End, PATIENCE, eventually, ip, isolated, name, only, wire};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{Domain, Protocol, Socket, Type};
use vrrp_net::{
    AddressSpec, AdvertReceiver, AdvertSender, DATAGRAM_BYTES_MAX, Datagram, DecodeError, Family,
    Interface, Link, LinkChange, NetError, Timestamp, Wake,
};
use vrrp_proto::{AUTH_HEADER_LEN, AuthHeader, GROUP_V4, GROUP_V6, IpMeta, PROTOCOL};

/// A VRRPv3 message; to these sockets it is bytes.
const MESSAGE: [u8; 12] = [0x31, 51, 100, 1, 0, 100, 0x05, 0x72, 192, 0, 2, 100];
/// Another group, which VRRP may be configured to use.
const OTHER_GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 99);
const IP_HEADER_BYTES: usize = 20;

fn sender(end: &End) -> AdvertSender {
    sender_on(end, end.interface)
}

fn sender_on(end: &End, interface: Interface) -> AdvertSender {
    let mut sender = end.host.run(|| AdvertSender::open(Family::V4)).unwrap();
    sender.attach(interface).unwrap();
    sender
}

fn receiver(end: &End) -> AdvertReceiver {
    receiver_of(end, end.interface, &[GROUP_V4.into()])
}

fn receiver_of(end: &End, interface: Interface, groups: &[IpAddr]) -> AdvertReceiver {
    let family = groups.first().map_or(Family::V4, |group| Family::of(*group));
    let open = || {
        let mut receiver = AdvertReceiver::open(interface, family).unwrap();
        receiver.set_groups(groups).unwrap();
        receiver
    };
    end.host.run(open)
}

/// Gives both ends of a wire a link-local address, fe80::1 and fe80::2.
fn with_ipv6((mut left, mut right): (End, End)) -> (End, End) {
    for (end, address) in [(&mut left, "fe80::1"), (&mut right, "fe80::2")] {
        end.address = ip(address);
        end.host.add(&AddressSpec::new(end.interface, end.address, 64));
    }
    (left, right)
}

/// A datagram with its message.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Owned {
    ip: IpMeta,
    message: Vec<u8>,
    arrived: Timestamp,
}

impl From<Datagram<'_>> for Owned {
    fn from(datagram: Datagram<'_>) -> Self {
        let Datagram { message, arrived, .. } = datagram;
        Self { ip: datagram.ip(), message: message.to_vec(), arrived }
    }
}

/// What has arrived, after waiting for the first of it.
#[track_caller]
fn arrived(receiver: &mut AdvertReceiver) -> Vec<Owned> {
    assert_eq!(receiver.wait(Some(PATIENCE)), Ok(Wake::Readable));
    arrived_already(receiver)
}

fn arrived_already(receiver: &mut AdvertReceiver) -> Vec<Owned> {
    let mut datagrams = Vec::new();
    receiver.drain(|datagram| datagrams.push(datagram.unwrap().into())).unwrap();
    datagrams
}

fn messages(datagrams: Vec<Owned>) -> Vec<Vec<u8>> {
    datagrams.into_iter().map(|datagram| datagram.message).collect()
}

/// The packets of protocol 112 that arrive at an end, with their IPv4 headers.
fn raw_receiver(end: &End) -> Socket {
    end.host.run(|| {
        let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(112))).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket
    })
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
        let raw = raw_receiver(&right);
        sender.send(left.address, GROUP_V4.into(), &MESSAGE).unwrap();

        let datagram = only(arrived(&mut receiver));
        assert_eq!(datagram.ip, IpMeta { identification: 1, ..IpMeta::multicast(left.address) });
        assert_eq!(datagram.message, MESSAGE);

        let mut packet = [0; 100];
        let len = std::io::Read::read(&mut &raw, &mut packet).unwrap();
        let packet = &packet[..len];
        assert_eq!(packet[0], 0x45, "version 4, a header without options");
        assert_eq!(packet[1], 0xc0, "type of service");
        assert_eq!(packet[2..4], [0, 32], "total length");
        assert_eq!(packet[6..8], [0, 0], "not a fragment, and DF is clear");
        assert_eq!(packet[8], 255, "TTL");
        assert_eq!(packet[9], 112, "protocol");
        assert_eq!(packet[12..16], [192, 0, 2, 1], "source");
        assert_eq!(packet[16..20], [224, 0, 0, 18], "destination");
        assert_eq!(packet[IP_HEADER_BYTES..], MESSAGE);

        let few_hops = IpMeta { header_len: 20, ..IpMeta::new(left.address, right.address, 5) };
        sender.send_packet(&few_hops, &MESSAGE).unwrap();
        let second = IpMeta { identification: 2, ..few_hops };
        assert_eq!(only(arrived(&mut receiver)).ip, second);
    });
}

#[test]
fn over_ipv6_everything_is_as_over_ipv4() {
    isolated(|| {
        let (left, right) = with_ipv6(wire());
        let open = |end: &End| {
            let mut sender = end.host.run(|| AdvertSender::open(Family::V6)).unwrap();
            sender.attach(end.interface).unwrap();
            (sender, receiver_of(end, end.interface, &[GROUP_V6.into()]))
        };
        let ((mut from_left, mut at_left), (mut from_right, mut at_right)) =
            (open(&left), open(&right));
        from_left.send(left.address, GROUP_V6.into(), &MESSAGE).unwrap();
        let datagram = only(arrived(&mut at_right));
        assert_eq!(datagram.ip, IpMeta::multicast(left.address));
        assert_eq!(datagram.message, MESSAGE);
        assert_eq!(arrived_already(&mut at_left), [], "no copy to the own host");

        // The message's checksum is wrong, and it arrived nevertheless: whoever judges it counts it.
        from_left.send(left.address, right.address, &MESSAGE).unwrap();
        let datagram = only(arrived(&mut at_right));
        assert_eq!(datagram.ip, IpMeta::new(left.address, right.address, 255));
        from_right.send(right.address, left.address, &MESSAGE).unwrap();
        assert_eq!(only(arrived(&mut at_left)).ip.source, right.address);

        let few_hops = IpMeta::new(left.address, right.address, 5);
        from_left.send_packet(&few_hops, &MESSAGE).unwrap();
        assert_eq!(only(arrived(&mut at_right)).ip, few_hops);

        let other = ip("ff02::99");
        from_left.send(left.address, other, &MESSAGE).unwrap();
        from_left.send(left.address, GROUP_V6.into(), b"a mark").unwrap();
        assert_eq!(messages(arrived(&mut at_right)), [b"a mark"]);
        assert!(!is_readable(&from_left), "a sender keeps nothing");

        let error = from_left.send(left.address, other, &[0; 1461]).unwrap_err();
        assert_eq!(error.errno().unwrap().raw(), libc::EMSGSIZE, "{error}");
        from_left.send(left.address, GROUP_V6.into(), &[0; 1460]).unwrap();
        let error = from_left.send(left.address, other, &[0; 70_000]).unwrap_err();
        assert!(matches!(error, NetError::TooLong { len: 70_000, .. }), "{error}");
        let error = from_left.send(ip("192.0.2.1"), GROUP_V4.into(), &MESSAGE).unwrap_err();
        assert!(matches!(error, NetError::Family { .. }), "{error}");
    });
}

#[test]
fn without_an_ipv6_address_an_interface_sends_nothing_over_ipv6() {
    isolated(|| {
        let (mut left, _right) = wire();
        left.host.change(left.interface.index, &LinkChange::DOWN);
        left.host.run(|| {
            // No link-local address is made any more.
            std::fs::write("/proc/sys/net/ipv6/conf/left/addr_gen_mode", "1").unwrap();
        });
        left.host.change(left.interface.index, &LinkChange::UP);
        left.wait_until("the left end runs again", Link::is_running);
        let mut sender = left.host.run(|| AdvertSender::open(Family::V6)).unwrap();
        sender.attach(left.interface).unwrap();
        let error = sender.send(ip("fe80::1"), GROUP_V6.into(), &MESSAGE).unwrap_err();
        assert_eq!(error.errno().unwrap().raw(), libc::EADDRNOTAVAIL, "{error}");
        left.host.add(&AddressSpec::new(left.interface, ip("fe80::1"), 64));
        sender.send(ip("fe80::1"), GROUP_V6.into(), &MESSAGE).unwrap();
    });
}

#[test]
fn a_hop_limit_other_than_255_arrives_over_ipv6_too() {
    isolated(|| {
        let (left, right) = with_ipv6(wire());
        let mut receiver = receiver_of(&right, right.interface, &[GROUP_V6.into()]);
        left.host.run(|| {
            let socket = Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::from(112))).unwrap();
            socket.set_multicast_hops_v6(254).unwrap();
            let to = std::net::SocketAddrV6::new(GROUP_V6, 0, 0, left.interface.index.get());
            socket.send_to(&MESSAGE, &to.into()).unwrap();
        });
        assert_eq!(only(arrived(&mut receiver)).ip.hop_limit, 254);
    });
}

#[test]
fn a_datagram_arrived_when_it_arrived_and_not_when_it_was_read() {
    const UNREAD: Duration = Duration::from_millis(300);
    isolated(|| {
        let (left, right) = wire();
        let (mut sender, mut receiver) = (sender(&left), receiver(&right));
        // The kernel begins to stamp packets a moment after the socket asked for it.
        eventually("packets are stamped", || {
            sender.send(left.address, GROUP_V4.into(), &MESSAGE).unwrap();
            receiver.wait(Some(PATIENCE)).unwrap();
            let before = Timestamp::now();
            let datagrams = arrived_already(&mut receiver);
            datagrams.iter().any(|it| it.arrived < before).then_some(())
        });
        let before = Timestamp::now();
        sender.send(left.address, GROUP_V4.into(), &MESSAGE).unwrap();
        assert_eq!(receiver.wait(Some(PATIENCE)), Ok(Wake::Readable));
        let after = Timestamp::now();
        eventually("it lies there for a while", || {
            let since = Timestamp::now().as_micros() - after.as_micros();
            (u128::from(since) > UNREAD.as_micros()).then_some(())
        });
        let arrived = only(arrived_already(&mut receiver)).arrived;
        // The two clocks are read one behind the other.
        let tolerance = Duration::from_millis(20).as_micros() as u64;
        let range = before.as_micros() - tolerance..after.as_micros() + tolerance;
        assert!(range.contains(&arrived.as_micros()), "{arrived} is not in {before} to {after}");
    });
}

#[test]
fn a_sender_hears_neither_itself_nor_anybody() {
    isolated(|| {
        let (left, right) = wire();
        let (mut from_left, mut from_right) = (sender(&left), sender(&right));
        let (mut at_left, mut at_right) = (receiver(&left), receiver(&right));

        from_left.send(left.address, GROUP_V4.into(), &MESSAGE).unwrap();
        assert_eq!(arrived(&mut at_right).len(), 1);
        // A copy to the own host would have been queued before the packet left.
        assert_eq!(arrived_already(&mut at_left), []);

        from_right.send(right.address, GROUP_V4.into(), &MESSAGE).unwrap();
        send_with(&right, libc::IPPROTO_RAW, 255, GROUP_V4, &MESSAGE);
        from_right.send(right.address, GROUP_V4.into(), &MESSAGE).unwrap();
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
        let mut second = receiver_of(&right, right2, &[GROUP_V4.into(), OTHER_GROUP.into()]);
        let mut from_left = sender(&left);
        let mut from_left2 = sender_on(&left, left2);

        // Each is sent to one interface; a third receiver's group must not become the first's.
        from_left.send(left.address, OTHER_GROUP.into(), b"other group, first").unwrap();
        from_left.send(left.address, GROUP_V4.into(), b"first").unwrap();
        from_left2.send(left.address, GROUP_V4.into(), b"second").unwrap();
        from_left2.send(left.address, OTHER_GROUP.into(), b"other group, second").unwrap();

        assert_eq!(messages(arrived(&mut first)), [b"first"]);
        let mut at_second = Vec::new();
        eventually("both arrive", || {
            at_second.extend(messages(arrived_already(&mut second)));
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
        let mut second = receiver_of(&right, right.interface, &[OTHER_GROUP.into()]);
        let mut from_left = sender(&left);
        from_left.send(left.address, OTHER_GROUP.into(), &MESSAGE).unwrap();
        assert_eq!(arrived(&mut second).len(), 1);
        assert_eq!(arrived_already(&mut first).len(), 0);

        first.set_groups(&[GROUP_V4.into(), OTHER_GROUP.into()]).unwrap();
        from_left.send(left.address, OTHER_GROUP.into(), &MESSAGE).unwrap();
        assert_eq!(arrived(&mut first).len(), 1);
    });
}

#[test]
fn adverts_with_another_ttl_and_unicast_ones_arrive_too() {
    isolated(|| {
        let (left, right) = wire();
        let mut receiver = receiver(&right);
        send_with(&left, 112, 254, GROUP_V4, &MESSAGE);
        assert_eq!(only(arrived(&mut receiver)).ip.hop_limit, 254);
        send_with(&left, 112, 64, Ipv4Addr::new(192, 0, 2, 2), &MESSAGE);
        let ip = only(arrived(&mut receiver)).ip;
        assert_eq!((ip.hop_limit, ip.destination), (64, right.address));
    });
}

#[test]
fn an_oversized_datagram_is_malformed_and_no_other_one_is() {
    isolated(|| {
        let (mut left, mut right) = with_ipv6(wire());
        for end in [&mut left, &mut right] {
            let jumbo = LinkChange { mtu_bytes: Some(9000), ..LinkChange::default() };
            end.host.change(end.interface.index, &jumbo);
        }
        let v4 =
            (left.host.run(|| AdvertSender::open(Family::V4)), ip("192.0.2.1"), GROUP_V4.into());
        let v6 = (left.host.run(|| AdvertSender::open(Family::V6)), left.address, GROUP_V6.into());
        for ((sender, from, group), header) in [(v4, IP_HEADER_BYTES), (v6, 0)] {
            let mut sender = sender.unwrap();
            sender.attach(left.interface).unwrap();
            let mut receiver = receiver_of(&right, right.interface, &[group]);
            let fits = vec![1; DATAGRAM_BYTES_MAX - header];
            let too_long = vec![2; DATAGRAM_BYTES_MAX - header + 1];
            for message in [&fits, &too_long, &MESSAGE.to_vec()] {
                sender.send(from, group, message).unwrap();
            }
            let mut seen = Vec::new();
            eventually("all three arrive", || {
                receiver.drain(|it| seen.push(it.map(|it| it.message.len()))).unwrap();
                (seen.len() == 3).then_some(())
            });
            assert_eq!((seen[0], seen[2]), (Ok(fits.len()), Ok(MESSAGE.len())));
            assert!(matches!(seen[1], Err(DecodeError::IpHeader(_))), "{:?}", seen[1]);
        }
    });
}

#[test]
fn a_message_beyond_the_mtu_is_refused_and_not_fragmented() {
    isolated(|| {
        let (left, _right) = wire();
        let mut sender = sender(&left);
        let error = sender.send(left.address, GROUP_V4.into(), &[0; 1481]).unwrap_err();
        assert_eq!(error.errno().unwrap().raw(), libc::EMSGSIZE, "{error}");
        sender.send(left.address, GROUP_V4.into(), &[0; 1480]).unwrap();
        let error = sender.send(left.address, GROUP_V4.into(), &[0; 70_000]).unwrap_err();
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
        let error = sender.send(left.address, GROUP_V4.into(), &MESSAGE).unwrap_err();
        assert!(error.is_interface_unusable() && !error.is_congestion(), "{error}");
        assert!(error.to_string().contains("on left"), "{error}");

        left.host.netlink.delete_link(index).unwrap();
        let error = sender.send(left.address, GROUP_V4.into(), &MESSAGE).unwrap_err();
        assert!(error.is_interface_unusable(), "{error}");
        let open = || AdvertReceiver::open(left.interface, Family::V4);
        let error = left.host.run(open).unwrap_err();
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
        assert_ne!(
            Some(right.interface.index),
            old.interface().map(|at| at.index),
            "indices are not used again"
        );
        left.wait_until("the new cable works", Link::is_running);
        right.wait_until("at both ends", Link::is_running);

        let (mut sender, mut new) = (sender(&left), receiver(&right));
        sender.send(left.address, GROUP_V4.into(), &MESSAGE).unwrap();
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
            sender.send(left.address, GROUP_V4.into(), &MESSAGE).unwrap();
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
fn one_call_delivers_a_bounded_number_in_order_and_says_whether_there_may_be_more() {
    isolated(|| {
        let (left, right) = wire();
        let (mut sender, mut receiver) = (sender(&left), receiver(&right));
        for number in 0..100_u16 {
            sender.send(left.address, GROUP_V4.into(), &number.to_be_bytes()).unwrap();
        }
        sender.send(left.address, Ipv4Addr::new(192, 0, 2, 2).into(), b"the last").unwrap();
        assert_eq!(receiver.wait(Some(PATIENCE)), Ok(Wake::Readable));
        let mut numbers = Vec::new();
        let mut counts = Vec::new();
        eventually("all of them arrive", || {
            let drained = receiver.drain(|it| numbers.push(it.unwrap().message.to_vec())).unwrap();
            counts.push(drained.datagrams);
            assert_eq!(drained.is_more, drained.datagrams == 32);
            (numbers.len() == 101).then_some(())
        });
        assert!(counts.into_iter().all(|count| count <= 32));
        let expected = (0..100_u16).map(|number| number.to_be_bytes().to_vec());
        assert!(numbers.into_iter().take(100).eq(expected));
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
        sender(&left).send(left.address, GROUP_V4.into(), &MESSAGE).unwrap();
        assert_eq!(arrived(&mut receiver).len(), 1);
    });
}

/// 239.1.2.N or ff02::1:N.
fn group(family: Family, number: u8) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::new(239, 1, 2, number).into(),
        Family::V6 => ip(&format!("ff02::1:{number:x}")),
    }
}

/// Which of the test's groups an end is in, as the kernel writes them down.
fn memberships(end: &End) -> Vec<String> {
    let read = |file| std::fs::read_to_string(format!("/proc/thread-self/net/{file}")).unwrap();
    let (v4, v6) = end.host.run(|| (read("igmp"), read("igmp6")));
    let words = |text: String| -> Vec<_> { text.split_whitespace().map(str::to_owned).collect() };
    let is_own = |word: &String| {
        (word.len() == 8 && word.ends_with("0201EF"))
            || (word.len() == 32 && word.starts_with("ff02000000000000000000000001"))
    };
    words(v4).into_iter().chain(words(v6)).filter(is_own).collect()
}

#[test]
fn a_receiver_is_in_more_groups_than_one_socket_may_be_in() {
    isolated(|| {
        let (left, right) = with_ipv6(wire());
        for (family, from) in [(Family::V4, ip("192.0.2.1")), (Family::V6, left.address)] {
            let groups: Vec<_> = (1..=24).map(|number| group(family, number)).collect();
            let mut receiver = receiver_of(&right, right.interface, &groups);
            assert!(receiver.groups().eq(groups.iter().copied()));
            if family == Family::V4 {
                // Which takes one more socket, and that would be in this thread's namespace.
                let far_away: Vec<_> = (1..=41).map(|number| group(family, number)).collect();
                let error = receiver.set_groups(&far_away).unwrap_err();
                assert_eq!(error.errno().unwrap().raw(), libc::EXDEV, "{error}");
                receiver.set_groups(&groups).unwrap();
            }
            // Joined by another receiver, so that it arrives at the host.
            let stranger = group(family, 200);
            let _other = receiver_of(&right, right.interface, &[stranger]);

            let mut sender = left.host.run(|| AdvertSender::open(family)).unwrap();
            sender.attach(left.interface).unwrap();
            sender.send(from, stranger, &MESSAGE).unwrap();
            for group in &groups {
                sender.send(from, *group, &MESSAGE).unwrap();
            }
            let mut heard = Vec::new();
            eventually("all arrive", || {
                heard
                    .extend(arrived_already(&mut receiver).into_iter().map(|it| it.ip.destination));
                (heard.len() >= 24).then_some(())
            });
            assert_eq!(heard, groups);

            // Back to one: nothing of the others arrives any more.
            receiver.set_groups(&groups[23..]).unwrap();
            for group in &groups {
                sender.send(from, *group, &MESSAGE).unwrap();
            }
            let heard = only(arrived(&mut receiver)).ip.destination;
            assert_eq!(heard, groups[23]);
        }
    });
}

#[test]
fn groups_that_change_again_and_again_are_left_again_and_again() {
    isolated(|| {
        let (left, right) = with_ipv6(wire());
        for (family, from) in [(Family::V4, ip("192.0.2.1")), (Family::V6, left.address)] {
            let mut receiver = receiver_of(&right, right.interface, &[group(family, 0)]);
            for number in 1..=200 {
                receiver.set_groups(&[group(family, number)]).unwrap();
                assert!(receiver.groups().eq([group(family, number)]));
            }
            assert_eq!(memberships(&right).len(), 1);
            let mut sender = left.host.run(|| AdvertSender::open(family)).unwrap();
            sender.attach(left.interface).unwrap();
            for number in [199, 200] {
                sender.send(from, group(family, number), &MESSAGE).unwrap();
            }
            let heard = only(arrived(&mut receiver)).ip.destination;
            assert_eq!(heard, group(family, 200));
            receiver.set_groups(&[]).unwrap();
            assert_eq!(memberships(&right), [""; 0]);
        }
    });
}

#[test]
fn a_group_that_cannot_be_joined_is_named_with_the_interface_and_keeps_no_other_back() {
    isolated(|| {
        let (left, _right) = wire();
        let ghost = vrrp_net::Interface { name: name("ghost"), ..left.interface };
        // The index counts; the name is for people.
        let open = || AdvertReceiver::open(ghost, Family::V4);
        let mut receiver = left.host.run(open).unwrap();
        let no_group = ip("192.0.2.9");
        let error = receiver.set_groups(&[no_group, GROUP_V4.into()]).unwrap_err();
        assert!(error.to_string().contains("192.0.2.9 on ghost"), "{error}");
        assert_eq!(error.errno().unwrap().raw(), libc::EINVAL);
        assert!(receiver.groups().eq([IpAddr::from(GROUP_V4)]));

        let error = receiver.set_groups(&[GROUP_V4.into(), GROUP_V6.into()]).unwrap_err();
        assert_eq!(error.errno().unwrap().raw(), libc::EAFNOSUPPORT);
        assert!(receiver.groups().eq([IpAddr::from(GROUP_V4)]));
    });
}

#[test]
fn an_authentication_header_arrives_where_it_is_wanted_with_the_identification_it_covers() {
    isolated(|| {
        let (left, right) = wire();
        let mut sender = sender(&left);
        let mut receiver = receiver(&right);
        let mut octets = [7; AUTH_HEADER_LEN];
        octets[..2].copy_from_slice(&[PROTOCOL, 4]);
        let (header, _, _) = AuthHeader::split(&octets).unwrap();
        let ip = |identification| IpMeta {
            identification,
            auth_header: Some(header),
            ..IpMeta::multicast(left.address)
        };
        // Beside it an advert without a header: it shows that what came before is not to come.
        let mut send = |identification| {
            sender.send_packet(&ip(identification), &MESSAGE).unwrap();
            sender.send(left.address, GROUP_V4.into(), &MESSAGE).unwrap();
        };
        let headers = |datagrams: &[Owned]| {
            let headers = datagrams.iter().filter(|datagram| datagram.ip.auth_header.is_some());
            headers.map(|datagram| datagram.ip).collect::<Vec<_>>()
        };
        send(1);
        let datagrams = arrived(&mut receiver);
        assert_eq!((datagrams.len(), headers(&datagrams)), (1, vec![]));

        let hear = |receiver: &mut AdvertReceiver, wanted| {
            right.host.run(|| receiver.hear_headers(wanted)).unwrap()
        };
        assert!(hear(&mut receiver, true), "another descriptor");
        assert!(!hear(&mut receiver, true));
        send(0x1234);
        let mut datagrams = Vec::new();
        while datagrams.len() < 2 {
            datagrams.extend(arrived(&mut receiver));
        }
        assert_eq!(headers(&datagrams), [ip(0x1234)]);
        assert!(datagrams.iter().all(|datagram| datagram.message == MESSAGE));

        assert!(hear(&mut receiver, false));
        send(2);
        let datagrams = arrived(&mut receiver);
        assert_eq!((datagrams.len(), headers(&datagrams)), (1, vec![]));
        assert_eq!(receiver.overflowed(), Ok(0));
    });
}
