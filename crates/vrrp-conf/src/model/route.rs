//! Routes.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use vrrp_proto::Family;

use super::json::plain;
use super::{InterfaceName, Lookup, Realms, Scope};
use crate::Spanned;

/// An address and how many of its bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct Prefix {
    /// The address.
    pub address: IpAddr,
    /// The bits that count, 0–32 or 0–128.
    pub len: u8,
}

impl Prefix {
    /// All addresses of a family.
    pub const fn all(family: Family) -> Self {
        let address = match family {
            Family::V4 => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            Family::V6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        Self { address, len: 0 }
    }

    /// The same prefix without the bits that do not count.
    pub fn masked(self) -> Self {
        let shift = |bits: u32| bits.saturating_sub(u32::from(self.len));
        let address = match self.address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(shift(32)).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from(u32::from(address) & mask))
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(shift(128)).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from(u128::from(address) & mask))
            }
        };
        Self { address, ..self }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.len)
    }
}

/// What a route does with the packets that it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteKind {
    /// Sends them on.
    #[default]
    Unicast,
    /// Delivers them to this machine.
    Local,
    /// Sends them to all on the link.
    Broadcast,
    /// Delivers them to this machine, which is one of several.
    Anycast,
    /// Forwards them to a group.
    Multicast,
    /// Drops them without a word.
    Blackhole,
    /// Drops them, and says that the host is unreachable.
    Unreachable,
    /// Drops them, and says that it is forbidden.
    Prohibit,
    /// Gives up on this table.
    Throw,
}

impl RouteKind {
    /// Whether packets go nowhere, so that there is no next hop.
    pub const fn refuses(self) -> bool {
        matches!(self, Self::Blackhole | Self::Unreachable | Self::Prohibit | Self::Throw)
    }
}

/// Where a route stands among others to the same destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Placement {
    /// Before them.
    #[default]
    Prepend,
    /// Behind them.
    Append,
    /// There must be no other.
    Add,
}

/// A number that the kernel keeps for a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Metric {
    /// The largest packet, in bytes.
    Mtu,
    /// The hop limit of packets that are sent.
    HopLimit,
    /// The largest TCP segment that is asked for, in bytes.
    AdvMss,
    /// The first estimate of the round-trip time, in eighths of a millisecond.
    Rtt,
    /// Its variance, in quarters of a millisecond.
    RttVar,
    /// How far packets may be out of order.
    Reordering,
    /// The largest TCP window that is announced, in bytes.
    Window,
    /// The limit of the congestion window, in segments.
    Cwnd,
    /// The first slow start threshold, in segments.
    Ssthresh,
    /// The shortest retransmission timeout, in milliseconds.
    RtoMin,
    /// The first congestion window, in segments.
    InitCwnd,
    /// The first receive window, in segments.
    InitRwnd,
    /// 1: acknowledge without delay.
    QuickAck,
    /// 1: TCP Fast Open without a cookie.
    FastOpenNoCookie,
}

impl Metric {
    /// The word of `ip route`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mtu => "mtu",
            Self::HopLimit => "hoplimit",
            Self::AdvMss => "advmss",
            Self::Rtt => "rtt",
            Self::RttVar => "rttvar",
            Self::Reordering => "reordering",
            Self::Window => "window",
            Self::Cwnd => "cwnd",
            Self::Ssthresh => "ssthresh",
            Self::RtoMin => "rto_min",
            Self::InitCwnd => "initcwnd",
            Self::InitRwnd => "initrwnd",
            Self::QuickAck => "quickack",
            Self::FastOpenNoCookie => "fastopen_no_cookie",
        }
    }
}

/// The value of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct MetricValue {
    /// The number, in the unit of the [`Metric`].
    pub value: u32,
    /// The kernel does not change it by what it learns.
    pub locked: bool,
}

/// The congestion control of a route's TCP connections.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct CongestionControl {
    /// The name of the algorithm, as the kernel knows it.
    pub name: String,
    /// Connections may not choose another.
    pub locked: bool,
}

/// How much a router is to be preferred (RFC 4191), IPv6 only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RouterPreference {
    /// Less than others.
    Low,
    /// As much as others.
    Medium,
    /// More than others.
    High,
}

/// What is put around the packets of a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Encap {
    /// An IPv4 header.
    Ip(IpEncap<Ipv4Addr>),
    /// An IPv6 header.
    Ip6(IpEncap<Ipv6Addr>),
    /// MPLS labels, below 2²⁰, the outermost first.
    Mpls(Vec<u32>),
    /// Another locator, the first 64 bits of an IPv6 address.
    Ila(u64),
}

