//! What happens to a router, as its engine is told of it.

use std::net::IpAddr;
use std::sync::Arc;

use vrrp_fsm::{Heard, Influence};
use vrrp_net::ObjectKey;
use vrrp_proto::Sequence;

use crate::settings::Settings;
use crate::view::InterfaceView;

/// What an [`Engine`](crate::Engine) is told.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Input {
    /// An advert that passed every check; the time of the call is that of its arrival.
    Advert(Heard),
    /// The same, and where it stands in its sender's order: with an authentication header, whoever
    /// takes over continues from there.
    SignedAdvert(Heard, Sequence),
    /// How its interfaces are now.
    Interfaces(InterfaceView),
    /// What a tracker now means to it.
    Tracker {
        /// The tracker's name, as the operator knows it.
        name: Arc<str>,
        /// What it means.
        influence: Influence,
    },
    /// These objects of its settings are not where they were, by whomever they were removed.
    Removed(Vec<ObjectKey>),
    /// Whether adverts can be received.
    Hearing(bool),
    /// Other settings of the same virtual router, with what its trackers mean to it by those.
    Reconfigure {
        /// The settings.
        settings: Arc<Settings>,
        /// How its interfaces are, by those settings.
        view: InterfaceView,
        /// Every tracker's name and what it means.
        influences: Vec<(Arc<str>, Influence)>,
    },
    /// A peer of a unicast router has sent the checksum of VRRPv3 over IPv4 that keepalived sent up
    /// to 1.3.6, and may know no other.
    OldPeer(IpAddr),
    /// Whether it is to take no part until it is told otherwise: a router that is Active resigns.
    Drain(bool),
    /// Stop taking part: a router that is Active resigns.
    Shutdown,
}
