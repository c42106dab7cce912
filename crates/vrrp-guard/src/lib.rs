//! A second process that takes the addresses of virtual routers away when their own process is killed,
//! crashes or hangs.
//!
//! A process that is killed leaves its addresses behind, and one that stands still keeps them, while
//! another router takes them over: two hosts answer for one address. So each router leaves a
//! [last will](vrrp::LastWill) to this guard as long as it is Active: the objects to remove, and
//! the packets with which it would resign.
//!
//! | the process | the guard |
//! |---|---|
//! | is gone | resigns for its routers, so that their peers take over at once, then removes what they had |
//! | has a router that has not advertised for as long as its peers wait | removes what that router had; the router is a backup when it runs again, before it says anything |
//! | ends in good order | ends too: no will is left |
//!
//! The guard is the embedding program started once more, without threads. It is told of wills over
//! a socket, waits on the process's pidfd, and reads from shared memory when each router has
//! advertised. It keeps out of the way of what befalls the process: it has a session of its own, takes no
//! signal but SIGKILL, and as far as it may it is nothing for the kernel to kill when memory is short,
//! keeps its own memory from being swapped out, and runs in real time. It has no capability but
//! `CAP_NET_ADMIN` and `CAP_NET_RAW`. If it dies it is started again and told everything.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use vrrp::{Host, VirtualRouter};
//! use vrrp_guard::Guard;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! vrrp_guard::intercept("my-guard"); // first of all
//!
//! let guard = Arc::new(Guard::start("my-guard")?);
//! let mut host = Host::system()?;
//! host.set_safeguard(guard.clone());
//! host.add(VirtualRouter::new("eth0", 51).address("192.0.2.100/24"))?;
//! let service = host.spawn()?;
//! // …
//! service.shutdown(std::time::Duration::from_secs(2))?;
//! guard.end();
//! # Ok(())
//! # }
//! ```
//!
//! Where both are killed at once, as a whole control group can be, nobody is left to act: with
//! [`Guard::recording`] there is a file then by which [`release`] removes what was left.
//!
//! Numbered resignations (VRRPv2's authentication header) are kept up to 2,048 octets for each router,
//! some twenty unicast peers; with more peers such a router goes without.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod client;
mod hardening;
mod message;
mod predecessor;
mod process;
mod record;
mod removal;
mod slots;

pub use client::{Guard, GuardError, GuardStatus};
pub use predecessor::Predecessor;
pub use record::{ReleaseError, release};

/// Call this first in `main()`, before any thread, log or argument parser, with the name of the guard.
///
/// In the embedding program's ordinary life it returns at once. In a process that [`Guard::start`]
/// has started it never returns.
pub fn intercept(name: &str) {
    let is_guard = std::env::args_os().eq([name]);
    if is_guard {
        process::run(name);
    }
}
