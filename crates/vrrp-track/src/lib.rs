//! Health sources: processes, files and scripts whose state others decide by.

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
