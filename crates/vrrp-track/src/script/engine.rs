//! The thread that runs scripts.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Signal, getrlimit};

use super::schedule::Ticks;
use super::{MAX_RUNNING, MIN_INTERVAL, Script, ScriptSourceStatus, ScriptStatus};
use crate::handle::{BELL, Mailbox, Wanted, lock};
use crate::poll::{LONGEST, Poller};
use crate::refusal::Refusal;
use crate::spawn::{self, Reserve, Running, Tether};
use crate::{Damper, Outcome, Reading, Sink, SourceKind, Update, Verdict};

/// From SIGTERM to SIGKILL after a timeout.
const GRACE_AFTER_TIMEOUT: Duration = Duration::from_secs(2);

/// From SIGTERM to SIGKILL when a script is no longer wanted.
const GRACE_AT_STOP: Duration = Duration::from_secs(1);

/// How long the thread waits at its end for programs that even SIGKILL does not end at once.
const WAIT_AFTER_KILL: Duration = Duration::from_secs(1);

/// How long nothing is started when this machine is short of something, unless a program ends before.
const RETRY_AFTER_SHORTAGE: Duration = Duration::from_millis(500);

/// A run needs a pidfd and a pipe, for a moment two pipes: with this many descriptors per run, enough
/// remain for everything else.
const DESCRIPTORS_PER_RUN: u64 = 8;

/// Names a script for its life in the engine; never used twice, so that what is overdue is recognised.
type Id = u64;

pub(super) struct Engine {
    scripts: BTreeMap<Id, Check>,
    next_id: Id,
    /// The deadline of each script that has one, earliest first.
    deadlines: BTreeSet<(Instant, Id)>,
    /// Scripts that are due, while as many are running as may.
    queue: VecDeque<Id>,
    running: usize,
    running_max: usize,
    /// Descriptors for starting programs.
    reserve: Reserve,
    /// When to try again to start programs, while this machine is short of something.
    retry: Option<Instant>,
    poller: Poller,
    news: Vec<Update>,
    sink: Sink,
    status: Arc<Mutex<ScriptStatus>>,
}

struct Check {
    source: Script,
    since: u64,
    state: State,
    ticks: Ticks,
    damper: Damper,
    reported: Option<Verdict>,
    last: Option<(Outcome, Duration)>,
    results: u64,
    /// Why it could not be started, though nothing is wrong with it.
    shortage: Option<Arc<str>>,
    /// Its place in status; `None` once it is no longer wanted and only dies.
    place: Option<usize>,
}

/// The deadline of each state lives in it; see [`State::deadline`].
#[derive(Default)]
enum State {
    /// Due then.
    Idle { due: Instant },
    /// Due, and waiting for its turn.
    #[default]
    Queued,
    /// To be killed then.
    Running { run: Running, limit: Instant },
    /// Its group has had SIGTERM, and gets SIGKILL then, if still there.
    Dying { run: Running, kill: Option<Instant>, counts: Option<Instant> },
}

impl State {
    fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Idle { due } => Some(*due),
            Self::Queued => None,
            Self::Running { limit, .. } => Some(*limit),
            Self::Dying { kill, counts, .. } => kill.iter().chain(counts).min().copied(),
        }
    }

    const fn run(&self) -> Option<&Running> {
        match self {
            Self::Running { run, .. } | Self::Dying { run, .. } => Some(run),
            Self::Idle { .. } | Self::Queued => None,
        }
    }
}

impl Engine {
    pub(super) fn new(
        poller: Poller,
        reserve: Reserve,
        sink: Sink,
        status: Arc<Mutex<ScriptStatus>>,
    ) -> Self {
        Self {
            scripts: BTreeMap::new(),
            next_id: 0,
            deadlines: BTreeSet::new(),
            queue: VecDeque::new(),
            running: 0,
            running_max: running_max(),
            reserve,
            retry: None,
            poller,
            news: Vec::new(),
            sink,
            status,
        }
    }

