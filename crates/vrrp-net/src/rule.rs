//! Policy rules as they are wanted.

use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use vrrp_proto::{Family, InterfaceName};

use crate::route::{Prefix, RouteSpec};

/// What a rule does with the packets that it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RuleAction {
    /// Looks for a route in this table.
    Table(u32),
    /// Looks for a route in the table of the packet's VRF.
    L3Mdev,
    /// Goes on at the rule with this preference, which is behind this one.
    Goto(u32),
    /// Nothing.
    Nop,
    /// Drops them without a word.
    Blackhole,
    /// Drops them, and says that the host is unreachable.
    Unreachable,
    /// Drops them, and says that it is forbidden.
    Prohibit,
}

/// A policy rule as it is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RuleSpec {
    /// The family of the packets.
    pub family: Family,
    /// Its place among the rules, the lowest first.
    pub preference: u32,
    /// It is for the packets that do *not* match what follows.
    pub is_inverted: bool,
    /// Only packets from here.
    pub from: Option<Prefix>,
    /// Only packets to here.
    pub to: Option<Prefix>,
    /// Only packets that came in here. The rule waits for an interface that does not exist.
    pub input: Option<InterfaceName>,
    /// Only packets of sockets that are bound to this.
    pub output: Option<InterfaceName>,
    /// Only packets with this mark, and which of its bits count.
    pub mark: Option<(u32, u32)>,
    /// Only packets with this type of service.
    pub type_of_service: u8,
    /// Only packets of this protocol.
    pub ip_protocol: Option<u8>,
    /// Only packets from these ports, both included.
    pub source_ports: Option<(u16, u16)>,
    /// Only packets to these ports, both included.
    pub destination_ports: Option<(u16, u16)>,
    /// Only packets of sockets of these users, both included.
    pub users: Option<(u32, u32)>,
    /// Only packets from a tunnel with this key.
    pub tunnel: Option<u64>,
    /// What it does.
    pub action: RuleAction,
    /// Routes of the table with a prefix of this length or shorter do not count.
    pub suppress_prefix_len: Option<u8>,
    /// Routes of the table through interfaces of this group do not count.
    pub suppress_group: Option<u32>,
    /// For accounting: where packets come from and where they go, 16 bits each.
    pub realms: Option<u32>,
    /// Who made it, the kernel's `RTPROT_*`.
    pub protocol: u8,
}

impl RuleSpec {
    /// A rule for all packets of a family.
    pub const fn new(family: Family, preference: u32, action: RuleAction) -> Self {
        Self {
            family,
            preference,
            is_inverted: false,
            from: None,
            to: None,
            input: None,
            output: None,
            mark: None,
            type_of_service: 0,
            ip_protocol: None,
            source_ports: None,
            destination_ports: None,
            users: None,
            tunnel: None,
            action,
            suppress_prefix_len: None,
            suppress_group: None,
            realms: None,
            protocol: RouteSpec::PROTOCOL,
        }
    }

    /// What tells it from other rules: all of it.
    pub fn key(&self) -> RuleKey {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        RuleKey { family: self.family, preference: self.preference, digest: hasher.finish() }
    }
}

impl fmt::Display for RuleSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.key().fmt(f)
    }
}

/// What a rule is. The kernel has no number for one, and several may have one preference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleKey {
    /// The family of the packets.
    pub family: Family,
    /// Its place among the rules.
    pub preference: u32,
    /// What else it says, as a number; the same in all processes of one version.
    pub digest: u64,
}

impl fmt::Display for RuleKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rule with preference {}", self.family, self.preference)
    }
}
