//! One-off programs, such as notify scripts: in order per key, keys side by side, never killed.
//!
//! ```
//! use std::sync::mpsc;
//! use std::time::{Duration, Instant};
//! use vrrp_track::Program;
//! use vrrp_track::runner::{RunReport, Runner, RunnerLimits};
//!
//! let runner = Runner::start(RunnerLimits::default())?;
//! let (reports, inbox) = mpsc::channel();
//! let report = Box::new(move |report: RunReport| drop(reports.send(report.to_string())));
//! let notify = Program::new("sh").args(["-c", "exit 7"]);
//! runner.run(&"VI_1".into(), notify, Duration::from_secs(30), report)?;
//! assert_eq!(runner.drain(Instant::now() + Duration::from_secs(30)), 0);
//! assert!(inbox.recv()?.starts_with("exit code 7 after "));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::num::NonZeroUsize;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use std::{fmt, io};

use crate::handle::{BELL, Bell, join, lock, spawn_thread};
use crate::poll::{LONGEST, Poller};
use crate::refusal::Refusal;
use crate::spawn::{self, Reserve, Running, Tether};
use crate::{Outcome, Program, TrackError};

/// Runs one-off programs on one thread: those of one key one after the other, in the order of
/// [`run`](Self::run); different keys side by side.
///
/// A program is never killed, and gets no parent-death signal: it outlives the embedding program if need be.
/// One that overruns its limit is reported, and the next one of its key starts.
///
/// Dropping the runner gives up what is still waiting, each with a report that says so, and leaves what is
/// running to itself, unreported. [`drain`](Self::drain) first where that matters.
pub struct Runner {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// How much a [`Runner`] takes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunnerLimits {
    /// Programs at the same time, not counting those that overran; default 64.
    pub running: NonZeroUsize,
    /// Programs that wait their turn, over all keys; default 4096.
    pub queued: usize,
    /// Programs that overran and are still running; while there are as many, none is started; default 256.
    pub overrun: usize,
}

impl Default for RunnerLimits {
    fn default() -> Self {
        let running = const { NonZeroUsize::new(64).expect("64 is not zero") };
        Self { running, queued: 4096, overrun: 256 }
    }
}

impl RunnerLimits {
    /// Sets how many programs run at the same time.
    #[must_use]
    pub const fn running(mut self, running: NonZeroUsize) -> Self {
        self.running = running;
        self
    }

    /// Sets how many programs wait their turn.
    #[must_use]
    pub const fn queued(mut self, queued: usize) -> Self {
        self.queued = queued;
        self
    }

    /// Sets how many programs may have overrun.
    #[must_use]
    pub const fn overrun(mut self, overrun: usize) -> Self {
        self.overrun = overrun;
        self
    }
}

/// What became of a program, reported by the [`Runner`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunReport {
    /// It waits, because this machine is short of something; it is tried again until it runs. Said once.
    Postponed {
        /// What is lacking.
        why: Arc<str>,
    },
    /// It has been running for its limit; the next one of its key starts. [`Ended`](Self::Ended) follows.
    Overran {
        /// The limit.
        limit: Duration,
    },
    /// It ended, after this time.
    Ended {
        /// How; [`Outcome::TimedOut`] never.
        outcome: Outcome,
        /// How long it ran.
        took: Duration,
    },
}

impl fmt::Display for RunReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Postponed { why } => write!(f, "waits: {why}"),
            Self::Overran { limit } => write!(f, "still running after {limit:?}"),
            Self::Ended { outcome, took } => write!(f, "{outcome} after {took:.1?}"),
        }
    }
}

/// Receives the reports of one program, on the runner's thread; must not block for long.
pub type Report = Box<dyn FnMut(RunReport) + Send>;

/// The runner refuses a program: as many are waiting as it was told to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{queued} programs are waiting already")]
#[non_exhaustive]
pub struct QueueFull {
    /// How many are waiting.
    pub queued: usize,
}

struct Job {
    key: Arc<str>,
    program: Program,
    limit: Duration,
    report: Report,
    /// Whether it was told that it waits.
    postponed: bool,
}

/// What the handles and the thread both see.
struct Shared {
    ledger: Mutex<Ledger>,
    bell: Bell,
    /// Notified when `Ledger::pending` has become zero.
    idle: Condvar,
    queued_max: usize,
}

#[derive(Default)]
struct Ledger {
    stop: bool,
    /// Jobs that the thread has not seen yet.
    incoming: Vec<Job>,
    /// Jobs that have not been started yet, those in `incoming` among them.
    queued: usize,
    /// Programs within their limit.
    running: usize,
}

impl Ledger {
    const fn pending(&self) -> usize {
        self.queued + self.running
    }
}

