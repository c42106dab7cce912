//! One receiver per interface and family: what arrives is judged under the rules of the virtual
//! router it is for, and only what passed reaches that router.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockWriteGuard};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use vrrp_fsm::Instant;
use vrrp_net::{Interface, InterfaceName, NetError, Operation, Waker};
use vrrp_proto::{Family, Vrid};

use crate::counters::{Counter, Drops};
use crate::events::{EventKind, EventSender};
use crate::inbox::{Mailbox, Watch};
use crate::order::Order;
use crate::platform::{AdvertSource, Platform};
use crate::route::{Route, Routes};
use crate::snapshot::{ReceiverSnapshot, by_name};

/// How long to leave a socket alone that cannot be waited on, or could not be opened.
const RETRY: Duration = Duration::from_millis(200);
/// How often the socket is read before it is given up to empty it: more often than a full one
/// takes, and seldom enough for a flood not to keep the reader from everything else.
const DRAIN_ROUNDS: usize = 32;
/// How often a receiver's thread wakes up at the most, once it has done so [`BURST`] times in
/// quick succession: what arrives meanwhile is taken together.
const PACE: Duration = Duration::from_millis(5);
/// How many wake-ups in quick succession are not put off.
const BURST: u32 = 16;

/// The interface of a receiver, none for what arrives anywhere, and its family.
pub(crate) type ReceiverKey = (Option<InterfaceName>, Family);

/// A receiver: one socket, and the routers that hear through it.
///
/// A thread of its own may [`serve`](Self::serve) it, or whoever owns it calls
/// [`drain`](Self::drain) when its descriptor can be read.
pub(crate) struct Receiver {
    name: Option<InterfaceName>,
    family: Family,
    platform: Arc<dyn Platform>,
    events: EventSender,
    routes: RwLock<Routes>,
    socket: Mutex<Socket>,
    packets: Counter,
    /// What sockets that are closed by now had lost.
    overflowed_before: Counter,
    drops: Drops,
    /// Tells the thread that the socket is another one, that it is over, or that a router is to
    /// be woken earlier than any before.
    waker: Waker,
    stop: AtomicBool,
    /// Whether a thread serves it.
    is_served: AtomicBool,
    /// When that thread has to see whether a router is to be woken.
    tend_at: Mutex<Option<Instant>>,
}

#[derive(Default)]
struct Socket {
    /// Where to listen, unless everywhere. Without a socket there it is tried again until there is
    /// one.
    wanted: Option<Interface>,
    open: Option<Box<dyn AdvertSource>>,
    error: Option<NetError>,
    /// Whether it could not be opened when that was tried last.
    is_refused: bool,
    generation: u64,
}

/// How a receiver stands.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ReceiverStatus {
    /// Its interface; none if it listens on all of them.
    pub interface: Option<InterfaceName>,
    /// The family of the adverts.
    pub family: Family,
    /// Whether it listens now.
    pub is_listening: bool,
    /// What keeps it from listening.
    pub error: Option<NetError>,
    /// The packets that arrived, whatever became of them.
    pub packets: u64,
    /// The packets that found the socket's buffer full.
    pub overflowed: u64,
    /// Packets that no router can be blamed for, by reason; reasons that never occurred are left
    /// out.
    pub dropped: std::collections::BTreeMap<&'static str, u64>,
}

impl Receiver {
    /// A receiver that waits for an interface to listen on, or listens on all of them.
    pub(crate) fn new(
        name: Option<InterfaceName>,
        family: Family,
        platform: Arc<dyn Platform>,
        events: EventSender,
    ) -> Result<Self, NetError> {
        Ok(Self {
            name,
            family,
            platform,
            events,
            routes: RwLock::default(),
            socket: Mutex::default(),
            packets: Counter::default(),
            overflowed_before: Counter::default(),
            drops: Drops::default(),
            waker: Waker::new()?,
            stop: AtomicBool::new(false),
            is_served: AtomicBool::new(false),
            tend_at: Mutex::default(),
        })
    }

    /// What it is for.
    pub(crate) fn key(&self) -> ReceiverKey {
        (self.name, self.family)
    }

