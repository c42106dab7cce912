//! The trackers, and what their readings mean to whom.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use vrrp_conf::model::{self, Config, Track};
use vrrp_fsm::{Influence, Verdict, Weight};
use vrrp_track::file::InitFile;
use vrrp_track::process::ParamMatch;
use vrrp_track::{
    File, Kind, LookupError, Matcher, Measure, Process, Reading, Script, Source, SourceKind,
    SourceStatus, TrackError, Trackers, Update,
};

use crate::inbox::Outlet;
use crate::instance::Order;
use crate::status::TrackerStatus;
use crate::users::Users;

/// Why the trackers could not be started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HealthError {
    #[error(transparent)]
    Track(#[from] TrackError),
    #[error("script {name}: {source}")]
    User { name: Arc<str>, source: LookupError },
}

/// One instance's interest in one tracker.
#[derive(Debug, Clone)]
pub(crate) struct Interest {
    pub(crate) kind: Kind,
    pub(crate) tracker: Arc<str>,
    /// The name under which the instance knows it.
    pub(crate) shown: Arc<str>,
    pub(crate) weight: Weight,
}

/// What an instance tracks, besides interfaces.
pub(crate) fn interests(tracks: &model::Tracks) -> Vec<Interest> {
    let shown = shown_names(tracks);
    let of = |kind, tracks: &[Track<Arc<str>>]| -> Vec<Interest> {
        let interest = |track: &Track<Arc<str>>| Interest {
            kind,
            tracker: Arc::clone(&track.target),
            shown: shown(kind, &track.target),
            weight: weight(*track.weight),
        };
        tracks.iter().map(interest).collect()
    };
    let processes = of(Process::KIND, &tracks.processes);
    let files = of(File::KIND, &tracks.files);
    [processes, files, of(Script::KIND, &tracks.scripts)].concat()
}

/// The weight as the state machine has it.
pub(crate) const fn weight(weight: model::Weight) -> Weight {
    Weight { points: weight.value, reverse: weight.reverse }
}

/// A tracker's name is its own, unless another kind has one of that name: then the kind is added.
fn shown_names(tracks: &model::Tracks) -> impl Fn(Kind, &Arc<str>) -> Arc<str> {
    let mut uses: HashMap<Arc<str>, usize> = HashMap::new();
    let named = [&tracks.processes, &tracks.files, &tracks.scripts];
    for track in named.into_iter().flatten() {
        *uses.entry(Arc::clone(&track.target)).or_default() += 1;
    }
    for track in &tracks.interfaces {
        *uses.entry(track.target.as_str().into()).or_default() += 1;
    }
    move |kind, name| match uses.get(name) {
        Some(2..) => format!("{kind} {name}").into(),
        _ => Arc::clone(name),
    }
}

/// Who wants to know what, and what was read last.
#[derive(Debug, Default)]
struct Board {
    readings: HashMap<(Kind, Arc<str>), Reading>,
    interests: HashMap<Arc<str>, (Outlet, Vec<Interest>)>,
}

impl Board {
    /// Forgets what was read of others than these: it would say nothing about one that is back some day.
    fn keep(&mut self, tracked: &HashSet<(Kind, Arc<str>)>) {
        self.readings.retain(|key, _| tracked.contains(key));
    }

    fn take(&mut self, update: Update) {
        let key = (update.reading.kind, update.name);
        for (outlet, interests) in self.interests.values() {
            for interest in
                interests.iter().filter(|one| (one.kind, &one.tracker) == (key.0, &key.1))
            {
                let influence = influence(interest.weight, Some(&update.reading));
                outlet.order(Order::Tracker { name: Arc::clone(&interest.shown), influence });
            }
        }
        self.readings.insert(key, update.reading);
    }
}

