//! Link and address events.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use vrrp_proto::Family;

use crate::address::InterfaceAddress;
use crate::error::{NetError, Operation};
use crate::netlink::{DUMP_DATAGRAM_BYTES_MAX, Link, Netlink, Notice, Received, Socket, messages};
use crate::route::RouteKey;
use crate::wake::{Wake, Waker, wait};
use crate::words::{IfIndex, Interface};

/// rtnetlink(7): the multicast groups that a monitor is in.
const GROUPS: [u32; 4] = [
    libc::RTNLGRP_LINK,
    libc::RTNLGRP_IPV4_IFADDR,
    libc::RTNLGRP_IPV6_IFADDR,
    libc::RTNLGRP_IPV6_NETCONF,
];
/// The receive buffer that is asked for: some thousand events.
const RECEIVE_BUFFER_BYTES: usize = 1024 * 1024;
/// Events that one call of [`Monitor::read`] takes out of the socket before it returns.
const READ_DATAGRAMS_MAX: usize = 1024;
/// More events than any receive buffer holds.
const FORGET_DATAGRAMS_MAX: usize = 1 << 16;

/// All links and addresses of a namespace at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Snapshot {
    /// The links.
    pub links: Vec<Link>,
    /// Their addresses, of both families. The order is the kernel's: on each interface, the
    /// primary IPv4 address of a subnet comes before the others.
    pub addresses: Vec<InterfaceAddress>,
}

impl Snapshot {
    /// The links and addresses now.
    ///
    /// # Errors
    /// As [`Netlink::links`].
    pub fn take(netlink: &mut Netlink) -> Result<Self, NetError> {
        Ok(Self { links: netlink.links()?, addresses: netlink.addresses()? })
    }

    /// The link with this index.
    pub fn link(&self, index: IfIndex) -> Option<&Link> {
        self.links.iter().find(|link| link.interface.index == index)
    }
}

/// Something happened to a link or an address.
///
/// What was the case before is not said, and an event may repeat what is known already.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NetEvent {
    /// A link is new, or something about it is: state, carrier, name, hardware address.
    LinkChanged(Link),
    /// A link was deleted, or moved to another namespace. Its addresses are gone too.
    LinkGone(Interface),
    /// An address is new, or something about it is.
    AddressAdded(InterfaceAddress),
    /// An address was removed.
    AddressRemoved(InterfaceAddress),
    /// This host has begun or ended to forward IPv6 packets that arrive on a link.
    ForwardingChanged {
        /// The link.
        interface: IfIndex,
        /// Whether it does now.
        forwards_ipv6: bool,
    },
    /// A route was removed. Only from a monitor that [watches routes](Monitor::watch_routes). The
    /// kernel does not say so of IPv4 routes that go with their interface or their address.
    RouteRemoved(RouteKey),
    /// A policy rule was removed. Only from a monitor that [watches routes](Monitor::watch_routes).
    RuleRemoved {
        /// The family of its packets.
        family: Family,
        /// Its place among the rules; others may have the same.
        preference: u32,
    },
    /// Events were lost, because they came faster than they were read. This is how things are
    /// now; whatever is not in it is gone.
    Resync(Snapshot),
}

/// A subscription to what happens to links and addresses, in the network namespace of the
/// thread that opened it.
///
/// No privilege is needed.
pub struct Monitor {
    socket: Socket,
    netlink: Netlink,
    waker: Waker,
    buffer: Vec<u8>,
    /// Whether events were lost since the last list, so that there must be another.
    is_behind: bool,
}

impl Monitor {
    /// Subscribes, then lists: what happens in between comes as an event, so nothing is missed.
    /// It takes three descriptors.
    ///
    /// # Errors
    /// [`NetError`] if a socket cannot be had, or the kernel's list cannot be understood.
    pub fn open() -> Result<(Self, Snapshot), NetError> {
        Self::with_receive_buffer(RECEIVE_BUFFER_BYTES)
    }

    /// Like [`Monitor::open`], with a receive buffer of another size, which the kernel doubles.
    /// Beyond its limit (`net.core.rmem_max`) it needs `CAP_NET_ADMIN` in the initial user
    /// namespace; without it the limit is what comes out.
    ///
    /// # Errors
    /// As [`Monitor::open`].
    pub fn with_receive_buffer(bytes: usize) -> Result<(Self, Snapshot), NetError> {
        let operation = Operation::Subscribe;
        let socket = Socket::open(operation, &GROUPS)?;
        crate::advert::grow_receive_buffer(socket.as_fd(), bytes)
            .map_err(|errno| NetError::refused(operation, errno))?;
        let mut netlink = Netlink::open()?;
        let snapshot = Snapshot::take(&mut netlink)?;
        let (waker, buffer) = (Waker::new()?, vec![0; DUMP_DATAGRAM_BYTES_MAX]);
        Ok((Self { socket, netlink, waker, buffer, is_behind: false }, snapshot))
    }

