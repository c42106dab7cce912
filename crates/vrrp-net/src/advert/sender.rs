//! Sending adverts.

use std::io::{self, IoSlice};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::net::{SendAncillaryBuffer, SendFlags, sendmsg_addr};
use smoltcp::wire::{IpProtocol, Ipv4Packet, Ipv6Packet};
use socket2::Socket;
use vrrp_proto::{AUTH_HEADER_LEN, AUTH_HEADER_PROTOCOL, Family, HOP_LIMIT, IpMeta, PROTOCOL};

use super::{KEEP_NOTHING, bind_to, raw_socket};
use crate::error::{NetError, Operation};
use crate::words::{Errno, Interface};

/// Class selector 6, "internetwork control": the upper six bits of a type of service (IPv4) or of a
/// traffic class (IPv6) of 0xc0.
const DSCP: u8 = 48;
/// socket(7): the highest priority that needs no privilege. It takes the first of the three
/// bands of the default queue, ahead of announcements and of everybody's data.
const QUEUE_PRIORITY: u32 = 6;
const IPV4_HEADER_BYTES: usize = 20;
const IPV6_HEADER_BYTES: usize = 40;

/// Sends adverts out of one interface, or along the routing table.
///
/// What leaves: hop limit 255 unless another is asked for, type of service or traffic class 0xc0, over IPv4 "may be fragmented"
/// and an identification that counts, and never a copy to this host. Sending never waits. Needs
/// `CAP_NET_RAW`, takes one descriptor.
///
/// The socket makes its own IP header, which is why it receives nothing: a raw socket gets a
/// copy of each packet of its protocol, and this one's is 255, "reserved", instead of 112. With
/// 112 each of 255 instances' senders would be handed every advert of every neighbour, if only
/// to have a filter throw it away. (A filter is there nevertheless, for packets of
/// protocol 255.) The header is also what an authentication header has to be computed over.
///
/// One socket for each virtual router, although one could serve all of them: with a shared one,
/// packets that wait for an interface that is stuck would use up the send buffer of the others.
#[derive(Debug)]
pub struct AdvertSender {
    socket: Socket,
    family: Family,
    place: Place,
    identification: u16,
}

/// Where adverts leave from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Nowhere,
    Interface(Interface),
    /// Along the routing table. The socket is bound to this source, if to any yet: rules that
    /// select by the source look at that.
    Routes(Option<IpAddr>),
}

impl AdvertSender {
    /// A sender of adverts over this family, in the network namespace of the calling thread,
    /// without an interface.
    ///
    /// # Errors
    /// [`NetError::Refused`]: `EPERM` without `CAP_NET_RAW`.
    pub fn open(family: Family) -> Result<Self, NetError> {
        match open(family) {
            Ok(socket) => Ok(Self { socket, family, place: Place::Nowhere, identification: 0 }),
            Err(error) => Err(NetError::refused(Operation::OpenAdvertSender, Errno::from(&error))),
        }
    }

    /// Sends from this interface from now on. Again when it was made anew: an index does not
    /// come back. Without an interface it sends along the routing table, which may look at the
    /// source; only what is sent to a single address goes out then.
    ///
    /// # Errors
    /// [`NetError::Refused`]: `ENODEV` if the interface is gone; then it sends from none.
    pub fn attach(&mut self, interface: impl Into<Option<Interface>>) -> Result<(), NetError> {
        let interface = interface.into();
        self.place = Place::Nowhere;
        bind_to(&self.socket, interface).map_err(|error| {
            let (name, errno) = (interface.map(|interface| interface.name), Errno::from(&error));
            NetError::refused_at(Operation::OpenAdvertSender, name, errno)
        })?;
        self.place = interface.map_or(Place::Routes(None), Place::Interface);
        Ok(())
    }

    /// Sends nothing any more until the next [`attach`](Self::attach).
    pub fn detach(&mut self) {
        self.place = Place::Nowhere;
    }

    /// The family that it sends over.
    pub fn family(&self) -> Family {
        self.family
    }

    /// The interface that it sends from, if it is one.
    pub fn interface(&self) -> Option<Interface> {
        match self.place {
            Place::Interface(interface) => Some(interface),
            Place::Nowhere | Place::Routes(_) => None,
        }
    }

