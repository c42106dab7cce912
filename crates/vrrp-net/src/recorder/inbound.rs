//! What comes in on a recorder: datagrams and events that a test makes up.

use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use vrrp_proto::{DecodeError, Family, IpMeta};

use super::{Call, Recorder};
use crate::advert::{Datagram, Drained};
use crate::error::NetError;
use crate::monitor::NetEvent;
use crate::sys::RECEIVE_BATCH;
use crate::time::Timestamp;
use crate::wake::{Wake, Waker, wait};
use crate::words::Interface;

/// What has come in for one reader, who has not read it yet.
#[derive(Debug)]
pub(super) struct Queue<T> {
    items: Mutex<VecDeque<T>>,
    /// Pending while there are items.
    readable: Waker,
}

impl<T> Queue<T> {
    pub(super) fn new() -> Result<Self, NetError> {
        Ok(Self { items: Mutex::default(), readable: Waker::new()? })
    }

    pub(super) fn push(&self, item: T) {
        let mut items = lock(&self.items);
        items.push_back(item);
        self.readable.wake();
    }

    /// Takes the first so many; says whether there are more.
    fn take(&self, max: usize) -> (Vec<T>, bool) {
        let mut items = lock(&self.items);
        let count = items.len().min(max);
        let taken = items.drain(..count).collect();
        if items.is_empty() {
            self.readable.take();
        }
        (taken, !items.is_empty())
    }
}

/// A datagram with its message, or why there is none.
type Packet = Result<(IpMeta, Vec<u8>, Timestamp), DecodeError>;

/// Where the datagrams for one receiver go.
#[derive(Debug)]
pub(super) struct Inbox {
    interface: Option<Interface>,
    family: Family,
    groups: Mutex<BTreeSet<IpAddr>>,
    queue: Queue<Packet>,
}

impl Inbox {
    pub(super) fn new(interface: Option<Interface>, family: Family) -> Result<Self, NetError> {
        Ok(Self { interface, family, groups: Mutex::default(), queue: Queue::new()? })
    }

    /// Takes what a receiver on this interface and in these groups would hear.
    pub(super) fn offer(&self, at: Interface, datagram: Result<Datagram<'_>, DecodeError>) -> bool {
        // What is malformed is heard by all, since nobody can say where it was sent.
        let is_here = self.interface.is_none_or(|interface| interface.index == at.index);
        let is_heard = is_here && datagram.map_or(true, |it| self.hears(&it));
        if is_heard {
            let packet = |it: Datagram<'_>| (it.ip(), it.message.to_vec(), it.arrived);
            self.queue.push(datagram.map(packet));
        }
        is_heard
    }

    fn hears(&self, datagram: &Datagram<'_>) -> bool {
        let to = datagram.destination;
        Family::of(to) == self.family && (!to.is_multicast() || lock(&self.groups).contains(&to))
    }
}

/// A receiver of the adverts that a test delivers ([`Recorder::deliver`]), to be used like an
/// [`AdvertReceiver`](crate::AdvertReceiver).
#[derive(Debug)]
pub struct RecordedReceiver {
    recorder: Recorder,
    inbox: Arc<Inbox>,
    waker: Waker,
}

impl RecordedReceiver {
    pub(super) fn new(recorder: Recorder, inbox: Arc<Inbox>) -> Result<Self, NetError> {
        Ok(Self { recorder, inbox, waker: Waker::new()? })
    }

    /// Is in these groups from now on and in no others.
    ///
    /// # Errors
    /// What [`Recorder::refuse_next`] was given; then the groups are as they were.
    pub fn set_groups(&mut self, groups: &[IpAddr]) -> Result<(), NetError> {
        let call = Call::SetGroups { interface: self.inbox.interface, groups: groups.to_vec() };
        self.recorder.call(call, |_| Ok(()))?;
        *lock(&self.inbox.groups) = groups.iter().copied().collect();
        Ok(())
    }

    /// The groups that it is in, in the order of their addresses.
    pub fn groups(&self) -> impl Iterator<Item = IpAddr> {
        let groups: Vec<_> = lock(&self.inbox.groups).iter().copied().collect();
        groups.into_iter()
    }

    /// The interface that it listens on, if it is one.
    pub fn interface(&self) -> Option<Interface> {
        self.inbox.interface
    }

    /// The family that it listens to.
    pub fn family(&self) -> Family {
        self.inbox.family
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

    /// Delivers what has arrived, in its order, without waiting: up to 32 datagrams.
    ///
    /// # Errors
    /// None; the signature is that of [`AdvertReceiver::drain`](crate::AdvertReceiver::drain).
    pub fn drain(
        &mut self,
        mut deliver: impl FnMut(Result<Datagram<'_>, DecodeError>),
    ) -> Result<Drained, NetError> {
        let (packets, is_more) = self.inbox.queue.take(RECEIVE_BATCH);
        for packet in &packets {
            let packet = packet.as_ref().map_err(|error| *error);
            deliver(packet.map(|(ip, message, arrived)| Datagram::new(*ip, message, *arrived)));
        }
        Ok(Drained { datagrams: packets.len(), is_more })
    }

    /// Packets that were thrown away: never any.
    ///
    /// # Errors
    /// None.
    pub fn overflowed(&self) -> Result<u32, NetError> {
        Ok(0)
    }
}

impl AsFd for RecordedReceiver {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inbox.queue.readable.as_fd()
    }
}

/// A subscription to what happens on a recorder, to be used like a [`Monitor`](crate::Monitor).
#[derive(Debug)]
pub struct RecordedMonitor {
    queue: Arc<Queue<NetEvent>>,
    waker: Waker,
}

impl RecordedMonitor {
    pub(super) fn new(queue: Arc<Queue<NetEvent>>) -> Result<Self, NetError> {
        Ok(Self { queue, waker: Waker::new()? })
    }

    /// What ends a wait of this monitor's from another thread.
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Waits for events and appends them to `events`, or until the waker is used or `timeout` is
    /// over (`None`: for ever).
    ///
    /// # Errors
    /// [`NetError::Refused`] if the kernel cannot wait.
    pub fn wait(
        &mut self,
        events: &mut Vec<NetEvent>,
        timeout: Option<Duration>,
    ) -> Result<Wake, NetError> {
        let wake = wait(self.as_fd(), &self.waker, timeout)?;
        if wake == Wake::Readable {
            self.read(events)?;
        }
        Ok(wake)
    }

    /// Appends to `events` what has happened, without waiting.
    ///
    /// # Errors
    /// None; the signature is that of [`Monitor::read`](crate::Monitor::read).
    pub fn read(&mut self, events: &mut Vec<NetEvent>) -> Result<(), NetError> {
        events.extend(self.queue.take(usize::MAX).0);
        Ok(())
    }
}

impl AsFd for RecordedMonitor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.queue.readable.as_fd()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it holds one of these.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
