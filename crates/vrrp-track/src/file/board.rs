//! What the threads of a file tracker share: whose file is whose, how each stands, and who may report.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};

use super::{File, FileSourceStatus};
use crate::handle::{Wanted, lock};
use crate::{Reading, Sink, SourceKind, Update};

/// Names a file for its life in the tracker; never used twice.
pub(super) type FileId = u64;

/// Names a thread that looks at files; never used twice.
pub(super) type WorkerId = u64;

pub(super) struct Board {
    state: Mutex<State>,
    /// Held while reporting: one call at a time. Taken before the state, never after it.
    sink: Mutex<Sink>,
}

#[derive(Default)]
struct State {
    entries: BTreeMap<FileId, Entry>,
    /// As configured.
    order: Vec<FileId>,
    next_id: FileId,
    reporter: Option<ThreadId>,
    closed: bool,
}

struct Entry {
    file: File,
    since: u64,
    /// Who looks at it; `None` if nobody does yet.
    worker: Option<WorkerId>,
    /// The value that was reported last.
    value: Option<i32>,
    /// Whether its initial value was written, or was tried to be.
    initialised: bool,
    status: FileSourceStatus,
}

/// A file as its thread gets it.
pub(super) struct Assigned {
    pub(super) id: FileId,
    pub(super) file: File,
    pub(super) value: Option<i32>,
}

/// What a thread has found out about one of its files.
pub(super) struct Found {
    pub(super) id: FileId,
    pub(super) value: Option<i32>,
    pub(super) status: FileSourceStatus,
}

/// What a thread is looking at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// A directory, and so all files in it.
    Directory(PathBuf),
    /// A single file.
    File(FileId),
}

impl Target {
    fn includes(&self, id: FileId, file: &File) -> bool {
        match self {
            Self::Directory(path) => path == file.directory(),
            Self::File(this) => *this == id,
        }
    }
}

impl Board {
    pub(super) fn new(sink: Sink) -> Self {
        Self { state: Mutex::default(), sink: Mutex::new(sink) }
    }

    /// Replaces the set of files. Those that stay keep their thread; new ones have none.
    pub(super) fn set(&self, wanted: Vec<Wanted<File>>) {
        let state = &mut *lock(&self.state);
        let mut old: HashMap<(Arc<str>, u64), (FileId, Entry)> = std::mem::take(&mut state.entries)
            .into_iter()
            .map(|(id, entry)| ((Arc::clone(&entry.file.name), entry.since), (id, entry)))
            .collect();
        state.order.clear();
        for Wanted { source, since } in wanted {
            let same = old.remove(&(Arc::clone(&source.name), since));
            let (id, entry) = match same.filter(|(_, entry)| entry.file.path == source.path) {
                Some((id, entry)) => (id, Entry { file: source, ..entry }),
                None => {
                    state.next_id += 1;
                    (state.next_id, Entry::new(source, since))
                }
            };
            state.order.push(id);
            state.entries.insert(id, entry);
        }
    }

    /// Gives the files that nobody looks at to `worker`, if they are in `directory` or that is `None`.
    pub(super) fn assign(&self, worker: WorkerId, directory: Option<&Path>) {
        for entry in lock(&self.state).entries.values_mut() {
            let is_there = directory.is_none_or(|path| path == entry.file.directory());
            if entry.worker.is_none() && is_there {
                entry.worker = Some(worker);
            }
        }
    }

    /// Notes why the files that nobody looks at have to wait; returns whether there are any.
    pub(super) fn wait_for_worker(&self, why: Option<&str>) -> bool {
        let mut any = false;
        for entry in lock(&self.state).entries.values_mut().filter(|entry| entry.worker.is_none()) {
            any = true;
            if let Some(why) = why {
                entry.status.problem = Some(format!("cannot be looked at: {why}"));
            }
        }
        any
    }

    /// Whether `worker` has any files.
    pub(super) fn has_files(&self, worker: WorkerId) -> bool {
        lock(&self.state).entries.values().any(|entry| entry.worker == Some(worker))
    }

