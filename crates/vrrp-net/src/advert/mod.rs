//! The sockets that adverts leave and arrive on.

mod control;
mod datagram;
mod groups;
mod receiver;
mod sender;

use std::io;
use std::os::fd::BorrowedFd;

use rustix::net::sockopt::{set_socket_recv_buffer_size, set_socket_recv_buffer_size_force};
use socket2::{Domain, Protocol, SockFilter, Socket, Type};
use vrrp_proto::Family;

pub use datagram::Datagram;
pub use receiver::{AdvertReceiver, DATAGRAM_BYTES_MAX, Drained};
pub use sender::AdvertSender;

use crate::words::{Errno, Interface};

/// A classic BPF program of one instruction, "return 0": keep nothing of any packet.
const KEEP_NOTHING: [SockFilter; 1] =
    [SockFilter::new((libc::BPF_RET | libc::BPF_K) as u16, 0, 0, 0)];

/// A raw socket of a family for this IP protocol.
fn raw_socket(family: Family, protocol: i32) -> io::Result<Socket> {
    let domain = match family {
        Family::V4 => Domain::IPV4,
        Family::V6 => Domain::IPV6,
    };
    Socket::new(domain, Type::RAW, Some(Protocol::from(protocol)))
}

/// Ties a socket to an interface, which must be there: the kernel ties it to any index, and then
/// the socket is silent. Without one, the socket is tied to none.
fn bind_to(socket: &Socket, interface: Option<Interface>) -> io::Result<()> {
    let index = interface.map(|interface| interface.index.nonzero());
    // An option of every socket's; that socket2 has it twice is for other systems.
    socket.bind_device_by_index_v4(index)?;
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
