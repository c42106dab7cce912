//! The unsafe part: calls for which neither rustix nor socket2 has a safe function.

#![expect(unsafe_code, reason = "the crate's one module that may, each block with its reason")]

use std::ffi::c_void;
use std::io;
use std::mem::{MaybeUninit, size_of, zeroed};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd};

use neli::socket::NlSocket;
use rustix::net::SocketAddrAny;
use rustix::net::addr::SocketAddrStorage;
use rustix::thread::{UnshareFlags, unshare_unsafe};

use crate::words::{Errno, IfIndex};

/// Takes the descriptor out of neli's socket.
pub(crate) fn into_owned(socket: NlSocket) -> OwnedFd {
    // SAFETY: `into_raw_fd` gives up the only owner of an open descriptor.
    unsafe { OwnedFd::from_raw_fd(socket.into_raw_fd()) }
}

/// Moves the calling thread into a new network namespace.
pub(crate) fn unshare_network() -> Result<(), Errno> {
    // SAFETY: what makes this call unsafe is the flag that parts the thread from the process's
    // table of descriptors, and that is not given.
    unsafe { unshare_unsafe(UnshareFlags::NEWNET) }.map_err(Errno::from)
}

/// The address of an interface for a packet socket that sends whole Ethernet frames: nothing
/// else of a `sockaddr_ll` is looked at.
pub(crate) fn packet_address(index: IfIndex) -> SocketAddrAny {
    const { assert!(size_of::<libc::sockaddr_ll>() <= size_of::<SocketAddrStorage>()) };
    let mut storage = MaybeUninit::<SocketAddrStorage>::zeroed();
    let address = storage.as_mut_ptr().cast::<libc::sockaddr_ll>();
    // SAFETY: the storage is large enough (asserted above), aligned for every socket address,
    // and ours alone; all bytes of a `sockaddr_ll` may be zero.
    unsafe {
        (*address).sll_family = libc::AF_PACKET as u16;
        (*address).sll_ifindex = index.as_i32();
    }
    // SAFETY: the storage now holds a `sockaddr_ll`, and every byte of it is initialized.
    unsafe { SocketAddrAny::new(storage, size_of::<libc::sockaddr_ll>() as u32) }
}

/// Packets that a socket has thrown away since it was opened, mostly because its receive buffer
/// was full.
///
/// `SO_MEMINFO` instead of the control messages of `SO_RXQ_OVFL`: those report a loss only
/// together with a later packet, so that the end of a flood would stay uncounted.
pub(crate) fn dropped_packets(socket: BorrowedFd<'_>) -> Result<u32, Errno> {
    const DROPS: usize = libc::SK_MEMINFO_DROPS as usize;
    let mut values = [0_u32; DROPS + 1];
    let mut len = size_of_val(&values) as libc::socklen_t;
    // SAFETY: the pointers are to `values` and to its length in bytes, which both outlive the
    // call; the kernel writes at most that many bytes.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_MEMINFO,
            values.as_mut_ptr().cast::<c_void>(),
            &raw mut len,
        )
    };
    if result == 0 { Ok(values[DROPS]) } else { Err(last_errno()) }
}

/// Datagrams that [`receive_many`] can take with one system call.
pub(crate) const RECEIVE_BATCH: usize = 32;

/// Receives as many datagrams as there are, at most one for each buffer, without waiting.
///
/// Says how many there were. `lens` has their lengths as they were on the wire: one that is
/// greater than `SIZE` was cut off.
pub(crate) fn receive_many<const SIZE: usize>(
    socket: BorrowedFd<'_>,
    buffers: &mut [[u8; SIZE]; RECEIVE_BATCH],
    lens: &mut [usize; RECEIVE_BATCH],
) -> Result<usize, Errno> {
    let mut parts = buffers
        .each_mut()
        .map(|buffer| libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: SIZE });
    let mut headers = parts.each_mut().map(|part| {
        // SAFETY: all bytes of an `mmsghdr` may be zero: no name, no control messages.
        let mut header: libc::mmsghdr = unsafe { zeroed() };
        header.msg_hdr.msg_iov = part;
        header.msg_hdr.msg_iovlen = 1;
        header
    });
    // SAFETY: each of the headers points to one part, and that to one buffer of the size that it
    // says; all of them outlive the call, and nothing else refers to them meanwhile.
    let received = unsafe {
        libc::recvmmsg(
            socket.as_raw_fd(),
            headers.as_mut_ptr(),
            RECEIVE_BATCH as u32,
            (libc::MSG_DONTWAIT | libc::MSG_TRUNC) as _,
            std::ptr::null_mut(),
        )
    };
    let received = usize::try_from(received).map_err(|_| last_errno())?;
    for (len, header) in lens.iter_mut().zip(&headers) {
        *len = header.msg_len as usize;
    }
    Ok(received)
}

fn last_errno() -> Errno {
    Errno::from(&io::Error::last_os_error())
}
