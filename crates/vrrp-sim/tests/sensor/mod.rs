//! Health sources without a thread: they report when a test says so.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fastrand::Rng;
use vrrp_track::{
    Kind, Reading, Sink, SourceKind, SourceStatus, TrackError, Tracker, Update, Verdict,
};

/// How many there are.
pub(crate) const COUNT: usize = 4;

/// What each of the sensors reads, and who wants to know. Clones are one and the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sensors(Arc<Mutex<Board>>);

#[derive(Debug, Default)]
struct Board {
    verdicts: Vec<Verdict>,
    trackers: Vec<Arc<Followed>>,
}

impl Sensors {
    pub(crate) fn random(rng: &mut Rng) -> Self {
        let verdicts = [Verdict::Up, Verdict::Up, Verdict::Down];
        let sensors = Self::default();
        sensors.lock().verdicts = (0..COUNT).map(|_| verdicts[rng.usize(..3)]).collect();
        sensors
    }

    /// Reads the same as others do.
    pub(crate) fn copy(&self, other: &Self) {
        let verdicts = other.lock().verdicts.clone();
        self.lock().verdicts = verdicts;
    }

    /// Lets every sensor say what it reads.
    pub(crate) fn report(&self) {
        let (verdicts, trackers) = {
            let board = self.lock();
            (board.verdicts.clone(), board.trackers.clone())
        };
        trackers.iter().for_each(|tracker| tracker.report(&verdicts));
    }

    fn lock(&self) -> MutexGuard<'_, Board> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One sensor, as a source.
#[derive(Debug, Clone)]
pub(crate) struct Sensor {
    name: Arc<str>,
    number: usize,
    sensors: Sensors,
}

impl Sensor {
    pub(crate) fn new(number: usize, sensors: &Sensors) -> Self {
        Self { name: format!("s{number}").into(), number, sensors: sensors.clone() }
    }
}

impl PartialEq for Sensor {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number && Arc::ptr_eq(&self.sensors.0, &other.sensors.0)
    }
}

impl SourceKind for Sensor {
    const KIND: Kind = Kind::new("sensor");

    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn start(sink: Sink) -> Result<Box<dyn Tracker<Self>>, TrackError> {
        Ok(Box::new(SensorTracker(Arc::new(Followed {
            sink: Mutex::new(sink),
            sources: Mutex::default(),
        }))))
    }
}

struct SensorTracker(Arc<Followed>);

struct Followed {
    sink: Mutex<Sink>,
    sources: Mutex<Vec<Sensor>>,
}

impl std::fmt::Debug for Followed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Followed").finish_non_exhaustive()
    }
}

impl Followed {
    fn report(&self, verdicts: &[Verdict]) {
        let sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        for source in &*self.sources.lock().unwrap_or_else(PoisonError::into_inner) {
            let reading = Reading::new(Sensor::KIND, verdicts[source.number], "");
            sink(Update::new(Arc::clone(&source.name), reading));
        }
    }
}

impl Tracker<Sensor> for SensorTracker {
    fn set_sources(&self, sources: Vec<Sensor>) {
        if let Some(first) = sources.first() {
            let mut board = first.sensors.lock();
            if !board.trackers.iter().any(|known| Arc::ptr_eq(known, &self.0)) {
                board.trackers.push(Arc::clone(&self.0));
            }
        }
        *self.0.sources.lock().unwrap_or_else(PoisonError::into_inner) = sources;
    }

    fn status(&self) -> Vec<SourceStatus> {
        Vec::new()
    }
}
