//! Processes: how many of a kind are running.
//!
//! The verdict is up while their number is within a quorum, after delays that bridge a restart. A process counts
//! by its kernel name or its command line, from its fork or exec until it ends, runs something else or renames
//! itself; a zombie does not count. A process is never mistaken for another one that got its id later.
//!
//! - An **end** is seen at once: each matching process is held by a pidfd. Where there are too few descriptors,
//!   or no pidfds, it is seen by the next scan, and [status](ProcessStatus::without_pidfd) says so.
//! - A **start or rename** is seen at once where the kernel's process connector works: in the initial network,
//!   PID and user namespaces, before Linux 6.6 for root only. It is believed after it has acknowledged and
//!   announced a thread of ours, and tested again every 5 s.
//! - Elsewhere, as in a container, /proc is scanned every [`SCAN_INTERVAL`]. Of more than 2000 processes, those
//!   that have been running for 2 s take turns, so that a scan of 10,000 takes about 30 ms, not 100.
//!
//! [`ProcessStatus::detection`] says which way is in use and why.
//!
//! ```
//! use std::process::Command;
//! use std::sync::mpsc;
//! use vrrp_track::process::{Matcher, Process, ProcessTracker};
//!
//! let (updates, inbox) = mpsc::channel();
//! let sleep = Matcher::from_words("sleep", vec!["4242".into()], false, None);
//! let source = Process::new("sleeper", sleep);
//! let tracker = ProcessTracker::start(vec![source], Box::new(move |update| drop(updates.send(update))))?;
//! assert_eq!(inbox.recv()?.to_string(), "sleeper: down (0 processes)");
//! let mut child = Command::new("sleep").arg("4242").spawn()?;
//! assert_eq!(inbox.recv()?.to_string(), "sleeper: up (1 process)");
//! child.kill()?;
//! assert_eq!(inbox.recv()?.to_string(), "sleeper: down (0 processes)");
//! tracker.stop();
//! # child.wait()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod census;
mod connector;
mod engine;
mod index;
mod judge;
mod procfs;
mod rota;
mod source;
mod table;

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

pub use source::{COMM_MAX_BYTES, Matcher, ParamMatch, Parameters, Process};

use self::census::Census;
use self::engine::Engine;
use crate::handle::{Handle, Mailbox, check_names, lock};
use crate::{Kind, Sink, SourceKind, SourceStatus, TrackError, Tracker, Verdict};

/// How often /proc is scanned where the kernel's process connector is of no use. A process that starts or renames
/// itself is noticed this much later, and the time that a scan takes.
pub const SCAN_INTERVAL: Duration = Duration::from_millis(200);

/// Watches processes on one thread, until dropped or [stopped](Self::stop).
pub struct ProcessTracker {
    handle: Handle<Process>,
    status: Arc<Mutex<ProcessStatus>>,
}

impl ProcessTracker {
    /// Starts watching; the first reading of each source follows at once, without delays.
    ///
    /// # Errors
    /// Two sources of one name, or no thread or descriptor to be had.
    pub fn start(sources: Vec<Process>, sink: Sink) -> Result<Self, TrackError> {
        check_names(&sources)?;
        let status = Arc::new(Mutex::new(ProcessStatus::default()));
        let census = Census::new().map_err(TrackError::system("/proc"))?;
        let for_thread = Arc::clone(&status);
        let run = move |mailbox: &Mailbox<_>, poller| {
            Engine::new(census, poller, sink, for_thread).run(mailbox)
        };
        let handle = Handle::spawn("track-process", sources, run)?;
        Ok(Self { handle, status })
    }

    /// Replaces the set of sources and returns at once.
    ///
    /// A source that is equal to one of the old set keeps its verdict, its count and a delay under way. A
    /// new or changed one reports its reading afresh; a removed one falls silent.
    ///
    /// # Errors
    /// Two sources of one name: nothing changes then.
    pub fn reconfigure(&self, sources: Vec<Process>) -> Result<(), TrackError> {
        check_names(&sources)?;
        self.handle.reconfigure(sources);
        Ok(())
    }

