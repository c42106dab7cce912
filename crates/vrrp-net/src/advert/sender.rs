//! Sending adverts.

use std::io::IoSlice;
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::net::{SendAncillaryBuffer, SendFlags, sendmsg_addr};
use smoltcp::wire::{IpProtocol, Ipv4Packet};
use socket2::{Domain, Protocol, SockFilter, Socket, Type};

use super::{VRRP_PROTOCOL, bind_to};
use crate::error::{NetError, Operation};
use crate::words::{Errno, Interface};

/// RFC 9568 §5.1.1.3: a receiver drops everything that a router could have forwarded.
const HOP_LIMIT: u8 = 255;
/// Class selector 6, "internetwork control": the upper six bits of a type of service of 0xc0.
const DSCP: u8 = 48;
/// socket(7): the highest priority that needs no privilege. It takes the first of the three
/// bands of the default queue, ahead of announcements and of everybody's data.
const QUEUE_PRIORITY: u32 = 6;
const IPV4_HEADER_BYTES: usize = 20;
/// A classic BPF program of one instruction, "return 0": keep nothing of any packet.
const KEEP_NOTHING: [SockFilter; 1] =
    [SockFilter::new((libc::BPF_RET | libc::BPF_K) as u16, 0, 0, 0)];

/// Sends adverts out of one interface.
///
/// What leaves: TTL 255, type of service 0xc0, "may be fragmented", an identification that
/// counts, and never a copy to this host. Sending never waits. Needs `CAP_NET_RAW`, takes one
/// descriptor.
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
    interface: Option<Interface>,
    identification: u16,
}

impl AdvertSender {
    /// A sender of adverts over IPv4, in the network namespace of the calling thread, without an
    /// interface.
    ///
    /// # Errors
    /// [`NetError::Refused`]: `EPERM` without `CAP_NET_RAW`.
    pub fn open_v4() -> Result<Self, NetError> {
        match open_v4() {
            Ok(socket) => Ok(Self { socket, interface: None, identification: 0 }),
            Err(error) => Err(NetError::refused(Operation::OpenAdvertSender, Errno::from(&error))),
        }
    }

    /// Sends from this interface from now on. Again when it was made anew: an index does not
    /// come back.
    ///
    /// # Errors
    /// [`NetError::Refused`]: `ENODEV` if the interface is gone; then it sends from none.
    pub fn attach(&mut self, interface: Interface) -> Result<(), NetError> {
        self.interface = None;
        bind_to(&self.socket, interface).map_err(|error| {
            let errno = Errno::from(&error);
            NetError::refused_on(Operation::OpenAdvertSender, interface.name, errno)
        })?;
        self.interface = Some(interface);
        Ok(())
    }

    /// Sends nothing any more until the next [`attach`](Self::attach).
    pub fn detach(&mut self) {
        self.interface = None;
    }

    /// The interface that it sends from.
    pub fn interface(&self) -> Option<Interface> {
        self.interface
    }

    /// Sends `message`, a whole VRRP message, in one packet.
    ///
    /// The addresses are those that the message's checksum was computed for. That the
    /// interface has the source address is not looked at, and neither is the carrier: a link
    /// without one swallows what it is given.
    ///
    /// # Errors
    /// [`NetError::Detached`] without an interface. [`NetError::Family`] unless both addresses
    /// are IPv4. [`NetError::TooLong`] for a message beyond an IP packet. Else
    /// [`NetError::Refused`]: `EMSGSIZE` if the interface cannot carry it in one piece, `EAGAIN`
    /// or `ENOBUFS` if it does not send fast enough ([`NetError::is_congestion`]),
    /// `ENETUNREACH`, `ENODEV` or `ENXIO` if it is down or gone
    /// ([`NetError::is_interface_unusable`]).
    pub fn send(
        &mut self,
        source: IpAddr,
        destination: IpAddr,
        message: &[u8],
    ) -> Result<(), NetError> {
        let operation = Operation::SendAdvert;
        let interface = self.interface.ok_or(NetError::Detached { operation })?;
        let (IpAddr::V4(from), IpAddr::V4(to)) = (source, destination) else {
            return Err(NetError::Family { operation, from: source, to: destination });
        };
        let Ok(total_len) = u16::try_from(IPV4_HEADER_BYTES + message.len()) else {
            return Err(NetError::TooLong { operation, len: message.len() });
        };
        let header = ipv4_header(self.next_identification(), from, to, total_len);
        sendmsg_addr(
            &self.socket,
            &SocketAddrV4::new(to, 0),
            &[IoSlice::new(&header), IoSlice::new(message)],
            &mut SendAncillaryBuffer::default(),
            SendFlags::DONTWAIT,
        )
        .map(drop)
        .map_err(|errno| NetError::refused_on(operation, interface.name, errno))
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

fn open_v4() -> std::io::Result<Socket> {
    // A raw socket of this protocol brings its own header.
    let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(libc::IPPROTO_RAW)))?;
    socket.attach_filter(&KEEP_NOTHING)?;
    socket.set_multicast_loop_v4(false)?;
    socket.set_priority(QUEUE_PRIORITY)?;
    Ok(socket)
}

fn ipv4_header(
    identification: u16,
    from: Ipv4Addr,
    to: Ipv4Addr,
    total_len: u16,
) -> [u8; IPV4_HEADER_BYTES] {
    let mut bytes = [0; IPV4_HEADER_BYTES];
    let mut header = Ipv4Packet::new_unchecked(&mut bytes);
    header.set_version(4);
    header.set_header_len(IPV4_HEADER_BYTES as u8);
    header.set_dscp(DSCP);
    header.set_total_len(total_len);
    header.set_ident(identification);
    header.set_hop_limit(HOP_LIMIT);
    header.set_next_header(IpProtocol::from(VRRP_PROTOCOL));
    header.set_src_addr(from);
    header.set_dst_addr(to);
    header.fill_checksum();
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
            let header = ipv4_header(identification, from, to, packet.len() as u16);
            assert_eq!(header, packet[..IPV4_HEADER_BYTES]);
        }
    }
}