    /// Listens on this interface from now on: another index needs another socket.
    pub(crate) fn follow(&self, interface: Option<Interface>) {
        let mut socket = self.socket();
        let index = |interface: Option<Interface>| interface.map(|now| now.index);
        let is_begun = self.name.is_some() || socket.generation > 0;
        if is_begun && index(socket.wanted) == index(interface) {
            return;
        }
        self.close(&mut socket, None);
        socket.wanted = interface;
        let is_news = self.open(&mut socket);
        drop(socket);
        self.waker.wake();
        if is_news {
            self.tell_hearing();
        }
    }

    /// Leads the adverts of a virtual router to it, and listens to its group. Where that group
    /// cannot be joined it is not led there, or, if the router is to run all the same, the
    /// receiver counts as deaf until it is opened anew.
    pub(crate) fn route(
        &self,
        vrid: Vrid,
        route: Arc<Route>,
        all_the_same: bool,
    ) -> Result<(), NetError> {
        let mut socket = self.socket();
        let mut routes = self.routes_mut();
        routes.0.entry(vrid.get()).or_default().push(Arc::clone(&route));
        let Err(error) = self.listen(&mut socket, &routes) else { return Ok(()) };
        if !all_the_same {
            Self::remove(&mut routes, vrid, &route);
            return Err(error);
        }
        drop(routes);
        self.complain(&error);
        self.close(&mut socket, Some(error));
        socket.is_refused = true;
        self.waker.wake();
        Ok(())
    }

    /// Leads nothing there any more, and leaves its group if it was the last one in it. Says
    /// whether other routers are left.
    pub(crate) fn unroute(&self, vrid: Vrid, route: &Arc<Route>) -> bool {
        let mut socket = self.socket();
        let mut routes = self.routes_mut();
        Self::remove(&mut routes, vrid, route);
        let left = !routes.0.is_empty();
        if left && let Err(error) = self.listen(&mut socket, &routes) {
            // More is heard than is needed, and dropped: nobody is harmed.
            socket.error = Some(error);
        }
        left
    }

    /// Listens to what the routers want to hear, if there is a socket.
    fn listen(&self, socket: &mut Socket, routes: &Routes) -> Result<(), NetError> {
        let Some(open) = &mut socket.open else { return Ok(()) };
        open.set_groups(&routes.groups())?;
        self.listen_to_headers(socket, routes)
    }

    fn listen_to_headers(&self, socket: &mut Socket, routes: &Routes) -> Result<(), NetError> {
        let Some(open) = &mut socket.open else { return Ok(()) };
        if open.hear_headers(routes.hear_headers())? {
            socket.generation += 1;
            self.waker.wake();
        }
        Ok(())
    }

    /// Receives authentication headers if one of the routers wants them by now. Where that cannot
    /// be, the socket is closed, and opened again as soon as it can have all that is wanted.
    pub(crate) fn hear_headers(&self) {
        let mut socket = self.socket();
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        let listening = self.listen_to_headers(&mut socket, &routes);
        drop(routes);
        if let Err(error) = listening {
            self.complain(&error);
            self.close(&mut socket, Some(error));
            self.waker.wake();
        }
    }

    fn remove(routes: &mut Routes, vrid: Vrid, route: &Arc<Route>) {
        if let Some(known) = routes.0.get_mut(&vrid.get()) {
            known.retain(|other| !Arc::ptr_eq(other, route));
            if known.is_empty() {
                routes.0.remove(&vrid.get());
            }
        }
    }

    /// Why nothing can arrive, if that is so because the socket cannot be opened.
    pub(crate) fn refusal(&self) -> Option<NetError> {
        let socket = self.socket();
        socket.error.clone().filter(|_| socket.is_refused)
    }

    /// Whether nothing can arrive, because the socket cannot be opened.
    pub(crate) fn is_deaf(&self) -> bool {
        self.socket().is_refused
    }

    /// Takes in all that has arrived so far, on the calling thread. Says whether there is more all
    /// the same: it comes faster than it is taken.
    pub(crate) fn drain(&self) -> bool {
        (0..DRAIN_ROUNDS).all(|_| self.drain_some())
    }

    /// Tries again to open the socket that is wanted. Says whether it still has to be tried.
    pub(crate) fn retry(&self) -> bool {
        let mut socket = self.socket();
        let is_news = self.open(&mut socket);
        let is_missing = self.place(&socket).is_some() && socket.open.is_none();
        drop(socket);
        if is_news {
            self.tell_hearing();
        }
        is_missing
    }

