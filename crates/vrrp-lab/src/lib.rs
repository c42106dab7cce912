//! Hosts and wires in Linux namespaces, for demonstrations and tests of network daemons.
//!
//! A [`Lab`] is a private world on one machine. Its [hosts](Host) have interfaces, processes
//! (with process ids of their own: two hosts do not see each other's `httpd`), mounts and a
//! name; its [wires](Wire) carry frames between them. Cables can be [cut](Cable::cut), hosts
//! [switched off](Host::power_off), processes [frozen](Process::freeze), frames
//! [captured](Wire::capture) with the kernel's time stamps and [injected](Host::injector).
//!
//! It works as root and as an ordinary user, with and without iproute2, and leaves nothing
//! behind: the namespaces have no names, and the kernel kills all that runs in them when the
//! calling process ends, even by `SIGKILL`.
//!
//! The inits of the hosts are the caller's own program, executed again. So its `main` calls
//! [`intercept()`] first:
//!
//! ```standalone_crate
//! use vrrp_lab::{HostOptions, Lab, LabError, LabOptions, Nic};
//!
//! fn main() -> Result<(), LabError> {
//!     vrrp_lab::intercept();
//!
//!     let lab = match Lab::new(LabOptions::this_program()) {
//!         // Its text says what this machine forbids and how to allow it.
//!         Err(refused @ LabError::Step { .. }) => return Ok(println!("{refused}")),
//!         lab => lab?,
//!     };
//!     let lan = lab.wire("lan")?;
//!     let one = lab.host("one", HostOptions::new())?;
//!     let two = lab.host("two", HostOptions::new())?;
//!     one.attach(&lan, Nic::new("eth0").address("192.168.122.101/24"))?;
//!     let cable = two.attach(&lan, Nic::new("eth0").address("192.168.122.102/24"))?;
//!
//!     assert!(two.has_address("eth0", "192.168.122.102/24")?);
//!     assert_eq!(two.run(["uname", "-n"])?.success()?.trim(), "two");
//!     cable.cut()?;
//!     two.wait_for_link("eth0", false, std::time::Duration::from_secs(5))
//! }
//! ```
//!
//! What it does not do: limit what the hosts may use of the machine, or hide its files from
//! them. It is a stage, not a sandbox.

mod agent;
mod capture;
mod command;
mod connection;
mod error;
mod host;
mod intercept;
mod keepalived;
mod lab;
mod netlink;
mod packet;
mod process;
mod progress;
mod protocol;
mod pump;
mod role;
mod step;
mod traffic;
mod wire;
mod words;
mod world;

pub use capture::{Capture, FRAME_LIMIT_COUNT, Injector};
pub use command::Command;
pub use error::LabError;
pub use host::{Host, HostOptions};
pub use intercept::intercept;
pub use lab::{Lab, LabOptions};
pub use nix::sys::signal::Signal;
pub use packet::Frame;
pub use process::{Output, OutputMark, Process};
pub use progress::OUTPUT_LIMIT_BYTES;
pub use step::Step;
pub use traffic::Traffic;
pub use vrrp_proto::MacAddress;
pub use wire::{Cable, Nic, Wire};
pub use words::{Cidr, CidrError, Exit, Interface};
pub use world::eventually;
