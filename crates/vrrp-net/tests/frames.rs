//! Announcements on a wire.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::io::Read;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsFd;

use common::{End, PATIENCE, eventually, ip, isolated, wire};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{Domain, Protocol, Socket, Type};
use vrrp_net::{Announcement, FrameSender};

/// A packet socket that hears all frames that arrive at a host.
fn sniffer(end: &End) -> Socket {
    let every_type = i32::from((libc::ETH_P_ALL as u16).to_be());
    end.host.run(|| {
        let socket =
            Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(every_type))).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket
    })
}

/// The next frame whose Ethernet type is this.
fn next_frame(sniffer: &mut Socket, ethertype: [u8; 2]) -> Vec<u8> {
    let mut buffer = [0; 2048];
    loop {
        let len = sniffer.read(&mut buffer).unwrap();
        if buffer[12..14] == ethertype {
            return buffer[..len].to_vec();
        }
    }
}

fn announcements(end: &End, count: u16) -> Vec<Announcement> {
    let address = |number: u16| Ipv4Addr::new(203, 0, (number >> 8) as u8, number as u8).into();
    let announcement = |number| Announcement {
        interface: end.interface,
        mac: end.mac,
        address: address(number),
        is_router: false,
    };
    (0..count).map(announcement).collect()
}

#[test]
fn gratuitous_arps_arrive_whole_and_in_order() {
    isolated(|| {
        let (left, right) = wire();
        let mut sniffer = sniffer(&right);
        let sender = left.host.run(FrameSender::open).unwrap();
        // More than three system calls' worth.
        let announcements = announcements(&left, 100);
        assert_eq!(sender.send(&announcements), Ok(100));
        for announcement in &announcements {
            let frame = next_frame(&mut sniffer, [0x08, 0x06]);
            assert_eq!(frame, announcement.frame().as_bytes());
        }
        assert_eq!(sender.send(&[]), Ok(0));
    });
}

#[test]
fn a_neighbour_learns_from_a_gratuitous_arp() {
    isolated(|| {
        let (left, right) = wire();
        // Only who knows something about an address takes notice, so let the right end ask for
        // it. That nobody answers does not matter.
        right.host.run(|| {
            let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
            let _ = socket.send_to(b"", "192.0.2.100:9");
        });
        let neighbour = || {
            let path = "/proc/thread-self/net/arp";
            let table = right.host.run(|| std::fs::read_to_string(path).unwrap());
            table.lines().find(|line| line.starts_with("192.0.2.100 ")).map(str::to_owned)
        };
        let before = eventually("a question", neighbour);
        assert!(!before.contains(&left.mac.to_string()), "{before}");

        let sender = left.host.run(FrameSender::open).unwrap();
        let address = ip("192.0.2.100");
        let announcement = Announcement { address, ..announcements(&left, 1)[0] };
        assert_eq!(sender.send(&[announcement]), Ok(1));
        eventually("the neighbour is at the left end", || {
            neighbour().filter(|line| line.contains(&left.mac.to_string()))
        });
    });
}

#[test]
fn neighbour_advertisements_arrive_with_their_flags() {
    isolated(|| {
        let (left, right) = wire();
        let mut sniffer = sniffer(&right);
        let sender = left.host.run(FrameSender::open).unwrap();
        for is_router in [false, true] {
            let address = ip("2001:db8::100");
            let it = Announcement { address, is_router, ..announcements(&left, 1)[0] };
            assert_eq!(sender.send(&[it]), Ok(1));
            let frame = loop {
                let frame = next_frame(&mut sniffer, [0x86, 0xdd]);
                // The kernel talks, too: only what comes from the address is ours.
                if frame[22..38] == it.frame().as_bytes()[22..38] {
                    break frame;
                }
            };
            assert_eq!(frame, it.frame().as_bytes());
            assert_eq!(frame[58] & 0x80 != 0, is_router, "the R flag");
        }
    });
}

#[test]
fn what_went_out_before_a_link_that_cannot_send_is_out() {
    isolated(|| {
        let (mut left, right) = wire();
        let mut sniffer = sniffer(&right);
        let sender = left.host.run(FrameSender::open).unwrap();
        left.host.plug("dead", &right.host, "dead");
        let dead = left.host.interface("dead");
        let mut announcements = announcements(&left, 3);
        announcements[1].interface = dead;

        let error = sender.send(&announcements).unwrap_err();
        assert!(error.is_interface_unusable(), "{error}");
        assert!(error.to_string().contains("on dead"), "{error}");
        let frame = next_frame(&mut sniffer, [0x08, 0x06]);
        assert_eq!(frame, announcements[0].frame().as_bytes());

        left.host.netlink.delete_link(dead.index).unwrap();
        let error = sender.send(&announcements[1..]).unwrap_err();
        assert!(error.is_interface_unusable(), "{error}");
    });
}

#[test]
fn a_sender_of_frames_hears_nothing() {
    isolated(|| {
        let (left, right) = wire();
        let (from_left, from_right) =
            (left.host.run(FrameSender::open).unwrap(), right.host.run(FrameSender::open).unwrap());
        let mut at_left = sniffer(&left);
        assert_eq!(from_right.send(&announcements(&right, 1)), Ok(1));
        next_frame(&mut at_left, [0x08, 0x06]);
        let fd = from_left.as_fd();
        let mut fds = [PollFd::from_borrowed_fd(fd, PollFlags::IN)];
        assert_eq!(poll(&mut fds, Some(&Timespec::default())), Ok(0));
    });
}