    /// How things stand, for the operator.
    pub fn status(&self) -> ProcessStatus {
        lock(&self.status).clone()
    }

    /// Stops watching; no update is reported after this returns. Dropping does the same.
    pub fn stop(self) {}
}

impl SourceKind for Process {
    const KIND: Kind = Kind::new("process");

    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn start(sink: Sink) -> Result<Box<dyn Tracker<Self>>, TrackError> {
        Ok(Box::new(ProcessTracker::start(Vec::new(), sink)?))
    }
}

impl Tracker<Process> for ProcessTracker {
    fn set_sources(&self, sources: Vec<Process>) {
        self.handle.reconfigure(sources);
    }

    fn status(&self) -> Vec<SourceStatus> {
        let status = Self::status(self);
        // With every reason why some may be missed or seen late.
        let how = status.to_string();
        let one = |source: ProcessSourceStatus| {
            let warning = source.warning.map(|warning| format!("; {warning}")).unwrap_or_default();
            let detail = format!("{} running, seen by {how}{warning}", source.count);
            let measure = source.verdict.map(Into::into);
            SourceStatus::new(Process::KIND, source.name, measure, detail)
                .or_failed(self.handle.failure())
        };
        status.sources.into_iter().map(one).collect()
    }
}

/// How a [`ProcessTracker`] stands.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ProcessStatus {
    /// How starts and renames are noticed.
    pub detection: Detection,
    /// Why processes may be invisible (the `hidepid` option of /proc), if so.
    pub hidden: Option<String>,
    /// How many matching processes have no pidfd, so that their end is noticed by scanning only, and why.
    pub without_pidfd: Option<(usize, String)>,
    /// How many processes the last full scan of /proc met, and how long it took.
    pub last_scan: Option<(usize, Duration)>,
    /// One entry per source, in the order of the configuration.
    pub sources: Vec<ProcessSourceStatus>,
}

impl fmt::Display for ProcessStatus {
    /// How processes are noticed, with every reason why some may be missed or seen late, in one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.detection)?;
        if let Some((count, why)) = &self.without_pidfd {
            let plural = if *count == 1 { "" } else { "es" };
            write!(f, "; the end of {count} process{plural} is seen by scanning ({why})")?;
        }
        self.hidden.iter().try_for_each(|hidden| write!(f, "; {hidden}"))
    }
}

/// How one process source stands.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ProcessSourceStatus {
    /// The source's name.
    pub name: Arc<str>,
    /// Its verdict, after the delays; `None` before the first scan.
    pub verdict: Option<Verdict>,
    /// How many processes match at this moment.
    pub count: u32,
    /// When the opposite verdict will take effect, if a delay is under way.
    pub pending: Option<Instant>,
    /// What is wrong with the source, if it can never be up or never match.
    pub warning: Option<String>,
}

/// How starts and renames of processes are noticed. Exits of matching processes are seen at once either way.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Detection {
    /// Not at all: there are no sources, or the thread is just starting.
    #[default]
    Idle,
    /// The kernel's process connector reports them.
    Connector,
    /// /proc is scanned at this interval.
    Scan {
        /// The interval.
        interval: Duration,
        /// How often the name of every process is read again: longer than the interval if there are so many
        /// that those which have been running for a while must take turns.
        round: Duration,
        /// Why the connector is not in use.
        why: String,
    },
}

impl fmt::Display for Detection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Idle => f.write_str("idle"),
            Self::Connector => f.write_str("process connector"),
            Self::Scan { interval, round, why } if interval == round => {
                write!(f, "scan of /proc every {interval:?} ({why})")
            }
            Self::Scan { interval, round, why } => {
                write!(f, "scan of /proc every {interval:?}, of all names every {round:?} ({why})")
            }
        }
    }
}
