//! The control socket of a VRRP daemon: its server, its client, and what is said over it.
//!
//! One line asks, one JSON document answers; [`Status`] and [`ReloadReport`] are those documents,
//! field for field. [`words`] maps RFC 9568's words to those of keepalived's users.
//!
//! A program that watches a daemon needs only the client:
//!
//! ```no_run
//! # fn main() -> Result<(), vrrp_control::AskError> {
//! let status = vrrp_control::Client::of("/run/vrrpd".as_ref()).status()?;
//! for instance in &status.instances {
//!     println!("{}: {}, since it {}", instance.name, instance.state, instance.why);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! One that runs [virtual routers](vrrp) itself holds a [`RunDir`], listens in it and answers with
//! a [`Control`] thread.

mod client;
mod drain;
mod events;
mod explain;
mod run_dir;
mod server;
mod status;
mod upgrade;
pub mod words;

use std::time::Duration;

pub use client::{AskError, Client, EventStream};
pub use drain::{DrainReport, DrainRequest, DrainedInstance};
pub use events::{EVENTS_KEPT, EventLine, EventLog, EventRecord, StateRecord};
pub use explain::Explanation;
pub use run_dir::{RunDir, RunDirError, Socket, socket_path};
pub use server::{Answers, Control, Reception};
pub use status::{
    AdvertCounters, Contribution, DroppedAdvert, FORMAT, GroupStatus, GuardStatus, InstanceStatus,
    InterfaceStatus, MasterStatus, PriorityStatus, ReloadReport, Status, TrackerStatus,
    TransitionStatus,
};
pub use upgrade::{Asker, UpgradeReport, UpgradeRequest};

/// How long a reload may take until whoever asked for it is told nothing any more.
const RELOAD_PATIENCE: Duration = Duration::from_secs(120);

/// The JSON schemas (2020-12) of the documents, each with its name.
#[cfg(feature = "schema")]
pub fn schemas() -> [(&'static str, serde_json::Value); 5] {
    [
        ("status", schemars::schema_for!(Status).to_value()),
        ("reload", schemars::schema_for!(ReloadReport).to_value()),
        ("upgrade", schemars::schema_for!(UpgradeReport).to_value()),
        ("drain", schemars::schema_for!(DrainReport).to_value()),
        ("event", schemars::schema_for!(EventLine).to_value()),
    ]
}
