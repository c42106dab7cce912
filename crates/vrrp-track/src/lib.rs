//! Health sources: processes, files, interfaces and scripts whose state others decide by.
//!
//! A router is only worth being Active if what it leads to works. This crate watches that and reports changes,
//! by name, through a callback:
//!
//! | source | watches | reports | noticed by |
//! |---|---|---|---|
//! | [`Process`] | how many processes of a kind are running | up or down | pidfds and the kernel's process connector, else scans of /proc |
//! | [`File`] | the number in a file | the number | inotify on the file's directory |
//! | [`Interface`] | whether a link can carry packets | up or down | whoever follows the links |
//! | [`Delay`] | the time since a start | up when it is over | a deadline |
//! | [`Script`] | the exit code of a program run at intervals | up or down, after rise and fall | pidfds |
//!
//! [`Trackers`] takes sources of any kind together, with one sink, and starts what a kind needs when it is used: a
//! thread for all its sources, however many (for files a second one, see [`mod@file`]). A program adds a kind of
//! its own by implementing [`SourceKind`]. Each kind's module also has its tracker alone, where there is more to
//! ask: [`ProcessTracker`](process::ProcessTracker), [`FileTracker`](file::FileTracker),
//! [`ScriptTracker`](script::ScriptTracker).
//!
//! Beside them stand the [`Damper`] behind rise and fall, the [`runner`] for one-off programs such as
//! notify scripts, and the [`shim`] that starts programs as another user without ever forking a large process.
//!
//! The crate knows nothing of VRRP, its states or its weights: what a verdict is worth is decided elsewhere. It
//! reads no configuration file and asks the kernel nothing about the network. It needs Linux 5.4 or later with
//! /proc.
//!
//! ```
//! use std::sync::mpsc;
//! use vrrp_track::{Matcher, Process, Program, Script, Trackers};
//!
//! // First in main(): see the shim's documentation for what it is good for.
//! vrrp_track::shim::intercept();
//!
//! let (updates, inbox) = mpsc::channel();
//! let mut trackers = Trackers::new(move |update| drop(updates.send(update)));
//! let web = Process::new("web", Matcher::comm("no such httpd")).quorum_max(0);
//! let check = Script::new("check", Program::new("test").args(["-d", "/proc/self"]));
//! trackers.reconfigure([web.into(), check.into()])?;
//!
//! for _ in 0..2 {
//!     let update = inbox.recv()?;
//!     assert!(update.reading.verdict().is_some_and(|verdict| verdict.is_up()), "{update}");
//! }
//! for source in trackers.status() {
//!     println!("{source}");
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod damper;
pub mod delay;
mod error;
pub mod file;
mod handle;
pub mod interface;
mod poll;
pub mod process;
mod program;
mod reading;
mod refusal;
pub mod runner;
pub mod script;
pub mod shim;
mod source;
mod spawn;
mod trackers;
mod verdict;
mod weakness;

pub use damper::Damper;
pub use delay::Delay;
pub use error::TrackError;
pub use file::File;
pub use interface::Interface;
pub use process::{Matcher, Process};
pub use program::{Credentials, LookupError, Output, Program};
pub use reading::{Kind, Measure, Reading, Sink, SourceStatus, Update};
pub use script::Script;
pub use source::{Source, SourceKind, Tracker};
pub use trackers::Trackers;
pub use verdict::{Outcome, Verdict};
pub use weakness::Weakness;

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
