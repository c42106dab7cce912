//! Announcements: the frames that tell a link where an address is now, and their socket.

use std::fmt;
use std::io::IoSlice;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, sendmmsg};
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol,
    EthernetRepr, Icmpv6Packet, Icmpv6Repr, IpProtocol, Ipv6Packet, Ipv6Repr, NdiscNeighborFlags,
    NdiscRepr, RawHardwareAddress,
};
use socket2::{Domain, Socket, Type};
use vrrp_proto::MacAddress;

use crate::error::{NetError, Operation};
use crate::sys;
use crate::words::{Errno, Interface};

/// Ethernet (14), IPv6 (40), a neighbour advertisement (24) with one option (8).
const FRAME_BYTES_MAX: usize = 86;
const ETHERNET_HEADER_BYTES: usize = 14;
const IPV6_HEADER_BYTES: usize = 40;
/// RFC 4861 §7.1.2: a receiver drops everything that a router could have forwarded.
const NDISC_HOP_LIMIT: u8 = 255;
/// ff02::1, and the Ethernet address that belongs to it (RFC 2464 §7).
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const ALL_NODES_MAC: EthernetAddress = EthernetAddress([0x33, 0x33, 0, 0, 0, 1]);
/// Frames that are handed to the kernel with one system call.
const SEND_BATCH: usize = 32;

/// An Ethernet frame, without the padding that the hardware adds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    bytes: [u8; FRAME_BYTES_MAX],
    len: u8,
}

impl Frame {
    /// A gratuitous ARP: "`address` is at `mac`", to everybody on the link.
    ///
    /// In keepalived's form, an ARP request for the address by the address, to the broadcast
    /// address in both headers.
    pub fn gratuitous_arp(mac: MacAddress, address: Ipv4Addr) -> Self {
        let mac = EthernetAddress(mac.octets());
        let arp = ArpRepr::EthernetIpv4 {
            operation: ArpOperation::Request,
            source_hardware_addr: mac,
            source_protocol_addr: address,
            target_hardware_addr: EthernetAddress::BROADCAST,
            target_protocol_addr: address,
        };
        let ethernet = EthernetRepr {
            src_addr: mac,
            dst_addr: EthernetAddress::BROADCAST,
            ethertype: EthernetProtocol::Arp,
        };
        Self::build(ethernet, arp.buffer_len(), |body| {
            arp.emit(&mut ArpPacket::new_unchecked(body));
        })
    }

    /// An unsolicited neighbour advertisement: "`address` is at `mac`, forget what you knew", to
    /// all nodes on the link, from the address itself.
    ///
    /// `is_router` says whether the sender forwards packets (RFC 4861 §4.4): a host that is told
    /// otherwise takes the sender off its list of default routers.
    pub fn neighbor_advertisement(mac: MacAddress, address: Ipv6Addr, is_router: bool) -> Self {
        let router =
            if is_router { NdiscNeighborFlags::ROUTER } else { NdiscNeighborFlags::empty() };
        let mac = EthernetAddress(mac.octets());
        let icmp = Icmpv6Repr::Ndisc(NdiscRepr::NeighborAdvert {
            flags: NdiscNeighborFlags::OVERRIDE | router,
            target_addr: address,
            lladdr: Some(RawHardwareAddress::from(mac)),
        });
        let ip = Ipv6Repr {
            src_addr: address,
            dst_addr: ALL_NODES,
            next_header: IpProtocol::Icmpv6,
            payload_len: icmp.buffer_len(),
            hop_limit: NDISC_HOP_LIMIT,
        };
        let ethernet = EthernetRepr {
            src_addr: mac,
            dst_addr: ALL_NODES_MAC,
            ethertype: EthernetProtocol::Ipv6,
        };
        Self::build(ethernet, IPV6_HEADER_BYTES + icmp.buffer_len(), |body| {
            ip.emit(&mut Ipv6Packet::new_unchecked(&mut *body));
            let mut packet = Icmpv6Packet::new_unchecked(&mut body[IPV6_HEADER_BYTES..]);
            icmp.emit(&address, &ALL_NODES, &mut packet, &ChecksumCapabilities::default());
        })
    }

    fn build(ethernet: EthernetRepr, body_len: usize, emit: impl FnOnce(&mut [u8])) -> Self {
        let len = ETHERNET_HEADER_BYTES + body_len;
        let mut bytes = [0; FRAME_BYTES_MAX];
        ethernet.emit(&mut EthernetFrame::new_unchecked(&mut bytes));
        emit(&mut bytes[ETHERNET_HEADER_BYTES..len]);
        Self { bytes, len: len as u8 }
    }

    /// The frame as it goes to the wire.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Frame(")?;
        self.as_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

/// "`address` is at `mac`", to be said on the link of `interface`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Announcement {
    /// The interface that it is said on.
    pub interface: Interface,
    /// The hardware address that frames for the address shall go to.
    pub mac: MacAddress,
    /// The address.
    pub address: IpAddr,
    /// IPv6: whether this host forwards packets that arrive on the interface.
    pub is_router: bool,
}

