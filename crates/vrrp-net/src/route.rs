//! Routes as they are wanted.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use vrrp_proto::Family;

use crate::address::Scope;
use crate::words::Interface;

/// An address and how many of its bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    /// The address. Bits that do not count are 0, or the kernel refuses it.
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
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.len {
            0 => f.write_str("default"),
            len => write!(f, "{}/{len}", self.address),
        }
    }
}

/// What a route does with the packets that it matches, the kernel's `RTN_*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteKind(pub u8);

impl RouteKind {
    /// Sends them on.
    pub const UNICAST: Self = Self(1);
    /// Delivers them to this host.
    pub const LOCAL: Self = Self(2);
    /// Sends them to all on the link.
    pub const BROADCAST: Self = Self(3);
    /// Delivers them to this host, which is one of several.
    pub const ANYCAST: Self = Self(4);
    /// Forwards them to a group.
    pub const MULTICAST: Self = Self(5);
    /// Drops them without a word.
    pub const BLACKHOLE: Self = Self(6);
    /// Drops them, and says that the host is unreachable.
    pub const UNREACHABLE: Self = Self(7);
    /// Drops them, and says that it is forbidden.
    pub const PROHIBIT: Self = Self(8);
    /// Gives up on this table.
    pub const THROW: Self = Self(9);
}

/// Where a route stands among others to the same destination with the same metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Placement {
    /// Before them.
    #[default]
    Before,
    /// Behind them.
    Behind,
    /// There must be no other.
    Only,
}

/// Where the packets of a route go next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Hop {
    /// The router. One of the other family than the route's is for IPv4 routes only.
    pub gateway: Option<IpAddr>,
    /// The interface.
    pub interface: Option<Interface>,
    /// The router is on the link, whatever the addresses say.
    pub is_on_link: bool,
    /// Its share of the packets beyond the first, 0–255.
    pub weight: u8,
    /// For accounting: where packets come from and where they go, 16 bits each.
    pub realms: Option<u32>,
}

/// A route as it is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RouteSpec {
    /// What it does with packets.
    pub kind: RouteKind,
    /// The packets that it is for.
    pub destination: Prefix,
    /// Only packets from here, IPv6 only.
    pub source: Option<Prefix>,
    /// The source address of this host's own packets.
    pub preferred_source: Option<IpAddr>,
    /// The routing table.
    pub table: u32,
    /// Who made it, the kernel's `RTPROT_*`.
    pub protocol: u8,
    /// How far what it leads to is; without one as `ip route` has it.
    pub scope: Option<Scope>,
    /// The lower it is the more it is preferred.
    pub metric: Option<u32>,
    /// Only packets with this type of service, IPv4 only.
    pub type_of_service: u8,
    /// Where it stands among others.
    pub placement: Placement,
    /// Where packets go: none of a route that refuses them, one, or several that share them.
    pub hops: Vec<Hop>,
    /// What the kernel keeps for it, by `RTAX_*`.
    pub metrics: Vec<(u16, u32)>,
    /// Which of these the kernel does not change by what it learns: a bit for each `RTAX_*`.
    pub locked_metrics: u32,
    /// The congestion control of TCP.
    pub congestion_control: Option<String>,
    /// How much the router is preferred (RFC 4191), `ICMPV6_ROUTER_PREF_*`, IPv6 only.
    pub preference: Option<u8>,
    /// How long it lasts, in seconds, IPv6 only.
    pub expires_s: Option<u32>,
}

impl RouteSpec {
    /// The protocol number that VRRP daemons mark their routes with: `keepalived` in
    /// /etc/iproute2/rt_protos.
    pub const PROTOCOL: u8 = 18;
    /// The table `main`.
    pub const MAIN: u32 = 254;
    /// The table `local`.
    pub const LOCAL: u32 = 255;

    /// A route to `destination` in the table `main`, and nothing else set.
    pub const fn to(destination: Prefix) -> Self {
        Self {
            kind: RouteKind::UNICAST,
            destination,
            source: None,
            preferred_source: None,
            table: Self::MAIN,
            protocol: Self::PROTOCOL,
            scope: None,
            metric: None,
            type_of_service: 0,
            placement: Placement::Before,
            hops: Vec::new(),
            metrics: Vec::new(),
            locked_metrics: 0,
            congestion_control: None,
            preference: None,
            expires_s: None,
        }
    }

    /// The family of its destination.
    pub const fn family(&self) -> Family {
        Family::of(self.destination.address)
    }

    /// How far it reaches, where none is given: nowhere, if packets go to this host itself; to the
    /// link, if there is no router on the way; everywhere else.
    pub(crate) fn effective_scope(&self) -> Scope {
        let is_direct = self.hops.iter().all(|hop| hop.gateway.is_none());
        let is_direct = is_direct && !self.hops.is_empty();
        match (self.scope, self.kind) {
            (Some(scope), _) => scope,
            _ if self.family() == Family::V6 => Scope::GLOBAL,
            (None, RouteKind::LOCAL) => Scope::HOST,
            (None, RouteKind::BROADCAST | RouteKind::MULTICAST | RouteKind::ANYCAST) => Scope::LINK,
            (None, RouteKind::UNICAST) if is_direct => Scope::LINK,
            _ => Scope::GLOBAL,
        }
    }

    /// What tells it from other routes.
    pub fn key(&self) -> RouteKey {
        // What the kernel takes where none is given.
        let default_metric = if self.family() == Family::V6 { 1024 } else { 0 };
        RouteKey {
            table: self.table,
            destination: self.destination,
            source: self.source.filter(|source| source.len > 0),
            metric: self.metric.unwrap_or(default_metric),
            type_of_service: self.type_of_service,
            protocol: self.protocol,
        }
    }
}

impl fmt::Display for RouteSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.key().fmt(f)?;
        if let [hop] = self.hops.as_slice() {
            if let Some(gateway) = hop.gateway {
                write!(f, " via {gateway}")?;
            }
            if let Some(interface) = hop.interface {
                write!(f, " dev {interface}")?;
            }
        }
        Ok(())
    }
}

/// What a route is, whatever it is like.
///
/// The kernel may have several of one key, by other routers; of those with the number of this
/// program there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteKey {
    /// The routing table.
    pub table: u32,
    /// The packets that it is for.
    pub destination: Prefix,
    /// Only packets from here.
    pub source: Option<Prefix>,
    /// Its place among others to the same destination.
    pub metric: u32,
    /// Only packets with this type of service.
    pub type_of_service: u8,
    /// Who made it.
    pub protocol: u8,
}

impl fmt::Display for RouteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "route {}", self.destination)?;
        if let Some(source) = self.source {
            write!(f, " from {source}")?;
        }
        match self.table {
            RouteSpec::MAIN => Ok(()),
            table => write!(f, " table {table}"),
        }
    }
}
