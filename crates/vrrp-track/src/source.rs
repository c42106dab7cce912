//! What all kinds of sources have in common, and how another kind is added.

use std::any::{Any, TypeId};
use std::fmt;
use std::sync::Arc;

use crate::{Kind, Sink, SourceStatus, TrackError};

/// A kind of source. Who implements it can hand its sources to [`Trackers`](crate::Trackers) beside all others.
///
/// The value says what is to be tracked; the [`Tracker`] that it starts does it, for all sources of the kind.
pub trait SourceKind: Clone + PartialEq + Send + Sync + 'static {
    /// Which kind it is.
    const KIND: Kind;

    /// The source's name: unique within its kind.
    fn name(&self) -> &Arc<str>;

    /// Starts a tracker that has no sources yet and reports to `sink`.
    ///
    /// # Errors
    /// What it needs (a thread, descriptors) is not to be had.
    fn start(sink: Sink) -> Result<Box<dyn Tracker<Self>>, TrackError>;
}

/// What tracks the sources of one kind. Dropping it ends that, and nothing is reported afterwards.
pub trait Tracker<S>: Send + Sync {
    /// Replaces the set of sources, and returns without waiting and without calling the sink.
    ///
    /// Every source that was not in the set before reports its reading, even if it was in one before that: the
    /// receiver has forgotten it meanwhile. One that stays need not report again; one that is gone falls silent.
    /// Names are unique. What does not work now is tried again, and status says so.
    fn set_sources(&self, sources: Vec<S>);

    /// How the sources stand, in their order. A source that was set just now may be missing still.
    fn status(&self) -> Vec<SourceStatus>;
}

/// A source of any kind; made from each by `into()`.
///
/// ```
/// use vrrp_track::{File, Matcher, Process, Source};
///
/// let sources: [Source; 2] = [
///     Process::new("web", Matcher::comm("httpd")).into(),
///     File::new("load", "/run/load").into(),
/// ];
/// assert_eq!(sources.map(|source| source.to_string()), ["process web", "file load"]);
/// ```
#[derive(Clone)]
pub struct Source {
    kind: Kind,
    name: Arc<str>,
    value: Arc<dyn Any + Send + Sync>,
    is_equal: fn(&dyn Any, &dyn Any) -> bool,
    start: fn(Sink) -> Result<Box<dyn AnyTracker>, TrackError>,
}

impl<S: SourceKind> From<S> for Source {
    fn from(source: S) -> Self {
        Self {
            kind: S::KIND,
            name: Arc::clone(source.name()),
            value: Arc::new(source),
            is_equal: |one, other| one.downcast_ref::<S>() == other.downcast_ref::<S>(),
            start: |sink| Ok(Box::new(OfKind(S::start(sink)?))),
        }
    }
}

impl Source {
    /// Its kind.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Its name, unique within its kind.
    pub const fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// What it was made from, if that is an `S`.
    pub fn downcast_ref<S: SourceKind>(&self) -> Option<&S> {
        self.value.downcast_ref()
    }

    pub(crate) fn type_id(&self) -> TypeId {
        (*self.value).type_id()
    }

    pub(crate) fn start(&self, sink: Sink) -> Result<Box<dyn AnyTracker>, TrackError> {
        (self.start)(sink)
    }
}

impl PartialEq for Source {
    fn eq(&self, other: &Self) -> bool {
        self.type_id() == other.type_id() && (self.is_equal)(&*self.value, &*other.value)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({self})")
    }
}

/// A tracker whose kind is known only when it runs.
pub(crate) trait AnyTracker: Send + Sync {
    /// All of `sources` are of the type that started the tracker.
    fn set_sources(&self, sources: &[Source]);
    fn status(&self) -> Vec<SourceStatus>;
}

struct OfKind<S>(Box<dyn Tracker<S>>);

impl<S: SourceKind> AnyTracker for OfKind<S> {
    fn set_sources(&self, sources: &[Source]) {
        self.0.set_sources(sources.iter().filter_map(Source::downcast_ref).cloned().collect());
    }

    fn status(&self) -> Vec<SourceStatus> {
        self.0.status()
    }
}
