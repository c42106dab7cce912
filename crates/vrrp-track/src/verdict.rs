//! Healthy or not, and how a program ended.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::refusal::Refusal;

/// Whether a source counts as healthy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Healthy: a script succeeds, a process count is within its quorum.
    Up,
    /// Not healthy.
    Down,
}

impl Verdict {
    /// True for [`Verdict::Up`].
    pub const fn is_up(self) -> bool {
        matches!(self, Self::Up)
    }
}

impl From<bool> for Verdict {
    fn from(healthy: bool) -> Self {
        if healthy { Self::Up } else { Self::Down }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_up() { "up" } else { "down" })
    }
}

/// How one run of a program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It exited with this code; 0 is the only success.
    Exit(i32),
    /// A signal that this crate did not send ended it.
    Signal(i32),
    /// It was still running when its time, given here, was over.
    TimedOut(Duration),
    /// It never ran; the text says why.
    CouldNotStart(Arc<str>),
    /// It ended, but another part of the embedding program took its exit status
    /// (or the program ignores SIGCHLD).
    Unknown,
}

impl Outcome {
    /// True for `Exit(0)` alone.
    pub const fn is_success(&self) -> bool {
        matches!(self, Self::Exit(0))
    }

    /// That it never ran.
    pub(crate) fn of_refusal(refusal: Refusal) -> Self {
        let (Refusal::Program(why) | Refusal::Shortage(why)) = refusal;
        Self::CouldNotStart(why)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit(code) => write!(f, "exit code {code}"),
            Self::Signal(signal) => write!(f, "ended by signal {signal}"),
            Self::TimedOut(limit) => write!(f, "timed out after {limit:?}"),
            Self::CouldNotStart(why) => write!(f, "could not start: {why}"),
            Self::Unknown => f.write_str("ended, its exit status was taken by someone else"),
        }
    }
}
