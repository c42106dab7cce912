//! The unsafe part: calls for which neither rustix nor socket2 has a safe function.

#![expect(unsafe_code, reason = "the crate's one module that may, each block with its reason")]

use std::ffi::c_void;
use std::io;
use std::mem::{MaybeUninit, size_of, zeroed};
use std::ops::Range;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;

use neli::socket::NlSocket;
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap, munmap};
use rustix::net::SocketAddrAny;
use rustix::net::addr::SocketAddrStorage;
use rustix::thread::{UnshareFlags, unshare_unsafe};

use crate::memory::FilePages;
use crate::words::{Errno, IfIndex};

/// Takes the descriptor out of neli's socket.
pub(crate) fn into_owned(socket: NlSocket) -> OwnedFd {
    // SAFETY: `into_raw_fd` gives up the only owner of an open descriptor.
    unsafe { OwnedFd::from_raw_fd(socket.into_raw_fd()) }
}

/// Takes possession of a descriptor that an earlier program of this process has left open.
pub(crate) fn take_inherited(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: the call takes numbers and no pointers.
    let flags = unsafe { libc::fcntl(number, libc::F_GETFD) };
    if flags == -1 {
        return Err(io::Error::last_os_error());
    }
    if number <= libc::STDERR_FILENO || flags & libc::FD_CLOEXEC != 0 {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    // SAFETY: it is open. Whatever this program opens, std and rustix have closed by exec, but for
    // the standard streams and what `LeftOpen` has of its owner: nobody here owns this one.
    let taken = unsafe { OwnedFd::from_raw_fd(number) };
    rustix::io::fcntl_setfd(&taken, rustix::io::FdFlags::CLOEXEC)?;
    Ok(taken)
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

/// The number that tells the network namespace of a socket from every other (Linux 5.14).
pub(crate) fn namespace_cookie(socket: BorrowedFd<'_>) -> Result<u64, Errno> {
    let mut cookie = 0_u64;
    let mut len = size_of_val(&cookie) as libc::socklen_t;
    // SAFETY: the pointers are to `cookie` and to its length in bytes, which both outlive the
    // call; the kernel writes at most that many bytes.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_NETNS_COOKIE,
            (&raw mut cookie).cast::<c_void>(),
            &raw mut len,
        )
    };
    if result == 0 { Ok(cookie) } else { Err(last_errno()) }
}

/// Switches an option of a socket on that has a number for its value.
pub(crate) fn switch_on(socket: BorrowedFd<'_>, level: i32, option: i32) -> Result<(), Errno> {
    set_option(socket, level, option, 1)
}

/// Sets an option of a socket that has a number for its value.
pub(crate) fn set_option(
    socket: BorrowedFd<'_>,
    level: i32,
    option: i32,
    value: i32,
) -> Result<(), Errno> {
    // SAFETY: the pointer is to `value`, which outlives the call, and the length is its own.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            (&raw const value).cast::<c_void>(),
            size_of_val(&value) as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(last_errno()) }
}

/// Datagrams that [`receive_many`] can take with one system call.
pub(crate) const RECEIVE_BATCH: usize = 32;
/// Room for a time stamp (32 bytes), the destination over IPv6 (40) and a hop limit (24).
const CONTROL_BYTES: usize = 128;
/// struct sockaddr_in6, the larger of the two.
const NAME_BYTES: usize = size_of::<libc::sockaddr_in6>();

/// Where datagrams are received: their bytes, their senders, and what the kernel says of each.
pub(crate) struct Slots<const SIZE: usize> {
    buffers: Box<[[u8; SIZE]; RECEIVE_BATCH]>,
    names: Box<[[u8; NAME_BYTES]; RECEIVE_BATCH]>,
    controls: Box<[Control; RECEIVE_BATCH]>,
    lens: [Lens; RECEIVE_BATCH],
}

/// Control messages, aligned as the kernel aligns them.
#[derive(Clone, Copy)]
#[repr(align(8))]
struct Control([u8; CONTROL_BYTES]);

/// How much of a slot is in use.
#[derive(Clone, Copy, Default)]
struct Lens {
    wire: usize,
    name: usize,
    control: usize,
}

/// One datagram in its slot.
pub(crate) struct Slot<'a> {
    /// What there is of it.
    pub(crate) bytes: &'a [u8],
    /// How long it was on the wire.
    pub(crate) wire_len: usize,
    /// The address of its sender, as the kernel's structure for it.
    pub(crate) name: &'a [u8],
    /// Its control messages.
    pub(crate) control: &'a [u8],
}

impl<const SIZE: usize> Slots<SIZE> {
    /// Empty slots. Memory is taken only where something is received.
    pub(crate) fn new() -> Self {
        let buffers = vec![[0; SIZE]; RECEIVE_BATCH].into_boxed_slice();
        Self {
            buffers: buffers.try_into().expect("there is one buffer for each slot"),
            names: Box::new([[0; NAME_BYTES]; RECEIVE_BATCH]),
            controls: Box::new([Control([0; CONTROL_BYTES]); RECEIVE_BATCH]),
            lens: [Lens::default(); RECEIVE_BATCH],
        }
    }

