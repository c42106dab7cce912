//! The trackers, and what their readings mean to whom.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use vrrp_conf::model::{self, Config, Track};
use vrrp_fsm::{Influence, Verdict, Weight};
use vrrp_track::file::{FileSource, FileTracker, InitFile};
use vrrp_track::process::{Matcher, ParamMatch, ProcessSource, ProcessTracker};
use vrrp_track::script::{ScriptSource, ScriptTracker};
use vrrp_track::{LookupError, Reading, Sink, TrackError, Update};

use crate::inbox::Outlet;
use crate::instance::Order;
use crate::status::TrackerStatus;
use crate::users::Users;

/// What kind of thing is tracked; names are unique within a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Process,
    File,
    Script,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Process => "process",
            Self::File => "file",
            Self::Script => "script",
        })
    }
}

impl Kind {
    const fn of(reading: &Reading) -> Self {
        match reading {
            Reading::Process { .. } => Self::Process,
            Reading::File { .. } => Self::File,
            Reading::Script { .. } => Self::Script,
        }
    }
}

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
    let processes = of(Kind::Process, &tracks.processes);
    let files = of(Kind::File, &tracks.files);
    [processes, files, of(Kind::Script, &tracks.scripts)].concat()
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
    tracked: HashSet<(Kind, Arc<str>)>,
    readings: HashMap<(Kind, Arc<str>), Reading>,
    interests: HashMap<Arc<str>, (Outlet, Vec<Interest>)>,
}

impl Board {
    /// Says what is tracked from now on. What was read of the others is forgotten: it would say
    /// nothing about one that is back some day.
    fn track(&mut self, tracked: HashSet<(Kind, Arc<str>)>) {
        self.readings.retain(|key, _| tracked.contains(key));
        self.tracked = tracked;
    }

    fn take(&mut self, update: Update) {
        let key = (Kind::of(&update.reading), update.name);
        if !self.tracked.contains(&key) {
            return;
        }
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
    let verdict = match reading {
        None => Verdict::Unknown,
        Some(Reading::File { value }) => return weight.judge_value(*value),
        Some(Reading::Process { verdict, .. } | Reading::Script { verdict, .. }) => {
            if verdict.is_up() { Verdict::Up } else { Verdict::Down }
        }
    };
    weight.judge(verdict)
}

/// The trackers of all kinds.
pub(crate) struct Health {
    board: Arc<Mutex<Board>>,
    processes: Option<ProcessTracker>,
    files: Option<FileTracker>,
    scripts: Option<ScriptTracker>,
}

impl Health {
    /// No trackers yet.
    pub(crate) fn new() -> Self {
        Self { board: Arc::default(), processes: None, files: None, scripts: None }
    }

    /// Tracks what the configuration defines and somebody uses; what is tracked already goes on.
    pub(crate) fn configure(&mut self, config: &Config, users: &Users) -> Result<(), HealthError> {
        let processes = used(config, |tracks| &tracks.processes);
        let processes = processes.filter_map(|name| config.processes.get(&name)).map(process);
        let files = used(config, |tracks| &tracks.files);
        let files = files.filter_map(|name| config.files.get(&name)).map(file);
        let scripts: Vec<_> = used(config, |tracks| &tracks.scripts)
            .filter_map(|name| config.scripts.get(&name))
            .map(|defined| script(defined, users))
            .collect::<Result<_, _>>()?;
        let (processes, files): (Vec<_>, Vec<_>) = (processes.collect(), files.collect());
        let named = |kind, name: &Arc<str>| (kind, Arc::clone(name));
        let tracked = processes.iter().map(|source| named(Kind::Process, &source.name));
        let tracked = tracked.chain(files.iter().map(|source| named(Kind::File, &source.name)));
        let tracked = tracked.chain(scripts.iter().map(|source| named(Kind::Script, &source.name)));
        lock(&self.board).track(tracked.collect());
        self.configure_processes(processes)?;
        self.configure_files(files)?;
        self.configure_scripts(scripts)?;
        Ok(())
    }

    // A kind that was never used costs no thread.

    fn configure_processes(&mut self, sources: Vec<ProcessSource>) -> Result<(), TrackError> {
        match &self.processes {
            Some(tracker) => tracker.reconfigure(sources)?,
            None if sources.is_empty() => {}
            None => self.processes = Some(ProcessTracker::start(sources, self.sink())?),
        }
        Ok(())
    }

    fn configure_files(&mut self, sources: Vec<FileSource>) -> Result<(), TrackError> {
        match &self.files {
            Some(tracker) => tracker.reconfigure(sources)?,
            None if sources.is_empty() => {}
            None => self.files = Some(FileTracker::start(sources, self.sink())?),
        }
        Ok(())
    }

    fn configure_scripts(&mut self, sources: Vec<ScriptSource>) -> Result<(), TrackError> {
        match &self.scripts {
            Some(tracker) => tracker.reconfigure(sources)?,
            None if sources.is_empty() => {}
            None => self.scripts = Some(ScriptTracker::start(sources, self.sink())?),
        }
        Ok(())
    }