    /// Sends `message`, a whole VRRP message, in one packet with hop limit 255.
    ///
    /// # Errors
    /// As [`send_packet`](Self::send_packet).
    pub fn send(
        &mut self,
        source: IpAddr,
        destination: IpAddr,
        message: &[u8],
    ) -> Result<(), NetError> {
        self.send_packet(&IpMeta::new(source, destination, HOP_LIMIT), message)
    }

    /// Sends `message`, a whole VRRP message and what stands behind it, in one packet with these
    /// addresses, this hop limit and the authentication header, if there is one. That covers the
    /// packet's identification, which is then the given one; where that is 0, one that counts.
    ///
    /// To a group it goes out on the interface; to one address along the routes that lead out of
    /// it. The addresses are those that the message's checksum was computed for. That the
    /// interface has the source address is not looked at, and neither is the carrier: a link
    /// without one swallows what it is given.
    ///
    /// # Errors
    /// [`NetError::Detached`] unless it is attached. [`NetError::Family`] unless both addresses
    /// are of its family. [`NetError::TooLong`] for a message beyond an IP packet. Else
    /// [`NetError::Refused`]: `EMSGSIZE` if the interface cannot carry it in one piece, `EAGAIN`
    /// or `ENOBUFS` if it does not send fast enough ([`NetError::is_congestion`]),
    /// `ENETUNREACH`, `ENODEV` or `ENXIO` if it is down or gone
    /// ([`NetError::is_interface_unusable`]); over IPv6 `EADDRNOTAVAIL` while it has no address of
    /// that family that may be used, and along the routing table while this host does not have
    /// the source.
    pub fn send_packet(&mut self, ip: &IpMeta, message: &[u8]) -> Result<(), NetError> {
        let IpMeta { source, destination, .. } = *ip;
        let operation = Operation::SendAdvert;
        if self.place == Place::Nowhere {
            return Err(NetError::Detached { operation });
        }
        if [source, destination].map(Family::of) != [self.family; 2] {
            return Err(NetError::Family { operation, from: source, to: destination });
        }
        let identification = match ip.identification {
            0 => self.next_identification(),
            given => given,
        };
        let header = Header::new(identification, ip, message.len())
            .ok_or(NetError::TooLong { operation, len: message.len() })?;
        let auth_header = ip.auth_header.as_ref().map_or(&[][..], |header| header.as_octets());
        let name = self.interface().map(|interface| interface.name);
        let refused = |errno| NetError::refused_at(operation, name, errno);
        self.bind_source(source).map_err(|error| refused(Errno::from(&error)))?;
        sendmsg_addr(
            &self.socket,
            &SocketAddr::new(destination, 0),
            &[header.as_bytes(), auth_header, message].map(IoSlice::new),
            &mut SendAncillaryBuffer::default(),
            SendFlags::DONTWAIT,
        )
        .map(drop)
        .map_err(|errno| refused(errno.into()))
    }

    /// Along the routing table, has the kernel look for the way of packets from there.
    fn bind_source(&mut self, source: IpAddr) -> io::Result<()> {
        let Place::Routes(bound) = &mut self.place else { return Ok(()) };
        if *bound != Some(source) {
            self.socket.bind(&SocketAddr::new(source, 0).into())?;
            *bound = Some(source);
        }
        Ok(())
    }

    /// 1 to 65535, and again: the kernel would put its own in the place of a 0.
    fn next_identification(&mut self) -> u16 {
        self.identification = self.identification.checked_add(1).unwrap_or(1);
        self.identification
    }
}

