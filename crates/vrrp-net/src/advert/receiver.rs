//! Receiving adverts.

use std::fmt;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};

use super::{VRRP_PROTOCOL, bind_to, grow_receive_buffer};
use crate::error::{NetError, Operation};
use crate::sys::{self, RECEIVE_BATCH};
use crate::wake::{Wake, Waker, wait};
use crate::words::{Errno, Interface};

/// The largest datagram that is received whole, in bytes.
///
/// The largest advert over IPv4 has 255 addresses, 1148 bytes: an IP header with all its options
/// (60), an authentication header (24), the VRRP message (16 + 4 × 255), a trailer (28).
pub const DATAGRAM_BYTES_MAX: usize = 2048;
/// The receive buffer that is asked for: some thousand adverts.
const RECEIVE_BUFFER_BYTES: usize = 1024 * 1024;
/// Datagrams that one call of [`AdvertReceiver::drain`] delivers, so that a flood cannot keep
/// its caller from everything else.
const DRAIN_DATAGRAMS_MAX: usize = 16 * RECEIVE_BATCH;

/// One packet from the wire.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Datagram<'a> {
    /// IPv4: the packet with its IP header, whose checksum the kernel has verified. At most the
    /// first [`DATAGRAM_BYTES_MAX`] bytes.
    pub bytes: &'a [u8],
    /// The packet's length on the wire.
    pub wire_len: usize,
}

impl<'a> Datagram<'a> {
    /// A packet that came whole.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, wire_len: bytes.len() }
    }

    /// Whether the packet is longer than what there is of it here. No advert is that long.
    pub const fn is_oversized(&self) -> bool {
        self.wire_len > self.bytes.len()
    }
}

impl fmt::Debug for Datagram<'_> {
    /// Without the content, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bytes, wire_len } = self;
        write!(f, "Datagram({} of {wire_len} bytes)", bytes.len())
    }
}

/// What a call of [`AdvertReceiver::drain`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Datagrams that were delivered.
    pub datagrams: usize,
    /// Whether it stopped at its limit, so that there may be more.
    pub is_more: bool,
}

/// Receives the adverts that arrive at one interface, for all of its virtual routers.
///
/// What arrives: packets of protocol 112 over IPv4, to the groups that were joined or to one of
/// this host's addresses, with any TTL. What this host sends does not. Needs `CAP_NET_RAW`,
/// takes two descriptors.
///
/// When the interface is deleted, the receiver stays silent, and also when one of the same name
/// is made: that has another index and needs a new receiver.
pub struct AdvertReceiver {
    socket: Socket,
    interface: Interface,
    waker: Waker,
    buffers: Box<[[u8; DATAGRAM_BYTES_MAX]; RECEIVE_BATCH]>,
}

impl AdvertReceiver {
    /// A receiver of adverts over IPv4, a member of these groups (at most
    /// `net.ipv4.igmp_max_memberships`, 20).
    ///
    /// The groups are joined on this interface alone, and what other programs join elsewhere
    /// does not arrive here. The receive buffer is large where the system allows it.
    ///
    /// # Errors
    /// [`NetError::Refused`]: `EPERM` without `CAP_NET_RAW`, `ENODEV` if the interface is gone,
    /// `ENOBUFS` for too many groups.
    pub fn open_v4(interface: Interface, groups: &[Ipv4Addr]) -> Result<Self, NetError> {
        let refused = |error: std::io::Error| {
            let errno = Errno::from(&error);
            NetError::refused_on(Operation::OpenAdvertReceiver, interface.name, errno)
        };
        let socket = open_v4(interface).map_err(refused)?;
        grow_receive_buffer(socket.as_fd(), RECEIVE_BUFFER_BYTES).map_err(|errno| {
            NetError::refused_on(Operation::OpenAdvertReceiver, interface.name, errno)
        })?;
        let buffers = vec![[0; DATAGRAM_BYTES_MAX]; RECEIVE_BATCH]
            .into_boxed_slice()
            .try_into()
            .expect("there is one buffer for each datagram of a batch");
        let receiver = Self { socket, interface, waker: Waker::new()?, buffers };
        groups.iter().try_for_each(|group| receiver.join_v4(*group))?;
        Ok(receiver)
    }

