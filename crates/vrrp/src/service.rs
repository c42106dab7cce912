//! Virtual routers on threads: one for each router, one for each receiver, one for the links.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver as Gate, RecvTimeoutError, Sender, bounded};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use vrrp_net::{NetError, NetEvent, Waker};
use vrrp_track::interface;

use crate::core::{ApplyError, Committed, Core, Mode, Observer, Prepared, UnknownRouter};
use crate::events::{EventKind, EventSender, Events};
use crate::group::{Driven, Moves};
use crate::holdings::LeftBehind;
use crate::links::Links;
use crate::plan::{Change, Setup};
use crate::platform::LinkSource;
use crate::receiver::{Receiver, ReceiverKey};
use crate::snapshot::{StandStill, Standstill, StandstillError};
use crate::unit::Unit;

/// Deep enough for netlink answers, shallow enough for hundreds of routers.
const UNIT_STACK_BYTES: usize = 256 << 10;
const RECEIVER_STACK_BYTES: usize = 256 << 10;
const LINKS_STACK_BYTES: usize = 512 << 10;
/// How long to leave links alone that could not be read, and when to try again what found no
/// thread.
const RETRY: Duration = Duration::from_millis(500);
/// How long routers stand still of which nobody says any more that they shall.
const STANDSTILL_MAX: Duration = Duration::from_secs(10);
/// How long a service that is dropped waits for its routers.
const END_TIME: Duration = Duration::from_secs(10);

/// Virtual routers that run on threads of their own, until it is shut down or dropped.
pub struct Service {
    core: Core,
    threads: Threads,
    events: Events,
    links: LinksThread,
}

/// The threads of routers and receivers.
#[derive(Clone, Default)]
struct Threads(Arc<Mutex<ThreadTable>>, Retrying);

/// Held while routers that found no thread are tried again: they are in no table meanwhile.
type Retrying = Arc<Mutex<()>>;

#[derive(Default)]
struct ThreadTable {
    /// By the key of what they drive.
    routers: HashMap<Arc<str>, RouterThread>,
    receivers: HashMap<ReceiverKey, JoinHandle<()>>,
    /// Routers and receivers that found no thread, to be tried again.
    unstarted: Vec<Driven>,
    unserved: Vec<Arc<Receiver>>,
}

/// The thread of a router or a group, and what is closed when it ends.
struct RouterThread {
    /// Gives back the routers that another thread is to drive.
    handle: JoinHandle<Vec<Unit>>,
    end: Gate<Infallible>,
}

/// A thread that waits for its router, or its group of routers.
struct Waiting {
    key: Arc<str>,
    gate: Sender<Driven>,
    thread: RouterThread,
}

impl Service {
    pub(crate) fn take_over(
        core: Core,
        units: Vec<Driven>,
        links: Box<dyn LinkSource>,
        events: Events,
    ) -> Result<Self, ApplyError> {
        let threads = Threads::default();
        let links = LinksThread::start(links, core.links.clone(), core.events.clone(), &threads)?;
        // Dropped, it ends what has begun already.
        let service = Self { core, threads, events, links };
        for receiver in service.core.receivers() {
            service.threads.serve(&receiver).map_err(ApplyError::Thread)?;
        }
        for unit in units {
            service.threads.run(unit).map_err(|refused| ApplyError::Thread(refused.1))?;
        }
        Ok(service)
    }

    /// Puts another setup into force: all of it, or nothing. Returns what that took, once every
    /// router goes by it.
    ///
    /// # Errors
    /// [`ApplyError`]; then everything goes on as before.
    pub fn apply(&mut self, setup: Setup) -> Result<Vec<Change>, ApplyError> {
        self.apply_by(setup, Mode::AllOrNothing)
    }

    /// Puts a setup into force as far as possible: whatever the machine lacks for one router, the
    /// others run, and that one is tried again. Events and status say so.
    ///
    /// # Errors
    /// If the setup is wrong by itself, or the health sources cannot be followed. Then everything
    /// goes on as before.
    pub fn start(&mut self, setup: Setup) -> Result<Vec<Change>, ApplyError> {
        self.apply_by(setup, Mode::AsFarAsPossible)
    }