impl Announcement {
    /// The frame that says it: a gratuitous ARP or an unsolicited neighbour advertisement.
    pub fn frame(&self) -> Frame {
        match self.address {
            IpAddr::V4(address) => Frame::gratuitous_arp(self.mac, address),
            IpAddr::V6(address) => Frame::neighbor_advertisement(self.mac, address, self.is_router),
        }
    }
}

/// Sends frames out of any interface of the namespace.
///
/// It receives nothing, and sending never waits. Needs `CAP_NET_RAW`, takes one descriptor. Its
/// frames have the default priority, so that the adverts of an [`AdvertSender`] overtake them in
/// the interface's queue.
///
/// [`AdvertSender`]: crate::AdvertSender
#[derive(Debug)]
pub struct FrameSender(Socket);

impl FrameSender {
    /// A sender of frames.
    ///
    /// # Errors
    /// [`NetError::Refused`]: `EPERM` without `CAP_NET_RAW`.
    pub fn open() -> Result<Self, NetError> {
        // Protocol 0: a packet socket gets copies of what has its protocol, and nothing has none.
        Socket::new(Domain::PACKET, Type::RAW, None)
            .map(Self)
            .map_err(|e| NetError::refused(Operation::OpenFrameSender, Errno::from(&e)))
    }

    /// Sends one frame for each announcement, in their order, up to 32 per system call.
    ///
    /// Says how many went out. Fewer than there are means that the send buffer is full: the
    /// rest can follow later. A link without carrier swallows what it is given.
    ///
    /// # Errors
    /// [`NetError::Refused`] for the first announcement that cannot be sent at all: `ENXIO` or
    /// `ENODEV` if its interface is gone, `ENETDOWN` if it is down. Those before it went out.
    pub fn send(&self, announcements: &[Announcement]) -> Result<usize, NetError> {
        let mut sent = 0;
        while let Some(batch) = announcements[sent..].chunks(SEND_BATCH).next() {
            match self.send_batch(batch) {
                Ok(count) => sent += count,
                Err(Errno::EAGAIN | Errno::ENOBUFS) => break,
                Err(Errno::EINTR) => {}
                Err(errno) => {
                    let name = batch[0].interface.name;
                    return Err(NetError::refused_on(Operation::SendFrames, name, errno));
                }
            }
        }
        Ok(sent)
    }

    /// Sends at least one frame of a batch that has one. An error is about its first frame.
    fn send_batch(&self, batch: &[Announcement]) -> Result<usize, Errno> {
        let frames: Vec<_> = batch.iter().map(Announcement::frame).collect();
        let parts: Vec<_> = frames.iter().map(|frame| [IoSlice::new(frame.as_bytes())]).collect();
        let target = |announcement: &Announcement| announcement.interface.index;
        let addresses: Vec<_> = batch.iter().map(target).map(sys::packet_address).collect();
        let mut no_control: Vec<_> = batch.iter().map(|_| SendAncillaryBuffer::default()).collect();
        let mut messages: Vec<_> = addresses
            .iter()
            .zip(&parts)
            .zip(&mut no_control)
            .map(|((address, part), control)| MMsgHdr::new_with_addr(address, part, control))
            .collect();
        Ok(sendmmsg(&self.0, &mut messages, SendFlags::DONTWAIT)?)
    }
}

impl AsFd for FrameSender {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture;

    const MAC: MacAddress = MacAddress([2, 0, 0, 0, 0, 0x0a]);

    /// Looks for each of these frames in a capture, and for no other one of its type.
    fn assert_all_from(file: &[u8], ethertype: u16, expected: &[Frame]) {
        let is_announcement = |frame: &&[u8]| {
            // Adverts over IPv6 have the same type, but another next header.
            capture::ethertype(frame) == ethertype && (ethertype == 0x0806 || frame[20] == 58)
        };
        let captured: Vec<_> = capture::frames(file).into_iter().filter(is_announcement).collect();
        for frame in expected {
            assert!(captured.contains(&frame.as_bytes()), "{frame:?} is not in the capture");
        }
        for frame in captured {
            assert!(expected.iter().any(|it| it.as_bytes() == frame), "{frame:02x?}");
        }
    }

    #[test]
    fn gratuitous_arp_is_keepaliveds() {
        let file = include_bytes!("../tests/data/ka227-garp-ipv4-3vips.pcap");
        let expected =
            [100, 101, 102].map(|host| Frame::gratuitous_arp(MAC, Ipv4Addr::new(192, 0, 2, host)));
        assert_all_from(file, 0x0806, &expected);
    }

    #[test]
    fn neighbor_advertisements_are_keepaliveds() {
        let addresses: [Ipv6Addr; 2] =
            ["fe80::51".parse().unwrap(), "2001:db8:0:1::100".parse().unwrap()];
        let host = include_bytes!("../tests/data/ka227-na-ipv6.pcap");
        let router = include_bytes!("../tests/data/ka243-na-ipv6-router.pcap");
        let frames =
            |is_router| addresses.map(|it| Frame::neighbor_advertisement(MAC, it, is_router));
        assert_all_from(host, 0x86dd, &frames(false));
        assert_all_from(router, 0x86dd, &frames(true));
    }
}