impl AsFd for AdvertSender {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn open(family: Family) -> io::Result<Socket> {
    // A raw socket of this protocol brings its own header, over either family.
    let socket = raw_socket(family, libc::IPPROTO_RAW)?;
    socket.attach_filter(&KEEP_NOTHING)?;
    match family {
        Family::V4 => socket.set_multicast_loop_v4(false)?,
        Family::V6 => socket.set_multicast_loop_v6(false)?,
    }
    socket.set_priority(QUEUE_PRIORITY)?;
    Ok(socket)
}

/// An IP header of either family.
enum Header {
    V4([u8; IPV4_HEADER_BYTES]),
    V6([u8; IPV6_HEADER_BYTES]),
}

impl Header {
    /// `None` if the message does not fit into a packet. Both addresses are of one family.
    fn new(identification: u16, ip: &IpMeta, message_len: usize) -> Option<Self> {
        let IpMeta { source, destination, hop_limit, .. } = *ip;
        let (protocol, len) = match ip.auth_header {
            Some(_) => (AUTH_HEADER_PROTOCOL, AUTH_HEADER_LEN + message_len),
            None => (PROTOCOL, message_len),
        };
        match (source, destination) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                let total_len = u16::try_from(IPV4_HEADER_BYTES + len).ok()?;
                let header = ipv4_header(identification, from, to, hop_limit, protocol, total_len);
                Some(Self::V4(header))
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                let payload_len = u16::try_from(len).ok()?;
                Some(Self::V6(ipv6_header(from, to, hop_limit, protocol, payload_len)))
            }
            _ => None,
        }
    }

    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::V4(bytes) => bytes,
            Self::V6(bytes) => bytes,
        }
    }
}

fn ipv4_header(
    identification: u16,
    from: Ipv4Addr,
    to: Ipv4Addr,
    hop_limit: u8,
    protocol: u8,
    total_len: u16,
) -> [u8; IPV4_HEADER_BYTES] {
    let mut bytes = [0; IPV4_HEADER_BYTES];
    let mut header = Ipv4Packet::new_unchecked(&mut bytes);
    header.set_version(4);
    header.set_header_len(IPV4_HEADER_BYTES as u8);
    header.set_dscp(DSCP);
    header.set_total_len(total_len);
    header.set_ident(identification);
    header.set_hop_limit(hop_limit);
    header.set_next_header(IpProtocol::from(protocol));
    header.set_src_addr(from);
    header.set_dst_addr(to);
    header.fill_checksum();
    bytes
}

fn ipv6_header(
    from: Ipv6Addr,
    to: Ipv6Addr,
    hop_limit: u8,
    protocol: u8,
    payload_len: u16,
) -> [u8; IPV6_HEADER_BYTES] {
    let mut bytes = [0; IPV6_HEADER_BYTES];
    let mut header = Ipv6Packet::new_unchecked(&mut bytes);
    header.set_version(6);
    header.set_traffic_class(DSCP << 2);
    header.set_payload_len(payload_len);
    header.set_next_header(IpProtocol::from(protocol));
    header.set_hop_limit(hop_limit);
    header.set_src_addr(from);
    header.set_dst_addr(to);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture;

    #[test]
    fn the_header_is_keepaliveds() {
        let file = include_bytes!("../../tests/data/ka227-garp-ipv4-3vips.pcap");
        let frames = capture::frames(file);
        let adverts: Vec<_> =
            frames.into_iter().filter(|frame| capture::ethertype(frame) == 0x0800).collect();
        assert!(!adverts.is_empty());
        let (from, to) = (Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(224, 0, 0, 18));
        for (identification, advert) in (1..).zip(adverts) {
            let packet = &advert[14..];
            let header =
                ipv4_header(identification, from, to, HOP_LIMIT, PROTOCOL, packet.len() as u16);
            assert_eq!(header, packet[..IPV4_HEADER_BYTES]);
        }
    }
    #[test]
    fn the_header_over_ipv6_is_keepaliveds_but_for_the_flow_label() {
        let file = include_bytes!("../../tests/data/ka227-na-ipv6.pcap");
        let frames = capture::frames(file);
        let is_advert =
            |frame: &&[u8]| capture::ethertype(frame) == 0x86dd && frame[20] == PROTOCOL;
        let adverts: Vec<_> = frames.into_iter().filter(is_advert).collect();
        assert!(!adverts.is_empty());
        let (from, to) = ("fe80::ff:fe00:a".parse().unwrap(), "ff02::12".parse().unwrap());
        for advert in adverts {
            let packet = &advert[14..];
            let payload_len = (packet.len() - IPV6_HEADER_BYTES) as u16;
            let header = ipv6_header(from, to, HOP_LIMIT, PROTOCOL, payload_len);
            let mut expected = packet[..IPV6_HEADER_BYTES].to_vec();
            expected[1] &= 0xf0;
            expected[2..4].fill(0);
            assert_eq!(header[..], expected);
        }
    }
}