    fn apply_by(&mut self, setup: Setup, mode: Mode) -> Result<Vec<Change>, ApplyError> {
        let prepared = self.core.prepare(setup, mode)?;
        let moves = prepared.moves(self.core.setup());
        let waiting = match self.make_ready(&prepared, &moves, mode) {
            Ok(waiting) => waiting,
            Err(error) => {
                // Threads that wait end with their gates.
                self.core.abandon(prepared);
                self.threads.join_ended();
                return Err(error);
            }
        };
        let plan = prepared.plan.clone();
        let mut waiting: HashMap<_, _> =
            waiting.into_iter().map(|ready| (Arc::clone(&ready.key), ready)).collect();
        let mut committed = self.core.commit(prepared);
        let (at_once, successors): (Vec<_>, Vec<_>) =
            committed.units.drain(..).partition(|unit| moves.is_at_once(unit));
        // What ends is waited for by a handle of its own: another may have its name by then.
        let mut units = self.threads.set_aside(&moves.ending);
        let is_driven = |name: &&Arc<str>| !units.iter().any(|unit| unit.name() == *name);
        moves.released.iter().filter(is_driven).for_each(|name| self.core.release(name));
        self.open_gates(self.core.arrange(at_once), &mut waiting);
        units.append(&mut self.threads.join(&moves.ending));
        // Whoever reads the events hears of a router's end before its successor's beginning.
        units.extend(successors);
        self.open_gates(self.core.arrange(units), &mut waiting);
        self.core.finish(committed);
        self.threads.join_ended();
        // Somebody may have routes to be watched.
        self.links.waker.wake();
        Ok(plan)
    }

    /// Has all routers say how they stand and then do nothing, for as long as what this returns is
    /// kept, and ten seconds at the most: meanwhile this process can replace its program by exec, and
    /// the other program [goes on](crate::Host::resume). Routers that are Active advertise once before.
    ///
    /// # Errors
    /// [`StandstillError`] if one does not answer within `limit`; then all go on.
    pub fn stand_still(&mut self, limit: Duration) -> Result<Standstill, StandstillError> {
        let deadline = Instant::now() + limit;
        let mut missing: Vec<_> =
            self.setup().routers.iter().map(|router| Arc::clone(&router.name)).collect();
        let (order, replies, gate) = StandStill::new(missing.len(), STANDSTILL_MAX);
        self.core.stand_still(&order);
        drop(order);
        let (mut routers, mut sockets) = (Vec::new(), Vec::new());
        while let Some(name) = missing.first() {
            let answer = replies.recv_deadline(deadline);
            let (router, slow) = answer.map_err(|_| StandstillError::Busy(Arc::clone(name)))?;
            missing.retain(|name| *name != router.name);
            routers.push(router);
            sockets.extend(slow);
        }
        // One that is lost costs a leave and a join on the wire, and nothing else.
        let receivers = self.core.receivers();
        sockets.extend(receivers.iter().filter_map(|receiver| receiver.sockets().ok()).flatten());
        Ok(Standstill { snapshot: self.core.snapshot(routers), sockets, _gate: gate })
    }

    /// Waits until every router has taken in all that it was told, at most so long; says whether all
    /// have.
    pub fn settle(&self, limit: Duration) -> bool {
        self.core.settle(Instant::now() + limit)
    }

    /// The number of the last event.
    pub fn last_event(&self) -> u64 {
        self.core.events.last()
    }

    /// Starts every thread that is needed, and at last the health sources.
    fn make_ready(
        &mut self,
        prepared: &Prepared,
        moves: &Moves,
        mode: Mode,
    ) -> Result<Vec<Waiting>, ApplyError> {
        for receiver in &prepared.receivers {
            match (self.threads.serve(receiver), mode) {
                (Err(error), Mode::AllOrNothing) => return Err(ApplyError::Thread(error)),
                (Err(_), Mode::AsFarAsPossible) => {
                    self.threads.lock().unserved.push(Arc::clone(receiver));
                }
                (Ok(()), _) => {}
            }
        }
        let mut waiting = Vec::new();
        for key in &moves.beginning {
            match (Waiting::start(key), mode) {
                (Ok(ready), _) => waiting.push(ready),
                (Err(error), Mode::AllOrNothing) => return Err(ApplyError::Thread(error)),
                (Err(error), Mode::AsFarAsPossible) => {
                    let kind = cannot_start(&error);
                    self.core.events.send(Some(key.trim_end().into()), kind);
                }
            }
        }
        self.core.start_trackers(prepared)?;
        Ok(waiting)
    }

    /// Lets these run whose threads wait; the others are tried again.
    fn open_gates(&self, all: Vec<Driven>, waiting: &mut HashMap<Arc<str>, Waiting>) {
        for driven in all {
            match waiting.remove(&driven.key()) {
                Some(Waiting { key, gate, thread }) => {
                    self.threads.lock().routers.insert(key, thread);
                    // It waits for this, and ends only after it.
                    let _ = gate.send(driven);
                }
                None => {
                    driven.show_waiting(&"there is no thread for it".into());
                    self.threads.lock().unstarted.push(driven);
                    self.links.waker.wake();
                }
            }
        }
    }

    /// The states of the links, which [`track::Interface`](vrrp_track::Interface) reads.
    pub fn link_states(&self) -> interface::Links {
        self.core.link_states()
    }