    /// Receives as many datagrams as there are, at most one for each slot, without waiting, and
    /// says how many there were.
    pub(crate) fn receive_many(&mut self, socket: BorrowedFd<'_>) -> Result<usize, Errno> {
        let mut parts = self
            .buffers
            .each_mut()
            .map(|buffer| libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: SIZE });
        // SAFETY: all bytes of an `mmsghdr` may be zero: no parts, no name, no control messages.
        let mut headers: [libc::mmsghdr; RECEIVE_BATCH] = unsafe { zeroed() };
        let places = self.names.iter_mut().zip(self.controls.iter_mut()).zip(&mut parts);
        for (header, ((name, control), part)) in headers.iter_mut().zip(places) {
            let header = &mut header.msg_hdr;
            header.msg_iov = part;
            header.msg_iovlen = 1;
            header.msg_name = name.as_mut_ptr().cast();
            header.msg_namelen = NAME_BYTES as libc::socklen_t;
            header.msg_control = control.0.as_mut_ptr().cast();
            header.msg_controllen = CONTROL_BYTES as _;
        }
        // SAFETY: each of the headers points to one part and that to one buffer, to one name and
        // to one place for control messages, all of the sizes that it says; all of them outlive
        // the call, and nothing else refers to them meanwhile.
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
        for (lens, header) in self.lens.iter_mut().zip(&headers).take(received) {
            *lens = Lens {
                wire: header.msg_len as usize,
                name: header.msg_hdr.msg_namelen as usize,
                control: header.msg_hdr.msg_controllen as _,
            };
        }
        Ok(received)
    }

    /// The first so many datagrams of those received last.
    pub(crate) fn first(&self, count: usize) -> impl Iterator<Item = Slot<'_>> {
        let places = self.buffers.iter().zip(self.names.iter()).zip(self.controls.iter());
        places.zip(&self.lens).take(count).map(|(((bytes, name), control), lens)| Slot {
            bytes: &bytes[..lens.wire.min(SIZE)],
            wire_len: lens.wire,
            name: &name[..lens.name.min(NAME_BYTES)],
            control: &control.0[..lens.control.min(CONTROL_BYTES)],
        })
    }
}

/// Memory of 64-bit numbers that is shared with other processes.
#[derive(Debug)]
pub(crate) struct Mapping {
    first: NonNull<AtomicU64>,
    count: usize,
}

// SAFETY: all that is ever done with the memory is done through shared references to atomics, which
// any thread may have, and it stays where it is whichever thread it belongs to.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps so many numbers of a file that has them and cannot become smaller.
    pub(crate) fn of(fd: BorrowedFd<'_>, count: usize) -> Result<Self, Errno> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let len = count * size_of::<AtomicU64>();
        // SAFETY: the kernel chooses a place that nothing else has, and keeps what is there.
        let first = unsafe { mmap(std::ptr::null_mut(), len, access, MapFlags::SHARED, fd, 0) }?;
        let first = NonNull::new(first.cast()).ok_or(Errno::from(rustix::io::Errno::NOMEM))?;
        Ok(Self { first, count })
    }

    /// The numbers.
    pub(crate) fn words(&self) -> &[AtomicU64] {
        // SAFETY: the mapping is that long, aligned to a page, initialized by the kernel, and lives
        // as long as `self`; the file behind it cannot shrink, and every process that has it
        // changes it as atomics.
        unsafe { std::slice::from_raw_parts(self.first.as_ptr(), self.count) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: it is the whole mapping, which nothing refers to any more.
        let _ = unsafe { munmap(self.first.as_ptr().cast(), self.count * size_of::<AtomicU64>()) };
    }
}

/// Gives back the memory of these pages of this process, which come from a file, cannot be written and
/// never were: see [`crate::memory`], which has made sure of that.
pub(crate) fn give_back(pages: &FilePages) -> Result<(), Errno> {
    let (first, len) = (pages.range.start as *mut c_void, pages.range.len());
    // SAFETY: whoever reads them next finds what is in the file, which is what was there before.
    unsafe { madvise(first, len, Advice::LinuxDontNeed) }.map_err(Errno::from)
}

/// Leaves these pages, of which the same holds, out of core dumps.
pub(crate) fn leave_out_of_dumps(pages: Range<usize>) -> Result<(), Errno> {
    // SAFETY: this says nothing but what is written when the process crashes.
    unsafe { madvise(pages.start as *mut c_void, pages.len(), Advice::LinuxDontDump) }
        .map_err(Errno::from)
}

/// Has the kernel run this thread before every other that has no real-time priority. Processes that
/// it starts do not inherit that.
pub(crate) fn run_in_real_time(priority: i32) -> Result<(), Errno> {
    // SAFETY: all bytes of a `sched_param` may be zero.
    let mut parameters: libc::sched_param = unsafe { zeroed() };
    parameters.sched_priority = priority;
    let policy = libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK;
    // SAFETY: the pointer is to `parameters`, which outlives the call; 0 is the calling thread.
    let result = unsafe { libc::sched_setscheduler(0, policy, &raw const parameters) };
    if result == 0 { Ok(()) } else { Err(last_errno()) }
}

fn last_errno() -> Errno {
    Errno::from(&io::Error::last_os_error())
}
