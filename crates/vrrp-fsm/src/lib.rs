//! VRRP's decisions: the state machine of one virtual router, without clock or socket.
//!
//! A [`Router`] is told what happened and when ([`Router::handle`]), answers with what to do
//! ([`Actions`]), and says when it wants to be woken ([`Router::deadline`]). The same type
//! runs in a daemon, in a table of tests and in a simulated cluster.
//!
//! It does *not* read a clock, touch a socket, parse a packet (that is `vrrp-proto`), log, or
//! spawn anything. It needs `alloc` for the names of trackers and faults; hearing an advert as
//! Backup Router and sending one as Active Router allocate nothing.
//!
//! # Driving it
//!
//! One loop is all there is to it: wait for something or for the deadline, tell the router, do
//! what it says. Here with a simulated clock and a script of events instead of sockets.
//!
//! ```
//! use std::collections::VecDeque;
//! use vrrp_fsm::{Action, Config, Event, Heard, Instant, Router};
//! use vrrp_proto::{Interval, Priority, Version};
//!
//! /// Clock, sockets and kernel of a make-believe machine.
//! struct Machine {
//!     now: Instant,
//!     coming: VecDeque<(Instant, Event)>,
//!     story: Vec<String>,
//! }
//!
//! impl Machine {
//!     /// Blocks until something happens, at most until `deadline`.
//!     fn wait(&mut self, deadline: Option<Instant>) -> Event {
//!         let next = self.coming.front().map(|(at, _)| *at);
//!         match deadline {
//!             Some(deadline) if next.is_none_or(|at| deadline < at) => {
//!                 self.now = deadline;
//!                 Event::Timer
//!             }
//!             _ => {
//!                 let (at, event) = self.coming.pop_front().expect("the script ends with Shutdown");
//!                 self.now = at;
//!                 event
//!             }
//!         }
//!     }
//!
//!     /// Does one thing.
//!     fn perform(&mut self, action: Action) {
//!         let line = match action {
//!             Action::SendAdvert { priority } => format!("advert, priority {priority}"),
//!             Action::InstallAddresses => "ip address add".into(),
//!             Action::RemoveAddresses => "ip address delete".into(),
//!             Action::Announce { rounds } => format!("{rounds} rounds of gratuitous ARP"),
//!             Action::Transition(transition) => format!("{} to {}", transition.from, transition.to),
//!             Action::PriorityChanged { from, to } => format!("priority {from} to {to}"),
//!             Action::Report(report) => report.to_string(),
//!         };
//!         self.story.push(format!("{}: {line}", self.now));
//!     }
//! }
//!
//! let at = Instant::from_micros;
//! let peer = Heard {
//!     source: "192.0.2.2".parse()?,
//!     priority: Priority::new(200),
//!     interval: Interval::DEFAULT,
//! };
//! let mut machine = Machine {
//!     now: Instant::ZERO,
//!     coming: VecDeque::from([
//!         (at(0), Event::PrimaryAddress(Some("192.0.2.1".parse()?))),
//!         (at(0), Event::Startup),
//!         (at(1_000_000), Event::Advert(peer)), // and no more: it died
//!         (at(5_000_000), Event::Advert(peer)), // it is back
//!         (at(6_000_000), Event::Shutdown),
//!     ]),
//!     story: Vec::new(),
//! };
//!
//! let mut router = Router::new(Config::new(Version::V3));
//! loop {
//!     let event = machine.wait(router.deadline());
//!     let last = event == Event::Shutdown;
//!     for action in router.handle(machine.now, event) {
//!         machine.perform(action);
//!     }
//!     if last {
//!         break;
//!     }
//! }
//!
//! assert_eq!(machine.story, [
//!     "0.000000 s: Initialize to Backup",
//!     "4.609375 s: advert, priority 100",
//!     "4.609375 s: ip address add",
//!     "4.609375 s: 5 rounds of gratuitous ARP",
//!     "4.609375 s: Backup to Active",
//!     "5.000000 s: ip address delete",
//!     "5.000000 s: Active to Backup",
//!     "6.000000 s: Backup to Initialize",
//! ]);
//! # Ok::<(), core::net::AddrParseError>(())
//! ```
//!
//! # What the caller owes
//!
//! - Only adverts that passed every check of RFC 9568 §7.1 become [`Event::Advert`].
//! - `now` never runs backwards, except that an advert carries the time of its arrival.
//! - Actions are carried out in order and without gaps. If installing addresses fails, say so
//!   with [`FaultReason::InstallFailed`].
//! - Adverts that have arrived are handled before [`Event::Timer`]: a late thread must not take
//!   over from a router whose adverts wait in its queue. A timer that is late all the same is
//!   acted on, and [`Cause`] says how late it was.
//!
//! # Health
//!
//! A tracker's finding becomes an [`Influence`] through the [`Weight`] that the router
//! configures for it, and reaches the router as [`Event::Tracker`]. Contributions add up to the
//! effective priority; faults are a set of named reasons, so none is counted twice or
//! forgotten.
//!
//! # Sources
//!
//! RFC 9568 §6 for VRRPv3, RFC 3768 §6 for VRRPv2. `docs/rfc9568.md` in the repository lists
//! every requirement with the test that shows it.
#![no_std]

extern crate alloc;

mod action;
mod active;
mod config;
mod event;
mod influence;
mod router;
mod time;
mod timing;
mod trackers;

pub use action::{Action, Actions, Cause, IntoIter, Report, State, Transition};
pub use config::{Announce, Config};
pub use event::{Event, FaultReason, Heard, Peer};
pub use influence::{Influence, Verdict, Weight};
pub use router::Router;
pub use time::Instant;
pub use timing::{active_down_interval, skew_time};
pub use trackers::Contribution;
