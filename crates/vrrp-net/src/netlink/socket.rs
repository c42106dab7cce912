//! A netlink socket that never waits.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use neli::consts::socket::NlFamily;
use neli::socket::NlSocket;
use neli::utils::Groups;
use rustix::io::Errno as RustixErrno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{RecvFlags, SendFlags, recvfrom, send};

use crate::error::{NetError, Operation};
use crate::sys;
use crate::words::Errno;

/// The kernel's part of a conversation has port 0.
const KERNEL_PORT: u32 = 0;

/// A socket of one netlink family, bound to a port that the kernel chose.
///
/// The kernel carries out requests while they are sent and makes dumps while they are read, so
/// the answer is always there already: nothing here ever waits, and an answer that was lost
/// is an error instead of a thread that hangs.
#[derive(Debug)]
pub(crate) struct Socket(OwnedFd);

/// What there was to receive.
pub(crate) enum Received<'a> {
    /// One datagram from the kernel: one message or several.
    Datagram(&'a [u8]),
    /// Nothing at the moment.
    Nothing,
    /// The receive buffer overflowed, and messages were lost.
    Overrun,
}

impl Socket {
    /// Opens a socket of the routing family that is in these multicast groups.
    pub(crate) fn open(operation: Operation, groups: &[u32]) -> Result<Self, NetError> {
        Self::open_of(NlFamily::Route, operation, groups)
    }

    /// Opens a socket of the family of nftables.
    pub(crate) fn open_netfilter(operation: Operation) -> Result<Self, NetError> {
        Self::open_of(NlFamily::Netfilter, operation, &[])
    }

    fn open_of(family: NlFamily, operation: Operation, groups: &[u32]) -> Result<Self, NetError> {
        let error = |error| NetError::refused(operation, Errno::from(&error));
        let socket = NlSocket::connect(family, None, Groups::new_groups(groups)).map_err(error)?;
        // Linux 4.12: refusals explain themselves. Without it they are bare numbers.
        let _ = socket.enable_ext_ack(true);
        Ok(Self(sys::into_owned(socket)))
    }

    /// Joins another multicast group.
    pub(crate) fn join(&self, group: u32) -> Result<(), Errno> {
        let group = group.cast_signed();
        sys::set_option(self.as_fd(), libc::SOL_NETLINK, libc::NETLINK_ADD_MEMBERSHIP, group)
    }

    pub(crate) fn send(&self, bytes: &[u8]) -> Result<(), Errno> {
        send(&self.0, bytes, SendFlags::empty())?;
        Ok(())
    }

    /// The next datagram from the kernel, if there is one.
    ///
    /// A datagram from somebody else is skipped, and one that is larger than the buffer is an
    /// error (`EMSGSIZE`).
    pub(crate) fn receive<'a>(&self, buffer: &'a mut [u8]) -> Result<Received<'a>, Errno> {
        let flags = RecvFlags::DONTWAIT | RecvFlags::TRUNC;
        loop {
            let (filled, len, sender) = match recvfrom(&self.0, &mut *buffer, flags) {
                Ok(received) => received,
                Err(RustixErrno::INTR) => continue,
                Err(RustixErrno::AGAIN) => return Ok(Received::Nothing),
                Err(RustixErrno::NOBUFS) => return Ok(Received::Overrun),
                Err(errno) => return Err(errno.into()),
            };
            let sender = sender.and_then(|sender| SocketAddrNetlink::try_from(sender).ok());
            if sender.is_none_or(|sender| sender.pid() != KERNEL_PORT) {
                continue;
            }
            if len > filled {
                return Err(RustixErrno::MSGSIZE.into());
            }
            return Ok(Received::Datagram(&buffer[..filled]));
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
