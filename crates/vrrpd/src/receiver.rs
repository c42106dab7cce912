//! One receiver per interface and family: what arrives is judged under the rules of the virtual
//! router it is for, and only what passed reaches an instance.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockWriteGuard};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use vrrp_fsm::{Heard, Instant};
use vrrp_net::{AdvertReceiver, Datagram, Interface, InterfaceName, NetError, Waker};
use vrrp_proto::{
    AddressList, Advert, Authentication, Cast, ChecksumForm, DecodeError, Family, HopLimits,
    Interval, IpMeta, Remark, Rules, Version, Vrid, peek_vrid,
};

use crate::counters::{Counter, Drops, RemarkCounts};
use crate::inbox::{Delivery, Mailbox, Outlet};
use crate::instance::Order;
use crate::links::StartError;
use crate::notify::Teller;
use crate::status::InterfaceStatus;

/// How long to leave a socket alone that cannot be waited on, or could not be opened.
const RETRY: Duration = Duration::from_millis(200);
/// How often the socket is read before it is given up to empty it: more often than a full one
/// takes, and seldom enough for a flood not to keep the reader from everything else.
const DRAIN_ROUNDS: usize = 512;
const STACK_BYTES: usize = 256 << 10;

/// What an instance demands of its adverts, owned: [`Rules`] borrow from it.
#[derive(Debug, Clone)]
pub(crate) struct Demands {
    pub(crate) version: Version,
    pub(crate) vrid: Vrid,
    pub(crate) interval: Interval,
    pub(crate) authentication: Authentication,
    pub(crate) addresses: AddressList,
    /// The addresses that the interface has now.
    pub(crate) own_sources: Vec<IpAddr>,
    pub(crate) group: IpAddr,
    pub(crate) accept_no_addresses: bool,
    /// The checksum that the last sound advert had: version 3 over IPv4 has two dialects.
    pub(crate) seen_checksum: Option<ChecksumForm>,
}

impl Demands {
    fn rules(&self) -> Rules<'_> {
        Rules {
            version: self.version,
            vrid: self.vrid,
            interval: self.interval,
            authentication: self.authentication,
            addresses: self.addresses.as_addresses(),
            own_sources: &self.own_sources,
            cast: Cast::Multicast { group: self.group },
            hop_limits: HopLimits::SAME_LINK,
            accept_no_addresses: self.accept_no_addresses,
        }
    }
}

/// The counters of what an instance received.
#[derive(Debug, Default)]
pub(crate) struct Received {
    /// Adverts that passed every check.
    pub(crate) accepted: Counter,
    /// Adverts that passed and found the inbox full.
    pub(crate) crowded_out: Counter,
    pub(crate) drops: Drops,
    pub(crate) last_drop: Mutex<Option<Dropped>>,
    pub(crate) remarks: RemarkCounts,
}

impl Received {
    /// The last advert that was dropped for what it is.
    pub(crate) fn last_drop(&self) -> Option<Dropped> {
        *self.last_drop.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An advert that was dropped.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dropped {
    pub(crate) at: Instant,
    pub(crate) source: IpAddr,
    pub(crate) error: DecodeError,
}

/// The way to one instance.
#[derive(Debug)]
pub(crate) struct Route {
    instance: Arc<str>,
    demands: Mutex<Demands>,
    outlet: Outlet,
    teller: Teller,
    pub(crate) mailbox: Mailbox,
    pub(crate) received: Received,
}

impl Route {
    pub(crate) fn new(
        instance: Arc<str>,
        demands: Demands,
        outlet: Outlet,
        teller: Teller,
    ) -> Self {
        let (mailbox, received) = Default::default();
        Self { instance, demands: Mutex::new(demands), outlet, teller, mailbox, received }
    }

    pub(crate) fn demands(&self) -> MutexGuard<'_, Demands> {
        self.demands.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, at: Instant, ip: &IpMeta, message: &[u8]) {
        let mut demands = self.demands();
        let advert = match Advert::parse(message, ip, &demands.rules()) {
            Ok(advert) => advert,
            Err(error) => return self.drop_advert(Dropped { at, source: ip.source, error }),
        };
        self.received.accepted.add(1);
        for remark in advert.remarks.iter() {
            self.remark(ip.source, remark);
        }
        let heard =
            Heard { source: ip.source, priority: advert.priority, interval: advert.interval };
        demands.seen_checksum = Some(advert.checksum);
        drop(demands);
        if self.outlet.advert(&self.mailbox, at, heard) == Delivery::Full {
            self.received.crowded_out.add(1);
        }
    }

    fn drop_advert(&self, dropped: Dropped) {
        let Dropped { source, error, .. } = dropped;
        let count = self.received.drops.count(error.reason());
        self.received.last_drop.lock().unwrap_or_else(PoisonError::into_inner).replace(dropped);
        self.complain(count, Complaint::Dropped { source, error, count });
    }

    fn remark(&self, source: IpAddr, remark: Remark) {
        let count = self.received.remarks.count(remark);
        self.complain(count, Complaint::Odd { source, remark, count });
    }

    /// Tells of the first, and then of ever fewer: a neighbour must not fill the log.
    fn complain(&self, count: u64, complaint: Complaint) {
        if count.is_power_of_two() {
            self.teller.remark(&self.instance, log::Level::Warn, complaint);
        }
    }
}

/// What there is to say of an advert, formatted by whoever writes it down.
#[derive(Debug)]
enum Complaint {
    Dropped { source: IpAddr, error: DecodeError, count: u64 },
    Odd { source: IpAddr, remark: Remark, count: u64 },
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dropped { source, error, count } => {
                write!(f, "dropped an advert from {source}: {error} ({count} like this so far)")
            }
            Self::Odd { source, remark, count } => {
                write!(f, "an advert from {source}: {remark} ({count} like this so far)")
            }
        }
    }
}

