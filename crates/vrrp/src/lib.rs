//! A VRRP virtual router that runs on Linux: what a program that wants one needs, and no more.
//!
//! Two or more machines share virtual IP addresses. They elect one by VRRP; when it dies, or when
//! what it serves is unhealthy, another takes the addresses over. This crate is one such machine's
//! side, for programs of any kind:
//!
//! ```no_run
//! use std::time::Duration;
//! use vrrp::{Host, VirtualRouter, Weight};
//! use vrrp::track::{Matcher, Process};
//!
//! let mut host = Host::system()?; // an error names the missing capability
//! let router = VirtualRouter::new("eth0", 51)
//!     .priority(244)
//!     .address("192.168.122.200/24")
//!     .track(Weight::new(10), Process::new("web", Matcher::comm("httpd")));
//! host.add(router)?; // a second 51 on eth0 fails here
//! let service = host.spawn()?;
//! for event in service.events() {
//!     println!("{event}"); // numbered, typed
//! }
//! service.shutdown(Duration::from_secs(2))?; // resigns, removes, says what stayed
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Three layers
//!
//! | layer | is | driven by |
//! |---|---|---|
//! | [`Engine`] | one router's state machine and all its duties; no clock, no socket | a simulation, tests, the two below |
//! | [`Host`] | interfaces, receivers and routers on one thread, one descriptor to wait on | your loop: poll, mio, tokio |
//! | [`Service`] | a thread for each router and each receiver | nobody: it runs |
//!
//! Beneath a host is a [`Platform`]: this machine ([`System`]), or anything else that can send,
//! receive, hold objects and tell the time.
//!
//! # What it does not do
//!
//! It reads no configuration file (with the feature `conf` it takes one that vrrp-conf has read),
//! runs no program when a state changes, has no control socket, writes no log and installs no
//! signal handler: it tells what happened ([`Events`]) and how things stand ([`Observer`]). An
//! interface that is missing is a state and not an error.
//!
//! # Standards
//!
//! RFC 9568 and RFC 5798 (VRRPv3), RFC 3768 and RFC 2338 (VRRPv2); what it does of them is listed
//! in the repository's `docs/rfc9568.md`.

mod authentication;
#[cfg(feature = "conf")]
pub mod conf;
mod core;
mod counters;
mod debounce;
mod destination;
mod engine;
mod events;
mod group;
mod health;
mod holdings;
mod host;
mod inbox;
mod input;
mod interfaces;
mod key_file;
mod links;
#[cfg(feature = "conf")]
mod names;
mod neighbours;
mod order;
mod outgoing;
mod pacer;
mod plan;
mod platform;
mod port;
mod receiver;
mod route;
mod safeguard;
mod service;
mod settings;
mod snapshot;
mod status;
mod tracker;
mod unit;
mod view;

pub use vrrp_fsm::{GroupTransition, Instant, State, Weight};
/// The health sources.
pub use vrrp_track as track;

pub use crate::authentication::{Authentication, Hmac, HmacError};
pub use crate::core::{ApplyError, Observer, UnknownRouter};
pub use crate::destination::{Destination, OldChecksum, RouterKey, Unicast, UnicastPeer};
pub use crate::engine::{ActiveRouter, Engine};
pub use crate::events::{EVENTS_MAX, Event, EventKind, Events, Severity};
pub use crate::group::GroupStatus;
pub use crate::holdings::LeftBehind;
pub use crate::host::{Host, HostError, RouterHandle};
pub use crate::input::Input;
pub use crate::interfaces::Interfaces;
pub use crate::key_file::{KeyFileError, read_key_file};
pub use crate::plan::{Change, Setup, SetupError, SyncGroup, plan};
pub use crate::platform::{AdvertSource, LinkSource, Platform, System};
pub use crate::port::PortError;
pub use crate::receiver::ReceiverStatus;
pub use crate::route::Dropped;
pub use crate::safeguard::{LastWill, RouterSafeguard, Safeguard};
pub use crate::service::Service;
pub use crate::settings::{
    Advertised, OnFailure, Settings, SettingsError, Track, VirtualAddress, VirtualRoute,
    VirtualRouter, VirtualRule,
};
pub use crate::snapshot::{EngineSnapshot, Snapshot, Standstill, StandstillError};
pub use crate::status::{Past, RouterStatus};
pub use crate::tracker::TrackerKey;
pub use crate::view::{Carrier, InterfaceView};