    /// Subscribes to the removal of routes and policy rules too. On a router with many of them that is a lot to read.
    ///
    /// # Errors
    /// [`NetError::Refused`] if the kernel refuses.
    pub fn watch_routes(&mut self) -> Result<(), NetError> {
        let groups = [
            libc::RTNLGRP_IPV4_ROUTE,
            libc::RTNLGRP_IPV6_ROUTE,
            libc::RTNLGRP_IPV4_RULE,
            libc::RTNLGRP_IPV6_RULE,
        ];
        for group in groups {
            self.socket.join(group).map_err(|e| NetError::refused(Operation::Subscribe, e))?;
        }
        Ok(())
    }

    /// What ends a wait of this monitor's from another thread.
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Waits for events and appends them to `events`, or until the waker is used or `timeout` is
    /// over (`None`: for ever).
    ///
    /// With [`Wake::Readable`] there may be no event nevertheless: not every message of the
    /// kernel's is one.
    ///
    /// # Errors
    /// [`NetError`] if the socket cannot be read, or the kernel's message cannot be understood.
    /// Events may be lost then; so what comes next, as soon as it can be had, is a
    /// [`NetEvent::Resync`].
    pub fn wait(
        &mut self,
        events: &mut Vec<NetEvent>,
        timeout: Option<Duration>,
    ) -> Result<Wake, NetError> {
        let timeout = if self.is_behind { Some(Duration::ZERO) } else { timeout };
        let wake = wait(self.socket.as_fd(), &self.waker, timeout)?;
        if wake == Wake::Woken {
            return Ok(wake);
        }
        if self.is_behind || wake == Wake::Readable {
            self.read(events)?;
            return Ok(Wake::Readable);
        }
        Ok(wake)
    }

    /// Appends to `events` what has happened, without waiting.
    ///
    /// # Errors
    /// As [`Monitor::wait`].
    pub fn read(&mut self, events: &mut Vec<NetEvent>) -> Result<(), NetError> {
        if !self.is_behind {
            // Behind until the contrary is known, however this ends.
            self.is_behind = true;
            self.is_behind = self.read_queued(events)?;
        }
        if self.is_behind && self.forget_queued()? {
            events.push(NetEvent::Resync(Snapshot::take(&mut self.netlink)?));
            self.is_behind = false;
        }
        Ok(())
    }

    /// Appends what is in the socket. `true` if more was meant for it than it could hold.
    fn read_queued(&mut self, events: &mut Vec<NetEvent>) -> Result<bool, NetError> {
        for _ in 0..READ_DATAGRAMS_MAX {
            match self.receive()? {
                Received::Datagram(datagram) => append(datagram, events)?,
                Received::Nothing => break,
                Received::Overrun => return Ok(true),
            }
        }
        Ok(false)
    }

    /// Empties the socket: what is in it is older than the list that is made next. `false` if
    /// it does not become empty.
    ///
    /// A socket that has overflowed takes nothing more in until it was empty once, and does not
    /// say so again: a list made before that would miss what happens in between.
    fn forget_queued(&mut self) -> Result<bool, NetError> {
        for _ in 0..FORGET_DATAGRAMS_MAX {
            if let Received::Nothing = self.receive()? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn receive(&mut self) -> Result<Received<'_>, NetError> {
        self.socket
            .receive(&mut self.buffer)
            .map_err(|errno| NetError::refused(Operation::ReadEvents, errno))
    }
}

impl AsFd for Monitor {
    /// Readable when there is something to [`read`](Monitor::read). After an error of `read` it is to
    /// be called again in any case.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { socket, netlink, waker, buffer: _, is_behind } = self;
        f.debug_struct("Monitor")
            .field("socket", socket)
            .field("netlink", netlink)
            .field("waker", waker)
            .field("is_behind", is_behind)
            .finish_non_exhaustive()
    }
}

fn append(datagram: &[u8], events: &mut Vec<NetEvent>) -> Result<(), NetError> {
    for message in messages(datagram) {
        let notice = message.and_then(|message| Notice::decode(&message));
        let notice = notice.map_err(|detail| NetError::malformed(Operation::ReadEvents, detail))?;
        events.extend(notice.map(|notice| match notice {
            Notice::LinkChanged(link) => NetEvent::LinkChanged(link),
            Notice::LinkGone(link) => NetEvent::LinkGone(link.interface),
            Notice::AddressAdded(address) => NetEvent::AddressAdded(address),
            Notice::AddressRemoved(address) => NetEvent::AddressRemoved(address),
            Notice::RouteRemoved(route) => NetEvent::RouteRemoved(route),
            Notice::RuleRemoved(family, preference) => NetEvent::RuleRemoved { family, preference },
            Notice::ForwardingChanged(interface, forwards_ipv6) => {
                NetEvent::ForwardingChanged { interface, forwards_ipv6 }
            }
        }));
    }
    Ok(())
}