    /// The thread's loop, until told to stop.
    pub(super) fn run(mut self, mailbox: &Mailbox<Script>) -> io::Result<()> {
        loop {
            for token in self.poller.wait(self.next_deadline())? {
                if token != BELL {
                    self.ended(token);
                    continue;
                }
                let mail = mailbox.take();
                if mail.stop {
                    return self.stop();
                }
                if let Some(sources) = mail.sources {
                    self.reconfigure(sources);
                }
            }
            self.deadlines_passed(Instant::now());
            self.start_queued();
            self.report();
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        let retry = self.retry.filter(|_| !self.queue.is_empty());
        self.deadlines.first().map(|&(instant, _)| instant).into_iter().chain(retry).min()
    }

    /// Changes a script; its deadline and its status follow.
    fn update<R>(&mut self, id: Id, change: impl FnOnce(&mut Check) -> R) -> Option<R> {
        let script = self.scripts.get_mut(&id)?;
        let before = script.state.deadline();
        let result = change(script);
        let after = script.state.deadline();
        if before != after {
            before.map(|instant| self.deadlines.remove(&(instant, id)));
            self.deadlines.extend(after.map(|instant| (instant, id)));
        }
        if let Some(place) = script.place {
            lock(&self.status).sources[place] = script.status();
        }
        Some(result)
    }

    fn deadlines_passed(&mut self, now: Instant) {
        while let Some(&(deadline, id)) = self.deadlines.first() {
            if deadline > now {
                return;
            }
            self.deadlines.pop_first();
            let news = self.update(id, |script| script.deadline_passed(now)).flatten();
            self.news.extend(news);
            if self.scripts.get(&id).is_some_and(Check::is_queued) {
                self.queue.push_back(id);
            }
        }
    }

    /// The program of a script has ended.
    fn ended(&mut self, id: Id) {
        let run = self.scripts.get(&id).and_then(|script| script.state.run());
        if !run.is_some_and(Running::has_ended) {
            return;
        }
        let news = match self.update(id, |script| std::mem::take(&mut script.state)) {
            Some(State::Running { run, .. }) => {
                let (started, took) = (run.started(), run.age());
                match self.close(run) {
                    Err(Refusal::Shortage(why)) => {
                        self.postpone(id, why);
                        None
                    }
                    ended => {
                        let outcome = ended.unwrap_or_else(Outcome::of_refusal);
                        self.update(id, |script| script.ended(started, outcome, took)).flatten()
                    }
                }
            }
            Some(State::Dying { run, .. }) => {
                // Before it is waited for: until then its group's number is nobody else's.
                run.signal_group(Signal::KILL);
                let started = run.started();
                let _ = self.close(run);
                self.update(id, |script| script.due_after(started));
                None
            }
            Some(State::Idle { .. } | State::Queued) | None => None,
        };
        self.news.extend(news);
        if self.scripts.get(&id).is_some_and(|script| script.place.is_none()) {
            self.remove(id);
        }
    }

    fn close(&mut self, run: Running) -> Result<Outcome, Refusal> {
        self.running -= 1;
        let ended = run.finish(&self.poller);
        // What it held may be what is lacking.
        self.reserve.refill();
        self.retry = None;
        ended
    }

    fn start_queued(&mut self) {
        if self.retry.is_some_and(|at| at > Instant::now()) {
            return;
        }
        self.retry = None;
        while self.running < self.running_max && self.retry.is_none() {
            let Some(id) = self.queue.pop_front() else { return };
            self.start(id);
        }
    }

    fn start(&mut self, id: Id) {
        let Some(script) = self.scripts.get(&id) else { return };
        let (program, reserve) = (&script.source.program, &mut self.reserve);
        let news = match spawn::start(program, Tether::Tied, &self.poller, id, reserve) {
            Ok(run) => {
                self.running += 1;
                self.update(id, |script| script.started(run));
                None
            }
            Err(Refusal::Shortage(why)) => {
                self.postpone(id, why);
                None
            }
            Err(Refusal::Program(why)) => {
                let now = Instant::now();
                self.update(id, |script| script.could_not_start(why, now)).flatten()
            }
        };
        self.news.extend(news);
    }

    /// It goes back to the head of the queue: what this machine cannot do says nothing about what is checked.
    fn postpone(&mut self, id: Id, why: Arc<str>) {
        let postponed = self.update(id, |script| {
            script.state = State::Queued;
            if script.place.is_some() && script.shortage.is_none() {
                log::warn!("{}: not run at present: {why}", script.source.name);
            }
            script.shortage = Some(why);
        });
        if postponed.is_some() {
            self.queue.push_front(id);
            self.retry = Some(Instant::now() + RETRY_AFTER_SHORTAGE);
        }
    }

    fn reconfigure(&mut self, sources: Vec<Wanted<Script>>) {
        let now = Instant::now();
        let wanted = self.scripts.iter().filter(|(_, script)| script.place.is_some());
        let old: HashMap<(Arc<str>, u64), Id> = wanted
            .map(|(id, script)| ((Arc::clone(&script.source.name), script.since), *id))
            .collect();
        let count = sources.len();
        let mut ids = Vec::with_capacity(count);
        for (place, Wanted { source, since }) in sources.into_iter().enumerate() {
            let same = old.get(&(Arc::clone(&source.name), since)).copied();
            let kept = same.filter(|id| self.scripts[id].source.program == source.program);
            let schedule = Ticks::spread(now, source.pace(), place, count);
            let id = kept.unwrap_or_else(|| self.insert(&source, since, same, schedule));
            ids.push((id, source));
        }
        let kept: BTreeSet<Id> = ids.iter().map(|&(id, _)| id).collect();
        for id in old.into_values().filter(|id| !kept.contains(id)) {
            self.retire(id, now);
        }
        self.place(ids, now);
    }

    /// Gives the wanted scripts their sources, and status their order.
    fn place(&mut self, ids: Vec<(Id, Script)>, now: Instant) {
        let mut status = Vec::with_capacity(ids.len());
        for (place, (id, source)) in ids.into_iter().enumerate() {
            // Not in status while it moves to its new place.
            self.update(id, |script| {
                script.place = None;
                script.adopt(source, now);
            });
            if let Some(script) = self.scripts.get_mut(&id) {
                script.place = Some(place);
                self.news.extend(script.news(None));
                status.push(script.status());
            }
        }
        lock(&self.status).sources = status;
    }

    /// A script with nothing behind it. If it replaces another program of that name, the old one's verdict
    /// stands until the first result.
    fn insert(
        &mut self,
        source: &Script,
        since: u64,
        previous: Option<Id>,
        (ticks, due): (Ticks, Instant),
    ) -> Id {
        let reported = previous.and_then(|id| self.scripts[&id].reported);
        let damper = Damper::new(source.rise, source.fall);
        let script = Check {
            source: source.clone(),
            since,
            state: State::Idle { due },
            ticks,
            damper: match source.init {
                Some(verdict) if reported.is_none() => damper.assuming(verdict),
                _ => damper,
            },
            reported,
            last: None,
            results: 0,
            shortage: None,
            place: None,
        };
        let id = self.next_id;
        self.next_id += 1;
        self.scripts.insert(id, script);
        self.deadlines.insert((due, id));
        id
    }

    /// Lets a script die that is no longer wanted.
    fn retire(&mut self, id: Id, now: Instant) {
        let is_over = self.update(id, |script| {
            script.place = None;
            script.end_run(now)
        });
        if is_over == Some(true) {
            self.remove(id);
        }
    }

    fn remove(&mut self, id: Id) {
        let removed = self.scripts.remove(&id);
        if let Some(deadline) = removed.and_then(|script| script.state.deadline()) {
            self.deadlines.remove(&(deadline, id));
        }
        self.queue.retain(|&queued| queued != id);
    }

    /// Ends all programs; status and sink hear nothing of it.
    fn stop(mut self) -> io::Result<()> {
        let now = Instant::now();
        let ids: Vec<Id> = self.scripts.keys().copied().collect();
        for id in ids {
            self.retire(id, now);
        }
        let give_up = now + GRACE_AT_STOP + WAIT_AFTER_KILL;
        while !self.scripts.is_empty() && Instant::now() < give_up {
            let deadline = self.next_deadline().map_or(give_up, |deadline| deadline.min(give_up));
            for token in self.poller.wait(Some(deadline))? {
                self.ended(token);
            }
            self.deadlines_passed(Instant::now());
        }
        for script in self.scripts.values() {
            log::warn!("{}: `{}` cannot be killed", script.source.name, script.source.program);
        }
        Ok(())
    }

    /// Status is there first: whoever receives an update finds it in status already.
    fn report(&mut self) {
        lock(&self.status).waiting = self.queue.len();
        for update in self.news.drain(..) {
            (self.sink)(update);
        }
    }
}

impl Check {
    fn is_queued(&self) -> bool {
        matches!(self.state, State::Queued)
    }

