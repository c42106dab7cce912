//! Sync groups and the blocks beside the instances.

use core::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::json::plain;
use super::{InterfaceName, Notify, Tracks, Weight};
use crate::Spanned;

/// A `vrrp_sync_group`: instances that change state together.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SyncGroup {
    /// Its name.
    pub name: Spanned<Arc<str>>,
    /// Its members: instances that exist, each in one group only.
    pub members: Vec<Spanned<Arc<str>>>,
    /// What all members track.
    pub tracks: Tracks,
    /// Members keep weights of their own.
    pub tracking_weight: bool,
    /// What to run when the group changes its state.
    pub notify: Notify,
}

/// A `bfd_instance`: a session with a neighbour.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct BfdSession {
    /// Its name.
    pub name: Spanned<Arc<str>>,
    /// The neighbour.
    pub neighbor: Spanned<IpAddr>,
    /// The own address.
    pub source: Option<Spanned<IpAddr>>,
    /// The shortest interval at which packets can be received; 10 ms by default.
    #[serde(serialize_with = "plain")]
    pub min_rx: Duration,
    /// The interval at which packets are to be sent; 10 ms by default.
    #[serde(serialize_with = "plain")]
    pub min_tx: Duration,
    /// The same while the session is down; 1 s by default.
    #[serde(serialize_with = "plain")]
    pub idle_tx: Duration,
    /// Packets missed in a row that end the session; 5 by default.
    pub multiplier: u8,
    /// Wait for the neighbour to begin.
    pub passive: bool,
    /// The hop limit of packets sent: 255 for IPv4, 64 for IPv6 by default.
    pub hop_limit: u8,
    /// How far below 255 the hop limit of a received packet may be; 255 turns the check off.
    pub max_hops: u8,
    /// Uses UDP port 4784, for neighbours more than one hop away.
    pub multihop: bool,
    /// The weight for uses without one of their own; 0 by default.
    pub weight: Spanned<Weight>,
}

/// A `garp_group`: interfaces that share a pace of announcements.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct GarpGroup {
    /// The interfaces.
    pub interfaces: Vec<Spanned<InterfaceName>>,
    /// The time between two gratuitous ARPs.
    #[serde(serialize_with = "plain")]
    pub garp_interval: Option<Duration>,
    /// The time between two unsolicited neighbour advertisements.
    #[serde(serialize_with = "plain")]
    pub na_interval: Option<Duration>,
}

/// How a link is polled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkbeatMethod {
    /// The MII registers.
    Mii,
    /// The ethtool interface.
    Ethtool,
    /// The interface's flags.
    Ioctl,
}

/// An interface whose link is polled.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Linkbeat {
    /// The interface.
    pub interface: InterfaceName,
    /// The way to try first.
    pub method: Option<LinkbeatMethod>,
}

/// How long an interface must stay down, or up, before that counts.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct InterfaceDelays {
    /// The interface.
    pub interface: InterfaceName,
    /// How long it must be down.
    #[serde(serialize_with = "plain")]
    pub down: Duration,
    /// How long it must be up; as long as `down` where none is given.
    #[serde(serialize_with = "plain")]
    pub up: Duration,
}
