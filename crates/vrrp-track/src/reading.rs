//! What a source says: the words that leave this crate.

use std::fmt;
use std::sync::Arc;

use crate::Verdict;

/// The kind of a source: its name, by which an operator knows it. Names of sources are unique within a kind.
///
/// The kinds of this crate have [`SourceKind::KIND`](crate::SourceKind::KIND); anybody may add others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind(&'static str);

impl Kind {
    /// The kind called `name`, in the singular and in small letters.
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

/// What a source measures: whether something is healthy, or a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Measure {
    /// Healthy or not.
    Verdict(Verdict),
    /// A number, such as the one in a file.
    Value(i32),
}

impl Measure {
    /// The verdict, if it is one.
    pub const fn verdict(self) -> Option<Verdict> {
        match self {
            Self::Verdict(verdict) => Some(verdict),
            Self::Value(_) => None,
        }
    }

    /// The number, if it is one.
    pub const fn value(self) -> Option<i32> {
        match self {
            Self::Value(value) => Some(value),
            Self::Verdict(_) => None,
        }
    }
}

impl From<Verdict> for Measure {
    fn from(verdict: Verdict) -> Self {
        Self::Verdict(verdict)
    }
}

impl From<i32> for Measure {
    fn from(value: i32) -> Self {
        Self::Value(value)
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Verdict(verdict) => verdict.fmt(f),
            Self::Value(value) => value.fmt(f),
        }
    }
}

/// What a source reads at some moment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reading {
    /// The kind of the source.
    pub kind: Kind,
    /// What counts.
    pub measure: Measure,
    /// What it comes from, for the operator, such as `2 processes` or `exit code 3`; empty if there is nothing
    /// to add.
    pub detail: Arc<str>,
}

impl Reading {
    /// A reading of a source of this kind.
    pub fn new(kind: Kind, measure: impl Into<Measure>, detail: impl Into<Arc<str>>) -> Self {
        Self { kind, measure: measure.into(), detail: detail.into() }
    }

    /// The verdict; `None` if it is a [value](Self::value).
    pub const fn verdict(&self) -> Option<Verdict> {
        self.measure.verdict()
    }

    /// The value; `None` if it is a [verdict](Self::verdict).
    pub const fn value(&self) -> Option<i32> {
        self.measure.value()
    }
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.measure.fmt(f)?;
        if self.detail.is_empty() { Ok(()) } else { write!(f, " ({})", self.detail) }
    }
}

/// One piece of news from a source: what its sink receives.
///
/// The first reading of a source is always reported, later ones only when the verdict or value changes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Update {
    /// The name of the source, as given in its configuration.
    pub name: Arc<str>,
    /// What it reads now.
    pub reading: Reading,
}

impl Update {
    /// News from the source called `name`.
    pub fn new(name: impl Into<Arc<str>>, reading: Reading) -> Self {
        Self { name: name.into(), reading }
    }
}

impl fmt::Display for Update {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.reading)
    }
}

/// Where updates go: called on the tracker's own thread, one call at a time.
///
/// It must not block for long, since one thread serves all sources of its kind; sending into a channel is
/// what it is meant for.
pub type Sink = Box<dyn Fn(Update) + Send>;

/// How a source of any kind stands, for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SourceStatus {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: Arc<str>,
    /// What it reads; `None` as long as it has read nothing.
    pub measure: Option<Measure>,
    /// How that came about and what is wrong, in one line.
    pub detail: String,
}

impl SourceStatus {
    /// The status of the source called `name`.
    pub fn new(
        kind: Kind,
        name: impl Into<Arc<str>>,
        measure: Option<Measure>,
        detail: impl Into<String>,
    ) -> Self {
        Self { kind, name: name.into(), measure, detail: detail.into() }
    }

    /// The same of a source that nobody follows any more.
    pub(crate) fn or_failed(mut self, failure: Option<&str>) -> Self {
        if let Some(failure) = failure {
            self.detail = format!("not tracked any more: {failure}; {}", self.detail);
        }
        self
    }
}

impl fmt::Display for SourceStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: ", self.kind, self.name)?;
        match self.measure {
            Some(measure) => measure.fmt(f)?,
            None => f.write_str("unknown")?,
        }
        if self.detail.is_empty() { Ok(()) } else { write!(f, " ({})", self.detail) }
    }
}
