//! An advert on the wire, and what its sender and its receiver must have in common.

use arrayvec::ArrayVec;
use vrrp_fsm::Config;
use vrrp_proto::{Interval, IpMeta, Version};

use crate::scenario::NodeId;

/// Longer than any advert of the simulation's few virtual addresses.
pub(crate) const MESSAGE_LEN_MAX: usize = 64;

/// What two routers must have in common to hear each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    version: Version,
    /// VRRPv2's alone.
    interval: Option<Interval>,
}

impl Kind {
    pub(crate) fn of(config: &Config) -> Self {
        let Config { version, interval, .. } = *config;
        Self { version, interval: (version == Version::V2).then_some(interval) }
    }
}

/// A message and what the IP header around it says.
#[derive(Debug, Clone)]
pub(crate) struct Packet {
    pub(crate) from: NodeId,
    pub(crate) to: NodeId,
    /// The sender's, when it was sent.
    pub(crate) kind: Kind,
    pub(crate) ip: IpMeta,
    pub(crate) message: ArrayVec<u8, MESSAGE_LEN_MAX>,
    pub(crate) damaged: bool,
}

impl Packet {
    pub(crate) fn damage(&mut self, which: usize) {
        let bit = which % (self.message.len() * 8);
        self.message[bit / 8] ^= 1 << (bit % 8);
        self.damaged = true;
    }
}