    fn sink(&self) -> Sink {
        let board = Arc::clone(&self.board);
        Box::new(move |update| {
            log::info!("tracker {update}");
            lock(&board).take(update);
        })
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
        let processes = self.processes.iter().flat_map(process_status);
        let files = self.files.iter().flat_map(file_status);
        let scripts = self.scripts.iter().flat_map(script_status);
        processes.chain(files).chain(scripts).collect()
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

fn process(defined: &model::TrackedProcess) -> ProcessSource {
    let param_match = defined.param_match.map(|how| match how {
        model::ParamMatch::Partial => ParamMatch::Partial,
        model::ParamMatch::Initial => ParamMatch::Initial,
    });
    let parameters = defined.parameters.iter().map(Into::into).collect();
    let matcher =
        Matcher::from_words(&*defined.process, parameters, defined.full_command, param_match);
    ProcessSource {
        quorum: defined.quorum,
        quorum_max: defined.quorum_max,
        fork_delay: defined.fork_delay,
        terminate_delay: defined.terminate_delay,
        ..ProcessSource::new(Arc::clone(&defined.name), matcher)
    }
}

fn file(defined: &model::TrackedFile) -> FileSource {
    let init = defined.init.map(|init| InitFile { value: init.value, overwrite: init.overwrite });
    FileSource { init, ..FileSource::new(Arc::clone(&defined.name), &*defined.path) }
}

fn script(defined: &model::Script, users: &Users) -> Result<ScriptSource, HealthError> {
    let name = Arc::clone(&defined.name);
    let program = users
        .script(&defined.command)
        .map_err(|source| HealthError::User { name: Arc::clone(&name), source })?;
    let times = |count| NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
    Ok(ScriptSource {
        interval: defined.interval,
        timeout: Some(defined.timeout),
        rise: times(defined.rise),
        fall: times(defined.fall),
        init: defined.init_fail.then_some(vrrp_track::Verdict::Down),
        ..ScriptSource::new(name, program)
    })
}

fn process_status(tracker: &ProcessTracker) -> Vec<TrackerStatus> {
    let status = tracker.status();
    // With every reason why some may be missed or seen late.
    let how = status.to_string();
    let one = |source: vrrp_track::process::ProcessSourceStatus| TrackerStatus {
        kind: Kind::Process.to_string(),
        name: source.name.to_string(),
        verdict: verdict(source.verdict),
        detail: match source.warning {
            Some(warning) => format!("{} running, seen by {how}; {warning}", source.count),
            None => format!("{} running, seen by {how}", source.count),
        },
    };
    status.sources.into_iter().map(one).collect()
}

fn file_status(tracker: &FileTracker) -> Vec<TrackerStatus> {
    let one = |source: vrrp_track::file::FileSourceStatus| {
        let missing = if source.exists { "" } else { " (missing)" };
        let notes = [source.problem, source.polled].into_iter().flatten();
        let notes: String = notes.map(|note| format!("; {note}")).collect();
        TrackerStatus {
            kind: Kind::File.to_string(),
            name: source.name.to_string(),
            verdict: source.value.to_string(),
            detail: format!("{}{missing}{notes}", source.path.display()),
        }
    };
    tracker.status().sources.into_iter().map(one).collect()
}

fn script_status(tracker: &ScriptTracker) -> Vec<TrackerStatus> {
    let one = |source: vrrp_track::script::ScriptSourceStatus| TrackerStatus {
        kind: Kind::Script.to_string(),
        name: source.name.to_string(),
        verdict: verdict(source.verdict),
        detail: match source.last {
            Some((outcome, took)) => {
                let last = format!("last result: {outcome} after {took:.1?}");
                match (source.against, source.verdict) {
                    (0, _) | (_, None) => last,
                    (fails, Some(up)) if up.is_up() => {
                        format!("{last}; failures in a row: {fails}")
                    }
                    (passes, Some(_)) => format!("{last}; successes in a row: {passes}"),
                }
            }
            None => "no result yet".to_owned(),
        },
    };
    tracker.status().sources.into_iter().map(one).collect()
}

fn verdict(verdict: Option<vrrp_track::Verdict>) -> String {
    verdict.map_or_else(|| "unknown".to_owned(), |verdict| verdict.to_string())
}

fn lock(board: &Mutex<Board>) -> MutexGuard<'_, Board> {
    board.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inbox::inbox;

    #[test]
    fn what_was_read_before_a_tracker_was_taken_away_is_forgotten() {
        let health = Health::new();
        let track = |names: &[&str]| {
            let tracked = names.iter().map(|name| (Kind::File, Arc::from(*name)));
            lock(&health.board).track(tracked.collect());
        };
        let read = |value| {
            let update = Update { name: "f".into(), reading: Reading::File { value } };
            lock(&health.board).take(update);
        };
        let meaning = || {
            let (name, weight): (Arc<str>, _) = ("f".into(), Weight::new(1));
            let (shown, tracker) = (Arc::clone(&name), name);
            let interest = Interest { kind: Kind::File, tracker, shown, weight };
            let (outlet, _inbox) = inbox();
            health.subscribe("VI_1".into(), outlet, vec![interest])[0].1
        };
        let unknown = Weight::new(1).judge(Verdict::Unknown);
        track(&["f"]);
        read(7);
        track(&["f", "other"]);
        assert_eq!(meaning(), Influence::Weight(7), "another one changes nothing");
        track(&[]);
        read(8);
        track(&["f"]);
        assert_eq!(meaning(), unknown);
    }
}