    /// Lets the routers of that name take no part from now on, or take part again: a router, with
    /// all members of its sync group, or the members of a sync group; without a name all there are.
    /// One that is master resigns. Returns their names, in no time: what follows is seen in events
    /// and status.
    ///
    /// That lasts, whatever setup is applied, for as long as there is a router of that name.
    ///
    /// # Errors
    /// If there is no router and no sync group of that name.
    pub fn drain(
        &mut self,
        name: Option<&str>,
        is_drained: bool,
    ) -> Result<Vec<Arc<str>>, UnknownRouter> {
        self.core.drain(name, is_drained)
    }

    /// The names of the routers that are drained.
    pub fn drained(&self) -> impl Iterator<Item = &Arc<str>> {
        self.core.drained().iter()
    }

    /// The setup in force.
    pub fn setup(&self) -> &Setup {
        self.core.setup()
    }

    /// What happened, in order. Clones share one queue.
    pub fn events(&self) -> Events {
        self.events.clone()
    }

    /// How many events were lost because nobody read them.
    pub fn events_lost(&self) -> u64 {
        self.core.events.lost()
    }

    /// How everything stands, from any thread and at any time.
    pub fn observer(&self) -> Observer {
        self.core.observer()
    }

    /// Ends all routers, in no hurry: every one resigns first, then they are waited for, at most
    /// so long.
    ///
    /// # Errors
    /// Names what the kernel did not let go of until then.
    pub fn shutdown(mut self, limit: Duration) -> Result<(), LeftBehind> {
        self.end(limit)
    }

    fn end(&mut self, limit: Duration) -> Result<(), LeftBehind> {
        self.links.end();
        let leaving = self.core.dismiss_all();
        self.threads.lock().unstarted.clear();
        self.threads.join_all(Instant::now() + limit);
        let left = self.core.left_behind();
        self.core.finish(Committed::leaving(leaving));
        self.threads.join_receivers();
        self.core.events.close();
        LeftBehind::check(left)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if !self.links.has_ended() {
            // Who wants to know what stayed calls `shutdown`.
            let _ = self.end(END_TIME);
        }
    }
}

impl Waiting {
    fn start(key: &Arc<str>) -> io::Result<Self> {
        let (gate, driven): (_, Gate<Driven>) = bounded(1);
        let (open, end) = bounded(0);
        let handle = unit_thread(key).spawn(move || {
            let _open_until_the_end = open;
            driven.recv().map_or_else(|_| Vec::new(), |it| it.run().into_units())
        })?;
        Ok(Self { key: Arc::clone(key), gate, thread: RouterThread { handle, end } })
    }
}

fn unit_thread(key: &str) -> thread::Builder {
    // The kernel keeps 15 bytes of a thread's name.
    let name = key.trim_end().chars().take(15).collect();
    thread::Builder::new().name(name).stack_size(UNIT_STACK_BYTES)
}

fn cannot_start(error: &io::Error) -> EventKind {
    EventKind::Died { why: format!("cannot start a thread: {error}").into(), again_in: RETRY }
}