type Routes = HashMap<u8, Arc<Route>>;

/// What the receiver's thread and the others share.
#[derive(Debug)]
struct Shared {
    name: InterfaceName,
    family: Family,
    groups: Mutex<Vec<IpAddr>>,
    routes: RwLock<Routes>,
    socket: Mutex<Socket>,
    packets: Counter,
    /// What sockets that are closed by now had lost.
    overflowed_before: Counter,
    drops: Drops,
    /// Tells the thread that the socket is another one, or that it is over.
    waker: Waker,
    stop: AtomicBool,
}

#[derive(Debug, Default)]
struct Socket {
    /// Where to listen. Without a socket there it is tried again until there is one.
    wanted: Option<Interface>,
    open: Option<AdvertReceiver>,
    error: Option<NetError>,
    /// Whether it could not be opened when that was tried last.
    is_refused: bool,
}

/// A receiver and its thread.
#[derive(Debug)]
pub(crate) struct Listener {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What an instance needs of its receiver: to have it look at the socket now.
#[derive(Debug, Clone)]
pub(crate) struct Drainer(Arc<Shared>);

impl Drainer {
    /// Takes in what has arrived so far, on the calling thread.
    pub(crate) fn drain(&self) {
        let mut rounds = 0..DRAIN_ROUNDS;
        while rounds.next().is_some() && self.0.drain() {}
    }

    /// Whether nothing can arrive, because the socket cannot be opened.
    pub(crate) fn is_deaf(&self) -> bool {
        self.0.socket().is_refused
    }
}

impl Listener {
    /// Starts the thread, which waits for an interface to listen on.
    pub(crate) fn start(
        name: InterfaceName,
        family: Family,
        group: IpAddr,
    ) -> Result<Self, StartError> {
        let shared = Arc::new(Shared {
            name,
            family,
            groups: Mutex::new(vec![group]),
            routes: RwLock::default(),
            socket: Mutex::default(),
            packets: Counter::default(),
            overflowed_before: Counter::default(),
            drops: Drops::default(),
            waker: Waker::new()?,
            stop: AtomicBool::new(false),
        });
        let for_thread = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name(format!("rx-{name}").chars().take(15).collect())
            .stack_size(STACK_BYTES)
            .spawn(move || for_thread.receive())?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// Listens on this interface from now on: another index needs another socket.
    pub(crate) fn follow(&self, interface: Option<Interface>) {
        let mut socket = self.shared.socket();
        let index = |interface: Option<Interface>| interface.map(|now| now.index);
        if index(socket.wanted) == index(interface) {
            return;
        }
        self.shared.close(&mut socket, None);
        socket.wanted = interface;
        let is_news = self.shared.open(&mut socket);
        drop(socket);
        self.shared.waker.wake();
        if is_news {
            self.shared.tell_hearing();
        }
    }

    /// Listens to one more group.
    pub(crate) fn join(&self, group: IpAddr) -> Result<(), NetError> {
        let mut socket = self.shared.socket();
        let mut groups = self.shared.groups();
        if !groups.contains(&group) {
            let wanted = [&groups[..], &[group]].concat();
            socket.open.as_mut().map_or(Ok(()), |open| open.set_groups(&wanted))?;
            *groups = wanted;
        }
        Ok(())
    }

    /// Leads the adverts of a virtual router to its instance.
    pub(crate) fn route(&self, vrid: Vrid, route: Arc<Route>) {
        self.shared.routes_mut().insert(vrid.get(), route);
    }

    /// Leads nothing to that virtual router any more; says whether others are left.
    pub(crate) fn unroute(&self, vrid: Vrid) -> bool {
        let mut routes = self.shared.routes_mut();
        routes.remove(&vrid.get());
        !routes.is_empty()
    }

    /// For the instances on it.
    pub(crate) fn drainer(&self) -> Drainer {
        Drainer(Arc::clone(&self.shared))
    }

    /// How it stands, for the operator.
    pub(crate) fn status(&self) -> InterfaceStatus {
        let socket = self.shared.socket();
        let overflowed = socket.open.as_ref().and_then(|open| open.overflowed().ok());
        InterfaceStatus {
            name: self.shared.name.to_string(),
            family: self.shared.family.to_string(),
            listening: socket.open.is_some(),
            error: socket.error.as_ref().map(ToString::to_string),
            packets: self.shared.packets.get(),
            overflowed: self.shared.overflowed_before.get() + overflowed.map_or(0, u64::from),
            dropped: self.shared.drops.by_name(),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        self.shared.waker.wake();
        let thread = self.thread.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            log::error!("the receiver of {} has panicked", self.shared.name);
        }
    }
}

impl Shared {
    fn receive(&self) {
        while !self.stop.load(Ordering::Acquire) {
            // A descriptor of its own to wait on: the socket itself stays free for drainers.
            match self.descriptor() {
                None => self.sleep(),
                Some(Ok(fd)) => self.serve(&fd),
                Some(Err(error)) => {
                    log::error!("cannot listen on {}: {error}", self.name);
                    thread::sleep(RETRY);
                }
            }
        }
    }

