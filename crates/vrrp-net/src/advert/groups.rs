//! The multicast groups of a receiver: any number of them, and none for longer than it is wanted.

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd};

use socket2::{InterfaceIndexOrAddress, Socket};
use vrrp_proto::{Family, PROTOCOL};

use super::{KEEP_NOTHING, bind_to, raw_socket};
use crate::error::{NetError, Operation};
use crate::sys;
use crate::words::{Errno, Interface};

/// A receiver's memberships.
///
/// A socket can be in so many groups only (`net.ipv4.igmp_max_memberships`, 20; over IPv6 the limit
/// is memory, `net.core.optmem_max`). Those beyond are joined by further sockets, which receive
/// nothing. Then the receiver's own socket takes what arrives for the groups of any socket of this
/// host, and the receiver sorts out which are its own.
#[derive(Debug)]
pub(super) struct Groups {
    family: Family,
    interface: Option<Interface>,
    /// In the order of their addresses.
    memberships: Vec<Membership>,
    /// The sockets beyond the receiver's own.
    holders: Vec<Socket>,
}

#[derive(Debug, Clone, Copy)]
struct Membership {
    group: IpAddr,
    /// Which socket has joined: 0 the receiver's, 1 the first holder.
    place: usize,
}

impl Groups {
    /// The sockets beyond the receiver's own.
    pub(super) fn holders(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.holders.iter().map(AsFd::as_fd)
    }

    /// No group. The socket shall take nothing of other sockets' groups.
    pub(super) fn none(
        family: Family,
        interface: Option<Interface>,
        socket: &Socket,
    ) -> io::Result<Self> {
        set_multicast_all(family, socket, false).or_else(ignore_unknown)?;
        Ok(Self { family, interface, memberships: Vec::new(), holders: Vec::new() })
    }

    /// Whether what was sent there is for the receiver: to one of its groups, or to no group.
    pub(super) fn accept(&self, destination: IpAddr) -> bool {
        !destination.is_multicast() || self.position(destination).is_ok()
    }

    /// The groups that are joined, in the order of their addresses.
    pub(super) fn iter(&self) -> impl Iterator<Item = IpAddr> {
        self.memberships.iter().map(|membership| membership.group)
    }

    /// Leaves the groups that are not wanted and joins those that are, as far as that is possible.
    /// An error is the first one.
    pub(super) fn set(&mut self, own: &Socket, wanted: &[IpAddr]) -> Result<(), NetError> {
        let mut outcome = Ok(());
        let unwanted: Vec<_> = self.iter().filter(|group| !wanted.contains(group)).collect();
        for group in unwanted {
            outcome = outcome.and(self.leave(own, group));
        }
        for &group in wanted {
            if let Err(position) = self.position(group) {
                outcome = outcome.and(self.join(own, position, group));
            }
        }
        outcome.and(self.close_idle_holders(own))
    }

    /// The number of the interface; 0 lets the kernel choose.
    fn index(&self) -> u32 {
        self.interface.map_or(0, |interface| interface.index.get())
    }

    fn position(&self, group: IpAddr) -> Result<usize, usize> {
        self.memberships.binary_search_by_key(&group, |membership| membership.group)
    }

    fn join(&mut self, own: &Socket, position: usize, group: IpAddr) -> Result<(), NetError> {
        let place = self
            .join_somewhere(own, group)
            .map_err(|error| self.error(Operation::JoinGroup, group, error))?;
        self.memberships.insert(position, Membership { group, place });
        Ok(())
    }

    /// Joins with the first socket that has room; says with which.
    fn join_somewhere(&mut self, own: &Socket, group: IpAddr) -> io::Result<usize> {
        if Family::of(group) != self.family {
            return Err(io::Error::from_raw_os_error(libc::EAFNOSUPPORT));
        }
        let index = self.index();
        for (place, socket) in std::iter::once(own).chain(&self.holders).enumerate() {
            match join(socket, group, index) {
                Err(error) if is_full(&error) => {}
                joined => return joined.map(|()| place),
            }
        }
        let holder = self.open_holder(own)?;
        join(&holder, group, index)?;
        self.holders.push(holder);
        Ok(self.holders.len())
    }

