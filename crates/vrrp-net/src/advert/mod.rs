//! The sockets that adverts leave and arrive on.

mod receiver;
mod sender;

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::BorrowedFd;

use rustix::net::sockopt::{set_socket_recv_buffer_size, set_socket_recv_buffer_size_force};
use socket2::Socket;

pub use receiver::{AdvertReceiver, DATAGRAM_BYTES_MAX, Datagram, Drained};
pub use sender::AdvertSender;

use crate::words::{Errno, Interface};

/// The IP protocol of VRRP (RFC 9568 §5.1.1.4).
pub const VRRP_PROTOCOL: u8 = 112;
/// The multicast group of adverts over IPv4 (RFC 9568 §5.1.1.2).
pub const VRRP_GROUP_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);

/// Ties a socket to an interface, which must be there: the kernel ties it to any index, and then
/// the socket is silent.
fn bind_to(socket: &Socket, interface: Interface) -> io::Result<()> {
    socket.bind_device_by_index_v4(Some(interface.index.nonzero()))?;
    // Asking back for the name is an error if nothing has the index.
    socket.device().map(drop)
}

/// Asks for a receive buffer of this size, which the kernel doubles.
///
/// A process that may not go beyond the system's limit, such as one in a user namespace, gets
/// the limit.
pub(crate) fn grow_receive_buffer(socket: BorrowedFd<'_>, bytes: usize) -> Result<(), Errno> {
    if set_socket_recv_buffer_size_force(socket, bytes).is_err() {
        set_socket_recv_buffer_size(socket, bytes)?;
    }
    Ok(())
}
