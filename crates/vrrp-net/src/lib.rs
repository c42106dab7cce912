//! The kernel side of VRRP on Linux: addresses and links through netlink, adverts through raw
//! sockets, gratuitous ARP and neighbour advertisements through packet sockets.
//!
//! It does what it is told and says what became of it; it decides nothing. It reads no clock but
//! to wait and to say when a packet arrived, starts no thread, and writes no log. It knows of a VRRP message that it is bytes:
//! those are vrrp-proto's, and when to send which is vrrp-fsm's to say.
//!
//! | for | there is |
//! |---|---|
//! | what one virtual router does to the kernel | [`Kernel`], an object-safe seam: [`SystemKernel`], and [`Recorder`] for tests |
//! | what the kernel keeps for it | [`Object`], known by its [`ObjectKey`]; a [`Change`] has an [`Outcome`] |
//! | links and addresses | [`Netlink`] asks and changes, [`Monitor`] hears of changes |
//! | packets to addresses that are to be routers' only | [`Filter`], which nftables carries out |
//! | adverts | [`AdvertSender`] (one per virtual router), [`AdvertReceiver`] (one per interface and family) |
//! | announcements | [`Announcement`], [`Frame`], [`FrameSender`] |
//! | waiting | [`Waker`] ends the wait of a receiver or a monitor from another thread |
//!
//! ```
//! use vrrp_net::{Frame, MacAddress};
//!
//! // "192.0.2.100 is at 02:00:00:00:00:0a", to everybody.
//! let mac: MacAddress = "02:00:00:00:00:0a".parse()?;
//! let frame = Frame::gratuitous_arp(mac, "192.0.2.100".parse()?);
//!
//! assert_eq!(frame.as_bytes().len(), 42);
//! assert_eq!(frame.as_bytes()[..6], [0xff; 6]); // to the broadcast address
//! assert_eq!(frame.as_bytes()[12..14], [0x08, 0x06]); // ARP
//! assert_eq!(frame.as_bytes()[28..32], [192, 0, 2, 100]); // of this address
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Interfaces come and go
//!
//! A socket is bound to an interface's *index*. An interface that is deleted and made again has
//! another one, and a receiver of the old one stays silent without an error. So whoever keeps
//! one listens to a [`Monitor`]: when an interface of that name appears, receivers are opened
//! anew and senders attached again.
//!
//! # Namespaces
//!
//! A socket belongs for ever to the network namespace of the thread that opened it, whatever
//! thread uses it later. [`NetNamespace`] makes and enters them. The exceptions are the 21st
//! and further groups of [`AdvertReceiver::set_groups`], which are joined by a socket opened
//! there and then, and packet filters, whose socket is opened with the first of them; nothing here reads `/proc/sys`, which shows the thread's namespace.
//!
//! # Privileges
//!
//! | to | it takes |
//! |---|---|
//! | list links and addresses, hear of changes | nothing |
//! | add and remove addresses, make and change links, all about packet filters | `CAP_NET_ADMIN` |
//! | send and receive adverts, send announcements | `CAP_NET_RAW` |
//! | make and enter network namespaces | `CAP_SYS_ADMIN` |
//! | receive buffers beyond `net.core.rmem_max` | `CAP_NET_ADMIN` in the initial user namespace; smaller buffers otherwise |
//!
//! The capabilities count in the user namespace that owns the network namespace; being root there
//! is one way to have them. [`Privileges::of_this_thread`] tells beforehand, and the [`NetError`]
//! of an operation that was refused names the one that is missing.
//!
//! # Descriptors
//!
//! A [`SystemKernel`] takes 3, and 1 more from the first packet filter on; an [`AdvertReceiver`] 2 and one more for every 20 groups beyond 20, a
//! [`Monitor`] 3.
//!
//! # Sources
//!
//! RFC 9568 §5.1 (the IP headers), RFC 5227 and RFC 4861 §7.2.6 (announcements); rtnetlink(7),
//! raw(7), packet(7), ip(7).

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod address;
mod advert;
#[cfg(test)]
mod capture;
mod error;
mod filter;
mod frame;
mod inherit;
mod kernel;
mod memory;
mod monitor;
mod namespace;
mod netlink;
mod object;
mod octets;
mod privileges;
mod recorder;
mod route;
mod rule;
mod shared;
mod spare;
mod sys;
mod time;
mod wake;
mod words;

pub use address::{
    AddressFlags, AddressKey, AddressProtocol, AddressSpec, Broadcast, InterfaceAddress, Preferred,
    Scope,
};
pub use advert::{AdvertReceiver, AdvertSender, DATAGRAM_BYTES_MAX, Datagram, Drained};
pub use error::{NetError, Operation};
pub use filter::Filter;
pub use frame::{Announcement, Frame, FrameSender};
pub use inherit::{LeftOpen, take_inherited};
pub use kernel::{Kernel, SystemKernel};
pub use memory::shed_file_pages;
pub use monitor::{Monitor, NetEvent, Snapshot};
pub use namespace::NetNamespace;
pub use netlink::{
    Link, LinkChange, LinkFlags, MacvlanMode, NetNs, Netlink, NewLink, NewLinkKind,
    OperationalState, VethPeer,
};
pub use object::{Change, Object, ObjectKey, ObjectKind, Outcome};
pub use octets::Packet;
pub use privileges::{Privileges, run_in_real_time};
pub use recorder::{Call, RecordedMonitor, RecordedReceiver, Recorder};
pub use route::{Hop, Placement, Prefix, RouteKey, RouteKind, RouteSpec};
pub use rule::{RuleAction, RuleKey, RuleSpec};
pub use shared::SharedWords;
pub use spare::SpareDescriptors;
pub use time::Timestamp;
pub use vrrp_proto::{DecodeError, Family, InterfaceName, Label, MacAddress, TableName, WordError};
pub use wake::{Wake, Waker};
pub use words::{Errno, IfIndex, Interface};
