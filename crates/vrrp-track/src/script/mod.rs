//! Scripts: programs run at intervals, whose exit code counts.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::handle::{Handle, check_names, lock};
use crate::{Outcome, Program, Sink, TrackError, Verdict};

/// A program to run at intervals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptSource {
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

impl ScriptSource {
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
    handle: Handle<ScriptSource>,
    status: Arc<Mutex<ScriptStatus>>,
}

impl ScriptTracker {
    /// Starts running; a few scripts all at once, many spread over their interval.
    ///
    /// # Errors
    /// Two sources of one name, or no thread or descriptor to be had.
    pub fn start(sources: Vec<ScriptSource>, sink: Sink) -> Result<Self, TrackError> {
        check_names(sources.iter().map(|source| &source.name))?;
        let status = Arc::new(Mutex::new(ScriptStatus::default()));
        let handle = Handle::spawn("track-script", sources, move |mailbox, poller| {
            drop((mailbox.take(), poller, sink))
        })?;
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
    pub fn reconfigure(&self, sources: Vec<ScriptSource>) -> Result<(), TrackError> {
        check_names(sources.iter().map(|source| &source.name))?;
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

/// How a [`ScriptTracker`] stands.
#[derive(Debug, Clone, Default)]
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
}
