//! One-off programs, such as notify scripts: in order per key, keys side by side, never killed.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::{Outcome, Program, TrackError};

/// Runs one-off programs on one thread: those of one key one after the other, in the order of
/// [`run`](Self::run); different keys side by side.
///
/// A program is never killed, and gets no parent-death signal: it outlives the embedding program if need be.
/// One that overruns its limit is reported, and the next one of its key starts.
pub struct Runner {
    limits: RunnerLimits,
}

/// How much a [`Runner`] takes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunnerLimits {
    /// Programs at the same time, not counting those that overran; default 64.
    pub running: NonZeroUsize,
    /// Programs that wait their turn, over all keys; default 4096.
    pub queued: usize,
    /// Programs that overran and are still running; above this none is started any more; default 256.
    pub overrun: usize,
}

impl Default for RunnerLimits {
    fn default() -> Self {
        let running = const { NonZeroUsize::new(64).expect("64 is not zero") };
        Self { running, queued: 4096, overrun: 256 }
    }
}

/// What became of a program, reported by the [`Runner`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunReport {
    /// It has been running for its limit; the next one of its key starts. [`Ended`](Self::Ended) follows.
    Overran {
        /// The limit.
        limit: Duration,
    },
    /// It ended, after this time.
    Ended {
        /// How.
        outcome: Outcome,
        /// How long it ran.
        took: Duration,
    },
}

/// Receives the reports of one program, on the runner's thread; must not block for long.
pub type Report = Box<dyn FnMut(RunReport) + Send>;

/// The runner refuses a program: as many are waiting as it was told to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{queued} programs are waiting already")]
pub struct QueueFull {
    /// How many are waiting.
    pub queued: usize,
}

impl Runner {
    /// Starts the thread.
    ///
    /// # Errors
    /// No thread or descriptor to be had.
    pub fn start(limits: RunnerLimits) -> Result<Self, TrackError> {
        Ok(Self { limits })
    }

    /// Queues `program` behind the others of `key`, and returns at once.
    ///
    /// # Errors
    /// The queue is full; the program will not run, `report` is dropped.
    pub fn run(
        &self,
        key: &Arc<str>,
        program: Program,
        limit: Duration,
        report: Report,
    ) -> Result<(), QueueFull> {
        let _ = (key, program, limit, report);
        Err(QueueFull { queued: self.limits.queued })
    }

    /// Waits until everything queued has run or overrun its limit, at most until `deadline`; returns how
    /// many programs are still waiting or within their limit.
    pub fn drain(&self, deadline: Instant) -> usize {
        let _ = deadline;
        0
    }
}
