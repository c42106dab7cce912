//! Where a router's adverts go, and what that makes of it.

use std::fmt;
use std::net::IpAddr;

use vrrp_net::InterfaceName;
use vrrp_proto::{Family, HOP_LIMIT, HopLimits, Vrid};

/// Where adverts are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Destination {
    /// To this group, and received from it.
    Multicast(IpAddr),
    /// To each peer by itself.
    Unicast(Unicast),
}

impl Destination {
    /// The group, if it is one.
    pub const fn group(&self) -> Option<IpAddr> {
        match self {
            Self::Multicast(group) => Some(*group),
            Self::Unicast(_) => None,
        }
    }

    /// To whom adverts are sent one by one, if they are.
    pub const fn unicast(&self) -> Option<&Unicast> {
        match self {
            Self::Multicast(_) => None,
            Self::Unicast(unicast) => Some(unicast),
        }
    }
}

/// How adverts are sent to peers one by one, and received from them.
///
/// Without any peer the router takes no part. One that is an address of this machine is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unicast {
    /// The peers, each once.
    pub peers: Vec<UnicastPeer>,
    /// The hop limit of what is sent to them.
    pub hop_limit: u8,
    /// Whether adverts of anybody else are dropped. A peer with hop limits of its own implies it.
    pub check_source: bool,
    /// The checksum of VRRPv3 over IPv4 that very old peers send.
    pub old_checksum: OldChecksum,
}

impl Unicast {
    /// To these peers, wherever they are: with hop limit 255, and any that arrives is accepted.
    pub fn to(peers: impl IntoIterator<Item = IpAddr>) -> Self {
        Self {
            peers: peers.into_iter().map(UnicastPeer::new).collect(),
            hop_limit: HOP_LIMIT,
            check_source: false,
            old_checksum: OldChecksum::Detect,
        }
    }

    /// Whether this is a peer.
    pub fn has(&self, address: IpAddr) -> bool {
        self.peers.iter().any(|peer| peer.address == address)
    }

    /// Whether adverts are accepted from peers alone.
    pub fn checks_source(&self) -> bool {
        let is_limited = |peer: &UnicastPeer| peer.hop_limits != HopLimits::ANY;
        self.check_source || self.peers.iter().any(is_limited)
    }

    /// The hop limits that adverts from there may arrive with.
    pub fn hop_limits(&self, source: IpAddr) -> HopLimits {
        let peer = self.peers.iter().find(|peer| peer.address == source);
        peer.map_or(HopLimits::ANY, |peer| peer.hop_limits)
    }
}

/// A peer that adverts are sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnicastPeer {
    /// Its address.
    pub address: IpAddr,
    /// The hop limits that its adverts may arrive with. A peer behind a router cannot be held to
    /// 255.
    pub hop_limits: HopLimits,
}

impl UnicastPeer {
    /// A peer whose adverts may arrive with any hop limit.
    pub const fn new(address: IpAddr) -> Self {
        Self { address, hop_limits: HopLimits::ANY }
    }
}

impl fmt::Display for UnicastPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

/// What is done about the checksum of VRRPv3 unicast over IPv4 that keepalived sent up to 1.3.6
/// ([`ChecksumForm::OldUnicast`](vrrp_proto::ChecksumForm::OldUnicast)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum OldChecksum {
    /// It is accepted, and sent too as soon as a peer has sent it.
    #[default]
    Detect,
    /// It is accepted and sent.
    Always,
    /// Adverts with it are dropped.
    Never,
}

/// What makes a virtual router that one and no other: where it is heard, and by which number.
///
/// Two of one process cannot have the same, unless both are unicast and have no peer in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RouterKey {
    /// The interface of its adverts; none where they follow the routing table.
    pub interface: Option<InterfaceName>,
    /// The family of its adverts.
    pub family: Family,
    /// Its number.
    pub vrid: Vrid,
    /// The group that its adverts are sent to; none for unicast.
    pub group: Option<IpAddr>,
}

impl fmt::Display for RouterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { interface, family, vrid, group } = self;
        write!(f, "VRID {vrid} over {family} on ")?;
        match interface {
            Some(interface) => write!(f, "{interface} ")?,
            None => f.write_str("any interface ")?,
        }
        match group {
            Some(group) => write!(f, "({group})"),
            None => f.write_str("(unicast)"),
        }
    }
}
