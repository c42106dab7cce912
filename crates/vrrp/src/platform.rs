//! What a host stands on: a clock, sockets, links and a kernel that holds objects.
//!
//! The same program runs on the machine ([`System`]), on a recorder, or on a simulated network
//! with a simulated clock.

use std::net::IpAddr;
use std::os::fd::BorrowedFd;
use std::time::SystemTime;

use vrrp_fsm::Instant;
use vrrp_net::{
    AdvertReceiver, Datagram, Interface, Kernel, Monitor, NetError, NetEvent, RecordedMonitor,
    RecordedReceiver, Recorder, Snapshot, SystemKernel, Timestamp,
};
use vrrp_proto::{DecodeError, Family, UnixTime};

/// What a [`Host`](crate::Host) stands on.
pub trait Platform: Send + Sync {
    /// The time now. It never runs backwards.
    fn now(&self) -> Instant;

    /// The time of day now, which may be set to another at any moment: adverts of `auth_hmac` are
    /// signed and judged by it, and nothing else is. That of this machine, unless a simulation has
    /// its own; a clock before 1970 counts as 1970.
    fn time_of_day(&self) -> UnixTime {
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        UnixTime::new(since_epoch.unwrap_or_default())
    }

    /// Whether [`now`](Self::now) is the time of this machine, so that a timer of its kernel can
    /// wait for a [`Host`](crate::Host). Where a simulation answers no, whoever drives the host
    /// looks at its [`deadline`](crate::Host::deadline).
    fn is_real_time(&self) -> bool {
        true
    }

    /// The way to send adverts and to hold objects, for one router of this family.
    ///
    /// # Errors
    /// [`NetError`] if what it takes cannot be had.
    fn open_kernel(&self, family: Family) -> Result<Box<dyn Kernel>, NetError>;

    /// The adverts of this family that arrive at this interface, or at any, for these groups.
    ///
    /// # Errors
    /// [`NetError`] if what it takes cannot be had.
    fn open_receiver(
        &self,
        interface: Option<Interface>,
        family: Family,
        groups: &[IpAddr],
    ) -> Result<Box<dyn AdvertSource>, NetError>;

    /// What happens to links and addresses from now on, and how they are now.
    ///
    /// # Errors
    /// [`NetError`] if what it takes cannot be had.
    fn open_links(&self) -> Result<(Box<dyn LinkSource>, Snapshot), NetError>;

    /// Whether other processes hold objects there too: then each tells the others which are its
    /// own, through a socket in the network namespace of the thread that makes the host, so that
    /// nobody takes them for leftovers. Where a simulation answers no, as this does, nothing is
    /// opened.
    fn is_shared(&self) -> bool {
        false
    }
}

/// Where adverts come from.
pub trait AdvertSource: Send {
    /// Listens to these groups and no others from now on.
    ///
    /// # Errors
    /// [`NetError`] if one cannot be joined.
    fn set_groups(&mut self, groups: &[IpAddr]) -> Result<(), NetError>;

    /// Receives packets with an authentication header (protocol 51) too from now on, or not any
    /// more. Says whether that has changed the [descriptor](Self::as_fd). What makes no difference
    /// between protocols, as a simulation, has nothing to do.
    ///
    /// # Errors
    /// [`NetError`] if what it takes cannot be had.
    fn hear_headers(&mut self, _wanted: bool) -> Result<bool, NetError> {
        Ok(false)
    }

    /// Hands over what has arrived, without waiting; says whether there may be more. A packet
    /// whose IP header is wrong is handed over as what is wrong with it.
    ///
    /// # Errors
    /// [`NetError`] if nothing can be received here any more.
    fn drain(
        &mut self,
        take: &mut dyn FnMut(Result<Datagram<'_>, DecodeError>),
    ) -> Result<bool, NetError>;

    /// How many packets were lost because they came faster than they were handed over.
    fn overflowed(&self) -> u64;

    /// What can be read when there is something to hand over; `None` where one has to be told.
    fn as_fd(&self) -> Option<BorrowedFd<'_>>;

    /// The sockets that keep this host in their groups as long as they are open, if there are any.
    fn sockets(&self) -> Vec<BorrowedFd<'_>> {
        Vec::new()
    }
}

/// Where links and addresses say what happens to them.
pub trait LinkSource: Send {
    /// Tells of routes that are removed too from now on. What has no routes has nothing to do.
    ///
    /// # Errors
    /// [`NetError`] if that cannot be had.
    fn watch_routes(&mut self) -> Result<(), NetError> {
        Ok(())
    }

