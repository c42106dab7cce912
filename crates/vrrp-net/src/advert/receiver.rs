//! Receiving adverts.

use std::fmt;
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;

use rustix::event::epoll;
use socket2::Socket;
use vrrp_proto::{AUTH_HEADER_PROTOCOL, DecodeError, Family, PROTOCOL};

use super::control::Control;
use super::datagram::{Datagram, destination};
use super::groups::{Groups, check_same_namespace};
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
/// addresses, with any hop limit and any VRRP checksum, and those with an authentication header if
/// [they are wanted](Self::hear_headers). What this host sends does not. Needs `CAP_NET_RAW`, takes
/// two descriptors, one more for every 20 groups beyond the first 20, and two more for
/// authentication headers.
///
/// When the interface is deleted, the receiver stays silent, and also when one of the same name
/// is made: that has another index and needs a new receiver.
///
/// It is waited on with [`wait`](Self::wait), or as a descriptor ([`AsFd`]) that is readable when
/// there is something to drain, so that the waiting needs no lock that the draining takes.
pub struct AdvertReceiver {
    queue: Queue,
    headers: Option<Headers>,
    interface: Option<Interface>,
    family: Family,
    groups: Groups,
    waker: Waker,
    slots: Slots<DATAGRAM_BYTES_MAX>,
}

/// A socket of one protocol.
#[derive(Debug)]
struct Queue {
    socket: Socket,
    /// When it was seen empty last, on `CLOCK_MONOTONIC`.
    empty_at: Duration,
}

/// What receives packets with an authentication header.
#[derive(Debug)]
struct Headers {
    queue: Queue,
    /// Readable when either of the receiver's sockets is.
    both: OwnedFd,
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
        let queue = Queue { socket, empty_at };
        Ok(Self { queue, headers: None, interface, family, groups, waker, slots })
    }

    /// Receives packets with an authentication header (protocol 51) too from now on, or not any
    /// more. Says whether that has changed, and the descriptor to wait on ([`AsFd`]) with it.
    ///
    /// # Errors
    /// [`NetError::Refused`]: as [`open`](Self::open), `EXDEV` on a thread in another network
    /// namespace than the receiver's. What was received before still is.
    pub fn hear_headers(&mut self, wanted: bool) -> Result<bool, NetError> {
        if wanted == self.headers.is_some() {
            return Ok(false);
        }
        self.headers = match wanted {
            true => {
                let opened = Headers::open(self.interface, self.family, &self.queue.socket);
                Some(opened.map_err(|e| self.refused(Operation::OpenAdvertReceiver, e))?)
            }
            false => None,
        };
        Ok(true)
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
        self.groups.set(&self.queue.socket, groups)
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

    /// Its sockets, which keep this host in the groups as long as one of their descriptors is open.
    pub fn sockets(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let headers = self.headers.iter().map(|headers| headers.queue.socket.as_fd());
        [self.queue.socket.as_fd()].into_iter().chain(headers).chain(self.groups.holders())
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
        wait(self.as_fd(), &self.waker, timeout)
    }

    /// Delivers what has arrived, in the order in which it arrived, without waiting: with one
    /// system call for each protocol, up to 32 datagrams each. [`Drained::is_more`] says whether to call again.
    ///
    /// A datagram whose IP header is malformed is delivered as the reason to drop it.
    ///
    /// # Errors
    /// [`NetError::Refused`] if the socket cannot be read.
    pub fn drain(
        &mut self,
        mut deliver: impl FnMut(Result<Datagram<'_>, DecodeError>),
    ) -> Result<Drained, NetError> {
        let name = self.interface.map(|interface| interface.name);
        let mut drained = Drained { datagrams: 0, is_more: false };
        for queue in
            self.headers.iter_mut().map(|headers| &mut headers.queue).chain([&mut self.queue])
        {
            let some = queue.drain(self.family, &self.groups, &mut self.slots, &mut deliver);
            let some =
                some.map_err(|errno| NetError::refused_at(Operation::ReceiveAdverts, name, errno))?;
            drained.datagrams += some.datagrams;
            drained.is_more |= some.is_more;
        }
        Ok(drained)
    }

    /// Packets that arrived but were thrown away since the receiver was opened, because they
    /// came faster than they were drained. The number wraps around at 2³².
    ///
    /// # Errors
    /// [`NetError::Refused`] if the kernel does not say.
    pub fn overflowed(&self) -> Result<u32, NetError> {
        let headers = self.headers.as_ref().map(|headers| &headers.queue);
        headers.into_iter().chain([&self.queue]).try_fold(0u32, |sum, queue| {
            sys::dropped_packets(queue.socket.as_fd())
                .map(|dropped| sum.wrapping_add(dropped))
                .map_err(|errno| self.refused(Operation::ReceiveAdverts, errno))
        })
    }

    fn refused(&self, operation: Operation, errno: Errno) -> NetError {
        let name = self.interface.map(|interface| interface.name);
        NetError::refused_at(operation, name, errno)
    }
}

impl fmt::Debug for AdvertReceiver {
    /// Without the slots, where the last packets still are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { queue, headers, interface, family, groups, waker, .. } = self;
        f.debug_struct("AdvertReceiver")
            .field("queue", queue)
            .field("headers", headers)
            .field("interface", interface)
            .field("family", family)
            .field("groups", groups)
            .field("waker", waker)
            .finish_non_exhaustive()
    }
}

