//! The Virtual Router Redundancy Protocol on the wire: its words as types, and its messages as
//! bytes.
//!
//! Routers that share an address elect one of them, the Active Router, by listening to the
//! advertisements that it multicasts. This crate turns such an advertisement into an [`Advert`]
//! and back, for VRRPv2 and VRRPv3, over IPv4 and IPv6:
//!
//! * [`Advert::parse`] obeys [`Rules`] and drops nothing silently: each [`DecodeError`] says what
//!   was required and what was there, and is counted under one [`DropReason`]. What is odd but
//!   no reason to drop comes back as [`Remarks`].
//! * [`Advert::write`] writes into the caller's buffer; a [`PreparedAdvert`] is written once and
//!   then only changes its priority, and what proves it.
//! * [`Authentication`] is a password, an IP authentication header or keepalived's `auth_hmac`
//!   trailer; a [`Signer`] numbers what is sent, a [`Replay`] knows what was heard.
//! * [`Advert::dissect`] takes a message apart without rules: every field with its place, and
//!   everything that is wrong, also where a router would have dropped it at the first look.
//! * Both [checksum forms](ChecksumForm) of VRRPv3 over IPv4 are read and written, since both are
//!   in use.
//!
//! Beside the protocol's own words stand those of the links that it runs on: [`InterfaceName`],
//! [`Label`] and [`MacAddress`].
//!
//! It is `no_std`, without `unsafe`, and allocates nothing. The feature `serde`, off by default,
//! reads and writes the words of links as text.
//!
//! What it does *not* do: it opens no socket and reads no clock. The state it has is what the
//! caller keeps in a [`Signer`] and a [`Replay`]. The state
//! machine, and what to do with an advert once it is understood, is `vrrp-fsm`; sockets are
//! `vrrp-net`. Who has source, destination and hop limit from a socket makes an [`IpMeta`] of
//! them; who has a raw IPv4 packet uses [`split_ipv4`]. IPv6 sockets do not deliver headers; who
//! has them from a capture uses [`split_ipv6`].
//!
//! # Example
//!
//! ```
//! use std::net::IpAddr;
//! use vrrp_proto::{
//!     AddressList, Advert, DropReason, Family, Interval, IpMeta, Priority, Rules, Version, Vrid,
//! };
//!
//! // Both routers are configured with the same virtual router.
//! let vrid = Vrid::try_from(51)?;
//! let virtual_addresses = AddressList::from_addresses(Family::V4, ["192.0.2.100".parse()?])?;
//! let addresses = virtual_addresses.as_addresses();
//!
//! // One advertises.
//! let ip = IpMeta::multicast("192.0.2.1".parse::<IpAddr>()?);
//! let advert =
//!     Advert::new(Version::V3, vrid, Priority::DEFAULT, Interval::DEFAULT, addresses);
//! let mut buffer = [0; 1500];
//! let len = advert.write(&ip, &mut buffer)?;
//! assert_eq!(buffer[..len], *b"\x31\x33\x64\x01\x00\x64\x05\x72\xc0\x00\x02\x64");
//!
//! // The other listens.
//! let rules = Rules::new(Version::V3, vrid, Interval::DEFAULT, addresses);
//! let heard = Advert::parse(&buffer[..len], &ip, &rules)?;
//! assert_eq!(heard, advert);
//! assert_eq!(heard.to_string(), "VRRPv3 vrid 51 priority 100 interval 1 s for 192.0.2.100");
//!
//! // What has crossed a router is from somewhere else.
//! let routed = IpMeta { hop_limit: 254, ..ip };
//! let error = Advert::parse(&buffer[..len], &routed, &rules).unwrap_err();
//! assert_eq!(error.reason(), DropReason::HopLimit);
//! assert_eq!(error.to_string(), "hop limit 254 is not 255");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Standards
//!
//! * [RFC 9568](https://www.rfc-editor.org/rfc/rfc9568): VRRPv3, with errata 8299–8301, and
//!   [RFC 5798](https://www.rfc-editor.org/rfc/rfc5798), which it obsoletes and whose checksum is
//!   in use;
//! * [RFC 3768](https://www.rfc-editor.org/rfc/rfc3768): VRRPv2, and
//!   [RFC 2338](https://www.rfc-editor.org/rfc/rfc2338) for its authentication, with
//!   [RFC 4302](https://www.rfc-editor.org/rfc/rfc4302) and
//!   [RFC 2403](https://www.rfc-editor.org/rfc/rfc2403) for the IP authentication header;
//! * [RFC 1071](https://www.rfc-editor.org/rfc/rfc1071) and
//!   [RFC 1624](https://www.rfc-editor.org/rfc/rfc1624): the Internet checksum.
#![no_std]

mod addresses;
mod advert;
mod auth;
mod auth_header;
mod checksum;
mod dissect;
mod error;
mod ip;
mod ipv6;
mod link;
mod message;
mod numbers;
mod prepared;
mod reason;
mod replay;
mod rules;
mod sequence;
mod words;

pub use addresses::{AddressList, AddressListError, Addresses, MAX_ADDRESSES};
pub use advert::Advert;
pub use auth::Authentication;
pub use auth::header::HeaderKey;
pub use auth::password::Password;
pub use auth::secret::Secret;
pub use auth::signer::Signer;
pub use auth::trailer::{
    AntiReplay, HmacKey, HmacKeyError, HmacMode, HmacSettings, TRAILER_LEN, UnixTime,
};
pub use auth_header::AuthHeader;
pub use dissect::{AuthData, Dissection, Field, Finding, Flaw};
pub use error::{DecodeError, EncodeError, IpHeaderFault, Remark, Remarks};
pub use ip::{IpMeta, split_ipv4};
pub use ipv6::split_ipv6;
pub use link::{InterfaceName, Label, MacAddress, TableName};
pub use message::{MAX_MESSAGE_LEN, peek_vrid};
pub use numbers::{
    AUTH_HEADER_LEN, AUTH_HEADER_PROTOCOL, GROUP_V4, GROUP_V6, HOP_LIMIT, PROTOCOL, group,
};
pub use prepared::{Payload, PreparedAdvert};
pub use reason::DropReason;
pub use replay::{REPLAY_SLOTS, Replay, ReplaySlot};
pub use rules::{Cast, Rules};
pub use sequence::Sequence;
pub use words::{ChecksumForm, Family, HopLimits, Interval, Priority, Version, Vrid, WordError};

/// The examples of the page that registries show.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
