//! VRRP's decisions: the state machine of one virtual router, and of several that stand and fall
//! together, without clock or socket.
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
//! The router decides; that its decisions come true, and rest on facts, is its caller's part.
//! Each of these duties was learnt: who leaves one out has two Active Routers, or none.
//!
//! ## Before [`Event::Startup`]
//!
//! - **Ears first.** The receiver is open and has joined the group. Everything known is told:
//!   the address, the faults, every tracker (one without a verdict as [`Influence::Waiting`] if
//!   its verdict may be a fault).
//! - **No leftovers.** Virtual addresses that a killed predecessor left on an interface are
//!   removed, since a Backup Router must not have them. Not so the address owner's, which are
//!   its machine's own, nor what another router on this machine has installed.
//!
//! ## Hearing
//!
//! - **Sound adverts only.** [`Event::Advert`] is for what passed every check of RFC 9568 §7.1,
//!   under the settings and with the interface's addresses of that moment.
//! - **Deafness is a fault.** While the receiver cannot be opened, or was lost, that is
//!   [`FaultReason::Other`], and opening it is tried again and again. A router that cannot hear
//!   would become Active beside every other.
//! - **Adverts have their own time.** `now` is when the advert arrived (the kernel's time stamp
//!   if there is one), not when it was read: what lay in a socket while the process stood still
//!   is as old as it is. In everything else `now` never runs backwards.
//! - **Ears before alarms.** Before [`Event::Timer`] is told to a Backup Router, and to an
//!   Active one that is late by an interval or more, all that has arrived is handled: what is in
//!   the socket, in queues, and put aside. A late thread must not take over from a router whose
//!   adverts wait for it. A timer that is late all the same is acted on, and [`Cause`] says how
//!   late it was. But an Active Router that [must step down](Router::must_step_down), because it
//!   stood still until others have succeeded it, does so first: nothing that has arrived changes
//!   that, and what it would answer is not for it any more. What is taken in there is bounded, so that a flood does not keep the timer
//!   from firing.
//! - **Advert put aside.** Only one of which [`Router::would_only_restart_timer`] is true,
//!   only the newest, with its own time, and never while something older still waits; it is
//!   handled before anything else. The first advert that differs ends this until the router has
//!   been asked again.
//! - **Queues have limits**, and a flood of adverts does not keep out what this machine has to
//!   say: facts and orders have places that adverts cannot take.
//!
//! ## Facts
//!
//! - **Worse before better.** Of facts that change together those that became worse come first,
//!   then [`Event::PrimaryAddress`], and last those that became better. The cause of a
//!   transition is then the root of the matter, and no router starts in between. Of an interface
//!   only the worst is told: one that is missing is not down as well.
//! - **A virtual address is never the source.** [`Event::PrimaryAddress`] is an address of the
//!   interface that stays: usable (no duplicate, not tentative), in IPv6 link-local, and none
//!   that a router on this machine moves, whichever it is. Only an owner may have no other.
//! - **Interfaces are recreated and renamed.** An index tells one from another, not the name:
//!   sockets follow it, and so does the advert when the address changes, before the router is
//!   told. A socket that cannot be opened is a fault.
//! - **Only what is lost.** [`Event::AddressesLost`] is for addresses that somebody else removed
//!   while they were installed: not for the echo of one's own removal, and once for many. After
//!   a gap in the kernel's messages the addresses are compared with what is there.
//! - **Verdicts as they are.** Each tracker's finding is told when it changes, and after it was
//!   configured anew, even if it is the same as before.
//!
//! ## Carrying out
//!
//! - **All of it, in order**, before anything else is told; and what comes of it (an address
//!   refused) before anything from outside. Nothing there may block: programs, files and logs
//!   belong to other threads.
//! - [`Action::SendAdvert`]: from the primary address, with hop limit 255 on the link, and with
//!   the settings in force. One that cannot be sent is counted, and no fault by itself.
//! - [`Action::InstallAddresses`]: those already there are left alone. If one is refused, that
//!   is [`FaultReason::InstallFailed`]. Clearing that fault is the next try; each one unseats
//!   the Active Router of that time, so the pauses grow (half a minute, then twice as long each
//!   time, to a quarter of an hour) until an installation succeeds. An address on an interface
//!   that does not exist yet is put there when it comes, and announced.
//! - [`Action::RemoveAddresses`]: from where they were put, whatever that interface is called by
//!   now. It also ends an announcement under way. No other router's addresses go with them.
//! - [`Action::Announce`]: in small parts, with a look at the deadline and at what has arrived
//!   after each. One under way goes on where it is and is prolonged: begun anew each time, it
//!   would not come to the last address.
//!
//! ## Other settings, and the end
//!
//! - The advert is prepared with the new settings first, then [`Event::Reconfigure`] or
//!   [`Event::Reload`] is told, then the addresses on the interface are brought to the new set:
//!   those that stay are not touched. Another VRID, interface or family is another router.
//! - Where another program goes on in the same process, or in another one under the same clock,
//!   [`Event::Resume`] with a [`Snapshot`] takes the place of [`Event::Startup`], and what the
//!   router held in the kernel is the new caller's to keep. Only one of the two may go on.
//! - [`Event::Shutdown`] comes last, and its actions are carried out. A process that dies without
//!   it leaves addresses behind that answer for two: somebody else has to remove them.
//!
//! # Health
//!
//! A tracker's finding becomes an [`Influence`] through the [`Weight`] that the router
//! configures for it, and reaches the router as [`Event::Tracker`]. Contributions add up to the
//! effective priority; faults are a set of named reasons, so none is counted twice or
//! forgotten.
//!
//! # Sync groups
//!
//! Routers that are Active together or not at all are a [`Group`], which owns them; or
//! [`GroupRules`] make them one where each is kept beside its own sockets. What their caller owes
//! besides is said there.
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
mod group;
mod influence;
mod router;
mod time;
mod timing;
mod trackers;

pub use action::{Action, Actions, Cause, IntoIter, Report, State, Transition};
pub use config::{Announce, Config};
pub use event::{Event, FaultReason, Heard, Peer};
pub use group::{Group, GroupAction, GroupActions, GroupRules, GroupTransition};
pub use influence::{Influence, Weight};
pub use router::{Router, Snapshot};
pub use time::Instant;
pub use timing::{active_down_interval, skew_time};
pub use trackers::Contribution;

/// The examples of the page that registries show.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