impl Threads {
    fn lock(&self) -> MutexGuard<'_, ThreadTable> {
        // Handles are put in and taken out as a whole: a poisoned table is as good as any.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, receiver: &Arc<Receiver>) -> io::Result<()> {
        let serving = Arc::clone(receiver);
        let place = receiver.key().0.map_or("any".to_owned(), |name| name.to_string());
        let name = format!("rx-{place}").chars().take(15).collect();
        let thread = thread::Builder::new()
            .name(name)
            .stack_size(RECEIVER_STACK_BYTES)
            .spawn(move || serving.serve())?;
        self.lock().receivers.insert(receiver.key(), thread);
        Ok(())
    }

    /// Gives a router or a group a thread, or gives it back with the reason why not.
    fn run(&self, driven: Driven) -> Result<(), Box<(Driven, io::Error)>> {
        match Waiting::start(&driven.key()) {
            Ok(Waiting { key, gate, thread }) => {
                self.lock().routers.insert(key, thread);
                let _ = gate.send(driven);
                Ok(())
            }
            Err(error) => Err(Box::new((driven, error))),
        }
    }

    /// Tries again what found no thread; says whether something is left.
    fn retry(&self) -> bool {
        let _retrying = self.1.lock().unwrap_or_else(PoisonError::into_inner);
        let (units, receivers) = {
            let mut table = self.lock();
            (std::mem::take(&mut table.unstarted), std::mem::take(&mut table.unserved))
        };
        for receiver in receivers {
            if self.serve(&receiver).is_err() {
                self.lock().unserved.push(receiver);
            }
        }
        for driven in units {
            if let Err(refused) = self.run(driven) {
                self.lock().unstarted.push(refused.0);
            }
        }
        let table = self.lock();
        !table.unstarted.is_empty() || !table.unserved.is_empty()
    }

    /// Keeps the handles of threads that end under keys that no other thread has. Gives back the
    /// routers that had found no thread, once those of them that are to end have done so.
    fn set_aside(&self, keys: &[Arc<str>]) -> Vec<Unit> {
        let _retrying = self.1.lock().unwrap_or_else(PoisonError::into_inner);
        let mut table = self.lock();
        for key in keys {
            if let Some(thread) = table.routers.remove(key) {
                table.routers.insert(leaving(key), thread);
            }
        }
        let found = |driven: &mut Driven| keys.contains(&driven.key());
        let unstarted: Vec<_> = table.unstarted.extract_if(.., found).collect();
        drop(table);
        unstarted.into_iter().flat_map(Driven::end_what_was_told_to).collect()
    }

    /// Waits for the end of those that were set aside, and takes the routers that they give back.
    fn join(&self, keys: &[Arc<str>]) -> Vec<Unit> {
        let threads: Vec<_> =
            keys.iter().map(|key| self.lock().routers.remove(&leaving(key))).collect();
        threads.into_iter().flat_map(|thread| join(thread.map(|thread| thread.handle))).collect()
    }

    /// Waits for receivers that have ended.
    fn join_ended(&self) {
        let ended: Vec<_> = {
            let mut table = self.lock();
            let keys: Vec<_> = table
                .receivers
                .iter()
                .filter(|(_, thread)| thread.is_finished())
                .map(|(key, _)| *key)
                .collect();
            keys.iter().filter_map(|key| table.receivers.remove(key)).collect()
        };
        ended.into_iter().for_each(join_receiver);
    }

    /// Waits for all routers, until the deadline.
    fn join_all(&self, deadline: Instant) {
        let threads = std::mem::take(&mut self.lock().routers);
        for RouterThread { handle, end } in threads.into_values() {
            match end.recv_deadline(deadline) {
                Err(RecvTimeoutError::Disconnected) => drop(join(Some(handle))),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    fn join_receivers(&self) {
        let threads = std::mem::take(&mut self.lock().receivers);
        threads.into_values().for_each(join_receiver);
    }
}

fn leaving(key: &str) -> Arc<str> {
    // No router's name has a line end.
    format!("{key}\n").into()
}

fn join<T: Default>(thread: Option<JoinHandle<T>>) -> T {
    // A router's panics are caught in it; a receiver's ends that receiver.
    let joined = thread.map(JoinHandle::join).unwrap_or_else(|| Ok(T::default()));
    joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn join_receiver(thread: JoinHandle<()>) {
    join(Some(thread));
}

/// The thread that follows the links.
struct LinksThread {
    waker: Waker,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl LinksThread {
    fn start(
        source: Box<dyn LinkSource>,
        links: Links,
        events: EventSender,
        threads: &Threads,
    ) -> Result<Self, ApplyError> {
        let (waker, stop) = (Waker::new()?, Arc::new(AtomicBool::new(false)));
        let (woken, stopped, threads) = (waker.clone(), Arc::clone(&stop), threads.clone());
        let thread = thread::Builder::new()
            .name("links".into())
            .stack_size(LINKS_STACK_BYTES)
            .spawn(move || follow(source, &links, &events, &woken, &stopped, &threads))
            .map_err(ApplyError::Thread)?;
        Ok(Self { waker, stop, thread: Some(thread) })
    }

    fn has_ended(&self) -> bool {
        self.thread.is_none()
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Release);
        self.waker.wake();
        join(self.thread.take());
    }
}

fn follow(
    mut source: Box<dyn LinkSource>,
    links: &Links,
    events: &EventSender,
    waker: &Waker,
    stop: &AtomicBool,
    threads: &Threads,
) {
    const RETRY_TIME: Timespec = Timespec { tv_sec: 0, tv_nsec: RETRY.subsec_nanos() as _ };
    let mut news: Vec<NetEvent> = Vec::new();
    let mut is_to_retry = false;
    while !stop.load(Ordering::Acquire) {
        let timeout = is_to_retry.then_some(&RETRY_TIME);
        let waited = match source.as_fd() {
            Some(fd) => poll(
                &mut [
                    PollFd::from_borrowed_fd(fd, PollFlags::IN),
                    PollFd::new(waker, PollFlags::IN),
                ],
                timeout,
            ),
            None => poll(&mut [PollFd::new(waker, PollFlags::IN)], timeout),
        };
        waker.take();
        let read: Result<(), NetError> = links.read(&mut *source, &mut news);
        is_to_retry = threads.retry();
        if let Err(error) = read {
            events.send(None, EventKind::LinksUnread { error });
            is_to_retry = true;
        }
        if waited.is_err() || is_to_retry && news.is_empty() {
            thread::sleep(Duration::from_millis(1));
        }
        links.take(news.drain(..));
    }
}
