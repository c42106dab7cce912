//! Receiving adverts.

use std::fmt;
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;

use socket2::Socket;
use vrrp_proto::{DecodeError, Family, PROTOCOL};

use super::control::Control;
use super::datagram::{Datagram, destination};
use super::groups::Groups;
use super::{bind_to, grow_receive_buffer, raw_socket};
use crate::error::{NetError, Operation};
use crate::sys::{self, RECEIVE_BATCH, Slots};
use crate::time::{Clocks, monotonic};
use crate::wake::{Wake, Waker, wait};
use crate::words::{Errno, Interface};

/// The largest datagram that is received whole, in bytes: over IPv4 with its header.
///
/// The largest advert over IPv4 has 255 addresses, 1148 bytes: an IP header with all its options
/// (60), an authentication header (24), the VRRP message (16 + 4 × 255), a trailer (28). Over IPv6
/// 126 addresses fill an Ethernet frame.
pub const DATAGRAM_BYTES_MAX: usize = 2048;
/// The receive buffer that is asked for: some thousand adverts.
const RECEIVE_BUFFER_BYTES: usize = 1024 * 1024;

/// What a call of [`AdvertReceiver::drain`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Datagrams that were delivered, malformed ones included.
    pub datagrams: usize,
    /// Whether there may be more to drain at once. `false`: the socket was empty.
    pub is_more: bool,
}

/// Receives the adverts that arrive at one interface, or at any, over one family, for all of its
/// virtual routers.
///
/// What arrives: packets of protocol 112 to the groups that were joined or to one of this host's
/// addresses, with any hop limit and any VRRP checksum. What this host sends does not. Needs
/// `CAP_NET_RAW`, takes two descriptors, and one more for every 20 groups beyond the first 20.
///
/// When the interface is deleted, the receiver stays silent, and also when one of the same name
/// is made: that has another index and needs a new receiver.
///
/// It is waited on with [`wait`](Self::wait), or as a descriptor ([`AsFd`]) that is readable when
/// there is something to drain, so that the waiting needs no lock that the draining takes.
pub struct AdvertReceiver {
    socket: Socket,
    interface: Option<Interface>,
    family: Family,
    groups: Groups,
    waker: Waker,
    slots: Slots<DATAGRAM_BYTES_MAX>,
    /// When the socket was seen empty last, on `CLOCK_MONOTONIC`.
    empty_at: Duration,
}

impl AdvertReceiver {
    /// A receiver of adverts over this family that is in no group yet. Without an interface it
    /// hears what is sent to any of this host's addresses, wherever it arrives.
    ///
    /// The receive buffer is large where the system allows it.
    ///
    /// # Errors
    /// [`NetError::Refused`]: `EPERM` without `CAP_NET_RAW`, `ENODEV` if the interface is gone.
    pub fn open(interface: impl Into<Option<Interface>>, family: Family) -> Result<Self, NetError> {
        let (interface, empty_at) = (interface.into(), monotonic());
        let (socket, groups) = open(interface, family).map_err(|errno| {
            let name = interface.map(|interface| interface.name);
            NetError::refused_at(Operation::OpenAdvertReceiver, name, errno)
        })?;
        let (waker, slots) = (Waker::new()?, Slots::new());
        Ok(Self { socket, interface, family, groups, waker, slots, empty_at })
    }

    /// Is in these groups from now on and in no others: leaves the others, joins those that are
    /// new, and leaves alone what stays. The number is not limited.
    ///
    /// The groups are joined on its interface alone (without one, on that which the kernel routes
    /// them to), and what other programs join does not arrive
    /// here.
    ///
    /// # Errors
    /// [`NetError::Group`] for the first group that could not be joined or left: `EINVAL` if the
    /// address is no group, `EAFNOSUPPORT` if it is of the other family, `ENODEV` if the interface
    /// is gone, `EXDEV` for the 21st and further ones on a thread in another network namespace than
    /// the receiver's. The others are as they were asked for; [`groups`](Self::groups) tells.
    pub fn set_groups(&mut self, groups: &[IpAddr]) -> Result<(), NetError> {
        self.groups.set(&self.socket, groups)
    }

    /// The groups that it is in, in the order of their addresses.
    pub fn groups(&self) -> impl Iterator<Item = IpAddr> {
        self.groups.iter()
    }

    /// The interface that it listens on, if it is one.
    pub fn interface(&self) -> Option<Interface> {
        self.interface
    }

    /// The family that it listens to.
    pub fn family(&self) -> Family {
        self.family
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

    /// Delivers what has arrived, in the order in which it arrived, without waiting: with one
    /// system call, up to 32 datagrams. [`Drained::is_more`] says whether to call again.
    ///
    /// A datagram whose IP header is malformed is delivered as the reason to drop it.
    ///
    /// # Errors
    /// [`NetError::Refused`] if the socket cannot be read.
    pub fn drain(
        &mut self,
        mut deliver: impl FnMut(Result<Datagram<'_>, DecodeError>),
    ) -> Result<Drained, NetError> {
        let began_at = monotonic();
        let received = match self.slots.receive_many(self.socket.as_fd()) {
            Err(Errno::EAGAIN) => 0,
            // Nothing is known: not even that there is nothing.
            Err(Errno::EINTR) => return Ok(Drained { datagrams: 0, is_more: true }),
            received => received.map_err(|e| self.refused(Operation::ReceiveAdverts, e))?,
        };
        let clocks = Clocks::now();
        let mut datagrams = 0;
        for slot in self.slots.first(received) {
            let control = Control::read(slot.control);
            let to = destination(self.family, &slot, &control);
            if to.is_some_and(|to| !self.groups.accept(to)) {
                continue;
            }
            let arrived = clocks.arrival(control.stamp, self.empty_at);
            datagrams += 1;
            deliver(Datagram::split(self.family, &slot, &control, arrived));
        }
        let is_more = received == RECEIVE_BATCH;
        if !is_more {
            self.empty_at = began_at;
        }
        Ok(Drained { datagrams, is_more })
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
        let name = self.interface.map(|interface| interface.name);
        NetError::refused_at(operation, name, errno)
    }
}

impl fmt::Debug for AdvertReceiver {
    /// Without the slots, where the last packets still are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { socket, interface, family, groups, waker, .. } = self;
        f.debug_struct("AdvertReceiver")
            .field("socket", socket)
            .field("interface", interface)
            .field("family", family)
            .field("groups", groups)
            .field("waker", waker)
            .finish_non_exhaustive()
    }
}

impl AsFd for AdvertReceiver {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for AdvertReceiver {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

fn open(interface: Option<Interface>, family: Family) -> Result<(Socket, Groups), Errno> {
    let errno = |error: std::io::Error| Errno::from(&error);
    let socket = raw_socket(family, PROTOCOL.into()).map_err(errno)?;
    bind_to(&socket, interface).map_err(errno)?;
    let groups = Groups::none(family, interface, &socket).map_err(errno)?;
    grow_receive_buffer(socket.as_fd(), RECEIVE_BUFFER_BYTES)?;
    sys::switch_on(socket.as_fd(), libc::SOL_SOCKET, libc::SO_TIMESTAMPNS)?;
    if family == Family::V6 {
        for option in [libc::IPV6_RECVPKTINFO, libc::IPV6_RECVHOPLIMIT] {
            sys::switch_on(socket.as_fd(), libc::IPPROTO_IPV6, option)?;
        }
    }
    Ok((socket, groups))
}
