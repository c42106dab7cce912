//! Files: the number written in each.
//!
//! A value is the file's first number, as [`parse_value`] reads it. A missing or empty file is 0; text that is
//! no number, and a file that cannot be read, leave the last value in force (0 at first), and status and log say so.
//!
//! A file is read when a writer closes it, when it is moved or deleted, and when its directory comes or goes: all
//! noticed at once, through inotify on the directory. Where inotify cannot tell (status says where, and why),
//! it is looked at every [`POLL_INTERVAL`], and read when it has looked the same twice.
//!
//! ```
//! use std::sync::mpsc;
//! use vrrp_track::file::{FileSource, FileTracker};
//!
//! let (updates, inbox) = mpsc::channel();
//! let path = std::env::temp_dir().join(format!("load-{}", std::process::id()));
//! let source = FileSource::new("load", &path).init_overwrite(5);
//! let tracker = FileTracker::start(vec![source], Box::new(move |update| drop(updates.send(update))))?;
//! assert_eq!(inbox.recv()?.to_string(), "load: 5");
//! std::fs::write(&path, "6\n")?;
//! assert_eq!(inbox.recv()?.to_string(), "load: 6");
//! tracker.stop();
//! # std::fs::remove_file(&path)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod content;
mod value;
mod watch;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

pub use value::{VALUE_MAX_BYTES, ValueError, parse_value};
pub use watch::POLL_INTERVAL;

use self::watch::Watcher;
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
        let watcher = Watcher::new(sink, Arc::clone(&status));
        let run = move |mailbox: Arc<_>, poller| watcher.run(&mailbox, poller);
        let handle = Handle::spawn("track-file", sources, run)?;
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