impl Shared {
    /// A program that was running goes back into the queue.
    fn move_back(&self) {
        let mut ledger = lock(&self.ledger);
        ledger.running -= 1;
        ledger.queued += 1;
    }

    /// A job has left the queue: into so many programs running, one or none. All at once, since whoever
    /// drains must not see it in neither place.
    fn move_on(&self, running: usize) {
        let mut ledger = lock(&self.ledger);
        ledger.queued -= 1;
        ledger.running += running;
        self.settle(&ledger);
    }

    fn settle(&self, ledger: &Ledger) {
        if ledger.pending() == 0 {
            self.idle.notify_all();
        }
    }
}

impl Runner {
    /// Starts the thread.
    ///
    /// # Errors
    /// No thread or descriptor to be had.
    pub fn start(limits: RunnerLimits) -> Result<Self, TrackError> {
        let shared = Arc::new(Shared {
            ledger: Mutex::default(),
            bell: Bell::new()?,
            idle: Condvar::new(),
            queued_max: limits.queued,
        });
        let poller = Poller::new()?;
        poller.add(shared.bell.as_fd(), BELL).map_err(TrackError::system("epoll"))?;
        let mut engine = Engine {
            shared: Arc::clone(&shared),
            poller,
            limits,
            waiting: HashMap::new(),
            free: VecDeque::new(),
            runs: BTreeMap::new(),
            next_run: 0,
            reserve: Reserve::new(),
            retry: None,
        };
        let thread = spawn_thread("runner", move || {
            let why = match engine.run() {
                Ok(()) => "the runner has been stopped".to_owned(),
                Err(e) => format!("the runner cannot wait for programs: {e}"),
            };
            engine.give_up(&why.into());
        })?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Queues `program` behind the others of `key`, and returns at once.
    ///
    /// What this machine cannot do at the moment (descriptors, memory, processes) is tried again until it can.
    ///
    /// # Errors
    /// The queue is full; the program will not run, and `report` is never called.
    pub fn run(
        &self,
        key: &Arc<str>,
        program: Program,
        limit: Duration,
        mut report: Report,
    ) -> Result<(), QueueFull> {
        let mut ledger = lock(&self.shared.ledger);
        if ledger.stop {
            drop(ledger);
            let outcome = Outcome::CouldNotStart("the runner has stopped".into());
            report(RunReport::Ended { outcome, took: Duration::ZERO });
            return Ok(());
        }
        if ledger.queued >= self.shared.queued_max {
            return Err(QueueFull { queued: ledger.queued });
        }
        ledger.queued += 1;
        let key = Arc::clone(key);
        ledger.incoming.push(Job { key, program, limit, report, postponed: false });
        drop(ledger);
        self.shared.bell.ring();
        Ok(())
    }

    /// Waits until everything queued has ended or overrun its limit, at most until `deadline`; returns how
    /// many programs are still waiting or within their limit.
    pub fn drain(&self, deadline: Instant) -> usize {
        let mut ledger = lock(&self.shared.ledger);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if ledger.pending() == 0 || left.is_zero() {
                return ledger.pending();
            }
            let waited = self.shared.idle.wait_timeout(ledger, left);
            (ledger, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        lock(&self.shared.ledger).stop = true;
        self.shared.bell.ring();
        join(self.thread.take());
    }
}

/// The thread's side.
struct Engine {
    shared: Arc<Shared>,
    poller: Poller,
    limits: RunnerLimits,
    /// The keys that have a program within its limit, or one waiting, and what waits.
    waiting: HashMap<Arc<str>, VecDeque<Job>>,
    /// Keys with something waiting and nothing within its limit, longest free first.
    free: VecDeque<Arc<str>>,
    runs: BTreeMap<u64, Run>,
    next_run: u64,
    /// Descriptors for starting programs.
    reserve: Reserve,
    /// When to try again to start programs, while this machine is short of something.
    retry: Option<Instant>,
}

/// A program that has been started and not waited for.
struct Run {
    running: Running,
    job: Job,
    /// `None` once it has overrun its limit, and its key has gone on.
    deadline: Option<Instant>,
}

impl Engine {
    /// Until told to stop.
    fn run(&mut self) -> io::Result<()> {
        loop {
            let deadlines = self.runs.values().filter_map(|run| run.deadline);
            let deadline = deadlines.chain(self.retry).min();
            for token in self.poller.wait(deadline)? {
                if token != BELL {
                    self.ended(token);
                    continue;
                }
                self.shared.bell.silence();
                let mut ledger = lock(&self.shared.ledger);
                let (stop, incoming) = (ledger.stop, std::mem::take(&mut ledger.incoming));
                drop(ledger);
                incoming.into_iter().for_each(|job| self.queue(job));
                if stop {
                    return Ok(());
                }
            }
            self.overran(Instant::now());
            self.start_next();
        }
    }

    fn queue(&mut self, job: Job) {
        let key = Arc::clone(&job.key);
        let waiting = self.waiting.entry(Arc::clone(&key)).or_insert_with(|| {
            self.free.push_back(key);
            VecDeque::new()
        });
        waiting.push_back(job);
    }

    /// Starts what may run. Those that overran do not count: a few that hang for ever must not hold up
    /// all others.
    fn start_next(&mut self) {
        if self.retry.is_some_and(|at| at > Instant::now()) {
            return;
        }
        self.retry = None;
        while self.within_limit() < self.limits.running.get() && self.retry.is_none() {
            let Some(key) = self.free.pop_front() else { return };
            let Some(job) = self.waiting.get_mut(&key).and_then(VecDeque::pop_front) else {
                self.waiting.remove(&key);
                continue;
            };
            self.start(job);
        }
    }

    fn within_limit(&self) -> usize {
        self.runs.values().filter(|run| run.deadline.is_some()).count()
    }

    fn start(&mut self, mut job: Job) {
        let overrun = self.runs.len() - self.within_limit();
        let started = if overrun >= self.limits.overrun {
            let why = format!("{overrun} programs have overrun their limits and are still running");
            Err(Refusal::Program(why.into()))
        } else {
            let (poller, reserve) = (&self.poller, &mut self.reserve);
            spawn::start(&job.program, Tether::Free, poller, self.next_run, reserve)
        };
        match started {
            Ok(running) => {
                self.shared.move_on(1);
                let deadline = Some(running.started() + job.limit.min(LONGEST));
                self.runs.insert(self.next_run, Run { running, job, deadline });
                self.next_run += 1;
            }
            Err(Refusal::Shortage(why)) => {
                self.free.push_front(Arc::clone(&job.key));
                self.postpone(job, why);
            }
            Err(Refusal::Program(why)) => {
                let outcome = Outcome::CouldNotStart(why);
                (job.report)(RunReport::Ended { outcome, took: Duration::ZERO });
                self.free.push_back(job.key);
                self.shared.move_on(0);
            }
        }
    }

    /// Puts it before the others of its key, until the machine can do it.
    fn postpone(&mut self, mut job: Job, why: Arc<str>) {
        if !std::mem::replace(&mut job.postponed, true) {
            (job.report)(RunReport::Postponed { why });
        }
        self.waiting.entry(Arc::clone(&job.key)).or_default().push_front(job);
        self.retry = Some(Instant::now() + RETRY_AFTER_SHORTAGE);
    }

    fn ended(&mut self, id: u64) {
        if !self.runs.get(&id).is_some_and(|run| run.running.has_ended()) {
            return;
        }
        let Some(mut run) = self.runs.remove(&id) else { return };
        let took = run.running.age();
        let ended = run.running.finish(&self.poller);
        // What it held may be what is lacking.
        self.reserve.refill();
        self.retry = None;
        let outcome = match ended {
            Err(Refusal::Shortage(why)) if run.deadline.is_some() => {
                self.shared.move_back();
                self.free.push_front(Arc::clone(&run.job.key));
                return self.postpone(run.job, why);
            }
            ended => ended.unwrap_or_else(Outcome::of_refusal),
        };
        (run.job.report)(RunReport::Ended { outcome, took });
        if run.deadline.is_some() {
            self.release(run.job.key);
        }
    }

    fn overran(&mut self, now: Instant) {
        let mut released = Vec::new();
        for run in self.runs.values_mut() {
            if run.deadline.take_if(|deadline| *deadline <= now).is_some() {
                (run.job.report)(RunReport::Overran { limit: run.job.limit });
                released.push(Arc::clone(&run.job.key));
            }
        }
        released.into_iter().for_each(|key| self.release(key));
    }

    /// A program no longer holds up its key.
    fn release(&mut self, key: Arc<str>) {
        self.free.push_back(key);
        let mut ledger = lock(&self.shared.ledger);
        ledger.running -= 1;
        self.shared.settle(&ledger);
    }

    /// Reports of everything that waits that it will not run; what runs is left to itself.
    fn give_up(mut self, why: &Arc<str>) {
        let mut ledger = lock(&self.shared.ledger);
        ledger.stop = true;
        let incoming = std::mem::take(&mut ledger.incoming);
        drop(ledger);
        let waiting = std::mem::take(&mut self.waiting);
        for mut job in waiting.into_values().flatten().chain(incoming) {
            let outcome = Outcome::CouldNotStart(Arc::clone(why));
            (job.report)(RunReport::Ended { outcome, took: Duration::ZERO });
            self.shared.move_on(0);
        }
    }
}

/// How long nothing is started when this machine is short of something, unless a program ends before.
const RETRY_AFTER_SHORTAGE: Duration = Duration::from_millis(500);
