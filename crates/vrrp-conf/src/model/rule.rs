//! Policy rules.

use core::fmt;
use core::ops::RangeInclusive;
use std::sync::Arc;

use serde::Serialize;
use vrrp_proto::Family;

use super::json::plain;
use super::{InterfaceName, Lookup, Prefix, Realms};
use crate::Spanned;

/// A firewall mark, and which of its bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct FwMark {
    /// The mark.
    pub mark: u32,
    /// The bits that count; all where none are given.
    pub mask: u32,
}

impl fmt::Display for FwMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}/{:#x}", self.mark, self.mask)
    }
}

/// What a rule does with the packets that it matches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RuleAction {
    /// Looks for a route in this table, never table 0.
    Table(Lookup<u32>),
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

/// A policy rule that an instance installs while it is Active, or a static one.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Rule {
    /// The family of the packets.
    #[serde(serialize_with = "plain")]
    pub family: Family,
    /// Its place among the rules, the lowest first.
    pub preference: Spanned<u32>,
    /// It is for the packets that do *not* match what follows.
    pub invert: bool,
    /// Only packets from here.
    pub from: Option<Prefix>,
    /// Only packets to here.
    pub to: Option<Prefix>,
    /// Only packets that came in here.
    pub input: Option<Spanned<InterfaceName>>,
    /// Only packets of sockets that are bound to this.
    pub output: Option<Spanned<InterfaceName>>,
    /// Only packets with this mark.
    pub mark: Option<FwMark>,
    /// Only packets with this type of service.
    pub dsfield: Option<Lookup<u8>>,
    /// Only packets of this protocol.
    pub ip_protocol: Option<Lookup<u8>>,
    /// Only packets from these ports.
    pub source_ports: Option<RangeInclusive<u16>>,
    /// Only packets to these ports.
    pub destination_ports: Option<RangeInclusive<u16>>,
    /// Only packets of sockets of these users.
    pub users: Option<RangeInclusive<u32>>,
    /// Only packets from a tunnel with this key.
    pub tunnel: Option<u64>,
    /// What it does.
    pub action: RuleAction,
    /// Routes of the table with a prefix of this length or shorter do not count.
    pub suppress_prefix_len: Option<u8>,
    /// Routes of the table through interfaces of this group do not count.
    pub suppress_group: Option<Lookup<u32>>,
    /// For accounting.
    pub realms: Option<Realms>,
    /// Who made it; keepalived's own number, 18, where none is given.
    pub protocol: Option<u8>,
    /// Its removal by others is of no interest.
    pub no_track: bool,
    /// The track group of a static rule.
    pub track_group: Option<Spanned<Arc<str>>>,
}

impl Rule {
    /// A rule for all packets of a family.
    pub const fn new(family: Family, preference: Spanned<u32>, action: RuleAction) -> Self {
        Self {
            family,
            preference,
            invert: false,
            from: None,
            to: None,
            input: None,
            output: None,
            mark: None,
            dsfield: None,
            ip_protocol: None,
            source_ports: None,
            destination_ports: None,
            users: None,
            tunnel: None,
            action,
            suppress_prefix_len: None,
            suppress_group: None,
            realms: None,
            protocol: None,
            no_track: false,
            track_group: None,
        }
    }
}