    /// Appends what has happened, without waiting.
    ///
    /// # Errors
    /// [`NetError`]; what was missed comes as a [`NetEvent::Resync`] later.
    fn read(&mut self, events: &mut Vec<NetEvent>) -> Result<(), NetError>;

    /// What can be read when something has happened; `None` where one has to be told.
    fn as_fd(&self) -> Option<BorrowedFd<'_>>;
}

/// The machine: its kernel in the network namespace of the thread that opens something, and
/// CLOCK_MONOTONIC.
#[derive(Debug, Clone, Copy, Default)]
pub struct System;

impl Platform for System {
    fn now(&self) -> Instant {
        Instant::from_micros(Timestamp::now().as_micros())
    }

    fn open_kernel(&self, family: Family) -> Result<Box<dyn Kernel>, NetError> {
        Ok(Box::new(SystemKernel::open(family)?))
    }

    fn open_receiver(
        &self,
        interface: Option<Interface>,
        family: Family,
        groups: &[IpAddr],
    ) -> Result<Box<dyn AdvertSource>, NetError> {
        let mut receiver = AdvertReceiver::open(interface, family)?;
        receiver.set_groups(groups)?;
        Ok(Box::new(receiver))
    }

    fn open_links(&self) -> Result<(Box<dyn LinkSource>, Snapshot), NetError> {
        let (monitor, snapshot) = Monitor::open()?;
        Ok((Box::new(monitor), snapshot))
    }

    fn is_shared(&self) -> bool {
        true
    }
}

impl AdvertSource for AdvertReceiver {
    fn set_groups(&mut self, groups: &[IpAddr]) -> Result<(), NetError> {
        Self::set_groups(self, groups)
    }

    fn hear_headers(&mut self, wanted: bool) -> Result<bool, NetError> {
        Self::hear_headers(self, wanted)
    }

    fn drain(
        &mut self,
        take: &mut dyn FnMut(Result<Datagram<'_>, DecodeError>),
    ) -> Result<bool, NetError> {
        Ok(Self::drain(self, take)?.is_more)
    }

    fn overflowed(&self) -> u64 {
        // A kernel that does not tell has lost nothing that anybody could know of.
        Self::overflowed(self).map_or(0, u64::from)
    }

    fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        Some(std::os::fd::AsFd::as_fd(self))
    }

    fn sockets(&self) -> Vec<BorrowedFd<'_>> {
        Self::sockets(self).collect()
    }
}

impl LinkSource for Monitor {
    fn watch_routes(&mut self) -> Result<(), NetError> {
        Self::watch_routes(self)
    }

    fn read(&mut self, events: &mut Vec<NetEvent>) -> Result<(), NetError> {
        Self::read(self, events)
    }

    fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        Some(std::os::fd::AsFd::as_fd(self))
    }
}

/// A recorder instead of this machine's kernel, with this machine's clock: what a program does to
/// its network can be looked at, and what it hears is made up by a test.
impl Platform for Recorder {
    fn now(&self) -> Instant {
        System.now()
    }

    fn open_kernel(&self, _: Family) -> Result<Box<dyn Kernel>, NetError> {
        Ok(self.kernel())
    }

    fn open_receiver(
        &self,
        interface: Option<Interface>,
        family: Family,
        groups: &[IpAddr],
    ) -> Result<Box<dyn AdvertSource>, NetError> {
        let mut receiver = self.receiver(interface, family)?;
        receiver.set_groups(groups)?;
        Ok(Box::new(receiver))
    }

    fn open_links(&self) -> Result<(Box<dyn LinkSource>, Snapshot), NetError> {
        let (monitor, snapshot) = self.monitor()?;
        Ok((Box::new(monitor), snapshot))
    }
}

impl AdvertSource for RecordedReceiver {
    fn set_groups(&mut self, groups: &[IpAddr]) -> Result<(), NetError> {
        Self::set_groups(self, groups)
    }

    fn drain(
        &mut self,
        take: &mut dyn FnMut(Result<Datagram<'_>, DecodeError>),
    ) -> Result<bool, NetError> {
        Ok(Self::drain(self, take)?.is_more)
    }

    fn overflowed(&self) -> u64 {
        0
    }

    fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        Some(std::os::fd::AsFd::as_fd(self))
    }
}

impl LinkSource for RecordedMonitor {
    fn read(&mut self, events: &mut Vec<NetEvent>) -> Result<(), NetError> {
        Self::read(self, events)
    }

    fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        Some(std::os::fd::AsFd::as_fd(self))
    }
}
