//! Scripts: programs run at intervals, whose exit code counts.
//!
//! Exit code 0 is a success, everything else a failure, each [with its name](Outcome). The first result decides
//! alone, later ones after [rise and fall](crate::Damper). A script is started every interval, from start to
//! start, and never while its last run is under way. Up to 16 scripts all start at once; the first runs of more
//! are spread over their interval, but at most over a second.
//!
//! Each run has a process group of its own. At the timeout it counts as failed at once, and the group gets
//! SIGTERM, 2 s later SIGKILL; as long as it will not die, another failure counts per interval. Where the
//! [shim](crate::shim) is in place, scripts get SIGTERM too when this process dies.
//!
//! ```
//! use std::sync::mpsc;
//! use vrrp_track::Program;
//! use vrrp_track::script::{Script, ScriptTracker};
//!
//! let (updates, inbox) = mpsc::channel();
//! let sources = vec![
//!     Script::new("always", Program::new("true")),
//!     Script::new("never", Program::new("sh").arg("-c").arg("exit 3")),
//! ];
//! let tracker = ScriptTracker::start(sources, Box::new(move |update| drop(updates.send(update))))?;
//! let mut texts = [inbox.recv()?.to_string(), inbox.recv()?.to_string()];
//! texts.sort();
//! assert_eq!(texts, ["always: up (exit code 0)", "never: down (exit code 3)"]);
//! tracker.stop();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod engine;
mod schedule;

use std::fmt;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use self::engine::Engine;
use crate::handle::{Handle, Mailbox, check_names, lock};
use crate::spawn::Reserve;
use crate::{Kind, Outcome, Program, Sink, SourceKind, SourceStatus, TrackError, Tracker, Verdict};

/// A program to run at intervals.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Script {
    /// Its name in updates and status.
    pub name: Arc<str>,
    /// What to run, and as whom.
    pub program: Program,
    /// From start to start; default 1 s. Not below [`MIN_INTERVAL`].
    pub interval: Duration,
    /// How long a run may take before it counts as failed and is killed; `None`, the default, is as long
    /// as the interval.
    pub timeout: Option<Duration>,
    /// Successes in a row until the verdict is up; default 1.
    pub rise: NonZeroU32,
    /// Failures in a row until the verdict is down; default 1.
    pub fall: NonZeroU32,
    /// The verdict before the first result. With `None`, the default, nothing is reported until then, and
    /// the first result decides alone.
    pub init: Option<Verdict>,
}

/// The shortest interval from start to start; a shorter one is taken as this.
pub const MIN_INTERVAL: Duration = Duration::from_millis(10);

impl Script {
    /// Runs `program` every second.
    pub fn new(name: impl Into<Arc<str>>, program: Program) -> Self {
        Self {
            name: name.into(),
            program,
            interval: Duration::from_secs(1),
            timeout: None,
            rise: NonZeroU32::MIN,
            fall: NonZeroU32::MIN,
            init: None,
        }
    }

    /// Sets the interval from start to start.
    #[must_use]
    pub const fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Sets how long a run may take.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets how many successes in a row it takes to come up.
    #[must_use]
    pub const fn rise(mut self, rise: NonZeroU32) -> Self {
        self.rise = rise;
        self
    }

    /// Sets how many failures in a row it takes to go down.
    #[must_use]
    pub const fn fall(mut self, fall: NonZeroU32) -> Self {
        self.fall = fall;
        self
    }

    /// Sets the verdict before the first result; rise and fall then hold from the first result on.
    #[must_use]
    pub const fn init(mut self, verdict: Verdict) -> Self {
        self.init = Some(verdict);
        self
    }
}

/// Runs scripts on one thread, until dropped or [stopped](Self::stop).
pub struct ScriptTracker {
    handle: Handle<Script>,
    status: Arc<Mutex<ScriptStatus>>,
}

