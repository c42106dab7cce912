//! From what the health sources read to what that means to each router.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use vrrp_fsm::{Influence, Weight};
use vrrp_track::{Measure, Reading, Source, Update};

use crate::inbox::Outlet;
use crate::input::Input;
use crate::order::Order;
use crate::settings::Settings;
use crate::snapshot::ReadingSnapshot;
use crate::tracker::TrackerKey;

/// What was read last, and who goes by it. Clones are one and the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Health(Arc<Mutex<Board>>);

#[derive(Debug, Default)]
struct Board {
    readings: HashMap<TrackerKey, Reading>,
    routers: HashMap<Arc<str>, (Outlet, Arc<Settings>)>,
}

impl Health {
    /// Takes in what a source reads, and tells whoever goes by it.
    pub(crate) fn take(&self, update: &Update) {
        let key = TrackerKey { kind: update.reading.kind, name: Arc::clone(&update.name) };
        let mut board = self.board();
        let orders: Vec<_> = board
            .routers
            .values()
            .flat_map(|(outlet, settings)| {
                let meant = settings.shown_names().filter(|(track, _)| track.tracker == key);
                meant.map(|(track, name)| {
                    let influence = influence(track.weight, Some(&update.reading));
                    (outlet.clone(), Input::Tracker { name, influence })
                })
            })
            .collect();
        board.readings.insert(key, update.reading.clone());
        // Under the lock: what a source reads next must not overtake this.
        for (outlet, input) in orders {
            outlet.order(Order::Input(Box::new(input)));
        }
    }

    /// Takes in what another process has read of this source, unless it was read anew meanwhile.
    pub(crate) fn resume(&self, source: &Source, readings: &[ReadingSnapshot]) {
        let key = TrackerKey::of(source);
        let is_it = |reading: &&ReadingSnapshot| {
            reading.kind == key.kind.as_str() && reading.name == key.name
        };
        if let Some(ReadingSnapshot { measure, detail, .. }) = readings.iter().find(is_it) {
            let reading = Reading::new(key.kind, *measure, Arc::clone(detail));
            self.board().readings.entry(key).or_insert(reading);
        }
    }

    /// What was read last, for another process to go on from.
    pub(crate) fn snapshot(&self) -> Vec<ReadingSnapshot> {
        let board = self.board();
        let readings = board.readings.iter().map(|(key, reading)| ReadingSnapshot {
            kind: key.kind.as_str().to_owned(),
            name: Arc::clone(&key.name),
            measure: reading.measure,
            detail: Arc::clone(&reading.detail),
        });
        readings.collect()
    }

    /// Forgets what was read of all trackers but these: it would say nothing about one that is
    /// back some day.
    pub(crate) fn keep_only(&self, tracked: &HashSet<TrackerKey>) {
        self.board().readings.retain(|key, _| tracked.contains(key));
    }

    /// Tells a router from now on, by these settings, and hands over what its trackers mean to it
    /// now. What they read next comes after that.
    pub(crate) fn subscribe(
        &self,
        outlet: Outlet,
        settings: &Arc<Settings>,
        first: impl FnOnce(Vec<(Arc<str>, Influence)>),
    ) {
        let mut board = self.board();
        let now = settings.shown_names().map(|(track, name)| {
            (name, influence(track.weight, board.readings.get(&track.tracker)))
        });
        first(now.collect());
        board.routers.insert(Arc::clone(&settings.name), (outlet, Arc::clone(settings)));
    }

    /// Tells a router nothing any more.
    pub(crate) fn forget(&self, router: &str) {
        self.board().routers.remove(router);
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        // A reading and an entry are put in as a whole: a poisoned board is as good as any.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a reading means by a weight; `None` is that nothing was read yet.
fn influence(weight: Weight, reading: Option<&Reading>) -> Influence {
    match reading.map(|reading| reading.measure) {
        None => weight.judge_unknown(),
        Some(Measure::Value(value)) => weight.judge_value(value),
        Some(Measure::Verdict(verdict)) => weight.judge(verdict.is_up()),
    }
}