    /// One more socket for memberships, while the receiver's own socket takes what they bring.
    fn open_holder(&self, own: &Socket) -> io::Result<Socket> {
        let holder = raw_socket(self.family, PROTOCOL.into())?;
        check_same_namespace(&holder, own)?;
        holder.attach_filter(&KEEP_NOTHING)?;
        bind_to(&holder, self.interface)?;
        set_multicast_all(self.family, own, true).or_else(ignore_unknown)?;
        Ok(holder)
    }

    fn leave(&mut self, own: &Socket, group: IpAddr) -> Result<(), NetError> {
        let Ok(position) = self.position(group) else { return Ok(()) };
        let Membership { place, .. } = self.memberships[position];
        let socket = if place == 0 { own } else { &self.holders[place - 1] };
        match leave(socket, group, self.index()) {
            Err(error) if error.raw_os_error() != Some(libc::EADDRNOTAVAIL) => {
                Err(self.error(Operation::LeaveGroup, group, error))
            }
            _ => {
                self.memberships.remove(position);
                Ok(())
            }
        }
    }

    fn close_idle_holders(&mut self, own: &Socket) -> Result<(), NetError> {
        let in_use = self.memberships.iter().map(|it| it.place).max().unwrap_or_default();
        if self.holders.len() <= in_use {
            return Ok(());
        }
        self.holders.truncate(in_use);
        if self.holders.is_empty() {
            set_multicast_all(self.family, own, false).or_else(ignore_unknown).map_err(
                |error| {
                    let name = self.interface.map(|interface| interface.name);
                    NetError::refused_at(Operation::LeaveGroup, name, Errno::from(&error))
                },
            )?;
        }
        Ok(())
    }

    fn error(&self, operation: Operation, group: IpAddr, error: io::Error) -> NetError {
        let errno = Errno::from(&error);
        NetError::Group { operation, group, interface: self.interface, errno }
    }
}

/// `EXDEV` unless both sockets belong to one network namespace.
pub(super) fn check_same_namespace(one: &Socket, other: &Socket) -> io::Result<()> {
    // A kernel that has no such numbers cannot tell.
    let namespace = |socket: &Socket| sys::namespace_cookie(socket.as_fd()).ok();
    if namespace(one) != namespace(other) {
        return Err(io::Error::from_raw_os_error(libc::EXDEV));
    }
    Ok(())
}

fn join(socket: &Socket, group: IpAddr, index: u32) -> io::Result<()> {
    match group {
        IpAddr::V4(group) => {
            socket.join_multicast_v4_n(&group, &InterfaceIndexOrAddress::Index(index))
        }
        IpAddr::V6(group) => socket.join_multicast_v6(&group, index),
    }
}

fn leave(socket: &Socket, group: IpAddr, index: u32) -> io::Result<()> {
    match group {
        IpAddr::V4(group) => {
            socket.leave_multicast_v4_n(&group, &InterfaceIndexOrAddress::Index(index))
        }
        IpAddr::V6(group) => socket.leave_multicast_v6(&group, index),
    }
}

fn set_multicast_all(family: Family, socket: &Socket, all: bool) -> io::Result<()> {
    match family {
        Family::V4 => socket.set_multicast_all_v4(all),
        Family::V6 => socket.set_multicast_all_v6(all),
    }
}

/// IPv6 before Linux 4.20 does not have the option: such a socket takes all, and what is not
/// wanted is sorted out.
fn ignore_unknown(error: io::Error) -> io::Result<()> {
    match error.raw_os_error() {
        Some(libc::ENOPROTOOPT) => Ok(()),
        _ => Err(error),
    }
}

/// Whether a socket cannot take more memberships.
fn is_full(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOBUFS | libc::ENOMEM))
}
