//! Files: the number written in each.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use crate::handle::{Handle, check_names, lock};
use crate::{Sink, TrackError};

/// A file whose content is a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSource {
    /// Its name in updates and status.
    pub name: Arc<str>,
    /// The file; it need not exist, nor its directory.
    pub path: PathBuf,
    /// What to write into it when the source is new to the tracker; default nothing.
    pub init: Option<InitFile>,
}

/// What to write into a file at start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InitFile {
    /// The number.
    pub value: i32,
    /// Also into a file that exists already.
    pub overwrite: bool,
}

impl FileSource {
    /// The file at `path`, left as it is.
    pub fn new(name: impl Into<Arc<str>>, path: impl Into<PathBuf>) -> Self {
        Self { name: name.into(), path: path.into(), init: None }
    }

    /// Writes `value` if the file does not exist when the source is new to the tracker.
    #[must_use]
    pub const fn init(mut self, value: i32) -> Self {
        self.init = Some(InitFile { value, overwrite: false });
        self
    }

    /// Writes `value` when the source is new to the tracker, whatever is there.
    #[must_use]
    pub const fn init_overwrite(mut self, value: i32) -> Self {
        self.init = Some(InitFile { value, overwrite: true });
        self
    }
}

/// Watches files on one thread, until dropped or [stopped](Self::stop).
pub struct FileTracker {
    handle: Handle<FileSource>,
    status: Arc<Mutex<FileStatus>>,
}

impl FileTracker {
    /// Starts watching; the first reading of each source follows at once.
    ///
    /// # Errors
    /// Two sources of one name, or no thread or descriptor to be had.
    pub fn start(sources: Vec<FileSource>, sink: Sink) -> Result<Self, TrackError> {
        check_names(sources.iter().map(|source| &source.name))?;
        let status = Arc::new(Mutex::new(FileStatus::default()));
        let handle = Handle::spawn("track-file", move |mailbox| {
            drop((mailbox.take(), mailbox.bell(), sink))
        })?;
        handle.reconfigure(sources);
        Ok(Self { handle, status })
    }

    /// Replaces the set of sources and returns at once.
    ///
    /// A source with the name and path of an old one keeps its value and is not initialised again. A new
    /// one is initialised and reports its reading; a removed one falls silent.
    ///
    /// # Errors
    /// Two sources of one name: nothing changes then.
    pub fn reconfigure(&self, sources: Vec<FileSource>) -> Result<(), TrackError> {
        check_names(sources.iter().map(|source| &source.name))?;
        self.handle.reconfigure(sources);
        Ok(())
    }

    /// How things stand, for the operator.
    pub fn status(&self) -> FileStatus {
        lock(&self.status).clone()
    }

    /// Stops watching; no update is reported after this returns. Dropping does the same.
    pub fn stop(self) {}
}

/// How a [`FileTracker`] stands.
#[derive(Debug, Clone, Default)]
pub struct FileStatus {
    /// One entry per source, in the order of the configuration.
    pub sources: Vec<FileSourceStatus>,
}

/// How one file source stands.
#[derive(Debug, Clone)]
pub struct FileSourceStatus {
    /// The source's name.
    pub name: Arc<str>,
    /// The file.
    pub path: PathBuf,
    /// The value in force.
    pub value: i32,
    /// Whether the file existed when it was last read.
    pub exists: bool,
    /// Why the value in force is not what the file says now (no number, out of range, unreadable), or why
    /// it could not be initialised.
    pub problem: Option<String>,
    /// Why changes are noticed by looking at intervals instead of by inotify, if so.
    pub polled: Option<String>,
}