    /// Joins one more group.
    ///
    /// # Errors
    /// [`NetError::Refused`]: `EADDRINUSE` if it is joined already, `EINVAL` if the address is
    /// no group.
    pub fn join_v4(&self, group: Ipv4Addr) -> Result<(), NetError> {
        let index = InterfaceIndexOrAddress::Index(self.interface.index.get());
        self.socket
            .join_multicast_v4_n(&group, &index)
            .map_err(|error| self.refused(Operation::JoinGroup, Errno::from(&error)))
    }

    /// The interface that it listens on.
    pub fn interface(&self) -> Interface {
        self.interface
    }

    /// What ends a wait of this receiver's from another thread.
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Waits until there is something to [`drain`](Self::drain), the waker is used, or `timeout`
    /// is over (`None`: for ever).
    ///
    /// # Errors
    /// [`NetError::Refused`] if the kernel cannot wait.
    pub fn wait(&self, timeout: Option<Duration>) -> Result<Wake, NetError> {
        wait(self.socket.as_fd(), &self.waker, timeout)
    }

    /// Delivers what has arrived, in the order in which it arrived, without waiting: up to 32
    /// datagrams per system call, up to 512 per call.
    ///
    /// # Errors
    /// [`NetError::Refused`] if the socket cannot be read; what was delivered stays delivered.
    pub fn drain(&mut self, mut deliver: impl FnMut(Datagram<'_>)) -> Result<Drained, NetError> {
        let mut lens = [0; RECEIVE_BATCH];
        let mut datagrams = 0;
        while datagrams < DRAIN_DATAGRAMS_MAX {
            let socket = self.socket.as_fd();
            let received = match sys::receive_many(socket, &mut self.buffers, &mut lens) {
                Ok(received) => received,
                Err(Errno::EAGAIN) => return Ok(Drained { datagrams, is_more: false }),
                Err(Errno::EINTR) => continue,
                Err(errno) => return Err(self.refused(Operation::ReceiveAdverts, errno)),
            };
            for (buffer, &wire_len) in self.buffers.iter().zip(&lens).take(received) {
                deliver(Datagram { bytes: &buffer[..wire_len.min(buffer.len())], wire_len });
            }
            datagrams += received;
            if received < RECEIVE_BATCH {
                return Ok(Drained { datagrams, is_more: false });
            }
        }
        Ok(Drained { datagrams, is_more: true })
    }

    /// Packets that arrived but were thrown away since the receiver was opened, because they
    /// came faster than they were drained. The number wraps around at 2³².
    ///
    /// # Errors
    /// [`NetError::Refused`] if the kernel does not say.
    pub fn overflowed(&self) -> Result<u32, NetError> {
        sys::dropped_packets(self.socket.as_fd())
            .map_err(|errno| self.refused(Operation::ReceiveAdverts, errno))
    }

    fn refused(&self, operation: Operation, errno: Errno) -> NetError {
        NetError::refused_on(operation, self.interface.name, errno)
    }
}

impl fmt::Debug for AdvertReceiver {
    /// Without the buffers, where the last packets still are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { socket, interface, waker, buffers: _ } = self;
        f.debug_struct("AdvertReceiver")
            .field("socket", socket)
            .field("interface", interface)
            .field("waker", waker)
            .finish_non_exhaustive()
    }
}

impl AsFd for AdvertReceiver {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn open_v4(interface: Interface) -> std::io::Result<Socket> {
    let protocol = Protocol::from(i32::from(VRRP_PROTOCOL));
    let socket = Socket::new(Domain::IPV4, Type::RAW, Some(protocol))?;
    bind_to(&socket, interface)?;
    socket.set_multicast_all_v4(false)?;
    Ok(socket)
}
