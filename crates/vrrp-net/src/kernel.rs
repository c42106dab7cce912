//! The kernel as one virtual router needs it: a seam, and what is behind it on Linux.

use std::os::fd::{AsFd as _, BorrowedFd};

use vrrp_proto::{Family, InterfaceName, IpMeta, TableName};

use crate::advert::AdvertSender;
use crate::error::NetError;
use crate::filter::Filter;
use crate::frame::{Announcement, FrameSender};
use crate::netlink::{Link, Netlink};
use crate::object::{Change, Outcome};
use crate::words::Interface;

/// What one virtual router asks of the kernel.
///
/// A thread that drives one takes a `Box<dyn Kernel>`: [`SystemKernel`] in the daemon, a
/// [`Recorder`](crate::Recorder)'s in tests. Nothing here waits for the network.
pub trait Kernel: Send {
    /// Sends adverts from this interface from now on; without one, along the routing table.
    ///
    /// Once when the interface is there, and again when it was made anew: an index does not
    /// come back.
    ///
    /// # Errors
    /// [`NetError`] if the interface is gone. Nothing is attached then.
    fn attach(&mut self, interface: Option<Interface>) -> Result<(), NetError>;

    /// Sends no adverts any more until the next [`attach`](Self::attach).
    fn detach(&mut self);

    /// The link with this name, if there is one: for addresses that go on another interface than
    /// the adverts.
    ///
    /// # Errors
    /// As [`Netlink::link`].
    fn link(&mut self, name: InterfaceName) -> Result<Option<Link>, NetError>;

    /// Makes changes to the objects that the kernel keeps, in their order. One outcome for each, in
    /// that order; see [`Netlink::apply`].
    fn apply(&mut self, changes: &[Change]) -> Vec<Result<Outcome, NetError>>;

    /// The packet filters of a table that are there, whoever added them.
    ///
    /// # Errors
    /// As [`Netlink::filters`].
    fn filters(&mut self, table: TableName) -> Result<Vec<Filter>, NetError>;

    /// Sends a VRRP message in a packet with these addresses, for which its checksum was computed,
    /// and this hop limit.
    ///
    /// # Errors
    /// [`NetError::Detached`] unless it is attached, else as [`AdvertSender::send_packet`].
    fn send_advert(&mut self, ip: &IpMeta, message: &[u8]) -> Result<(), NetError>;

    /// Tells the links where addresses are now: gratuitous ARP, neighbour advertisements.
    ///
    /// Says how many of the announcements went out; the rest can follow later.
    ///
    /// # Errors
    /// As [`FrameSender::send`].
    fn announce(&mut self, announcements: &[Announcement]) -> Result<usize, NetError>;

    /// The sockets of which each takes the kernel many milliseconds to close: a process that has
    /// hundreds of them and is in a hurry closes them later.
    fn slow_sockets(&self) -> Vec<BorrowedFd<'_>> {
        Vec::new()
    }
}

/// The kernel that this process runs on, in the network namespace of the thread that opened it.
///
/// It takes three descriptors, all of them from the beginning: what a take-over needs is there
/// before the take-over. A fourth comes with the first change to a packet filter. A process with a thousand of these needs a limit (`RLIMIT_NOFILE`) above
/// the customary 1024.
#[derive(Debug)]
pub struct SystemKernel {
    netlink: Netlink,
    frames: FrameSender,
    adverts: AdvertSender,
}

impl SystemKernel {
    /// Opens what a virtual router needs whose adverts are of this family, without an interface.
    ///
    /// Its addresses and announcements may be of either.
    ///
    /// # Errors
    /// [`NetError::Refused`] if a socket cannot be had, mostly for want of `CAP_NET_RAW`.
    pub fn open(family: Family) -> Result<Self, NetError> {
        Ok(Self {
            netlink: Netlink::open()?,
            frames: FrameSender::open()?,
            adverts: AdvertSender::open(family)?,
        })
    }
}

impl Kernel for SystemKernel {
    fn attach(&mut self, interface: Option<Interface>) -> Result<(), NetError> {
        self.adverts.attach(interface)
    }

    fn detach(&mut self) {
        self.adverts.detach();
    }

    fn link(&mut self, name: InterfaceName) -> Result<Option<Link>, NetError> {
        self.netlink.link(name)
    }

    fn apply(&mut self, changes: &[Change]) -> Vec<Result<Outcome, NetError>> {
        self.netlink.apply(changes)
    }

    fn filters(&mut self, table: TableName) -> Result<Vec<Filter>, NetError> {
        self.netlink.filters(table)
    }

    fn send_advert(&mut self, ip: &IpMeta, message: &[u8]) -> Result<(), NetError> {
        self.adverts.send_packet(ip, message)
    }

    fn announce(&mut self, announcements: &[Announcement]) -> Result<usize, NetError> {
        self.frames.send(announcements)
    }

    fn slow_sockets(&self) -> Vec<BorrowedFd<'_>> {
        // A packet socket: it waits until no processor can be looking at it any more.
        vec![self.frames.as_fd()]
    }
}