    /// A number that changes when the descriptor does.
    pub(crate) fn generation(&self) -> u64 {
        self.socket().generation
    }

    /// A descriptor to wait on, if there is a socket that has one.
    pub(crate) fn descriptor(&self) -> std::io::Result<Option<OwnedFd>> {
        let socket = self.socket();
        let fd = socket.open.as_ref().and_then(|open| open.as_fd());
        fd.map(|fd| fd.try_clone_to_owned()).transpose()
    }

    /// The sockets, for whoever has to keep this host in their groups.
    pub(crate) fn sockets(&self) -> std::io::Result<Vec<OwnedFd>> {
        let socket = self.socket();
        let sockets = socket.open.iter().flat_map(|open| open.sockets());
        sockets.map(|fd| fd.try_clone_to_owned()).collect()
    }

    /// What it has counted, for another process to go on from.
    pub(crate) fn snapshot(&self) -> ReceiverSnapshot {
        let ReceiverStatus { interface, family, packets, overflowed, dropped, .. } = self.status();
        ReceiverSnapshot { interface, family, packets, overflowed, drops: by_name(dropped) }
    }

    /// Counts on from there.
    pub(crate) fn resume(&self, before: &ReceiverSnapshot) {
        self.packets.add(before.packets);
        self.overflowed_before.add(before.overflowed);
        self.drops.add_all(&before.drops);
    }

    /// How it stands.
    pub(crate) fn status(&self) -> ReceiverStatus {
        let socket = self.socket();
        let overflowed = socket.open.as_ref().map_or(0, |open| open.overflowed());
        ReceiverStatus {
            interface: self.name,
            family: self.family,
            is_listening: socket.open.is_some(),
            error: socket.error.clone(),
            packets: self.packets.get(),
            overflowed: self.overflowed_before.get() + overflowed,
            dropped: self.drops.by_name(),
        }
    }
}

/// Bounds how often a thread wakes up: now and then at once, steadily once in [`PACE`].
#[derive(Debug, Default)]
struct Pace {
    /// When the wake-ups so far are paid for, at one in [`PACE`].
    paid_at: Instant,
}

impl Pace {
    /// How long to put off what this wake-up is for: no longer than [`PACE`], also when the pauses
    /// before were cut short.
    fn pause(&mut self, now: Instant) -> Duration {
        self.paid_at = (self.paid_at.max(now) + PACE).min(now + PACE * (BURST + 1));
        self.paid_at.saturating_since(now).saturating_sub(PACE * BURST)
    }
}

/// On a thread of its own.
impl Receiver {
    /// Takes in what arrives until [`stop`](Self::stop).
    pub(crate) fn serve(&self) {
        let _serving = Serving::begin(self);
        while !self.stop.load(Ordering::Acquire) {
            // A descriptor of its own to wait on: the socket itself stays free for those who drain.
            match self.descriptor() {
                Ok(None) => self.wait_for_socket(),
                Ok(Some(fd)) => self.serve_socket(&fd),
                Err(_) => self.rest(),
            }
        }
    }

