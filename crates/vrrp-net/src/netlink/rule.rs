//! Policy rules in netlink's messages.

use std::net::IpAddr;

use neli::types::{Buffer, RtBuffer};
use vrrp_proto::{Family, InterfaceName};

use super::message::{attribute, bytes, decode, number};
use super::route::octets;
use crate::rule::{RuleAction, RuleSpec};

/// struct fib_rule_hdr.
const HEADER_BYTES: usize = 12;
/// linux/fib_rules.h: `FIB_RULE_INVERT`.
const INVERT: u32 = 2;
/// linux/fib_rules.h: `FRA_*`.
const DST: u16 = 1;
const SRC: u16 = 2;
const IIFNAME: u16 = 3;
const GOTO: u16 = 4;
const PRIORITY: u16 = 6;
const FWMARK: u16 = 10;
const FLOW: u16 = 11;
const TUN_ID: u16 = 12;
const SUPPRESS_IFGROUP: u16 = 13;
const SUPPRESS_PREFIXLEN: u16 = 14;
const TABLE: u16 = 15;
const FWMASK: u16 = 16;
const OIFNAME: u16 = 17;
const L3MDEV: u16 = 19;
const UID_RANGE: u16 = 20;
const PROTOCOL: u16 = 21;
const IP_PROTO: u16 = 22;
const SPORT_RANGE: u16 = 23;
const DPORT_RANGE: u16 = 24;

impl RuleSpec {
    /// The body of a request about it, whether it is added or removed.
    pub(super) fn request(&self) -> Buffer {
        let prefix_len = |prefix: Option<crate::Prefix>| prefix.map_or(0, |prefix| prefix.len);
        let mut body = vec![
            family_number(self.family),
            prefix_len(self.to),
            prefix_len(self.from),
            self.type_of_service,
            // The table is an attribute; two octets are reserved.
            0,
            0,
            0,
            self.action.number(),
        ];
        body.extend((if self.is_inverted { INVERT } else { 0 }).to_ne_bytes());
        body.extend(bytes(&self.attributes()).as_ref());
        Buffer::from(body)
    }

    fn attributes(&self) -> RtBuffer<u16, Buffer> {
        let mut all: RtBuffer<u16, Buffer> = RtBuffer::new();
        let words = |kind, range: (u32, u32)| {
            attribute(kind, Buffer::from([range.0, range.1].map(u32::to_ne_bytes).concat()))
        };
        let ports = |kind, range: (u16, u16)| {
            attribute(kind, Buffer::from([range.0, range.1].map(u16::to_ne_bytes).concat()))
        };
        let name = |kind, name: InterfaceName| {
            attribute(kind, Buffer::from([name.as_bytes(), &[0]].concat()))
        };
        let address = |kind, address: IpAddr| attribute(kind, octets(address));
        all.push(attribute(PRIORITY, self.preference));
        all.push(attribute(PROTOCOL, self.protocol));
        match self.action {
            RuleAction::Table(table) => all.push(attribute(TABLE, table)),
            RuleAction::L3Mdev => all.push(attribute(L3MDEV, 1_u8)),
            RuleAction::Goto(preference) => all.push(attribute(GOTO, preference)),
            _ => {}
        }
        let with_bits = |prefix: &crate::Prefix| prefix.len > 0;
        let more = [
            self.to.filter(with_bits).map(|to| address(DST, to.address)),
            self.from.filter(with_bits).map(|from| address(SRC, from.address)),
            self.input.map(|input| name(IIFNAME, input)),
            self.output.map(|output| name(OIFNAME, output)),
            self.mark.map(|(mark, _)| attribute(FWMARK, mark)),
            self.mark.map(|(_, mask)| attribute(FWMASK, mask)),
            self.ip_protocol.map(|protocol| attribute(IP_PROTO, protocol)),
            self.source_ports.map(|range| ports(SPORT_RANGE, range)),
            self.destination_ports.map(|range| ports(DPORT_RANGE, range)),
            self.users.map(|range| words(UID_RANGE, range)),
            // In the network's order.
            self.tunnel.map(|key| attribute(TUN_ID, Buffer::from(&key.to_be_bytes()[..]))),
            self.suppress_prefix_len.map(|len| attribute(SUPPRESS_PREFIXLEN, u32::from(len))),
            self.suppress_group.map(|group| attribute(SUPPRESS_IFGROUP, group)),
            self.realms.map(|realms| attribute(FLOW, realms)),
        ];
        more.into_iter().flatten().for_each(|one| all.push(one));
        all
    }
}

impl RuleAction {
    /// linux/fib_rules.h: `FR_ACT_*`.
    const fn number(self) -> u8 {
        match self {
            Self::Table(_) | Self::L3Mdev => 1,
            Self::Goto(_) => 2,
            Self::Nop => 3,
            Self::Blackhole => 6,
            Self::Unreachable => 7,
            Self::Prohibit => 8,
        }
    }
}

/// The family and the preference of the rule that a message is about; `None` if it is none of an IP
/// family's.
pub(super) fn decode_place(message: &[u8]) -> Result<Option<(Family, u32)>, String> {
    let family = match message.first().map(|number| i32::from(*number)) {
        Some(libc::AF_INET) => Family::V4,
        Some(libc::AF_INET6) => Family::V6,
        _ => return Ok(None),
    };
    let attributes = message.get(HEADER_BYTES..).ok_or("a rule without its header")?;
    let attributes: RtBuffer<u16, Buffer> = decode(attributes)?;
    Ok(Some((family, number(&attributes, PRIORITY).unwrap_or(0))))
}

const fn family_number(family: Family) -> u8 {
    match family {
        Family::V4 => libc::AF_INET as u8,
        Family::V6 => libc::AF_INET6 as u8,
    }
}
