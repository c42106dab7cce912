//! Health sources: processes, files and scripts whose state others decide by.
//!
//! A router is only worth being Active if what it leads to works. This crate watches that and reports changes,
//! by name, through a callback:
//!
//! | source | watches | reports | noticed by |
//! |---|---|---|---|
//! | [`process`] | how many processes of a kind are running | up or down | pidfds and the kernel's process connector, else scans of /proc |
//! | [`mod@file`] | the number in a file | the number | inotify on the file's directory |
//! | [`script`] | the exit code of a program run at intervals | up or down, after rise and fall | pidfds |
//!
//! Each kind has one thread for all its sources, however many, and a handle: `start`, `reconfigure` (what has not
//! changed keeps its state), `status` (for the operator; it always says how, and why not better), `stop`.
//! Beside them stand the [`Damper`] behind rise and fall, the [`runner`] for one-off programs such as
//! notify scripts, and the [`shim`] that starts programs as another user without ever forking a large process.
//!
//! The crate knows nothing of VRRP, its states or its weights: what a verdict is worth is decided elsewhere. It
//! reads no configuration file. It needs Linux 5.4 or later with /proc.
//!
//! ```
//! use std::sync::mpsc;
//! use vrrp_track::process::{Matcher, ProcessSource, ProcessTracker};
//! use vrrp_track::script::{ScriptSource, ScriptTracker};
//! use vrrp_track::{Program, Sink};
//!
//! // First in main(): see the shim's documentation for what it is good for.
//! vrrp_track::shim::intercept();
//!
//! let (updates, inbox) = mpsc::channel();
//! let sink = || -> Sink {
//!     let updates = updates.clone();
//!     Box::new(move |update| drop(updates.send(update)))
//! };
//! let web = ProcessSource::new("web", Matcher::comm("no such httpd")).quorum_max(0);
//! let processes = ProcessTracker::start(vec![web], sink())?;
//! assert_eq!(inbox.recv()?.to_string(), "web: up (0 processes)");
//!
//! let check = ScriptSource::new("check", Program::new("test").args(["-d", "/proc/self"]));
//! let scripts = ScriptTracker::start(vec![check], sink())?;
//! let update = inbox.recv()?;
//! assert!(update.reading.verdict().is_some_and(|verdict| verdict.is_up()));
//!
//! println!("processes are noticed by {}", processes.status());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod damper;
pub mod file;
mod handle;
mod poll;
pub mod process;
mod program;
pub mod runner;
pub mod script;
pub mod shim;
mod spawn;
mod verdict;

pub use damper::Damper;
pub use program::{Credentials, LookupError, Output, Program};
pub use verdict::{Outcome, Reading, Sink, TrackError, Update, Verdict};
