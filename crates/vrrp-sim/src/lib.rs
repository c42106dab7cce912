//! A cluster of VRRP routers on a simulated wire, with a simulated clock, and what must hold
//! for it.
//!
//! The routers are whole [`vrrp::Engine`]s on a kernel that records what is asked of it, and what
//! they send are the bytes that it was asked to send; only the public API of the libraries is used.
//! Everything around them is simulated: the wire loses, delays, reorders, doubles and damages
//! packets, the machines crash, freeze and have clocks of their own, interfaces and addresses come
//! and go, kernels refuse. Time jumps from one thing that happens to the next, so that hours pass
//! in milliseconds, and the same [`Scenario`] always runs the same way.
//!
//! - A [`Scenario`] is data: who takes part, and a schedule of what happens. Write one by hand,
//!   or let [`Scenario::random`] make one of a seed.
//! - A [`Cluster`] runs it, step by step.
//! - [`Checks`] judge every step; an invariant that does not hold is a [`Violation`].
//! - [`simulate`] does both to the end, [`explore`] does it for many seeds, and a
//!   [`Counterexample`] shows what was found, without everything that has nothing to do with it.
//! - A [`Machine`] is what is simulated: an `Engine`, or a wrapper that plants an error in one.
//! - A [`Lan`] is another level: whole programs, written for `vrrp::Host`, on simulated machines
//!   and with a simulated clock.
//! - A [`Network`] is a random one of these: machines with sync groups, unicast routers or both
//!   versions. [`run_network`] judges it, [`explore_networks`] many of them, and [`narrow`] leaves
//!   out what a finding does not need. A [`Program`] is what its machines run.
//!
//! It does *not* touch a socket, a clock or a file, and it does not simulate the daemon: how
//! threads, kernel and scripts behave is shown by `vrrpd`'s own tests.
//!
//! # Example
//!
//! Two routers; the better one loses power after half a minute, and the other takes over.
//!
//! ```
//! use std::time::Duration;
//! use vrrp::Engine;
//! use vrrp_fsm::{Config, State};
//! use vrrp::Authentication;
//! use vrrp_proto::{Priority, Version};
//! use vrrp_sim::{Checks, Cluster, Incident, Scheduled, Member, Scenario, Wire};
//!
//! let member = |address: &str, priority| -> Result<_, core::net::AddrParseError> {
//!     let config = Config { priority: Priority::new(priority), ..Config::new(Version::V3) };
//!     Ok(Member { config, address: address.parse()?, drift_ppm: 0, parks: false })
//! };
//! let at = |secs, incident| Scheduled { at: Duration::from_secs(secs), incident };
//! let scenario = Scenario {
//!     seed: 1,
//!     members: vec![member("192.0.2.1", 200)?, member("192.0.2.2", 100)?],
//!     authentication: Authentication::None,
//!     wire: Wire::LOCAL,
//!     schedule: vec![
//!         at(0, Incident::Start(0)),
//!         at(0, Incident::Start(1)),
//!         at(30, Incident::Crash(0)),
//!         at(40, Incident::Expect { actives: 1 }),
//!     ],
//!     until: Duration::from_secs(40),
//! };
//!
//! let mut checks = Checks::new(&scenario);
//! let mut cluster = Cluster::new(&scenario, &Engine::new);
//! while cluster.step() {
//!     checks.after_step(&cluster)?;
//! }
//! assert_eq!(cluster.nodes()[1].state(), Some(State::Active));
//! assert_eq!(checks.takeovers(), 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod checks;
mod clock;
mod cluster;
mod explore;
mod generate;
mod incidents;
mod kernel;
mod lan;
mod machine;
mod network;
mod node;
mod occurrence;
mod packet;
mod run;
mod scenario;
mod summary;
mod trace;
mod wire;

pub use checks::{Bounds, Checks, Violation};
pub use clock::Clock;
pub use cluster::Cluster;
pub use explore::{explore, explore_networks};
pub use kernel::{Asked, Held, Sent};
pub use lan::{DEFAULT_DELAY, Lan, LanError, LanHost};
pub use machine::{Machine, Make};
pub use network::{
    Honest, Network, NetworkFinding, NetworkViolation, Peers, Program, Role, Trouble, narrow,
    run_network,
};
pub use node::Node;
pub use occurrence::{Dropped, Occurrence, Stimulus, Turn};
pub use run::{Counterexample, Finding, shrink, simulate, simulate_traced};
pub use scenario::{Incident, InterfaceState, Member, NodeId, Scenario, Scheduled, Wire};
pub use summary::Summary;
pub use trace::Trace;

/// The examples of the page that registries show.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