/// The outer header of a tunnel; what is `None` is left to the device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IpEncap<A> {
    /// The tunnel's key.
    pub id: Option<u64>,
    /// The other end.
    pub destination: Option<A>,
    /// This end.
    pub source: Option<A>,
    /// The type of service, or traffic class.
    pub dsfield: Option<u8>,
    /// The hop limit.
    pub hop_limit: Option<u8>,
    /// The tunnel's flags.
    pub flags: Option<u16>,
}

impl<A> Default for IpEncap<A> {
    fn default() -> Self {
        Self {
            id: None,
            destination: None,
            source: None,
            dsfield: None,
            hop_limit: None,
            flags: None,
        }
    }
}

/// Where the packets of a route go next.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[non_exhaustive]
pub struct NextHop {
    /// The router, of the route's family.
    pub via: Option<Spanned<IpAddr>>,
    /// The interface.
    pub device: Option<Spanned<InterfaceName>>,
    /// The router is on the link, whatever the addresses say.
    pub on_link: bool,
    /// What is put around the packets.
    pub encap: Option<Encap>,
    /// For accounting.
    pub realms: Option<Realms>,
}

/// One of several next hops.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct WeightedHop {
    /// Where the packets go.
    pub hop: NextHop,
    /// Its share of the packets, 1–256.
    pub weight: u16,
}

/// A route that an instance installs while it is Active, or a static one.
///
/// What is `None` is left to the kernel, as `ip route` leaves it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Route {
    /// What it does with packets.
    pub kind: RouteKind,
    /// The family of its addresses.
    #[serde(serialize_with = "plain")]
    pub family: Family,
    /// The packets that it is for.
    pub destination: Prefix,
    /// Only packets from here, IPv6 only.
    pub from: Option<Prefix>,
    /// The source address of this machine's own packets.
    pub preferred_source: Option<Spanned<IpAddr>>,
    /// The routing table; without it `main`, or `local` for addresses of this machine.
    pub table: Option<Spanned<Lookup<u32>>>,
    /// Who made it; keepalived's own number, 18, where none is given.
    pub protocol: Option<Lookup<u8>>,
    /// Its scope.
    pub scope: Option<Lookup<Scope>>,
    /// The lower it is the more it is preferred.
    pub metric: Option<u32>,
    /// Only packets with this type of service.
    pub dsfield: Option<Lookup<u8>>,
    /// Where it stands among others.
    pub placement: Placement,
    /// The next hop of the route; with `hops`, what holds for all of them.
    pub hop: NextHop,
    /// Several next hops that share the packets.
    pub hops: Vec<WeightedHop>,
    /// What the kernel keeps for it.
    pub metrics: BTreeMap<Metric, MetricValue>,
    /// Explicit congestion notification.
    pub ecn: bool,
    /// The congestion control of TCP.
    pub congestion_control: Option<CongestionControl>,
    /// How much it is preferred, IPv6 only.
    pub preference: Option<RouterPreference>,
    /// How long it lasts, IPv6 only.
    #[serde(serialize_with = "plain")]
    pub expires: Option<Duration>,
    /// Whether MPLS copies the hop limit.
    pub propagate_ttl: Option<bool>,
    /// The VRF whose table it goes to.
    pub vrf: Option<Spanned<InterfaceName>>,
    /// Its removal by others is of no interest.
    pub no_track: bool,
    /// The track group of a static route.
    pub track_group: Option<Spanned<Arc<str>>>,
}

impl Route {
    /// A route to `destination`, and nothing else set.
    pub const fn to(destination: Prefix) -> Self {
        Self {
            kind: RouteKind::Unicast,
            family: match destination.address {
                IpAddr::V4(_) => Family::V4,
                IpAddr::V6(_) => Family::V6,
            },
            destination,
            from: None,
            preferred_source: None,
            table: None,
            protocol: None,
            scope: None,
            metric: None,
            dsfield: None,
            placement: Placement::Prepend,
            hop: NextHop { via: None, device: None, on_link: false, encap: None, realms: None },
            hops: Vec::new(),
            metrics: BTreeMap::new(),
            ecn: false,
            congestion_control: None,
            preference: None,
            expires: None,
            propagate_ttl: None,
            vrf: None,
            no_track: false,
            track_group: None,
        }
    }
}
