//! Interfaces and addresses.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::InterfaceName;
use super::json::plain;
use crate::Spanned;

/// An address's scope, as the kernel numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
pub struct Scope(pub u8);

impl Scope {
    /// Valid everywhere (`RT_SCOPE_UNIVERSE`), the default.
    pub const GLOBAL: Self = Self(0);
    /// Valid within the site (IPv6).
    pub const SITE: Self = Self(200);
    /// Valid on the link.
    pub const LINK: Self = Self(253);
    /// Valid on this host.
    pub const HOST: Self = Self(254);
    /// Valid nowhere.
    pub const NOWHERE: Self = Self(255);
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The broadcast address of an IPv4 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Broadcast {
    /// This one.
    Address(Ipv4Addr),
    /// The host bits all one (`brd +`).
    HostBitsSet,
    /// The host bits all zero (`brd -`).
    HostBitsClear,
}

/// How long an IPv6 address stays preferred.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Lifetime {
    /// For so many seconds; 0 makes the address deprecated.
    For(#[serde(serialize_with = "plain")] Duration),
    /// Without end.
    Forever,
}

/// An address that an instance puts on an interface while it is Active, or a static one.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct VirtualAddress {
    /// The address.
    pub address: IpAddr,
    /// The length of its prefix; 32 or 128 where none is given.
    pub prefix_len: u8,
    /// The interface that carries it, where it is not the instance's own.
    pub device: Option<Spanned<InterfaceName>>,
    /// Its broadcast address, IPv4 only.
    pub broadcast: Option<Broadcast>,
    /// Its label, IPv4 only, 1–15 bytes.
    pub label: Option<String>,
    /// Its scope.
    pub scope: Scope,
    /// The other end of a point-to-point link, and its prefix length.
    pub peer: Option<(IpAddr, u8)>,
    /// How long it stays preferred, IPv6 only.
    pub preferred: Option<Lifetime>,
    /// Carried by a virtual MAC interface on `device`.
    pub use_vmac: bool,
    /// Marked as the home address (mobile IPv6).
    pub home: bool,
    /// No duplicate address detection (`-nodad`), IPv6 only.
    pub no_dad: bool,
    /// The kernel makes temporary addresses from it, IPv6 only.
    pub manage_temporary: bool,
    /// No route for the prefix.
    pub no_prefix_route: bool,
    /// The kernel joins the multicast group with it.
    pub auto_join: bool,
    /// Its removal by others is of no interest.
    pub no_track: bool,
    /// The track group of a static address.
    pub track_group: Option<Spanned<Arc<str>>>,
}

impl VirtualAddress {
    /// `address` alone: a host's prefix, no device of its own, nothing else set.
    pub const fn host(address: IpAddr) -> Self {
        Self {
            address,
            prefix_len: match address {
                IpAddr::V4(_) => 32,
                IpAddr::V6(_) => 128,
            },
            device: None,
            broadcast: None,
            label: None,
            scope: Scope::GLOBAL,
            peer: None,
            preferred: None,
            use_vmac: false,
            home: false,
            no_dad: false,
            manage_temporary: false,
            no_prefix_route: false,
            auto_join: false,
            no_track: false,
            track_group: None,
        }
    }

    /// The broadcast address to give to the kernel, with `+` and `-` worked out.
    pub fn broadcast_address(&self) -> Option<Ipv4Addr> {
        let IpAddr::V4(address) = self.address else { return None };
        let host_bits = u32::MAX.checked_shr(u32::from(self.prefix_len)).unwrap_or(0);
        Some(match self.broadcast? {
            Broadcast::Address(broadcast) => broadcast,
            Broadcast::HostBitsSet => Ipv4Addr::from(u32::from(address) | host_bits),
            Broadcast::HostBitsClear => Ipv4Addr::from(u32::from(address) & !host_bits),
        })
    }
}