    fn deadline_passed(&mut self, now: Instant) -> Option<Update> {
        match std::mem::take(&mut self.state) {
            State::Idle { .. } | State::Queued => None,
            State::Running { run, .. } => {
                run.signal_group(Signal::TERM);
                let took = run.age();
                let (kill, counts) =
                    (Some(now + GRACE_AFTER_TIMEOUT), Some(now + self.source.retry()));
                self.state = State::Dying { run, kill, counts };
                self.observe(Outcome::TimedOut(self.source.limit()), took)
            }
            State::Dying { run, mut kill, mut counts } => {
                if kill.take_if(|at| *at <= now).is_some() {
                    run.signal_group(Signal::KILL);
                }
                // Not even dead yet, when the next run would have timed out.
                let hangs_on = counts.take_if(|at| *at <= now).is_some();
                let took = run.age();
                if hangs_on {
                    counts = Some(now + self.source.retry());
                }
                self.state = State::Dying { run, kill, counts };
                hangs_on
                    .then(|| self.observe(Outcome::TimedOut(self.source.limit()), took))
                    .flatten()
            }
        }
    }

    fn started(&mut self, run: Running) {
        self.state = State::Running { limit: run.started() + self.source.limit(), run };
    }

    fn could_not_start(&mut self, why: Arc<str>, now: Instant) -> Option<Update> {
        self.due_after(now);
        self.observe(Outcome::CouldNotStart(why), Duration::ZERO)
    }