    /// Ends [`serve`](Self::serve).
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.waker.wake();
    }

    /// Sees to it that a router whose adverts are parked wakes up in time; `false` if it has to
    /// do so itself.
    pub(crate) fn watch(&self, mailbox: &Mailbox, watch: Watch) -> bool {
        let Some(due) = mailbox.watch(watch) else { return false };
        if self.tend_no_later_than(due) {
            self.waker.wake();
        }
        // Looked at last: whoever stops serving nudges all that are watched by then.
        self.is_served.load(Ordering::SeqCst)
    }

    /// Says whether that is earlier than it was.
    fn tend_no_later_than(&self, due: Instant) -> bool {
        let mut tend_at = self.tend_at();
        let is_earlier = tend_at.is_none_or(|at| due < at);
        if is_earlier {
            *tend_at = Some(due);
        }
        is_earlier
    }

    /// Wakes the routers whose adverts have stayed away.
    fn tend(&self) {
        let now = self.platform.now();
        if self.tend_at().take_if(|at| *at <= now).is_none() {
            return;
        }
        // What waits in the socket has not stayed away.
        self.drain();
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        let next = routes.iter().filter_map(|route| route.mailbox.tend(&route.outlet, now)).min();
        if let Some(next) = next {
            self.tend_no_later_than(next);
        }
    }

    /// How long until the next router may have to be woken, and at most so long.
    fn time_to_tend(&self, at_most: Option<Duration>) -> Option<Duration> {
        let left = self.tend_at().map(|at| at.saturating_since(self.platform.now()));
        left.into_iter().chain(at_most).min()
    }

    /// Waits for these descriptors or a time, whatever comes first, and wakes whoever is due.
    fn wait(&self, fds: &mut [PollFd<'_>], at_most: Option<Duration>) -> Result<(), Errno> {
        let timeout = self.time_to_tend(at_most).map(|left| Timespec {
            tv_sec: left.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        });
        poll(fds, timeout.as_ref())?;
        self.tend();
        Ok(())
    }

    /// Waits until there is another interface to listen on, or the end, or until it is time to
    /// try to open the socket again.
    fn wait_for_socket(&self) {
        let retry = self.place(&self.socket()).map(|_| RETRY);
        let _ = self.wait(&mut [PollFd::new(&self.waker, PollFlags::IN)], retry);
        self.waker.take();
        self.retry();
    }

    /// Leaves alone for a while what cannot be waited on.
    fn rest(&self) {
        let until = self.platform.now() + RETRY;
        while !self.stop.load(Ordering::Acquire) {
            let left = until.saturating_since(self.platform.now());
            if left.is_zero() {
                return;
            }
            thread::sleep(self.time_to_tend(Some(left)).unwrap_or(left));
            self.tend();
        }
    }

    /// Takes in what arrives on one socket, until there is another one, or the end.
    ///
    /// Two system calls for each wake-up: one that waits and one that takes all that is there.
    /// One that did both would have packets in hand that a router's thread, about to let its
    /// timer fire, could neither find in the socket nor in its inbox.
    ///
    /// Where hundreds of adverts arrive each second, waking up for each costs more than all that
    /// is done with it: then they are taken together, at most [`PACE`] late. Timers do not notice:
    /// each advert has the kernel's time stamp, and a router looks into the socket before one of
    /// its timers fires.
    fn serve_socket(&self, fd: &OwnedFd) {
        let mut pace = Pace::default();
        let mut is_more = false;
        loop {
            let mut fds = [PollFd::new(fd, PollFlags::IN), PollFd::new(&self.waker, PollFlags::IN)];
            let waited = self.wait(&mut fds, None);
            let [socket, waker] = fds.map(|fd| !fd.revents().is_empty());
            if waker && self.waker.take() {
                return;
            }
            match waited {
                Ok(()) if socket => {
                    let pause = match is_more {
                        true => Duration::ZERO,
                        false => pace.pause(self.platform.now()),
                    };
                    if !pause.is_zero() {
                        thread::sleep(self.time_to_tend(Some(pause)).unwrap_or(pause));
                    }
                    is_more = self.drain();
                }
                Ok(()) | Err(Errno::INTR) => {}
                Err(errno) => {
                    let errno = vrrp_net::Errno::from(errno);
                    let (operation, interface) = (Operation::Wait, self.name);
                    self.complain(&NetError::Refused {
                        operation,
                        interface,
                        errno,
                        explanation: None,
                    });
                    return self.rest();
                }
            }
        }
    }
}

/// While it exists, a thread serves the receiver. When it ends, whatever its reason, the routers
/// look after their timers themselves.
struct Serving<'a>(&'a Receiver);

impl<'a> Serving<'a> {
    fn begin(receiver: &'a Receiver) -> Self {
        receiver.is_served.store(true, Ordering::SeqCst);
        Self(receiver)
    }
}

impl Drop for Serving<'_> {
    fn drop(&mut self) {
        self.0.is_served.store(false, Ordering::SeqCst);
        let routes = self.0.routes.read().unwrap_or_else(PoisonError::into_inner);
        routes.iter().for_each(|route| route.outlet.nudge());
    }
}

