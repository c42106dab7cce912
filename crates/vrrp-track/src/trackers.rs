//! Sources of all kinds together.

use std::any::TypeId;
use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};

use crate::handle::lock;
use crate::source::AnyTracker;
use crate::{Kind, Sink, Source, SourceStatus, TrackError, Update};

/// Tracks sources of any kind, and reports through one sink. Dropping it ends that.
///
/// The thread of a kind starts when the first source of it is there, and stays. See the
/// [crate's front page](crate) for an example.
pub struct Trackers {
    /// Called on the threads of all kinds, perhaps at the same time.
    sink: Arc<dyn Fn(Update) + Send + Sync>,
    running: BTreeMap<Kind, Running>,
    /// What is in the set: others may still have something to say, and are not passed on.
    wanted: Arc<Mutex<Wanted>>,
}

type Wanted = HashSet<(Kind, Arc<str>)>;

struct Running {
    type_id: TypeId,
    tracker: Box<dyn AnyTracker>,
}

impl Trackers {
    /// Tracks nothing yet.
    ///
    /// The sink is called on the threads of the kinds, perhaps on several at the same time, and must not block
    /// for long: sending into a channel is what it is meant for.
    pub fn new(sink: impl Fn(Update) + Send + Sync + 'static) -> Self {
        Self { sink: Arc::new(sink), running: BTreeMap::new(), wanted: Arc::default() }
    }

    /// Replaces the set of sources, and returns without waiting for readings and without calling the sink.
    ///
    /// A source that is new in the set always reports its reading, as does one that was taken out and comes back;
    /// one that stays keeps its verdict, as far as its kind can, and reports when that changes. Equal sources
    /// count as one.
    ///
    /// # Errors
    /// Two different sources of one kind have the same name, two types call their kind the same, or the first
    /// source of a kind finds no thread or descriptor for it. Nothing has changed then: what was tracked before
    /// is tracked still.
    pub fn reconfigure(
        &mut self,
        sources: impl IntoIterator<Item = Source>,
    ) -> Result<(), TrackError> {
        let by_kind = sorted(sources)?;
        let mut fresh = BTreeMap::new();
        for (&kind, sources) in &by_kind {
            let Some(first) = sources.first() else { continue };
            match self.running.get(&kind) {
                Some(running) if running.type_id == first.type_id() => {}
                Some(_) => return Err(TrackError::DuplicateKind(kind)),
                None => {
                    let tracker = first.start(self.sink_of(kind))?;
                    fresh.insert(kind, Running { type_id: first.type_id(), tracker });
                }
            }
        }
        // Nothing fails from here on.
        self.running.append(&mut fresh);
        let keys = by_kind.values().flatten();
        *lock(&self.wanted) =
            keys.map(|source| (source.kind(), Arc::clone(source.name()))).collect();
        for (kind, running) in &self.running {
            running.tracker.set_sources(by_kind.get(kind).map_or(&[], Vec::as_slice));
        }
        Ok(())
    }

    /// How all sources stand, by kind, for the operator.
    pub fn status(&self) -> Vec<SourceStatus> {
        self.running.values().flat_map(|running| running.tracker.status()).collect()
    }

    fn sink_of(&self, kind: Kind) -> Sink {
        let (sink, wanted) = (Arc::clone(&self.sink), Arc::clone(&self.wanted));
        Box::new(move |update| {
            let is_wanted = lock(&wanted).contains(&(kind, Arc::clone(&update.name)));
            if is_wanted {
                sink(update);
            }
        })
    }
}

/// The sources of each kind, each once, in the order given.
fn sorted(
    sources: impl IntoIterator<Item = Source>,
) -> Result<BTreeMap<Kind, Vec<Source>>, TrackError> {
    let mut by_name = BTreeMap::new();
    let mut by_kind: BTreeMap<Kind, Vec<Source>> = BTreeMap::new();
    for source in sources {
        let of_kind = by_kind.entry(source.kind()).or_default();
        if of_kind.first().is_some_and(|first| first.type_id() != source.type_id()) {
            return Err(TrackError::DuplicateKind(source.kind()));
        }
        match by_name.get(&(source.kind(), Arc::clone(source.name()))) {
            Some(same) if *same == source => {}
            Some(_) => return Err(TrackError::DuplicateName(Arc::clone(source.name()))),
            None => {
                by_name.insert((source.kind(), Arc::clone(source.name())), source.clone());
                of_kind.push(source);
            }
        }
    }
    Ok(by_kind)
}
