//! What an instance's priority or fitness depends on.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::json::plain;
use super::{Command, InterfaceName};
use crate::Spanned;

/// What a tracker does to the priority; 0 means that it decides between fit and FAULT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
pub struct Weight {
    /// −254 to 254 (−253 to 253 for interfaces, scripts and BFD sessions).
    pub value: i32,
    /// The direction is reversed: what is up counts as down.
    pub reverse: bool,
}

impl Weight {
    /// What processes and files weigh where no weight is given.
    pub const ONE: Self = Self { value: 1, reverse: false };
}

/// One use of a tracker, with its effective weight: that of the use, else of the definition.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Track<T> {
    /// The name of the definition, or of the interface.
    pub target: Spanned<T>,
    /// What it does here.
    pub weight: Spanned<Weight>,
}

/// Everything that an instance or a sync group tracks. The definitions exist.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[non_exhaustive]
pub struct Tracks {
    /// Interfaces.
    pub interfaces: Vec<Track<InterfaceName>>,
    /// Scripts, by name: keys of [`Config::scripts`](super::Config::scripts).
    pub scripts: Vec<Track<Arc<str>>>,
    /// Processes, by name: keys of [`Config::processes`](super::Config::processes).
    pub processes: Vec<Track<Arc<str>>>,
    /// Files, by name: keys of [`Config::files`](super::Config::files).
    pub files: Vec<Track<Arc<str>>>,
    /// BFD sessions, by name: keys of [`Config::bfd_sessions`](super::Config::bfd_sessions).
    pub bfd_sessions: Vec<Track<Arc<str>>>,
}

/// A `vrrp_script`: a program whose exit code is a verdict.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Script {
    /// Its name.
    pub name: Spanned<Arc<str>>,
    /// What to run, and as whom.
    pub command: Spanned<Command>,
    /// From the start of one run to the start of the next; 1 s by default.
    #[serde(serialize_with = "plain")]
    pub interval: Duration,
    /// A run longer than this has failed; the interval by default.
    #[serde(serialize_with = "plain")]
    pub timeout: Duration,
    /// The weight for uses without one of their own; 0 by default.
    pub weight: Spanned<Weight>,
    /// Successes in a row that mean up, at least 1.
    pub rise: u32,
    /// Failures in a row that mean down, at least 1.
    pub fall: u32,
    /// Counts as failed until it has succeeded.
    pub init_fail: bool,
}

/// How a process's parameters are compared with the configured ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ParamMatch {
    /// The configured ones are the first of the process's.
    Partial,
    /// As many, and the last of the process's may be longer than the configured one.
    Initial,
}

/// A `vrrp_track_process`: a process of which enough must run.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TrackedProcess {
    /// The name of the definition.
    pub name: Spanned<Arc<str>>,
    /// The process's name, or the first word of its command line.
    pub process: Spanned<String>,
    /// Its parameters, as configured.
    pub parameters: Vec<String>,
    /// How parameters are compared; `None` is word by word. With it and without
    /// parameters, the process must have none.
    pub param_match: Option<ParamMatch>,
    /// Compare the command line even without parameters.
    pub full_command: bool,
    /// The weight for uses without one of their own; 1 by default.
    pub weight: Spanned<Weight>,
    /// At least so many must run; 1 by default.
    pub quorum: u32,
    /// At most so many may run; no limit by default.
    pub quorum_max: Option<u32>,
    /// How long enough of them must run before that counts.
    #[serde(serialize_with = "plain")]
    pub fork_delay: Duration,
    /// How long there must be too few before that counts.
    #[serde(serialize_with = "plain")]
    pub terminate_delay: Duration,
}

/// What is written to a tracked file at start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct FileInit {
    /// The number; 0 by default.
    pub value: i32,
    /// Also if the file exists.
    pub overwrite: bool,
}

/// A `track_file`: a file whose number counts.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TrackedFile {
    /// The name of the definition.
    pub name: Spanned<Arc<str>>,
    /// The file.
    pub path: Spanned<PathBuf>,
    /// The factor for uses without one of their own; 1 by default.
    pub weight: Spanned<Weight>,
    /// What to write to it at start, if anything.
    pub init: Option<FileInit>,
}