    /// The files of `worker`, as configured.
    pub(super) fn assigned(&self, worker: WorkerId) -> Vec<Assigned> {
        let state = lock(&self.state);
        let entry = |id: &FileId| {
            let entry = state.entries.get(id).filter(|entry| entry.worker == Some(worker))?;
            Some(Assigned { id: *id, file: entry.file.clone(), value: entry.value })
        };
        state.order.iter().filter_map(entry).collect()
    }

    /// Whether `worker` is to write the initial value of a file: once, whoever tries.
    pub(super) fn claim_initialisation(&self, worker: WorkerId, id: FileId) -> bool {
        let mut state = lock(&self.state);
        let entry = state.entries.get_mut(&id).filter(|entry| entry.worker == Some(worker));
        entry.is_some_and(|entry| !std::mem::replace(&mut entry.initialised, true))
    }

    /// `worker` waits for an answer. What it waits for says so in status and counts with its last value, 0 at
    /// first; what else `worker` has is taken from it, unless it is `alone`.
    pub(super) fn silent(&self, worker: WorkerId, target: &Target, alone: bool) {
        self.report(|state| {
            let mut news = Vec::new();
            for (&id, entry) in &mut state.entries {
                if entry.worker != Some(worker) {
                    continue;
                }
                if !alone && !target.includes(id, &entry.file) {
                    entry.worker = None;
                    continue;
                }
                let value = entry.value.unwrap_or(0);
                let (name, path) = (&entry.file.name, entry.file.path.display());
                log::warn!("{name}: {path} does not answer; the value stays {value}");
                let problem = Some("does not answer".to_owned());
                let status = FileSourceStatus { problem, ..entry.status.clone() };
                news.extend(entry.take(Some(value), status));
            }
            news
        });
    }

    /// Enters what `worker` has found in status, and reports the values that are news. What is not the worker's
    /// any more is left out.
    pub(super) fn publish(&self, worker: WorkerId, found: Vec<Found>) {
        self.report(|state| {
            let take = |Found { id, value, status }| {
                let entry = state.entries.get_mut(&id);
                entry.filter(|entry| entry.worker == Some(worker))?.take(value, status)
            };
            found.into_iter().filter_map(take).collect()
        });
    }

    /// Changes the state, then reports what that gives. Whoever receives an update finds it in status already,
    /// and may ask for it.
    fn report(&self, change: impl FnOnce(&mut State) -> Vec<Update>) {
        let sink = lock(&self.sink);
        let mut state = lock(&self.state);
        if state.closed {
            return;
        }
        let news = change(&mut state);
        state.reporter = Some(thread::current().id());
        drop(state);
        news.into_iter().for_each(&*sink);
        lock(&self.state).reporter = None;
    }

    /// No update is reported after this returns.
    pub(super) fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        let is_in_sink = state.reporter == Some(thread::current().id());
        drop(state);
        if !is_in_sink {
            drop(lock(&self.sink));
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        lock(&self.state).closed
    }

    /// How all files stand, as configured.
    pub(super) fn status(&self) -> Vec<FileSourceStatus> {
        let state = lock(&self.state);
        let status = |id| state.entries.get(id).map(|entry| entry.status.clone());
        state.order.iter().filter_map(status).collect()
    }
}

impl Entry {
    fn new(file: File, since: u64) -> Self {
        let status = FileSourceStatus {
            name: Arc::clone(&file.name),
            path: file.path.clone(),
            value: None,
            exists: false,
            problem: None,
            polled: None,
        };
        Self { file, since, worker: None, value: None, initialised: false, status }
    }

    /// Returns the value if it is news.
    fn take(&mut self, value: Option<i32>, status: FileSourceStatus) -> Option<Update> {
        self.status = FileSourceStatus { value, ..status };
        let new = value.filter(|_| self.value != value)?;
        self.value = value;
        let name = Arc::clone(&self.file.name);
        Some(Update::new(name, Reading::new(File::KIND, new, "")))
    }
}