/// What a reading means by a weight; `None` is that nothing was read yet.
fn influence(weight: Weight, reading: Option<&Reading>) -> Influence {
    let verdict = match reading.map(|reading| reading.measure) {
        None => Verdict::Unknown,
        Some(Measure::Value(value)) => return weight.judge_value(value),
        Some(Measure::Verdict(verdict)) if verdict.is_up() => Verdict::Up,
        Some(Measure::Verdict(_)) => Verdict::Down,
    };
    weight.judge(verdict)
}

/// The trackers of all kinds.
pub(crate) struct Health {
    board: Arc<Mutex<Board>>,
    trackers: Trackers,
}

impl Health {
    /// No trackers yet.
    pub(crate) fn new() -> Self {
        let board: Arc<Mutex<Board>> = Arc::default();
        let for_sink = Arc::clone(&board);
        let trackers = Trackers::new(move |update| {
            log::info!("tracker {update}");
            lock(&for_sink).take(update);
        });
        Self { board, trackers }
    }

    /// Tracks what the configuration defines and somebody uses; what is tracked already goes on. If
    /// this fails, nothing has changed.
    pub(crate) fn configure(&mut self, config: &Config, users: &Users) -> Result<(), HealthError> {
        let processes = used(config, |tracks| &tracks.processes);
        let processes = processes.filter_map(|name| config.processes.get(&name));
        let files = used(config, |tracks| &tracks.files);
        let files = files.filter_map(|name| config.files.get(&name));
        let scripts = used(config, |tracks| &tracks.scripts);
        let scripts = scripts.filter_map(|name| config.scripts.get(&name));
        let scripts = scripts.map(|defined| Ok(script(defined, users)?.into()));
        let mut sources: Vec<Source> = scripts.collect::<Result<_, HealthError>>()?;
        sources.extend(processes.map(|defined| process(defined).into()));
        sources.extend(files.map(|defined| file(defined).into()));
        self.track(sources)?;
        Ok(())
    }

    fn track(&mut self, sources: Vec<Source>) -> Result<(), TrackError> {
        let tracked =
            sources.iter().map(|source| (source.kind(), Arc::clone(source.name()))).collect();
        // A new tracker may have its first reading before the old ones are forgotten.
        let mut board = lock(&self.board);
        self.trackers.reconfigure(sources)?;
        board.keep(&tracked);
        Ok(())
    }

    /// Tells an instance from now on; returns what its trackers mean to it now.
    pub(crate) fn subscribe(
        &self,
        instance: Arc<str>,
        outlet: Outlet,
        interests: Vec<Interest>,
    ) -> Vec<(Arc<str>, Influence)> {
        let mut board = lock(&self.board);
        let now = interests.iter().map(|interest| {
            let reading = board.readings.get(&(interest.kind, Arc::clone(&interest.tracker)));
            (Arc::clone(&interest.shown), influence(interest.weight, reading))
        });
        let now = now.collect();
        board.interests.insert(instance, (outlet, interests));
        now
    }

    /// Tells an instance nothing any more.
    pub(crate) fn forget(&self, instance: &str) {
        lock(&self.board).interests.remove(instance);
    }

    /// How the trackers stand, for the operator.
    pub(crate) fn status(&self) -> Vec<TrackerStatus> {
        self.trackers.status().into_iter().map(status).collect()
    }
}

fn status(source: SourceStatus) -> TrackerStatus {
    TrackerStatus {
        kind: source.kind.to_string(),
        name: source.name.to_string(),
        verdict: source.measure.map_or_else(|| "unknown".to_owned(), |measure| measure.to_string()),
        detail: source.detail,
    }
}

/// The names of one kind that some instance uses, each once.
fn used<'a>(
    config: &'a Config,
    of: impl Fn(&'a model::Tracks) -> &'a Vec<Track<Arc<str>>>,
) -> impl Iterator<Item = Arc<str>> {
    let all = config.instances.iter().flat_map(move |instance| of(&instance.tracks));
    let names: std::collections::BTreeSet<_> = all.map(|track| Arc::clone(&track.target)).collect();
    names.into_iter()
}

