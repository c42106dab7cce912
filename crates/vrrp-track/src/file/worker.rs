//! The threads that look at files, and the one that watches over them.
//!
//! A look at a file may take for ever: a network or user-space file system whose server has gone does not answer.
//! So those who look are watched over. When one has been waiting for [`PATIENCE`], it keeps what it waits for, and
//! another thread takes over its other files. When there is an answer after all, the thread goes on with what it
//! has kept. Nobody waits for a thread that waits.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

use super::board::{Board, Target, WorkerId};
use super::watch::Watcher;
use super::{File, PATIENCE, SILENT_MAX};
use crate::TrackError;
use crate::handle::{BELL, Bell, Mailbox, lock, spawn_thread};
use crate::poll::Poller;

/// How often a thread is tried to be started that could not be.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// What a thread that looks at files and the one that watches over it both see.
pub(super) struct Desk {
    pub(super) id: WorkerId,
    bell: Bell,
    /// Runs from the start of a turn to its end; readable when it has run out.
    watchdog: OwnedFd,
    /// What is being looked at, and since when.
    target: Mutex<Option<(Target, Instant)>>,
    /// That files were taken away while it waited for one.
    relieved: AtomicBool,
    stop: AtomicBool,
}

impl Desk {
    fn new(id: WorkerId) -> Result<Arc<Self>, TrackError> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let watchdog = timerfd_create(TimerfdClockId::Monotonic, flags)
            .map_err(|e| TrackError::system("timerfd")(e.into()))?;
        Ok(Arc::new(Self {
            id,
            bell: Bell::new()?,
            watchdog,
            target: Mutex::new(None),
            relieved: AtomicBool::new(false),
            stop: AtomicBool::new(false),
        }))
    }

    pub(super) fn bell(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }

    /// The bell falls silent. Returns whether to go on.
    pub(super) fn answer_bell(&self) -> bool {
        self.bell.silence();
        !self.stop.load(Ordering::Acquire)
    }

    pub(super) fn begin_turn(&self) {
        self.wind_up(PATIENCE);
    }

    /// Says what is looked at next; false if this thread is not to look at anything more in this turn.
    pub(super) fn may_look_at(&self, target: impl FnOnce() -> Target) -> bool {
        if self.relieved.load(Ordering::Acquire) {
            return false;
        }
        *lock(&self.target) = Some((target(), Instant::now()));
        true
    }

    /// Returns whether files were taken away in this turn.
    pub(super) fn end_turn(&self) -> bool {
        *lock(&self.target) = None;
        self.wind_up(Duration::ZERO);
        self.relieved.swap(false, Ordering::AcqRel)
    }

    /// Zero lets the watchdog sleep. It cannot fail: the descriptor is a timer's, the time is in range.
    fn wind_up(&self, time: Duration) {
        let it_value = Timespec {
            tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(time.subsec_nanos()),
        };
        let it_interval = Timespec { tv_sec: 0, tv_nsec: 0 };
        let time = Itimerspec { it_interval, it_value };
        let set = timerfd_settime(&self.watchdog, TimerfdTimerFlags::empty(), &time);
        debug_assert!(set.is_ok(), "a timer can be set");
    }

    /// What has been looked at for too long; if nothing has, the watchdog goes on watching.
    fn overdue(&self) -> Option<Target> {
        let _ = rustix::io::read(&self.watchdog, &mut [0_u8; 8]);
        let target = lock(&self.target);
        let (target, since) = target.as_ref()?;
        let left = PATIENCE.saturating_sub(since.elapsed());
        if !left.is_zero() {
            self.wind_up(left);
            return None;
        }
        Some(target.clone())
    }
}

/// A thread that looks at files. Dropping it tells it to end, and does not wait for that.
pub(super) struct Worker {
    desk: Arc<Desk>,
    thread: Option<JoinHandle<()>>,
    /// The directory that it looks at alone, since it waited for it once.
    directory: Option<PathBuf>,
}

impl Worker {
    pub(super) fn start(id: WorkerId, board: &Arc<Board>) -> Result<Self, TrackError> {
        let desk = Desk::new(id)?;
        let poller = Poller::new()?;
        poller.add(desk.bell(), BELL).map_err(TrackError::system("epoll"))?;
        let watcher = Watcher::new(Arc::clone(&desk), Arc::clone(board));
        let thread = spawn_thread("track-file-look", move || {
            if let Err(e) = watcher.run(poller) {
                log::error!("files are not looked at any more: cannot wait for events: {e}");
            }
        })?;
        Ok(Self { desk, thread: Some(thread), directory: None })
    }