impl ScriptTracker {
    /// Starts running; a few scripts all at once, many spread over their interval.
    ///
    /// # Errors
    /// Two sources of one name, or no thread or descriptor to be had.
    pub fn start(sources: Vec<Script>, sink: Sink) -> Result<Self, TrackError> {
        check_names(&sources)?;
        let status = Arc::new(Mutex::new(ScriptStatus::default()));
        let for_thread = Arc::clone(&status);
        let reserve = Reserve::new();
        let run = move |mailbox: &Mailbox<_>, poller| {
            Engine::new(poller, reserve, sink, for_thread).run(mailbox)
        };
        let handle = Handle::spawn("track-script", sources, run)?;
        Ok(Self { handle, status })
    }

    /// Replaces the set of sources and returns at once.
    ///
    /// A source with the name and program of an old one keeps its verdict and its run under way. If the
    /// program differs, the old run is killed, and the old verdict stands until the first result of the
    /// new one, which decides alone. A removed one is killed and falls silent.
    ///
    /// # Errors
    /// Two sources of one name: nothing changes then.
    pub fn reconfigure(&self, sources: Vec<Script>) -> Result<(), TrackError> {
        check_names(&sources)?;
        self.handle.reconfigure(sources);
        Ok(())
    }

    /// How things stand, for the operator.
    pub fn status(&self) -> ScriptStatus {
        lock(&self.status).clone()
    }

    /// Ends all runs (SIGTERM to each process group, after 1 s SIGKILL) and returns when they are over; no
    /// update is reported after that. Dropping does the same.
    pub fn stop(self) {}
}

impl SourceKind for Script {
    const KIND: Kind = Kind::new("script");

    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn start(sink: Sink) -> Result<Box<dyn Tracker<Self>>, TrackError> {
        Ok(Box::new(ScriptTracker::start(Vec::new(), sink)?))
    }
}

impl Tracker<Script> for ScriptTracker {
    fn set_sources(&self, sources: Vec<Script>) {
        self.handle.reconfigure(sources);
    }

    fn status(&self) -> Vec<SourceStatus> {
        let one = |source: ScriptSourceStatus| {
            let (detail, measure) = (source.to_string(), source.verdict.map(Into::into));
            SourceStatus::new(Script::KIND, source.name, measure, detail)
                .or_failed(self.handle.failure())
        };
        Self::status(self).sources.into_iter().map(one).collect()
    }
}

/// How a [`ScriptTracker`] stands.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ScriptStatus {
    /// How many runs are waiting because [too many](MAX_RUNNING) are under way.
    pub waiting: usize,
    /// One entry per source, in the order of the configuration.
    pub sources: Vec<ScriptSourceStatus>,
}

/// How many scripts run at the same time at most; others wait for their turn.
pub const MAX_RUNNING: usize = 256;

/// How one script source stands.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ScriptSourceStatus {
    /// The source's name.
    pub name: Arc<str>,
    /// Its verdict; `None` before the first result.
    pub verdict: Option<Verdict>,
    /// How many results in a row, up to the last, speak against the verdict.
    pub against: u32,
    /// The last result and how long that run took.
    pub last: Option<(Outcome, Duration)>,
    /// When the run under way started.
    pub running: Option<Instant>,
    /// How many results there have been.
    pub results: u64,
    /// Why it cannot be run at present although nothing is wrong with it: this machine is short of something.
    /// The verdict stands meanwhile, and it is tried again.
    pub shortage: Option<Arc<str>>,
}

impl fmt::Display for ScriptSourceStatus {
    /// The last result, how far it goes against the verdict, and what keeps it from being run, in one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.last {
            Some((outcome, took)) => write!(f, "last result: {outcome} after {took:.1?}")?,
            None => f.write_str("no result yet")?,
        }
        match (self.against, self.verdict) {
            (0, _) | (_, None) => {}
            (against, Some(Verdict::Up)) => write!(f, "; failures in a row: {against}")?,
            (against, Some(Verdict::Down)) => write!(f, "; successes in a row: {against}")?,
        }
        self.shortage.iter().try_for_each(|why| write!(f, "; not run at present: {why}"))
    }
}