    fn ended(&mut self, started: Instant, outcome: Outcome, took: Duration) -> Option<Update> {
        self.state = State::Idle { due: self.ticks.next_from(started, started + took) };
        self.observe(outcome, took)
    }

    /// After a run that was killed, one that has become due in the meantime is made up for.
    fn due_after(&mut self, started: Instant) {
        self.state = State::Idle { due: self.ticks.next(started) };
    }

    /// Starts to end a run that is no longer wanted; returns whether there is none.
    fn end_run(&mut self, now: Instant) -> bool {
        match std::mem::take(&mut self.state) {
            State::Running { run, .. } | State::Dying { run, .. } => {
                run.signal_group(Signal::TERM);
                self.state = State::Dying { run, kill: Some(now + GRACE_AT_STOP), counts: None };
                false
            }
            State::Idle { .. } | State::Queued => true,
        }
    }

    /// One result: for the damper, for status, and if it changes the verdict, news.
    fn observe(&mut self, outcome: Outcome, took: Duration) -> Option<Update> {
        self.place?;
        self.results += 1;
        self.shortage = None;
        self.damper.observe(Verdict::from(outcome.is_success()));
        self.last = Some((outcome.clone(), took));
        self.news(Some(outcome))
    }

    /// The verdict, if it has not been reported yet.
    fn news(&mut self, outcome: Option<Outcome>) -> Option<Update> {
        let verdict = self.damper.verdict()?;
        if self.reported.replace(verdict) == Some(verdict) {
            return None;
        }
        let detail =
            outcome.map_or_else(|| "assumed at start".to_owned(), |outcome| outcome.to_string());
        let reading = Reading::new(Script::KIND, verdict, detail);
        Some(Update::new(Arc::clone(&self.source.name), reading))
    }

    /// Takes over what may differ without a new program: pace, timeout, rise and fall.
    fn adopt(&mut self, source: Script, now: Instant) {
        if (source.rise, source.fall) != (self.source.rise, self.source.fall) {
            let damper = Damper::new(source.rise, source.fall);
            self.damper = match self.damper.verdict() {
                Some(verdict) => damper.assuming(verdict),
                None => damper,
            };
        }
        if source.pace() != self.source.pace() {
            (self.ticks, _) = Ticks::spread(now, source.pace(), 0, 1);
            if let State::Idle { due } = &mut self.state {
                *due = (*due).min(self.ticks.after(now));
            }
        }
        self.source = source;
    }

    fn status(&self) -> ScriptSourceStatus {
        ScriptSourceStatus {
            name: Arc::clone(&self.source.name),
            verdict: self.damper.verdict().or(self.reported),
            against: self.damper.against(),
            last: self.last.clone(),
            running: self.state.run().map(Running::started),
            results: self.results,
            shortage: self.shortage.clone(),
        }
    }
}

impl Script {
    fn pace(&self) -> Duration {
        self.interval.clamp(MIN_INTERVAL, LONGEST)
    }

    fn limit(&self) -> Duration {
        self.timeout.unwrap_or(self.interval).clamp(MIN_INTERVAL, LONGEST)
    }

    /// How often a run that will not die counts as failed again: as often as fresh ones would time out.
    fn retry(&self) -> Duration {
        self.pace().max(self.limit())
    }
}

/// As many runs at the same time as may be, and as there are descriptors for.
fn running_max() -> usize {
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(descriptors / DESCRIPTORS_PER_RUN).unwrap_or(MAX_RUNNING).clamp(1, MAX_RUNNING)
}
