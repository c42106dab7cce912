//! What a source says: the words that leave this crate.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

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

/// One piece of news from a source: what its sink receives.
///
/// The first reading of a source is always reported, later ones only when the verdict or value changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// The name of the source, as given in its configuration.
    pub name: Arc<str>,
    /// What it reads now.
    pub reading: Reading,
}

impl fmt::Display for Update {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.reading)
    }
}

/// What a source reads; the variant tells its kind, so that names need only be unique within one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// From a [process source](crate::process).
    Process {
        /// Whether the number of processes is within the quorum, after the delays.
        verdict: Verdict,
        /// How many processes match at this moment.
        count: u32,
    },
    /// From a [file source](crate::file).
    File {
        /// The number in the file; 0 if it is missing or empty.
        value: i32,
    },
    /// From a [script source](crate::script).
    Script {
        /// What its results say, after rise and fall.
        verdict: Verdict,
        /// The result that decided it; `None` if it is the verdict assumed at start.
        outcome: Option<Outcome>,
    },
}

impl Reading {
    /// The verdict of a process or script; `None` for a file, which has a [value](Self::value) instead.
    pub const fn verdict(&self) -> Option<Verdict> {
        match self {
            Self::Process { verdict, .. } | Self::Script { verdict, .. } => Some(*verdict),
            Self::File { .. } => None,
        }
    }

    /// The value of a file; `None` for the others.
    pub const fn value(&self) -> Option<i32> {
        match self {
            Self::File { value } => Some(*value),
            Self::Process { .. } | Self::Script { .. } => None,
        }
    }
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process { verdict, count: 1 } => write!(f, "{verdict} (1 process)"),
            Self::Process { verdict, count } => write!(f, "{verdict} ({count} processes)"),
            Self::File { value } => write!(f, "{value}"),
            Self::Script { verdict, outcome: Some(outcome) } => write!(f, "{verdict} ({outcome})"),
            Self::Script { verdict, outcome: None } => write!(f, "{verdict} (assumed at start)"),
        }
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

/// Where updates go: called on the tracker's own thread, one call at a time.
///
/// It must not block for long, since one thread serves all sources of its kind; sending into a channel is
/// what it is meant for.
pub type Sink = Box<dyn Fn(Update) + Send>;

/// Why a tracker did not start, or refused a new set of sources.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrackError {
    /// Two sources of one kind share a name.
    #[error("two sources are called `{0}`")]
    DuplicateName(Arc<str>),
    /// The operating system refused a thread or a descriptor that nothing works without.
    #[error("cannot start tracking: {what}")]
    System {
        /// What was asked for.
        what: &'static str,
        /// The refusal.
        #[source]
        source: std::io::Error,
    },
}