impl Receiver {
    /// Takes in some of what has arrived; says whether there may be more.
    fn drain_some(&self) -> bool {
        let mut socket = self.socket();
        let Some(open) = &mut socket.open else { return false };
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        let time_of_day = self.platform.time_of_day();
        let drained = open.drain(&mut |datagram| {
            self.packets.add(1);
            let delivered = datagram.and_then(|datagram| routes.deliver(&datagram, time_of_day));
            if let Err(error) = delivered {
                self.drops.count(error.reason());
            }
        });
        match drained {
            Ok(is_more) => is_more,
            Err(error) => {
                self.complain(&error);
                // A broken socket must not be read in a tight loop: another is opened.
                self.close(&mut socket, Some(error));
                self.waker.wake();
                false
            }
        }
    }

    /// Opens the socket that is wanted, if it is not open. The first failure is told, and status
    /// shows the last. Says whether that has made the routers deaf, or ended it.
    fn open(&self, socket: &mut Socket) -> bool {
        let was_refused = socket.is_refused;
        match (self.place(socket), &socket.open) {
            (Some(interface), None) => {
                let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
                let mut opened =
                    self.platform.open_receiver(interface, self.family, &routes.groups());
                if let Ok(open) = &mut opened
                    && let Err(error) = open.hear_headers(routes.hear_headers())
                {
                    opened = Err(error);
                }
                drop(routes);
                if let (Err(error), false) = (&opened, was_refused) {
                    self.complain(error);
                }
                socket.is_refused = opened.is_err();
                socket.generation += 1;
                (socket.open, socket.error) = match opened {
                    Ok(receiver) => (Some(receiver), None),
                    Err(error) => (None, Some(error)),
                };
            }
            _ => socket.is_refused = false,
        }
        socket.is_refused != was_refused
    }

    /// Where to listen, if that can be said now: on an interface, or on all of them.
    fn place(&self, socket: &Socket) -> Option<Option<Interface>> {
        match self.name {
            Some(_) => socket.wanted.map(Some),
            None => Some(None),
        }
    }

    fn close(&self, socket: &mut Socket, why: Option<NetError>) {
        socket.generation += 1;
        if let Some(old) = socket.open.take() {
            self.overflowed_before.add(old.overflowed());
        }
        socket.error = why;
    }

    fn complain(&self, error: &NetError) {
        let (interface, family, error) = (self.name, self.family, error.clone());
        self.events.send(None, EventKind::NotListening { interface, family, error });
    }

    /// Lets every router look whether it can hear. No lock is held meanwhile: a router with a
    /// full inbox may be about to take it.
    fn tell_hearing(&self) {
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        let outlets: Vec<_> = routes.iter().map(|route| route.outlet.clone()).collect();
        drop(routes);
        for outlet in outlets {
            outlet.order(Order::Hearing);
        }
    }

    fn socket(&self) -> MutexGuard<'_, Socket> {
        self.socket.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tend_at(&self) -> MutexGuard<'_, Option<Instant>> {
        self.tend_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn routes_mut(&self) -> RwLockWriteGuard<'_, Routes> {
        self.routes.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Wakes up so often, each time so long after the last one was over; says how long it took.
    fn wake_up(times: u32, apart: Duration) -> (Duration, Duration) {
        let (mut pace, began) = (Pace::default(), Instant::from_micros(1_000_000));
        let (mut now, mut longest) = (began, Duration::ZERO);
        for _ in 0..times {
            let pause = pace.pause(now);
            longest = longest.max(pause);
            now = now + pause + apart;
        }
        (now.saturating_since(began), longest)
    }

    #[test]
    fn what_comes_seldom_or_in_a_short_burst_is_taken_at_once() {
        assert_eq!(wake_up(1_000, PACE).1, Duration::ZERO);
        assert_eq!(wake_up(BURST, Duration::ZERO).1, Duration::ZERO);
    }

    #[test]
    fn pauses_that_are_cut_short_are_not_owed() {
        let (mut pace, now) = (Pace::default(), Instant::from_micros(1_000_000));
        assert!((0..1_000).all(|_| pace.pause(now) <= PACE));
    }

    #[test]
    fn a_flood_wakes_nobody_more_often_than_the_pace_and_waits_no_longer() {
        let (took, longest) = wake_up(1_000, Duration::from_micros(100));
        assert!(!longest.is_zero() && longest <= PACE, "{longest:?}");
        let least = PACE * (1_000 - BURST);
        assert!(took >= least && took < least + PACE * 2, "{took:?}");
    }
}
