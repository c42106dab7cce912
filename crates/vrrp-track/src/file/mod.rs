//! Files: the number written in each.
//!
//! A value is the file's first number, as [`parse_value`] reads it. A missing or empty file is 0; text that is
//! no number, and a file that cannot be read, leave the last value in force (0 at first), and status and log say so.
//!
//! A file is read when a writer closes it, when it is moved or deleted, and when its directory comes or goes: all
//! noticed at once, through inotify on the directory. Where inotify cannot tell (status says where, and why),
//! it is looked at every [`POLL_INTERVAL`], and read when it has looked the same twice.
//!
//! A file whose file system does not answer within [`PATIENCE`] (a server has gone) keeps its last value, status
//! and log say so, and it is read when there is an answer. No other file waits for it, nor does the end of the
//! tracker: up to [`SILENT_MAX`] threads may be left waiting.
//!
//! ```
//! use std::sync::mpsc;
//! use vrrp_track::file::{File, FileTracker};
//!
//! let (updates, inbox) = mpsc::channel();
//! let path = std::env::temp_dir().join(format!("load-{}", std::process::id()));
//! let source = File::new("load", &path).init_overwrite(5);
//! let tracker = FileTracker::start(vec![source], Box::new(move |update| drop(updates.send(update))))?;
//! assert_eq!(inbox.recv()?.to_string(), "load: 5");
//! std::fs::write(&path, "6\n")?;
//! assert_eq!(inbox.recv()?.to_string(), "load: 6");
//! tracker.stop();
//! # std::fs::remove_file(&path)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod board;
mod content;
mod value;
mod watch;
mod worker;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use value::{VALUE_MAX_BYTES, ValueError, parse_value};
pub use watch::POLL_INTERVAL;

use self::board::Board;
use self::worker::Supervisor;
use crate::handle::{Handle, Mailbox, check_names};
use crate::{Kind, Sink, SourceKind, SourceStatus, TrackError, Tracker};

/// How long a file system may take to answer until its files count as silent.
pub const PATIENCE: Duration = Duration::from_secs(1);

/// How many file systems or files may be silent at the same time so that the others are looked at still.
pub const SILENT_MAX: usize = 32;

/// A file whose content is a number.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct File {
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

impl File {
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

impl File {
    /// The directory that it is in.
    fn directory(&self) -> &Path {
        let parent = self.path.parent().unwrap_or(Path::new("/"));
        if parent.as_os_str().is_empty() { Path::new(".") } else { parent }
    }
}

/// Watches files, until dropped or [stopped](Self::stop). One thread looks at them, another watches over it.
pub struct FileTracker {
    board: Arc<Board>,
    handle: Handle<File>,
}

impl FileTracker {
    /// Starts watching; the first reading of each source follows at once.
    ///
    /// # Errors
    /// Two sources of one name, or no thread or descriptor to be had.
    pub fn start(sources: Vec<File>, sink: Sink) -> Result<Self, TrackError> {
        check_names(&sources)?;
        let board = Arc::new(Board::new(sink));
        let supervisor = Supervisor::new(Arc::clone(&board))?;
        let run = move |mailbox: &Mailbox<_>, poller| supervisor.run(mailbox, &poller);
        let handle = Handle::spawn("track-file", sources, run)?;
        Ok(Self { board, handle })
    }

    /// Replaces the set of sources and returns at once.
    ///
    /// A source with the name and path of an old one keeps its value and is not initialised again. A new
    /// one is initialised and reports its reading; a removed one falls silent.
    ///
    /// # Errors
    /// Two sources of one name: nothing changes then.
    pub fn reconfigure(&self, sources: Vec<File>) -> Result<(), TrackError> {
        check_names(&sources)?;
        self.handle.reconfigure(sources);
        Ok(())
    }

    /// How things stand, for the operator.
    pub fn status(&self) -> FileStatus {
        FileStatus { sources: self.board.status() }
    }

    /// Stops watching; no update is reported after this returns. Dropping does the same.
    ///
    /// What does not answer is not waited for: its thread ends when there is an answer, or with the process.
    pub fn stop(self) {}
}

impl Drop for FileTracker {
    fn drop(&mut self) {
        self.board.close();
    }
}

impl SourceKind for File {
    const KIND: Kind = Kind::new("file");

    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn start(sink: Sink) -> Result<Box<dyn Tracker<Self>>, TrackError> {
        Ok(Box::new(FileTracker::start(Vec::new(), sink)?))
    }
}

impl Tracker<File> for FileTracker {
    fn set_sources(&self, sources: Vec<File>) {
        self.handle.reconfigure(sources);
    }

    fn status(&self) -> Vec<SourceStatus> {
        let one = |source: FileSourceStatus| {
            let (detail, measure) = (source.to_string(), source.value.map(Into::into));
            SourceStatus::new(File::KIND, source.name, measure, detail)
                .or_failed(self.handle.failure())
        };
        self.board.status().into_iter().map(one).collect()
    }
}

/// How a [`FileTracker`] stands.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct FileStatus {
    /// One entry per source, in the order of the configuration.
    pub sources: Vec<FileSourceStatus>,
}

/// How one file source stands.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FileSourceStatus {
    /// The source's name.
    pub name: Arc<str>,
    /// The file.
    pub path: PathBuf,
    /// The value in force; `None` before the first look.
    pub value: Option<i32>,
    /// Whether the file existed when it was last read.
    pub exists: bool,
    /// Why the value in force is not what the file says now (no number, out of range, unreadable, no answer), or
    /// why it could not be initialised.
    pub problem: Option<String>,
    /// Why changes are noticed by looking at intervals instead of by inotify, if so.
    pub polled: Option<String>,
}

impl fmt::Display for FileSourceStatus {
    /// The path, and what there is to say about it, in one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let missing = if self.exists || self.value.is_none() { "" } else { " (missing)" };
        write!(f, "{}{missing}", self.path.display())?;
        [&self.problem, &self.polled]
            .into_iter()
            .flatten()
            .try_for_each(|note| write!(f, "; {note}"))
    }
}