    fn descriptor(&self) -> Option<io::Result<OwnedFd>> {
        self.socket().open.as_ref().map(|open| open.as_fd().try_clone_to_owned())
    }

    /// Opens the socket that is wanted, if it is not open. The first failure is logged, and
    /// status shows the last. Says whether that has made the instances deaf, or ended it.
    fn open(&self, socket: &mut Socket) -> bool {
        let was_refused = socket.is_refused;
        match (socket.wanted, &socket.open) {
            (Some(interface), None) => {
                let opened = AdvertReceiver::open(interface, self.family);
                let opened = opened.and_then(|mut receiver| {
                    receiver.set_groups(&self.groups()).map(|()| receiver)
                });
                if let (Err(error), false) = (&opened, was_refused) {
                    log::error!("cannot listen: {error}");
                }
                socket.is_refused = opened.is_err();
                (socket.open, socket.error) = match opened {
                    Ok(receiver) => (Some(receiver), None),
                    Err(error) => (None, Some(error)),
                };
            }
            _ => socket.is_refused = false,
        }
        socket.is_refused != was_refused
    }

    /// Lets every instance look whether it can hear. No lock is held meanwhile: an instance with a
    /// full inbox may be about to take it.
    fn tell_hearing(&self) {
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        let outlets: Vec<_> = routes.values().map(|route| route.outlet.clone()).collect();
        drop(routes);
        for outlet in outlets {
            outlet.order(Order::Hearing);
        }
    }

    fn close(&self, socket: &mut Socket, why: Option<NetError>) {
        if let Some(old) = socket.open.take() {
            self.overflowed_before.add(old.overflowed().map_or(0, u64::from));
        }
        socket.error = why;
    }

    /// Waits until there is another interface to listen on, or the end, or until it is time to
    /// try to open the socket again.
    fn sleep(&self) {
        const RETRY_TIME: Timespec = Timespec { tv_sec: 0, tv_nsec: RETRY.subsec_nanos() as _ };
        let retry = self.socket().wanted.map(|_| &RETRY_TIME);
        let _ = poll(&mut [PollFd::new(&self.waker, PollFlags::IN)], retry);
        self.waker.take();
        let is_news = self.open(&mut self.socket());
        if is_news {
            self.tell_hearing();
        }
    }

    /// Takes in what arrives on one socket, until there is another one, or the end.
    fn serve(&self, fd: &OwnedFd) {
        loop {
            let mut fds = [PollFd::new(fd, PollFlags::IN), PollFd::new(&self.waker, PollFlags::IN)];
            let waited = poll(&mut fds, None);
            if self.waker.take() {
                return;
            }
            match waited {
                Ok(_) | Err(Errno::INTR) => {
                    self.drain();
                }
                Err(errno) => {
                    log::error!("cannot wait for adverts on {}: {errno}", self.name);
                    return thread::sleep(RETRY);
                }
            }
        }
    }

    /// Takes in some of what has arrived; says whether there may be more.
    fn drain(&self) -> bool {
        let mut socket = self.socket();
        let Some(open) = &mut socket.open else { return false };
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        let drained = open.drain(|datagram| {
            self.packets.add(1);
            let delivered = datagram.and_then(|datagram| deliver(&routes, &datagram));
            if let Err(error) = delivered {
                self.drops.count(error.reason());
            }
        });
        match drained {
            Ok(drained) => drained.is_more,
            Err(error) => {
                log::error!("{error}");
                // A broken socket must not be read in a tight loop: the thread opens another.
                self.close(&mut socket, Some(error));
                self.waker.wake();
                false
            }
        }
    }

    fn socket(&self) -> MutexGuard<'_, Socket> {
        self.socket.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn groups(&self) -> MutexGuard<'_, Vec<IpAddr>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn routes_mut(&self) -> RwLockWriteGuard<'_, Routes> {
        self.routes.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leads one packet to its instance. An error is one that no instance can be blamed for.
fn deliver(routes: &Routes, datagram: &Datagram<'_>) -> Result<(), DecodeError> {
    let at = Instant::from_micros(datagram.arrived.as_micros());
    let message = datagram.message;
    let vrid = peek_vrid(message)?.get();
    match routes.get(&vrid) {
        Some(route) => {
            route.take(at, &datagram.ip(), message);
            Ok(())
        }
        None => Err(DecodeError::UnknownVrid(vrid)),
    }
}