fn process(defined: &model::TrackedProcess) -> Process {
    let param_match = defined.param_match.map(|how| match how {
        model::ParamMatch::Partial => ParamMatch::Partial,
        model::ParamMatch::Initial => ParamMatch::Initial,
    });
    let parameters = defined.parameters.iter().map(Into::into).collect();
    let matcher =
        Matcher::from_words(&*defined.process, parameters, defined.full_command, param_match);
    let mut source = Process::new(Arc::clone(&defined.name), matcher)
        .quorum(defined.quorum)
        .fork_delay(defined.fork_delay)
        .terminate_delay(defined.terminate_delay);
    source.quorum_max = defined.quorum_max;
    source
}

fn file(defined: &model::TrackedFile) -> File {
    let mut source = File::new(Arc::clone(&defined.name), &*defined.path);
    source.init =
        defined.init.map(|init| InitFile { value: init.value, overwrite: init.overwrite });
    source
}

fn script(defined: &model::Script, users: &Users) -> Result<Script, HealthError> {
    let name = Arc::clone(&defined.name);
    let program = users
        .script(&defined.command)
        .map_err(|source| HealthError::User { name: Arc::clone(&name), source })?;
    let times = |count| NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
    let mut source = Script::new(name, program)
        .interval(defined.interval)
        .timeout(defined.timeout)
        .rise(times(defined.rise))
        .fall(times(defined.fall));
    source.init = defined.init_fail.then_some(vrrp_track::Verdict::Down);
    Ok(source)
}

fn lock(board: &Mutex<Board>) -> MutexGuard<'_, Board> {
    board.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::inbox::inbox;

    #[test]
    fn what_was_read_before_a_tracker_was_taken_away_is_forgotten() {
        let directory = std::env::temp_dir().join(format!("vrrpd-health-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let path = directory.join("f");
        std::fs::write(&path, "7").unwrap();
        let mut health = Health::new();
        let source = || -> Source { File::new("f", &path).into() };
        let (outlet, _inbox) = inbox();
        let meaning = |health: &Health| {
            let (name, weight): (Arc<str>, _) = ("f".into(), Weight::new(1));
            let (shown, tracker) = (Arc::clone(&name), name);
            let interest = Interest { kind: File::KIND, tracker, shown, weight };
            health.subscribe("VI_1".into(), outlet.clone(), vec![interest])[0].1
        };
        let wait_for = |health: &Health, value| {
            let deadline = Instant::now() + Duration::from_secs(20);
            while meaning(health) != Influence::Weight(value) {
                assert!(Instant::now() < deadline, "the value is never {value}");
                std::thread::sleep(Duration::from_millis(1));
            }
        };
        health.track(vec![source()]).unwrap();
        wait_for(&health, 7);
        health.track(vec![source(), File::new("other", directory.join("other")).into()]).unwrap();
        assert_eq!(meaning(&health), Influence::Weight(7), "another one changes nothing");
        health.track(vec![]).unwrap();
        assert_eq!(meaning(&health), Weight::new(1).judge(Verdict::Unknown));
        health.track(vec![source()]).unwrap();
        wait_for(&health, 7);

        // Out and in again, before its thread can have looked.
        for _ in 0..100 {
            health.track(vec![]).unwrap();
            health.track(vec![source()]).unwrap();
        }
        wait_for(&health, 7);
        std::fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_set_that_is_refused_leaves_what_was_read() {
        let mut health = Health::new();
        let source = |path: &str| -> Source { File::new("f", path).into() };
        health.track(vec![source("/nowhere")]).unwrap();
        let update = Update::new("f", Reading::new(File::KIND, 7, ""));
        lock(&health.board).take(update);
        let refused = health.track(vec![source("/a"), source("/b")]);
        assert_eq!(refused.unwrap_err().to_string(), "two sources are called `f`");
        assert!(lock(&health.board).readings.contains_key(&(File::KIND, "f".into())));
    }
}