impl AsFd for AdvertReceiver {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.headers.as_ref().map_or(self.queue.socket.as_fd(), |headers| headers.both.as_fd())
    }
}

impl AsRawFd for AdvertReceiver {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl Queue {
    fn drain(
        &mut self,
        family: Family,
        groups: &Groups,
        slots: &mut Slots<DATAGRAM_BYTES_MAX>,
        deliver: &mut impl FnMut(Result<Datagram<'_>, DecodeError>),
    ) -> Result<Drained, Errno> {
        let began_at = monotonic();
        let received = match slots.receive_many(self.socket.as_fd()) {
            Err(Errno::EAGAIN) => 0,
            // Nothing is known: not even that there is nothing.
            Err(Errno::EINTR) => return Ok(Drained { datagrams: 0, is_more: true }),
            received => received?,
        };
        let clocks = Clocks::now();
        let mut datagrams = 0;
        for slot in slots.first(received) {
            let control = Control::read(slot.control);
            let to = destination(family, &slot, &control);
            if to.is_some_and(|to| !groups.accept(to)) {
                continue;
            }
            let arrived = clocks.arrival(control.stamp, self.empty_at);
            datagrams += 1;
            deliver(Datagram::split(family, &slot, &control, arrived));
        }
        let is_more = received == RECEIVE_BATCH;
        if !is_more {
            self.empty_at = began_at;
        }
        Ok(Drained { datagrams, is_more })
    }
}

impl Headers {
    /// The groups are joined by the receiver's own socket; this one takes what they bring, and the
    /// receiver sorts out which are its own.
    fn open(interface: Option<Interface>, family: Family, own: &Socket) -> Result<Self, Errno> {
        let errno = |error: std::io::Error| Errno::from(&error);
        let empty_at = monotonic();
        let socket = open_socket(interface, family, AUTH_HEADER_PROTOCOL)?;
        check_same_namespace(&socket, own).map_err(errno)?;
        prepare(&socket, family)?;
        let both = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        for (number, socket) in [own, &socket].into_iter().enumerate() {
            let data = epoll::EventData::new_u64(number as u64);
            epoll::add(&both, socket, data, epoll::EventFlags::IN)?;
        }
        Ok(Self { queue: Queue { socket, empty_at }, both })
    }
}

fn open(interface: Option<Interface>, family: Family) -> Result<(Socket, Groups), Errno> {
    let errno = |error: std::io::Error| Errno::from(&error);
    let socket = open_socket(interface, family, PROTOCOL)?;
    let groups = Groups::none(family, interface, &socket).map_err(errno)?;
    prepare(&socket, family)?;
    Ok((socket, groups))
}

fn open_socket(
    interface: Option<Interface>,
    family: Family,
    protocol: u8,
) -> Result<Socket, Errno> {
    let errno = |error: std::io::Error| Errno::from(&error);
    let socket = raw_socket(family, protocol.into()).map_err(errno)?;
    bind_to(&socket, interface).map_err(errno)?;
    Ok(socket)
}

fn prepare(socket: &Socket, family: Family) -> Result<(), Errno> {
    grow_receive_buffer(socket.as_fd(), RECEIVE_BUFFER_BYTES)?;
    sys::switch_on(socket.as_fd(), libc::SOL_SOCKET, libc::SO_TIMESTAMPNS)?;
    if family == Family::V6 {
        for option in [libc::IPV6_RECVPKTINFO, libc::IPV6_RECVHOPLIMIT] {
            sys::switch_on(socket.as_fd(), libc::IPPROTO_IPV6, option)?;
        }
    }
    Ok(())
}