    fn ring(&self) {
        self.desk.bell.ring();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.desk.stop.store(true, Ordering::Release);
        self.ring();
    }
}

/// Watches over the threads that look at files. It never looks at one itself.
pub(super) struct Supervisor {
    board: Arc<Board>,
    workers: BTreeMap<WorkerId, Worker>,
    /// Who gets the files that nobody has.
    main: Option<WorkerId>,
    next_worker: WorkerId,
    /// Those that were told to end.
    leaving: Vec<JoinHandle<()>>,
    /// When to try again to start a thread.
    retry: Option<Instant>,
}

impl Supervisor {
    /// With a first thread that looks at files.
    pub(super) fn new(board: Arc<Board>) -> Result<Self, TrackError> {
        let first = Worker::start(0, &board)?;
        Ok(Self {
            board,
            workers: BTreeMap::from([(0, first)]),
            main: Some(0),
            next_worker: 1,
            leaving: Vec::new(),
            retry: None,
        })
    }

    /// The thread's loop, until told to stop.
    pub(super) fn run(mut self, mailbox: &Mailbox<File>, poller: &Poller) -> io::Result<()> {
        for (&id, worker) in &self.workers {
            poller.add(&worker.desk.watchdog, id)?;
        }
        loop {
            for token in poller.wait(self.retry)? {
                if token != BELL {
                    self.overdue(token, poller);
                    continue;
                }
                let mail = mailbox.take();
                if mail.stop {
                    return Ok(());
                }
                if let Some(sources) = mail.sources {
                    self.board.set(sources);
                    self.distribute(poller);
                }
            }
            if self.retry.is_some_and(|at| at <= Instant::now()) {
                self.distribute(poller);
            }
        }
    }

    /// Gives every file to a thread; those without any end.
    fn distribute(&mut self, poller: &Poller) {
        for (&id, worker) in &self.workers {
            if let Some(directory) = &worker.directory {
                self.board.assign(id, Some(directory));
            }
        }
        self.dismiss(poller);
        self.retry = None;
        if self.main.is_none() && self.board.wait_for_worker(None) {
            match self.hire(poller) {
                Ok(id) => self.main = Some(id),
                Err(why) => {
                    self.board.wait_for_worker(Some(&why));
                    self.retry = Some(Instant::now() + RETRY_INTERVAL);
                }
            }
        }
        if let Some(main) = self.main {
            self.board.assign(main, None);
        }
        self.workers.values().for_each(Worker::ring);
    }

    fn dismiss(&mut self, poller: &Poller) {
        self.leaving.retain(|thread| !thread.is_finished());
        let is_needed = |id| self.main == Some(id) || self.board.has_files(id);
        let superfluous: Vec<_> =
            self.workers.keys().copied().filter(|&id| !is_needed(id)).collect();
        for mut worker in superfluous.into_iter().filter_map(|id| self.workers.remove(&id)) {
            poller.remove(&worker.desk.watchdog);
            self.leaving.extend(worker.thread.take());
        }
    }

    fn hire(&mut self, poller: &Poller) -> Result<WorkerId, String> {
        let silent = self.workers.len() + self.leaving.len();
        if silent >= SILENT_MAX {
            return Err(format!("{silent} others do not answer"));
        }
        let id = self.next_worker;
        let worker = Worker::start(id, &self.board).map_err(|e| e.to_string())?;
        poller.add(&worker.desk.watchdog, id).map_err(|e| format!("epoll: {e}"))?;
        self.next_worker += 1;
        self.workers.insert(id, worker);
        Ok(id)
    }

    /// A thread waits for an answer: others take over what else it has.
    fn overdue(&mut self, id: WorkerId, poller: &Poller) {
        let is_main = self.main == Some(id);
        let Some(worker) = self.workers.get_mut(&id) else { return };
        let Some(target) = worker.desk.overdue() else { return };
        worker.desk.relieved.store(is_main, Ordering::Release);
        self.board.silent(id, &target, !is_main);
        // Whenever it has its answer, it is to say so.
        worker.ring();
        if is_main {
            if let Target::Directory(path) = target {
                worker.directory = Some(path);
            }
            self.main = None;
            self.distribute(poller);
        }
    }
}
